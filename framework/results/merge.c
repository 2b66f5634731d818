/* results.h5: the runs of an experiment in one file, everything copied and nothing linked.
 *
 * Neither the runs nor the result are ever in memory as a whole: a first pass verifies every run and learns how large
 * everything is, a second one copies run after run, and then the file is read again and compared with what was meant.
 */
#include "config.h"

#include "results.h"

#include "h5-rows.h"
#include "merge-table.h"
#include "runtime/sha256.h"
#include "schema.h"
#include "seal.h"

#include <math.h>
#include <pauserec/error.h>
#include <string.h>

typedef struct
{
  char *arm, *digest, *run_key, *file;
  guint64 seed, n_users;
  char seal[PR_SHA256_HEX + 1]; /* digest of its bytes when it was verified */
} Run;

/* A metric: a row of users a run. */
typedef struct
{
  char *path;
  PrH5Stream *stream;
} Metric;

/* What must be found when the file is read again. */
typedef struct
{
  char *path, *sha256;
  gboolean values; /* of a data set's values alone */
} Expected;

typedef struct
{
  const char *const *paths;
  Run *runs;
  gsize n;
  guint64 n_users; /* most of any run */
  MergeTable metrics, cost;
  GArray *users;    /* Metric */
  GArray *expected; /* Expected */
  struct
  {
    const char *name, *text;
  } attributes[5]; /* of the file */
  PrH5 *h5;
} Merge;

/* What must be found again ------------------------------------------------------------------------------------- */

/* TAKES PATH and SHA256. */
static void
expect (Merge *m, char *path, char *sha256, gboolean values)
{
  Expected expected = { path, sha256, values };

  g_array_append_val (m->expected, expected);
}

static void
expected_clear (gpointer data)
{
  Expected *expected = data;

  g_free (expected->path);
  g_free (expected->sha256);
}

/* Close STREAM, which wrote what stands at PATH. */
static gboolean
end_stream (Merge *m, const char *path, PrH5Stream *stream, GError **error)
{
  char *sha256;

  if (!pr_h5_stream_close (stream, &sha256, error))
    return FALSE;
  expect (m, g_strdup (path), sha256, TRUE);
  return TRUE;
}

/* What does not read back is the disk's fault, whatever HDF5 makes of it; returns FALSE. */
static gboolean
set_lost (GError **error, const char *path, const char *what, const char *reason)
{
  g_set_error (error, PR_ERROR, PR_ERROR_IO,
               "%s: %s does not read back as it was written%s%s; check the disk (full or damaged?)", path, what,
               reason ? ": " : "", reason ? reason : "");
  return FALSE;
}

/* Is what stands in the file at PATH, made just now, what we meant?  TO: its name to be, for messages. */
static gboolean
read_back (Merge *m, const char *path, const char *to, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (PrH5) h5 = pr_h5_open (path, &local);

  if (h5 == NULL)
    return set_lost (error, to, "the file", local->message);
  for (guint i = 0; i < m->expected->len; i++)
    {
      const Expected *e = &g_array_index (m->expected, Expected, i);
      g_autofree char *found =
          e->values ? pr_h5_sha256_values (h5, e->path, &local) : pr_h5_sha256_object (h5, e->path, &local);

      if (found == NULL || strcmp (found, e->sha256) != 0)
        return set_lost (error, to, e->path, local ? local->message : NULL);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (m->attributes); i++)
    {
      g_autofree char *found = pr_h5_get_text (h5, "/", m->attributes[i].name, &local);

      if (found == NULL || strcmp (found, m->attributes[i].text) != 0)
        return set_lost (error, to, m->attributes[i].name, local ? local->message : NULL);
    }
  /* Values can be right in a type that is not ours. */
  return pr_schema_check_objects (h5, to, TRUE, &local) || set_lost (error, to, "the file", local->message);
}

/* First pass: sizes -------------------------------------------------------------------------------------------- */

/* Which metrics there are of each user, and of how many users. */
static gboolean
survey_users (Merge *m, Run *run, PrH5 *h5, GError **error)
{
  g_auto (GStrv) names = pr_h5_list (h5, "/per_user", error);

  for (char **name = names; name != NULL && *name != NULL; name++)
    {
      Metric metric = { g_strdup_printf ("/per_user/%s", *name), NULL };
      gboolean known = FALSE;
      PrH5Shape shape;

      for (guint i = 0; i < m->users->len && !known; i++)
        known = strcmp (g_array_index (m->users, Metric, i).path, metric.path) == 0;
      if (!pr_h5_describe (h5, metric.path, &shape, error))
        {
          g_free (metric.path);
          return FALSE;
        }
      run->n_users = MAX (run->n_users, (guint64)shape.dims[0]);
      if (known)
        g_free (metric.path);
      else
        g_array_append_val (m->users, metric);
    }
  return names != NULL;
}

