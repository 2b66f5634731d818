/* Names stand in record.json, numbers in record.safetensors: JSON has no NaN, and loses digits in careless hands. */
#include "config.h"

#include "runtime/record.h"

#include <jansson.h>
#include <math.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <pauserec/tensors.h>
#include <string.h>

#define SCHEMA "pauserec-record/1"
#define NAME_MAX_ 47

const char *const pr_cost_names[PR_N_COSTS] = {
  [PR_COST_TRAIN_TOKENS] = "train_tokens",
  [PR_COST_INFER_TOKENS] = "infer_tokens",
  [PR_COST_GENERATED_TOKENS] = "generated_tokens",
  [PR_COST_OPTIMIZER_STEPS] = "optimizer_steps",
  [PR_COST_FLOPS] = "flops",
  [PR_COST_INFER_USERS] = "infer_users",
  [PR_COST_INFER_SECONDS] = "infer_seconds",
};

static void
free_metric (gpointer data)
{
  PrRecordMetric *metric = data;

  g_free (metric->name);
  g_free (metric);
}

static void
free_curve (gpointer data)
{
  PrRecordCurve *curve = data;

  g_free (curve->series);
  g_array_unref (curve->steps);
  g_array_unref (curve->values);
  g_free (curve);
}

static void
free_users (gpointer data)
{
  PrRecordUsers *users = data;

  g_free (users->name);
  g_array_unref (users->values);
  g_free (users);
}

static void
free_column (gpointer data)
{
  PrRecordColumn *column = data;

  g_free (column->table);
  g_free (column->column);
  g_array_unref (column->values);
  g_free (column);
}

PrRecord *
pr_record_new (void)
{
  PrRecord *record = g_new0 (PrRecord, 1);

  record->metrics = g_ptr_array_new_with_free_func (free_metric);
  record->curves = g_ptr_array_new_with_free_func (free_curve);
  record->users = g_ptr_array_new_with_free_func (free_users);
  record->columns = g_ptr_array_new_with_free_func (free_column);
  return record;
}

void
pr_record_free (PrRecord *record)
{
  if (record == NULL)
    return;
  g_ptr_array_unref (record->metrics);
  g_ptr_array_unref (record->curves);
  g_ptr_array_unref (record->users);
  g_ptr_array_unref (record->columns);
  g_free (record);
}

gboolean
pr_record_name_ok (const char *name)
{
  gsize length = strlen (name);

  return length >= 1 && length <= NAME_MAX_ && g_ascii_islower (name[0])
         && strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

void
pr_record_metric (PrRecord *record, const char *name, double value)
{
  PrRecordMetric *metric;

  for (guint i = 0; i < record->metrics->len; i++)
    {
      metric = g_ptr_array_index (record->metrics, i);
      if (strcmp (metric->name, name) == 0)
        {
          metric->value = value;
          return;
        }
    }
  metric = g_new0 (PrRecordMetric, 1);
  metric->name = g_strdup (name);
  metric->value = value;
  g_ptr_array_add (record->metrics, metric);
}

static PrRecordCurve *
find_curve (PrRecord *record, const char *series)
{
  PrRecordCurve *curve;

  for (guint i = 0; i < record->curves->len; i++)
    {
      curve = g_ptr_array_index (record->curves, i);
      if (strcmp (curve->series, series) == 0)
        return curve;
    }
  curve = g_new0 (PrRecordCurve, 1);
  curve->series = g_strdup (series);
  curve->steps = g_array_new (FALSE, FALSE, sizeof (guint64));
  curve->values = g_array_new (FALSE, FALSE, sizeof (double));
  g_ptr_array_add (record->curves, curve);
  return curve;
}

void
pr_record_curve (PrRecord *record, const char *series, guint64 step, double value)
{
  PrRecordCurve *curve = find_curve (record, series);

  g_array_append_val (curve->steps, step);
  g_array_append_val (curve->values, value);
}

static PrRecordUsers *
find_users (PrRecord *record, const char *name)
{
  PrRecordUsers *users;

  for (guint i = 0; i < record->users->len; i++)
    {
      users = g_ptr_array_index (record->users, i);
      if (strcmp (users->name, name) == 0)
        return users;
    }
  users = g_new0 (PrRecordUsers, 1);
  users->name = g_strdup (name);
  users->values = g_array_new (FALSE, FALSE, sizeof (float));
  g_ptr_array_add (record->users, users);
  return users;
}

void
pr_record_users (PrRecord *record, const char *name, const float *values, gsize n)
{
  PrRecordUsers *users = find_users (record, name);

  g_array_set_size (users->values, 0);
  if (n > 0)
    g_array_append_vals (users->values, values, (guint)n);
}

static PrRecordColumn *
find_column (PrRecord *record, const char *table, const char *name)
{
  PrRecordColumn *column;

  for (guint i = 0; i < record->columns->len; i++)
    {
      column = g_ptr_array_index (record->columns, i);
      if (strcmp (column->table, table) == 0 && strcmp (column->column, name) == 0)
        return column;
    }
  column = g_new0 (PrRecordColumn, 1);
  column->table = g_strdup (table);
  column->column = g_strdup (name);
  column->values = g_array_new (FALSE, FALSE, sizeof (double));
  g_ptr_array_add (record->columns, column);
  return column;
}

void
pr_record_column (PrRecord *record, const char *table, const char *column, double value)
{
  g_array_append_val (find_column (record, table, column)->values, value);
}

/* Saving ----------------------------------------------------------------------------------------------------------- */

static void add_tensor (PrTensorsWriter *writer, PrDtype dtype, const GArray *values, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

static void
add_tensor (PrTensorsWriter *writer, PrDtype dtype, const GArray *values, const char *format, ...)
{
  g_autofree char *name = NULL;
  va_list args;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);
  pr_tensors_writer_add1 (writer, name, dtype, values->len, values->data);
}

static gboolean
save_numbers (const PrRecord *record, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "record.safetensors", NULL);
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();
  g_autoptr (GArray) metrics = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; i < record->metrics->len; i++)
    g_array_append_val (metrics, ((const PrRecordMetric *)g_ptr_array_index (record->metrics, i))->value);
  add_tensor (writer, PR_DTYPE_F64, metrics, "metrics");
  for (guint i = 0; i < record->curves->len; i++)
    {
      const PrRecordCurve *curve = g_ptr_array_index (record->curves, i);

      add_tensor (writer, PR_DTYPE_I64, curve->steps, "curves/%s/steps", curve->series);
      add_tensor (writer, PR_DTYPE_F64, curve->values, "curves/%s/values", curve->series);
    }
  for (guint i = 0; i < record->users->len; i++)
    {
      const PrRecordUsers *users = g_ptr_array_index (record->users, i);

      add_tensor (writer, PR_DTYPE_F32, users->values, "users/%s", users->name);
    }
  for (guint i = 0; i < record->columns->len; i++)
    {
      const PrRecordColumn *column = g_ptr_array_index (record->columns, i);

      add_tensor (writer, PR_DTYPE_F64, column->values, "tables/%s/%s", column->table, column->column);
    }
  return pr_tensors_writer_write (writer, path, error);
}

