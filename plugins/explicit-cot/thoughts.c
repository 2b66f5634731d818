#include "config.h"

#include "thoughts.h"

/* Rationales of other purchases are not asked for, and a training without any thought was hardly meant. */
static gboolean
refuse_all_missing (const Thoughts *t, const PrRationales *rationales, GError **error)
{
  g_set_error (
      error, PR_ERROR, PR_ERROR_DATA,
      "none of the %zu training targets has a rationale, and the input `rationales` has %zu of other purchases: "
      "distil rationales for the same `targets`; those of validation and test targets are for probes",
      t->n, pr_rationales_n (rationales));
  return FALSE;
}

static gboolean
refuse_missing (const Thoughts *t, const PrDataset *dataset, gint32 user, gint32 position, GError **error)
{
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "%zu of %zu targets have no rationale, the first of them that of user '%s' at position %d; distil "
               "rationales for the same `targets`, or set missing = empty",
               t->missing, t->n, pr_dataset_user_id (dataset, user), position);
  return FALSE;
}

/* Append the words of TEXT that may stand in a thought, and count what happened to it. */
static gboolean
add_words (Thoughts *t, const char *text, const PrPrompter *prompter, const PrTokenizer *tokenizer, gint64 most,
           TooLong too_long, gint64 *ret_n)
{
  guint start = t->tokens->len;
  gsize n, sound;

  pr_tokenizer_encode (tokenizer, text, -1, t->tokens);
  n = t->tokens->len - start;
  sound = pr_thought_sound_length (prompter, (const gint32 *)(void *)t->tokens->data + start, n);
  *ret_n = (gint64)sound;
  t->foreign += sound < n;
  if ((gint64)sound > most)
    {
      if (too_long == TOO_LONG_ERROR)
        return FALSE;
      sound = (gsize)most;
      t->cut++;
    }
  g_array_set_size (t->tokens, start + (guint)sound);
  t->empty += sound == 0;
  t->used += sound > 0;
  return TRUE;
}

Thoughts *
thoughts_new (const PrRationales *rationales, const PrSft *sft, const PrDataset *dataset, const PrPrompter *prompter,
              const PrTokenizer *tokenizer, gint64 most, Missing missing, TooLong too_long, GError **error)
{
  g_autoptr (Thoughts) t = g_new0 (Thoughts, 1);
  gint32 end = 0, lost_user = -1, lost_position = -1;

  t->n = pr_sft_n (sft);
  t->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  t->offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  t->emptied = g_new0 (guint8, t->n + 1);
  g_array_append_val (t->offsets, end);
  for (gsize i = 0; i < t->n; i++)
    {
      const PrRationale *rationale;
      gint32 user, position;
      gint64 n;

      pr_sft_place (sft, i, &user, &position);
      rationale = pr_rationales_find (rationales, user, position);
      if (rationale == NULL && t->missing++ == 0)
        {
          lost_user = user;
          lost_position = position;
        }
      if (rationale != NULL && !add_words (t, rationale->text, prompter, tokenizer, most, too_long, &n))
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                       "the rationale of user '%s' at position %d has %" G_GINT64_FORMAT
                       " tokens, more than thought_tokens = %" G_GINT64_FORMAT "; raise it or set too_long = cut",
                       pr_dataset_user_id (dataset, user), position, n, most);
          return NULL;
        }
      end = (gint32)t->tokens->len;
      g_array_append_val (t->offsets, end);
    }
  if (t->n > 0 && t->missing == t->n && pr_rationales_n (rationales) > 0 && !refuse_all_missing (t, rationales, error))
    return NULL;
  if (t->missing > 0 && missing == MISSING_ERROR && !refuse_missing (t, dataset, lost_user, lost_position, error))
    return NULL;
  return g_steal_pointer (&t);
}

void
thoughts_free (Thoughts *t)
{
  if (t == NULL)
    return;
  g_clear_pointer (&t->tokens, g_array_unref);
  g_clear_pointer (&t->offsets, g_array_unref);
  g_free (t->emptied);
  g_free (t);
}

gboolean
thoughts_append (gpointer ctx, gsize index, GArray *tokens, GError **error)
{
  const Thoughts *t = ctx;
  gint32 from = g_array_index (t->offsets, gint32, index), to = g_array_index (t->offsets, gint32, index + 1);

  (void)error;
  if (!t->emptied[index] && to > from)
    g_array_append_vals (tokens, &g_array_index (t->tokens, gint32, from), (guint)(to - from));
  return TRUE;
}

void
thoughts_report (const Thoughts *t, PrRun *run)
{
  pr_run_metric (run, "rationales", (double)t->used);
  pr_run_metric (run, "rationales_missing", (double)t->missing);
  pr_run_metric (run, "rationales_empty", (double)t->empty);
  pr_run_metric (run, "rationales_cut", (double)t->cut);
  pr_run_metric (run, "rationales_foreign", (double)t->foreign);
  pr_run_metric (run, "rationale_tokens_mean", t->used > 0 ? (double)t->tokens->len / (double)t->used : 0);
}
