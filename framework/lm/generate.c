/* generate.c - texts of many prompts: fixed stripes of prompts for the threads, put together in order. */
#include "config.h"

#include "lm/writer.h"

#include <pauserec/error.h>
#include <pauserec/threads.h>

#include <string.h>

/* Stripes that a call is cut into before they grow beyond what is written side by side. */
#define STRIPES 4
/* Prompts of a long stripe, in loads of prompts written side by side: the last texts of a stripe leave rows empty. */
#define LOADS 4
/* Rows with which matrix products still run well: a small call is cut into no smaller stripes than this. */
#define LEAST_ROWS 16
/* Stripes a thread between two ticks: the threads meet there, and wait for the slowest. */
#define BATCH 4

void
pr_texts_init (PrTexts *texts)
{
  const gint32 zero = 0;

  texts->n = 0;
  texts->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  texts->offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  texts->stopped = g_array_new (FALSE, FALSE, sizeof (guint8));
  g_array_append_val (texts->offsets, zero);
}

void
pr_texts_clear (PrTexts *texts)
{
  g_clear_pointer (&texts->tokens, g_array_unref);
  g_clear_pointer (&texts->offsets, g_array_unref);
  g_clear_pointer (&texts->stopped, g_array_unref);
  texts->n = 0;
}

static gboolean
check_whole (const char *key, gint64 value, gint64 low, gint64 high, GError **error)
{
  if (value >= low && value <= high)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "%s = %" G_GINT64_FORMAT ": outside %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, key, value, low, high);
  return FALSE;
}

gboolean
pr_generate_params_check (const PrGenerateParams *p, GError **error)
{
  if (!check_whole ("samples", p->samples, 1, 4096, error)
      || !check_whole ("max_tokens", p->max_tokens, 0, 1 << 20, error)
      || !check_whole ("top_k", p->top_k, 0, 1 << 24, error) || !check_whole ("stop", p->stop, -1, 1 << 24, error)
      || !check_whole ("rows_at_once", p->rows_at_once, 1, 4096, error))
    return FALSE;
  if (!(p->temperature == 0 || (p->temperature >= .01 && p->temperature <= 100)))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "temperature = %g: neither 0 (greedy) nor within 0.01 to 100",
                   p->temperature);
      return FALSE;
    }
  if (!(p->top_p > 0 && p->top_p <= 1))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "top_p = %g: outside 0 (excluded) to 1", p->top_p);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_prompt (const PrLmConfig *c, gsize prompt, const gint32 *tokens, gint32 n, gint64 max_tokens, GError **error)
{
  if (n < 1)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "prompt %" G_GSIZE_FORMAT " is empty: a text starts from one token at least", prompt);
      return FALSE;
    }
  if (n > c->max_positions - max_tokens)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "prompt %" G_GSIZE_FORMAT " has %d tokens, with %" G_GINT64_FORMAT
                   " of text more than the model's %d positions; shorten the prompt or lower `max_tokens`",
                   prompt, n, max_tokens, c->max_positions);
      return FALSE;
    }
  for (gint32 i = 0; i < n; i++)
    if (tokens[i] < 0 || tokens[i] >= c->vocab)
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                     "prompt %" G_GSIZE_FORMAT ": token %d is not in the vocabulary of %d", prompt, tokens[i],
                     c->vocab);
        return FALSE;
      }
  return TRUE;
}

typedef struct
{
  PrWriterJob job;
  gsize n, stripe, first; /* prompts in all and of a stripe; stripe that tile 0 of the batch is */
  PrWriter **writers;     /* [threads], made when a thread takes its first stripe */
  PrWriterStripe *stripes;
} Generate;

/* A pure function of what is asked: the number of threads must not change bits. */
static gsize
stripe_size (const PrGenerateParams *params, gsize n)
{
  gsize load = (gsize)pr_writer_prompts (params),
        least = (LEAST_ROWS + (gsize)params->samples - 1) / (gsize)params->samples;

  if (n < load * STRIPES)
    return CLAMP ((n + STRIPES - 1) / STRIPES, MIN (least, load), load);
  return load * MIN (n / (load * STRIPES), LOADS);
}

static void
write_stripe (gpointer ctx, gsize tile, guint worker)
{
  Generate *g = ctx;
  gsize first = (g->first + tile) * g->stripe, end = MIN (first + g->stripe, g->n);
  PrWriterStripe *stripe = &g->stripes[g->first + tile];

  if (g->writers[worker] == NULL)
    g->writers[worker] = pr_writer_new (&g->job, (gint64)g->stripe, &stripe->error);
  if (g->writers[worker] != NULL)
    pr_writer_run (g->writers[worker], (gint32)first, (gint32)end, stripe, &stripe->error);
}

static gboolean
write_all (Generate *g, gsize n_stripes, PrTickFunc tick, gpointer tick_ctx, GError **error)
{
  gsize batch = BATCH * (gsize)pr_threads_get ();

  for (g->first = 0; g->first < n_stripes; g->first += batch)
    {
      gsize end = MIN (g->first + batch, n_stripes);

      pr_parallel (end - g->first, write_stripe, g);
      for (gsize i = g->first; i < end; i++)
        if (g->stripes[i].error != NULL)
          {
            g_propagate_error (error, g_steal_pointer (&g->stripes[i].error));
            return FALSE;
          }
      if (tick != NULL && !tick (tick_ctx, MIN (end * g->stripe, g->n), g->n, error))
        return FALSE;
    }
  return TRUE;
}

