/* stage-harness.h - run one stage of the build tree on folders of a test, the way the runtime does. */
#ifndef STAGE_HARNESS_H
#define STAGE_HARNESS_H

#include "record-check.h"

#include "runtime/loader.h"
#include "runtime/params.h"
#include "runtime/stage-run.h"

/* What came of it; everything is owned and lives in `dir`. */
typedef struct
{
  char *dir; /* one folder for each output slot */
  PrRecord *record;
} StageResult;

static inline void
stage_result_clear (StageResult *result)
{
  if (result->dir != NULL)
    pr_check_rmdir (result->dir);
  g_clear_pointer (&result->dir, g_free);
  g_clear_pointer (&result->record, pr_record_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (StageResult, stage_result_clear)

/* The stage of plugin NAME (plugins/NAME of the build tree). */
static inline const PrStageEntry *
harness_stage (PrRegistry *registry, const char *name)
{
  const char *build = g_getenv ("PR_BUILD_DIR");
  g_autofree char *path = g_strdup_printf ("%s/plugins/%s/.libs/%s.so", build != NULL ? build : ".", name, name);
  GError *error = NULL;

  if (pr_registry_find (registry, name) == NULL)
    ck_assert_msg (pr_registry_load (registry, path, &error), "%s", error ? error->message : "");
  return pr_registry_find (registry, name);
}

/* "key=value key=value" into VALUES (borrowing from PARTS). */
static inline gsize
harness_values (char **parts, PrParamValue *values)
{
  gsize n = 0;

  for (; parts[n] != NULL && parts[n][0] != '\0'; n++)
    {
      char *equals = strchr (parts[n], '=');

      ck_assert_ptr_nonnull (equals);
      *equals = '\0';
      for (char *c = equals + 1; *c != '\0'; c++)
        *c = *c == '_' && c[1] == '_' ? (memmove (c + 1, c + 2, strlen (c + 1)), ' ') : *c; /* "__" is a blank */
      values[n] = (PrParamValue){ parts[n], equals + 1, "test", "test", "/" };
    }
  return n;
}

/* The user interrupts at the STOP-th report of progress; 0: never. */
typedef struct
{
  guint stop, steps;
  gint cancel;
} HarnessStop;

static inline void
harness_event (const PrEvent *event, gpointer ctx)
{
  HarnessStop *stop = ctx;

  if (event->kind == PR_EVENT_STAGE_STEP && ++stop->steps == stop->stop)
    g_atomic_int_set (&stop->cancel, 1);
}

/* Run NAME with parameters "key=value key=value" ("__" in a value is a blank) on input folders: pairs of slot and
 * folder (NULL: left unconnected), up to a NULL slot.  SCRATCH outlives the call.  STOP may be NULL.  ret_result may be
 * cleared at any time. */
static inline gboolean
harness_run_in (PrRegistry *registry, const char *name, const char *settings, const char *const *inputs, guint64 seed,
                const char *scratch, HarnessStop *stop, StageResult *ret_result, GError **error)
{
  const PrStageEntry *entry = harness_stage (registry, name);
  g_auto (GStrv) parts = g_strsplit (settings, " ", -1);
  PrParamValue values[64];
  gsize n = harness_values (parts, values);
  g_autoptr (GPtrArray) complaints = g_ptr_array_new_with_free_func (g_free), nodes = g_ptr_array_new ();
  g_autoptr (GHashTable) digests = pr_params_digests_new ();
  PrParams params = { 0 };
  PrEdge edges[8];
  const char *dirs[8];
  PrNode from = { .name = (char *)"upstream" }, node = { .name = (char *)name, .entry = entry, .edges = edges };
  PrWatch watch = { .cancel = stop != NULL ? &stop->cancel : NULL,
                    .event = stop != NULL ? harness_event : NULL,
                    .ctx = stop };
  gboolean ok;

  ck_assert_msg (pr_params_fill (entry->stage, values, n, "test", digests, complaints, &params), "%s",
                 complaints->len > 0 ? (char *)complaints->pdata[0] : "");
  for (gsize i = 0; i < entry->stage->n_slots; i++)
    if (entry->stage->slots[i].direction == PR_SLOT_IN)
      {
        const char *dir = NULL;

        for (gsize j = 0; inputs[j] != NULL; j += 2)
          if (strcmp (inputs[j], entry->stage->slots[i].name) == 0)
            dir = inputs[j + 1];
        ck_assert (dir != NULL || entry->stage->slots[i].optional);
        dirs[node.n_edges] = dir;
        edges[node.n_edges++] = (PrEdge){ .slot = &entry->stage->slots[i], .from = dir != NULL ? &from : NULL };
      }
  node.params = params.params;
  ret_result->dir = pr_check_tmpdir ();

  PrStageRun call = {
    .node = &node, .seed = seed, .input_dirs = dirs, .dir = ret_result->dir, .scratch = scratch, .watch = &watch
  };
  g_autoptr (PrDims) dims = NULL;

  ok = (entry->stage->validate == NULL || entry->stage->validate (params.params, error))
       && pr_stage_run (&call, NULL, &ret_result->record, &dims, error);
  pr_params_clear (entry->stage, &params);
  return ok;
}

static inline gboolean
harness_run (PrRegistry *registry, const char *name, const char *settings, const char *const *inputs, guint64 seed,
             StageResult *ret_result, GError **error)
{
  g_autofree char *scratch = pr_check_tmpdir ();
  gboolean ok = harness_run_in (registry, name, settings, inputs, seed, scratch, NULL, ret_result, error);

  pr_check_rmdir (scratch);
  return ok;
}

/* Interrupt the stage at its STOP-th report of progress and start it again: the outcome of the second call. */
static inline gboolean
harness_resume (PrRegistry *registry, const char *name, const char *settings, const char *const *inputs, guint64 seed,
                guint stop, StageResult *ret_result, GError **error)
{
  g_autofree char *scratch = pr_check_tmpdir ();
  HarnessStop halt = { .stop = stop };
  g_auto (StageResult) first = { 0 };
  g_autoptr (GError) stopped = NULL;
  gboolean ok;

  ck_assert (!harness_run_in (registry, name, settings, inputs, seed, scratch, &halt, &first, &stopped));
  ck_assert_pr_error (stopped, PR_ERROR_CANCELLED, "cancelled");
  ok = harness_run_in (registry, name, settings, inputs, seed, scratch, NULL, ret_result, error);
  pr_check_rmdir (scratch);
  return ok;
}

/* Folder of an output slot, to free. */
static inline char *
harness_output (const StageResult *result, const char *slot)
{
  return g_build_filename (result->dir, slot, NULL);
}

static inline double
harness_metric (const StageResult *result, const char *name)
{
  return record_metric (result->record, name);
}

/* Values of a curve, borrowed; NULL if there is none. */
static inline const GArray *
harness_curve (const StageResult *result, const char *series)
{
  for (guint i = 0; i < result->record->curves->len; i++)
    {
      const PrRecordCurve *curve = result->record->curves->pdata[i];

      if (strcmp (curve->series, series) == 0)
        return curve->values;
    }
  return NULL;
}

/* The same FILE of output SLOT, bit by bit, and the same curves. */
static inline void
harness_assert_same_file (const StageResult *a, const StageResult *b, const char *slot, const char *file)
{
  g_autofree char *from = g_build_filename (a->dir, slot, file, NULL),
                  *to = g_build_filename (b->dir, slot, file, NULL);
  g_autofree char *x = NULL, *y = NULL;
  gsize n, m;

  ck_assert (g_file_get_contents (from, &x, &n, NULL));
  ck_assert (g_file_get_contents (to, &y, &m, NULL));
  ck_assert_uint_eq (n, m);
  ck_assert (memcmp (x, y, n) == 0);
  ck_assert_uint_eq (a->record->curves->len, b->record->curves->len);
  for (guint i = 0; i < a->record->curves->len; i++)
    {
      const PrRecordCurve *c = a->record->curves->pdata[i], *d = b->record->curves->pdata[i];

      ck_assert_str_eq (c->series, d->series);
      ck_assert_uint_eq (c->values->len, d->values->len);
      ck_assert_mem_eq (c->values->data, d->values->data, c->values->len * sizeof (double));
    }
}

/* The same models, curves and costs? */
static inline void
harness_assert_same (const StageResult *a, const StageResult *b, const char *slot)
{
  harness_assert_same_file (a, b, slot, "model.safetensors");
  ck_assert_mem_eq (a->record->costs, b->record->costs, sizeof a->record->costs);
}

#endif
