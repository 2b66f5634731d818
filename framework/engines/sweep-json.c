/* plan.json: a plan as text and back. */
#include "config.h"

#include "engines/sweep-private.h"

#include "runtime/folder.h"
#include "runtime/json-seal.h"
#include "runtime/sha256.h"

#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

#define MAX_ITEMS 1000000 /* runs, nodes, tasks: more is no plan of ours */

static char *
plan_path (const char *out_dir)
{
  return g_build_filename (out_dir, "plan.json", NULL);
}

/* Saving ----------------------------------------------------------------------------------------------------------- */

static json_t *
strings_json (char **strings)
{
  json_t *list = json_array ();

  for (char **s = strings; *s != NULL; s++)
    json_array_append_new (list, json_string (*s));
  return list;
}

static json_t *
digests_json (GHashTable *digests)
{
  json_t *object = json_object ();
  GHashTableIter iter;
  gpointer path, digest;

  g_hash_table_iter_init (&iter, digests);
  while (g_hash_table_iter_next (&iter, &path, &digest))
    json_object_set_new (object, path, json_string (digest));
  return object;
}

static json_t *
nodes_json (const PrSweepPlan *plan)
{
  json_t *list = json_array ();

  for (guint i = 0; i < plan->nodes->len; i++)
    {
      const PrPlannedNode *node = plan->nodes->pdata[i];

      json_array_append_new (list,
                             json_pack ("{s:s, s:s, s:s, s:O, s:b, s:I, s:f}", "name", node->name, "stage", node->stage,
                                        "key", node->key, "parameters", node->parameters, "cached", node->cached,
                                        "memory", (json_int_t)MIN (node->memory, G_MAXINT64), "flops", node->flops));
    }
  return list;
}

static json_t *
runs_json (const PrSweepPlan *plan)
{
  json_t *list = json_array ();

  for (guint i = 0; i < plan->runs->len; i++)
    {
      const PrPlannedRun *run = plan->runs->pdata[i];
      g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, run->seed);
      json_t *nodes = json_array ();

      for (guint n = 0; n < run->n_nodes; n++)
        json_array_append_new (nodes, json_integer (run->nodes[n]));
      json_array_append_new (list, json_pack ("{s:s, s:s, s:s, s:s, s:o}", "arm", run->arm, "seed", seed, "key",
                                              run->key, "name", run->name, "nodes", nodes));
    }
  return list;
}

static json_t *
tasks_json (const PrSweepPlan *plan)
{
  json_t *list = json_array ();

  for (guint i = 0; i < plan->tasks->len; i++)
    {
      const PrTask *task = &g_array_index (plan->tasks, PrTask, i);

      json_array_append_new (list,
                             json_pack ("{s:i, s:i, s:i, s:b, s:I, s:f}", "parent", task->parent, "run", (int)task->run,
                                        "nodes", (int)task->n_nodes, "whole", task->whole, "memory",
                                        (json_int_t)MIN (task->memory, G_MAXINT64), "flops", task->flops));
    }
  return list;
}

static json_t *
plan_json (const PrSweepPlan *plan)
{
  json_t *program =
      json_pack ("{s:s, s:s, s:s}", "version", plan->version, "commit", plan->commit, "sha256", plan->program_sha256);
  json_t *manifest = json_pack ("{s:s, s:s}", "path", plan->manifest, "sha256", plan->manifest_sha256);

  return json_pack ("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
                    PR_PLAN_SCHEMA, "experiment", plan->experiment, "question", plan->question, "metric", plan->metric,
                    "baseline", plan->baseline, "manifest", manifest, "cwd", plan->cwd, "set", strings_json (plan->set),
                    "plugin_path", strings_json (plan->plugin_path), "store", plan->store, "frozen", plan->frozen,
                    "program", program, "plugins", digests_json (plan->plugins), "inputs", digests_json (plan->inputs),
                    "nodes", nodes_json (plan), "runs", runs_json (plan), "tasks", tasks_json (plan));
}

