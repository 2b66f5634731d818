/* sid-quantizer - item embeddings to semantic ids.
 *
 * Residual k-means as in GRID (Snap Research, 2025): level by level the residual is clustered, the code of the nearest
 * centroid is written down, and the centroid is subtracted.  With normalise_residuals each level clusters directions:
 * rows are scaled to length one first.  PauseRec takes semantic ids as given (paper section 2); `random` is the control
 * that tells how much the content of an id matters at all.
 */
#include <pauserec/pauserec.h>

#include "collisions.h"
#include "kmeans.h"

#include <math.h>
#include <string.h>

enum
{
  METHOD_RKMEANS,
  METHOD_RANDOM
};
enum
{
  POLICY_DIGIT,
  POLICY_REASSIGN,
  POLICY_KEEP
};
static const char *const methods[] = { "rkmeans", "random", NULL };
static const char *const policies[] = { "digit", "reassign", "keep", NULL };

typedef struct
{
  int method, collisions;
  PrInts sizes;
  int64_t iterations, restarts, rounds;
  bool normalise_residuals;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_CHOICE (Params, method, methods, METHOD_RKMEANS,
                   "rkmeans: residual k-means; random: uniform codes, the control that knows nothing of the items."),
  PR_PARAM_INTS (Params, sizes, 1, 16384, "256,256,256", "Codes of each level (GRID, TIGER: 3 x 256)."),
  PR_PARAM_CHOICE (Params, collisions, policies, POLICY_DIGIT,
                   "Items with equal codes: digit adds a level, 0 if unique, else 1..N (GRID); reassign moves all but "
                   "one to the nearest free last-level code (LC-Rec); keep leaves them."),
  PR_PARAM_BOOL (Params, normalise_residuals, true, "Scale residuals to length one before each level (GRID)."),
  PR_PARAM_INT (Params, iterations, 1, 10000, 25, "Lloyd iterations at most, per level and restart."),
  PR_PARAM_INT (Params, restarts, 1, 100, 1, "Fits per level with different seeds; the lowest objective is kept."),
  PR_PARAM_INT (Params, rounds, 1, 1000, 20, "Rounds of reassign at most (LC-Rec: 20)."),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "embeddings", "embeddings/1", "One row per item.", FALSE },
  { PR_SLOT_IN, "dataset", "dataset/1", "Only to check that the rows are its items.", TRUE },
  { PR_SLOT_OUT, "sids", "sids/1", "The semantic id of every item.", FALSE },
};

