/* The checker of results files: every object there is one of the schema, and every object of the schema is there. */
#include "config.h"

#include "schema.h"

#include "seal.h"

#include <pauserec/error.h>
#include <string.h>

typedef struct
{
  PrH5 *h5;
  const char *path; /* for messages */
  gboolean experiment;
} Check;

gboolean
pr_schema_set_fault (GError **error, const char *path, const char *place, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: '%s' %s; this is no file of schema " PR_RESULTS_SCHEMA, path, place,
               text);
  return FALSE;
}

/* Attributes --------------------------------------------------------------------------------------------------- */

/* Every attribute of the object at PLACE is known and every known one is there. */
static gboolean
check_attributes (const Check *c, const char *place, GError **error)
{
  g_auto (GStrv) names = pr_h5_attributes (c->h5, place, error);

  if (names == NULL)
    return FALSE;
  for (gsize i = 0; i < pr_schema_n_attributes; i++)
    {
      const PrSchemaAttribute *a = &pr_schema_attributes[i];
      g_autofree char *type = pr_schema_type_text (a->type, NULL);

      if (!pr_schema_attribute_is_of (a, place, c->experiment))
        continue;
      if (!g_strv_contains ((const char *const *)names, a->name))
        return pr_schema_set_fault (error, c->path, place, "has no attribute '%s'", a->name);
      if (pr_h5_attribute_type (c->h5, place, a->name) != a->type)
        return pr_schema_set_fault (error, c->path, place, "has an attribute '%s' that is no %s", a->name, type);
    }
  for (char **name = names; *name != NULL; name++)
    {
      gboolean known = FALSE;

      for (gsize i = 0; i < pr_schema_n_attributes && !known; i++)
        known = strcmp (pr_schema_attributes[i].name, *name) == 0
                && pr_schema_attribute_is_of (&pr_schema_attributes[i], place, c->experiment);
      if (!known)
        return pr_schema_set_fault (error, c->path, place, "has an attribute '%s' that the schema does not know",
                                    *name);
    }
  return TRUE;
}

/* Data sets ---------------------------------------------------------------------------------------------------- */

static gboolean
check_columns (const Check *c, const char *place, const PrSchemaObject *object, GError **error)
{
  g_auto (GStrv) names = pr_h5_columns (c->h5, place, error);
  gsize n = names ? g_strv_length (names) : 0;

  if (names == NULL)
    return FALSE;
  for (gsize i = 0; i < MAX (n, object->n_columns); i++)
    {
      PrH5Type wanted = object->columns ? PR_H5_OTHER : object->type;
      g_autofree char *type = NULL;

      if (object->columns != NULL)
        {
          if (i >= n)
            return pr_schema_set_fault (error, c->path, place, "has no column '%s'", object->columns[i].name);
          if (i >= object->n_columns)
            return pr_schema_set_fault (error, c->path, place, "has a column '%s' that the schema does not know",
                                        names[i]);
          if (strcmp (names[i], object->columns[i].name) != 0)
            return pr_schema_set_fault (error, c->path, place, "has a column '%s' where '%s' belongs", names[i],
                                        object->columns[i].name);
          wanted = object->columns[i].type;
        }
      type = pr_schema_type_text (wanted, NULL);
      if (pr_h5_column_type (c->h5, place, names[i]) != wanted)
        return pr_schema_set_fault (error, c->path, place, "has a column '%s' that is no %s", names[i], type);
    }
  return TRUE;
}

static gboolean
check_object (const Check *c, const char *place, const PrH5Shape *shape, const PrSchemaObject *object, GError **error)
{
  g_autofree char *type = pr_schema_type_text (object->type, object->shape);

  if (object->kind == PR_H5_TABLE)
    return shape->kind == PR_H5_TABLE ? check_columns (c, place, object, error)
                                      : pr_schema_set_fault (error, c->path, place, "is no table");
  if (shape->kind != PR_H5_ARRAY || shape->type != object->type || shape->n_dims != object->n_dims)
    return pr_schema_set_fault (error, c->path, place, "is no %s", type);
  return TRUE;
}

/* The object at PLACE and everything below it. */
static gboolean
check_below (const Check *c, const char *place, GError **error)
{
  const PrSchemaObject *object = pr_schema_find (place, c->experiment);
  g_auto (GStrv) names = NULL;
  PrH5Shape shape;

  if (!pr_h5_describe (c->h5, place, &shape, error))
    return FALSE;
  if (shape.kind == PR_H5_LINK)
    return pr_schema_set_fault (error, c->path, place, "is a link");
  if (object == NULL
      && (shape.kind != PR_H5_GROUP || (place[1] != '\0' && !pr_schema_has_group (place, c->experiment))))
    return pr_schema_set_fault (error, c->path, place, "is nothing that the schema knows");
  if (!check_attributes (c, place, error))
    return FALSE;
  if (object != NULL)
    return check_object (c, place, &shape, object, error);
  names = pr_h5_list (c->h5, place, error);
  for (char **name = names; name != NULL && *name != NULL; name++)
    {
      g_autofree char *below = g_strconcat (place, place[1] != '\0' ? "/" : "", *name, NULL);

      if (!check_below (c, below, error))
        return FALSE;
    }
  return names != NULL;
}

/* What no file may lack, but for what stands below /runs_detail. */
static gboolean
check_required (const Check *c, GError **error)
{
  for (gsize i = 0; i < pr_schema_n_objects; i++)
    {
      const PrSchemaObject *object = &pr_schema_objects[i];
      guint here = c->experiment ? PR_SCHEMA_EXPERIMENT : PR_SCHEMA_RUN | PR_SCHEMA_DETAIL;

      if (!object->optional && (object->where & here) && !pr_h5_exists (c->h5, object->path))
        return pr_schema_set_fault (error, c->path, object->path, "is not there");
    }
  return TRUE;
}

gboolean
pr_schema_check_objects (PrH5 *h5, const char *path, gboolean experiment, GError **error)
{
  const Check c = { h5, path, experiment };

  return check_required (&c, error) && check_below (&c, "/", error);
}

gboolean
pr_schema_verify (const char *path, PrSchemaSummary *ret_summary, GError **error)
{
  g_autoptr (PrH5) h5 = pr_seal_open (path, NULL, error);
  g_autofree char *kind = h5 ? pr_h5_get_text (h5, "/", "kind", error) : NULL;
  PrSchemaSummary summary = { 0 };

  if (kind == NULL)
    return FALSE;
  summary.experiment = strcmp (kind, "experiment") == 0;
  if (!summary.experiment && strcmp (kind, "run") != 0)
    return pr_schema_set_fault (error, path, "/", "is of kind '%s', which is neither run nor experiment", kind);
  if (!pr_schema_check_objects (h5, path, summary.experiment, error)
      || !pr_schema_check_content (h5, path, &summary, error))
    return FALSE;
  *ret_summary = summary;
  return TRUE;
}