/* The texts of all stripes in order of their numbers. */
static gboolean
collect (const Generate *g, PrTexts *ret, GError **error)
{
  gsize samples = (gsize)g->job.params->samples, n = g->n * samples, total = 0;
  g_auto (PrTexts) texts = { 0 };

  for (gsize i = 0; i < n; i++)
    total += (gsize)g->job.lengths[i];
  if (total > G_MAXINT32)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%" G_GSIZE_FORMAT " tokens of text in one call are too many: ask for fewer prompts at once", total);
      return FALSE;
    }
  pr_texts_init (&texts);
  texts.n = n;
  for (gsize i = 0; i < n; i++)
    {
      gint32 end;

      if (g->job.lengths[i] > 0)
        g_array_append_vals (texts.tokens,
                             &g_array_index (g->stripes[i / samples / g->stripe].tokens, gint32, g->job.begins[i]),
                             (guint)g->job.lengths[i]);
      end = (gint32)texts.tokens->len;
      g_array_append_val (texts.offsets, end);
    }
  g_array_append_vals (texts.stopped, g->job.stopped, (guint)n);
  pr_texts_clear (ret);
  *ret = texts;
  memset (&texts, 0, sizeof texts);
  return TRUE;
}

static void
add_stats (const Generate *g, gsize n_stripes, PrGenerateStats *stats)
{
  if (stats == NULL)
    return;
  if (g->job.params->max_tokens > 0)
    stats->prompt_tokens += g->job.offsets[g->n] - g->job.offsets[0];
  for (gsize i = 0; i < n_stripes; i++)
    {
      stats->generated_tokens += g->stripes[i].generated;
      stats->flops += g->stripes[i].flops;
    }
}

static gboolean
check (const Generate *g, GError **error)
{
  const PrGenerateParams *params = g->job.params;

  if (g->n > (gsize)G_MAXINT32 / (gsize)params->samples || params->rows_at_once * params->max_tokens > G_MAXINT32
      || params->samples * params->max_tokens > G_MAXINT32)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "%" G_GSIZE_FORMAT " prompts with %" G_GINT64_FORMAT " texts of %" G_GINT64_FORMAT
                   " tokens are too many at once: lower `rows_at_once`, `max_tokens` or `samples`",
                   g->n, params->samples, params->max_tokens);
      return FALSE;
    }
  for (gsize p = 0; p < g->n; p++)
    if (!check_prompt (&g->job.lm->config, p, g->job.tokens + g->job.offsets[p],
                       g->job.offsets[p + 1] - g->job.offsets[p], params->max_tokens, error))
      return FALSE;
  return TRUE;
}

gboolean
pr_generate (PrLm *lm, const PrGenerateParams *params, const gint32 *tokens, const gint32 *offsets, gsize n,
             const guint64 *ids, PrTickFunc tick, gpointer tick_ctx, PrTexts *ret, PrGenerateStats *ret_stats,
             GError **error)
{
  Generate g = { .job = { .lm = lm, .params = params, .tokens = tokens, .offsets = offsets, .ids = ids }, .n = n };
  gsize n_texts, n_stripes, n_workers = pr_threads_get ();
  gboolean ok;

  if (!pr_generate_params_check (params, error) || !check (&g, error))
    return FALSE;
  n_texts = n * (gsize)params->samples;
  for (gsize p = 0; p < n; p++)
    g.job.longest = MAX (g.job.longest, offsets[p + 1] - offsets[p]);
  g.stripe = MAX (stripe_size (params, n), 1);
  n_stripes = params->max_tokens > 0 ? (n + g.stripe - 1) / g.stripe : 0;
  g.job.lengths = g_new0 (gint32, n_texts);
  g.job.begins = g_new0 (gsize, n_texts);
  g.job.stopped = g_new0 (guint8, n_texts);
  g.writers = g_new0 (PrWriter *, n_workers);
  g.stripes = g_new0 (PrWriterStripe, n_stripes);
  for (gsize i = 0; i < n_stripes; i++)
    g.stripes[i].tokens = g_array_new (FALSE, FALSE, sizeof (gint32));

  ok = write_all (&g, n_stripes, tick, tick_ctx, error) && collect (&g, ret, error);
  if (ok)
    add_stats (&g, n_stripes, ret_stats);
  for (gsize i = 0; i < n_workers; i++)
    pr_writer_free (g.writers[i]);
  for (gsize i = 0; i < n_stripes; i++)
    {
      g_array_unref (g.stripes[i].tokens);
      g_clear_error (&g.stripes[i].error);
    }
  g_free (g.job.lengths);
  g_free (g.job.begins);
  g_free (g.job.stopped);
  g_free (g.writers);
  g_free (g.stripes);
  return ok;
}

guint64
pr_generate_bytes (const PrLmConfig *config, const PrGenerateParams *params, gint64 prompt, guint n_threads)
{
  return n_threads * pr_writer_bytes (config, params, LOADS * pr_writer_prompts (params), prompt);
}
