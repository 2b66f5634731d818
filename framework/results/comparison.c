#include "config.h"

#include "comparison.h"

#include "cost.h"
#include "seal.h"
#include "stats.h"

#include <math.h>
#include <pauserec/error.h>
#include <string.h>

#define SEED 20260614 /* of the bootstrap: fixed, so that a table can be printed again */

/* A results.h5, read. */
typedef struct
{
  PrH5 *h5;
  gint64 n_runs, n_rows;
  char **run_arms, **row_arms, **row_names;
  guint64 *run_seeds, *run_users, *row_seeds;
  double *row_values;
} Source;

static void
source_clear (Source *s)
{
  pr_h5_free (s->h5);
  g_strfreev (s->run_arms);
  g_strfreev (s->row_arms);
  g_strfreev (s->row_names);
  g_free (s->run_seeds);
  g_free (s->run_users);
  g_free (s->row_seeds);
  g_free (s->row_values);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Source, source_clear)

static gboolean
source_read (Source *s, const char *path, GError **error)
{
  s->h5 = pr_seal_open (path, "experiment", error);
  return s->h5 != NULL && (s->run_arms = pr_h5_read_column (s->h5, "/runs", "arm", PR_H5_TEXT, &s->n_runs, error))
         && (s->run_seeds = pr_h5_read_column (s->h5, "/runs", "seed", PR_H5_U64, &s->n_runs, error))
         && (s->run_users = pr_h5_read_column (s->h5, "/runs", "n_users", PR_H5_U64, &s->n_runs, error))
         && (s->row_arms = pr_h5_read_column (s->h5, "/metrics", "arm", PR_H5_TEXT, &s->n_rows, error))
         && (s->row_seeds = pr_h5_read_column (s->h5, "/metrics", "seed", PR_H5_U64, &s->n_rows, error))
         && (s->row_names = pr_h5_read_column (s->h5, "/metrics", "metric", PR_H5_TEXT, &s->n_rows, error))
         && (s->row_values = pr_h5_read_column (s->h5, "/metrics", "value", PR_H5_F64, &s->n_rows, error));
}

/* Value of NAME in run R, of the last stage that reports it; NaN if none does. */
static double
run_value (const Source *s, gint64 r, const char *name)
{
  for (gint64 i = s->n_rows; i-- > 0;)
    if (s->row_seeds[i] == s->run_seeds[r] && strcmp (s->row_names[i], name) == 0
        && strcmp (s->row_arms[i], s->run_arms[r]) == 0)
      return s->row_values[i];
  return NAN;
}

static gboolean
has_metric (const Source *s, const char *name)
{
  return g_strv_contains ((const char *const *)s->row_names, name);
}

/* What to show ------------------------------------------------------------------------------------------------ */

static void
list_arms (PrComparison *c, const Source *s)
{
  g_autoptr (GStrvBuilder) arms = g_strv_builder_new ();

  for (gint64 r = 0; r < s->n_runs; r++)
    {
      gboolean first = TRUE;

      for (gint64 q = 0; q < r && first; q++)
        first = strcmp (s->run_arms[q], s->run_arms[r]) != 0;
      if (first)
        g_strv_builder_add (arms, s->run_arms[r]);
    }
  c->arms = g_strv_builder_end (arms);
  c->n_arms = g_strv_length (c->arms);
  c->n_seeds = g_new0 (guint, c->n_arms);
  for (gsize a = 0; a < c->n_arms; a++)
    for (gint64 r = 0; r < s->n_runs; r++)
      c->n_seeds[a] += strcmp (s->run_arms[r], c->arms[a]) == 0;
}

