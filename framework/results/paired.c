#include "config.h"

#include "paired.h"

#include "stats.h"

#include <math.h>
#include <pauserec/threads.h>
#include <string.h>

#define SEED 20260614 /* of draws: fixed, so that a table can be printed again */
/* Series that are resampled together, and bytes of their values: bounds of memory, however many arms there are. */
#define MOST_SERIES 512
#define MOST_BYTES (96 << 20)

/* One metric of all runs. */
typedef struct
{
  PrComparison *c;
  const PrSource *s;
  gsize index;
  float *values; /* [n_runs, stride] */
  gint64 stride;
  gboolean *reports; /* [n_runs]: has the users of the comparison, and a value for some of them */
} Metric;

/* One metric of one arm over some seeds. */
typedef struct
{
  gsize metric, arm;
  GArray *runs;    /* gsize */
  double *sums;    /* [n_users]: over the runs; of floats, so without rounding but for extreme values */
  guint8 *defined; /* [n_users]: in all of them */
} Series;

typedef struct
{
  guint series, base; /* columns of the group */
} Pair;

/* What is known about the same users, and so can share draws. */
typedef struct
{
  guint8 *defined;   /* [n_users] */
  gsize n;           /* users defined */
  GPtrArray *series; /* Series *, the batch's; each once */
  GArray *alone;     /* guint: columns whose own intervals are wanted */
  GArray *pairs;     /* Pair */
} Group;

/* What is resampled together, of several metrics: drawing users costs more than using the draws. */
typedef struct
{
  PrComparison *c;
  GPtrArray *series; /* Series * */
  GPtrArray *groups; /* Group * */
} Batch;

static void
free_series (gpointer data)
{
  Series *series = data;

  g_array_unref (series->runs);
  g_free (series->sums);
  g_free (series->defined);
  g_free (series);
}

static void
free_group (gpointer data)
{
  Group *group = data;

  g_free (group->defined);
  g_ptr_array_unref (group->series);
  g_array_unref (group->alone);
  g_array_unref (group->pairs);
  g_free (group);
}

static PrCell *
cell_of (const PrComparison *c, const Series *series)
{
  return &c->cells[series->arm * c->n_metrics + series->metric];
}

/* Series and groups ------------------------------------------------------------------------------------------- */

/* ARM over RUNS (consumed), which is not empty; one that is there already is taken. */
static Series *
get_series (Batch *batch, const Metric *m, gsize arm, GArray *runs)
{
  gsize n_users = m->c->n_users;
  Series *series;

  for (guint i = 0; i < batch->series->len; i++)
    {
      series = batch->series->pdata[i];
      if (series->metric == m->index && series->arm == arm && series->runs->len == runs->len
          && memcmp (series->runs->data, runs->data, sizeof (gsize) * runs->len) == 0)
        {
          g_array_unref (runs);
          return series;
        }
    }
  series = g_new (Series, 1);
  *series = (Series){ m->index, arm, runs, g_new0 (double, MAX (n_users, 1)), g_new (guint8, MAX (n_users, 1)) };
  for (guint i = 0; i < runs->len; i++)
    {
      const float *row = m->values + g_array_index (runs, gsize, i) * (gsize)m->stride;

      for (gsize u = 0; u < n_users; u++)
        series->sums[u] += (double)row[u];
    }
  for (gsize u = 0; u < n_users; u++)
    series->defined[u] = !isnan (series->sums[u]);
  g_ptr_array_add (batch->series, series);
  return series;
}

/* The group of users DEFINED [n_users]. */
static Group *
get_group (Batch *batch, const guint8 *defined)
{
  gsize n_users = batch->c->n_users;
  Group *group;

  for (guint i = 0; i < batch->groups->len; i++)
    {
      group = batch->groups->pdata[i];
      if (memcmp (group->defined, defined, n_users) == 0)
        return group;
    }
  group = g_new0 (Group, 1);
  group->defined = g_memdup2 (defined, n_users);
  for (gsize u = 0; u < n_users; u++)
    group->n += defined[u];
  group->series = g_ptr_array_new ();
  group->alone = g_array_new (FALSE, FALSE, sizeof (guint));
  group->pairs = g_array_new (FALSE, FALSE, sizeof (Pair));
  g_ptr_array_add (batch->groups, group);
  return group;
}

