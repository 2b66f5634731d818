#include "config.h"

#include "export.h"

#include "export-private.h"
#include "runtime/folder.h"
#include "schema.h"
#include "seal.h"

#include <string.h>

PrCsvFile *
export_begin (Export *e, const char *name, const char *const *head, GError **error)
{
  g_autofree char *path = g_build_filename (e->dir, name, NULL);
  g_autoptr (PrCsvFile) csv = pr_csv_file_new (path, error);

  for (gsize i = 0; csv != NULL && head[i] != NULL; i++)
    pr_csv_file_text (csv, head[i]);
  return csv != NULL && pr_csv_file_end_row (csv, error) ? g_steal_pointer (&csv) : NULL;
}

gboolean
export_end (Export *e, const char *name, PrCsvFile *csv, GError **error)
{
  if (!pr_csv_file_commit (csv, error))
    return FALSE;
  g_ptr_array_add (e->files, g_strdup (name));
  return TRUE;
}

void
export_run (const Export *e, gint64 i, PrCsvFile *csv)
{
  pr_csv_file_text (csv, e->arms[i]);
  pr_csv_file_unsigned (csv, e->seeds[i]);
}

char *
export_root (const Export *e, gint64 i)
{
  return e->experiment ? g_strdup_printf ("/runs_detail/r%" G_GINT64_FORMAT, i) : g_strdup ("");
}

/* Runs --------------------------------------------------------------------------------------------------------- */

/* The one run of a run file. */
static gboolean
read_run (Export *e, GError **error)
{
  g_auto (GStrv) metrics = pr_h5_list (e->h5, "/per_user", error);

  e->n = 1;
  e->arms = g_new0 (char *, 2);
  e->seeds = g_new0 (guint64, 1);
  e->users = g_new0 (guint64, 1);
  e->arms[0] = metrics ? pr_h5_get_text (e->h5, "/", "arm", error) : NULL;
  if (e->arms[0] == NULL || !pr_h5_get_number (e->h5, "/", "seed", &e->seeds[0], error))
    return FALSE;
  for (char **name = metrics; *name != NULL; name++)
    {
      g_autofree char *place = g_strconcat ("/per_user/", *name, NULL);
      PrH5Shape shape;

      if (!pr_h5_describe (e->h5, place, &shape, error))
        return FALSE;
      e->users[0] = MAX (e->users[0], (guint64)shape.dims[0]);
    }
  return TRUE;
}

static gboolean
read_runs (Export *e, GError **error)
{
  gint64 n;

  if (!e->experiment)
    return read_run (e, error);
  return (e->arms = pr_h5_read_column (e->h5, "/runs", "arm", PR_H5_TEXT, &e->n, error)) != NULL
         && (e->seeds = pr_h5_read_column (e->h5, "/runs", "seed", PR_H5_U64, &n, error)) != NULL
         && (e->users = pr_h5_read_column (e->h5, "/runs", "n_users", PR_H5_U64, &n, error)) != NULL;
}

/* Tables as they are ------------------------------------------------------------------------------------------- */

typedef struct
{
  PrH5Type type;
  gpointer data;
} Column;

static void
column_clear (gpointer data)
{
  Column *column = data;

  if (column->type == PR_H5_TEXT)
    g_strfreev (column->data);
  else
    g_free (column->data);
}

static void
add_value (PrCsvFile *csv, const Column *column, gint64 row)
{
  if (column->type == PR_H5_TEXT)
    pr_csv_file_text (csv, ((char **)column->data)[row]);
  else if (column->type == PR_H5_U64)
    pr_csv_file_unsigned (csv, ((guint64 *)column->data)[row]);
  else
    pr_csv_file_number (csv, ((double *)column->data)[row]);
}