static gboolean
choose_baseline (PrComparison *c, const Source *s, const char *baseline, GError **error)
{
  g_autofree char *stored = baseline ? NULL : pr_h5_get_text (s->h5, "/", "baseline", error), *list = NULL;
  const char *wanted = baseline ? baseline : stored;

  if (wanted == NULL)
    return FALSE;
  c->baseline = -1;
  for (gsize a = 0; a < c->n_arms; a++)
    if (strcmp (c->arms[a], wanted) == 0)
      c->baseline = (gssize)a;
  if (c->baseline >= 0 || wanted[0] == '\0')
    return TRUE;
  if (baseline == NULL)
    {
      c->missing = g_steal_pointer (&stored);
      return TRUE;
    }
  list = g_strjoinv (", ", c->arms);
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "no run belongs to the baseline '%s'; arms with results: %s",
               baseline, list);
  return FALSE;
}

static gboolean
choose_metrics (PrComparison *c, const Source *s, const char *const *metrics, GError **error)
{
  static const char *const usual[] = { "hit_5", "hit_10", "ndcg_5", "ndcg_10", NULL };
  g_autoptr (GPtrArray) chosen = g_ptr_array_new_with_free_func (g_free);

  for (gsize m = 0; metrics != NULL && metrics[m] != NULL; m++)
    {
      if (!has_metric (s, metrics[m]))
        {
          g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                       "no run reports the metric '%s' (pauserec inspect names what a "
                       "stage reports; table /metrics of the file lists what there is)",
                       metrics[m]);
          return FALSE;
        }
      g_ptr_array_add (chosen, g_strdup (metrics[m]));
    }
  for (gsize m = 0; metrics == NULL && usual[m] != NULL; m++)
    if (has_metric (s, usual[m]))
      g_ptr_array_add (chosen, g_strdup (usual[m]));
  for (gint64 i = 0; metrics == NULL && i < s->n_rows; i++)
    if (g_str_has_prefix (s->row_names[i], "hit_10_")
        && !g_ptr_array_find_with_equal_func (chosen, s->row_names[i], g_str_equal, NULL))
      g_ptr_array_add (chosen, g_strdup (s->row_names[i]));
  g_ptr_array_add (chosen, NULL);
  c->n_metrics = chosen->len - 1;
  c->metrics = (char **)g_ptr_array_free (g_steal_pointer (&chosen), FALSE);
  return TRUE;
}

/* Means over seeds -------------------------------------------------------------------------------------------- */

static PrCell *
cell_at (const PrComparison *c, gsize arm, gsize metric)
{
  return &c->cells[arm * c->n_metrics + metric];
}

static void
fill_cell (PrComparison *c, const Source *s, gsize arm, gsize metric)
{
  g_autofree double *values = g_new (double, s->n_runs);
  PrCell *cell = cell_at (c, arm, metric);
  gsize n = 0;

  for (gint64 r = 0; r < s->n_runs; r++)
    if (strcmp (s->run_arms[r], c->arms[arm]) == 0)
      values[n++] = run_value (s, r, c->metrics[metric]);
  *cell = (PrCell){ pr_stats_mean (values, n), pr_stats_sd (values, n), NAN, NAN, NAN, NAN, NAN };
}

static void
fill_means (PrComparison *c, const Source *s)
{
  c->cells = g_new (PrCell, MAX (c->n_arms * c->n_metrics, 1));
  c->oracle = g_new (double, MAX (c->n_metrics, 1));
  for (gsize m = 0; m < c->n_metrics; m++)
    {
      g_autofree char *name = g_strconcat ("oracle_", c->metrics[m], NULL);
      g_autofree double *values = g_new (double, MAX (s->n_runs, 1));

      for (gint64 r = 0; r < s->n_runs; r++)
        values[r] = run_value (s, r, name);
      c->oracle[m] = pr_stats_mean (values, (gsize)s->n_runs);
      for (gsize a = 0; a < c->n_arms; a++)
        fill_cell (c, s, a, m);
      for (gsize a = 0; c->baseline >= 0 && a < c->n_arms; a++)
        {
          double base = cell_at (c, (gsize)c->baseline, m)->mean;

          if (a != (gsize)c->baseline && base != 0)
            cell_at (c, a, m)->difference = cell_at (c, a, m)->mean / base - 1;
        }
    }
}

