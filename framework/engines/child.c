#include "config.h"

#include "engines/child.h"

#include "runtime/event-line.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <pauserec/error.h>
#include <pauserec/threads.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP_MICROSECONDS (G_USEC_PER_SEC / 20) /* between two steps that are told */
#define END "end "                              /* before the number of how it ended, on the last line */
#define LINE_MAX_BYTES (1024 * 1024)            /* more without an end is no event of ours */

struct PrChild
{
  pid_t pid;
  int fd;
  guint task;
  gboolean stopped;
  GString *pending; /* the beginning of a line */
  PrChildEnd end; /* as it said; crashed as long as it said nothing, whatever its exit status: stages may call exit() */
};

/* In the child ----------------------------------------------------------------------------------------------------- */

static gint stop; /* SIGTERM came */

static void
on_term (int number)
{
  (void)number;
  g_atomic_int_set (&stop, 1);
}

typedef struct
{
  int fd;
  gint64 last; /* monotonic time of the last step that was told */
} Teller;

static void
tell_line (const Teller *teller, const char *line)
{
  gsize length = strlen (line), done = 0;

  while (done < length)
    {
      ssize_t n = write (teller->fd, line + done, length - done);

      if (n < 0 && errno != EINTR)
        return;
      done += n > 0 ? (gsize)n : 0;
    }
}

static void
tell (const PrEvent *event, gpointer ctx)
{
  Teller *teller = ctx;
  gint64 now = g_get_monotonic_time ();
  g_autofree char *line = NULL;

  if (event->kind == PR_EVENT_STAGE_STEP)
    {
      if (teller->last != 0 && now - teller->last < STEP_MICROSECONDS)
        return;
      teller->last = now;
    }
  line = pr_event_line (event);
  tell_line (teller, line);
}

/* Ctrl-C goes to every process of the terminal; the parent hands on what it means. */
static void
take_signals (void)
{
  struct sigaction action = { .sa_handler = on_term, .sa_flags = SA_RESTART };

  sigemptyset (&action.sa_mask);
  sigaction (SIGTERM, &action, NULL);
  signal (SIGINT, SIG_IGN);
  signal (SIGPIPE, SIG_IGN);
}

static G_GNUC_NORETURN void
live (const PrEngineCall *call, guint task, gboolean wait, int fd)
{
  Teller teller = { fd, 0 };
  const PrWatch watch = { .cancel = &stop, .event = tell, .ctx = &teller };
  GError *error = NULL;
  char line[sizeof END + 16];
  PrChildEnd end = PR_CHILD_FAILED;

  pr_threads_set (call->threads);
  switch (pr_task_run (call->sweep, task, wait, &watch, &error))
    {
    case PR_TASK_DONE:
      end = PR_CHILD_DONE;
      break;
    case PR_TASK_BUSY:
      end = PR_CHILD_BUSY;
      break;
    case PR_TASK_FAILED:
      if (g_error_matches (error, PR_ERROR, PR_ERROR_CANCELLED))
        end = PR_CHILD_CANCELLED;
      break;
    }
  g_clear_error (&error);
  g_snprintf (line, sizeof line, END "%d\n", end);
  tell_line (&teller, line);
  /* Not exit(): what is registered and buffered here is the parent's. */
  _exit (0);
}

/* In the parent ---------------------------------------------------------------------------------------------------- */

