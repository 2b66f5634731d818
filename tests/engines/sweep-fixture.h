/* sweep-fixture.h - a plan made by hand, and the files of a sweep: for tests of what is told from files alone.
 *
 * Arms "a0", "a1", ...; seeds 1, 2, ...; stages "s0", "s1", ... of kind "kind-s0", ...  All runs share s0, the others
 * have their own.  Stage sK is planned with K * 100 operations, so s0 says nothing of its work.
 */
#ifndef SWEEP_FIXTURE_H
#define SWEEP_FIXTURE_H

#include "pr-check.h"

#include "engines/failure.h"
#include "engines/sweep-private.h"
#include "results/results.h"
#include "runtime/folder.h"
#include "runtime/lock.h"
#include "runtime/sha256.h"

#include <stdio.h>

static inline char *
fixture_key (const char *text)
{
  return pr_sha256_bytes (text, strlen (text));
}

static inline PrPlannedNode *
fixture_node (guint stage, const char *key_text)
{
  PrPlannedNode *node = g_new0 (PrPlannedNode, 1);

  node->name = g_strdup_printf ("s%u", stage);
  node->stage = g_strdup_printf ("kind-s%u", stage);
  node->key = fixture_key (key_text);
  node->flops = stage * 100.0;
  return node;
}

static inline void
fixture_plan_init (PrSweepPlan *plan, guint n_arms, guint n_seeds, guint n_stages)
{
  *plan = (PrSweepPlan){ .experiment = (char *)"probe" };
  plan->nodes = g_ptr_array_new_with_free_func (pr_planned_node_free);
  plan->runs = g_ptr_array_new_with_free_func (pr_planned_run_free);
  g_ptr_array_add (plan->nodes, fixture_node (0, "shared"));
  for (guint i = 0; i < n_arms * n_seeds; i++)
    {
      PrPlannedRun *run = g_new0 (PrPlannedRun, 1);

      run->arm = g_strdup_printf ("a%u", i / n_seeds);
      run->seed = i % n_seeds + 1;
      run->name = g_strdup_printf ("%s-s%d", run->arm, (int)run->seed);
      run->key = fixture_key (run->name);
      run->nodes = g_new0 (guint, n_stages);
      run->n_nodes = n_stages;
      for (guint s = 1; s < n_stages; s++)
        {
          g_autofree char *text = g_strdup_printf ("%s/%u", run->name, s);

          run->nodes[s] = plan->nodes->len;
          g_ptr_array_add (plan->nodes, fixture_node (s, text));
        }
      g_ptr_array_add (plan->runs, run);
    }
}

static inline void
fixture_plan_clear (PrSweepPlan *plan)
{
  g_ptr_array_unref (plan->nodes);
  g_ptr_array_unref (plan->runs);
}

static inline const PrPlannedRun *
fixture_run (const PrSweepPlan *plan, guint i)
{
  return g_ptr_array_index (plan->runs, i);
}

static inline const PrPlannedNode *
fixture_stage (const PrSweepPlan *plan, guint i, guint stage)
{
  return g_ptr_array_index (plan->nodes, fixture_run (plan, i)->nodes[stage]);
}

static inline void
fixture_folders (const char *out)
{
  static const char *const folders[] = { "runs", "progress", "failed", "locks" };

  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *folder = g_build_filename (out, folders[i], NULL);

      ck_assert (pr_folder_make (folder, NULL));
    }
}

/* Sealed results of run I; its path, to free. */
static inline char *
fixture_write_result (const PrSweepPlan *plan, const char *out, guint i)
{
  const PrPlannedRun *run = fixture_run (plan, i);
  char *path = pr_sweep_run_path (out, run);
  g_autoptr (PrRecord) record = pr_record_new ();
  const PrStageResult stage = { "s0", "aa", record };
  const PrRunResult result = { .experiment = "probe",
                               .arm = run->arm,
                               .manifest = "",
                               .run_key = run->key,
                               .seed = run->seed,
                               .stages = &stage,
                               .n_stages = 1 };
  g_autoptr (GError) error = NULL;

  pr_record_metric (record, "hit_10", 0.5);
  pr_results_write_run (&result, path, &error);
  ck_assert_no_error (error);
  return path;
}

/* The lock of run I, to release. */
static inline int
fixture_lock (const PrSweepPlan *plan, const char *out, guint i)
{
  g_autofree char *path = pr_sweep_lock_path (out, fixture_run (plan, i));
  int fd = pr_lock_try (path, NULL);

  ck_assert_int_ge (fd, 0);
  return fd;
}

static inline void
fixture_fail (const char *out, const char *key, const char *message, int code)
{
  const PrFailure failure = {
    .key = (char *)key, .stage = (char *)"s", .run = (char *)"r", .message = (char *)message, .code = code
  };
  g_autoptr (GError) error = NULL;

  pr_failure_save (&failure, out, &error);
  ck_assert_no_error (error);
}

/* Append to the progress file of run I. */
static inline void
fixture_append (const PrSweepPlan *plan, const char *out, guint i, const char *text)
{
  g_autofree char *path = pr_sweep_progress_path (out, fixture_run (plan, i));
  FILE *file = fopen (path, "a");

  ck_assert_ptr_nonnull (file);
  ck_assert_int_ge (fputs (text, file), 0);
  ck_assert_int_eq (fclose (file), 0);
}

/* A line of EVENT at a stage of run I; MORE: further fields, each with a comma before it. */
static inline void
fixture_event (const PrSweepPlan *plan, const char *out, guint i, const char *event, guint stage, const char *more)
{
  g_autofree char *line =
      g_strdup_printf ("{\"time\":\"2026-01-01T00:00:00Z\",\"event\":\"%s\",\"stage\":\"s%u\",\"key\":\"%s\"%s}\n",
                       event, stage, fixture_stage (plan, i, stage)->key, more);

  fixture_append (plan, out, i, line);
}

static inline void
fixture_step (const PrSweepPlan *plan, const char *out, guint i, guint stage, int done, int total, double elapsed,
              double eta)
{
  g_autofree char *more = g_strdup_printf (",\"done\":%d,\"total\":%d,\"elapsed\":%g,\"eta\":%g,\"text\":\"loss %d\"",
                                           done, total, elapsed, eta, done);

  fixture_event (plan, out, i, "stage_step", stage, more);
}

#endif
