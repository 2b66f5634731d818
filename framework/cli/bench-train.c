/* bench train - a training step (forward, backward, AdamW) as a share of what the machine's own matrix product reaches.
 */
#include "config.h"

#include "cli/bench.h"

#include "lm/model.h"

#include <pauserec/backend.h>
#include <pauserec/error.h>
#include <pauserec/linalg.h>
#include <pauserec/threads.h>

#include <math.h>

#define SEQUENCES 32
#define LENGTH 128
#define CHUNK_TOKENS 2048
#define STEPS 9

typedef struct
{
  PrLmLayout *layout;
  PrModel *model;
  float *memory; /* weights, gradients, two moments */
  gint32 tokens[SEQUENCES * LENGTH], sources[SEQUENCES * LENGTH], targets[SEQUENCES * LENGTH], offsets[SEQUENCES + 1];
  gint chunk_sequences;
  gint64 n_parameters;
} Bench;

static gboolean
bench_init (Bench *b, const PrBenchOptions *options, GError **error)
{
  gint chunk = options->chunk_tokens > 0 ? options->chunk_tokens : CHUNK_TOKENS;
  PrRng rng = pr_rng_new (1, "bench-train");
  gsize bytes;

  b->layout = pr_lm_layout_new (&pr_bench_config);
  b->chunk_sequences = CLAMP (chunk / LENGTH, 1, SEQUENCES);
  b->model = pr_model_new (&pr_bench_config, (gint64)b->chunk_sequences * LENGTH, TRUE, error);
  if (b->model == NULL)
    return FALSE;
  bytes = (gsize)b->layout->size * sizeof (float);
  b->memory = pr_backend_get ()->alloc (4 * bytes);
  if (b->memory == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "no memory for a model of %" G_GINT64_FORMAT " weights",
                   b->layout->size);
      return FALSE;
    }
  pr_backend_get ()->zero (b->memory, 4 * bytes);
  for (gsize t = 0; t < b->layout->n_tensors; t++)
    {
      const PrLmTensor *tensor = &b->layout->tensors[t];
      gint64 n = tensor->rows * MAX (tensor->columns, 1);

      b->n_parameters += n;
      for (gint64 i = tensor->offset; i < tensor->offset + n; i++)
        b->memory[i] = tensor->decays ? (float)(pr_bench_config.init_sd * pr_rng_normal (rng, 0, (guint64)i)) : 1.0f;
    }
  for (gint32 i = 0; i < SEQUENCES * LENGTH; i++)
    b->tokens[i] = (gint32)pr_rng_below (rng, 1, (guint64)i, (guint64)pr_bench_config.vocab);
  for (gint32 s = 0; s <= SEQUENCES; s++)
    b->offsets[s] = s * LENGTH;
  return TRUE;
}

static void
bench_free (Bench *b)
{
  if (b->memory != NULL)
    pr_backend_get ()->free (b->memory);
  pr_lm_layout_free (b->layout);
  pr_model_free (b->model);
  g_free (b);
}

static double
train_chunk (Bench *b, gint first)
{
  gint n = MIN (b->chunk_sequences, SEQUENCES - first);
  PrChunk chunk = { .tokens = b->tokens + first * LENGTH,
                    .offsets = b->offsets,
                    .n_sequences = (gsize)n,
                    .sources = b->sources,
                    .targets = b->targets };
  PrBackward backward = { .scale = 1.0f / (SEQUENCES * (LENGTH - 1)), .first_row = (guint64)(first * LENGTH) };

  for (gint32 i = 0; i < n * LENGTH; i++)
    if (i % LENGTH < LENGTH - 1)
      {
        b->sources[chunk.n_targets] = i;
        b->targets[chunk.n_targets++] = chunk.tokens[i + 1];
      }
  return pr_model_train (b->model, b->memory, b->memory + b->layout->size, &chunk, &backward);
}

