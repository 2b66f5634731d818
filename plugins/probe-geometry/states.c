#include "config.h"

#include "states.h"

#include <string.h>

#define PROMPT "The user bought: {history}" /* next-item-sft's */
#define BATCH_TOKENS 8192                   /* read between two reports of progress */

/* Sequences one after the other, and the positions among them that differ by what came before. */
typedef struct
{
  GArray *tokens, *offsets; /* gint32 [n], [sequences + 1] */
  GArray *places[2];        /* gint32: of text, of SIDs */
} Sequences;

static void
sequences_clear (Sequences *s)
{
  g_clear_pointer (&s->tokens, g_array_unref);
  g_clear_pointer (&s->offsets, g_array_unref);
  g_clear_pointer (&s->places[0], g_array_unref);
  g_clear_pointer (&s->places[1], g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Sequences, sequences_clear)

void
states_clear (States *states)
{
  g_clear_pointer (&states->rows, pr_matrix_free);
  g_clear_pointer (&states->tokens, g_array_unref);
}

/* Who builds the sequences of a user. */
typedef struct
{
  const PrDataset *dataset;
  PrPrompter *prompter;
  PrGrounding *grounding;
} Writer;

static void
writer_clear (Writer *w)
{
  g_clear_pointer (&w->prompter, pr_prompter_free);
  g_clear_pointer (&w->grounding, pr_grounding_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Writer, writer_clear)

static gboolean
writer_init (Writer *w, const PrLm *lm, const PrDataset *dataset, const PrSids *sids, const StatesParams *params,
             GError **error)
{
  const PrProtocol *own = pr_lm_protocol (lm);
  /* Tags and pauses, which follow the history, are no words and no SIDs. */
  g_autoptr (PrProtocol) protocol =
      own != NULL ? pr_protocol_new (own->prompt, own->separator, MIN (own->history, params->history))
                  : pr_protocol_new (PROMPT, "", params->history);
  const PrGroundingParams grounding = { .descriptions = 1, .text_tokens = params->text_tokens };

  w->dataset = dataset;
  w->prompter = pr_prompter_new (protocol, pr_lm_tokenizer (lm), sids, dataset, error);
  return w->prompter != NULL && (w->grounding = pr_grounding_new (lm, dataset, sids, &grounding, 0, error)) != NULL;
}

static gboolean
end_sequence (Sequences *s, const PrLm *lm, GError **error)
{
  gint32 start = g_array_index (s->offsets, gint32, s->offsets->len - 1), end = (gint32)s->tokens->len;

  if (end - start > pr_lm_config (lm)->max_positions)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "a prompt has %d tokens, but the model has %d positions; lower history", end - start,
                   pr_lm_config (lm)->max_positions);
      return FALSE;
    }
  g_array_append_val (s->offsets, end);
  return TRUE;
}

/* The item's details, or what else is known of it; nothing if it has no words. */
static gboolean
describe (const Writer *w, Sequences *s, const PrLm *lm, gint32 item, GError **error)
{
  static const PrDescription kinds[] = { PR_DESCRIBE_DETAILS, PR_DESCRIBE_TITLE, PR_DESCRIBE_CATEGORY,
                                         PR_DESCRIBE_FULL };
  g_autoptr (GArray) loss = g_array_new (FALSE, FALSE, sizeof (float));
  PrExample example = { s->tokens, loss };

  for (gsize k = 0; k < G_N_ELEMENTS (kinds); k++)
    if (pr_grounding_sid_to_text (w->grounding, item, kinds[k], &example))
      return end_sequence (s, lm, error) && pr_grounding_text_to_sid (w->grounding, item, kinds[k], &example)
             && end_sequence (s, lm, error);
  return TRUE;
}

static gboolean
write_users (const Writer *w, Sequences *s, const PrLm *lm, gint64 most, GError **error)
{
  gint64 n_users = pr_dataset_n_users (w->dataset), n_taken = 0;
  g_autofree guint32 *order = pr_rng_permutation (pr_rng_new (0, "geometry-users"), 0, (guint32)n_users);

  for (gint64 i = 0; i < n_users && (most == 0 || n_taken < most); i++)
    {
      gint64 n;
      const gint32 *bought = pr_dataset_train_sequence (w->dataset, order[i], &n);

      if (n < 1)
        continue;
      n_taken++;
      pr_prompter_prompt (w->prompter, bought, n, s->tokens);
      if (!end_sequence (s, lm, error) || !describe (w, s, lm, bought[n - 1], error))
        return FALSE;
    }
  return TRUE;
}

