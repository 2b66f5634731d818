/* The three faces of a comparison. */
#include "config.h"

#include "cost.h"
#include "results.h"

#include <math.h>
#include <string.h>

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

static void
print_metric (const PrComparison *c, gsize m, GString *out)
{
  g_auto (PrGrid) grid;

  pr_grid_init (&grid, c->baseline >= 0 ? 6 : 4);
  pr_grid_add (&grid, "%s", c->metrics[m]);
  pr_grid_add (&grid, "mean");
  pr_grid_add (&grid, "sd");
  pr_grid_add (&grid, "95 %% interval");
  if (c->baseline >= 0)
    {
      pr_grid_add (&grid, "vs %s", c->arms[c->baseline]);
      pr_grid_add (&grid, "95 %% interval");
    }
  for (gsize a = 0; a < c->n_arms; a++)
    {
      const PrCell *cell = &c->cells[a * c->n_metrics + m];

      pr_grid_add (&grid, "%s", c->arms[a]);
      pr_grid_add_number (&grid, "%.4f", cell->mean, "");
      pr_grid_add_number (&grid, "%.4f", cell->sd, "");
      grid_add_interval (&grid, cell->low, cell->high, 1, "%.4f");
      if (c->baseline < 0)
        continue;
      pr_grid_add_number (&grid, "%+.2f", 100 * cell->difference, " %");
      grid_add_interval (&grid, cell->difference_low, cell->difference_high, 100, "%+.2f");
    }
  if (!isnan (c->oracle[m]))
    {
      pr_grid_add (&grid, "(oracle)");
      pr_grid_add_number (&grid, "%.4f", c->oracle[m], "");
      for (guint i = 2; i < grid.columns; i++)
        pr_grid_add (&grid, " ");
    }
  pr_grid_text (&grid, out);
  g_string_append_c (out, '\n');
}

static void
print_costs (const PrComparison *c, GString *out, void (*print) (const PrGrid *, GString *))
{
  g_auto (PrGrid) training;
  g_auto (PrGrid) inference;

  pr_cost_training_grid (c, &training);
  print (&training, out);
  g_string_append_c (out, '\n');
  pr_cost_inference_grid (c, &inference);
  print (&inference, out);
}

/* Say what the numbers do not. */
static void
print_notes (const PrComparison *c, GString *out)
{
  guint most = 0;

  for (gsize a = 0; a < c->n_arms; a++)
    most = MAX (most, c->n_seeds[a]);
  g_string_append_printf (
      out,
      "\nmean and sd over seeds; intervals from %d bootstrap draws over users, metrics averaged over "
      "seeds\n%s",
      PR_COMPARE_DRAWS, c->baseline >= 0 ? "differences are relative to the baseline and paired by user\n" : "");
  g_string_append (out, "cost of every stage that an arm needs, whether it ran now or was in the store: inference is "
                        "what answers users,\ntraining all else; tokens trained, read (forward only) and generated; "
                        "means over seeds, peak MiB the largest\n");
  for (gsize a = 0; a < c->n_arms; a++)
    if (c->n_seeds[a] < most)
      g_string_append_printf (out, "note: arm '%s' has %u of %u seeds\n", c->arms[a], c->n_seeds[a], most);
  if (c->missing != NULL)
    g_string_append_printf (out, "note: no run of the baseline '%s' is here, so there are no differences\n",
                            c->missing);
}

char *
pr_comparison_text (const PrComparison *c)
{
  GString *out = g_string_new (NULL);

  g_string_append_printf (out, "%s: %" G_GUINT64_FORMAT " users\n\n", c->experiment, c->n_users);
  for (gsize m = 0; m < c->n_metrics; m++)
    print_metric (c, m, out);
  print_costs (c, out, pr_grid_text);
  print_notes (c, out);
  return g_string_free (out, FALSE);
}