/* One optimizer step; returns the mean loss. */
static double
train_step (Bench *b, guint64 step)
{
  const PrBackend *backend = pr_backend_get ();
  float *weights = b->memory, *grads = weights + b->layout->size, *m = grads + b->layout->size,
        *v = m + b->layout->size;
  PrAdamW adamw = { .lr = 1e-3f, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f, .step = step };
  double loss = 0, norm;

  backend->zero (grads, (gsize)b->layout->size * sizeof (float));
  for (gint first = 0; first < SEQUENCES; first += b->chunk_sequences)
    loss += train_chunk (b, first);
  norm = sqrt (backend->squared_norm (b->layout->size, grads));
  adamw.grad_scale = norm > 1 ? (float)(1 / norm) : 1.0f;
  for (gsize t = 0; t < b->layout->n_tensors; t++)
    {
      const PrLmTensor *tensor = &b->layout->tensors[t];

      adamw.weight_decay = tensor->decays ? 0.01f : 0.0f;
      backend->adamw (&adamw, tensor->rows * MAX (tensor->columns, 1), weights + tensor->offset, grads + tensor->offset,
                      m + tensor->offset, v + tensor->offset);
    }
  return loss / (SEQUENCES * (LENGTH - 1));
}

/* Both in turn, so that a machine that speeds up or slows down does so for both; a step is compared with the products
 * just before and after it. */
static gboolean
measure (Bench *b, PrBenchSgemm *s, gint steps, GError **error)
{
  g_autofree double *sgemm = g_new (double, steps + 1), *train = g_new (double, steps), *ratio = g_new (double, steps);
  const double tokens = SEQUENCES * LENGTH, flops = 6.0 * (double)b->n_parameters;
  double first = train_step (b, 1), last = first, train_tokens, train_gflops, share, product;
  g_autofree char *blas = pr_blas_description ();

  pr_bench_sgemm_gflops (s);
  sgemm[0] = pr_bench_sgemm_gflops (s);
  for (gint i = 0; i < steps; i++)
    {
      double start = pr_bench_now ();

      last = train_step (b, (guint64)i + 2);
      train[i] = tokens / (pr_bench_now () - start);
      sgemm[i + 1] = pr_bench_sgemm_gflops (s);
      ratio[i] = train[i] * flops * 1e-9 / ((sgemm[i] + sgemm[i + 1]) / 2);
    }
  if (!(last < first))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC, "the loss went from %g to %g in %d steps: the kernels are wrong",
                   first, last, steps);
      return FALSE;
    }
  train_tokens = pr_bench_median ((gsize)steps, train);
  train_gflops = train_tokens * flops * 1e-9;
  share = pr_bench_median ((gsize)steps, ratio);
  product = pr_bench_median ((gsize)steps + 1, sgemm);
  g_print ("%d layers of width %d, %d x %d tokens, %.2f million parameters, %u threads, medians of %d steps\n",
           pr_bench_config.layers, pr_bench_config.hidden, SEQUENCES, LENGTH, (double)b->n_parameters / 1e6,
           pr_threads_get (), steps);
  g_print ("%s; backend %s\n", blas, pr_backend_get ()->name);
  g_print ("%-34s %9.1f GFLOP/s\n", "1024 x 1024 x 1024 SGEMM a thread", product);
  g_print ("%-34s %9.1f GFLOP/s %9.0f tokens/s\n", "training step", train_gflops, train_tokens);
  g_print ("%-34s %9.3f (%.3f to %.3f)\n", "share of the SGEMM", share, ratio[0], ratio[steps - 1]);
  g_print ("%-34s %9.0f MiB\n", "peak memory", pr_bench_peak_rss_mib ());
  g_print ("threads=%u\nsgemm_gflops=%.2f\ntrain_gflops=%.2f\ntrain_ratio=%.4f\ntrain_tokens_s=%.1f\ntrain_loss=%.5f\n"
           "peak_rss_mib=%.1f\n",
           pr_threads_get (), product, train_gflops, share, train_tokens, last, pr_bench_peak_rss_mib ());
  return TRUE;
}

gboolean
pr_bench_train (const PrBenchOptions *options, GError **error)
{
  Bench *b = g_new0 (Bench, 1);
  PrBenchSgemm *s = pr_bench_sgemm_new (error);
  gboolean ok =
      s != NULL && bench_init (b, options, error) && measure (b, s, options->steps > 0 ? options->steps : STEPS, error);

  pr_bench_sgemm_free (s);
  bench_free (b);
  return ok;
}
