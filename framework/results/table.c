/* The faces of a comparison. */
#include "config.h"

#include "cost.h"
#include "face.h"
#include "results.h"

#include <math.h>
#include <string.h>

static const PrCell *
cell_at (const PrComparison *c, gsize arm, gsize metric)
{
  return &c->cells[arm * c->n_metrics + metric];
}

/* Metrics ----------------------------------------------------------------------------------------------------- */

static void
grid_add_interval (PrGrid *grid, double low, double high, double scale, const char *format)
{
  char a[64], b[64];

  if (isnan (low) || isnan (high))
    pr_grid_add (grid, "-");
  else
    pr_grid_add (grid, "%s .. %s", g_ascii_formatd (a, sizeof a, format, low * scale),
                 g_ascii_formatd (b, sizeof b, format, high * scale));
}

/* "better", "worse", or "not significant" with what could have been detected. */
static char *
verdict_text (const PrCell *cell)
{
  char buffer[64];

  switch (cell->verdict)
    {
    case PR_VERDICT_BETTER:
      return g_strdup ("better");
    case PR_VERDICT_WORSE:
      return g_strdup ("worse");
    case PR_VERDICT_OPEN:
      if (cell->detectable == 0)
        return g_strdup ("not significant (no user differs)");
      if (isnan (cell->detectable))
        return g_strdup ("not significant");
      return g_strdup_printf ("not significant (%s %%)",
                              g_ascii_formatd (buffer, sizeof buffer, "%.2f", 100 * cell->detectable));
    case PR_VERDICT_NONE:
      break;
    }
  return g_strdup ("-");
}

static void
add_comparison (PrGrid *grid, const PrCell *cell)
{
  g_autofree char *verdict = verdict_text (cell);

  pr_grid_add_number (grid, "%+.2f", 100 * cell->difference, " %");
  grid_add_interval (grid, cell->difference_low, cell->difference_high, 100, "%+.2f");
  if (cell->n_paired > 0)
    pr_grid_add (grid, "%d/%d", (int)cell->n_better, (int)cell->n_paired);
  else
    pr_grid_add (grid, "-");
  pr_grid_add_number (grid, "%.4f", cell->p_holm, "");
  pr_grid_add (grid, "%s", verdict);
}

static void
add_metric_head (PrGrid *grid, const PrComparison *c, gsize m)
{
  pr_grid_add (grid, "%s", c->metrics[m]);
  pr_grid_add (grid, "mean");
  pr_grid_add (grid, "sd");
  pr_grid_add (grid, "95 %% interval");
  if (c->baseline < 0)
    return;
  pr_grid_add (grid, "vs %s", c->arms[c->baseline]);
  pr_grid_add (grid, "95 %% interval");
  pr_grid_add (grid, "ahead");
  pr_grid_add (grid, "Holm p");
  pr_grid_add (grid, "verdict (detectable)");
}

static void
add_metric (const PrComparison *c, gsize m, const PrFace *face, GString *out)
{
  g_auto (PrGrid) grid;

  pr_grid_init (&grid, c->baseline >= 0 ? 9 : 4);
  add_metric_head (&grid, c, m);
  for (gsize a = 0; a < c->n_arms; a++)
    {
      const PrCell *cell = cell_at (c, a, m);

      pr_grid_add (&grid, "%s", c->arms[a]);
      pr_grid_add_number (&grid, "%.4f", cell->mean, "");
      pr_grid_add_number (&grid, "%.4f", cell->sd, "");
      grid_add_interval (&grid, cell->low, cell->high, 1, "%.4f");
      if (c->baseline >= 0)
        add_comparison (&grid, cell);
    }
  if (!isnan (c->oracle[m]))
    {
      pr_grid_add (&grid, "(oracle)");
      pr_grid_add_number (&grid, "%.4f", c->oracle[m], "");
      for (guint i = 2; i < grid.columns; i++)
        pr_grid_add (&grid, " ");
    }
  face->grid (&grid, out);
  face->gap (out);
}

