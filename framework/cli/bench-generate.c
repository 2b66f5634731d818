/* bench generate - tokens written a second, beside the same model that serves one user after the other. */
#include "config.h"

#include "cli/bench.h"

#include <pauserec/decode.h>
#include <pauserec/rng.h>
#include <pauserec/threads.h>

#define USERS 256
#define PROMPT 128
#define NEW 64
#define ROWS 128
#define REPEATS 3
/* Users of the slow loop; its time grows with them. */
#define SINGLE_USERS 4
/* Prompts and texts of each, where texts share their prompt. */
#define SHARED_PROMPTS 16
#define SHARED_SAMPLES 16

/* No stop token: every text has all its tokens, so that the work is known. */
static const PrGenerateParams greedy = {
  .samples = 1, .max_tokens = NEW, .temperature = 0, .top_p = 1, .stop = -1, .rows_at_once = ROWS
};

enum
{
  GREEDY,
  SAMPLED,
  SHARED,
  SINGLE,
  N_KINDS
};

typedef struct
{
  PrLm *lm;
  gint32 tokens[USERS * PROMPT], offsets[USERS + 1];
  double tokens_s[N_KINDS], gflops[N_KINDS];
} Bench;

static gboolean
bench_init (Bench *b, GError **error)
{
  PrRng rng = pr_rng_new (1, "bench-generate");

  b->lm = pr_lm_new (&pr_bench_config, NULL, 1, error);
  for (gsize i = 0; i < USERS * PROMPT; i++)
    b->tokens[i] = (gint32)pr_rng_below (rng, 0, i, (guint64)pr_bench_config.vocab);
  for (gint32 u = 0; u <= USERS; u++)
    b->offsets[u] = u * PROMPT;
  return b->lm != NULL;
}

/* What is written in one round of a kind; adds to STATS. */
static gboolean
generate (Bench *b, gint kind, PrGenerateStats *stats, GError **error)
{
  PrGenerateParams params = greedy;
  g_auto (PrTexts) texts = { 0 };
  gsize n = USERS;

  pr_texts_init (&texts);
  if (kind == SAMPLED || kind == SHARED)
    params.temperature = 1;
  if (kind == SHARED)
    {
      params.samples = SHARED_SAMPLES;
      n = SHARED_PROMPTS;
    }
  if (kind != SINGLE)
    return pr_generate (b->lm, &params, b->tokens, b->offsets, n, NULL, NULL, NULL, &texts, stats, error);
  for (gsize u = 0; u < SINGLE_USERS; u++)
    if (!pr_generate (b->lm, &params, b->tokens, b->offsets + u, 1, NULL, NULL, NULL, &texts, stats, error))
      return FALSE;
  return TRUE;
}

/* Medians of REPEATS rounds after one to warm up; all kinds in turn, so that a machine that speeds up or slows down
 * does so for all of them. */
static gboolean
measure (Bench *b, gint repeats, GError **error)
{
  g_autofree double *tokens_s = g_new (double, N_KINDS *repeats), *gflops = g_new (double, N_KINDS *repeats);

  for (gint i = -1; i < repeats; i++)
    for (gint kind = 0; kind < N_KINDS; kind++)
      {
        PrGenerateStats stats = { 0 };
        double start = pr_bench_now (), seconds;

        if (!generate (b, kind, &stats, error))
          return FALSE;
        seconds = pr_bench_now () - start;
        if (i < 0)
          continue;
        tokens_s[kind * repeats + i] = (double)stats.generated_tokens / seconds;
        gflops[kind * repeats + i] = stats.flops / seconds / 1e9;
      }
  for (gint kind = 0; kind < N_KINDS; kind++)
    {
      b->tokens_s[kind] = pr_bench_median ((gsize)repeats, tokens_s + kind * repeats);
      b->gflops[kind] = pr_bench_median ((gsize)repeats, gflops + kind * repeats);
    }
  return TRUE;
}

static void
print (const Bench *b)
{
  static const char *const names[N_KINDS] = { "greedy", "sampled, temperature 1",
                                              "16 prompts, 16 sampled texts of each",
                                              "greedy, one user after the other" };

  g_print ("%d users, prompts of %d tokens, %d new tokens each, %d rows at once, %u threads\n", USERS, PROMPT, NEW,
           ROWS, pr_threads_get ());
  for (gint kind = 0; kind < N_KINDS; kind++)
    g_print ("%-42s %9.1f tokens/s %9.3f ms/token %8.1f GFLOP/s\n", names[kind], b->tokens_s[kind],
             1000 / b->tokens_s[kind], b->gflops[kind]);
  g_print ("%-42s %9.1f\n", "together beside one after the other", b->tokens_s[GREEDY] / b->tokens_s[SINGLE]);
  g_print ("%-42s %9.0f MiB\n", "peak memory", pr_bench_peak_rss_mib ());
  g_print ("threads=%u\ngenerate_tokens_s=%.1f\ngenerate_sampled_tokens_s=%.1f\ngenerate_shared_tokens_s=%.1f\n",
           pr_threads_get (), b->tokens_s[GREEDY], b->tokens_s[SAMPLED], b->tokens_s[SHARED]);
  g_print ("generate_single_tokens_s=%.1f\ngenerate_speedup=%.2f\ngenerate_gflops=%.2f\npeak_rss_mib=%.1f\n",
           b->tokens_s[SINGLE], b->tokens_s[GREEDY] / b->tokens_s[SINGLE], b->gflops[GREEDY], pr_bench_peak_rss_mib ());
}

gboolean
pr_bench_generate (const PrBenchOptions *options, GError **error)
{
  Bench *b = g_new0 (Bench, 1);
  gboolean ok = bench_init (b, error) && measure (b, options->steps > 0 ? options->steps : REPEATS, error);

  if (ok)
    print (b);
  pr_lm_free (b->lm);
  g_free (b);
  return ok;
}
