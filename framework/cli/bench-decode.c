/* bench decode - users answered a second, beside the same search that runs every sequence again at each step. */
#include "config.h"

#include "cli/bench.h"

#include "lm/beam-full.h"
#include "lm/layout.h"

#include <pauserec/backend.h>
#include <pauserec/error.h>
#include <pauserec/rng.h>
#include <pauserec/threads.h>

#define USERS 64
#define PROMPT 128
#define BEAMS 20
#define LEVELS 4
#define CODES 256
#define USERS_AT_ONCE 16
#define REPEATS 5
/* Users of the slow search; its time grows with them. */
#define FULL_USERS 2
/* Items of Amazon Beauty: in a catalogue of this size most tuples are decided after two codes. */
#define SPARSE_ITEMS 12101

static const gint32 bases[LEVELS] = { 3072, 3328, 3584, 3840 };

typedef struct
{
  PrLm lm;
  PrTrie *dense, *sparse;
  gint32 tokens[USERS * PROMPT], offsets[USERS + 1];
  gint32 leaves[USERS * BEAMS];
  float scores[USERS * BEAMS];
} Bench;

typedef struct
{
  double seconds, flops;
} Timing;

/* What is searched: a catalogue that needs every step, the same with scores over the vocabulary, one like Beauty's. */
enum
{
  DENSE,
  VOCABULARY,
  SPARSE,
  N_KINDS
};

typedef struct
{
  double seconds[N_KINDS], flops[N_KINDS], sgemm, ratio, rss;
  double full_users_s;
  gboolean full_agrees;
} Result;

/* Every one of the 256 first codes continues with 8, 8 and 4 codes: nothing is decided before the last level. */
static PrTrie *
dense_trie (void)
{
  static const gint32 branches[LEVELS] = { 256, 8, 8, 4 };
  const gint64 n = 256 * 8 * 8 * 4;
  g_autofree gint32 *codes = g_new (gint32, n * LEVELS);
  PrSids sids = { .n_items = n, .levels = LEVELS, .sizes = { CODES, CODES, CODES, CODES }, .codes = codes };

  for (gint64 i = 0; i < n; i++)
    {
      gint64 rest = i, prefix = 0;

      for (gint32 l = 0; l < LEVELS; l++)
        {
          gint64 branch = rest % branches[l];

          rest /= branches[l];
          /* A node's codes are spread evenly, from a place that depends on its prefix. */
          codes[i * LEVELS + l] = (gint32)((branch * (CODES / branches[l]) + prefix * 37) % CODES);
          prefix = prefix * branches[l] + branch;
        }
    }
  return pr_trie_new_bases (&sids, bases);
}

static PrTrie *
sparse_trie (PrRng rng)
{
  g_autofree gint32 *codes = g_new (gint32, SPARSE_ITEMS * LEVELS);
  PrSids sids = { .n_items = SPARSE_ITEMS, .levels = LEVELS, .sizes = { CODES, CODES, CODES, CODES }, .codes = codes };

  for (gint64 i = 0; i < SPARSE_ITEMS * LEVELS; i++)
    codes[i] = (gint32)pr_rng_below (rng, 2, (guint64)i, CODES);
  return pr_trie_new_bases (&sids, bases);
}

static gboolean
bench_init (Bench *b, GError **error)
{
  PrRng rng = pr_rng_new (1, "bench-decode");

  b->lm.config = pr_bench_config;
  b->lm.layout = pr_lm_layout_new (&pr_bench_config);
  b->lm.weights = pr_backend_get ()->alloc ((gsize)b->lm.layout->size * sizeof (float));
  if (b->lm.weights == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "out of memory for a model of %" G_GINT64_FORMAT " weights",
                   b->lm.layout->size);
      return FALSE;
    }
  for (gint64 i = 0; i < b->lm.layout->size; i++)
    b->lm.weights[i] = (float)(.05 * pr_rng_normal (rng, 0, (guint64)i));
  for (gsize i = 0; i < b->lm.layout->n_tensors; i++)
    if (!b->lm.layout->tensors[i].decays)
      for (gint64 j = 0; j < b->lm.layout->tensors[i].rows; j++)
        b->lm.weights[b->lm.layout->tensors[i].offset + j] = 1;
  for (gsize i = 0; i < USERS * PROMPT; i++)
    b->tokens[i] = (gint32)pr_rng_below (rng, 1, i, (guint64)pr_bench_config.vocab);
  for (gint32 u = 0; u <= USERS; u++)
    b->offsets[u] = u * PROMPT;
  b->dense = dense_trie ();
  b->sparse = sparse_trie (rng);
  return TRUE;
}

static void
bench_free (Bench *b)
{
  if (b->lm.weights != NULL)
    pr_backend_get ()->free (b->lm.weights);
  pr_lm_layout_free (b->lm.layout);
  pr_trie_free (b->dense);
  pr_trie_free (b->sparse);
  g_free (b);
}

/* One search for all users: seconds and operations. */
static gboolean
search (Bench *b, const PrTrie *trie, PrNormalise normalise, Timing *ret_timing, GError **error)
{
  PrBeamParams params = { BEAMS, normalise, USERS_AT_ONCE };
  PrBeamStats stats = { 0 };
  double start = pr_bench_now ();

  if (!pr_beam_search (&b->lm, trie, &params, b->tokens, b->offsets, USERS, NULL, b->leaves, b->scores, &stats, error))
    return FALSE;
  *ret_timing = (Timing){ pr_bench_now () - start, stats.flops };
  return TRUE;
}

