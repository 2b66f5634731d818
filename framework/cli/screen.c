#include "config.h"

#include "cli/screen.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_MICROSECONDS (G_USEC_PER_SEC / 10)
#define LINE_MICROSECONDS (10 * G_USEC_PER_SEC)
#define DEFAULT_COLUMNS 80
#define ERASE "\r\033[K"

void
pr_screen_init (PrScreen *screen, gboolean quiet)
{
  const char *term = g_getenv ("TERM");

  *screen = (PrScreen){ .quiet = quiet };
  screen->terminal = isatty (STDERR_FILENO) && term != NULL && strcmp (term, "dumb") != 0;
}

static guint
columns (void)
{
  struct winsize size;

  /* The last column stays free: some terminals wrap as soon as it is written. */
  if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2)
    return DEFAULT_COLUMNS - 1;
  return size.ws_col - 1u;
}

void
pr_screen_finish (PrScreen *screen)
{
  if (screen->drawn)
    fputs (ERASE, stderr);
  screen->drawn = FALSE;
  fflush (stderr);
}

static void
draw_step (PrScreen *screen, const PrEvent *event, gint64 now)
{
  g_autofree char *text = NULL;

  /* Off a terminal a stage that is quick says nothing but its end. */
  if (now - screen->last < (screen->terminal ? BAR_MICROSECONDS : LINE_MICROSECONDS))
    return;
  screen->last = now;
  text = pr_progress_text (event, &screen->pace, now, screen->terminal, screen->terminal ? columns () : 0);
  if (text != NULL)
    fprintf (stderr, screen->terminal ? ERASE "%s" : "%s\n", text);
  screen->drawn = screen->terminal;
  fflush (stderr);
}

void
pr_screen_event (const PrEvent *event, gpointer ctx)
{
  PrScreen *screen = ctx;
  gint64 now = g_get_monotonic_time ();
  g_autofree char *text = NULL;

  pr_pace_event (&screen->pace, event, now);
  if (event->kind == PR_EVENT_STAGE_BEGIN && !screen->terminal)
    screen->last = now;
  if (event->kind == PR_EVENT_NOTE)
    {
      pr_screen_finish (screen);
      fprintf (stderr, "pauserec: note: %s\n", event->text);
      return;
    }
  if (screen->quiet)
    return;
  if (event->kind == PR_EVENT_STAGE_STEP)
    {
      draw_step (screen, event, now);
      return;
    }
  text = pr_progress_text (event, &screen->pace, now, FALSE, 0);
  if (text == NULL)
    return;
  pr_screen_finish (screen);
  fprintf (stderr, "%s\n", text);
}
