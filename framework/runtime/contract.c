#include "config.h"

#include "runtime/contract.h"
#include "runtime/params.h"

#include <math.h>
#include <string.h>

/* No stage has so many: beyond it the table is garbage, not a table. */
#define TABLE_MAX 256
#define PARAMS_SIZE_MAX (1024 * 1024)

/* Where we are, for messages. */
typedef struct
{
  const char *path;
  const PrStage *stage;
} Place;

static gboolean G_GNUC_PRINTF (3, 4) fail (const Place *place, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  if (place->stage != NULL && place->stage->id != NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN, "plugin '%s': stage '%s': %s", place->path, place->stage->id, text);
  else
    g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN, "plugin '%s': %s", place->path, text);
  return FALSE;
}

/* [a-z][a-z0-9EXTRA]* */
static gboolean
name_ok (const char *name, const char *extra)
{
  if (name == NULL || !g_ascii_islower (name[0]) || strlen (name) > 63)
    return FALSE;
  for (const char *c = name; *c != '\0'; c++)
    if (!g_ascii_islower (*c) && !g_ascii_isdigit (*c) && strchr (extra, *c) == NULL)
      return FALSE;
  return TRUE;
}

static gboolean
text_ok (const char *text)
{
  return text != NULL && text[0] != '\0' && g_utf8_validate (text, -1, NULL);
}

gsize
pr_param_kind_size (PrParamKind kind, gsize *ret_align)
{
#define SIZE(type) (*ret_align = _Alignof(type), sizeof (type))
  switch (kind)
    {
    case PR_PARAM_KIND_BOOL:
      return SIZE (bool);
    case PR_PARAM_KIND_INT:
      return SIZE (int64_t);
    case PR_PARAM_KIND_REAL:
      return SIZE (double);
    case PR_PARAM_KIND_STRING:
    case PR_PARAM_KIND_PATH:
      return SIZE (const char *);
    case PR_PARAM_KIND_CHOICE:
      return SIZE (int);
    case PR_PARAM_KIND_INTS:
      return SIZE (PrInts);
    case PR_PARAM_KIND_PATHS:
      return SIZE (const char *const *);
    }
#undef SIZE
  return 0;
}

static gboolean
check_choices (const Place *place, const PrParamSpec *spec, GError **error)
{
  const char *const *names = spec->dflt.choice.names;
  int n = 0;

  if (names == NULL || names[0] == NULL)
    return fail (place, error, "parameter '%s' has no choices; list them, NULL at the end", spec->name);
  for (; names[n] != NULL; n++)
    {
      if (n == TABLE_MAX || !text_ok (names[n]))
        return fail (place, error, "parameter '%s': choice %d is empty or the list has no NULL at its end", spec->name,
                     n);
      for (int i = 0; i < n; i++)
        if (strcmp (names[i], names[n]) == 0)
          return fail (place, error, "parameter '%s': choice '%s' stands there twice", spec->name, names[n]);
    }
  if (!spec->required && (spec->dflt.choice.value < 0 || spec->dflt.choice.value >= n))
    return fail (place, error, "parameter '%s': default %d is none of the %d choices; give the index of one",
                 spec->name, spec->dflt.choice.value, n);
  return TRUE;
}