static gboolean
export_table (Export *e, const char *place, const char *name, GError **error)
{
  g_auto (GStrv) names = pr_h5_columns (e->h5, place, error);
  g_autoptr (GArray) columns = g_array_new (FALSE, FALSE, sizeof (Column));
  g_autoptr (PrCsvFile) csv = NULL;
  gint64 n = 0;

  g_array_set_clear_func (columns, column_clear);
  for (gsize i = 0; names != NULL && names[i] != NULL; i++)
    {
      Column column = { .type = pr_schema_column_type (place, names[i]) };

      column.data = pr_h5_read_column (e->h5, place, names[i], column.type, &n, error);
      if (column.data == NULL)
        return FALSE;
      g_array_append_val (columns, column);
    }
  csv = names ? export_begin (e, name, (const char *const *)names, error) : NULL;
  if (csv == NULL)
    return FALSE;
  for (gint64 row = 0; row < n; row++)
    {
      for (guint c = 0; c < columns->len; c++)
        add_value (csv, &g_array_index (columns, Column, c), row);
      if (!pr_csv_file_end_row (csv, error))
        return FALSE;
    }
  return export_end (e, name, csv, error);
}

/* What /runs would say of the file of one run. */
static gboolean
export_one_run (Export *e, GError **error)
{
  static const char *const head[] = { "arm", "seed", "digest", "run_key", "file", "n_users", NULL };
  g_autofree char *digest = pr_h5_get_text (e->h5, "/", "digest", error), *file = g_path_get_basename (e->path);
  g_autofree char *key = digest ? pr_h5_get_text (e->h5, "/", "run_key", error) : NULL;
  g_autoptr (PrCsvFile) csv = key ? export_begin (e, "runs.csv", head, error) : NULL;

  if (csv == NULL)
    return FALSE;
  export_run (e, 0, csv);
  pr_csv_file_text (csv, digest);
  pr_csv_file_text (csv, key);
  pr_csv_file_text (csv, file);
  pr_csv_file_unsigned (csv, e->users[0]);
  return pr_csv_file_end_row (csv, error) && export_end (e, "runs.csv", csv, error);
}

/* Users -------------------------------------------------------------------------------------------------------- */

/* One run's values of the metric at PLACE, RET_N of them. */
static float *
read_users (const Export *e, const char *place, gint64 run, gint64 *ret_n, GError **error)
{
  return e->experiment ? pr_h5_read_rows (e->h5, place, PR_H5_F32, run, 1, ret_n, error)
                       : pr_h5_read_array (e->h5, place, PR_H5_F32, 1, ret_n, error);
}