/* Arms x metrics: for papers, in which details stand elsewhere. */
static void
add_overview (const PrComparison *c, const PrFace *face, GString *out)
{
  static const char *const marks[] = {
    [PR_VERDICT_NONE] = "", [PR_VERDICT_BETTER] = " (+)", [PR_VERDICT_WORSE] = " (-)", [PR_VERDICT_OPEN] = " (n.s.)"
  };
  char mean[64], sd[64];
  g_auto (PrGrid) grid;

  pr_grid_init (&grid, (guint)c->n_metrics + 1);
  pr_grid_add (&grid, "arm");
  for (gsize m = 0; m < c->n_metrics; m++)
    pr_grid_add (&grid, "%s", c->metrics[m]);
  for (gsize a = 0; a < c->n_arms; a++)
    {
      pr_grid_add (&grid, "%s", c->arms[a]);
      for (gsize m = 0; m < c->n_metrics; m++)
        {
          const PrCell *cell = cell_at (c, a, m);

          g_ascii_formatd (mean, sizeof mean, "%.4f", cell->mean);
          g_ascii_formatd (sd, sizeof sd, "%.4f", cell->sd);
          pr_grid_add (&grid, "%s%s%s%s", isnan (cell->mean) ? "-" : mean, isnan (cell->sd) ? "" : " ± ",
                       isnan (cell->sd) ? "" : sd, marks[cell->verdict]);
        }
    }
  face->grid (&grid, out);
  face->gap (out);
}

static void
add_costs (const PrComparison *c, const PrFace *face, GString *out)
{
  g_auto (PrGrid) training;
  g_auto (PrGrid) inference;

  pr_cost_training_grid (c, &training);
  face->grid (&training, out);
  face->gap (out);
  pr_cost_inference_grid (c, &inference);
  face->grid (&inference, out);
  g_string_append_c (out, '\n');
}

/* Notes: what the numbers do not say of themselves ------------------------------------------------------------ */

static void
note_test (const PrComparison *c, const PrFace *face, GString *out)
{
  gsize most = 0, least = G_MAXSIZE;
  g_autofree char *count = NULL, *text = NULL;

  for (gsize m = 0; m < c->n_metrics; m++)
    {
      most = MAX (most, c->n_compared[m]);
      least = c->n_compared[m] > 0 ? MIN (least, c->n_compared[m]) : least;
    }
  if (most == 0)
    return;
  count = least == most ? g_strdup_printf ("%d", (int)most) : g_strdup_printf ("%d to %d", (int)least, (int)most);
  text = g_strdup_printf (
      "Holm p: two-sided sign-flip permutation test of %d draws on each user's difference to %s, averaged over the "
      "seeds "
      "that both have, one flip for all seeds of a user; adjusted by Holm for the %s arm%s compared on a metric, not "
      "for "
      "the number of metrics. It takes users as exchangeable units whose differences are symmetric about 0 if the arms "
      "do not differ, and the seeds at hand as they are: what other seeds of training would change is not in p; ahead "
      "says in how many of these the arm is. Verdict at %.2f; better is higher.",
      PR_COMPARE_DRAWS, c->arms[c->baseline], count, most == 1 ? "" : "s", PR_COMPARE_ALPHA);
  face->note (out, text);
  g_free (text);
  text = g_strdup_printf (
      "detectable, beside 'not significant': the true difference, relative to %s, that a two-sided test at %.2f / %s "
      "(one comparison's share) of as many users finds with probability %.2f; normal approximation, from the sd of "
      "the differences. A smaller one may exist.",
      c->arms[c->baseline], PR_COMPARE_ALPHA, count, PR_COMPARE_POWER);
  face->note (out, text);
}

static void
add_notes (const PrComparison *c, const PrFace *face, GString *out)
{
  g_autofree char *intervals = g_strdup_printf (
      "mean and sd over seeds; intervals from %d bootstrap draws over users, metrics averaged over seeds%s",
      PR_COMPARE_DRAWS,
      c->baseline >= 0 ? "; differences are relative to the baseline and paired by user and seed" : "");

  face->note (out, intervals);
  note_test (c, face, out);
  face->note (out, "cost of every stage that an arm needs, whether it ran now or was in the store: inference is what "
                   "answers users, training all else; tokens trained, read (forward only) and generated; means over "
                   "seeds, peak MiB the largest");
  for (char **note = c->notes; *note != NULL; note++)
    {
      g_autofree char *text = g_strconcat ("note: ", *note, NULL);

      face->note (out, text);
    }
}

/* Faces ------------------------------------------------------------------------------------------------------- */

static char *
make_title (const PrComparison *c, const char *what)
{
  return c->baseline >= 0 ? g_strdup_printf ("%s: %s, baseline %s", c->experiment, what, c->arms[c->baseline])
                          : g_strdup_printf ("%s: %s, no baseline", c->experiment, what);
}

