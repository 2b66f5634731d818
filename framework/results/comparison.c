/* What is compared, and what needs no users: means over seeds, and differences of them. */
#include "config.h"

#include "comparison.h"

#include "cost.h"
#include "paired.h"
#include "stats.h"

#include <math.h>
#include <pauserec/error.h>
#include <string.h>

/* What to show ------------------------------------------------------------------------------------------------ */

static void
list_arms (PrComparison *c, const PrSource *s)
{
  c->arms = g_strdupv (s->arms);
  c->n_arms = s->n_arms;
  c->n_seeds = g_new0 (guint, MAX (c->n_arms, 1));
  for (gsize a = 0; a < c->n_arms; a++)
    c->n_seeds[a] = (guint)(s->arm_starts[a + 1] - s->arm_starts[a]);
}

static gboolean
choose_baseline (PrComparison *c, const PrSource *s, const char *baseline, GError **error)
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
has_metric (const PrSource *s, const char *name)
{
  return g_strv_contains ((const char *const *)s->row_names, name);
}

static gboolean
choose_metrics (PrComparison *c, const PrSource *s, const char *const *metrics, GError **error)
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
  for (gsize i = 0; metrics == NULL && i < s->n_rows; i++)
    if (g_str_has_prefix (s->row_names[i], "hit_10_")
        && !g_ptr_array_find_with_equal_func (chosen, s->row_names[i], g_str_equal, NULL))
      g_ptr_array_add (chosen, g_strdup (s->row_names[i]));
  g_ptr_array_add (chosen, NULL);
  c->n_metrics = chosen->len - 1;
  c->metrics = (char **)g_ptr_array_free (g_steal_pointer (&chosen), FALSE);
  return TRUE;
}

/* Means over seeds -------------------------------------------------------------------------------------------- */

static void
fill_cell (PrComparison *c, const PrSource *s, gsize arm, gsize metric)
{
  gsize start = s->arm_starts[arm], n = s->arm_starts[arm + 1] - start;
  g_autofree double *values = g_new (double, MAX (n, 1));
  PrCell *cell = &c->cells[arm * c->n_metrics + metric];

  for (gsize i = 0; i < n; i++)
    values[i] = pr_source_value (s, s->runs_by_arm[start + i], c->metrics[metric]);
  *cell = (PrCell){ .mean = pr_stats_mean (values, n),
                    .sd = pr_stats_sd (values, n),
                    .low = NAN,
                    .high = NAN,
                    .difference = NAN,
                    .difference_low = NAN,
                    .difference_high = NAN,
                    .p = NAN,
                    .p_holm = NAN,
                    .detectable = NAN };
}

/* To the baseline, over the seeds in which both have the metric; whoever knows the users does better. */
static void
fill_difference (PrComparison *c, const PrSource *s, gsize arm, gsize metric)
{
  PrCell *cell = &c->cells[arm * c->n_metrics + metric];
  double sum = 0, base_sum = 0;

  for (gsize i = s->arm_starts[arm]; i < s->arm_starts[arm + 1]; i++)
    {
      gsize run = s->runs_by_arm[i];
      gssize other = pr_source_find_run (s, (gsize)c->baseline, s->run_seeds[run]);
      double value = pr_source_value (s, run, c->metrics[metric]);
      double base = other >= 0 ? pr_source_value (s, (gsize)other, c->metrics[metric]) : NAN;

      if (isnan (value) || isnan (base))
        continue;
      sum += value;
      base_sum += base;
      cell->n_paired++;
      cell->n_better += value > base;
    }
  if (base_sum != 0)
    cell->difference = sum / base_sum - 1;
}

static void
fill_means (PrComparison *c, const PrSource *s)
{
  g_autofree double *values = g_new (double, MAX (s->n_runs, 1));

  c->cells = g_new0 (PrCell, MAX (c->n_arms * c->n_metrics, 1));
  c->oracle = g_new (double, MAX (c->n_metrics, 1));
  c->n_compared = g_new0 (gsize, MAX (c->n_metrics, 1));
  for (gsize m = 0; m < c->n_metrics; m++)
    {
      g_autofree char *name = g_strconcat ("oracle_", c->metrics[m], NULL);

      for (gsize r = 0; r < s->n_runs; r++)
        values[r] = pr_source_value (s, r, name);
      c->oracle[m] = pr_stats_mean (values, s->n_runs);
      for (gsize a = 0; a < c->n_arms; a++)
        fill_cell (c, s, a, m);
      for (gsize a = 0; c->baseline >= 0 && a < c->n_arms; a++)
        if (a != (gsize)c->baseline)
          fill_difference (c, s, a, m);
    }
}

