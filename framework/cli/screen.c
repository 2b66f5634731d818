#include "config.h"

#include "cli/screen.h"

#define BAR_MICROSECONDS (G_USEC_PER_SEC / 10)
#define LINE_MICROSECONDS (10 * G_USEC_PER_SEC)

/* A run that is in a stage. */
typedef struct
{
  PrEvent event; /* the last one; arm, stage and text are ours, there is no key */
  PrPace pace;
  gint64 last; /* monotonic time of the last line, off a terminal */
} Bar;

static void
bar_clear (Bar *bar)
{
  g_free ((char *)bar->event.arm);
  g_free ((char *)bar->event.stage);
  g_free ((char *)bar->event.text);
}

static void
bar_free (gpointer data)
{
  bar_clear (data);
  g_free (data);
}

static void
bar_set (Bar *bar, const PrEvent *event, gint64 now)
{
  PrEvent copy = *event;

  copy.arm = g_strdup (event->arm);
  copy.stage = g_strdup (event->stage);
  copy.text = g_strdup (event->text);
  copy.key = NULL;
  bar_clear (bar);
  bar->event = copy;
  pr_pace_event (&bar->pace, event, now);
}

void
pr_screen_init (PrScreen *screen, gboolean quiet)
{
  *screen = (PrScreen){ .quiet = quiet, .terminal = pr_redraw_possible (stderr), .redraw = { .file = stderr } };
}

void
pr_screen_finish (PrScreen *screen)
{
  pr_redraw_erase (&screen->redraw);
  g_clear_pointer (&screen->bars, g_ptr_array_unref);
}

static guint
find_bar (const PrScreen *screen, guint run)
{
  guint i = 0;

  while (i < screen->bars->len && ((const Bar *)screen->bars->pdata[i])->event.run < run)
    i++;
  return i;
}

/* The bar of the event's run, made if there is none. */
static Bar *
get_bar (PrScreen *screen, guint run)
{
  guint i;

  if (screen->bars == NULL)
    screen->bars = g_ptr_array_new_with_free_func (bar_free);
  i = find_bar (screen, run);
  if (i == screen->bars->len || ((const Bar *)screen->bars->pdata[i])->event.run != run)
    g_ptr_array_insert (screen->bars, (gint)i, g_new0 (Bar, 1));
  return screen->bars->pdata[i];
}

static void
remove_bar (PrScreen *screen, guint run)
{
  guint i = screen->bars != NULL ? find_bar (screen, run) : 0;

  if (screen->bars != NULL && i < screen->bars->len && ((const Bar *)screen->bars->pdata[i])->event.run == run)
    g_ptr_array_remove_index (screen->bars, i);
}

static char *
bar_text (const Bar *bar, gint64 now, guint columns)
{
  PrEvent event = bar->event;

  /* Nothing was said since the stage began: how long that is ago. */
  if (event.kind == PR_EVENT_STAGE_BEGIN)
    event.kind = PR_EVENT_STAGE_STEP;
  return pr_progress_text (&event, &bar->pace, now, TRUE, columns);
}

/* A bar for every run that is in a stage, as many as fit. */
static void
draw_bars (PrScreen *screen, gint64 now)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  guint columns, rows, n = screen->bars != NULL ? screen->bars->len : 0;

  pr_redraw_size (stderr, &columns, &rows);
  for (guint i = 0; i < n && (lines->len + 1 < rows || i + 1 == n); i++)
    g_ptr_array_add (lines, bar_text (screen->bars->pdata[i], now, columns));
  if (lines->len < n)
    g_ptr_array_add (lines, g_strdup_printf ("and %u more", n - lines->len));
  pr_redraw_show (&screen->redraw, lines);
  screen->last = now;
}

static void
show_step (PrScreen *screen, Bar *bar, gint64 now)
{
  g_autofree char *text = NULL;

  if (screen->terminal)
    {
      if (now - screen->last >= BAR_MICROSECONDS)
        draw_bars (screen, now);
      return;
    }
  /* A stage that is quick says nothing but its end. */
  if (now - bar->last < LINE_MICROSECONDS)
    return;
  bar->last = now;
  text = pr_progress_text (&bar->event, &bar->pace, now, FALSE, 0);
  fprintf (stderr, "%s\n", text);
  fflush (stderr);
}

/* One run at a time: the bar appears with its next step.  Several: those of the others stay. */
static void
show_line (PrScreen *screen, const char *line, gint64 now)
{
  pr_redraw_erase (&screen->redraw);
  fprintf (stderr, "%s\n", line);
  fflush (stderr);
  if (screen->terminal && screen->bars != NULL && screen->bars->len > 1)
    draw_bars (screen, now);
}

static void
update_bar (PrScreen *screen, const PrEvent *event, gint64 now)
{
  Bar *bar;

  if (event->kind != PR_EVENT_STAGE_BEGIN && event->kind != PR_EVENT_STAGE_STEP && event->kind != PR_EVENT_STAGE_WAIT)
    {
      remove_bar (screen, event->run);
      return;
    }
  bar = get_bar (screen, event->run);
  bar_set (bar, event, now);
  if (event->kind == PR_EVENT_STAGE_BEGIN)
    bar->last = now;
  if (event->kind == PR_EVENT_STAGE_STEP)
    show_step (screen, bar, now);
}

void
pr_screen_event (const PrEvent *event, gpointer ctx)
{
  static const PrPace none = { 0 };
  PrScreen *screen = ctx;
  gint64 now = g_get_monotonic_time ();
  g_autofree char *text = NULL;

  if (event->kind == PR_EVENT_NOTE)
    {
      g_autofree char *note = g_strdup_printf ("pauserec: note: %s", event->text);

      show_line (screen, note, now);
      return;
    }
  if (screen->quiet)
    return;
  update_bar (screen, event, now);
  text = event->kind != PR_EVENT_STAGE_STEP ? pr_progress_text (event, &none, now, FALSE, 0) : NULL;
  if (text != NULL)
    show_line (screen, text, now);
}