static gboolean
survey_run (Merge *m, gsize i, GError **error)
{
  Run *run = &m->runs[i];
  g_autoptr (GError) local = NULL;
  g_autoptr (PrH5) h5 = NULL;
  PrSealInfo info;

  run->file = g_path_get_basename (m->paths[i]);
  if (!pr_seal_peek (m->paths[i], &info, error))
    return FALSE;
  memcpy (run->seal, info.sha256, sizeof run->seal);
  h5 = pr_run_open (m->paths[i], NULL, &run->digest, error);
  run->arm = h5 ? pr_h5_get_text (h5, "/", "arm", error) : NULL;
  run->run_key = run->arm ? pr_h5_get_text (h5, "/", "run_key", error) : NULL;
  if (run->run_key == NULL || !pr_h5_get_number (h5, "/", "seed", &run->seed, error)
      || !survey_users (m, run, h5, error))
    return FALSE;
  m->n_users = MAX (m->n_users, run->n_users);
  if (i == 0
      && (!merge_table_init (&m->metrics, h5, "/metrics", error) || !merge_table_init (&m->cost, h5, "/cost", error)))
    return FALSE;
  return merge_table_survey (&m->metrics, h5, error) && merge_table_survey (&m->cost, h5, error);
}

/* Second pass: copies ------------------------------------------------------------------------------------------ */