static guint
get_column (Group *group, Series *series)
{
  guint column;

  if (g_ptr_array_find (group->series, series, &column))
    return column;
  g_ptr_array_add (group->series, series);
  return group->series->len - 1;
}

/* The runs of ARM that report the metric. */
static GArray *
runs_of (const Metric *m, gsize arm)
{
  GArray *runs = g_array_new (FALSE, FALSE, sizeof (gsize));

  for (gsize i = m->s->arm_starts[arm]; i < m->s->arm_starts[arm + 1]; i++)
    if (m->reports[m->s->runs_by_arm[i]])
      g_array_append_val (runs, m->s->runs_by_arm[i]);
  return runs;
}

/* The runs of ARM and of the baseline in the seeds in which both report the metric. */
static void
common_runs (const Metric *m, gsize arm, GArray **ret_runs, GArray **ret_base)
{
  g_autoptr (GArray) all = runs_of (m, arm);

  *ret_runs = g_array_new (FALSE, FALSE, sizeof (gsize));
  *ret_base = g_array_new (FALSE, FALSE, sizeof (gsize));
  for (guint i = 0; i < all->len; i++)
    {
      gsize run = g_array_index (all, gsize, i), other;
      gssize found = pr_source_find_run (m->s, (gsize)m->c->baseline, m->s->run_seeds[run]);

      other = (gsize)found;
      if (found < 0 || !m->reports[other])
        continue;
      g_array_append_val (*ret_runs, run);
      g_array_append_val (*ret_base, other);
    }
}

static void
add_alone (Batch *batch, const Metric *m, gsize arm)
{
  GArray *runs = runs_of (m, arm);

  if (runs->len > 0)
    {
      Series *series = get_series (batch, m, arm, runs);
      Group *group = get_group (batch, series->defined);
      guint column = get_column (group, series);

      g_array_append_val (group->alone, column);
    }
  else
    g_array_unref (runs);
}

/* In how many of their seeds SERIES is ahead of BASE, for users of BOTH. */
static gsize
count_better (const Metric *m, const Series *series, const Series *base, const guint8 *both)
{
  gsize n = 0;

  for (guint i = 0; i < series->runs->len; i++)
    {
      const float *x = m->values + g_array_index (series->runs, gsize, i) * (gsize)m->stride;
      const float *b = m->values + g_array_index (base->runs, gsize, i) * (gsize)m->stride;
      double sum = 0;

      for (gsize u = 0; u < m->c->n_users; u++)
        if (both[u])
          sum += (double)x[u] - (double)b[u];
      n += sum > 0;
    }
  return n;
}

static void
add_pair (Batch *batch, const Metric *m, gsize arm)
{
  g_autofree guint8 *both = g_new (guint8, MAX (m->c->n_users, 1));
  GArray *runs, *base_runs;
  Series *series, *base;
  Group *group;
  PrCell *cell;
  Pair pair;

  common_runs (m, arm, &runs, &base_runs);
  if (runs->len == 0)
    {
      g_array_unref (runs);
      g_array_unref (base_runs);
      return;
    }
  series = get_series (batch, m, arm, runs);
  base = get_series (batch, m, (gsize)m->c->baseline, base_runs);
  for (gsize u = 0; u < m->c->n_users; u++)
    both[u] = series->defined[u] & base->defined[u];
  group = get_group (batch, both);
  pair = (Pair){ get_column (group, series), get_column (group, base) };
  g_array_append_val (group->pairs, pair);
  cell = cell_of (m->c, series);
  cell->n_paired = series->runs->len;
  cell->n_better = count_better (m, series, base, both);
}

/* Intervals --------------------------------------------------------------------------------------------------- */

/* Draws of a group, from which intervals are taken side by side. */
typedef struct
{
  PrComparison *c;
  const Group *group;
  const double *means; /* [n_series, PR_COMPARE_DRAWS], of sums over seeds */
} Draws;

