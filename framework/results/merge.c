/* results.h5: the runs of an experiment in one file, everything copied and nothing linked. */
#include "config.h"

#include "results.h"

#include "seal.h"

#include <math.h>
#include <pauserec/error.h>
#include <string.h>

typedef struct
{
  char *arm, *digest, *run_key, *file;
  guint64 seed, n_users;
  PrH5 *h5;
} Run;

typedef struct
{
  const char *const *paths;
  Run *runs;
  gsize n;
  guint64 n_users; /* most of any run */
  PrH5 *h5;
} Merge;

static gboolean
read_seed (Run *run, GError **error)
{
  gint64 n;
  g_autofree guint64 *seeds = pr_h5_read_column (run->h5, "/cost", "seed", PR_H5_U64, &n, error);

  if (seeds == NULL)
    return FALSE;
  run->seed = n > 0 ? seeds[0] : 0;
  return TRUE;
}

/* How many users the run's per-user metrics are about. */
static gboolean
read_users (Run *run, GError **error)
{
  g_auto (GStrv) names = pr_h5_list (run->h5, "/per_user", error);

  if (names == NULL)
    return FALSE;
  for (char **name = names; *name != NULL; name++)
    {
      g_autofree char *path = g_strdup_printf ("/per_user/%s", *name);
      gint64 n;
      g_autofree float *values = pr_h5_read_array (run->h5, path, PR_H5_F32, 1, &n, error);

      if (values == NULL)
        return FALSE;
      run->n_users = MAX (run->n_users, (guint64)n);
    }
  return TRUE;
}

static gboolean
open_run (Merge *m, gsize i, GError **error)
{
  Run *run = &m->runs[i];
  g_autoptr (GError) local = NULL;

  run->file = g_path_get_basename (m->paths[i]);
  if (!pr_results_verify_run (m->paths[i], NULL, &run->digest, &local))
    {
      if (local != NULL)
        g_propagate_error (error, g_steal_pointer (&local));
      else
        g_set_error (error, PR_ERROR, PR_ERROR_IO, "%s: no such file", m->paths[i]);
      return FALSE;
    }
  run->h5 = pr_seal_open (m->paths[i], "run", error);
  run->arm = run->h5 ? pr_h5_get_text (run->h5, "/", "arm", error) : NULL;
  run->run_key = run->arm ? pr_h5_get_text (run->h5, "/", "run_key", error) : NULL;
  if (run->run_key == NULL || !read_seed (run, error) || !read_users (run, error))
    return FALSE;
  m->n_users = MAX (m->n_users, run->n_users);
  return TRUE;
}

/* Of a column of /metrics or /cost. */
static PrH5Type
column_type (const char *name)
{
  static const char *const texts[] = { "arm", "stage", "metric", "key", NULL };
  static const char *const integers[] = { "seed", "peak_rss_bytes", NULL };

  return g_strv_contains (texts, name) ? PR_H5_TEXT : g_strv_contains (integers, name) ? PR_H5_U64 : PR_H5_F64;
}

/* Column NAME of the tables at PATH of all runs, one below the other; TEXTS keeps what it points to. */
static GArray *
append_column (Merge *m, const char *path, const char *name, GPtrArray *texts, GError **error)
{
  PrH5Type type = column_type (name);
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, 8); /* pointers, U64 and F64 alike */

  for (gsize i = 0; i < m->n; i++)
    {
      gint64 n;
      gpointer values = pr_h5_read_column (m->runs[i].h5, path, name, type, &n, error);

      if (values == NULL)
        return NULL;
      g_array_append_vals (all, values, (guint)n);
      if (type == PR_H5_TEXT)
        g_ptr_array_add (texts, values);
      else
        g_free (values);
    }
  return g_steal_pointer (&all);
}

static gboolean
append_tables (Merge *m, const char *path, GError **error)
{
  g_auto (GStrv) names = pr_h5_columns (m->runs[0].h5, path, error);
  gsize n_columns = names ? g_strv_length (names) : 0;
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func ((GDestroyNotify)g_strfreev);
  g_autoptr (GPtrArray) data = g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);
  g_autofree PrH5Column *columns = g_new0 (PrH5Column, n_columns + 1);
  gint64 rows = 0;

  for (gsize c = 0; c < n_columns; c++)
    {
      GArray *column = append_column (m, path, names[c], texts, error);

      if (column == NULL)
        return FALSE;
      g_ptr_array_add (data, column);
      columns[c] = (PrH5Column){ names[c], column_type (names[c]), column->data };
      rows = column->len;
    }
  return names != NULL && pr_h5_write_table (m->h5, path, columns, n_columns, rows, error);
}