/* Intervals --------------------------------------------------------------------------------------------------- */

/* One metric of one arm, a value per user. */
typedef struct
{
  gsize arm, metric;
  float *values; /* [n_users], mean over seeds */
} Series;

static void
free_series (gpointer data)
{
  g_free (((Series *)data)->values);
  g_free (data);
}

static Series *
read_series (const PrComparison *c, const Source *s, const float *all, gint64 stride, gsize arm, gsize metric)
{
  g_autofree float *rows = g_new (float, MAX (s->n_runs * (gint64)c->n_users, 1));
  gboolean defined = FALSE;
  gsize n = 0;
  Series *series;

  for (gint64 r = 0; r < s->n_runs; r++)
    {
      if (strcmp (s->run_arms[r], c->arms[arm]) != 0)
        continue;
      if (s->run_users[r] != c->n_users)
        return NULL; /* other users: nothing to pair */
      memcpy (rows + n++ * c->n_users, all + r * stride, sizeof (float) * c->n_users);
    }
  series = g_new0 (Series, 1);
  *series = (Series){ arm, metric, g_new (float, MAX (c->n_users, 1)) };
  pr_stats_mean_rows (rows, n, c->n_users, series->values);
  for (guint64 u = 0; u < c->n_users && !defined; u++)
    defined = !isnan (series->values[u]);
  if (!defined)
    g_clear_pointer (&series, free_series);
  return series;
}

/* All series of METRIC, or none if it is no per-user metric. */
static GPtrArray *
read_metric (const PrComparison *c, const Source *s, gsize metric, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/per_user/%s", c->metrics[metric]);
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (free_series);
  g_autofree float *all = NULL;
  gint64 dims[2];

  if (!pr_h5_exists (s->h5, path))
    return g_steal_pointer (&list);
  all = pr_h5_read_array (s->h5, path, PR_H5_F32, 2, dims, error);
  if (all == NULL)
    return NULL;
  for (gsize a = 0; a < c->n_arms; a++)
    {
      Series *series = read_series (c, s, all, dims[1], a, metric);

      if (series != NULL)
        g_ptr_array_add (list, series);
    }
  return g_steal_pointer (&list);
}

/* Users for whom every series of LIST is defined. */
static GArray *
common_users (const GPtrArray *list, guint64 n_users)
{
  GArray *users = g_array_new (FALSE, FALSE, sizeof (guint64));

  for (guint64 u = 0; u < n_users; u++)
    {
      gboolean defined = TRUE;

      for (guint i = 0; i < list->len && defined; i++)
        defined = !isnan (((const Series *)g_ptr_array_index (list, i))->values[u]);
      if (defined)
        g_array_append_val (users, u);
    }
  return users;
}

static void
fill_interval (const double *means, guint n_series, guint i, double *scratch, double *ret_low, double *ret_high)
{
  for (gsize d = 0; d < PR_COMPARE_DRAWS; d++)
    scratch[d] = means[d * n_series + i];
  pr_stats_interval (scratch, PR_COMPARE_DRAWS, PR_COMPARE_LEVEL, ret_low, ret_high);
}

static void
fill_intervals (PrComparison *c, const GPtrArray *list, const double *means)
{
  g_autofree double *scratch = g_new (double, PR_COMPARE_DRAWS);

  for (guint i = 0; i < list->len; i++)
    {
      const Series *series = g_ptr_array_index (list, i);
      PrCell *cell = cell_at (c, series->arm, series->metric);

      fill_interval (means, list->len, i, scratch, &cell->low, &cell->high);
      for (guint b = 0; b < list->len; b++)
        {
          const Series *base = g_ptr_array_index (list, b);

          if ((gssize)base->arm != c->baseline || base->metric != series->metric || b == i)
            continue;
          for (gsize d = 0; d < PR_COMPARE_DRAWS; d++)
            scratch[d] = means[d * list->len + b] != 0 ? means[d * list->len + i] / means[d * list->len + b] - 1 : NAN;
          pr_stats_interval (scratch, PR_COMPARE_DRAWS, PR_COMPARE_LEVEL, &cell->difference_low,
                             &cell->difference_high);
        }
    }
}

