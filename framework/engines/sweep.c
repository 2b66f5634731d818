#include "config.h"

#include "engines/sweep.h"

#include "runtime/complaints.h"
#include "runtime/manifest.h"

#include <pauserec/error.h>

char *
pr_sweep_folder (const char *path, const char *out, GError **error)
{
  g_autofree char *plan = g_build_filename (path, "plan.json", NULL), *stem = NULL;
  g_autoptr (GPtrArray) complaints = pr_complaints_new ();
  g_autoptr (PrManifest) manifest = NULL;
  const PrManifestGroup *group;
  const PrManifestEntry *name;

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    {
      if (g_file_test (plan, G_FILE_TEST_EXISTS))
        return g_strdup (path);
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "folder '%s' has no plan.json; name a manifest, or the folder of a sweep that `pauserec plan` or "
                   "`pauserec run` made",
                   path);
      return NULL;
    }
  if (out != NULL)
    return g_strdup (out);
  manifest = pr_manifest_load (path, complaints, error);
  if (manifest == NULL)
    return NULL;
  group = pr_manifest_group (manifest, PR_GROUP_EXPERIMENT, "");
  name = group != NULL ? pr_manifest_entry (group, "name") : NULL;
  if (name != NULL && !pr_manifest_name_ok (name->text))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "%s: the name of the experiment cannot be that of a folder; "
                   "`pauserec check` says what is wrong",
                   name->where);
      return NULL;
    }
  stem = pr_experiment_default_name (path);
  return g_build_filename ("pauserec-results", name != NULL ? name->text : stem, NULL);
}

PrSweepPlan *
pr_sweep_plan_require (const char *out_dir, GError **error)
{
  GError *fault = NULL;
  PrSweepPlan *plan = pr_sweep_plan_load (out_dir, &fault);

  if (fault != NULL)
    g_propagate_error (error, fault);
  else if (plan == NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                 "'%s' has no plan.json, so there is no sweep in it; `pauserec plan MANIFEST` or `pauserec run "
                 "MANIFEST` makes one",
                 out_dir);
  return plan;
}

static char *
file_of (const char *out_dir, const char *folder, const PrPlannedRun *run, const char *suffix)
{
  g_autofree char *base = g_strconcat (run->name, suffix, NULL);

  return g_build_filename (out_dir, folder, base, NULL);
}

char *
pr_sweep_results_path (const char *out_dir)
{
  return g_build_filename (out_dir, "results.h5", NULL);
}

char *
pr_sweep_run_path (const char *out_dir, const PrPlannedRun *run)
{
  return file_of (out_dir, "runs", run, ".h5");
}

char *
pr_sweep_progress_path (const char *out_dir, const PrPlannedRun *run)
{
  return file_of (out_dir, "progress", run, ".jsonl");
}

char *
pr_sweep_lock_path (const char *out_dir, const PrPlannedRun *run)
{
  return file_of (out_dir, "locks", run, ".lock");
}