static void
take_interval (gpointer ctx, gsize tile, guint worker)
{
  const Draws *draws = ctx;
  const Group *group = draws->group;
  g_autofree double *scratch = g_new (double, PR_COMPARE_DRAWS);

  (void)worker;
  if (tile < group->alone->len)
    {
      guint column = g_array_index (group->alone, guint, tile);
      const Series *series = group->series->pdata[column];
      PrCell *cell = cell_of (draws->c, series);

      for (gsize d = 0; d < PR_COMPARE_DRAWS; d++)
        scratch[d] = draws->means[column * (gsize)PR_COMPARE_DRAWS + d] / series->runs->len;
      pr_stats_interval (scratch, PR_COMPARE_DRAWS, PR_COMPARE_LEVEL, &cell->low, &cell->high);
    }
  else
    {
      const Pair *pair = &g_array_index (group->pairs, Pair, tile - group->alone->len);
      const double *x = draws->means + pair->series * (gsize)PR_COMPARE_DRAWS;
      const double *base = draws->means + pair->base * (gsize)PR_COMPARE_DRAWS;
      PrCell *cell = cell_of (draws->c, group->series->pdata[pair->series]);

      for (gsize d = 0; d < PR_COMPARE_DRAWS; d++)
        scratch[d] = base[d] != 0 ? x[d] / base[d] - 1 : NAN;
      pr_stats_interval (scratch, PR_COMPARE_DRAWS, PR_COMPARE_LEVEL, &cell->difference_low, &cell->difference_high);
    }
}

/* The values of a group's users, one column below the other [n_series, n]. */
static double *
gather (const Group *group, gsize n_users, const double ***ret_columns)
{
  double *values = g_new (double, group->series->len * group->n), *next = values;
  const double **columns = g_new (const double *, group->series->len);

  for (guint i = 0; i < group->series->len; i++)
    {
      const Series *series = group->series->pdata[i];

      columns[i] = next;
      for (gsize u = 0; u < n_users; u++)
        if (group->defined[u])
          *next++ = series->sums[u];
    }
  *ret_columns = columns;
  return values;
}

static void
fill_intervals (PrComparison *c, const Group *group, const double *const *columns)
{
  g_autofree double *means = g_new (double, group->series->len *(gsize)PR_COMPARE_DRAWS);
  Draws draws = { c, group, means };

  pr_stats_bootstrap (columns, group->n, group->series->len, PR_COMPARE_DRAWS, pr_rng_new (SEED, "compare"), means);
  pr_parallel (group->alone->len + group->pairs->len, take_interval, &draws);
}

/* Tests ------------------------------------------------------------------------------------------------------- */

/* What D [n], and the BASE [n] that it is to be compared with, both sums over seeds, say of the effect. */
static void
fill_effect (PrCell *cell, const double *d, const double *base, gsize n)
{
  double base_mean = pr_stats_mean (base, n), mean = pr_stats_mean (d, n);

  cell->paired_users = n;
  cell->difference = base_mean != 0 ? mean / base_mean : NAN;
  cell->direction = (mean > 0) - (mean < 0);
  /* Times what power asks for, once the number of comparisons is known. */
  cell->detectable = base_mean != 0 ? pr_stats_sd (d, n) / sqrt ((double)n) / fabs (base_mean) : NAN;
}

static void
fill_tests (PrComparison *c, const Group *group, const double *const *columns)
{
  guint n = group->pairs->len;
  g_autofree double *d = g_new (double, MAX (n * group->n, 1)), *p = g_new (double, MAX (n, 1));
  g_autofree const double **rows = g_new (const double *, MAX (n, 1));

  for (guint i = 0; i < n; i++)
    {
      const Pair *pair = &g_array_index (group->pairs, Pair, i);
      double *row = d + i * group->n;

      for (gsize u = 0; u < group->n; u++)
        row[u] = columns[pair->series][u] - columns[pair->base][u];
      rows[i] = row;
      fill_effect (cell_of (c, group->series->pdata[pair->series]), row, columns[pair->base], group->n);
    }
  if (n > 0)
    pr_stats_sign_flip (rows, group->n, n, PR_COMPARE_DRAWS, pr_rng_new (SEED, "sign-flip"), p);
  for (guint i = 0; i < n; i++)
    cell_of (c, group->series->pdata[g_array_index (group->pairs, Pair, i).series])->p = p[i];
}