typedef struct
{
  const Params *params;
  PrRun *run;
  PrMatrix *residuals; /* [n_items, d], in the scale of the current level */
  double *scales;      /* [n_items]: length in the embedding's units of a residual of length one */
  double energy;       /* mean squared length of the embeddings */
  PrSids *sids;
  float *centroids;   /* of the last level, [size, d] */
  float *last_inputs; /* rows that the last level coded, [n_items, d]; NULL unless items may be reassigned */
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
  return pr_run_step (w->run, w->done, w->total, error);
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
  const Params *p = w->params;
  g_autoptr (KmeansFit) best = NULL;

  for (gint64 r = 0; r < p->restarts; r++)
    {
      g_autofree char *stream = g_strdup_printf ("sid-quantizer/%d/%d", (int)level, (int)r);
      KmeansProblem problem = { .x = w->residuals->data,
                                .n = w->residuals->rows,
                                .d = w->residuals->columns,
                                .k = (gint32)p->sizes.v[level],
                                .iterations = p->iterations,
                                .rng = pr_rng_new (pr_run_seed (w->run), stream),
                                .tick = tick,
                                .tick_ctx = w };
      g_autoptr (KmeansFit) fit = NULL;

      w->done = ((guint64)level * p->restarts + r) * p->iterations;
      fit = kmeans_fit (&problem, error);
      if (fit == NULL)
        return NULL;
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
  const Params *p = w->params;
  gint64 n = w->residuals->rows, d = w->residuals->columns;
  g_autofree char *series = g_strdup_printf ("objective_%d", (int)level);
  g_autoptr (KmeansFit) fit = NULL;

  if (p->normalise_residuals)
    normalise (w);
  fit = best_fit (w, level, error);
  if (fit == NULL)
    return FALSE;
  for (gint64 i = 0; i < fit->n_objective; i++)
    pr_run_curve (w->run, series, (guint64)i, fit->objective[i]);
  if (level + 1 == p->sizes.n)
    {
      w->centroids = g_steal_pointer (&fit->centroids);
      if (p->collisions == POLICY_REASSIGN)
        w->last_inputs = g_memdup2 (w->residuals->data, sizeof (float) * n * d);
    }
  for (gint64 i = 0; i < n; i++)
    {
      const float *centroid = (w->centroids ? w->centroids : fit->centroids) + fit->codes[i] * d;

      w->sids->codes[i * w->sids->levels + level] = fit->codes[i];
      for (gint64 j = 0; j < d; j++)
        w->residuals->data[i * d + j] -= centroid[j];
    }
  pr_run_table (w->run, "codebook", "unexplained", unexplained (w));
  return TRUE;
}

static void
draw_codes (Work *w)
{
  for (gint32 level = 0; level < w->sids->levels; level++)
    {
      g_autofree char *stream = g_strdup_printf ("sid-quantizer/random/%d", (int)level);
      PrRng rng = pr_rng_new (pr_run_seed (w->run), stream);

      for (gint64 i = 0; i < w->sids->n_items; i++)
        w->sids->codes[i * w->sids->levels + level] =
            (gint32)pr_rng_below (rng, 0, (guint64)i, (guint64)w->sids->sizes[level]);
      pr_run_table (w->run, "codebook", "unexplained", NAN);
    }
}

/* Codes in use and perplexity, exp of the entropy of the code's distribution over items, of each level. */
static void
report_levels (PrRun *run, const PrSids *sids)
{
  for (gint32 level = 0; level < sids->levels; level++)
    {
      g_autofree gint64 *counts = g_new0 (gint64, sids->sizes[level]);
      double used = 0, entropy = 0;

      for (gint64 i = 0; i < sids->n_items; i++)
        counts[pr_sids_item (sids, i)[level]]++;
      for (gint32 c = 0; c < sids->sizes[level]; c++)
        if (counts[c] > 0)
          {
            double share = (double)counts[c] / (double)sids->n_items;

            used++;
            entropy -= share * log (share);
          }
      pr_run_table (run, "codebook", "level", level);
      pr_run_table (run, "codebook", "size", sids->sizes[level]);
      pr_run_table (run, "codebook", "used", used);
      pr_run_table (run, "codebook", "perplexity", exp (entropy));
    }
}

static void
report_collisions (PrRun *run, const PrSids *sids, gboolean before)
{
  CollisionCount count = collisions_count (sids);
  double n = (double)sids->n_items;

  /* As LC-Rec counts: items that would have to go for every tuple to be unique. */
  pr_run_metric (run, before ? "collision_rate_before" : "collision_rate", (n - (double)count.distinct) / n);
  pr_run_metric (run, before ? "shared_items_before" : "shared_items", (double)count.shared);
  pr_run_metric (run, before ? "largest_bucket_before" : "largest_bucket", (double)count.largest);
  for (gint64 size = 1; before && size <= count.largest; size++)
    if (count.histogram[size] > 0)
      {
        pr_run_table (run, "buckets", "items", (double)size);
        pr_run_table (run, "buckets", "tuples", (double)count.histogram[size]);
      }
  collisions_count_clear (&count);
}

static void
centroid_costs (gpointer ctx, gint64 item, double *ret_costs)
{
  Work *w = ctx;
  gint64 d = w->residuals->columns;

  kmeans_distances (w->last_inputs + item * d, w->centroids, (gint32)w->params->sizes.v[w->params->sizes.n - 1], d,
                    ret_costs);
}

static void
random_costs (gpointer ctx, gint64 item, double *ret_costs)
{
  Work *w = ctx;
  PrRng rng = pr_rng_new (pr_run_seed (w->run), "sid-quantizer/random/reassign");

  for (gint32 c = 0; c < w->sids->sizes[w->sids->levels - 1]; c++)
    ret_costs[c] = pr_rng_uniform (rng, (guint64)item, (guint64)c);
}

static void
resolve_collisions (Work *w)
{
  const Params *p = w->params;

  report_collisions (w->run, w->sids, TRUE);
  if (p->collisions == POLICY_REASSIGN)
    {
      gint64 moved =
          collisions_reassign (w->sids, p->rounds, p->method == METHOD_RANDOM ? random_costs : centroid_costs, w);

      pr_run_metric (w->run, "moved_items", (double)moved);
    }
  report_levels (w->run, w->sids);
  if (p->collisions == POLICY_DIGIT)
    {
      PrSids *longer = collisions_add_digit (w->sids);

      pr_sids_free (w->sids);
      w->sids = longer;
    }
  report_collisions (w->run, w->sids, FALSE);
}

static gboolean
quantizer_validate (const void *params_, GError **error)
{
  const Params *p = params_;
  gint64 most = PR_SID_MAX_LEVELS - (p->collisions == POLICY_DIGIT);

  if (p->sizes.n >= 1 && p->sizes.n <= most)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "sizes: %d levels, but 1 to %d are possible%s", (int)p->sizes.n,
               (int)most, p->collisions == POLICY_DIGIT ? " beside the digit of collisions = digit" : "");
  return FALSE;
}

