#include "config.h"

#include "cli/redraw.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_COLUMNS 80
#define DEFAULT_LINES 24
#define UP "\033[%uA"
#define ERASE "\r\033[J" /* from the cursor to the end of the screen */

gboolean
pr_redraw_possible (FILE *file)
{
  const char *term = g_getenv ("TERM");

  return isatty (fileno (file)) && term != NULL && strcmp (term, "dumb") != 0;
}

void
pr_redraw_size (FILE *file, guint *ret_columns, guint *ret_lines)
{
  struct winsize size;
  gboolean known = ioctl (fileno (file), TIOCGWINSZ, &size) == 0;

  /* The last column stays free: some terminals wrap as soon as it is written. */
  *ret_columns = (known && size.ws_col >= 2 ? size.ws_col : DEFAULT_COLUMNS) - 1;
  *ret_lines = known && size.ws_row >= 2 ? size.ws_row : DEFAULT_LINES;
}

/* The cursor is then at the start of what stands there. */
static void
go_back (PrRedraw *redraw)
{
  if (redraw->drawn > 1)
    fprintf (redraw->file, UP, redraw->drawn - 1);
  if (redraw->drawn > 0)
    fputs (ERASE, redraw->file);
  redraw->drawn = 0;
}

void
pr_redraw_show (PrRedraw *redraw, const GPtrArray *lines)
{
  go_back (redraw);
  for (guint i = 0; i < lines->len; i++)
    fprintf (redraw->file, "%s%s", i > 0 ? "\n" : "", (const char *)lines->pdata[i]);
  redraw->drawn = lines->len;
  fflush (redraw->file);
}

void
pr_redraw_erase (PrRedraw *redraw)
{
  go_back (redraw);
  fflush (redraw->file);
}