/* The rows of run I. */
static gboolean
export_users_of (Export *e, gint64 i, char **metrics, PrCsvFile *csv, GError **error)
{
  gsize n_metrics = g_strv_length (metrics);
  g_autoptr (GPtrArray) values = g_ptr_array_new_with_free_func (g_free);
  g_autofree gint64 *lengths = g_new0 (gint64, n_metrics + 1);

  for (gsize m = 0; m < n_metrics; m++)
    {
      g_autofree char *place = g_strconcat ("/per_user/", metrics[m], NULL);
      float *row = read_users (e, place, i, &lengths[m], error);

      if (row == NULL)
        return FALSE;
      g_ptr_array_add (values, row);
    }
  for (guint64 u = 0; u < e->users[i]; u++)
    {
      export_run (e, i, csv);
      pr_csv_file_unsigned (csv, u);
      for (gsize m = 0; m < n_metrics; m++)
        if ((gint64)u < lengths[m])
          pr_csv_file_number (csv, (double)((const float *)values->pdata[m])[u]);
        else
          pr_csv_file_empty (csv);
      if (!pr_csv_file_end_row (csv, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
export_users (Export *e, GError **error)
{
  g_auto (GStrv) metrics = pr_h5_list (e->h5, "/per_user", error);
  g_autoptr (GPtrArray) head = g_ptr_array_new ();
  g_autoptr (PrCsvFile) csv = NULL;

  if (metrics == NULL)
    return FALSE;
  g_ptr_array_add (head, (gpointer) "arm");
  g_ptr_array_add (head, (gpointer) "seed");
  g_ptr_array_add (head, (gpointer) "user");
  for (char **name = metrics; *name != NULL; name++)
    g_ptr_array_add (head, *name);
  g_ptr_array_add (head, NULL);
  csv = export_begin (e, "per_user.csv", (const char *const *)head->pdata, error);
  if (csv == NULL)
    return FALSE;
  for (gint64 i = 0; metrics[0] != NULL && i < e->n; i++)
    if (!export_users_of (e, i, metrics, csv, error))
      return FALSE;
  return export_end (e, "per_user.csv", csv, error);
}

/* Rankings ----------------------------------------------------------------------------------------------------- */

static gboolean
export_ranking_of (Export *e, gint64 i, PrCsvFile *csv, GError **error)
{
  g_autofree char *root = export_root (e, i), *items_at = g_strconcat (root, "/ranking/items", NULL),
                  *scores_at = g_strconcat (root, "/ranking/scores", NULL);
  g_autofree gint32 *items = NULL;
  g_autofree float *scores = NULL;
  gint64 dims[2], again[2];

  if (!pr_h5_exists (e->h5, items_at))
    return TRUE;
  items = pr_h5_read_array (e->h5, items_at, PR_H5_I32, 2, dims, error);
  scores = items ? pr_h5_read_array (e->h5, scores_at, PR_H5_F32, 2, again, error) : NULL;
  if (scores == NULL)
    return FALSE;
  if (dims[0] != again[0] || dims[1] != again[1])
    return pr_schema_set_fault (error, e->path, scores_at, "has not the shape of the items");
  for (gint64 at = 0; at < dims[0] * dims[1]; at++)
    {
      if (items[at] < 0)
        continue;
      export_run (e, i, csv);
      pr_csv_file_integer (csv, at / dims[1]);
      pr_csv_file_integer (csv, at % dims[1] + 1);
      pr_csv_file_integer (csv, items[at]);
      pr_csv_file_number (csv, (double)scores[at]);
      if (!pr_csv_file_end_row (csv, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
export_rankings (Export *e, GError **error)
{
  static const char *const head[] = { "arm", "seed", "user", "rank", "item", "score", NULL };
  g_autoptr (PrCsvFile) csv = export_begin (e, "ranking.csv", head, error);

  if (csv == NULL)
    return FALSE;
  for (gint64 i = 0; i < e->n; i++)
    if (!export_ranking_of (e, i, csv, error))
      return FALSE;
  return export_end (e, "ranking.csv", csv, error);
}

static gboolean
export_all (Export *e, gboolean rankings, GError **error)
{
  g_autofree char *kind = pr_h5_get_text (e->h5, "/", "kind", error);

  if (kind == NULL)
    return FALSE;
  e->experiment = strcmp (kind, "experiment") == 0;
  return read_runs (e, error) && pr_folder_make (e->dir, error)
         && (e->experiment ? export_table (e, "/runs", "runs.csv", error) : export_one_run (e, error))
         && export_table (e, "/metrics", "metrics.csv", error) && export_table (e, "/cost", "cost.csv", error)
         && export_users (e, error) && export_curves (e, error) && export_tables (e, error)
         && (!rankings || export_rankings (e, error));
}

gboolean
pr_results_export (const char *path, const char *dir, gboolean rankings, char ***ret_files, GError **error)
{
  g_autoptr (PrH5) h5 = pr_seal_open (path, NULL, error);
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);
  Export e = { .h5 = h5, .path = path, .dir = dir, .files = files };
  gboolean ok = h5 != NULL && export_all (&e, rankings, error);

  g_strfreev (e.arms);
  g_free (e.seeds);
  g_free (e.users);
  if (!ok)
    return FALSE;
  g_ptr_array_add (files, NULL);
  *ret_files = (char **)g_ptr_array_free (g_steal_pointer (&files), FALSE);
  return TRUE;
}