/* Medians of REPEATS rounds after one to warm up; all kinds and the yardstick in turn, so that a machine that speeds up
 * or slows down does so for all of them. */
static gboolean
measure (Bench *b, PrBenchSgemm *s, gint repeats, Result *ret, GError **error)
{
  g_autofree double *seconds = g_new (double, N_KINDS *repeats), *sgemm = g_new (double, repeats + 1);
  g_autofree double *ratio = g_new (double, repeats);

  for (gint i = -1; i < repeats; i++)
    {
      sgemm[i + 1] = pr_bench_sgemm_gflops (s);
      for (gint kind = N_KINDS - 1; kind >= 0; kind--)
        {
          Timing timing;

          if (!search (b, kind == SPARSE ? b->sparse : b->dense,
                       kind == VOCABULARY ? PR_NORMALISE_VOCAB : PR_NORMALISE_TRIE, &timing, error))
            return FALSE;
          ret->flops[kind] = timing.flops;
          if (i >= 0)
            seconds[kind * repeats + i] = timing.seconds;
        }
      if (i >= 0)
        ratio[i] = ret->flops[DENSE] / seconds[DENSE * repeats + i] / 1e9 / sgemm[i + 1];
    }
  for (gint kind = 0; kind < N_KINDS; kind++)
    ret->seconds[kind] = pr_bench_median ((gsize)repeats, seconds + kind * repeats);
  ret->sgemm = pr_bench_median ((gsize)repeats + 1, sgemm);
  ret->ratio = pr_bench_median ((gsize)repeats, ratio);
  ret->rss = pr_bench_peak_rss_mib ();
  return TRUE;
}

/* Users a second of the slow search, and whether it finds what the fast one found. */
static gboolean
measure_full (Bench *b, Result *ret, GError **error)
{
  PrBeamParams params = { BEAMS, PR_NORMALISE_TRIE, USERS_AT_ONCE };
  gint32 leaves[FULL_USERS * BEAMS];
  float scores[FULL_USERS * BEAMS];
  double start = pr_bench_now ();

  if (!pr_beam_search_full (&b->lm, b->dense, &params, b->tokens, b->offsets, FULL_USERS, leaves, scores, error))
    return FALSE;
  ret->full_users_s = FULL_USERS / (pr_bench_now () - start);
  ret->full_agrees = TRUE;
  for (gint32 u = 0; u < FULL_USERS; u++)
    ret->full_agrees = ret->full_agrees && leaves[u * BEAMS] == b->leaves[u * BEAMS];
  return TRUE;
}

static void
print_row (const char *what, double users_s, double gflops)
{
  g_print ("%-42s %9.1f users/s %9.2f ms/user", what, users_s, 1000 / users_s);
  if (gflops > 0)
    g_print (" %8.1f GFLOP/s", gflops);
  g_print ("\n");
}

static void
print (const Result *r)
{
  static const char *const names[N_KINDS] = { "beam search, every step needed", "the same, scores over the vocabulary",
                                              "catalogue of 12,101 random tuples" };
  double users_s = USERS / r->seconds[DENSE];

  g_print ("%d users, prompts of %d tokens, %d beams, %d levels of %d codes, %u threads\n", USERS, PROMPT, BEAMS,
           LEVELS, CODES, pr_threads_get ());
  for (gint kind = 0; kind < N_KINDS; kind++)
    print_row (names[kind], USERS / r->seconds[kind], r->flops[kind] / r->seconds[kind] / 1e9);
  print_row ("every sequence run again at each step", r->full_users_s, 0);
  g_print ("%-42s %9.1f GFLOP/s\n", "1024 x 1024 x 1024 SGEMM a thread", r->sgemm);
  g_print ("%-42s %9.3f\n", "share of the SGEMM", r->ratio);
  g_print ("%-42s %9.0f MiB\n", "peak memory", r->rss);
  g_print ("%-42s %9s\n", "best tuples of both searches", r->full_agrees ? "agree" : "DIFFER");
  g_print ("threads=%u\ndecode_users_s=%.2f\ndecode_vocabulary_users_s=%.2f\ndecode_sparse_users_s=%.2f\n",
           pr_threads_get (), users_s, USERS / r->seconds[VOCABULARY], USERS / r->seconds[SPARSE]);
  g_print ("decode_full_users_s=%.3f\ndecode_speedup=%.2f\ndecode_gflops=%.2f\nsgemm_gflops=%.2f\ndecode_ratio=%.4f\n"
           "peak_rss_mib=%.1f\n",
           r->full_users_s, users_s / r->full_users_s, r->flops[DENSE] / r->seconds[DENSE] / 1e9, r->sgemm, r->ratio,
           r->rss);
}

gboolean
pr_bench_decode (const PrBenchOptions *options, GError **error)
{
  Bench *b = g_new0 (Bench, 1);
  PrBenchSgemm *s = pr_bench_sgemm_new (error);
  Result result = { .rss = 0 };
  gboolean ok = s != NULL && bench_init (b, error)
                && measure (b, s, options->steps > 0 ? options->steps : REPEATS, &result, error)
                && measure_full (b, &result, error);

  if (ok)
    print (&result);
  pr_bench_sgemm_free (s);
  bench_free (b);
  return ok;
}
