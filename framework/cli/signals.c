#include "config.h"

#include "cli/signals.h"

#include <signal.h>
#include <unistd.h>

#define EXIT_CANCELLED 130

static gint cancelled;

static void
on_signal (int number)
{
  static const char text[] = "\npauserec: stopping at the next step; once more to leave at once\n";
  ssize_t n G_GNUC_UNUSED;

  (void)number;
  if (g_atomic_int_exchange (&cancelled, 1) != 0)
    _exit (EXIT_CANCELLED);
  n = write (STDERR_FILENO, text, sizeof text - 1);
}

static void
on_signal_quietly (int number)
{
  (void)number;
  g_atomic_int_set (&cancelled, 1);
}

const gint *
pr_signals_install_quiet (void)
{
  struct sigaction action = { .sa_handler = on_signal_quietly };

  sigemptyset (&action.sa_mask);
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  return &cancelled;
}

const gint *
pr_signals_install (void)
{
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

  sigemptyset (&action.sa_mask);
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  signal (SIGXFSZ, SIG_IGN);
  return &cancelled;
}
