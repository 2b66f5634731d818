/* teach-lm.c - a language model is told the history and the target, and writes why (OneRec-Think, industrial data: the
 * history pruned to the 10 items most similar to the target). */
#include "config.h"

#include "distill.h"
#include "similar.h"

#include <string.h>

typedef struct
{
  Distill *distill;
  PrLm *lm;
  PrMatrix *embeddings; /* may be NULL */
  PrTemplate *prompt, *opening;
  GArray *tokens, *offsets; /* gint32: the prompts */
  GArray *ids;              /* guint64 */
  GArray *asked;            /* guint: drafts that have a prompt */
} Asking;

/* Names of tokens that end a text as a line break does. */
static const char *const ends[] = { "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>",
                                    "</think>",      PR_PAUSE_TOKEN, "\n" };

static gboolean
load (Asking *asking, GError **error)
{
  const DistillParams *p = asking->distill->params;
  const char *embeddings = pr_run_input_dir (asking->distill->run, "embeddings");
  gint64 n_items = pr_dataset_n_items (asking->distill->dataset);

  if ((asking->lm = pr_lm_load (pr_run_input_dir (asking->distill->run, "lm"), error)) == NULL
      || (asking->prompt = pr_template_parse (p->prompt, PR_TEMPLATE_ANY, "prompt", error)) == NULL
      || (asking->opening = pr_template_parse (p->opening, PR_TEMPLATE_ANY, "opening", error)) == NULL
      || (embeddings != NULL && (asking->embeddings = pr_embeddings_load (embeddings, error)) == NULL))
    return FALSE;
  if (asking->embeddings == NULL || asking->embeddings->rows == n_items)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "there are %" G_GINT64_FORMAT " embeddings for %" G_GINT64_FORMAT
               " items; connect embeddings made from this data set",
               asking->embeddings->rows, n_items);
  return FALSE;
}

/* What the model is given, and the opening that ends it; FALSE if an item lacks the words, or nothing is said at all.
 */
static gboolean
fill (const Asking *asking, const Draft *draft, const gint32 *items, gint64 n, GString *text, GString *opening)
{
  const PrDataset *dataset = asking->distill->dataset;

  g_string_truncate (text, 0);
  g_string_truncate (opening, 0);
  if (!pr_template_fill (asking->prompt, dataset, items, n, draft->target, text)
      || !pr_template_fill (asking->opening, dataset, items, n, draft->target, opening))
    return FALSE;
  if (text->len > 0 && opening->len > 0)
    g_string_append_c (text, ' ');
  g_string_append (text, opening->str);
  return text->len > 0;
}

/* Append the prompt of a draft, with as much of its history as the model has room for. */
static gboolean
ask (Asking *asking, guint index, GError **error)
{
  const Distill *distill = asking->distill;
  const DistillParams *p = distill->params;
  Draft *draft = distill_draft (distill, index);
  gint64 room = pr_lm_config (asking->lm)->max_positions - p->max_tokens, start = asking->tokens->len;
  g_autofree gint32 *items = g_new (gint32, (gsize)MIN (p->prune, draft->position) + 1);
  g_autoptr (GString) text = g_string_new (NULL), opening = g_string_new (NULL);

  draft->text = g_strdup ("");
  draft->seed = pr_run_seed (distill->run);
  draft_set_prompt (draft, "");
  for (gint64 most = MIN (p->prune, draft->position); most >= 0; most--)
    {
      gint64 n = similar_items (distill->dataset, asking->embeddings, draft->history, draft->position, draft->target,
                                most, items);

      /* Items without the words that are asked for: there is nothing to ask. */
      if (!fill (asking, draft, items, n, text, opening))
        return TRUE;
      g_array_set_size (asking->tokens, (guint)start);
      pr_tokenizer_encode (pr_lm_tokenizer (asking->lm), text->str, (gssize)text->len, asking->tokens);
      if (asking->tokens->len - start <= room)
        {
          guint64 id = draft_key (draft);
          gint32 end = (gint32)asking->tokens->len;

          draft_set_prompt (draft, text->str);
          g_free (draft->text);
          draft->text = g_strdup (opening->str);
          g_array_append_val (asking->offsets, end);
          g_array_append_val (asking->ids, id);
          g_array_append_val (asking->asked, index);
          return TRUE;
        }
    }
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "user '%s': the prompt has %" G_GINT64_FORMAT
               " tokens even without a history, the model takes %" G_GINT64_FORMAT
               " beside max_tokens; shorten the prompt or lower max_tokens",
               pr_dataset_user_id (distill->dataset, draft->user), (gint64)asking->tokens->len - start, room);
  return FALSE;
}