static json_t *
number (double value)
{
  return json_real (isfinite (value) ? value : 0.0);
}

gboolean
pr_record_save (const PrRecord *record, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "record.json", NULL);
  json_t *metrics = json_array (), *curves = json_array (), *users = json_array (), *columns = json_array ();
  json_t *costs = json_object (), *whole;
  gboolean ok;

  for (guint i = 0; i < record->metrics->len; i++)
    json_array_append_new (metrics, json_string (((PrRecordMetric *)g_ptr_array_index (record->metrics, i))->name));
  for (guint i = 0; i < record->curves->len; i++)
    json_array_append_new (curves, json_string (((PrRecordCurve *)g_ptr_array_index (record->curves, i))->series));
  for (guint i = 0; i < record->users->len; i++)
    json_array_append_new (users, json_string (((PrRecordUsers *)g_ptr_array_index (record->users, i))->name));
  for (guint i = 0; i < record->columns->len; i++)
    {
      const PrRecordColumn *column = g_ptr_array_index (record->columns, i);

      json_array_append_new (columns, json_pack ("[s, s]", column->table, column->column));
    }
  for (int i = 0; i < PR_N_COSTS; i++)
    json_object_set_new (costs, pr_cost_names[i], number (record->costs[i]));
  whole = json_pack ("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "schema", SCHEMA, "metrics", metrics, "curves",
                     curves, "users", users, "columns", columns, "costs", costs, "wall_seconds",
                     number (record->wall_seconds), "cpu_seconds", number (record->cpu_seconds), "peak_rss_bytes",
                     (json_int_t)record->peak_rss);
  ok = save_numbers (record, dir, error) && pr_json_save (whole, path, error);
  json_decref (whole);
  return ok;
}

/* Loading ---------------------------------------------------------------------------------------------------------- */

typedef struct
{
  const char *path; /* of record.json */
  const json_t *json;
  const PrTensors *tensors;
  PrRecord *record;
} Loader;

static gboolean
bad (const Loader *loader, GError **error, const char *fault)
{
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: not a sound record: %s", loader->path, fault);
  return FALSE;
}

static const char *
name_at (const json_t *list, gsize index)
{
  const char *name = json_string_value (json_array_get (list, index));

  return name != NULL && pr_record_name_ok (name) ? name : NULL;
}

static const PrTensor *
vector (const Loader *loader, PrDtype dtype, gint64 n, const char *name, GError **error)
{
  const PrTensor *tensor = pr_tensors_get (loader->tensors, name, dtype, 1, &n, error);

  if (tensor != NULL && tensor->n > G_MAXUINT32)
    {
      bad (loader, error, "too many values");
      return NULL;
    }
  return tensor;
}