/* A range that is one and, unless the manifest must say, a default within it. */
static gboolean
check_default (const Place *place, const PrParamSpec *spec, GError **error)
{
  g_autofree char *complaint = NULL;
  PrInts ints;

  switch (spec->kind)
    {
    case PR_PARAM_KIND_INT:
      if (spec->dflt.integer.min > spec->dflt.integer.max)
        return fail (place, error, "parameter '%s': its range is empty", spec->name);
      if (!spec->required
          && (spec->dflt.integer.value < spec->dflt.integer.min || spec->dflt.integer.value > spec->dflt.integer.max))
        return fail (place, error,
                     "parameter '%s': default %" G_GINT64_FORMAT " is outside its own range, %" G_GINT64_FORMAT
                     " to %" G_GINT64_FORMAT,
                     spec->name, (gint64)spec->dflt.integer.value, (gint64)spec->dflt.integer.min,
                     (gint64)spec->dflt.integer.max);
      return TRUE;
    case PR_PARAM_KIND_REAL:
      if (!(spec->dflt.real.min <= spec->dflt.real.max))
        return fail (place, error, "parameter '%s': its range is empty", spec->name);
      if (!spec->required
          && !(isfinite (spec->dflt.real.value) && spec->dflt.real.value >= spec->dflt.real.min
               && spec->dflt.real.value <= spec->dflt.real.max))
        return fail (place, error, "parameter '%s': default %g is outside its own range, %g to %g", spec->name,
                     spec->dflt.real.value, spec->dflt.real.min, spec->dflt.real.max);
      return TRUE;
    case PR_PARAM_KIND_STRING:
      if (!spec->required && (spec->dflt.string == NULL || !g_utf8_validate (spec->dflt.string, -1, NULL)))
        return fail (place, error, "parameter '%s': default is NULL or not UTF-8; use \"\" for none", spec->name);
      return TRUE;
    case PR_PARAM_KIND_CHOICE:
      return check_choices (place, spec, error);
    case PR_PARAM_KIND_INTS:
      if (spec->required)
        return TRUE;
      if (spec->dflt.ints.value == NULL)
        return fail (place, error, "parameter '%s': default is NULL; use \"\" for an empty list", spec->name);
      complaint = pr_ints_parse (spec->dflt.ints.value, spec->dflt.ints.min, spec->dflt.ints.max, &ints);
      return complaint == NULL
             || fail (place, error, "parameter '%s': default '%s': %s", spec->name, spec->dflt.ints.value, complaint);
    case PR_PARAM_KIND_BOOL:
    case PR_PARAM_KIND_PATH:
    case PR_PARAM_KIND_PATHS:
      return TRUE;
    }
  return fail (place, error, "parameter '%s': kind %d does not exist; use the PR_PARAM macros", spec->name,
               (int)spec->kind);
}

static gboolean
check_param (const Place *place, gsize index, GError **error)
{
  const PrStage *stage = place->stage;
  const PrParamSpec *spec = &stage->params[index];
  gsize align = 1, size;

  if (!name_ok (spec->name, "_-."))
    return fail (place, error, "parameter %" G_GSIZE_FORMAT ": name '%s' is not lower case, digits, '_', '-' and '.'",
                 index, spec->name != NULL ? spec->name : "(null)");
  if (strcmp (spec->name, "uses") == 0 || strcmp (spec->name, "seed") == 0 || g_str_has_prefix (spec->name, "in."))
    return fail (place, error, "parameter '%s': 'uses', 'seed' and 'in.SLOT' belong to the manifest; take another name",
                 spec->name);
  if (!text_ok (spec->help))
    return fail (place, error, "parameter '%s' has no help text; say in one sentence what it does", spec->name);
  size = pr_param_kind_size (spec->kind, &align);
  if (size == 0)
    return check_default (place, spec, error);
  if (stage->params_size < size || spec->offset > stage->params_size - size || spec->offset % align != 0)
    return fail (
        place, error,
        "parameter '%s' lies outside the params struct (offset %zu, size %zu, struct %zu); use the PR_PARAM macros "
        "and .params_size = sizeof (Params)",
        spec->name, spec->offset, size, stage->params_size);
  for (gsize i = 0; i < index; i++)
    {
      const PrParamSpec *other = &stage->params[i];
      gsize other_size = pr_param_kind_size (other->kind, &align);

      if (strcmp (other->name, spec->name) == 0)
        return fail (place, error, "parameter '%s' stands in the table twice", spec->name);
      if (spec->offset < other->offset + other_size && other->offset < spec->offset + size)
        return fail (place, error, "parameters '%s' and '%s' share a member of the struct; give each its own",
                     other->name, spec->name);
    }
  return check_default (place, spec, error);
}

/* "NAME/REVISION" */
static gboolean
type_ok (const char *type)
{
  const char *slash = type != NULL ? strchr (type, '/') : NULL;
  g_autofree char *name = slash != NULL ? g_strndup (type, (gsize)(slash - type)) : NULL;
  guint64 revision;

  return name_ok (name, "-") && g_ascii_string_to_unsigned (slash + 1, 10, 1, 9999, &revision, NULL);
}

