/* The digest of a run's results: names, texts and numbers in a fixed order, hashed as they come. */
#include "config.h"

#include "seal.h"

#include "runtime/record.h"
#include "runtime/sha256.h"

#include <math.h>
#include <string.h>

/* A line of text. */
static void add_line (PrSha256 *out, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add_line (PrSha256 *out, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  pr_sha256_add (out, text, strlen (text));
  pr_sha256_add (out, "\n", 1);
}

/* The bits of numbers, little-endian; all NaNs are one. */
static void
add_numbers (PrSha256 *out, double *values, gint64 n)
{
  for (gint64 i = 0; i < n; i++)
    {
      guint64 bits;

      if (isnan (values[i]))
        values[i] = (double)NAN;
      memcpy (&bits, &values[i], sizeof bits);
      bits = GUINT64_TO_LE (bits);
      memcpy (&values[i], &bits, sizeof bits);
    }
  pr_sha256_add (out, values, sizeof *values * (gsize)n);
}

/* Columns of text and columns of numbers of the table at PATH. */
static gboolean
add_columns (PrH5 *h5, const char *path, const char *const *texts, const char *const *numbers, PrSha256 *out,
             GError **error)
{
  for (gsize c = 0; texts[c] != NULL; c++)
    {
      gint64 n;
      g_auto (GStrv) values = pr_h5_read_column (h5, path, texts[c], PR_H5_TEXT, &n, error);

      if (values == NULL)
        return FALSE;
      add_line (out, "%s/%s %" G_GINT64_FORMAT, path, texts[c], n);
      for (gint64 i = 0; i < n; i++)
        add_line (out, "%s", values[i]);
    }
  for (gsize c = 0; numbers[c] != NULL; c++)
    {
      gint64 n;
      g_autofree double *values = pr_h5_read_column (h5, path, numbers[c], PR_H5_F64, &n, error);

      if (values == NULL)
        return FALSE;
      add_line (out, "%s/%s %" G_GINT64_FORMAT, path, numbers[c], n);
      add_numbers (out, values, n);
    }
  return TRUE;
}

/* All tables in the groups of GROUP. */
static gboolean
add_tables (PrH5 *h5, const char *group, PrSha256 *out, GError **error)
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
add_array (PrH5 *h5, const char *path, PrH5Type type, guint n_dims, PrSha256 *out, GError **error)
{
  gint64 dims[PR_H5_MAX_DIMS] = { 1, 1 };
  g_autofree char *data = pr_h5_read_array (h5, path, type, n_dims, dims, error);

  if (data == NULL)
    return FALSE;
  add_line (out, "%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, path, dims[0], dims[1]);
  pr_sha256_add (out, data, (gsize)(dims[0] * dims[1]) * 4); /* F32 and I32 */
  return TRUE;
}

static gboolean
add_arrays (PrH5 *h5, PrSha256 *out, GError **error)
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
  g_autoptr (PrSha256) out = pr_sha256_new ();
  gsize n = 0;

  for (int c = 0; c < PR_N_COSTS; c++)
    if (c != PR_COST_INFER_SECONDS)
      counters[n++] = pr_cost_names[c];
  counters[n] = NULL;
  add_line (out, "%s", PR_RESULTS_SCHEMA);
  return add_columns (h5, "/metrics", names, values, out, error)
                 && add_columns (h5, "/cost", stages, counters, out, error) && add_tables (h5, "/curves", out, error)
                 && add_tables (h5, "/tables", out, error) && add_arrays (h5, out, error)
             ? pr_sha256_finish (out)
             : NULL;
}
