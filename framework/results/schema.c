#include "config.h"

#include "schema.h"

#include "seal.h"

#include <string.h>

#define BOTH (PR_SCHEMA_RUN | PR_SCHEMA_EXPERIMENT)
#define DETAIL_GROUP "/runs_detail"

static const PrSchemaColumn runs[] = {
  { "arm", PR_H5_TEXT, FALSE, "name of the arm; of a list in it, with the value: pause[pause-sft.k=3]" },
  { "seed", PR_H5_U64, FALSE, NULL },
  { "digest", PR_H5_TEXT, FALSE, "SHA-256 of the run's results, as in its own file" },
  { "run_key", PR_H5_TEXT, FALSE, "SHA-256 over the keys of its stages: names what the run is" },
  { "file", PR_H5_TEXT, FALSE, "its own file, in the folder runs beside results.h5" },
  { "n_users", PR_H5_U64, FALSE, "users that its per-user metrics are about" },
};

static const PrSchemaColumn metrics[] = {
  { "arm", PR_H5_TEXT, FALSE, NULL },
  { "seed", PR_H5_U64, FALSE, NULL },
  { "stage", PR_H5_TEXT, FALSE, "that reported it, as named in the manifest" },
  { "metric", PR_H5_TEXT, FALSE, "an identifier: ndcg_10" },
  { "value", PR_H5_F64, FALSE, "NaN where undefined" },
};

static const PrSchemaColumn cost[] = {
  { "arm", PR_H5_TEXT, FALSE, NULL },
  { "seed", PR_H5_U64, FALSE, NULL },
  { "stage", PR_H5_TEXT, FALSE, NULL },
  { "key", PR_H5_TEXT, FALSE, "of the stage in the store" },
  { "wall_seconds", PR_H5_F64, TRUE, "of the process that finished the stage, as the next two" },
  { "cpu_seconds", PR_H5_F64, TRUE, NULL },
  { "peak_rss_bytes", PR_H5_U64, FALSE, NULL },
  { "train_tokens", PR_H5_F64, TRUE, "tokens that gradients were computed for" },
  { "infer_tokens", PR_H5_F64, TRUE, "tokens read without gradients" },
  { "generated_tokens", PR_H5_F64, TRUE, NULL },
  { "optimizer_steps", PR_H5_F64, TRUE, NULL },
  { "flops", PR_H5_F64, TRUE, "floating-point operations, by formula" },
  { "infer_users", PR_H5_F64, TRUE, "users answered; above 0: the stage is inference, otherwise training" },
  { "infer_seconds", PR_H5_F64, TRUE, "wall time of answering them" },
};

static const PrSchemaColumn curve[] = {
  { "step", PR_H5_U64, FALSE, NULL },
  { "value", PR_H5_F64, FALSE, NULL },
};

#define TABLE(columns) PR_H5_TABLE, PR_H5_OTHER, 1, NULL, columns, G_N_ELEMENTS (columns)
#define ARRAY(type, n_dims, shape) PR_H5_ARRAY, type, n_dims, shape, NULL, 0

const PrSchemaObject pr_schema_objects[] = {
  { "/runs", PR_SCHEMA_EXPERIMENT, FALSE, TABLE (runs), "One row a run; i below is the number of its row, from 0." },
  { "/metrics", BOTH, FALSE, TABLE (metrics), "One number a row, run after run." },
  { "/cost", BOTH, FALSE, TABLE (cost),
    "One row a stage of a run, in pipeline order.  A stage that was taken from the store has the row of when it ran." },
  { "/per_user/<metric>", PR_SCHEMA_RUN, TRUE, ARRAY (PR_H5_F32, 1, "[n_users]"),
    "NaN where undefined.  Of two stages that report one name the later has it, and the earlier one's is "
    "<metric>__<stage>." },
  { "/per_user/<metric>", PR_SCHEMA_EXPERIMENT, TRUE, ARRAY (PR_H5_F32, 2, "[n_runs, most users]"),
    "The same; NaN too where the run lacks the metric or the user." },
  { "/ranking/items", PR_SCHEMA_DETAIL, TRUE, ARRAY (PR_H5_I32, 2, "[n_users, K]"),
    "Of the last ranking of the pipeline: numbers of items, best first, -1 where there are fewer." },
  { "/ranking/scores", PR_SCHEMA_DETAIL, TRUE, ARRAY (PR_H5_F32, 2, "[n_users, K]"),
    "Not NaN where there is an item." },
  { "/curves/<stage>/<series>", PR_SCHEMA_DETAIL, TRUE, TABLE (curve),
    "What a stage reported while it ran: loss, lr." },
  { "/tables/<stage>/<table>", PR_SCHEMA_DETAIL, TRUE, PR_H5_TABLE, PR_H5_F64, 1, NULL, NULL, 0,
    "What a stage reported as a table; its columns are the stage's." },
  { "/manifest", BOTH, FALSE, ARRAY (PR_H5_TEXT, 0, NULL), "The manifest as it was read." },
  { "/provenance", PR_SCHEMA_DETAIL, FALSE, ARRAY (PR_H5_TEXT, 0, NULL),
    "JSON: program, machine, and every stage with its parameters and their origin." },
};
const gsize pr_schema_n_objects = G_N_ELEMENTS (pr_schema_objects);