char *
pr_comparison_csv (const PrComparison *c)
{
  GString *out = g_string_new (
      "arm,metric,seeds,mean,sd,low,high,difference,difference_low,difference_high,oracle" PR_COST_CSV "\n");

  for (gsize a = 0; a < c->n_arms; a++)
    for (gsize m = 0; m < c->n_metrics; m++)
      {
        const PrCell *cell = &c->cells[a * c->n_metrics + m];
        double costs[PR_COST_N_CSV];
        const double numbers[] = {
          cell->mean,  cell->sd, cell->low, cell->high, cell->difference, cell->difference_low, cell->difference_high,
          c->oracle[m]
        };

        pr_cost_csv_values (c, a, costs);
        pr_csv_add_text (out, c->arms[a]);
        g_string_append_printf (out, ",%s,%u", c->metrics[m], c->n_seeds[a]);
        for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
          pr_csv_add_number (out, numbers[i]);
        for (gsize i = 0; i < G_N_ELEMENTS (costs); i++)
          pr_csv_add_number (out, costs[i]);
        g_string_append_c (out, '\n');
      }
  return g_string_free (out, FALSE);
}

static void
append_markdown_row (const PrComparison *c, gsize a, GString *out)
{
  char buffer[3][64];

  g_string_append_printf (out, "| %s |", c->arms[a]);
  for (gsize m = 0; m < c->n_metrics; m++)
    {
      const PrCell *cell = &c->cells[a * c->n_metrics + m];

      if (isnan (cell->mean))
        g_string_append (out, " - |");
      else
        g_string_append_printf (out, " %s", g_ascii_formatd (buffer[0], sizeof buffer[0], "%.4f", cell->mean));
      if (!isnan (cell->mean) && !isnan (cell->sd))
        g_string_append_printf (out, " ± %s", g_ascii_formatd (buffer[0], sizeof buffer[0], "%.4f", cell->sd));
      if (!isnan (cell->mean) && !isnan (cell->difference_low))
        g_string_append_printf (out, " (%s %% [%s, %s])",
                                g_ascii_formatd (buffer[0], sizeof buffer[0], "%+.1f", 100 * cell->difference),
                                g_ascii_formatd (buffer[1], sizeof buffer[1], "%+.1f", 100 * cell->difference_low),
                                g_ascii_formatd (buffer[2], sizeof buffer[2], "%+.1f", 100 * cell->difference_high));
      if (!isnan (cell->mean))
        g_string_append (out, " |");
    }
  g_string_append_c (out, '\n');
}

char *
pr_comparison_markdown (const PrComparison *c)
{
  GString *out = g_string_new ("| arm |");

  for (gsize m = 0; m < c->n_metrics; m++)
    g_string_append_printf (out, " %s |", c->metrics[m]);
  g_string_append (out, "\n|---|");
  for (gsize m = 0; m < c->n_metrics; m++)
    g_string_append (out, "---|");
  g_string_append_c (out, '\n');
  for (gsize a = 0; a < c->n_arms; a++)
    append_markdown_row (c, a, out);
  g_string_append (out, "\nMean ± sd over seeds");
  if (c->baseline >= 0)
    g_string_append_printf (out, " (difference to %s, paired bootstrap 95 %% interval over users)",
                            c->arms[c->baseline]);
  g_string_append (out, ".");
  for (gsize m = 0; m < c->n_metrics; m++)
    if (!isnan (c->oracle[m]))
      g_string_append_printf (out, " Oracle %s: %.4f.", c->metrics[m], c->oracle[m]);
  g_string_append (out, "\n\n");
  print_costs (c, out, pr_grid_markdown);
  g_string_append (out,
                   "\nTokens trained, read (forward only) and generated: mean over seeds. Inference is what answers "
                   "users, training all else that an arm needs.\n");
  return g_string_free (out, FALSE);
}

char *
pr_results_compare (const char *path, const char *baseline, const char *const *metrics, GError **error)
{
  g_autoptr (PrComparison) c = pr_comparison_new (path, baseline, metrics, error);

  return c != NULL ? pr_comparison_text (c) : NULL;
}
