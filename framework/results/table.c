/* The three faces of a comparison. */
#include "config.h"

#include "comparison.h"
#include "results.h"

#include <math.h>
#include <string.h>

/* Texts in columns, the first flush left, the others flush right. */
typedef struct
{
  GPtrArray *cells; /* char *, row by row */
  guint columns;
} Grid;

static void G_GNUC_PRINTF (2, 3) grid_add (Grid *grid, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_ptr_array_add (grid->cells, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

/* NaN becomes "-". */
static void
grid_add_number (Grid *grid, const char *format, double value, const char *unit)
{
  char buffer[64];

  if (isnan (value))
    grid_add (grid, "-");
  else
    grid_add (grid, "%s%s", g_ascii_formatd (buffer, sizeof buffer, format, value), unit);
}

static void
grid_add_interval (Grid *grid, double low, double high, double scale, const char *format)
{
  char a[64], b[64];

  if (isnan (low) || isnan (high))
    grid_add (grid, "-");
  else
    grid_add (grid, "%s .. %s", g_ascii_formatd (a, sizeof a, format, low * scale),
              g_ascii_formatd (b, sizeof b, format, high * scale));
}

/* Characters that a terminal shows, not bytes. */
static gsize
shown (const char *text)
{
  return (gsize)g_utf8_strlen (text, -1);
}

/* Append the rows to OUT and forget them. */
static void
grid_print (Grid *grid, GString *out)
{
  g_autofree gsize *widths = g_new0 (gsize, grid->columns);

  for (guint i = 0; i < grid->cells->len; i++)
    widths[i % grid->columns] = MAX (widths[i % grid->columns], shown (grid->cells->pdata[i]));
  for (guint i = 0; i < grid->cells->len; i++)
    {
      const char *text = grid->cells->pdata[i];
      guint column = i % grid->columns;
      int pad = (int)(widths[column] - shown (text));

      if (column == 0)
        g_string_append_printf (out, "  %s%*s", text, pad, "");
      else
        g_string_append_printf (out, "  %*s%s", pad, "", text);
      if (column + 1 == grid->columns)
        g_string_append_c (out, '\n');
    }
  g_ptr_array_set_size (grid->cells, 0);
}

/* 1234567 as "1,234,567". */
static char *
group_digits (double value)
{
  g_autofree char *digits = g_strdup_printf ("%.0f", value);
  GString *out = g_string_new (NULL);
  gsize n = strlen (digits);

  for (gsize i = 0; i < n; i++)
    {
      if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-')
        g_string_append_c (out, ',');
      g_string_append_c (out, digits[i]);
    }
  return g_string_free (out, FALSE);
}

static void
print_metric (const PrComparison *c, gsize m, GString *out)
{
  g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);
  Grid grid = { cells, c->baseline >= 0 ? 6 : 4 };

  grid_add (&grid, "%s", c->metrics[m]);
  grid_add (&grid, "mean");
  grid_add (&grid, "sd");
  grid_add (&grid, "95 %% interval");
  if (c->baseline >= 0)
    {
      grid_add (&grid, "vs %s", c->arms[c->baseline]);
      grid_add (&grid, "95 %% interval");
    }
  for (gsize a = 0; a < c->n_arms; a++)
    {
      const PrCell *cell = &c->cells[a * c->n_metrics + m];

      grid_add (&grid, "%s", c->arms[a]);
      grid_add_number (&grid, "%.4f", cell->mean, "");
      grid_add_number (&grid, "%.4f", cell->sd, "");
      grid_add_interval (&grid, cell->low, cell->high, 1, "%.4f");
      if (c->baseline < 0)
        continue;
      grid_add_number (&grid, "%+.2f", 100 * cell->difference, " %");
      grid_add_interval (&grid, cell->difference_low, cell->difference_high, 100, "%+.2f");
    }
  if (!isnan (c->oracle[m]))
    {
      grid_add (&grid, "(oracle)");
      grid_add_number (&grid, "%.4f", c->oracle[m], "");
      for (guint i = 2; i < grid.columns; i++)
        grid_add (&grid, " ");
    }
  grid_print (&grid, out);
  g_string_append_c (out, '\n');
}

static void
print_costs (const PrComparison *c, GString *out)
{
  g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);
  Grid grid = { cells, 6 };

  grid_add (&grid, "cost");
  grid_add (&grid, "seeds");
  grid_add (&grid, "training tokens");
  grid_add (&grid, "training s");
  grid_add (&grid, "all stages s");
  grid_add (&grid, "inference ms/user");
  for (gsize a = 0; a < c->n_arms; a++)
    {
      g_autofree char *tokens = group_digits (c->costs[a].train_tokens);

      grid_add (&grid, "%s", c->arms[a]);
      grid_add (&grid, "%u", c->n_seeds[a]);
      grid_add (&grid, "%s", tokens);
      grid_add_number (&grid, "%.1f", c->costs[a].train_seconds, "");
      grid_add_number (&grid, "%.1f", c->costs[a].total_seconds, "");
      grid_add_number (&grid, "%.2f", c->costs[a].infer_ms, "");
    }
  grid_print (&grid, out);
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
  g_string_append (out, "cost of every stage that an arm needs, whether it ran now or was in the store\n");
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
  print_costs (c, out);
  print_notes (c, out);
  return g_string_free (out, FALSE);
}

