/* grid.h - how tables are set: texts in columns, and fields of CSV. */
#ifndef PR_GRID_H
#define PR_GRID_H

#include <glib.h>

typedef struct
{
  GPtrArray *cells; /* char *, row by row; the first row is the head */
  guint columns;
  guint left; /* so many columns are flush left, the others flush right */
} PrGrid;

/* One column is flush left. */
void pr_grid_init (PrGrid *grid, guint columns);
void pr_grid_clear (PrGrid *grid);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PrGrid, pr_grid_clear)

void pr_grid_add (PrGrid *grid, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* The number in FORMAT (of g_ascii_formatd) with UNIT behind it; NaN is "-". */
void pr_grid_add_number (PrGrid *grid, const char *format, double value, const char *unit);
/* A large count in four digits: 9999, 545.4k, 12.35M, 1.2T. */
void pr_grid_add_count (PrGrid *grid, double value);

/* Append the rows to OUT: for a terminal, as a Markdown table, as a tabular of LaTeX.  Special characters of the texts
 * are escaped. */
void pr_grid_text (const PrGrid *grid, GString *out);
void pr_grid_markdown (const PrGrid *grid, GString *out);
void pr_grid_latex (const PrGrid *grid, GString *out);
/* A running text, escaped for either. */
void pr_markdown_add (GString *out, const char *text);
void pr_latex_add (GString *out, const char *text);

/* A quoted text; a comma and a number, nothing for NaN. */
void pr_csv_add_text (GString *out, const char *text);
void pr_csv_add_number (GString *out, double value);

#endif
