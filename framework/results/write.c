/* A run's results as one sealed HDF5 file: see results.h for what stands where. */
#include "config.h"

#include "results.h"

#include "seal.h"

#include <pauserec/error.h>
#include <pauserec/ranking.h>
#include <string.h>

typedef struct
{
  const PrRunResult *result;
  PrH5 *h5;
  char **groups; /* [n_stages]: name of each stage's group, distinct */
} Writer;

/* A column in which every row says the same. */
static GArray *
repeat (const void *value, guint size, gsize n)
{
  GArray *column = g_array_sized_new (FALSE, FALSE, size, (guint)n);

  for (gsize i = 0; i < n; i++)
    g_array_append_vals (column, value, 1);
  return column;
}

static gboolean
write_metrics (const Writer *w, GError **error)
{
  const PrRunResult *r = w->result;
  g_autoptr (GPtrArray) stages = g_ptr_array_new (), names = g_ptr_array_new ();
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (double)), arms = NULL, seeds = NULL;

  for (gsize s = 0; s < r->n_stages; s++)
    for (guint m = 0; m < r->stages[s].record->metrics->len; m++)
      {
        const PrRecordMetric *metric = g_ptr_array_index (r->stages[s].record->metrics, m);

        g_ptr_array_add (stages, (char *)r->stages[s].stage);
        g_ptr_array_add (names, metric->name);
        g_array_append_val (values, metric->value);
      }
  arms = repeat (&r->arm, sizeof (char *), values->len);
  seeds = repeat (&r->seed, sizeof (guint64), values->len);
  return pr_h5_write_table (w->h5, "/metrics",
                            (PrH5Column[]){ { "arm", PR_H5_TEXT, arms->data },
                                            { "seed", PR_H5_U64, seeds->data },
                                            { "stage", PR_H5_TEXT, stages->pdata },
                                            { "metric", PR_H5_TEXT, names->pdata },
                                            { "value", PR_H5_F64, values->data } },
                            5, values->len, error);
}

static gboolean
write_cost (const Writer *w, GError **error)
{
  enum
  {
    FIXED = 7
  };
  const PrRunResult *r = w->result;
  gsize n = r->n_stages;
  g_autoptr (GArray) arms = repeat (&r->arm, sizeof (char *), n), seeds = repeat (&r->seed, sizeof (guint64), n);
  g_autofree const char **stages = g_new0 (const char *, n + 1), **keys = g_new0 (const char *, n + 1);
  g_autofree double *wall = g_new0 (double, n + 1), *cpu = g_new0 (double, n + 1);
  g_autofree double *counters = g_new0 (double, n *PR_N_COSTS + 1);
  g_autofree guint64 *memory = g_new0 (guint64, n + 1);
  PrH5Column columns[FIXED + PR_N_COSTS] = { { "arm", PR_H5_TEXT, arms->data },      { "seed", PR_H5_U64, seeds->data },
                                             { "stage", PR_H5_TEXT, stages },        { "key", PR_H5_TEXT, keys },
                                             { "wall_seconds", PR_H5_F64, wall },    { "cpu_seconds", PR_H5_F64, cpu },
                                             { "peak_rss_bytes", PR_H5_U64, memory } };

  for (int c = 0; c < PR_N_COSTS; c++)
    columns[FIXED + c] = (PrH5Column){ pr_cost_names[c], PR_H5_F64, counters + (gsize)c * n };
  for (gsize s = 0; s < n; s++)
    {
      const PrRecord *record = r->stages[s].record;

      stages[s] = r->stages[s].stage;
      keys[s] = r->stages[s].key;
      wall[s] = record->wall_seconds;
      cpu[s] = record->cpu_seconds;
      memory[s] = record->peak_rss;
      for (int c = 0; c < PR_N_COSTS; c++)
        counters[(gsize)c * n + s] = record->costs[c];
    }
  return pr_h5_write_table (w->h5, "/cost", columns, G_N_ELEMENTS (columns), (gint64)n, error);
}

/* Does a stage after number S report NAME per user? */
static gboolean
reported_later (const PrRunResult *r, gsize s, const char *name)
{
  for (s++; s < r->n_stages; s++)
    for (guint u = 0; u < r->stages[s].record->users->len; u++)
      if (strcmp (((const PrRecordUsers *)g_ptr_array_index (r->stages[s].record->users, u))->name, name) == 0)
        return TRUE;
  return FALSE;
}