static gboolean
tick (gpointer ctx, gsize done, gsize total, GError **error)
{
  return pr_run_step (ctx, done, total, error);
}

/* OPENING and what the model wrote, up to the first sign of an end. */
static char *
read_text (const Asking *asking, const PrTexts *texts, gsize i, const char *opening)
{
  const gint32 *offsets = (const gint32 *)(gconstpointer)texts->offsets->data;
  const gint32 *tokens = (const gint32 *)(gconstpointer)texts->tokens->data + offsets[i];
  g_autofree char *raw =
      pr_tokenizer_decode (pr_lm_tokenizer (asking->lm), tokens, (gsize)(offsets[i + 1] - offsets[i]), FALSE);
  const char *start = opening[0] == '\0' ? g_strchug (raw) : raw;
  g_autofree char *whole = NULL;
  char *text;

  for (guint e = 0; e < G_N_ELEMENTS (ends); e++)
    {
      char *end = strstr (start, ends[e]);

      if (end != NULL)
        *end = '\0';
    }
  whole = g_strconcat (opening, start, NULL);
  text = pr_words_fold (whole);
  if (asking->distill->params->sentences > 0)
    pr_words_cut_sentences (text, (gsize)asking->distill->params->sentences);
  return text;
}

static gboolean
answer (Asking *asking, GError **error)
{
  const DistillParams *p = asking->distill->params;
  PrRun *run = asking->distill->run;
  const PrGenerateParams params = { .samples = 1,
                                    .max_tokens = p->max_tokens,
                                    .temperature = p->temperature,
                                    .top_k = p->top_k,
                                    .top_p = p->top_p,
                                    .stop = pr_tokenizer_lookup (pr_lm_tokenizer (asking->lm), ends[0]),
                                    .seed = pr_run_seed (run),
                                    .rows_at_once = p->rows_at_once };
  g_auto (PrTexts) texts;
  PrGenerateStats stats = { 0 };

  pr_texts_init (&texts);
  if (asking->asked->len == 0)
    return TRUE;
  if (!pr_generate (asking->lm, &params, (const gint32 *)(gconstpointer)asking->tokens->data,
                    (const gint32 *)(gconstpointer)asking->offsets->data, asking->asked->len,
                    (const guint64 *)(gconstpointer)asking->ids->data, tick, run, &texts, &stats, error))
    return FALSE;
  for (guint i = 0; i < asking->asked->len; i++)
    {
      Draft *draft = distill_draft (asking->distill, g_array_index (asking->asked, guint, i));
      g_autofree char *opening = g_steal_pointer (&draft->text);

      draft->text = read_text (asking, &texts, i, opening);
    }
  pr_run_add_cost (run, PR_COST_INFER_TOKENS, (double)(stats.prompt_tokens + stats.generated_tokens));
  pr_run_add_cost (run, PR_COST_GENERATED_TOKENS, (double)stats.generated_tokens);
  pr_run_add_cost (run, PR_COST_FLOPS, stats.flops);
  return TRUE;
}

gboolean
teach_by_lm (Distill *distill, GError **error)
{
  const gint32 zero = 0;
  Asking asking = { .distill = distill,
                    .tokens = g_array_new (FALSE, FALSE, sizeof (gint32)),
                    .offsets = g_array_new (FALSE, FALSE, sizeof (gint32)),
                    .ids = g_array_new (FALSE, FALSE, sizeof (guint64)),
                    .asked = g_array_new (FALSE, FALSE, sizeof (guint)) };
  gboolean ok = load (&asking, error);

  g_array_append_val (asking.offsets, zero);
  for (guint i = 0; ok && i < distill->drafts->len; i++)
    ok = ask (&asking, i, error);
  ok = ok && answer (&asking, error);
  pr_lm_free (asking.lm);
  pr_matrix_free (asking.embeddings);
  pr_template_free (asking.prompt);
  pr_template_free (asking.opening);
  g_array_unref (asking.tokens);
  g_array_unref (asking.offsets);
  g_array_unref (asking.ids);
  g_array_unref (asking.asked);
  return ok;
}