/* Notes ------------------------------------------------------------------------------------------------------- */

/* What of ARM and the baseline could not be paired; NULL: nothing. */
static char *
pairing_note (const PrComparison *c, const PrSource *s, gsize arm)
{
  g_autoptr (GString) seeds = g_string_new (NULL);
  gsize n = 0, n_others = 0;
  guint64 users = 0;

  for (gsize i = s->arm_starts[arm]; i < s->arm_starts[arm + 1]; i++)
    {
      gsize run = s->runs_by_arm[i];
      gssize other = pr_source_find_run (s, (gsize)c->baseline, s->run_seeds[run]);

      if (s->run_users[run] != c->n_users)
        {
          users = s->run_users[run];
          n_others++;
        }
      else if (other >= 0 && s->run_users[other] == c->n_users)
        g_string_append_printf (seeds, "%s%" G_GUINT64_FORMAT, n++ == 0 ? "" : ", ", s->run_seeds[run]);
    }
  if (n_others > 0 && n == 0)
    return g_strdup_printf ("arm '%s' has %" G_GUINT64_FORMAT " users, '%s' %" G_GUINT64_FORMAT
                            ": they cannot be paired",
                            c->arms[arm], users, c->arms[c->baseline], c->n_users);
  if (n == 0)
    return g_strdup_printf ("arm '%s' and '%s' have no seed in common: there is no difference", c->arms[arm],
                            c->arms[c->baseline]);
  if (n == c->n_seeds[arm] && n == c->n_seeds[c->baseline])
    return NULL;
  return g_strdup_printf ("arm '%s' is paired with '%s' in seed%s %s alone%s", c->arms[arm], c->arms[c->baseline],
                          n == 1 ? "" : "s", seeds->str, n_others > 0 ? "; other seeds have other users" : "");
}

static void
fill_notes (PrComparison *c, const PrSource *s)
{
  g_autoptr (GPtrArray) notes = g_ptr_array_new ();
  guint most = 0;

  for (gsize a = 0; a < c->n_arms; a++)
    most = MAX (most, c->n_seeds[a]);
  for (gsize a = 0; a < c->n_arms; a++)
    {
      char *note = c->baseline >= 0 && a != (gsize)c->baseline ? pairing_note (c, s, a) : NULL;

      if (c->n_seeds[a] < most)
        g_ptr_array_add (notes, g_strdup_printf ("arm '%s' has %u of %u seeds", c->arms[a], c->n_seeds[a], most));
      if (note != NULL)
        g_ptr_array_add (notes, note);
    }
  if (c->missing != NULL)
    g_ptr_array_add (notes,
                     g_strdup_printf ("no run of the baseline '%s' is here, so there are no differences", c->missing));
  g_ptr_array_add (notes, NULL);
  c->notes = (char **)g_ptr_array_free (g_steal_pointer (&notes), FALSE);
}

PrComparison *
pr_comparison_new (const char *path, const char *baseline, const char *const *metrics, GError **error)
{
  g_autoptr (PrComparison) c = g_new0 (PrComparison, 1);
  g_auto (PrSource) s = { 0 };

  if (!pr_source_read (&s, path, error) || (c->experiment = pr_h5_get_text (s.h5, "/", "experiment", error)) == NULL)
    return NULL;
  list_arms (c, &s);
  if (!choose_baseline (c, &s, baseline, error) || !choose_metrics (c, &s, metrics, error))
    return NULL;
  if (s.n_runs > 0)
    c->n_users = s.run_users[c->baseline >= 0 ? s.runs_by_arm[s.arm_starts[c->baseline]] : 0];
  fill_means (c, &s);
  fill_notes (c, &s);
  return pr_comparison_fill_pairs (c, &s, error) && pr_comparison_fill_costs (c, s.h5, error) ? g_steal_pointer (&c)
                                                                                              : NULL;
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
  g_strfreev (c->notes);
  g_strfreev (c->metrics);
  g_free (c->cells);
  g_free (c->oracle);
  g_free (c->n_compared);
  g_free (c->costs);
  for (gsize i = 0; i < c->n_stages; i++)
    g_free (c->stages[i].stage);
  g_free (c->stages);
  g_free (c);
}
