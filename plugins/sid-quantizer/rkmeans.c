/* Residual k-means as in GRID (Snap Research, 2025): level by level the residual is clustered, the code of the nearest
 * centroid is written down, and the centroid is subtracted.  With normalise_residuals each level clusters directions:
 * rows are scaled to length one first. */
#include "config.h"

#include "kmeans.h"
#include "quantizer.h"

#include <math.h>
#include <string.h>

typedef struct
{
  Quantizer *q;
  PrMatrix *residuals; /* [n_items, d], in the scale of the current level: the embeddings' own memory */
  double *scales;      /* [n_items]: length in the embedding's units of a residual of length one */
  double energy;       /* mean squared length of the embeddings */
  guint64 done, total;
} Work;

static double
row_norm (const float *x, gint64 d)
{
  double sum = 0;

  for (gint64 j = 0; j < d; j++)
    sum += (double)x[j] * x[j];
  return sqrt (sum);
}

static gboolean
tick (gpointer ctx, GError **error)
{
  Work *w = ctx;

  w->done++;
  return pr_run_step (w->q->run, w->done, w->total, error);
}

static void
normalise (Work *w)
{
  gint64 d = w->residuals->columns;

  for (gint64 i = 0; i < w->residuals->rows; i++)
    {
      float *x = w->residuals->data + i * d;
      double norm = row_norm (x, d);

      if (norm < 1e-12)
        continue;
      w->scales[i] *= norm;
      for (gint64 j = 0; j < d; j++)
        x[j] = (float)(x[j] / norm);
    }
}

static KmeansFit *
best_fit (Work *w, gint32 level, GError **error)
{
  const Params *p = w->q->params;
  g_autoptr (KmeansFit) best = NULL;

  for (gint64 r = 0; r < p->restarts; r++)
    {
      g_autofree char *stream = g_strdup_printf ("sid-quantizer/%d/%d", (int)level, (int)r);
      KmeansProblem problem = { .x = w->residuals->data,
                                .n = w->residuals->rows,
                                .d = w->residuals->columns,
                                .k = (gint32)p->sizes.v[level],
                                .iterations = p->iterations,
                                .rng = pr_rng_new (pr_run_seed (w->q->run), stream),
                                .tick = tick,
                                .tick_ctx = w };
      g_autoptr (KmeansFit) fit = NULL;

      w->done = ((guint64)level * p->restarts + r) * p->iterations;
      fit = kmeans_fit (&problem, error);
      if (fit == NULL)
        return NULL;
      pr_run_add_cost (w->q->run, PR_COST_FLOPS, kmeans_flops (problem.n, problem.d, problem.k, fit->n_objective));
      if (best == NULL || fit->objective[fit->n_objective - 1] < best->objective[best->n_objective - 1])
        {
          g_clear_pointer (&best, kmeans_fit_free);
          best = g_steal_pointer (&fit);
        }
    }
  return g_steal_pointer (&best);
}

/* Mean squared length of what the codes so far leave unexplained, over that of the embeddings. */
static double
unexplained (const Work *w)
{
  gint64 d = w->residuals->columns;
  double sum = 0;

  for (gint64 i = 0; i < w->residuals->rows; i++)
    {
      double norm = w->scales[i] * row_norm (w->residuals->data + i * d, d);

      sum += norm * norm;
    }
  return w->energy > 0 ? sum / (double)w->residuals->rows / w->energy : 0;
}

static gboolean
quantize_level (Work *w, gint32 level, GError **error)
{
  const Params *p = w->q->params;
  gint64 n = w->residuals->rows, d = w->residuals->columns;
  g_autofree char *series = g_strdup_printf ("objective_%d", (int)level);
  g_autoptr (KmeansFit) fit = NULL;

  if (p->normalise_residuals)
    normalise (w);
  fit = best_fit (w, level, error);
  if (fit == NULL)
    return FALSE;
  for (gint64 i = 0; i < fit->n_objective; i++)
    pr_run_curve (w->q->run, series, (guint64)i, fit->objective[i]);
  if (level + 1 == p->sizes.n && p->collisions == POLICY_REASSIGN)
    {
      w->q->last_inputs = g_memdup2 (w->residuals->data, sizeof (float) * n * d);
      w->q->last_codes = g_memdup2 (fit->centroids, sizeof (float) * p->sizes.v[level] * d);
      w->q->width = d;
    }
  for (gint64 i = 0; i < n; i++)
    {
      const float *centroid = fit->centroids + fit->codes[i] * d;

      w->q->sids->codes[i * w->q->sids->levels + level] = fit->codes[i];
      for (gint64 j = 0; j < d; j++)
        w->residuals->data[i * d + j] -= centroid[j];
    }
  pr_run_table (w->q->run, "codebook", "unexplained", unexplained (w));
  return TRUE;
}

void
rkmeans_estimate (const Params *p, gint64 n, gint64 d, double *ret_bytes, double *ret_flops)
{
  *ret_bytes = 4.0 * (double)n * (double)d * (p->collisions == POLICY_REASSIGN ? 2 : 1);
  *ret_flops = 0;
  for (gint64 l = 0; l < p->sizes.n; l++)
    *ret_flops += (double)p->restarts * kmeans_flops (n, d, (gint32)p->sizes.v[l], p->iterations + 1);
}

gboolean
rkmeans_quantize (Quantizer *q, GError **error)
{
  const Params *p = q->params;
  gint64 n = q->embeddings->rows, d = q->embeddings->columns;
  g_autofree double *scales = g_new (double, n);
  Work w = {
    .q = q, .residuals = q->embeddings, .scales = scales, .total = (guint64)(p->sizes.n * p->restarts * p->iterations)
  };

  for (gint64 i = 0; i < n; i++)
    {
      double norm = row_norm (q->embeddings->data + i * d, d);

      scales[i] = 1;
      w.energy += norm * norm / (double)n;
    }
  for (gint32 level = 0; level < q->sids->levels; level++)
    if (!quantize_level (&w, level, error))
      return FALSE;
  return TRUE;
}