/* Positions of the two kinds, each beginning of a sequence once.  Beginnings are told apart by 64 mixed bits. */
static void
find_places (Sequences *s, const PrTokenGroups *groups)
{
  g_autofree guint64 *beginnings = g_new (guint64, s->tokens->len + 1);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_int64_hash, g_int64_equal);

  for (guint q = 0; q + 1 < s->offsets->len; q++)
    {
      guint64 mixed = 0;

      for (gint32 t = g_array_index (s->offsets, gint32, q); t < g_array_index (s->offsets, gint32, q + 1); t++)
        {
          gint32 token = g_array_index (s->tokens, gint32, t);
          gint8 kind = groups->kinds[token];

          mixed = (mixed ^ ((guint64)token + 1)) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
          mixed ^= mixed >> 29;
          beginnings[t] = mixed;
          if (g_hash_table_add (seen, &beginnings[t]) && kind != PR_TOKEN_OTHER)
            g_array_append_val (s->places[kind >= PR_TOKEN_SID], t);
        }
    }
}

static int
compare_places (gconstpointer a, gconstpointer b)
{
  gint32 x = *(const gint32 *)a, y = *(const gint32 *)b;

  return x < y ? -1 : x > y;
}

/* Some of the places of kind WHICH, ascending. */
static gboolean
choose_places (Sequences *s, int which, gint64 most, GError **error)
{
  gint64 n;
  g_autofree guint32 *order = pr_geometry_sample (s->places[which]->len, most, &n);
  GArray *chosen;

  if (n < 2)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "the prompts of the sampled users have %" G_GINT64_FORMAT
                   " positions of %s, two are needed; the data "
                   "set needs items with words and users with training purchases",
                   n, which == 0 ? "text" : "SIDs");
      return FALSE;
    }
  chosen = g_array_sized_new (FALSE, FALSE, sizeof (gint32), (guint)n);
  for (gint64 i = 0; i < n; i++)
    g_array_append_val (chosen, g_array_index (s->places[which], gint32, order[i]));
  g_array_sort (chosen, compare_places);
  g_array_unref (s->places[which]);
  s->places[which] = chosen;
  return TRUE;
}

/* What was read of the sequences so far. */
typedef struct
{
  PrRun *run;
  PrLm *lm;
  const Sequences *sequences;
  States *states[2];
  guint passed[2], next[2]; /* place of either kind that comes next: to be queued, to be kept */
  GArray *tokens, *offsets; /* of the batch */
  GArray *starts;           /* gint32: where its sequences start among all */
  float *hidden;
} Reader;

/* States at the chosen places of one sequence, whose rows start at HIDDEN. */
static void
keep_states (Reader *r, gint32 start, gint32 end, const float *hidden)
{
  for (int which = 0; which < 2; which++)
    {
      const GArray *places = r->sequences->places[which];
      PrMatrix *rows = r->states[which]->rows;

      for (; r->next[which] < places->len && g_array_index (places, gint32, r->next[which]) < end; r->next[which]++)
        {
          gint32 place = g_array_index (places, gint32, r->next[which]);
          gint32 token = g_array_index (r->sequences->tokens, gint32, place);

          memcpy (rows->data + (gint64)r->next[which] * rows->columns, hidden + (gint64)(place - start) * rows->columns,
                  (gsize)rows->columns * sizeof (float));
          g_array_append_val (r->states[which]->tokens, token);
        }
    }
}