gboolean
pr_sweep_make_folders (const char *out_dir, GError **error)
{
  static const char *const folders[] = { "runs", "progress", "failed", "locks" };

  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *folder = g_build_filename (out_dir, folders[i], NULL);

      if (!pr_folder_make (folder, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
pr_sweep_plan_save (const PrSweepPlan *plan, const char *out_dir, GError **error)
{
  g_autofree char *path = plan_path (out_dir), *seal = NULL;
  json_t *object;
  gboolean ok;

  if (!pr_sweep_make_folders (out_dir, error))
    return FALSE;
  object = plan_json (plan);
  if (object == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "'%s': the plan has text that is not UTF-8 (a path?)", path);
      return FALSE;
    }
  seal = pr_json_seal (object);
  json_object_set_new (object, "seal", json_string (seal));
  ok = pr_json_save (object, path, error);
  json_decref (object);
  return ok;
}

/* Loading ---------------------------------------------------------------------------------------------------------- */

/* The first member that is not as it should be makes READER unsound; what is read then is empty. */
typedef struct
{
  gboolean sound;
} Reader;

static char *
get_text (Reader *reader, const json_t *object, const char *key)
{
  const char *text = json_string_value (json_object_get (object, key));

  reader->sound = reader->sound && text != NULL;
  return g_strdup (text != NULL ? text : "");
}

static gint64
get_integer (Reader *reader, const json_t *object, const char *key, gint64 min, gint64 max)
{
  const json_t *value = json_object_get (object, key);
  gint64 integer = json_integer_value (value);

  if (json_is_integer (value) && integer >= min && integer <= max)
    return integer;
  reader->sound = FALSE;
  return 0;
}

static gboolean
get_boolean (Reader *reader, const json_t *object, const char *key)
{
  const json_t *value = json_object_get (object, key);

  reader->sound = reader->sound && json_is_boolean (value);
  return json_is_true (value);
}

static double
get_number (Reader *reader, const json_t *object, const char *key)
{
  const json_t *value = json_object_get (object, key);

  reader->sound = reader->sound && json_is_number (value);
  return json_number_value (value);
}

static char **
get_strings (Reader *reader, const json_t *object, const char *key)
{
  const json_t *list = json_object_get (object, key);
  g_autoptr (GStrvBuilder) all = g_strv_builder_new ();

  reader->sound = reader->sound && json_is_array (list);
  for (gsize i = 0; i < json_array_size (list); i++)
    {
      const char *text = json_string_value (json_array_get (list, i));

      reader->sound = reader->sound && text != NULL;
      if (text != NULL)
        g_strv_builder_add (all, text);
    }
  return g_strv_builder_end (all);
}

static void
get_digests (Reader *reader, const json_t *object, const char *key, GHashTable *ret)
{
  json_t *digests = json_object_get (object, key), *digest;
  const char *path;

  reader->sound = reader->sound && json_is_object (digests);
  json_object_foreach (digests, path, digest)
  {
    reader->sound = reader->sound && pr_sha256_ok (json_string_value (digest));
    g_hash_table_insert (ret, g_strdup (path), g_strdup (json_is_string (digest) ? json_string_value (digest) : ""));
  }
}

/* A list of at most MAX_ITEMS objects. */
static const json_t *
get_list (Reader *reader, const json_t *object, const char *key)
{
  const json_t *list = json_object_get (object, key);

  reader->sound = reader->sound && json_is_array (list) && json_array_size (list) <= MAX_ITEMS;
  return reader->sound ? list : NULL;
}

static void
read_nodes (Reader *reader, const json_t *object, PrSweepPlan *plan)
{
  const json_t *list = get_list (reader, object, "nodes");

  for (gsize i = 0; i < json_array_size (list); i++)
    {
      const json_t *item = json_array_get (list, i);
      PrPlannedNode *node = g_new0 (PrPlannedNode, 1);

      node->name = get_text (reader, item, "name");
      node->stage = get_text (reader, item, "stage");
      node->key = get_text (reader, item, "key");
      node->parameters = json_incref (json_object_get (item, "parameters"));
      node->cached = get_boolean (reader, item, "cached");
      node->memory = (guint64)get_integer (reader, item, "memory", 0, G_MAXINT64);
      node->flops = get_number (reader, item, "flops");
      reader->sound = reader->sound && pr_sha256_ok (node->key) && json_is_object (node->parameters);
      g_ptr_array_add (plan->nodes, node);
    }
}

/* The name becomes part of paths. */
static gboolean
file_name_ok (const char *name)
{
  return name[0] != '\0' && name[0] != '.' && strlen (name) < 240 && strchr (name, '/') == NULL;
}

static void
read_runs (Reader *reader, const json_t *object, PrSweepPlan *plan)
{
  const json_t *list = get_list (reader, object, "runs");

  for (gsize i = 0; i < json_array_size (list); i++)
    {
      const json_t *item = json_array_get (list, i), *nodes = get_list (reader, item, "nodes");
      g_autofree char *seed = get_text (reader, item, "seed");
      PrPlannedRun *run = g_new0 (PrPlannedRun, 1);

      run->arm = get_text (reader, item, "arm");
      run->key = get_text (reader, item, "key");
      run->name = get_text (reader, item, "name");
      run->n_nodes = (guint)json_array_size (nodes);
      run->nodes = g_new0 (guint, MAX (run->n_nodes, 1));
      g_ptr_array_add (plan->runs, run);
      reader->sound = reader->sound && pr_sha256_ok (run->key) && file_name_ok (run->name) && run->n_nodes > 0
                      && g_ascii_string_to_unsigned (seed, 10, 0, G_MAXUINT64, &run->seed, NULL);
      for (guint n = 0; n < run->n_nodes; n++)
        {
          gint64 index = json_integer_value (json_array_get (nodes, n));

          reader->sound = reader->sound && json_is_integer (json_array_get (nodes, n)) && index >= 0
                          && index < (gint64)plan->nodes->len;
          run->nodes[n] = (guint)MAX (index, 0);
        }
    }
}

static void
read_tasks (Reader *reader, const json_t *object, PrSweepPlan *plan)
{
  const json_t *list = get_list (reader, object, "tasks");

  for (gsize i = 0; reader->sound && i < json_array_size (list); i++)
    {
      const json_t *item = json_array_get (list, i);
      PrTask task = {
        .parent = (int)get_integer (reader, item, "parent", -1, (gint64)i - 1),
        .run = (guint)get_integer (reader, item, "run", 0, (gint64)plan->runs->len - 1),
        .whole = get_boolean (reader, item, "whole"),
        .memory = (guint64)get_integer (reader, item, "memory", 0, G_MAXINT64),
        .flops = get_number (reader, item, "flops"),
      };

      if (!reader->sound)
        return;
      task.n_nodes =
          (guint)get_integer (reader, item, "nodes", 0, ((const PrPlannedRun *)plan->runs->pdata[task.run])->n_nodes);
      g_array_append_val (plan->tasks, task);
    }
}

static void
read_plan (Reader *reader, const json_t *object, PrSweepPlan *plan)
{
  const json_t *program = json_object_get (object, "program"), *manifest = json_object_get (object, "manifest");

  plan->experiment = get_text (reader, object, "experiment");
  plan->question = get_text (reader, object, "question");
  plan->metric = get_text (reader, object, "metric");
  plan->baseline = get_text (reader, object, "baseline");
  plan->manifest = get_text (reader, manifest, "path");
  plan->manifest_sha256 = get_text (reader, manifest, "sha256");
  plan->cwd = get_text (reader, object, "cwd");
  plan->set = get_strings (reader, object, "set");
  plan->plugin_path = get_strings (reader, object, "plugin_path");
  plan->store = get_text (reader, object, "store");
  plan->frozen = get_boolean (reader, object, "frozen");
  plan->version = get_text (reader, program, "version");
  plan->commit = get_text (reader, program, "commit");
  plan->program_sha256 = get_text (reader, program, "sha256");
  get_digests (reader, object, "plugins", plan->plugins);
  get_digests (reader, object, "inputs", plan->inputs);
  read_nodes (reader, object, plan);
  read_runs (reader, object, plan);
  read_tasks (reader, object, plan);
}

static gboolean
check_plan (json_t *object, const char *path, GError **error)
{
  const char *schema = json_string_value (json_object_get (object, "schema"));
  const char *said = json_string_value (json_object_get (object, "seal"));
  g_autofree char *seal = pr_json_seal (object);

  if (schema != NULL && strcmp (schema, PR_PLAN_SCHEMA) != 0)
    g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                 "'%s' is of another version (%s, not " PR_PLAN_SCHEMA "); delete it and plan again", path, schema);
  else if (seal == NULL || schema == NULL || said == NULL || strcmp (said, seal) != 0)
    g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                 "'%s' is damaged or was changed by hand (it does not match its seal); delete it and plan again", path);
  else
    return TRUE;
  return FALSE;
}

PrSweepPlan *
pr_sweep_plan_load (const char *out_dir, GError **error)
{
  g_autofree char *path = plan_path (out_dir);
  g_autoptr (PrSweepPlan) plan = NULL;
  g_autoptr (GError) raised = NULL;
  Reader reader = { TRUE };
  json_t *object;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  object = pr_json_load (path, &raised);
  if (object == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&raised));
      g_prefix_error (error, "delete this plan and plan again: ");
      return NULL;
    }
  if (check_plan (object, path, error))
    {
      plan = pr_sweep_plan_empty ();
      read_plan (&reader, object, plan);
      if (!reader.sound)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA, "'%s' is no plan of this program; delete it and plan again",
                       path);
          g_clear_pointer (&plan, pr_sweep_plan_free);
        }
    }
  json_decref (object);
  return g_steal_pointer (&plan);
}
