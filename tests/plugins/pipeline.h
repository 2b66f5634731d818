/* pipeline.h - run the stages of a manifest on plugins of the build tree, without a store. */
#ifndef PR_TEST_PIPELINE_H
#define PR_TEST_PIPELINE_H

#include "record-check.h"
#include "runtime/experiment.h"
#include "runtime/plan.h"
#include "runtime/stage-run.h"

#include <stdarg.h>

typedef struct
{
  char *dir; /* DIR/STAGE/SLOT holds an output */
  PrRegistry *registry;
  PrExperiment *experiment;
  GPtrArray *records; /* PrRecord *, one a node of the first run */
  GPtrArray *dims;    /* PrDims * */
} Pipeline;

/* PLUGINS and the stages of the first run of the manifest TEXT; nothing has run yet. */
static inline gboolean
pipeline_init (Pipeline *p, const char *text, const char *const *plugins, GError **error)
{
  const char *build = g_getenv ("PR_BUILD_DIR");
  g_autofree char *path = NULL;

  memset (p, 0, sizeof *p);
  p->dir = pr_check_tmpdir ();
  p->registry = pr_registry_new ();
  p->records = g_ptr_array_new_with_free_func ((GDestroyNotify)pr_record_free);
  p->dims = g_ptr_array_new_with_free_func ((GDestroyNotify)pr_dims_free);
  for (; *plugins != NULL; plugins++)
    {
      g_autofree char *so =
          g_strdup_printf ("%s/plugins/%s/.libs/%s.so", build != NULL ? build : ".", *plugins, *plugins);

      if (!pr_registry_load (p->registry, so, error))
        return FALSE;
    }
  path = g_build_filename (p->dir, "test.manifest", NULL);
  ck_assert (g_file_set_contents (path, text, -1, NULL));
  p->experiment = pr_experiment_load (path, p->registry, NULL, error);
  return p->experiment != NULL;
}

static inline void
pipeline_clear (Pipeline *p)
{
  pr_check_rmdir (p->dir);
  g_free (p->dir);
  g_ptr_array_unref (p->records);
  g_ptr_array_unref (p->dims);
  pr_experiment_free (p->experiment);
  pr_registry_free (p->registry);
}

/* Where stage NAME left SLOT; the caller frees. */
static inline char *
pipeline_output (const Pipeline *p, const char *name, const char *slot)
{
  return g_build_filename (p->dir, name, slot, NULL);
}

static inline gboolean
pipeline_run_node (Pipeline *p, const PrRunPlan *plan, const PrNode *node, guint64 seed, GError **error)
{
  g_autofree char *dir = g_build_filename (p->dir, node->name, NULL);
  g_autofree char *scratch = g_strconcat (dir, "-scratch", NULL);
  g_auto (GStrv) inputs = g_new0 (char *, node->n_edges + 1);
  PrWatch watch = { 0 };
  PrStageRun call = { .node = node, .seed = seed, .dir = dir, .scratch = scratch, .watch = &watch };
  PrRecord *record;
  PrDims *dims;
  gboolean ok;

  g_mkdir (dir, 0755);
  g_mkdir (scratch, 0755);
  for (gsize e = 0; e < node->n_edges; e++)
    if (node->edges[e].from != NULL)
      inputs[e] = pipeline_output (p, node->edges[e].from->name, node->edges[e].from_slot->name);
  call.input_dirs = (const char *const *)inputs;
  ok = pr_stage_run (&call, pr_run_plan_find (plan, node), &record, &dims, error);
  /* An unconnected input leaves a gap in the list. */
  for (gsize e = 0; e < node->n_edges; e++)
    if (inputs[e] == NULL)
      inputs[e] = g_strdup ("");
  if (!ok)
    return FALSE;
  g_ptr_array_add (p->records, record);
  g_ptr_array_add (p->dims, dims);
  return TRUE;
}

/* Plan and run the first run, stage by stage. */
static inline gboolean
pipeline_run (Pipeline *p, GError **error)
{
  const PrRunSpec *run = p->experiment->runs->pdata[0];
  g_autoptr (PrRunPlan) plan = pr_run_plan_new (run, NULL, NULL, error);

  for (guint i = 0; plan != NULL && i < run->nodes->len; i++)
    if (!pipeline_run_node (p, plan, run->nodes->pdata[i], run->seed, error))
      return FALSE;
  return plan != NULL;
}

/* What the NTH stage said of NAME; fails the test if it said nothing. */
static inline double
pipeline_metric (const Pipeline *p, guint nth, const char *name)
{
  return record_metric (p->records->pdata[nth], name);
}

#endif
