#include "config.h"

#include "grid.h"

#include <math.h>
#include <string.h>

void
pr_grid_init (PrGrid *grid, guint columns)
{
  *grid = (PrGrid){ g_ptr_array_new_with_free_func (g_free), columns, 1 };
}

void
pr_grid_clear (PrGrid *grid)
{
  g_clear_pointer (&grid->cells, g_ptr_array_unref);
}

void
pr_grid_add (PrGrid *grid, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_ptr_array_add (grid->cells, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

void
pr_grid_add_number (PrGrid *grid, const char *format, double value, const char *unit)
{
  char buffer[64];

  if (isnan (value))
    pr_grid_add (grid, "-");
  else
    pr_grid_add (grid, "%s%s", g_ascii_formatd (buffer, sizeof buffer, format, value), unit);
}

void
pr_grid_add_count (PrGrid *grid, double value)
{
  static const char *const units[] = { "", "k", "M", "G", "T", "P", "E" };
  guint unit = 0;

  for (double limit = 1e4; value >= limit && unit + 1 < G_N_ELEMENTS (units); limit = 1e3)
    {
      value /= 1000;
      unit++;
    }
  pr_grid_add_number (grid, unit > 0 ? "%.4g" : "%.0f", value, units[unit]);
}

/* Characters that a terminal shows, not bytes. */
static gsize
shown (const char *text)
{
  return (gsize)g_utf8_strlen (text, -1);
}

void
pr_grid_text (const PrGrid *grid, GString *out)
{
  g_autofree gsize *widths = g_new0 (gsize, grid->columns);

  for (guint i = 0; i < grid->cells->len; i++)
    widths[i % grid->columns] = MAX (widths[i % grid->columns], shown (grid->cells->pdata[i]));
  for (guint i = 0; i < grid->cells->len; i++)
    {
      const char *text = grid->cells->pdata[i];
      guint column = i % grid->columns;
      int pad = (int)(widths[column] - shown (text));

      if (column < grid->left)
        g_string_append_printf (out, "  %s%*s", text, pad, "");
      else
        g_string_append_printf (out, "  %*s%s", pad, "", text);
      if (column + 1 == grid->columns)
        g_string_append_c (out, '\n');
    }
}

/* Append TEXT with its special characters as REPLACE [n, 2] has them; control characters are spaces. */
static void
add_escaped (GString *out, const char *text, const char *const (*replace)[2], gsize n)
{
  for (const char *c = text; *c != '\0';)
    {
      gsize r = 0;

      while (r < n && !g_str_has_prefix (c, replace[r][0]))
        r++;
      if (r < n)
        {
          g_string_append (out, replace[r][1]);
          c += strlen (replace[r][0]);
        }
      else
        {
          g_string_append_c (out, g_ascii_iscntrl (*c) ? ' ' : *c);
          c++;
        }
    }
}

void
pr_markdown_add (GString *out, const char *text)
{
  static const char *const replace[][2] = { { "\\", "\\\\" }, { "|", "\\|" },   { "*", "\\*" }, { "`", "\\`" },
                                            { "<", "&lt;" },  { "&", "&amp;" }, { "[", "\\[" }, { "]", "\\]" } };

  add_escaped (out, text, replace, G_N_ELEMENTS (replace));
}

void
pr_latex_add (GString *out, const char *text)
{
  /* A row that begins with [ would be an argument of the line break before it. */
  static const char *const replace[][2] = { { "\\", "\\textbackslash{}" },
                                            { "_", "\\_" },
                                            { "%", "\\%" },
                                            { "&", "\\&" },
                                            { "#", "\\#" },
                                            { "$", "\\$" },
                                            { "{", "\\{" },
                                            { "}", "\\}" },
                                            { "~", "\\textasciitilde{}" },
                                            { "^", "\\textasciicircum{}" },
                                            { "<", "\\textless{}" },
                                            { ">", "\\textgreater{}" },
                                            { "|", "\\textbar{}" },
                                            { "[", "{[}" },
                                            { "]", "{]}" },
                                            { "*", "{*}" },
                                            { "±", "$\\pm$" },
                                            { " .. -", " .. $-$" },
                                            { "\"", "''" } };

  if (text[0] == '-' && g_ascii_isdigit (text[1]))
    {
      g_string_append (out, "$-$"); /* a minus, not a hyphen */
      text++;
    }
  add_escaped (out, text, replace, G_N_ELEMENTS (replace));
}

void
pr_grid_markdown (const PrGrid *grid, GString *out)
{
  for (guint i = 0; i < grid->cells->len; i++)
    {
      g_string_append (out, i % grid->columns == 0 ? "| " : " ");
      pr_markdown_add (out, grid->cells->pdata[i]);
      g_string_append (out, " |");
      if ((i + 1) % grid->columns != 0)
        continue;
      g_string_append_c (out, '\n');
      for (guint c = 0; i + 1 == grid->columns && c < grid->columns; c++)
        g_string_append_printf (out, "%s---|%s", c == 0 ? "|" : "", c + 1 == grid->columns ? "\n" : "");
    }
}

void
pr_grid_latex (const PrGrid *grid, GString *out)
{
  g_string_append (out, "\\begin{tabular}{");
  for (guint c = 0; c < grid->columns; c++)
    g_string_append_c (out, c < grid->left ? 'l' : 'r');
  g_string_append (out, "}\n\\hline\n");
  for (guint i = 0; i < grid->cells->len; i++)
    {
      gboolean last = (i + 1) % grid->columns == 0;

      pr_latex_add (out, grid->cells->pdata[i]);
      g_string_append (out, last ? " \\\\\n" : " & ");
      if (i + 1 == grid->columns)
        g_string_append (out, "\\hline\n");
    }
  g_string_append (out, "\\hline\n\\end{tabular}\n");
}

void
pr_csv_add_number (GString *out, double value)
{
  char buffer[64];

  g_string_append_printf (out, ",%s", isnan (value) ? "" : g_ascii_formatd (buffer, sizeof buffer, "%.10g", value));
}

void
pr_csv_add_text (GString *out, const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, "\"", -1);
  g_autofree char *doubled = g_strjoinv ("\"\"", parts);

  g_string_append_printf (out, "\"%s\"", doubled);
}