static gboolean
write_users (const Writer *w, gsize s, GError **error)
{
  const PrRecord *record = w->result->stages[s].record;

  for (guint u = 0; u < record->users->len; u++)
    {
      const PrRecordUsers *users = g_ptr_array_index (record->users, u);
      gboolean later = reported_later (w->result, s, users->name);
      g_autofree char *path =
          g_strdup_printf ("/per_user/%s%s%s", users->name, later ? "__" : "", later ? w->groups[s] : "");
      gint64 n = users->values->len;

      if (!pr_h5_write_array (w->h5, path, PR_H5_F32, 1, &n, users->values->data, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_curves (const Writer *w, gsize s, GError **error)
{
  const PrRecord *record = w->result->stages[s].record;
  g_autofree char *group = g_strdup_printf ("/curves/%s", w->groups[s]);

  for (guint c = 0; c < record->curves->len; c++)
    {
      const PrRecordCurve *curve = g_ptr_array_index (record->curves, c);
      g_autofree char *path = g_strdup_printf ("%s/%s", group, curve->series);
      PrH5Column columns[] = { { "step", PR_H5_U64, curve->steps->data }, { "value", PR_H5_F64, curve->values->data } };

      if (!pr_h5_write_table (w->h5, path, columns, 2, curve->values->len, error))
        return FALSE;
    }
  return record->curves->len == 0 || pr_h5_set_text (w->h5, group, "stage", w->result->stages[s].stage, error);
}

/* Column number C is the first of its table: gather the others and write them. */
static gboolean
write_table (const Writer *w, gsize s, guint c, const char *group, GError **error)
{
  const PrStageResult *stage = &w->result->stages[s];
  const PrRecordColumn *first = g_ptr_array_index (stage->record->columns, c);
  g_autofree char *path = g_strdup_printf ("%s/%s", group, first->table);
  g_autoptr (GArray) columns = g_array_new (FALSE, FALSE, sizeof (PrH5Column));

  for (; c < stage->record->columns->len; c++)
    {
      const PrRecordColumn *column = g_ptr_array_index (stage->record->columns, c);
      PrH5Column out = { column->column, PR_H5_F64, column->values->data };

      if (strcmp (column->table, first->table) != 0)
        continue;
      if (column->values->len != first->values->len)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                       "stage %s: table '%s' has %u values in column '%s' but %u in '%s'; give every column as many",
                       stage->stage, first->table, first->values->len, first->column, column->values->len,
                       column->column);
          return FALSE;
        }
      g_array_append_val (columns, out);
    }
  return pr_h5_write_table (w->h5, path, (const PrH5Column *)(void *)columns->data, columns->len, first->values->len,
                            error);
}

static gboolean
write_tables (const Writer *w, gsize s, GError **error)
{
  const GPtrArray *columns = w->result->stages[s].record->columns;
  g_autofree char *group = g_strdup_printf ("/tables/%s", w->groups[s]);

  for (guint c = 0; c < columns->len; c++)
    {
      const PrRecordColumn *column = g_ptr_array_index (columns, c);
      gboolean first = TRUE;

      for (guint b = 0; b < c && first; b++)
        first = strcmp (((const PrRecordColumn *)g_ptr_array_index (columns, b))->table, column->table) != 0;
      if (first && !write_table (w, s, c, group, error))
        return FALSE;
    }
  return columns->len == 0 || pr_h5_set_text (w->h5, group, "stage", w->result->stages[s].stage, error);
}

static gboolean
write_ranking (const Writer *w, GError **error)
{
  g_autoptr (PrRanking) ranking = NULL;
  gint64 dims[2];

  if (w->result->ranking_dir == NULL)
    return TRUE;
  ranking = pr_ranking_load (w->result->ranking_dir, G_MAXINT32, error);
  if (ranking == NULL)
    return FALSE;
  dims[0] = ranking->n_users;
  dims[1] = ranking->k;
  return pr_h5_write_array (w->h5, "/ranking/items", PR_H5_I32, 2, dims, ranking->items, error)
         && pr_h5_write_array (w->h5, "/ranking/scores", PR_H5_F32, 2, dims, ranking->scores, error)
         && pr_h5_set_text (w->h5, "/ranking", "split", ranking->split == PR_SPLIT_TEST ? "test" : "valid", error);
}

static gboolean
write_provenance (const Writer *w, GError **error)
{
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, w->result->seed);
  char *json = w->result->provenance ? json_dumps (w->result->provenance, JSON_INDENT (2) | JSON_SORT_KEYS) : NULL;
  gboolean ok = pr_h5_write_text (w->h5, "/manifest", w->result->manifest ? w->result->manifest : "", error)
                && pr_h5_write_text (w->h5, "/provenance", json ? json : "{}", error)
                && pr_h5_set_text (w->h5, "/", "schema", PR_RESULTS_SCHEMA, error)
                && pr_h5_set_text (w->h5, "/", "kind", "run", error)
                && pr_h5_set_text (w->h5, "/", "experiment", w->result->experiment, error)
                && pr_h5_set_text (w->h5, "/", "arm", w->result->arm, error)
                && pr_h5_set_number (w->h5, "/", "seed", w->result->seed, error)
                && pr_h5_set_text (w->h5, "/", "run_key", w->result->run_key, error);

  free (json);
  return ok;
}

/* Two names can become one ("a-b", "a_b"): the later stage gets a number. */
static char **
group_names (const PrRunResult *r)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (gsize s = 0; s < r->n_stages; s++)
    {
      g_autofree char *base = pr_results_group_name (r->stages[s].stage), *name = g_strdup (base);

      for (int i = 2; !g_hash_table_add (taken, g_strdup (name)); i++)
        {
          g_free (name);
          name = g_strdup_printf ("%s_%d", base, i);
        }
      g_strv_builder_add (names, name);
    }
  return g_strv_builder_end (names);
}

static gboolean
write_all (Writer *w, GError **error)
{
  g_autofree char *digest = NULL;

  if (!write_metrics (w, error) || !write_cost (w, error))
    return FALSE;
  for (gsize s = 0; s < w->result->n_stages; s++)
    if (!write_users (w, s, error) || !write_curves (w, s, error) || !write_tables (w, s, error))
      return FALSE;
  if (!write_ranking (w, error) || !write_provenance (w, error))
    return FALSE;
  digest = pr_results_digest (w->h5, error);
  return digest != NULL && pr_h5_set_text (w->h5, "/", "digest", digest, error);
}

gboolean
pr_results_write_run (const PrRunResult *result, const char *path, GError **error)
{
  g_autoptr (PrH5) h5 = pr_h5_new (PR_SEAL_BLOCK, error);
  g_auto (GStrv) groups = group_names (result);
  Writer w = { .result = result, .h5 = h5, .groups = groups };

  return h5 != NULL && write_all (&w, error) && pr_seal_write (h5, path, error)
         && pr_results_verify_run (path, result->run_key, NULL, error);
}