static void
append_csv_number (GString *out, double value)
{
  char buffer[64];

  g_string_append_printf (out, ",%s", isnan (value) ? "" : g_ascii_formatd (buffer, sizeof buffer, "%.10g", value));
}

static void
append_csv_text (GString *out, const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, "\"", -1);
  g_autofree char *doubled = g_strjoinv ("\"\"", parts);

  g_string_append_printf (out, "\"%s\"", doubled);
}

char *
pr_comparison_csv (const PrComparison *c)
{
  GString *out = g_string_new ("arm,metric,seeds,mean,sd,low,high,difference,difference_low,difference_high,oracle,"
                               "train_tokens,train_seconds,total_seconds,infer_ms_per_user\n");

  for (gsize a = 0; a < c->n_arms; a++)
    for (gsize m = 0; m < c->n_metrics; m++)
      {
        const PrCell *cell = &c->cells[a * c->n_metrics + m];
        const PrArmCost *cost = &c->costs[a];
        const double numbers[] = { cell->mean,
                                   cell->sd,
                                   cell->low,
                                   cell->high,
                                   cell->difference,
                                   cell->difference_low,
                                   cell->difference_high,
                                   c->oracle[m],
                                   cost->train_tokens,
                                   cost->train_seconds,
                                   cost->total_seconds,
                                   cost->infer_ms };

        append_csv_text (out, c->arms[a]);
        g_string_append_printf (out, ",%s,%u", c->metrics[m], c->n_seeds[a]);
        for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
          append_csv_number (out, numbers[i]);
        g_string_append_c (out, '\n');
      }
  return g_string_free (out, FALSE);
}

static void
append_markdown_row (const PrComparison *c, gsize a, GString *out)
{
  g_autofree char *tokens = group_digits (c->costs[a].train_tokens);
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
  g_string_append_printf (out, " %s | %s |", tokens,
                          g_ascii_formatd (buffer[0], sizeof buffer[0], "%.1f", c->costs[a].train_seconds));
  g_string_append_printf (
      out, " %s |\n",
      isnan (c->costs[a].infer_ms) ? "-" : g_ascii_formatd (buffer[0], sizeof buffer[0], "%.2f", c->costs[a].infer_ms));
}

char *
pr_comparison_markdown (const PrComparison *c)
{
  GString *out = g_string_new ("| arm |");

  for (gsize m = 0; m < c->n_metrics; m++)
    g_string_append_printf (out, " %s |", c->metrics[m]);
  g_string_append (out, " training tokens | training s | inference ms/user |\n|---|");
  for (gsize m = 0; m < c->n_metrics; m++)
    g_string_append (out, "---|");
  g_string_append (out, "---|---|---|\n");
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
  g_string_append_c (out, '\n');
  return g_string_free (out, FALSE);
}

char *
pr_results_compare (const char *path, const char *baseline, const char *const *metrics, GError **error)
{
  g_autoptr (PrComparison) c = pr_comparison_new (path, baseline, metrics, error);

  return c != NULL ? pr_comparison_text (c) : NULL;
}
