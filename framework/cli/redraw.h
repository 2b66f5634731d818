/* redraw.h - some lines at the end of a terminal's output that are drawn again and again in the same place. */
#ifndef PR_REDRAW_H
#define PR_REDRAW_H

#include <stdio.h>

#include <glib.h>

typedef struct
{
  FILE *file;
  guint drawn; /* lines that stand there; the cursor is in the last one */
} PrRedraw;

/* Is FILE a terminal on which that can be done? */
gboolean pr_redraw_possible (FILE *file);
/* What fits on it: columns of a line, lines of a block. */
void pr_redraw_size (FILE *file, guint *ret_columns, guint *ret_lines);
/* Draw LINES (char *), which must fit, where the last ones were. */
void pr_redraw_show (PrRedraw *redraw, const GPtrArray *lines);
/* Remove them; the cursor is at the start of an empty line. */
void pr_redraw_erase (PrRedraw *redraw);

#endif