/* Resample what BATCH has, and empty it. */
static void
flush (Batch *batch)
{
  for (guint i = 0; i < batch->groups->len; i++)
    {
      const Group *group = batch->groups->pdata[i];
      g_autofree const double **columns = NULL;
      g_autofree double *values = NULL;

      if (group->n == 0)
        continue;
      values = gather (group, batch->c->n_users, &columns);
      fill_intervals (batch->c, group, columns);
      fill_tests (batch->c, group, columns);
    }
  g_ptr_array_set_size (batch->groups, 0);
  g_ptr_array_set_size (batch->series, 0);
}

static void
fill_verdicts (PrComparison *c, gsize metric)
{
  g_autofree double *p = g_new (double, MAX (c->n_arms, 1));
  double errors;

  for (gsize a = 0; a < c->n_arms; a++)
    p[a] = c->cells[a * c->n_metrics + metric].p;
  c->n_compared[metric] = pr_stats_holm (p, c->n_arms, p);
  if (c->n_compared[metric] == 0)
    return;
  errors = pr_stats_detectable (PR_COMPARE_ALPHA / (double)c->n_compared[metric], PR_COMPARE_POWER);
  for (gsize a = 0; a < c->n_arms; a++)
    {
      PrCell *cell = &c->cells[a * c->n_metrics + metric];

      if (isnan (p[a]))
        continue;
      cell->p_holm = p[a];
      cell->detectable *= errors;
      cell->verdict = p[a] > PR_COMPARE_ALPHA ? PR_VERDICT_OPEN
                      : cell->direction > 0   ? PR_VERDICT_BETTER
                                              : PR_VERDICT_WORSE;
    }
}

/* Put metric INDEX into BATCH. */
static gboolean
add_metric (Batch *batch, PrComparison *c, const PrSource *s, gsize index, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/per_user/%s", c->metrics[index]);
  g_autofree gboolean *reports = g_new0 (gboolean, MAX (s->n_runs, 1));
  g_autofree float *values = NULL;
  gint64 dims[2];
  Metric m = { .c = c, .s = s, .index = index, .reports = reports };

  if (!pr_h5_exists (s->h5, path))
    return TRUE;
  m.values = values = pr_h5_read_array (s->h5, path, PR_H5_F32, 2, dims, error);
  if (values == NULL)
    return FALSE;
  m.stride = dims[1];
  for (gsize r = 0; r < MIN (s->n_runs, (gsize)dims[0]); r++)
    if (s->run_users[r] == c->n_users && c->n_users <= (guint64)dims[1])
      for (guint64 u = 0; u < c->n_users && !reports[r]; u++)
        reports[r] = !isnan (values[r * (gsize)m.stride + u]);
  for (gsize a = 0; a < c->n_arms; a++)
    {
      add_alone (batch, &m, a);
      if (c->baseline >= 0 && a != (gsize)c->baseline)
        add_pair (batch, &m, a);
      if (batch->series->len >= MOST_SERIES || batch->series->len * c->n_users * sizeof (double) >= MOST_BYTES)
        flush (batch);
    }
  return TRUE;
}

gboolean
pr_comparison_fill_pairs (PrComparison *c, const PrSource *s, GError **error)
{
  Batch batch = { c, g_ptr_array_new_with_free_func (free_series), g_ptr_array_new_with_free_func (free_group) };
  gboolean ok = TRUE;

  for (gsize m = 0; ok && m < c->n_metrics; m++)
    ok = add_metric (&batch, c, s, m, error);
  if (ok)
    flush (&batch);
  for (gsize m = 0; ok && m < c->n_metrics; m++)
    fill_verdicts (c, m);
  g_ptr_array_unref (batch.groups);
  g_ptr_array_unref (batch.series);
  return ok;
}
