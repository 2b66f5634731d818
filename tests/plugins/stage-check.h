/* stage-check.h - run one stage as the runtime does, on artifact folders that a test made.
 *
 * The stage's source is linked into the test; pr_plugin is its table. */
#ifndef STAGE_CHECK_H
#define STAGE_CHECK_H

#include "record-check.h"

#include "runtime/params.h"
#include "runtime/stage-run.h"

#include <pauserec/plugin.h>

#define STAGE_CHECK_SLOTS 8

typedef struct
{
  const PrStage *stage;
  const char *dir;        /* of all artifacts: outputs go to DIR/out/SLOT */
  const char *const *set; /* "key=value", NULL-terminated; may be NULL */
  const char *const *in;  /* folders below DIR, in the order of the stage's input slots; NULL: unconnected */
  gint cancel;
  PrEventFunc event; /* progress, with the StageCheck as ctx; may be NULL */
  guint64 seed;
  PrRecord *record; /* after a success */
  PrDims *dims;
} StageCheck;

static inline void
stage_check_clear (StageCheck *check)
{
  g_clear_pointer (&check->record, pr_record_free);
  g_clear_pointer (&check->dims, pr_dims_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (StageCheck, stage_check_clear)

/* The stage's params struct, to clear with pr_params_clear(). */
static inline PrParams
stage_check_params (const StageCheck *check)
{
  g_autoptr (GPtrArray) complaints = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) digests = pr_params_digests_new ();
  PrParamValue values[32];
  PrParams params = { NULL };
  gsize n = 0;

  for (; check->set != NULL && check->set[n] != NULL; n++)
    {
      char **parts = g_strsplit (check->set[n], "=", 2);

      g_ptr_array_add (texts, parts[0]);
      g_ptr_array_add (texts, parts[1]);
      values[n] = (PrParamValue){ parts[0], parts[1], "--set", "--set", check->dir };
      g_free (parts);
    }
  ck_assert_msg (pr_params_fill (check->stage, values, n, "test", digests, complaints, &params), "%s",
                 complaints->len > 0 ? (const char *)g_ptr_array_index (complaints, 0) : "");
  return params;
}

/* validate(), then run().  Outputs of an earlier call are removed. */
static inline gboolean
stage_check_run (StageCheck *check, GError **error)
{
  PrParams params = stage_check_params (check);
  PrStageEntry entry = { check->stage, &pr_plugin, (char *)"test.so", (char *)"00" };
  PrEdge edges[STAGE_CHECK_SLOTS] = { { NULL, NULL, NULL } };
  const char *inputs[STAGE_CHECK_SLOTS] = { NULL };
  PrNode node = { .name = (char *)check->stage->id,
                  .entry = &entry,
                  .params = params.params,
                  .resolved = params.resolved,
                  .identity = params.identity,
                  .edges = edges };
  PrWatch watch = { .cancel = &check->cancel, .event = check->event, .ctx = check };
  g_autofree char *out = g_build_filename (check->dir, "out", NULL);
  g_autofree char *scratch = g_build_filename (check->dir, "scratch", NULL);
  PrStageRun call = { &node, check->seed, inputs, out, scratch, &watch };
  gboolean ok;

  stage_check_clear (check);
  pr_check_rmdir (out);
  g_mkdir (out, 0700);
  g_mkdir (scratch, 0700);
  for (gsize i = 0; i < check->stage->n_slots; i++)
    if (check->stage->slots[i].direction == PR_SLOT_IN)
      {
        const char *name = check->in[node.n_edges];

        edges[node.n_edges].slot = &check->stage->slots[i];
        inputs[node.n_edges++] = name != NULL ? g_build_filename (check->dir, name, NULL) : NULL;
      }
  ok = (check->stage->validate == NULL || check->stage->validate (params.params, error))
       && pr_stage_run (&call, NULL, &check->record, &check->dims, error);
  for (gsize i = 0; i < node.n_edges; i++)
    g_free ((char *)inputs[i]);
  pr_params_clear (check->stage, &params);
  return ok;
}

/* Value of a metric of the last run. */
static inline double
stage_check_metric (const StageCheck *check, const char *name)
{
  return record_metric (check->record, name);
}

#endif