static gboolean
check_slot (const Place *place, gsize index, GError **error)
{
  const PrSlotSpec *slot = &place->stage->slots[index];

  if (!name_ok (slot->name, "_-"))
    return fail (place, error, "slot %" G_GSIZE_FORMAT ": name '%s' is not lower case, digits, '_' and '-'", index,
                 slot->name != NULL ? slot->name : "(null)");
  if (!type_ok (slot->type))
    return fail (place, error, "slot '%s': type '%s' is not NAME/REVISION, such as dataset/1", slot->name,
                 slot->type != NULL ? slot->type : "(null)");
  if (!text_ok (slot->help))
    return fail (place, error, "slot '%s' has no help text; say in one sentence what it holds", slot->name);
  if (slot->direction != PR_SLOT_IN && slot->direction != PR_SLOT_OUT)
    return fail (place, error, "slot '%s': direction is neither PR_SLOT_IN nor PR_SLOT_OUT", slot->name);
  if (slot->direction == PR_SLOT_OUT && slot->optional)
    return fail (place, error, "slot '%s': an output cannot be optional; always write it", slot->name);
  for (gsize i = 0; i < index; i++)
    if (place->stage->slots[i].direction == slot->direction && strcmp (place->stage->slots[i].name, slot->name) == 0)
      return fail (place, error, "slot '%s' stands in the table twice", slot->name);
  return TRUE;
}

static gboolean
check_stage (const char *path, const PrStage *stage, GError **error)
{
  const Place place = { path, stage };

  /* First of all: without it not even the id may be read. */
  if (stage->size != sizeof (PrStage))
    return fail (
        &(Place){ path, NULL }, error,
        "a stage struct has size %zu, this runtime's has %zu; set .size = sizeof (PrStage) and rebuild the plugin",
        stage->size, sizeof (PrStage));
  if (!name_ok (stage->id, "-"))
    return fail (&(Place){ path, NULL }, error, "stage id '%s' is not lower case, digits and '-'",
                 stage->id != NULL ? stage->id : "(null)");
  if (!text_ok (stage->version) || !text_ok (stage->summary))
    return fail (&place, error, "version or summary is missing; give both");
  if (stage->plan == NULL || stage->run == NULL)
    return fail (&place, error, "%s() is missing; every stage has plan() and run()",
                 stage->plan == NULL ? "plan" : "run");
  if ((stage->params == NULL && stage->n_params > 0) || stage->n_params > TABLE_MAX
      || stage->params_size > PARAMS_SIZE_MAX)
    return fail (&place, error,
                 "the table of parameters is missing or absurdly large (%zu entries, struct of %zu bytes)",
                 stage->n_params, stage->params_size);
  if ((stage->slots == NULL && stage->n_slots > 0) || stage->n_slots > TABLE_MAX)
    return fail (&place, error, "the table of slots is missing or absurdly large (%zu entries)", stage->n_slots);
  for (gsize i = 0; i < stage->n_params; i++)
    if (!check_param (&place, i, error))
      return FALSE;
  for (gsize i = 0; i < stage->n_slots; i++)
    if (!check_slot (&place, i, error))
      return FALSE;
  return TRUE;
}

gboolean
pr_plugin_check (const PrPlugin *plugin, const char *path, GError **error)
{
  const Place place = { path, NULL };
  g_autofree char *base = g_path_get_basename (path);
  char *dot = strchr (base, '.');

  if (plugin->magic != PR_PLUGIN_MAGIC)
    return fail (&place, error,
                 "its pr_plugin is not a plugin description (magic %#x, expected %#x); start it with PR_PLUGIN_INIT",
                 plugin->magic, PR_PLUGIN_MAGIC);
  if (plugin->abi != PR_PLUGIN_ABI)
    return fail (&place, error,
                 "built for plugin ABI %u, this runtime speaks %u; rebuild the plugin against this version",
                 plugin->abi, PR_PLUGIN_ABI);
  if (plugin->size != sizeof (PrPlugin))
    return fail (&place, error, "its description has size %u, this runtime's has %zu; rebuild the plugin", plugin->size,
                 sizeof (PrPlugin));
  if (dot != NULL)
    *dot = '\0';
  if (plugin->id == NULL || strcmp (plugin->id, base) != 0)
    return fail (&place, error, "it calls itself '%s'; the id must be the file's base name, '%s'",
                 plugin->id != NULL ? plugin->id : "(null)", base);
  if (plugin->stages == NULL || plugin->stages[0] == NULL)
    return fail (&place, error, "it describes no stages; list at least one in .stages, NULL at the end");
  for (gsize i = 0; plugin->stages[i] != NULL; i++)
    {
      if (i == TABLE_MAX)
        return fail (&place, error, "its list of stages has no NULL at the end");
      if (!check_stage (path, plugin->stages[i], error))
        return FALSE;
    }
  return TRUE;
}
