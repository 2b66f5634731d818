/* bench decode - users answered a second, beside the same search that runs every sequence again at each step. */
#include "config.h"

#include "cli/bench.h"

#include "lm/beam-full.h"
#include "lm/layout.h"

#include <pauserec/backend.h>
#include <pauserec/error.h>
#include <pauserec/rng.h>
#include <pauserec/threads.h>

#include <sys/resource.h>

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

static const PrLmConfig config = { .family = PR_LM_QWEN3,
                                   .vocab = 4096,
                                   .hidden = 256,
                                   .layers = 6,
                                   .heads = 4,
                                   .kv_heads = 2,
                                   .head_dim = 64,
                                   .ffn = 704,
                                   .max_positions = 256,
                                   .rope_theta = 1e4,
                                   .rms_eps = 1e-6,
                                   .init_sd = .02 };
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

  b->lm.config = config;
  b->lm.layout = pr_lm_layout_new (&config);
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
    b->tokens[i] = (gint32)pr_rng_below (rng, 1, i, (guint64)config.vocab);
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

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

/* Median of REPEATS searches for all users, after one to warm up. */
static gboolean
measure (Bench *b, const PrTrie *trie, PrNormalise normalise, Timing *ret_timing, GError **error)
{
  PrBeamParams params = { BEAMS, normalise, USERS_AT_ONCE };
  double seconds[REPEATS];

  for (gint i = -1; i < REPEATS; i++)
    {
      PrBeamStats stats = { 0 };
      gint64 start = g_get_monotonic_time ();

      if (!pr_beam_search (&b->lm, trie, &params, b->tokens, b->offsets, USERS, b->leaves, b->scores, &stats, error))
        return FALSE;
      if (i >= 0)
        seconds[i] = (double)(g_get_monotonic_time () - start) / G_USEC_PER_SEC;
      ret_timing->flops = stats.flops;
    }
  qsort (seconds, REPEATS, sizeof *seconds, compare_doubles);
  ret_timing->seconds = seconds[REPEATS / 2];
  return TRUE;
}

/* Users a second of the slow search, and whether it finds what the fast one found. */
static gboolean
measure_full (Bench *b, double *ret_users_s, gboolean *ret_agrees, GError **error)
{
  PrBeamParams params = { BEAMS, PR_NORMALISE_TRIE, USERS_AT_ONCE };
  gint32 leaves[FULL_USERS * BEAMS];
  float scores[FULL_USERS * BEAMS];
  gint64 start = g_get_monotonic_time ();

  if (!pr_beam_search_full (&b->lm, b->dense, &params, b->tokens, b->offsets, FULL_USERS, leaves, scores, error))
    return FALSE;
  *ret_users_s = FULL_USERS / ((double)(g_get_monotonic_time () - start) / G_USEC_PER_SEC);
  *ret_agrees = TRUE;
  for (gint32 u = 0; u < FULL_USERS; u++)
    *ret_agrees = *ret_agrees && leaves[u * BEAMS] == b->leaves[u * BEAMS];
  return TRUE;
}

static double
peak_rss_mib (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double)usage.ru_maxrss / 1024;
}

static void
print_row (const char *what, double users_s, double gflops)
{
  g_print ("%-58s %9.1f %9.2f", what, users_s, 1000 / users_s);
  if (gflops > 0)
    g_print (" %9.1f", gflops);
  g_print ("\n");
}

static gboolean
run (Bench *b, GError **error)
{
  Timing sparse = { 0 }, vocabulary = { 0 }, dense = { 0 };
  double full, rss;
  gboolean agrees;

  if (!measure (b, b->sparse, PR_NORMALISE_TRIE, &sparse, error)
      || !measure (b, b->dense, PR_NORMALISE_VOCAB, &vocabulary, error)
      || !measure (b, b->dense, PR_NORMALISE_TRIE, &dense, error))
    return FALSE;
  rss = peak_rss_mib ();
  if (!measure_full (b, &full, &agrees, error))
    return FALSE;

  g_print ("%d users, prompts of %d tokens, %d beams, %d levels of %d codes, %u threads\n", USERS, PROMPT, BEAMS,
           LEVELS, CODES, pr_threads_get ());
  g_print ("%-58s %9s %9s %9s\n", "", "users/s", "ms/user", "GFLOP/s");
  print_row ("search, every step needed", USERS / dense.seconds, dense.flops / dense.seconds / 1e9);
  print_row ("the same, scores over the vocabulary", USERS / vocabulary.seconds,
             vocabulary.flops / vocabulary.seconds / 1e9);
  print_row ("catalogue of 12,101 random tuples", USERS / sparse.seconds, sparse.flops / sparse.seconds / 1e9);
  print_row ("search that runs every sequence again", full, 0);
  g_print ("peak memory %.0f MiB; best tuples of both searches %s\n", rss, agrees ? "agree" : "DIFFER");
  g_print ("decode_users_s=%.2f\n", USERS / dense.seconds);
  g_print ("decode_vocabulary_users_s=%.2f\n", USERS / vocabulary.seconds);
  g_print ("decode_sparse_users_s=%.2f\n", USERS / sparse.seconds);
  g_print ("decode_full_users_s=%.3f\n", full);
  g_print ("decode_speedup=%.2f\n", USERS / dense.seconds / full);
  g_print ("decode_gflops=%.2f\n", dense.flops / dense.seconds / 1e9);
  g_print ("peak_rss_mib=%.1f\n", rss);
  return TRUE;
}

gboolean
pr_bench_decode (GError **error)
{
  Bench *b = g_new0 (Bench, 1);
  gboolean ok = bench_init (b, error) && run (b, error);

  bench_free (b);
  return ok;
}