static gboolean
write_runs (Merge *m, GError **error)
{
  g_autofree const char **arms = g_new (const char *, m->n), **digests = g_new (const char *, m->n);
  g_autofree const char **keys = g_new (const char *, m->n), **files = g_new (const char *, m->n);
  g_autofree guint64 *seeds = g_new (guint64, m->n), *users = g_new (guint64, m->n);

  for (gsize i = 0; i < m->n; i++)
    {
      arms[i] = m->runs[i].arm;
      digests[i] = m->runs[i].digest;
      keys[i] = m->runs[i].run_key;
      files[i] = m->runs[i].file;
      seeds[i] = m->runs[i].seed;
      users[i] = m->runs[i].n_users;
    }
  return pr_h5_write_table (m->h5, "/runs",
                            (PrH5Column[]){ { "arm", PR_H5_TEXT, arms },
                                            { "seed", PR_H5_U64, seeds },
                                            { "digest", PR_H5_TEXT, digests },
                                            { "run_key", PR_H5_TEXT, keys },
                                            { "file", PR_H5_TEXT, files },
                                            { "n_users", PR_H5_U64, users } },
                            6, (gint64)m->n, error);
}

/* Row I of ALL [n_runs, n_users] from run I; NaN where it has none. */
static gboolean
copy_users (Merge *m, gsize i, const char *path, float *all, GError **error)
{
  float *row = all + i * m->n_users;
  g_autofree float *values = NULL;
  gint64 n = 0;

  for (guint64 u = 0; u < m->n_users; u++)
    row[u] = NAN;
  if (!pr_h5_exists (m->runs[i].h5, path))
    return TRUE;
  values = pr_h5_read_array (m->runs[i].h5, path, PR_H5_F32, 1, &n, error);
  if (values != NULL)
    memcpy (row, values, sizeof (float) * (gsize)n);
  return values != NULL;
}

static gboolean
write_users (Merge *m, GError **error)
{
  g_autofree float *all = g_try_new (float, MAX (m->n * m->n_users, 1));

  if (all == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "no memory for the metrics of %d runs x %" G_GUINT64_FORMAT " users",
                   (int)m->n, m->n_users);
      return FALSE;
    }
  for (gsize r = 0; r < m->n; r++)
    {
      g_auto (GStrv) names = pr_h5_list (m->runs[r].h5, "/per_user", error);

      if (names == NULL)
        return FALSE;
      for (char **name = names; *name != NULL; name++)
        {
          g_autofree char *path = g_strdup_printf ("/per_user/%s", *name);
          gint64 dims[] = { (gint64)m->n, (gint64)m->n_users };

          if (pr_h5_exists (m->h5, path))
            continue;
          for (gsize i = 0; i < m->n; i++)
            if (!copy_users (m, i, path, all, error))
              return FALSE;
          if (!pr_h5_write_array (m->h5, path, PR_H5_F32, 2, dims, all, error))
            return FALSE;
        }
    }
  return TRUE;
}

static gboolean
copy_details (Merge *m, gsize i, GError **error)
{
  static const char *const parts[] = { "curves", "tables", "ranking", "provenance" };

  for (gsize p = 0; p < G_N_ELEMENTS (parts); p++)
    {
      g_autofree char *from = g_strdup_printf ("/%s", parts[p]);
      g_autofree char *to = g_strdup_printf ("/runs_detail/r%d/%s", (int)i, parts[p]);

      if (pr_h5_exists (m->runs[i].h5, from) && !pr_h5_copy (m->runs[i].h5, from, m->h5, to, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
merge (Merge *m, const char *experiment, const char *metric, const char *baseline, const char *path, GError **error)
{
  for (gsize i = 0; i < m->n; i++)
    if (!open_run (m, i, error))
      return FALSE;
  m->h5 = pr_h5_new (PR_SEAL_BLOCK, error);
  if (m->h5 == NULL || !append_tables (m, "/metrics", error) || !append_tables (m, "/cost", error)
      || !write_runs (m, error) || !write_users (m, error)
      || !pr_h5_copy (m->runs[0].h5, "/manifest", m->h5, "/manifest", error))
    return FALSE;
  for (gsize i = 0; i < m->n; i++)
    if (!copy_details (m, i, error))
      return FALSE;
  return pr_h5_set_text (m->h5, "/", "schema", PR_RESULTS_SCHEMA, error)
         && pr_h5_set_text (m->h5, "/", "kind", "experiment", error)
         && pr_h5_set_text (m->h5, "/", "experiment", experiment, error)
         && pr_h5_set_text (m->h5, "/", "metric", metric ? metric : "", error)
         && pr_h5_set_text (m->h5, "/", "baseline", baseline ? baseline : "", error)
         && pr_seal_write (m->h5, path, error);
}

gboolean
pr_results_merge (const char *const *paths, gsize n, const char *experiment, const char *metric, const char *baseline,
                  const char *path, GError **error)
{
  Merge m = { .paths = paths, .runs = g_new0 (Run, MAX (n, 1)), .n = n };
  gboolean ok = FALSE;

  if (n == 0)
    g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "%s: there are no finished runs to merge", experiment);
  else
    ok = merge (&m, experiment, metric, baseline, path, error);
  for (gsize i = 0; i < n; i++)
    {
      g_free (m.runs[i].arm);
      g_free (m.runs[i].digest);
      g_free (m.runs[i].run_key);
      g_free (m.runs[i].file);
      pr_h5_free (m.runs[i].h5);
    }
  pr_h5_free (m.h5);
  g_free (m.runs);
  return ok;
}
