#include "config.h"

#include "lists.h"
#include "report.h"

#include <math.h>

typedef enum
{
  MEASURE_LOG_P,
  MEASURE_HIT,
  MEASURE_NDCG,
  N_MEASURES,
} Measure;

static const gint32 *
items_of (const Probe *probe, const Answers *answers, gsize user, gsize arm)
{
  return answers->items + (user * answers->n_thoughts + arm) * (gsize)probe->params->top_k;
}

static gboolean
is_asked (const Answers *answers, gsize user, gsize arm)
{
  return answers->present[user * answers->n_thoughts + arm];
}

/* Of asked user USER below thought ARM. */
static float
measure_of (const Probe *probe, const Answers *answers, const Arm *arms, Measure measure, gsize user, gsize arm)
{
  const gint32 *items = items_of (probe, answers, user, arm);
  gint32 target = probe_gold (probe, user)->target;

  if (measure == MEASURE_LOG_P)
    return (float)answers->log_probs[user * answers->n_thoughts + arm];
  if (!is_asked (answers, user, arm) && !arms[arm].absent_misses)
    return NAN;
  return measure == MEASURE_HIT ? list_hit (items, probe->params->top_k, target)
                                : list_ndcg (items, probe->params->top_k, target);
}

/* "hit_10" */
static char *
measure_name (const Probe *probe, Measure measure)
{
  static const char *const names[N_MEASURES] = { "log_p", "hit", "ndcg" };

  return measure == MEASURE_LOG_P ? g_strdup (names[measure])
                                  : g_strdup_printf ("%s_%d", names[measure], (int)probe->params->top_k);
}

/* VALUES [asked users] as a metric of all users of the data set. */
static void
report_values (const Probe *probe, const char *name, const float *values)
{
  gsize n = (gsize)pr_dataset_n_users (probe->inputs.dataset);
  g_autofree float *all = g_new (float, n + 1);

  for (gsize u = 0; u < n; u++)
    all[u] = NAN;
  for (gsize i = 0; i < probe->users->len; i++)
    all[probe_user (probe, i)] = values[i];
  pr_run_user_metric (probe->run, name, all, n);
}

void
report_arm (const Probe *probe, const Answers *answers, const Arm *arms, gsize arm)
{
  g_autofree float *values = g_new (float, probe->users->len + 1);

  for (Measure m = MEASURE_LOG_P; m < N_MEASURES; m++)
    {
      g_autofree char *measure = measure_name (probe, m), *name = g_strdup_printf ("%s_%s", arms[arm].name, measure);

      for (gsize i = 0; i < probe->users->len; i++)
        values[i] = measure_of (probe, answers, arms, m, i, arm);
      report_values (probe, name, values);
    }
}

void
report_difference (const Probe *probe, const Answers *answers, const Arm *arms, gsize arm, gsize reference)
{
  g_autofree float *values = g_new (float, probe->users->len + 1);

  for (Measure m = MEASURE_LOG_P; m < N_MEASURES; m++)
    {
      g_autofree char *measure = measure_name (probe, m);
      g_autofree char *name = g_strdup_printf ("%s_vs_%s_%s", arms[arm].name, arms[reference].name, measure);

      for (gsize i = 0; i < probe->users->len; i++)
        values[i] = measure_of (probe, answers, arms, m, i, arm) - measure_of (probe, answers, arms, m, i, reference);
      report_values (probe, name, values);
    }
}

static float
first_differs (const gint32 *a, const gint32 *b, gint64 k G_GNUC_UNUSED)
{
  return lists_differ (a, b, 1);
}

void
report_lists (const Probe *probe, const Answers *answers, const Arm *arms, gsize arm, gsize reference)
{
  static const struct
  {
    const char *format;
    float (*compare) (const gint32 *a, const gint32 *b, gint64 k);
  } all[] = { { "top_1_changed", first_differs },
              { "top_%d_changed", lists_differ },
              { "kendall_%d", lists_kendall },
              { "overlap_%d", lists_overlap } };
  g_autofree float *values = g_new (float, probe->users->len + 1);
  gint64 k = probe->params->top_k;

  for (gsize c = 0; c < G_N_ELEMENTS (all); c++)
    {
      g_auto (GStrv) parts = g_strsplit (all[c].format, "%d", 2);
      g_autofree char *number = g_strdup_printf ("%d", (int)k);
      g_autofree char *what = g_strjoinv (number, parts);
      g_autofree char *name = g_strdup_printf ("%s_vs_%s_%s", arms[arm].name, arms[reference].name, what);

      if (c == 1 && k == 1)
        continue; /* said already */
      for (gsize i = 0; i < probe->users->len; i++)
        values[i] = all[c].compare (items_of (probe, answers, i, arm), items_of (probe, answers, i, reference), k);
      report_values (probe, name, values);
    }
}

void
report_asked (const Probe *probe, gsize n_texts)
{
  double costs[PR_N_COSTS] = { 0 }, empty = 0, texts = MAX ((double)n_texts, 1);

  for (gsize i = 0; i < probe->users->len; i++)
    empty += probe_gold (probe, i)->text[0] == '\0';
  pr_run_metric (probe->run, "asked_users", probe->users->len);
  pr_run_metric (probe->run, "gold_empty_share", empty / MAX (probe->users->len, 1));
  pr_run_metric (probe->run, "texts_cut_share", (double)probe->n_cut / texts);
  pr_run_metric (probe->run, "texts_foreign_share", (double)probe->n_foreign / texts);
  pr_answer_costs (&probe->stats, costs);
  for (int cost = 0; cost < PR_N_COSTS; cost++)
    pr_run_add_cost (probe->run, (PrCost)cost, costs[cost]);
}
