#include "config.h"

#include "h5-rows.h"

#include <string.h>

gsize
h5_value_size (PrH5Type type)
{
  static const gsize sizes[] = { sizeof (float), sizeof (double), sizeof (gint32), sizeof (guint64), sizeof (char *) };

  return sizes[type];
}

static gsize
text_width (const char *const *texts, gint64 n)
{
  gsize width = 1; /* HDF5 knows no empty strings */

  for (gint64 i = 0; i < n; i++)
    width = MAX (width, texts[i] ? strlen (texts[i]) : 0);
  return width;
}

gsize
h5_row_sizes (const PrH5Column *columns, gsize n_columns, gint64 n_rows, gsize *ret_sizes)
{
  gsize row = 0;

  for (gsize c = 0; c < n_columns; c++)
    {
      ret_sizes[c] =
          columns[c].type == PR_H5_TEXT ? text_width (columns[c].data, n_rows) : h5_value_size (columns[c].type);
      row += ret_sizes[c];
    }
  return row;
}

char *
h5_rows_pack (const PrH5Column *columns, gsize n_columns, gint64 n_rows, const gsize *sizes)
{
  gsize row = 0;
  char *rows, *to;

  for (gsize c = 0; c < n_columns; c++)
    row += sizes[c];
  to = rows = g_malloc0 (MAX (row * (gsize)n_rows, 1));
  for (gint64 r = 0; r < n_rows; r++)
    for (gsize c = 0; c < n_columns; to += sizes[c++])
      if (columns[c].type == PR_H5_TEXT)
        {
          const char *text = ((const char *const *)columns[c].data)[r];

          memcpy (to, text ? text : "", text ? strlen (text) : 0);
        }
      else
        memcpy (to, (const char *)columns[c].data + (gsize)r * sizes[c], sizes[c]);
  return rows;
}

char **
h5_rows_texts (const char *bytes, gsize n, gsize width)
{
  char **texts = g_new0 (char *, n + 1);

  for (gsize i = 0; i < n; i++)
    texts[i] = g_strndup (bytes + i * width, width);
  return texts;
}