const PrSchemaAttribute pr_schema_attributes[] = {
  { "/", BOTH, "schema", PR_H5_TEXT, PR_RESULTS_SCHEMA },
  { "/", BOTH, "kind", PR_H5_TEXT, "run, or experiment: a results.h5" },
  { "/", BOTH, "experiment", PR_H5_TEXT, "its name" },
  { "/", PR_SCHEMA_RUN, "arm", PR_H5_TEXT, NULL },
  { "/", PR_SCHEMA_RUN, "seed", PR_H5_U64, NULL },
  { "/", PR_SCHEMA_RUN, "run_key", PR_H5_TEXT, NULL },
  { "/", PR_SCHEMA_RUN, "digest", PR_H5_TEXT, "SHA-256 of the results, without times, memory, keys and provenance" },
  { "/", PR_SCHEMA_EXPERIMENT, "metric", PR_H5_TEXT, "that the manifest is about, or nothing" },
  { "/", PR_SCHEMA_EXPERIMENT, "baseline", PR_H5_TEXT, "arm that others are compared with, or nothing" },
  { "/ranking", PR_SCHEMA_DETAIL, "split", PR_H5_TEXT, "test or valid" },
  { "/curves/<stage>", PR_SCHEMA_DETAIL, "stage", PR_H5_TEXT, "name of the stage as in the manifest" },
  { "/tables/<stage>", PR_SCHEMA_DETAIL, "stage", PR_H5_TEXT, "the same" },
};
const gsize pr_schema_n_attributes = G_N_ELEMENTS (pr_schema_attributes);

/* Finding ------------------------------------------------------------------------------------------------------ */

/* What is left of PATH, an object in a results.h5, behind /runs_detail/r<i>; NULL if it is not there. */
static const char *
in_detail (const char *path)
{
  const char *digits = DETAIL_GROUP "/r";
  gsize n;

  if (!g_str_has_prefix (path, digits))
    return NULL;
  path += strlen (digits);
  n = strspn (path, "0123456789");
  return n > 0 && path[n] == '/' ? path + n : NULL;
}

/* PATH as it is in PATTERN's words, or NULL where files of this kind do not have WHERE there. */
static const char *
place (const char *path, PrSchemaWhere where, gboolean experiment)
{
  if (where & PR_SCHEMA_DETAIL)
    return experiment ? in_detail (path) : path;
  return where & (experiment ? PR_SCHEMA_EXPERIMENT : PR_SCHEMA_RUN) ? path : NULL;
}

/* Is PATH one that PATTERN stands for, or, if BELOW, a group on the way to one? */
static gboolean
matches (const char *pattern, const char *path, gboolean below)
{
  g_auto (GStrv) wanted = g_strsplit (pattern, "/", -1), found = g_strsplit (path, "/", -1);
  guint n = g_strv_length (found);

  if (below ? n >= g_strv_length (wanted) : n != g_strv_length (wanted))
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (wanted[i][0] == '<' ? found[i][0] == '\0' : strcmp (wanted[i], found[i]) != 0)
      return FALSE;
  return TRUE;
}

const PrSchemaObject *
pr_schema_find (const char *path, gboolean experiment)
{
  for (gsize i = 0; i < pr_schema_n_objects; i++)
    {
      const char *local = place (path, pr_schema_objects[i].where, experiment);

      if (local != NULL && matches (pr_schema_objects[i].path, local, FALSE))
        return &pr_schema_objects[i];
    }
  return NULL;
}