static char *
show (const PrComparison *c, const PrFace *face, gboolean overview)
{
  GString *out = g_string_new (NULL);
  g_autofree char *users = g_strdup_printf ("%" G_GUINT64_FORMAT " users", c->n_users), *title = make_title (c, users);

  face->title (out, title);
  if (overview && c->n_metrics > 0)
    {
      add_overview (c, face, out);
      if (c->baseline >= 0)
        face->note (out, "mean ± sd over seeds; against the baseline: (+) better, (-) worse, (n.s.) not significant, "
                         "with these numbers:");
    }
  for (gsize m = 0; m < c->n_metrics; m++)
    add_metric (c, m, face, out);
  add_costs (c, face, out);
  add_notes (c, face, out);
  return g_string_free (out, FALSE);
}

char *
pr_comparison_text (const PrComparison *c)
{
  return show (c, &pr_face_text, FALSE);
}

char *
pr_comparison_markdown (const PrComparison *c)
{
  return show (c, &pr_face_markdown, TRUE);
}

char *
pr_comparison_latex (const PrComparison *c)
{
  return show (c, &pr_face_latex, TRUE);
}

static void
append_csv_row (const PrComparison *c, gsize a, gsize m, GString *out)
{
  static const char *const verdicts[] = { [PR_VERDICT_NONE] = "",
                                          [PR_VERDICT_BETTER] = "better",
                                          [PR_VERDICT_WORSE] = "worse",
                                          [PR_VERDICT_OPEN] = "not significant" };
  const PrCell *cell = cell_at (c, a, m);
  double costs[PR_COST_N_CSV];
  const double numbers[] = {
    cell->mean,  cell->sd, cell->low, cell->high, cell->difference, cell->difference_low, cell->difference_high,
    c->oracle[m]
  };
  const double tests[] = {
    (double)cell->n_paired,   (double)cell->n_better, (double)cell->paired_users, cell->p, cell->p_holm,
    (double)c->n_compared[m], cell->detectable
  };

  pr_cost_csv_values (c, a, costs);
  pr_csv_add_text (out, c->arms[a]);
  g_string_append_printf (out, ",%s,%u", c->metrics[m], c->n_seeds[a]);
  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    pr_csv_add_number (out, numbers[i]);
  for (gsize i = 0; i < G_N_ELEMENTS (costs); i++)
    pr_csv_add_number (out, costs[i]);
  g_string_append_c (out, ',');
  pr_csv_add_text (out, c->baseline >= 0 ? c->arms[c->baseline] : "");
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    pr_csv_add_number (out, tests[i]);
  g_string_append_printf (out, ",%s\n", verdicts[cell->verdict]);
}

char *
pr_comparison_csv (const PrComparison *c)
{
  GString *out =
      g_string_new ("arm,metric,seeds,mean,sd,low,high,difference,difference_low,difference_high,oracle" PR_COST_CSV
                    ",baseline,paired_seeds,better_seeds,paired_users,p,p_holm,comparisons,detectable,verdict\n");

  for (gsize a = 0; a < c->n_arms; a++)
    for (gsize m = 0; m < c->n_metrics; m++)
      append_csv_row (c, a, m, out);
  return g_string_free (out, FALSE);
}

char *
pr_results_compare (const char *path, const char *baseline, const char *const *metrics, GError **error)
{
  g_autoptr (PrComparison) c = pr_comparison_new (path, baseline, metrics, error);

  return c != NULL ? pr_comparison_text (c) : NULL;
}

/* Costs, stage by stage --------------------------------------------------------------------------------------- */

static char *
show_costs (const PrComparison *c, const PrFace *face)
{
  GString *out = g_string_new (NULL);
  g_autofree char *title = make_title (c, "cost of every stage");
  g_auto (PrGrid) grid;

  face->title (out, title);
  pr_cost_stages_grid (c, &grid);
  face->grid (&grid, out);
  g_string_append_c (out, '\n');
  face->note (out, "mean over seeds, peak memory the largest; a stage that answers users is inference, any other one "
                   "training");
  return g_string_free (out, FALSE);
}

char *
pr_comparison_costs_text (const PrComparison *c)
{
  return show_costs (c, &pr_face_text);
}

char *
pr_comparison_costs_markdown (const PrComparison *c)
{
  return show_costs (c, &pr_face_markdown);
}

char *
pr_comparison_costs_latex (const PrComparison *c)
{
  return show_costs (c, &pr_face_latex);
}
