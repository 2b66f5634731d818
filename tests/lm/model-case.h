/* model-case.h - a tiny model with random weights, once in single and once in double precision, a chunk to run, and how
 * its values and gradients compare with the second implementation of reference.h. */
#ifndef MODEL_CASE_H
#define MODEL_CASE_H

#include "pr-check.h"

#include "lm/model.h"
#include "reference.h"

#include <pauserec/rng.h>

#include <math.h>
#include <string.h>

typedef struct
{
  PrLmConfig config;
  PrLmLayout *layout;
  float *weights;
  double *exact;                                /* the same weights in double */
  GArray *tokens, *offsets, *sources, *targets; /* gint32 */
  PrChunk chunk;
} Case;

static const PrLmConfig tiny = { .family = PR_LM_QWEN3,
                                 .vocab = 37,
                                 .hidden = 24,
                                 .layers = 3,
                                 .heads = 4,
                                 .kv_heads = 2,
                                 .head_dim = 6,
                                 .ffn = 20,
                                 .max_positions = 64,
                                 .rope_theta = 1e4,
                                 .rms_eps = 1e-6 };

static inline void
case_append (GArray *ints, gint32 value)
{
  g_array_append_val (ints, value);
}

/* Random weights and an empty chunk: fill the arrays, then call case_close(). */
static inline Case
case_open (const PrLmConfig *config)
{
  Case k = { .config = *config, .layout = pr_lm_layout_new (config) };
  PrRng rng = pr_rng_new (7, "model-case");
  GArray **arrays[] = { &k.tokens, &k.offsets, &k.sources, &k.targets };

  k.weights = g_new0 (float, k.layout->size);
  k.exact = g_new0 (double, k.layout->size);
  for (gsize t = 0; t < k.layout->n_tensors; t++)
    {
      const PrLmTensor *tensor = &k.layout->tensors[t];
      gint64 size = tensor->rows * MAX (tensor->columns, 1);
      gboolean norm = tensor->columns == 0 && strstr (tensor->name, "bias") == NULL;

      for (gint64 i = tensor->offset; i < tensor->offset + size; i++)
        k.exact[i] = k.weights[i] = (float)((norm ? 1 : 0) + 0.25 * pr_rng_normal (rng, 0, (guint64)i));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (arrays); i++)
    *arrays[i] = g_array_new (FALSE, FALSE, sizeof (gint32));
  case_append (k.offsets, 0);
  return k;
}

/* A token that is a pure function of its row; KIND tells inputs from targets. */
static inline gint32
case_draw (const Case *k, guint64 kind)
{
  return (gint32)pr_rng_below (pr_rng_new (7, "model-case"), kind, k->tokens->len, (guint64)k->config.vocab);
}

static inline void
case_close (Case *k)
{
  k->chunk = (PrChunk){ .tokens = &g_array_index (k->tokens, gint32, 0),
                        .offsets = &g_array_index (k->offsets, gint32, 0),
                        .n_sequences = k->offsets->len - 1,
                        .sources = &g_array_index (k->sources, gint32, 0),
                        .targets = &g_array_index (k->targets, gint32, 0),
                        .n_targets = k->targets->len };
}

static inline void
case_clear (Case *k)
{
  pr_lm_layout_free (k->layout);
  g_free (k->weights);
  g_free (k->exact);
  g_array_unref (k->tokens);
  g_array_unref (k->offsets);
  g_array_unref (k->sources);
  g_array_unref (k->targets);
}

static inline PrModel *
case_model (const Case *k, gboolean training)
{
  GError *error = NULL;
  PrModel *model = pr_model_new (&k->config, k->tokens->len, training, &error);

  ck_assert_no_error (error);
  return model;
}

/* Losses and hidden states within TOLERANCE. */
static inline void
case_check_values (const Case *k, gboolean training, double tolerance)
{
  gsize n_hidden = (gsize)k->tokens->len * (gsize)k->config.hidden;
  g_autofree float *losses = g_new (float, k->chunk.n_targets), *hidden = g_new (float, n_hidden);
  g_autofree double *ref = g_new (double, k->chunk.n_targets), *ref_hidden = g_new (double, n_hidden);
  g_autoptr (PrModel) model = case_model (k, training);

  ref_losses (&k->config, k->layout, k->exact, &k->chunk, NULL, ref, ref_hidden);
  pr_model_losses (model, k->weights, &k->chunk, 1, losses);
  pr_model_hidden (model, k->weights, &k->chunk, hidden);
  for (gsize i = 0; i < k->chunk.n_targets; i++)
    ck_assert_double_eq_tol (losses[i], ref[i], tolerance);
  for (gsize i = 0; i < n_hidden; i++)
    ck_assert_double_eq_tol (hidden[i], ref_hidden[i], tolerance);
}

/* Gradient of the loss at index I by central differences in double. */
static inline double
case_slope (Case *k, const PrBackward *b, gint64 i)
{
  const double step = 1e-5;
  g_autofree double *losses = g_new (double, k->chunk.n_targets);
  double keep = k->exact[i], up, down;

  k->exact[i] = keep + step;
  up = ref_losses (&k->config, k->layout, k->exact, &k->chunk, b, losses, NULL);
  k->exact[i] = keep - step;
  down = ref_losses (&k->config, k->layout, k->exact, &k->chunk, b, losses, NULL);
  k->exact[i] = keep;
  return b->scale * (up - down) / (2 * step);
}

/* The loss, relative to its size, and the largest and some other elements of the gradient of every tensor, relative to
 * the largest. */
static inline void
case_check_gradients (Case *k, PrBackward b, double value_tolerance, double gradient_tolerance)
{
  g_autofree float *grads = g_new0 (float, k->layout->size);
  g_autofree double *losses = g_new (double, k->chunk.n_targets);
  g_autoptr (PrModel) model = case_model (k, TRUE);
  PrRng rng = pr_rng_new (1, "elements");
  double sum = pr_model_train (model, k->weights, grads, &k->chunk, &b);
  double ref = ref_losses (&k->config, k->layout, k->exact, &k->chunk, &b, losses, NULL);

  ck_assert_double_eq_tol (sum, ref, value_tolerance * fabs (ref));
  for (gsize t = 0; t < k->layout->n_tensors; t++)
    {
      const PrLmTensor *tensor = &k->layout->tensors[t];
      gint64 size = tensor->rows * MAX (tensor->columns, 1), largest = tensor->offset;
      double max;

      for (gint64 i = tensor->offset; i < tensor->offset + size; i++)
        largest = fabsf (grads[i]) > fabsf (grads[largest]) ? i : largest;
      max = fabs ((double)grads[largest]);
      ck_assert_msg (max > 0, "no gradient for %s", tensor->name);
      for (guint64 e = 0; e < 6; e++)
        {
          gint64 i = e == 0 ? largest : tensor->offset + (gint64)pr_rng_below (rng, t, e, (guint64)size);
          double expected = case_slope (k, &b, i);

          ck_assert_msg (fabs (grads[i] - expected) <= gradient_tolerance * max, "%s: %g instead of %g, largest %g",
                         tensor->name, grads[i], expected, max);
        }
    }
}

#endif