static gboolean
quantizer_plan (const void *params_, PrPlan *plan, GError **error)
{
  const Params *p = params_;
  gint64 n = pr_plan_input_dim (plan, "embeddings", "n_items"), d = pr_plan_input_dim (plan, "embeddings", "d");
  double codes = 0;

  (void)error;
  pr_plan_set_dim (plan, "sids", "n_items", n);
  pr_plan_set_dim (plan, "sids", "levels", p->sizes.n + (p->collisions == POLICY_DIGIT));
  if (n < 0 || d < 0 || p->method == METHOD_RANDOM)
    return TRUE;
  for (gint64 l = 0; l < p->sizes.n; l++)
    codes += (double)p->sizes.v[l];
  pr_plan_set_memory (plan, (guint64)(n * d * 4 * (p->collisions == POLICY_REASSIGN ? 2 : 1)));
  pr_plan_set_flops (plan, 2.0 * (double)(p->iterations * p->restarts) * (double)n * (double)d * codes);
  return TRUE;
}

static PrMatrix *
load_embeddings (PrRun *run, GError **error)
{
  g_autoptr (PrMatrix) embeddings = pr_embeddings_load (pr_run_input_dir (run, "embeddings"), error);
  const char *dir = pr_run_input_dir (run, "dataset");

  if (embeddings == NULL)
    return NULL;
  if (dir != NULL)
    {
      g_autoptr (PrDataset) dataset = pr_dataset_load (dir, error);

      if (dataset == NULL)
        return NULL;
      if (pr_dataset_n_items (dataset) != embeddings->rows)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                       "stage %s: %" G_GINT64_FORMAT " rows of embeddings, but the data set has %" G_GINT64_FORMAT
                       " items; connect the embeddings of this data set",
                       pr_run_stage_name (run), embeddings->rows, pr_dataset_n_items (dataset));
          return NULL;
        }
    }
  for (gint64 i = 0; i < embeddings->rows * embeddings->columns; i++)
    if (!isfinite (embeddings->data[i]))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC,
                     "stage %s: the embedding of item %" G_GINT64_FORMAT
                     " is not finite; look at the stage that made it",
                     pr_run_stage_name (run), i / embeddings->columns);
        return NULL;
      }
  return g_steal_pointer (&embeddings);
}

static void
prepare (Work *w)
{
  const Params *p = w->params;
  gint64 n = w->residuals->rows;
  gint32 sizes[PR_SID_MAX_LEVELS];

  for (gint64 l = 0; l < p->sizes.n; l++)
    sizes[l] = (gint32)p->sizes.v[l];
  w->sids = pr_sids_new (n, (gint32)p->sizes.n, sizes);
  w->scales = g_new (double, n);
  for (gint64 i = 0; i < n; i++)
    {
      double norm = row_norm (w->residuals->data + i * w->residuals->columns, w->residuals->columns);

      w->scales[i] = 1;
      w->energy += norm * norm / (double)n;
    }
  w->total = (guint64)(p->sizes.n * p->restarts * p->iterations);
}

static gboolean
quantize (Work *w, GError **error)
{
  const Params *p = w->params;

  w->residuals = load_embeddings (w->run, error);
  if (w->residuals == NULL)
    return FALSE;
  prepare (w);
  if (p->method == METHOD_RANDOM)
    draw_codes (w);
  for (gint32 level = 0; p->method == METHOD_RKMEANS && level < w->sids->levels; level++)
    if (!quantize_level (w, level, error))
      return FALSE;
  resolve_collisions (w);
  pr_run_set_dim (w->run, "sids", "n_items", w->sids->n_items);
  pr_run_set_dim (w->run, "sids", "levels", w->sids->levels);
  return pr_sids_save (w->sids, policies[p->collisions], pr_run_output_dir (w->run, "sids"), error);
}

static gboolean
quantizer_run (const void *params_, PrRun *run, GError **error)
{
  Work w = { .params = params_, .run = run };
  gboolean ok = quantize (&w, error);

  g_clear_pointer (&w.residuals, pr_matrix_free);
  g_clear_pointer (&w.sids, pr_sids_free);
  g_free (w.scales);
  g_free (w.centroids);
  g_free (w.last_inputs);
  return ok;
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "sid-quantizer",
  .version = "1",
  .summary = "Turn item embeddings into semantic ids.",
  .source = "GRID residual k-means; LC-Rec reassignment",
  .stochastic = TRUE,
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = quantizer_validate,
  .plan = quantizer_plan,
  .run = quantizer_run,
};

static const PrStage *const stages[] = { &stage, NULL };

PR_EXPORT const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "sid-quantizer", .stages = stages };
