#include "config.h"

#include "engines/slurm-private.h"

#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

#define SCHEMA "pauserec-slurm/1"
#define BASE "slurm.json"

static void
free_job (gpointer data)
{
  PrSlurmJob *job = data;

  g_free (job->id);
  g_clear_pointer (&job->tasks, g_array_unref);
  g_strfreev (job->names);
  g_free (job);
}

static PrSlurmRecord *
record_new (const char *out_dir)
{
  PrSlurmRecord *record = g_new0 (PrSlurmRecord, 1);

  record->path = g_build_filename (out_dir, BASE, NULL);
  record->jobs = g_ptr_array_new_with_free_func (free_job);
  return record;
}

void
pr_slurm_record_free (PrSlurmRecord *record)
{
  if (record == NULL)
    return;
  g_free (record->path);
  g_ptr_array_unref (record->jobs);
  g_free (record);
}

/* Reading ---------------------------------------------------------------------------------------------------------- */

static gboolean
is_number (const char *text)
{
  return text[0] != '\0' && text[strspn (text, "0123456789")] == '\0';
}

/* The job as it stands in the file, or NULL. */
static PrSlurmJob *
read_job (const json_t *object)
{
  const char *id = json_string_value (json_object_get (object, "job"));
  const json_t *first = json_object_get (object, "first"), *tasks = json_object_get (object, "tasks");
  gsize n = json_array_size (tasks);
  PrSlurmJob *job;

  if (id == NULL || !is_number (id) || (tasks != NULL && (!json_is_array (tasks) || n == 0 || !json_is_integer (first)))
      || json_integer_value (first) < 0 || json_integer_value (first) > G_MAXINT)
    return NULL;
  job = g_new0 (PrSlurmJob, 1);
  job->id = g_strdup (id);
  job->first = (guint)json_integer_value (first);
  job->tasks = n > 0 ? g_array_new (FALSE, FALSE, sizeof (guint)) : NULL;
  job->names = g_new0 (char *, n + 1);
  for (gsize i = 0; i < n; i++)
    {
      const json_t *task = json_array_get (tasks, i);
      const json_t *index = json_array_get (task, 0);
      const char *name = json_string_value (json_array_get (task, 1));
      guint number = (guint)json_integer_value (index);

      if (!json_is_integer (index) || json_integer_value (index) < (json_int_t)job->first
          || json_integer_value (index) > G_MAXINT || name == NULL)
        {
          free_job (job);
          return NULL;
        }
      g_array_append_val (job->tasks, number);
      job->names[i] = g_strdup (name);
    }
  return job;
}

PrSlurmRecord *
pr_slurm_record_load (const char *out_dir, GError **error)
{
  g_autoptr (PrSlurmRecord) record = record_new (out_dir);
  json_t *root;
  const json_t *jobs;
  gboolean ok;

  if (!g_file_test (record->path, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&record);
  root = pr_json_load (record->path, error);
  if (root == NULL)
    return NULL;
  jobs = json_object_get (root, "jobs");
  ok = g_strcmp0 (json_string_value (json_object_get (root, "schema")), SCHEMA) == 0 && json_is_array (jobs);
  for (gsize i = 0; ok && i < json_array_size (jobs); i++)
    {
      PrSlurmJob *job = read_job (json_array_get (jobs, i));

      ok = job != NULL;
      if (ok)
        g_ptr_array_add (record->jobs, job);
    }
  json_decref (root);
  if (ok)
    return g_steal_pointer (&record);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "%s: no list of jobs that this version of pauserec wrote; remove it when `squeue --me` shows no job of "
               "this sweep",
               record->path);
  return NULL;
}

/* Writing ---------------------------------------------------------------------------------------------------------- */

static json_t *
job_json (const PrSlurmJob *job)
{
  json_t *object = json_pack ("{s:s}", "job", job->id), *tasks;

  if (job->tasks == NULL)
    return object;
  tasks = json_array ();
  for (guint i = 0; i < job->tasks->len; i++)
    json_array_append_new (tasks, json_pack ("[i, s]", (int)g_array_index (job->tasks, guint, i), job->names[i]));
  json_object_set_new (object, "first", json_integer (job->first));
  json_object_set_new (object, "tasks", tasks);
  return object;
}

gboolean
pr_slurm_record_save (const PrSlurmRecord *record, GError **error)
{
  json_t *jobs = json_array (), *root;
  gboolean ok;

  for (guint i = 0; i < record->jobs->len; i++)
    json_array_append_new (jobs, job_json (record->jobs->pdata[i]));
  root = json_pack ("{s:s, s:o}", "schema", SCHEMA, "jobs", jobs);
  ok = pr_json_save (root, record->path, error);
  json_decref (root);
  return ok;
}

void
pr_slurm_record_add (PrSlurmRecord *record, const PrSweepPlan *plan, const char *id, guint first, const guint *tasks,
                     gsize n)
{
  PrSlurmJob *job = g_new0 (PrSlurmJob, 1);

  job->id = g_strdup (id);
  job->first = first;
  job->names = g_new0 (char *, n + 1);
  if (n > 0)
    {
      job->tasks = g_array_new (FALSE, FALSE, sizeof (guint));
      g_array_append_vals (job->tasks, tasks, (guint)n);
    }
  for (gsize i = 0; i < n; i++)
    job->names[i] = pr_slurm_task_name (plan, tasks[i]);
  g_ptr_array_add (record->jobs, job);
}

static gboolean
is_queued (const PrSlurmJob *job, GHashTable *queue)
{
  gsize n = job->tasks != NULL ? job->tasks->len : 1;

  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *element = pr_slurm_job_element (job, i);

      if (g_hash_table_contains (queue, element))
        return TRUE;
    }
  return FALSE;
}

void
pr_slurm_record_prune (PrSlurmRecord *record, GHashTable *queue)
{
  for (guint i = record->jobs->len; i > 0; i--)
    if (!is_queued (record->jobs->pdata[i - 1], queue))
      g_ptr_array_remove_index (record->jobs, i - 1);
}

char *
pr_slurm_job_element (const PrSlurmJob *job, gsize i)
{
  if (job->tasks == NULL)
    return g_strdup (job->id);
  return g_strdup_printf ("%s_%u", job->id, g_array_index (job->tasks, guint, i) - job->first);
}

char *
pr_slurm_task_name (const PrSweepPlan *plan, guint task)
{
  const PrTask *found = &g_array_index (plan->tasks, PrTask, task);
  const PrPlannedRun *run = plan->runs->pdata[found->run];

  return found->whole ? g_strdup (run->name) : g_strdup_printf ("%s:%u", run->name, found->n_nodes);
}
