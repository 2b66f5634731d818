/* What `run` draws: one bar for one run, a block of bars for several, only lines where nothing can be redrawn. */
#define _GNU_SOURCE

#include "config.h"

#include "pr-check.h"

#include "cli/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int master = -1, terminal = -1, saved = -1; /* the terminal's two ends; standard error as it was */

/* From now on standard error is a terminal of that size; FALSE if there is none to be had. */
static gboolean
open_terminal (guint columns, guint rows)
{
  const struct winsize size = { .ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows };
  const char *name;

  g_setenv ("TERM", "xterm", TRUE);
  master = posix_openpt (O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (master < 0 || grantpt (master) != 0 || unlockpt (master) != 0 || (name = ptsname (master)) == NULL)
    return FALSE;
  terminal = open (name, O_RDWR | O_NOCTTY);
  if (terminal < 0 || ioctl (terminal, TIOCSWINSZ, &size) != 0)
    return FALSE;
  saved = dup (STDERR_FILENO);
  return dup2 (terminal, STDERR_FILENO) >= 0;
}

/* What was written since, with T for how long something took; to free. */
static char *
drawn (void)
{
  g_autoptr (GString) text = g_string_new ("");
  g_autoptr (GRegex) times = g_regex_new ("[0-9]+\\.[0-9] s|[0-9]+:[0-9][0-9]", 0, 0, NULL);
  char buffer[4096];
  ssize_t n;

  while ((n = read (master, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR))
    if (n > 0)
      g_string_append_len (text, buffer, n);
  return g_regex_replace_literal (times, text->str, (gssize)text->len, 0, "T", 0, NULL);
}

static void
close_terminal (void)
{
  dup2 (saved, STDERR_FILENO);
  close (saved);
  close (terminal);
  close (master);
}

static void
check_drawn (const char *wanted)
{
  g_autofree char *found = drawn ();

  if (strcmp (found, wanted) == 0)
    return;
  close_terminal ();
  ck_abort_msg ("drew '%s', not '%s'", found, wanted);
}

/* The next bar is drawn whenever it comes. */
static void
tell (PrScreen *screen, guint run, PrEventKind kind, guint64 done, const char *text)
{
  const PrEvent event = { .kind = kind,
                          .run = run,
                          .n_runs = 9,
                          .node = 1,
                          .n_nodes = 2,
                          .arm = "a",
                          .seed = run,
                          .stage = kind == PR_EVENT_RUN_DONE ? NULL : "sft",
                          .done = done,
                          .total = kind == PR_EVENT_STAGE_STEP ? 10 : 0,
                          .text = text };

  screen->last = 0;
  pr_screen_event (&event, screen);
}

#define BAR1 "[1/9 a s1] 1/2 sft  ##..................  10 %  T"
#define BAR2 "[2/9 a s2] 1/2 sft  ####................  20 %  T"

START_TEST (one_run_has_one_bar)
{
  PrScreen screen;

  if (!open_terminal (80, 24))
    pr_check_skip ("no pseudo terminal");
  pr_screen_init (&screen, FALSE);
  tell (&screen, 1, PR_EVENT_RUN_BEGIN, 0, NULL);
  tell (&screen, 1, PR_EVENT_STAGE_BEGIN, 0, NULL);
  check_drawn ("");
  tell (&screen, 1, PR_EVENT_STAGE_STEP, 1, NULL);
  check_drawn (BAR1);
  tell (&screen, 1, PR_EVENT_STAGE_STEP, 1, "loss 3");
  check_drawn ("\r\033[J" BAR1 "  loss 3");
  tell (&screen, 1, PR_EVENT_NOTE, 0, "by the way");
  check_drawn ("\r\033[Jpauserec: note: by the way\r\n");
  tell (&screen, 1, PR_EVENT_STAGE_STEP, 1, NULL);
  check_drawn (BAR1);
  tell (&screen, 1, PR_EVENT_STAGE_END, 0, NULL);
  check_drawn ("\r\033[J[1/9 a s1] 1/2 sft  done in T\r\n");
  pr_screen_finish (&screen);
  check_drawn ("");
  close_terminal ();
}
END_TEST

START_TEST (several_runs_have_a_bar_each)
{
  PrScreen screen;

  if (!open_terminal (80, 24))
    pr_check_skip ("no pseudo terminal");
  pr_screen_init (&screen, FALSE);
  tell (&screen, 2, PR_EVENT_STAGE_BEGIN, 0, NULL);
  tell (&screen, 1, PR_EVENT_STAGE_BEGIN, 0, NULL);
  check_drawn ("");
  /* In the order of runs; one that has not said anything yet shows how long it takes. */
  tell (&screen, 2, PR_EVENT_STAGE_STEP, 2, NULL);
  check_drawn ("[1/9 a s1] 1/2 sft  T\r\n" BAR2);
  tell (&screen, 1, PR_EVENT_STAGE_STEP, 1, NULL);
  check_drawn ("\033[1A\r\033[J" BAR1 "\r\n" BAR2);
  /* A line goes above them. */
  tell (&screen, 3, PR_EVENT_RUN_DONE, 0, NULL);
  check_drawn ("\033[1A\r\033[J[3/9 a s3] was done already\r\n" BAR1 "\r\n" BAR2);
  /* What ends has no bar any more, and the last one is alone again. */
  tell (&screen, 1, PR_EVENT_STAGE_END, 0, NULL);
  check_drawn ("\033[1A\r\033[J[1/9 a s1] 1/2 sft  done in T\r\n");
  tell (&screen, 2, PR_EVENT_STAGE_STEP, 2, NULL);
  check_drawn (BAR2);
  pr_screen_finish (&screen);
  check_drawn ("\r\033[J");
  close_terminal ();
}
END_TEST

START_TEST (bars_fit_the_window)
{
  PrScreen screen;

  if (!open_terminal (31, 3))
    pr_check_skip ("no pseudo terminal");
  pr_screen_init (&screen, FALSE);
  for (guint run = 1; run <= 3; run++)
    tell (&screen, run, PR_EVENT_STAGE_BEGIN, 0, NULL);
  tell (&screen, 2, PR_EVENT_STAGE_STEP, 2, NULL);
  check_drawn ("[1/9 a s1] 1/2 sft  T\r\n[2/9 a s2] 1/2 sft  ####......\r\n[3/9 a s3] 1/2 sft  T");
  tell (&screen, 4, PR_EVENT_STAGE_STEP, 2, NULL);
  check_drawn ("\033[2A\r\033[J[1/9 a s1] 1/2 sft  T\r\n[2/9 a s2] 1/2 sft  ####......\r\nand 2 more");
  pr_screen_finish (&screen);
  close_terminal ();
}
END_TEST

START_TEST (without_a_terminal_there_are_lines)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "err", NULL), *text = NULL;
  int before = dup (STDERR_FILENO), fd = open (path, O_RDWR | O_CREAT, 0600);
  PrScreen screen;

  ck_assert_int_ge (dup2 (fd, STDERR_FILENO), 0);
  pr_screen_init (&screen, FALSE);
  for (guint run = 1; run <= 2; run++)
    {
      tell (&screen, run, PR_EVENT_STAGE_BEGIN, 0, NULL);
      tell (&screen, run, PR_EVENT_STAGE_STEP, run, NULL); /* too soon to be told */
    }
  tell (&screen, 1, PR_EVENT_STAGE_END, 0, NULL);
  pr_screen_finish (&screen);
  dup2 (before, STDERR_FILENO);
  close (before);
  close (fd);
  ck_assert (g_file_get_contents (path, &text, NULL, NULL));
  ck_assert_str_eq (text, "[1/9 a s1] 1/2 sft  done in 0.0 s\n");
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("screen");
  TCase *tc = tcase_create ("screen");

  tcase_add_test (tc, one_run_has_one_bar);
  tcase_add_test (tc, several_runs_have_a_bar_each);
  tcase_add_test (tc, bars_fit_the_window);
  tcase_add_test (tc, without_a_terminal_there_are_lines);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