gboolean
pr_schema_has_group (const char *path, gboolean experiment)
{
  g_autofree char *closed = g_strconcat (path, "/", NULL);

  if (experiment && (strcmp (path, DETAIL_GROUP) == 0 || g_strcmp0 (in_detail (closed), "/") == 0))
    return TRUE;
  for (gsize i = 0; i < pr_schema_n_objects; i++)
    {
      const char *local = place (path, pr_schema_objects[i].where, experiment);

      if (local != NULL && matches (pr_schema_objects[i].path, local, TRUE))
        return TRUE;
    }
  return FALSE;
}

gboolean
pr_schema_attribute_is_of (const PrSchemaAttribute *attribute, const char *path, gboolean experiment)
{
  const char *local = place (path, attribute->where, experiment);

  return local != NULL && matches (attribute->path, local, FALSE);
}

PrH5Type
pr_schema_column_type (const char *path, const char *column)
{
  for (gsize i = 0; i < pr_schema_n_objects; i++)
    for (gsize c = 0; matches (pr_schema_objects[i].path, path, FALSE) && c < pr_schema_objects[i].n_columns; c++)
      if (strcmp (pr_schema_objects[i].columns[c].name, column) == 0)
        return pr_schema_objects[i].columns[c].type;
  return PR_H5_OTHER;
}

/* The document ------------------------------------------------------------------------------------------------- */

char *
pr_schema_type_text (PrH5Type type, const char *shape)
{
  static const char *const names[] = { "f32", "f64", "i32", "u64", "text", "something else" };

  return g_strconcat (names[type], shape ? " " : "", shape ? shape : "", NULL);
}

/* A line "  NAME  TYPE  HELP". */
static void
add_line (GString *out, const char *name, PrH5Type type, const char *help)
{
  g_autofree char *text = pr_schema_type_text (type, NULL);

  g_string_append_printf (out, help ? "    %-18s %-4s  %s\n" : "    %-18s %s\n", name, text, help);
}

static const char *
where_text (PrSchemaWhere where)
{
  return where & PR_SCHEMA_DETAIL ? "run; results.h5 below /runs_detail/r<i>"
         : where == BOTH          ? "run, results.h5"
         : where == PR_SCHEMA_RUN ? "run"
                                  : "results.h5";
}

static void
add_object (GString *out, const PrSchemaObject *object)
{
  g_autofree char *type =
      object->kind == PR_H5_TABLE ? g_strdup ("table") : pr_schema_type_text (object->type, object->shape);

  g_string_append_printf (out, "%s  %s  (%s%s)\n  %s\n", object->path, type, where_text (object->where),
                          object->optional ? "; where there is any" : "", object->help);
  for (gsize c = 0; c < object->n_columns; c++)
    add_line (out, object->columns[c].name, object->columns[c].type, object->columns[c].help);
  if (object->kind == PR_H5_TABLE && object->columns == NULL)
    add_line (out, "<column>", object->type, NULL);
}

char *
pr_schema_document (void)
{
  GString *out = g_string_new ("Schema " PR_RESULTS_SCHEMA "\n\n");

  g_string_append (out,
                   "The first 512 bytes, which HDF5 leaves to its users, are the seal: these lines, then zeros.\n\n"
                   "    " PR_RESULTS_SCHEMA "\n"
                   "    sha256 <of all bytes after the first 512, 64 hexadecimal digits>\n"
                   "    bytes <length of the file>\n"
                   "    kind <run|experiment>\n"
                   "    run_key <of a run; nothing of an experiment>\n\n"
                   "Then HDF5, little-endian, without filters, links and virtual data sets: tables (compound, in "
                   "chunks), arrays (in\n"
                   "one piece), texts (scalars).  Text is UTF-8 of fixed length, padded with zeros.  There is nothing "
                   "else in a file.\n"
                   "\nAttributes\n");
  for (gsize i = 0; i < pr_schema_n_attributes; i++)
    {
      const PrSchemaAttribute *a = &pr_schema_attributes[i];
      g_autofree char *type = pr_schema_type_text (a->type, NULL), *name = g_strconcat (a->path, " ", a->name, NULL);

      g_string_append_printf (out, "    %-24s %-4s  (%s)%s%s\n", name, type, where_text (a->where), a->help ? "  " : "",
                              a->help ? a->help : "");
    }
  for (gsize i = 0; i < pr_schema_n_objects; i++)
    {
      g_string_append_c (out, '\n');
      add_object (out, &pr_schema_objects[i]);
    }
  return g_string_free (out, FALSE);
}
