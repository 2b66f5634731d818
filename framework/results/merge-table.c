#include "config.h"

#include "merge-table.h"

#include "h5-rows.h"
#include "schema.h"

static void
table_forget (MergeTable *table)
{
  for (gsize c = 0; c < table->n_columns; c++)
    {
      gpointer data = (gpointer)table->columns[c].data;

      if (table->columns[c].type == PR_H5_TEXT)
        g_strfreev (data);
      else
        g_free (data);
      table->columns[c].data = NULL;
    }
}

void
merge_table_clear (MergeTable *table)
{
  if (table->columns != NULL)
    table_forget (table);
  pr_h5_stream_free (table->stream);
  g_strfreev (table->names);
  g_free (table->columns);
  g_free (table->sizes);
}

gboolean
merge_table_init (MergeTable *table, PrH5 *h5, const char *path, GError **error)
{
  table->path = path;
  table->names = pr_h5_columns (h5, path, error);
  if (table->names == NULL)
    return FALSE;
  table->n_columns = g_strv_length (table->names);
  table->columns = g_new0 (PrH5Column, table->n_columns + 1);
  table->sizes = g_new0 (gsize, table->n_columns + 1);
  for (gsize c = 0; c < table->n_columns; c++)
    table->columns[c] = (PrH5Column){ .name = table->names[c], .type = pr_schema_column_type (path, table->names[c]) };
  return TRUE;
}

/* Read the rows of one run. */
static gboolean
table_read (MergeTable *table, PrH5 *h5, gint64 *ret_n, GError **error)
{
  *ret_n = 0;
  table_forget (table);
  for (gsize c = 0; c < table->n_columns; c++)
    {
      PrH5Column *column = &table->columns[c];

      column->data = pr_h5_read_column (h5, table->path, column->name, column->type, ret_n, error);
      if (column->data == NULL)
        return FALSE;
    }
  return TRUE;
}

gboolean
merge_table_survey (MergeTable *table, PrH5 *h5, GError **error)
{
  g_autofree gsize *sizes = g_new0 (gsize, table->n_columns + 1);
  gint64 n;

  if (!table_read (table, h5, &n, error))
    return FALSE;
  h5_row_sizes (table->columns, table->n_columns, n, sizes);
  for (gsize c = 0; c < table->n_columns; c++)
    table->sizes[c] = MAX (table->sizes[c], sizes[c]);
  table->n_rows += n;
  return TRUE;
}

gboolean
merge_table_begin (MergeTable *table, PrH5 *h5, GError **error)
{
  table->stream =
      pr_h5_stream_table (h5, table->path, table->columns, table->sizes, table->n_columns, table->n_rows, error);
  return table->stream != NULL;
}

gboolean
merge_table_copy (MergeTable *table, PrH5 *h5, GError **error)
{
  g_autofree char *rows = NULL;
  gint64 n;

  if (!table_read (table, h5, &n, error))
    return FALSE;
  rows = h5_rows_pack (table->columns, table->n_columns, n, table->sizes);
  return pr_h5_stream_write (table->stream, rows, n, error);
}
