#include "config.h"

#include "runtime/draft.h"
#include "runtime/complaints.h"
#include "runtime/params.h"
#include "runtime/plan.h"

#include <string.h>

static void
node_free (gpointer data)
{
  PrNode *node = data;
  PrParams params = { node->params, node->resolved, node->identity };

  pr_params_clear (node->entry->stage, &params);
  g_free (node->name);
  g_free (node->edges);
  g_free (node);
}

static void
run_free (gpointer data)
{
  PrRunSpec *run = data;

  g_free (run->arm);
  g_ptr_array_unref (run->nodes);
  g_free (run);
}

void
pr_experiment_free (PrExperiment *experiment)
{
  if (experiment == NULL)
    return;
  g_free (experiment->name);
  g_free (experiment->question);
  g_free (experiment->metric);
  g_free (experiment->baseline);
  g_free (experiment->path);
  g_free (experiment->text);
  g_ptr_array_unref (experiment->runs);
  g_ptr_array_unref (experiment->arms);
  g_clear_pointer (&experiment->files, g_hash_table_unref);
  g_free (experiment);
}

/* Runs -------------------------------------------------------------------- */

/* "pause", or "pause[pause-sft.k=3]". */
static char *
label (const PrVariant *variant)
{
  GString *text = g_string_new (variant->arm->group->name);
  const char *separator = "[";

  for (guint i = 0; i < variant->arm->settings->len; i++)
    {
      const PrSetting *setting = variant->arm->settings->pdata[i];

      if (setting->values[1] == NULL)
        continue;
      g_string_append_printf (text, "%s%s.%s=%s", separator, setting->stage, setting->key,
                              setting->values[variant->choice[i]]);
      separator = ",";
    }
  if (separator[0] == ',')
    g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

/* What was said of a stage, apart from its edges. */
typedef struct
{
  GArray *values;    /* PrParamValue, in rising order of rank */
  PrParamValue seed; /* the `seed = N` that counts; key NULL: none */
} Said;

static void
add_value (Said *said, const char *key, const char *text, const char *origin, const char *where, const char *base)
{
  const PrParamValue value = { key, text, origin, where, base };

  if (strcmp (key, "seed") == 0)
    said->seed = value;
  else if (!g_str_has_prefix (key, "in."))
    g_array_append_val (said->values, value);
}

/* All that was said of DEF.  VARIANT may be NULL.  STRINGS owns some of it; the caller frees the values. */
static Said
collect_values (const PrDraft *draft, const PrVariant *variant, const PrStageDef *def, GPtrArray *strings)
{
  Said said = { g_array_new (FALSE, FALSE, sizeof (PrParamValue)), { 0 } };

  for (guint i = 0; def->group != NULL && i < def->group->entries->len; i++)
    {
      const PrManifestEntry *entry = def->group->entries->pdata[i];
      char *origin = pr_manifest_origin (draft->manifest, entry);

      g_ptr_array_add (strings, origin);
      if (strcmp (entry->key, "uses") != 0)
        add_value (&said, entry->key, entry->text, origin, entry->where, entry->file->dir);
    }
  for (guint i = 0; variant != NULL && i < variant->arm->settings->len; i++)
    {
      const PrSetting *setting = variant->arm->settings->pdata[i];

      if (strcmp (setting->stage, def->name) == 0)
        add_value (&said, setting->key, setting->values[variant->choice[i]], setting->origin, setting->where,
                   setting->dir);
    }
  for (guint i = 0; i < draft->settings->len; i++)
    {
      const PrSetting *setting = draft->settings->pdata[i];

      if (strcmp (setting->stage, def->name) == 0)
        add_value (&said, setting->key, setting->values[0], setting->origin, setting->where, setting->dir);
    }
  return said;
}

/* Let the stage check its parameters against each other. */
static void
validate (PrDraft *draft, const PrStageDef *def, const void *params, const char *where)
{
  g_autoptr (GError) raised = NULL, checked = NULL;
  gboolean ok;

  if (def->entry->stage->validate == NULL || draft->fatal != NULL)
    return;
  ok = def->entry->stage->validate (params, &raised);
  if (pr_stage_check_result (def->entry, def->name, "validate", ok, g_steal_pointer (&raised), &checked))
    return;
  if (g_error_matches (checked, PR_ERROR, PR_ERROR_MANIFEST))
    pr_complain (draft->complaints, "%s: %s", where, checked->message);
  else
    draft->fatal = g_steal_pointer (&checked);
}

static gboolean
read_seed (PrDraft *draft, const PrStageDef *def, const PrParamValue *value, guint64 *ret)
{
  g_autofree char *shown = pr_complaint_excerpt (value->text);

  if (!def->entry->stage->stochastic)
    pr_complain (draft->complaints, "%s: seed: stage '%s' draws nothing at random; leave the line out", value->where,
                 def->name);
  else if (!g_ascii_string_to_unsigned (value->text, 10, 0, G_MAXINT64, ret, NULL))
    pr_complain (draft->complaints, "%s: seed: '%s' is not a seed; give a number from 0 on", value->where, shown);
  else
    return TRUE;
  return FALSE;
}

/* Fill and validate the parameters of NODE; TOUCH: look at the files they name. */
static void
fill (PrDraft *draft, const PrVariant *variant, const PrStageDef *def, gboolean touch, PrNode *node)
{
  PrParams params = { 0 };
  g_autoptr (GPtrArray) strings = g_ptr_array_new_with_free_func (g_free);
  Said said = collect_values (draft, variant, def, strings);
  g_autoptr (GArray) values = said.values;

  if (said.seed.key != NULL)
    node->seeded = read_seed (draft, def, &said.seed, &node->seed);
  if (!pr_params_fill (def->entry->stage, (const PrParamValue *)(void *)values->data, values->len, def->where,
                       touch ? draft->digests : NULL, draft->complaints, &params))
    return;
  node->params = params.params;
  node->resolved = params.resolved;
  node->identity = params.identity;
  if (node->seeded)
    json_object_set_new (node->resolved, "seed",
                         json_pack ("{s:s, s:s}", "value", said.seed.text, "origin", said.seed.origin));
  validate (draft, def, node->params, def->where);
}

static PrRunSpec *
build_run (PrDraft *draft, const PrVariant *variant, guint64 seed)
{
  PrRunSpec *run = g_new0 (PrRunSpec, 1);

  run->arm = label (variant);
  run->seed = seed;
  run->wanted = TRUE;
  run->nodes = g_ptr_array_new_with_free_func (node_free);
  for (guint i = 0; i < variant->arm->pipeline->len; i++)
    {
      PrStageDef *def = variant->arm->pipeline->pdata[i];
      PrNode *node;

      if (def->entry == NULL)
        continue;
      def->built = TRUE;
      node = g_new0 (PrNode, 1);
      node->name = g_strdup (def->name);
      node->entry = def->entry;
      fill (draft, variant, def, TRUE, node);
      if (variant->arm->sound)
        pr_draft_wire (draft, variant, def, run->nodes, node);
      g_ptr_array_add (run->nodes, node);
    }
  return run;
}

/* The next choice, last list fastest, as one reads; FALSE after the last. */
static gboolean
next_choice (const PrArm *arm, guint *choice)
{
  for (guint i = arm->settings->len; i > 0; i--)
    {
      const PrSetting *setting = arm->settings->pdata[i - 1];

      if (setting->values[++choice[i - 1]] != NULL)
        return TRUE;
      choice[i - 1] = 0;
    }
  return FALSE;
}

static guint64
count_runs (const PrArm *arm, guint n_seeds)
{
  guint64 n = n_seeds;

  for (guint i = 0; i < arm->settings->len && n <= PR_RUNS_MAX; i++)
    n *= g_strv_length (((const PrSetting *)arm->settings->pdata[i])->values);
  return n;
}

/* All of it --------------------------------------------------------------- */

static void
build_runs (PrDraft *draft, PrExperiment *experiment, const GArray *seeds)
{
  guint64 total = 0;

  for (guint i = 0; i < draft->arms->len; i++)
    total += count_runs (draft->arms->pdata[i], seeds->len);
  if (total > PR_RUNS_MAX)
    {
      pr_complain (draft->complaints, "%s:1: the arms' lists and the seeds make more than %d runs",
                   draft->manifest->path, PR_RUNS_MAX);
      return;
    }
  for (guint i = 0; i < draft->arms->len; i++)
    {
      const PrArm *arm = draft->arms->pdata[i];
      g_autofree guint *choice = g_new0 (guint, arm->settings->len + 1);
      const PrVariant variant = { arm, choice };

      do
        {
          g_ptr_array_add (experiment->arms, label (&variant));
          for (guint j = 0; j < seeds->len; j++)
            g_ptr_array_add (experiment->runs, build_run (draft, &variant, g_array_index (seeds, guint64, j)));
        }
      while (next_choice (arm, choice));
    }
}

/* What no arm uses must be sound too, but its files may be missing. */
static void
check_unused (PrDraft *draft)
{
  for (guint i = 0; i < draft->stages->len; i++)
    {
      const PrStageDef *def = draft->stages->pdata[i];
      PrNode *node;

      if (def->built || def->entry == NULL)
        continue;
      node = g_new0 (PrNode, 1);
      node->entry = def->entry;
      fill (draft, NULL, def, FALSE, node);
      node_free (node);
    }
}

PrExperiment *
pr_experiment_load (const char *path, const PrRegistry *registry, const PrExperimentOptions *options, GError **error)
{
  PrDraft draft = { .registry = registry };
  g_autoptr (PrExperiment) experiment = g_new0 (PrExperiment, 1);
  g_autoptr (GArray) seeds = NULL;
  gboolean ok = FALSE;

  experiment->runs = g_ptr_array_new_with_free_func (run_free);
  experiment->arms = g_ptr_array_new_with_free_func (g_free);
  draft.complaints = pr_complaints_new ();
  draft.manifest = pr_manifest_load (path, draft.complaints, error);
  if (draft.manifest == NULL)
    {
      pr_draft_clear (&draft);
      return NULL;
    }
  draft.cwd = g_get_current_dir ();
  draft.digests = pr_params_digests_new ();
  pr_draft_read_set (&draft, options != NULL ? options->set : NULL);
  pr_draft_read_experiment (&draft, experiment);
  seeds = pr_draft_read_seeds (&draft);
  pr_draft_read_stages (&draft);
  pr_draft_read_arms (&draft);
  pr_draft_check_set (&draft);
  build_runs (&draft, experiment, seeds);
  check_unused (&draft);
  pr_draft_read_baseline (&draft, experiment);
  pr_draft_apply_only (&draft, experiment, seeds, options != NULL ? options->only : NULL);

  if (draft.fatal != NULL)
    g_propagate_error (error, g_steal_pointer (&draft.fatal));
  else if (draft.complaints->len > 0)
    pr_complaints_to_error (draft.complaints, path, error);
  else
    ok = TRUE;
  experiment->files = g_hash_table_ref (draft.digests);
  pr_draft_clear (&draft);
  return ok ? g_steal_pointer (&experiment) : NULL;
}
