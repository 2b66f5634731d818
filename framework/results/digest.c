/* The digest of a run's results: a canonical text of tables and of the digests of arrays, hashed. */
#include "config.h"

#include "seal.h"

#include "runtime/record.h"
#include "runtime/sha256.h"

#include <math.h>
#include <string.h>

static void
append_number (GString *text, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (text, isnan (value) ? "nan" : g_ascii_dtostr (buffer, sizeof buffer, value));
  g_string_append_c (text, '\n');
}

/* Columns of text and columns of numbers of the table at PATH. */
static gboolean
add_columns (PrH5 *h5, const char *path, const char *const *texts, const char *const *numbers, GString *out,
             GError **error)
{
  for (gsize c = 0; texts[c] != NULL; c++)
    {
      gint64 n;
      g_auto (GStrv) values = pr_h5_read_column (h5, path, texts[c], PR_H5_TEXT, &n, error);

      if (values == NULL)
        return FALSE;
      g_string_append_printf (out, "%s/%s %d\n", path, texts[c], (int)n);
      for (gint64 i = 0; i < n; i++)
        g_string_append_printf (out, "%s\n", values[i]);
    }
  for (gsize c = 0; numbers[c] != NULL; c++)
    {
      gint64 n;
      g_autofree double *values = pr_h5_read_column (h5, path, numbers[c], PR_H5_F64, &n, error);

      if (values == NULL)
        return FALSE;
      g_string_append_printf (out, "%s/%s %d\n", path, numbers[c], (int)n);
      for (gint64 i = 0; i < n; i++)
        append_number (out, values[i]);
    }
  return TRUE;
}

/* All tables in the groups of GROUP. */
static gboolean
add_tables (PrH5 *h5, const char *group, GString *out, GError **error)
{
  static const char *const none[] = { NULL };
  g_auto (GStrv) stages = pr_h5_list (h5, group, error);

  if (stages == NULL)
    return FALSE;
  for (char **stage = stages; *stage != NULL; stage++)
    {
      g_autofree char *folder = g_strdup_printf ("%s/%s", group, *stage);
      g_auto (GStrv) tables = pr_h5_list (h5, folder, error);

      if (tables == NULL)
        return FALSE;
      for (char **table = tables; *table != NULL; table++)
        {
          g_autofree char *path = g_strdup_printf ("%s/%s", folder, *table);
          g_auto (GStrv) columns = pr_h5_columns (h5, path, error);

          if (columns == NULL || !add_columns (h5, path, none, (const char *const *)columns, out, error))
            return FALSE;
        }
    }
  return TRUE;
}

static gboolean
add_array (PrH5 *h5, const char *path, PrH5Type type, guint n_dims, GString *out, GError **error)
{
  gint64 dims[PR_H5_MAX_DIMS] = { 1, 1 };
  g_autofree char *data = pr_h5_read_array (h5, path, type, n_dims, dims, error), *hex = NULL;

  if (data == NULL)
    return FALSE;
  hex = pr_sha256_bytes (data, (gsize)(dims[0] * dims[1]) * 4); /* F32 and I32 */
  g_string_append_printf (out, "%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s\n", path, dims[0], dims[1], hex);
  return TRUE;
}

static gboolean
add_arrays (PrH5 *h5, GString *out, GError **error)
{
  g_auto (GStrv) metrics = pr_h5_list (h5, "/per_user", error);

  if (metrics == NULL)
    return FALSE;
  for (char **metric = metrics; *metric != NULL; metric++)
    {
      g_autofree char *path = g_strdup_printf ("/per_user/%s", *metric);

      if (!add_array (h5, path, PR_H5_F32, 1, out, error))
        return FALSE;
    }
  return !pr_h5_exists (h5, "/ranking/items")
         || (add_array (h5, "/ranking/items", PR_H5_I32, 2, out, error)
             && add_array (h5, "/ranking/scores", PR_H5_F32, 2, out, error));
}

char *
pr_results_digest (PrH5 *h5, GError **error)
{
  static const char *const names[] = { "arm", "stage", "metric", NULL }, *const values[] = { "seed", "value", NULL };
  static const char *const stages[] = { "arm", "stage", NULL };
  const char *counters[PR_N_COSTS + 1];
  g_autoptr (GString) text = g_string_new (PR_RESULTS_SCHEMA "\n");
  gsize n = 0;

  for (int c = 0; c < PR_N_COSTS; c++)
    if (c != PR_COST_INFER_SECONDS)
      counters[n++] = pr_cost_names[c];
  counters[n] = NULL;
  if (!add_columns (h5, "/metrics", names, values, text, error)
      || !add_columns (h5, "/cost", stages, counters, text, error) || !add_tables (h5, "/curves", text, error)
      || !add_tables (h5, "/tables", text, error) || !add_arrays (h5, text, error))
    return NULL;
  return pr_sha256_bytes (text->str, text->len);
}