/* Resample USERS for all series of LIST at once. */
static void
bootstrap (PrComparison *c, const GPtrArray *list, const GArray *users)
{
  g_autofree float *values = g_new (float, MAX (users->len * list->len, 1));
  g_autofree double *means = g_new (double, PR_COMPARE_DRAWS * list->len);

  if (users->len == 0)
    return;
  for (guint u = 0; u < users->len; u++)
    for (guint i = 0; i < list->len; i++)
      values[u * list->len + i] =
          ((const Series *)g_ptr_array_index (list, i))->values[g_array_index (users, guint64, u)];
  pr_stats_bootstrap (values, users->len, list->len, PR_COMPARE_DRAWS, pr_rng_new (SEED, "compare"), means);
  fill_intervals (c, list, means);
}

/* Metrics about the same users are resampled together, which costs little more than one of them. */
static gboolean
fill_bootstrap (PrComparison *c, const Source *s, GError **error)
{
  g_autoptr (GPtrArray) lists = g_ptr_array_new_with_free_func ((GDestroyNotify)g_ptr_array_unref);
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);

  for (gsize m = 0; m < c->n_metrics; m++)
    {
      GPtrArray *list = read_metric (c, s, m, error);
      GArray *common;
      guint g;

      if (list == NULL)
        return FALSE;
      common = common_users (list, c->n_users);
      for (g = 0; g < lists->len; g++)
        {
          const GArray *other = g_ptr_array_index (users, g);

          if (other->len == common->len
              && (common->len == 0 || memcmp (other->data, common->data, common->len * sizeof (guint64)) == 0))
            break;
        }
      if (list->len > 0 && g < lists->len)
        g_ptr_array_extend_and_steal (g_ptr_array_index (lists, g), g_ptr_array_ref (list));
      else if (list->len > 0)
        {
          g_ptr_array_add (lists, g_ptr_array_ref (list));
          g_ptr_array_add (users, g_array_ref (common));
        }
      g_ptr_array_unref (list);
      g_array_unref (common);
    }
  for (guint g = 0; g < lists->len; g++)
    bootstrap (c, g_ptr_array_index (lists, g), g_ptr_array_index (users, g));
  return TRUE;
}

PrComparison *
pr_comparison_new (const char *path, const char *baseline, const char *const *metrics, GError **error)
{
  g_autoptr (PrComparison) c = g_new0 (PrComparison, 1);
  g_auto (Source) s = { 0 };

  if (!source_read (&s, path, error) || (c->experiment = pr_h5_get_text (s.h5, "/", "experiment", error)) == NULL)
    return NULL;
  list_arms (c, &s);
  if (!choose_baseline (c, &s, baseline, error) || !choose_metrics (c, &s, metrics, error))
    return NULL;
  for (gint64 r = s.n_runs; r-- > 0;)
    if (c->baseline < 0 || strcmp (s.run_arms[r], c->arms[c->baseline]) == 0)
      c->n_users = s.run_users[r];
  fill_means (c, &s);
  return fill_bootstrap (c, &s, error) && pr_comparison_fill_costs (c, s.h5, error) ? g_steal_pointer (&c) : NULL;
}

void
pr_comparison_free (PrComparison *c)
{
  if (c == NULL)
    return;
  g_free (c->experiment);
  g_strfreev (c->arms);
  g_free (c->n_seeds);
  g_free (c->missing);
  g_strfreev (c->metrics);
  g_free (c->cells);
  g_free (c->oracle);
  g_free (c->costs);
  for (gsize i = 0; i < c->n_stages; i++)
    g_free (c->stages[i].stage);
  g_free (c->stages);
  g_free (c);
}