static gboolean
begin (Merge *m, GError **error)
{
  if (!merge_table_begin (&m->metrics, m->h5, error) || !merge_table_begin (&m->cost, m->h5, error))
    return FALSE;
  for (guint i = 0; i < m->users->len; i++)
    {
      Metric *metric = &g_array_index (m->users, Metric, i);

      metric->stream = pr_h5_stream_array (m->h5, metric->path, PR_H5_F32, (gint64)m->n, (gint64)m->n_users, error);
      if (metric->stream == NULL)
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_runs (Merge *m, GError **error)
{
  enum
  {
    N_COLUMNS = 6
  };
  g_autofree const char **arms = g_new (const char *, m->n), **digests = g_new (const char *, m->n);
  g_autofree const char **keys = g_new (const char *, m->n), **files = g_new (const char *, m->n);
  g_autofree guint64 *seeds = g_new (guint64, m->n), *users = g_new (guint64, m->n);
  const PrH5Column columns[N_COLUMNS] = { { "arm", PR_H5_TEXT, arms },       { "seed", PR_H5_U64, seeds },
                                          { "digest", PR_H5_TEXT, digests }, { "run_key", PR_H5_TEXT, keys },
                                          { "file", PR_H5_TEXT, files },     { "n_users", PR_H5_U64, users } };
  g_autoptr (PrH5Stream) stream = NULL;
  g_autofree char *rows = NULL;
  gsize sizes[N_COLUMNS];

  for (gsize i = 0; i < m->n; i++)
    {
      arms[i] = m->runs[i].arm;
      digests[i] = m->runs[i].digest;
      keys[i] = m->runs[i].run_key;
      files[i] = m->runs[i].file;
      seeds[i] = m->runs[i].seed;
      users[i] = m->runs[i].n_users;
    }
  h5_row_sizes (columns, N_COLUMNS, (gint64)m->n, sizes);
  rows = h5_rows_pack (columns, N_COLUMNS, (gint64)m->n, sizes);
  stream = pr_h5_stream_table (m->h5, "/runs", columns, sizes, N_COLUMNS, (gint64)m->n, error);
  return stream != NULL && pr_h5_stream_write (stream, rows, (gint64)m->n, error)
         && end_stream (m, "/runs", stream, error);
}

/* The row of a run in every metric; NaN where it has none. */
static gboolean
copy_users (Merge *m, PrH5 *h5, GError **error)
{
  g_autofree float *row = g_new (float, MAX (m->n_users, 1));

  for (guint i = 0; i < m->users->len; i++)
    {
      const Metric *metric = &g_array_index (m->users, Metric, i);
      g_autofree float *values = NULL;
      gint64 n = 0;

      if (pr_h5_exists (h5, metric->path))
        {
          values = pr_h5_read_array (h5, metric->path, PR_H5_F32, 1, &n, error);
          if (values == NULL)
            return FALSE;
          memcpy (row, values, sizeof (float) * (gsize)n);
        }
      for (guint64 u = (guint64)n; u < m->n_users; u++)
        row[u] = NAN;
      if (!pr_h5_stream_write (metric->stream, row, 1, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
copy_object (Merge *m, PrH5 *h5, const char *from, const char *to, GError **error)
{
  char *sha256;

  if (!pr_h5_copy (h5, from, m->h5, to, error))
    return FALSE;
  sha256 = pr_h5_sha256_object (h5, from, error);
  if (sha256 == NULL)
    return FALSE;
  expect (m, g_strdup (to), sha256, FALSE);
  return TRUE;
}

static gboolean
copy_run (Merge *m, gsize i, GError **error)
{
  static const char *const parts[] = { "/curves", "/tables", "/ranking", "/provenance" };
  g_autoptr (PrH5) h5 = NULL;
  PrSealInfo info;

  if (!pr_seal_peek (m->paths[i], &info, error))
    return FALSE;
  if (strcmp (info.sha256, m->runs[i].seal) != 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "%s: written anew while it was merged; merge again", m->paths[i]);
      return FALSE;
    }
  h5 = pr_h5_open (m->paths[i], error);
  if (h5 == NULL || !merge_table_copy (&m->metrics, h5, error) || !merge_table_copy (&m->cost, h5, error)
      || !copy_users (m, h5, error) || (i == 0 && !copy_object (m, h5, "/manifest", "/manifest", error)))
    return FALSE;
  for (gsize p = 0; p < G_N_ELEMENTS (parts); p++)
    {
      g_autofree char *to = g_strdup_printf ("/runs_detail/r%" G_GSIZE_FORMAT "%s", i, parts[p]);

      if (pr_h5_exists (h5, parts[p]) && !copy_object (m, h5, parts[p], to, error))
        return FALSE;
    }
  return TRUE;
}

/* After the last run: everything is with the system. */
static gboolean
end (Merge *m, GError **error)
{
  if (!end_stream (m, "/metrics", m->metrics.stream, error) || !end_stream (m, "/cost", m->cost.stream, error))
    return FALSE;
  for (guint i = 0; i < m->users->len; i++)
    {
      const Metric *metric = &g_array_index (m->users, Metric, i);

      if (!end_stream (m, metric->path, metric->stream, error))
        return FALSE;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (m->attributes); i++)
    if (!pr_h5_set_text (m->h5, "/", m->attributes[i].name, m->attributes[i].text, error))
      return FALSE;
  return pr_h5_finish (m->h5, error);
}

static gboolean
merge (Merge *m, const char *path, GError **error)
{
  g_autoptr (PrLargeFile) file = NULL;

  for (gsize i = 0; i < m->n; i++)
    if (!survey_run (m, i, error))
      return FALSE;
  file = pr_large_file_new (path, error);
  m->h5 = file ? pr_h5_create (pr_large_file_temporary (file), path, PR_SEAL_BLOCK, error) : NULL;
  if (m->h5 == NULL || !write_runs (m, error) || !begin (m, error))
    return FALSE;
  for (gsize i = 0; i < m->n; i++)
    if (!copy_run (m, i, error))
      return FALSE;
  return end (m, error) && read_back (m, pr_large_file_temporary (file), path, error) && pr_seal_commit (file, error);
}

static void
metric_clear (gpointer data)
{
  Metric *metric = data;

  g_free (metric->path);
  pr_h5_stream_free (metric->stream);
}

static void
merge_clear (Merge *m)
{
  for (gsize i = 0; i < m->n; i++)
    {
      g_free (m->runs[i].arm);
      g_free (m->runs[i].digest);
      g_free (m->runs[i].run_key);
      g_free (m->runs[i].file);
    }
  g_free (m->runs);
  merge_table_clear (&m->metrics);
  merge_table_clear (&m->cost);
  g_array_unref (m->users);
  g_array_unref (m->expected);
  pr_h5_free (m->h5);
}

gboolean
pr_results_merge (const char *const *paths, gsize n, const char *experiment, const char *metric, const char *baseline,
                  const char *path, GError **error)
{
  Merge m = { .paths = paths,
              .n = n,
              .attributes = { { "schema", PR_RESULTS_SCHEMA },
                              { "kind", "experiment" },
                              { "experiment", experiment },
                              { "metric", metric ? metric : "" },
                              { "baseline", baseline ? baseline : "" } } };
  gboolean ok = FALSE;

  if (n == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "%s: there are no finished runs to merge", experiment);
      return FALSE;
    }
  m.runs = g_new0 (Run, n);
  m.users = g_array_new (FALSE, FALSE, sizeof (Metric));
  m.expected = g_array_new (FALSE, FALSE, sizeof (Expected));
  g_array_set_clear_func (m.users, metric_clear);
  g_array_set_clear_func (m.expected, expected_clear);
  ok = merge (&m, path, error);
  merge_clear (&m);
  return ok;
}
