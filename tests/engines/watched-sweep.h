/* watched-sweep.h - sweeps of quick probes (probe-sweep.h) under a watch that counts events, and dies or asks to stop
 * at one of them. */
#ifndef WATCHED_SWEEP_H
#define WATCHED_SWEEP_H

#include "probe-sweep.h"

#include "results/results.h"
#include "runtime/folder.h"

#include <signal.h>
#include <unistd.h>

#define MANIFEST                                                                                                       \
  "[experiment]\nname = probe\nseeds = 1;2\nmetric = hit_10\nbaseline = short\n"                                       \
  "[stage seed]\nuses = probe-seed\n"                                                                                  \
  "[stage walk]\nuses = probe-walk\n"                                                                                  \
  "[arm short]\npipeline = seed; walk\n"                                                                               \
  "[arm long]\npipeline = seed; walk\nwalk.steps = 20\n"

static const char *manifest_text;
static PrSweepMode mode;
static guint jobs;

/* What a watch does besides counting events other than steps, of which there are as many as there is time for: die at
 * one of them, or ask to stop at it. */
static int n_events, die_at, stop_at;
static gint cancel;
static GString *seen;

static inline void
on_event (const PrEvent *event, gpointer ctx)
{
  (void)ctx;
  if (event->kind == PR_EVENT_NOTE || event->kind == PR_EVENT_RUN_FAILED)
    g_string_append_printf (seen, "%s: %s\n", pr_event_name (event->kind), event->text);
  if (event->kind == PR_EVENT_STAGE_STEP)
    return;
  if (n_events == die_at)
    kill (getpid (), SIGKILL);
  if (n_events == stop_at)
    g_atomic_int_set (&cancel, 1);
  n_events++;
}

static const PrWatch watch = { .cancel = &cancel, .event = on_event };

static inline void
watched_setup (void)
{
  probe_setup ();
  seen = g_string_new ("");
  manifest_text = MANIFEST;
  mode = PR_SWEEP_RUN;
  jobs = 1;
  n_events = 0;
  cancel = 0;
  die_at = stop_at = -1;
}

static inline void
watched_teardown (void)
{
  probe_teardown ();
  g_string_free (seen, TRUE);
}

static inline gboolean
run (const char *place, const char *const *set, PrSweepSummary *ret_summary, GError **error)
{
  g_autoptr (PrExperiment) experiment = probe_load (manifest_text, set);
  const PrSweepCall call = { .mode = mode, .jobs = jobs, .watch = &watch };

  return probe_sweep (experiment, set, place, call, ret_summary, error);
}

static inline void
must_run (const char *place, PrSweepSummary *ret_summary)
{
  g_autoptr (GError) error = NULL;

  pr_sweep_summary_clear (ret_summary);
  run (place, NULL, ret_summary, &error);
  ck_assert_no_error (error);
}

static inline char *
tallied (void)
{
  char *text = NULL;

  if (!g_file_get_contents (tally, &text, NULL, NULL))
    return g_strdup ("");
  g_unlink (tally);
  return text;
}

/* Every run file with its digest: what must not depend on anything. */
static inline char *
digests (const char *place)
{
  g_autofree char *folder = g_strdup_printf ("%s/%s-out/runs", dir, place);
  g_auto (GStrv) names = pr_folder_list (folder, NULL);
  g_autoptr (GString) all = g_string_new ("");

  for (char **name = names; *name != NULL; name++)
    {
      g_autofree char *path = g_build_filename (folder, *name, NULL), *digest = NULL;
      g_autoptr (GError) error = NULL;

      ck_assert (pr_results_verify_run (path, NULL, &digest, &error));
      g_string_append_printf (all, "%s %s\n", *name, digest);
    }
  return g_string_free (g_steal_pointer (&all), FALSE);
}

/* Nothing that is only half there: tmp/ and scratch/ of the store are empty, no hidden file lies about in the results.
 */
static inline void
check_clean (const char *place)
{
  const char *const folders[] = { "store/tmp", "store/scratch", "store/corrupt" };

  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *folder = g_strdup_printf ("%s/%s-%s", dir, place, folders[i]);
      g_auto (GStrv) names = pr_folder_list (folder, NULL);

      ck_assert_msg (names != NULL && names[0] == NULL, "%s is not empty", folder);
    }
}

#endif