static gboolean
load_metrics (const Loader *loader, GError **error)
{
  const json_t *list = json_object_get (loader->json, "metrics");
  const PrTensor *values = vector (loader, PR_DTYPE_F64, (gint64)json_array_size (list), "metrics", error);

  if (values == NULL)
    return FALSE;
  for (gsize i = 0; i < json_array_size (list); i++)
    {
      if (name_at (list, i) == NULL)
        return bad (loader, error, "name of a metric");
      pr_record_metric (loader->record, name_at (list, i), ((const double *)values->data)[i]);
    }
  return TRUE;
}

static gboolean
load_curves (const Loader *loader, GError **error)
{
  const json_t *list = json_object_get (loader->json, "curves");

  for (gsize i = 0; i < json_array_size (list); i++)
    {
      const char *series = name_at (list, i);
      g_autofree char *steps_name = g_strdup_printf ("curves/%s/steps", series != NULL ? series : "");
      g_autofree char *values_name = g_strdup_printf ("curves/%s/values", series != NULL ? series : "");
      const PrTensor *steps, *values;
      PrRecordCurve *curve;

      if (series == NULL)
        return bad (loader, error, "name of a curve");
      steps = vector (loader, PR_DTYPE_I64, -1, steps_name, error);
      values = steps != NULL ? vector (loader, PR_DTYPE_F64, steps->n, values_name, error) : NULL;
      if (values == NULL)
        return FALSE;
      curve = find_curve (loader->record, series);
      g_array_append_vals (curve->steps, steps->data, (guint)steps->n);
      g_array_append_vals (curve->values, values->data, (guint)values->n);
    }
  return TRUE;
}

static gboolean
load_users (const Loader *loader, GError **error)
{
  const json_t *list = json_object_get (loader->json, "users");

  for (gsize i = 0; i < json_array_size (list); i++)
    {
      const char *name = name_at (list, i);
      g_autofree char *tensor_name = g_strdup_printf ("users/%s", name != NULL ? name : "");
      const PrTensor *values;

      if (name == NULL)
        return bad (loader, error, "name of a user metric");
      values = vector (loader, PR_DTYPE_F32, -1, tensor_name, error);
      if (values == NULL)
        return FALSE;
      pr_record_users (loader->record, name, values->data, (gsize)values->n);
    }
  return TRUE;
}

static gboolean
load_columns (const Loader *loader, GError **error)
{
  const json_t *list = json_object_get (loader->json, "columns");

  for (gsize i = 0; i < json_array_size (list); i++)
    {
      const char *table = name_at (json_array_get (list, i), 0), *name = name_at (json_array_get (list, i), 1);
      g_autofree char *tensor_name = NULL;
      const PrTensor *values;

      if (table == NULL || name == NULL)
        return bad (loader, error, "name of a table");
      tensor_name = g_strdup_printf ("tables/%s/%s", table, name);
      values = vector (loader, PR_DTYPE_F64, -1, tensor_name, error);
      if (values == NULL)
        return FALSE;
      g_array_append_vals (find_column (loader->record, table, name)->values, values->data, (guint)values->n);
    }
  return TRUE;
}

static gboolean
load_costs (const Loader *loader, GError **error)
{
  const json_t *costs = json_object_get (loader->json, "costs");
  const json_t *wall = json_object_get (loader->json, "wall_seconds"),
               *cpu = json_object_get (loader->json, "cpu_seconds");
  const json_t *rss = json_object_get (loader->json, "peak_rss_bytes");

  for (int i = 0; i < PR_N_COSTS; i++)
    {
      const json_t *value = json_object_get (costs, pr_cost_names[i]);

      if (!json_is_number (value))
        return bad (loader, error, "a cost is missing");
      loader->record->costs[i] = json_number_value (value);
    }
  if (!json_is_number (wall) || !json_is_number (cpu) || !json_is_integer (rss) || json_integer_value (rss) < 0)
    return bad (loader, error, "times or memory are missing");
  loader->record->wall_seconds = json_number_value (wall);
  loader->record->cpu_seconds = json_number_value (cpu);
  loader->record->peak_rss = (guint64)json_integer_value (rss);
  return TRUE;
}

static gboolean
load_all (const Loader *loader, GError **error)
{
  const char *schema = json_string_value (json_object_get (loader->json, "schema"));

  if (schema == NULL || strcmp (schema, SCHEMA) != 0)
    return bad (loader, error, "the schema is not " SCHEMA);
  return load_metrics (loader, error) && load_curves (loader, error) && load_users (loader, error)
         && load_columns (loader, error) && load_costs (loader, error);
}

PrRecord *
pr_record_load (const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "record.json", NULL);
  g_autofree char *numbers = g_build_filename (dir, "record.safetensors", NULL);
  g_autoptr (PrRecord) record = pr_record_new ();
  g_autoptr (PrTensors) tensors = pr_tensors_open (numbers, error);
  json_t *json = tensors != NULL ? pr_json_load (path, error) : NULL;
  const Loader loader = { path, json, tensors, record };
  gboolean ok = json != NULL && load_all (&loader, error);

  json_decref (json);
  return ok ? g_steal_pointer (&record) : NULL;
}