PrChild *
pr_child_start (const PrEngineCall *call, guint task, gboolean wait, GError **error)
{
  pid_t parent = getpid (), pid;
  g_autoptr (GError) raised = NULL;
  sigset_t term, before;
  PrChild *child;
  int fds[2];

  if (!g_unix_open_pipe (fds, FD_CLOEXEC, &raised))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "cannot start a run: %s", raised->message);
      return NULL;
    }
  /* A SIGTERM that comes before the child has its own handler would be lost. */
  sigemptyset (&term);
  sigaddset (&term, SIGTERM);
  sigprocmask (SIG_BLOCK, &term, &before);
  pid = fork ();
  if (pid == 0)
    {
      close (fds[0]);
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      if (getppid () != parent)
        _exit (0);
      take_signals ();
      sigprocmask (SIG_SETMASK, &before, NULL);
      live (call, task, wait, fds[1]);
    }
  sigprocmask (SIG_SETMASK, &before, NULL);
  close (fds[1]);
  if (pid < 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "cannot start a process for a run: %s", g_strerror (errno));
      close (fds[0]);
      return NULL;
    }
  g_unix_set_fd_nonblocking (fds[0], TRUE, NULL);
  child = g_new0 (PrChild, 1);
  child->pid = pid;
  child->fd = fds[0];
  child->task = task;
  child->pending = g_string_new ("");
  child->end = PR_CHILD_CRASHED;
  return child;
}

int
pr_child_fd (const PrChild *child)
{
  return child->fd;
}

guint
pr_child_task (const PrChild *child)
{
  return child->task;
}

static void
hand_on (PrChild *child, PrEventFunc event, gpointer ctx)
{
  gsize begin = 0;
  const char *end;

  while ((end = memchr (child->pending->str + begin, '\n', child->pending->len - begin)) != NULL)
    {
      gsize length = (gsize)(end - child->pending->str) - begin;
      g_auto (PrReadEvent) read = { 0 };

      if (g_str_has_prefix (child->pending->str + begin, END))
        child->end = (PrChildEnd)CLAMP (atoi (child->pending->str + begin + strlen (END)), 0, PR_CHILD_CRASHED);
      else if (pr_event_read (child->pending->str + begin, length, &read))
        event (&read.event, ctx);
      begin += length + 1;
    }
  g_string_erase (child->pending, 0, (gssize)begin);
  if (child->pending->len > LINE_MAX_BYTES)
    g_string_truncate (child->pending, 0);
}

gboolean
pr_child_read (PrChild *child, PrEventFunc event, gpointer ctx)
{
  char buffer[16384];

  for (;;)
    {
      ssize_t n = read (child->fd, buffer, sizeof buffer);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == EAGAIN)
        return TRUE;
      if (n <= 0)
        return FALSE;
      g_string_append_len (child->pending, buffer, n);
      hand_on (child, event, ctx);
    }
}

void
pr_child_stop (PrChild *child)
{
  if (!child->stopped)
    kill (child->pid, SIGTERM);
  child->stopped = TRUE;
}

static PrChildEnd
crashed (int status, GError **error)
{
  static const int own[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP };
  int number = WIFSIGNALED (status) ? WTERMSIG (status) : 0;
  PrError code = number != 0 ? PR_ERROR_IO : PR_ERROR_PLUGIN;

  for (gsize i = 0; i < G_N_ELEMENTS (own); i++)
    if (number == own[i])
      code = PR_ERROR_PLUGIN;
  if (number == 0)
    g_set_error (error, PR_ERROR, code, "its process ended by itself with status %d; a stage must return, not exit",
                 WIFEXITED (status) ? WEXITSTATUS (status) : status);
  else if (number == SIGKILL)
    g_set_error (error, PR_ERROR, code,
                 "its process was killed (signal 9): by the system for want of memory, or by hand");
  else
    g_set_error (error, PR_ERROR, code, "its process died of signal %d (%s)", number, g_strsignal (number));
  return PR_CHILD_CRASHED;
}

PrChildEnd
pr_child_join (PrChild *child, GError **error)
{
  PrChildEnd end = child->end;
  int status = 0;
  pid_t pid;

  do
    pid = waitpid (child->pid, &status, 0);
  while (pid < 0 && errno == EINTR);
  close (child->fd);
  g_string_free (child->pending, TRUE);
  g_free (child);
  if (end != PR_CHILD_CRASHED && pid > 0 && WIFEXITED (status))
    return end;
  return crashed (status, error);
}
