#include "config.h"

#include "cli/follow.h"

#include "cli/redraw.h"
#include "cli/signals.h"
#include "cli/status-text.h"

#include <pauserec/error.h>
#include <poll.h>
#include <sys/stat.h>

#define LOOK_MILLISECONDS 1000

typedef struct
{
  const char *out_dir;
  PrSweepPlan **plan;
  PrSweepStatus *status, *before; /* BEFORE: of the last look, NULL: there was none since the sweep was planned */
  struct stat file;               /* of plan.json when *PLAN was read */
  PrRedraw redraw;
  gboolean terminal;
} Follow;

static struct stat
plan_file (const Follow *follow)
{
  g_autofree char *path = g_build_filename (follow->out_dir, "plan.json", NULL);
  struct stat info;

  if (stat (path, &info) != 0)
    info = (struct stat){ 0 };
  return info;
}

/* A plan is always a new file (file.h). */
static gboolean
update_plan (Follow *follow, GError **error)
{
  struct stat now = plan_file (follow);
  PrSweepPlan *plan;

  if (now.st_ino == follow->file.st_ino && now.st_dev == follow->file.st_dev
      && now.st_mtim.tv_nsec == follow->file.st_mtim.tv_nsec && now.st_mtim.tv_sec == follow->file.st_mtim.tv_sec)
    return TRUE;
  plan = pr_sweep_plan_require (follow->out_dir, error);
  if (plan == NULL)
    return FALSE;
  pr_sweep_plan_free (*follow->plan);
  *follow->plan = plan;
  follow->file = now;
  g_clear_pointer (&follow->before, pr_sweep_status_free);
  return TRUE;
}

/* Add the runs of one STATE as long as there is room for one more line after them; how many were left out. */
static guint
add_runs (GPtrArray *lines, const PrStatusText *text, PrRunState state, guint columns, guint room)
{
  guint left = 0;

  for (guint i = 0; i < text->status->n_runs; i++)
    if (text->status->runs[i].state == state && lines->len + 1 < room)
      g_ptr_array_add (lines, pr_status_text_run (text, i, columns));
    else
      left += text->status->runs[i].state == state;
  return left;
}

static void
draw (Follow *follow, const PrStatusText *text)
{
  static const PrRunState order[] = { PR_RUN_RUNNING, PR_RUN_DIVERGED, PR_RUN_FAILED, PR_RUN_MISSING, PR_RUN_DONE };
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *summary = pr_status_text_summary (text);
  guint columns, rows, left = 0;

  pr_redraw_size (stdout, &columns, &rows);
  g_ptr_array_add (lines, g_utf8_substring (summary, 0, MIN ((glong)columns, g_utf8_strlen (summary, -1))));
  for (gsize i = 0; i < G_N_ELEMENTS (order); i++)
    left += add_runs (lines, text, order[i], columns, rows);
  if (left > 0)
    g_ptr_array_add (lines, g_strdup_printf ("  and %u more", left));
  pr_redraw_show (&follow->redraw, lines);
}

static void
print_changes (Follow *follow, const PrStatusText *text)
{
  g_autofree char *summary = pr_status_text_summary (text);

  if (follow->before == NULL)
    printf ("%s\n", summary);
  for (guint i = 0; follow->before != NULL && i < text->status->n_runs; i++)
    if (follow->before->runs[i].state != text->status->runs[i].state)
      {
        g_autofree char *line = pr_status_text_run (text, i, 0);

        printf ("%s\n", line);
      }
  fflush (stdout);
}

static gboolean
look (Follow *follow, GError **error)
{
  g_auto (PrStatusText) text = { 0 };

  if (!update_plan (follow, error))
    return FALSE;
  follow->status = pr_sweep_status_new (*follow->plan, follow->out_dir, FALSE, error);
  if (follow->status == NULL)
    return FALSE;
  pr_status_text_init (&text, *follow->plan, follow->status);
  if (follow->terminal)
    draw (follow, &text);
  else
    print_changes (follow, &text);
  return TRUE;
}

static gboolean
goes_on (const PrSweepStatus *status)
{
  return status->counts[PR_RUN_RUNNING] + status->counts[PR_RUN_MISSING] > 0;
}

gboolean
pr_follow (PrSweepPlan **plan, const char *out_dir, GError **error)
{
  const gint *stop = pr_signals_install_quiet ();
  Follow follow = { .out_dir = out_dir, .plan = plan, .redraw = { .file = stdout } };
  gboolean ok, more = TRUE;

  follow.terminal = pr_redraw_possible (stdout);
  follow.file = plan_file (&follow);
  while ((ok = look (&follow, error)) && (more = goes_on (follow.status)) && g_atomic_int_get (stop) == 0)
    {
      g_clear_pointer (&follow.before, pr_sweep_status_free);
      follow.before = g_steal_pointer (&follow.status);
      poll (NULL, 0, LOOK_MILLISECONDS);
      if (g_atomic_int_get (stop) != 0)
        break;
    }
  pr_redraw_erase (&follow.redraw);
  pr_sweep_status_free (follow.status);
  pr_sweep_status_free (follow.before);
  return ok;
}
