/* What stages reported, run after run, as CSV: curves and tables. */
#include "config.h"

#include "export-private.h"

#include <string.h>

/* What to do with every table below a GROUP of every run. */
typedef gboolean (*Visit) (Export *e, gint64 run, const char *stage, const char *name, const char *place, gpointer ctx,
                           GError **error);

static gboolean
visit_stage (Export *e, gint64 run, const char *folder, Visit visit, gpointer ctx, GError **error)
{
  g_autofree char *stage = pr_h5_get_text (e->h5, folder, "stage", error);
  g_auto (GStrv) names = stage ? pr_h5_list (e->h5, folder, error) : NULL;

  for (char **name = names; name != NULL && *name != NULL; name++)
    {
      g_autofree char *place = g_strdup_printf ("%s/%s", folder, *name);

      if (!visit (e, run, stage, *name, place, ctx, error))
        return FALSE;
    }
  return names != NULL;
}

static gboolean
visit_all (Export *e, const char *group, Visit visit, gpointer ctx, GError **error)
{
  for (gint64 i = 0; i < e->n; i++)
    {
      g_autofree char *root = export_root (e, i), *below = g_strdup_printf ("%s/%s", root, group);
      g_auto (GStrv) stages = pr_h5_list (e->h5, below, error);

      for (char **stage = stages; stage != NULL && *stage != NULL; stage++)
        {
          g_autofree char *folder = g_strdup_printf ("%s/%s", below, *stage);

          if (!visit_stage (e, i, folder, visit, ctx, error))
            return FALSE;
        }
      if (stages == NULL)
        return FALSE;
    }
  return TRUE;
}

/* Curves ------------------------------------------------------------------------------------------------------- */

static gboolean
add_curve (Export *e, gint64 run, const char *stage, const char *name, const char *place, gpointer ctx, GError **error)
{
  PrCsvFile *csv = ctx;
  gint64 n, m;
  g_autofree guint64 *steps = pr_h5_read_column (e->h5, place, "step", PR_H5_U64, &n, error);
  g_autofree double *values = steps ? pr_h5_read_column (e->h5, place, "value", PR_H5_F64, &m, error) : NULL;

  if (values == NULL)
    return FALSE;
  for (gint64 i = 0; i < n; i++)
    {
      export_run (e, run, csv);
      pr_csv_file_text (csv, stage);
      pr_csv_file_text (csv, name);
      pr_csv_file_unsigned (csv, steps[i]);
      pr_csv_file_number (csv, values[i]);
      if (!pr_csv_file_end_row (csv, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
export_curves (Export *e, GError **error)
{
  static const char *const head[] = { "arm", "seed", "stage", "series", "step", "value", NULL };
  g_autoptr (PrCsvFile) csv = export_begin (e, "curves.csv", head, error);

  return csv != NULL && visit_all (e, "curves", add_curve, csv, error) && export_end (e, "curves.csv", csv, error);
}

/* Tables ------------------------------------------------------------------------------------------------------- */

/* A table that some stages reported in some runs. */
typedef struct
{
  char *name;
  GPtrArray *columns; /* char *: of any of them, in order of appearance */
  PrCsvFile *csv;
} Table;

static void
table_free (gpointer data)
{
  Table *table = data;

  pr_csv_file_free (table->csv);
  g_ptr_array_unref (table->columns);
  g_free (table->name);
  g_free (table);
}

static Table *
find_table (GPtrArray *tables, const char *name)
{
  Table *table;

  for (guint i = 0; i < tables->len; i++)
    if (strcmp (((Table *)tables->pdata[i])->name, name) == 0)
      return tables->pdata[i];
  table = g_new0 (Table, 1);
  table->name = g_strdup (name);
  table->columns = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (tables, table);
  return table;
}

static gboolean
note_table (Export *e, gint64 run, const char *stage, const char *name, const char *place, gpointer ctx, GError **error)
{
  Table *table = find_table (ctx, name);
  g_auto (GStrv) columns = pr_h5_columns (e->h5, place, error);

  (void)run;
  (void)stage;
  for (char **column = columns; column != NULL && *column != NULL; column++)
    if (!g_ptr_array_find_with_equal_func (table->columns, *column, g_str_equal, NULL))
      g_ptr_array_add (table->columns, g_strdup (*column));
  return columns != NULL;
}

/* Columns of the table at PLACE in the order of TABLE; NULL where it has none. */
static GPtrArray *
read_columns (Export *e, const Table *table, const char *place, gint64 *ret_n, GError **error)
{
  g_auto (GStrv) there = pr_h5_columns (e->h5, place, error);
  g_autoptr (GPtrArray) data = g_ptr_array_new_with_free_func (g_free);

  *ret_n = 0;
  if (there == NULL)
    return NULL;
  for (guint c = 0; c < table->columns->len; c++)
    {
      const char *column = table->columns->pdata[c];
      double *values = NULL;

      if (g_strv_contains ((const char *const *)there, column)
          && (values = pr_h5_read_column (e->h5, place, column, PR_H5_F64, ret_n, error)) == NULL)
        return NULL;
      g_ptr_array_add (data, values);
    }
  return g_steal_pointer (&data);
}

static gboolean
add_table (Export *e, gint64 run, const char *stage, const char *name, const char *place, gpointer ctx, GError **error)
{
  Table *table = find_table (ctx, name);
  gint64 n;
  g_autoptr (GPtrArray) data = read_columns (e, table, place, &n, error);

  if (data == NULL)
    return FALSE;
  for (gint64 row = 0; row < n; row++)
    {
      export_run (e, run, table->csv);
      pr_csv_file_text (table->csv, stage);
      for (guint c = 0; c < data->len; c++)
        if (data->pdata[c] != NULL)
          pr_csv_file_number (table->csv, ((const double *)data->pdata[c])[row]);
        else
          pr_csv_file_empty (table->csv);
      if (!pr_csv_file_end_row (table->csv, error))
        return FALSE;
    }
  return TRUE;
}

static char *
table_file (const Table *table)
{
  return g_strdup_printf ("tables_%s.csv", table->name);
}

static gboolean
begin_table (Export *e, Table *table, GError **error)
{
  static const char *const taken[] = { "arm", "seed", "stage", NULL };
  g_autofree char *file = table_file (table);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) head = NULL;

  g_strv_builder_add_many (builder, "arm", "seed", "stage", NULL);
  for (guint c = 0; c < table->columns->len; c++)
    {
      const char *name = table->columns->pdata[c];
      g_autofree char *shown = g_strconcat (name, g_strv_contains (taken, name) ? "_" : "", NULL);

      g_strv_builder_add (builder, shown);
    }
  head = g_strv_builder_end (builder);
  table->csv = export_begin (e, file, (const char *const *)head, error);
  return table->csv != NULL;
}

gboolean
export_tables (Export *e, GError **error)
{
  g_autoptr (GPtrArray) tables = g_ptr_array_new_with_free_func (table_free);

  if (!visit_all (e, "tables", note_table, tables, error))
    return FALSE;
  for (guint i = 0; i < tables->len; i++)
    if (!begin_table (e, tables->pdata[i], error))
      return FALSE;
  if (!visit_all (e, "tables", add_table, tables, error))
    return FALSE;
  for (guint i = 0; i < tables->len; i++)
    {
      Table *table = tables->pdata[i];
      g_autofree char *file = table_file (table);

      if (!export_end (e, file, table->csv, error))
        return FALSE;
    }
  return TRUE;
}