static gboolean
read_batch (Reader *r, GError **error)
{
  const gint32 *offsets = (const gint32 *)(void *)r->offsets->data;
  gint64 d = pr_lm_config (r->lm)->hidden;
  double flops = 0;

  r->hidden = g_renew (float, r->hidden, (gsize)r->tokens->len *(gsize)d + 1);
  if (!pr_lm_hidden (r->lm, (const gint32 *)(void *)r->tokens->data, offsets, r->starts->len, r->hidden, error))
    return FALSE;
  for (guint q = 0; q < r->starts->len; q++)
    {
      gint32 n = offsets[q + 1] - offsets[q], start = g_array_index (r->starts, gint32, q);

      keep_states (r, start, start + n, r->hidden + offsets[q] * d);
      /* A token attends to itself and those before it: (n + 1) / 2 on average. */
      flops += n * pr_lm_config_token_flops (pr_lm_config (r->lm), (n + 1) / 2.0);
    }
  pr_run_add_cost (r->run, PR_COST_INFER_TOKENS, r->tokens->len);
  pr_run_add_cost (r->run, PR_COST_FLOPS, flops);
  g_array_set_size (r->tokens, 0);
  g_array_set_size (r->offsets, 1);
  g_array_set_size (r->starts, 0);
  return TRUE;
}

/* Whether a place was chosen before END, the end of the sequence at hand, and not in those before it; passes on. */
static gboolean
pass_places (Reader *r, gint32 end)
{
  gboolean any = FALSE;

  for (int which = 0; which < 2; which++)
    {
      const GArray *places = r->sequences->places[which];

      for (; r->passed[which] < places->len && g_array_index (places, gint32, r->passed[which]) < end;
           r->passed[which]++)
        any = TRUE;
    }
  return any;
}

static void
queue_sequence (Reader *r, gint32 start, gint32 end)
{
  gint32 offset;

  g_array_append_val (r->starts, start);
  g_array_append_vals (r->tokens, &g_array_index (r->sequences->tokens, gint32, start), (guint)(end - start));
  offset = (gint32)r->tokens->len;
  g_array_append_val (r->offsets, offset);
}

/* Sequences without a chosen place need not be read. */
static gboolean
read_all (Reader *r, GError **error)
{
  const GArray *offsets = r->sequences->offsets;
  guint n = offsets->len - 1;

  for (guint q = 0; q < n; q++)
    {
      gint32 start = g_array_index (offsets, gint32, q), end = g_array_index (offsets, gint32, q + 1);

      if (pass_places (r, end))
        queue_sequence (r, start, end);
      if ((r->tokens->len >= BATCH_TOKENS || q + 1 == n)
          && (!read_batch (r, error) || !pr_run_step (r->run, q + 1, n, error)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_states (PrRun *run, PrLm *lm, const Sequences *s, States *text, States *sids, GError **error)
{
  Reader reader = { .run = run, .lm = lm, .sequences = s, .states = { text, sids } };
  gint32 zero = 0;
  gboolean ok = TRUE;

  for (int which = 0; ok && which < 2; which++)
    {
      reader.states[which]->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
      reader.states[which]->rows = pr_matrix_new (s->places[which]->len, pr_lm_config (lm)->hidden, error);
      ok = reader.states[which]->rows != NULL;
    }
  reader.tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  reader.offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  reader.starts = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_val (reader.offsets, zero);
  ok = ok && read_all (&reader, error);
  g_array_unref (reader.tokens);
  g_array_unref (reader.offsets);
  g_array_unref (reader.starts);
  g_free (reader.hidden);
  return ok;
}

gboolean
states_read (PrRun *run, PrLm *lm, const PrDataset *dataset, const PrSids *sids, const PrTokenGroups *groups,
             const StatesParams *params, States *ret_text, States *ret_sids, GError **error)
{
  g_auto (Sequences)
      s = { g_array_new (FALSE, FALSE, sizeof (gint32)),
            g_array_new (FALSE, TRUE, sizeof (gint32)),
            { g_array_new (FALSE, FALSE, sizeof (gint32)), g_array_new (FALSE, FALSE, sizeof (gint32)) } };
  g_auto (Writer) writer = { 0 };
  g_auto (States) text = { 0 }, of_sids = { 0 };

  g_array_set_size (s.offsets, 1);
  if (!writer_init (&writer, lm, dataset, sids, params, error) || !write_users (&writer, &s, lm, params->users, error))
    return FALSE;
  find_places (&s, groups);
  if (!choose_places (&s, 0, params->vectors, error) || !choose_places (&s, 1, params->vectors, error)
      || !read_states (run, lm, &s, &text, &of_sids, error))
    return FALSE;
  *ret_text = text;
  *ret_sids = of_sids;
  text = of_sids = (States){ 0 };
  return TRUE;
}
