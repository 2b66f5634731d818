#include "config.h"

#include "runtime/complaints.h"
#include "runtime/params.h"
#include "text/nearest.h"
#include "runtime/params-text.h"
#include "runtime/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMBER(params, spec, type) ((type *)(void *)((char *)(params) + (spec)->offset))

/* What one parameter became. */
typedef struct
{
  const PrParamValue *from; /* NULL: the default */
  char *text;               /* canonical: equal values have equal texts */
} Resolved;

const PrParamSpec *
pr_params_find (const PrStage *stage, const char *key)
{
  for (gsize i = 0; i < stage->n_params; i++)
    if (strcmp (stage->params[i].name, key) == 0)
      return &stage->params[i];
  return NULL;
}

/* Setting ---------------------------------------------------------------- */

static void
free_member (void *params, const PrParamSpec *spec)
{
  switch (spec->kind)
    {
    case PR_PARAM_KIND_STRING:
    case PR_PARAM_KIND_PATH:
      g_free ((char *)*MEMBER (params, spec, const char *));
      break;
    case PR_PARAM_KIND_PATHS:
      g_strfreev ((char **)*MEMBER (params, spec, const char *const *));
      break;
    case PR_PARAM_KIND_BOOL:
    case PR_PARAM_KIND_INT:
    case PR_PARAM_KIND_REAL:
    case PR_PARAM_KIND_CHOICE:
    case PR_PARAM_KIND_INTS:
      break;
    }
}

static gboolean
parse_real (const char *text, const PrParamSpec *spec, double *ret)
{
  char *end;
  double value;

  /* Not what strtod() reads besides: blanks, hexadecimal, "inf", "nan". */
  if (text[0] == '\0' || text[strspn (text, "0123456789+-.eE")] != '\0')
    return FALSE;
  value = g_ascii_strtod (text, &end);
  if (*end != '\0' || !isfinite (value) || value < spec->dflt.real.min || value > spec->dflt.real.max)
    return FALSE;
  *ret = value == 0.0 ? 0.0 : value; /* no negative zero: it would be another cache key */
  return TRUE;
}

static int
find_choice (const PrParamSpec *spec, const char *text)
{
  for (int i = 0; spec->dflt.choice.names[i] != NULL; i++)
    if (strcmp (spec->dflt.choice.names[i], text) == 0)
      return i;
  return -1;
}

static char *
absolute (const char *text, const char *base)
{
  return text[0] == '\0' ? g_strdup ("") : g_canonicalize_filename (text, base);
}

/* `a.txt, b.txt`; NULL if an entry is empty. */
static char **
parse_paths (const char *text, const char *base)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);

  for (gsize i = 0; parts[i] != NULL; i++)
    {
      g_autofree char *part = g_strstrip (parts[i]);

      parts[i] = absolute (part, base);
      if (parts[i][0] == '\0')
        return NULL;
    }
  return g_steal_pointer (&parts);
}

/* Store TEXT in its member; NULL, or what was wanted instead, to free.  RET_TEXT: the canonical text. */
static char *
set_member (void *params, const PrParamSpec *spec, const char *text, const char *base, char **ret_text)
{
  g_autofree char *joined = NULL;
  char **paths;
  char *string;
  gint64 integer;
  PrInts ints;
  int choice;

  switch (spec->kind)
    {
    case PR_PARAM_KIND_BOOL:
      if (strcmp (text, "true") != 0 && strcmp (text, "false") != 0)
        return pr_param_range_text (spec);
      *MEMBER (params, spec, bool) = text[0] == 't';
      *ret_text = g_strdup (text);
      return NULL;
    case PR_PARAM_KIND_INT:
      if (!g_ascii_string_to_signed (text, 10, spec->dflt.integer.min, spec->dflt.integer.max, &integer, NULL))
        return pr_param_range_text (spec);
      *MEMBER (params, spec, int64_t) = integer;
      *ret_text = g_strdup_printf ("%" G_GINT64_FORMAT, integer);
      return NULL;
    case PR_PARAM_KIND_REAL:
      if (!parse_real (text, spec, MEMBER (params, spec, double)))
        return pr_param_range_text (spec);
      *ret_text = pr_text_real (*MEMBER (params, spec, double));
      return NULL;
    case PR_PARAM_KIND_STRING:
      string = pr_text_unescape (text);
      if (string == NULL)
        return pr_param_range_text (spec);
      free_member (params, spec);
      *MEMBER (params, spec, const char *) = string;
      *ret_text = pr_text_escape (string);
      return NULL;
    case PR_PARAM_KIND_CHOICE:
      choice = find_choice (spec, text);
      if (choice < 0)
        return pr_param_range_text (spec);
      *MEMBER (params, spec, int) = choice;
      *ret_text = g_strdup (text);
      return NULL;
    case PR_PARAM_KIND_INTS:
      string = pr_ints_parse (text, spec->dflt.ints.min, spec->dflt.ints.max, &ints);
      if (string != NULL)
        {
          g_free (string);
          return pr_param_range_text (spec);
        }
      *MEMBER (params, spec, PrInts) = ints;
      *ret_text = pr_text_ints (&ints);
      return NULL;
    case PR_PARAM_KIND_PATH:
      free_member (params, spec);
      *MEMBER (params, spec, const char *) = absolute (text, base);
      *ret_text = g_utf8_make_valid (*MEMBER (params, spec, const char *), -1); /* the folder may be anything */
      return NULL;
    case PR_PARAM_KIND_PATHS:
      paths = parse_paths (text, base);
      if (paths == NULL)
        return pr_param_range_text (spec);
      free_member (params, spec);
      *MEMBER (params, spec, const char *const *) = (const char *const *)paths;
      joined = g_strjoinv (",", paths);
      *ret_text = g_utf8_make_valid (joined, -1);
      return NULL;
    }
  return g_strdup ("a parameter of a kind that exists");
}

/* Complaining ------------------------------------------------------------ */

static void
complain_unknown (GPtrArray *complaints, const PrStage *stage, const PrParamValue *value)
{
  g_autofree const char **names = g_new (const char *, stage->n_params + 1);
  g_autofree char *hint = NULL, *key = pr_complaint_excerpt (value->key);

  for (gsize i = 0; i < stage->n_params; i++)
    names[i] = stage->params[i].name;
  hint = pr_nearest_hint (value->key, names, stage->n_params);
  pr_complain (complaints, "%s: stage '%s' has no parameter '%s'%s", value->where, stage->id, key, hint);
}

static void
complain_value (GPtrArray *complaints, const PrParamSpec *spec, const PrParamValue *value, const char *wanted)
{
  g_autofree char *hint = NULL, *text = pr_complaint_excerpt (value->text);

  if (spec->kind == PR_PARAM_KIND_CHOICE)
    hint = pr_nearest_hint (value->text, spec->dflt.choice.names, g_strv_length ((char **)spec->dflt.choice.names));
  pr_complain (complaints, "%s: %s = %s: want %s%s", value->where, spec->name, text, wanted, hint != NULL ? hint : "");
}

/* Files ------------------------------------------------------------------ */

GHashTable *
pr_params_digests_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

/* "sha256:HEX" appended to TEXT; FALSE with a complaint if PATH cannot be read. */
static gboolean
append_digest (GString *text, const char *path, const PrParamSpec *spec, const PrParamValue *value, GHashTable *digests,
               GPtrArray *complaints)
{
  const char *digest = g_hash_table_lookup (digests, path);
  g_autoptr (GError) error = NULL;
  struct stat st;

  if (digest == NULL)
    {
      char *fresh;

      if (stat (path, &st) < 0)
        {
          pr_complain (complaints, "%s: %s: file '%s': %s", value->where, spec->name, path, g_strerror (errno));
          return FALSE;
        }
      if (!S_ISREG (st.st_mode))
        {
          pr_complain (complaints, "%s: %s: '%s' is not a file", value->where, spec->name, path);
          return FALSE;
        }
      fresh = pr_sha256_file (path, &error);
      if (fresh == NULL)
        {
          pr_complain (complaints, "%s: %s: %s", value->where, spec->name, error->message);
          return FALSE;
        }
      g_hash_table_insert (digests, g_strdup (path), fresh);
      digest = fresh;
    }
  g_string_append_printf (text, "%ssha256:%s", text->len > 0 ? "," : "", digest);
  return TRUE;
}

/* What of a parameter identifies the result: the text, or for files their content.  To free; NULL after a complaint. */
static char *
identify (const void *params, const PrParamSpec *spec, const Resolved *resolved, GHashTable *digests,
          GPtrArray *complaints)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const char *path;
  gboolean ok = TRUE;

  if (digests == NULL && (spec->kind == PR_PARAM_KIND_PATH || spec->kind == PR_PARAM_KIND_PATHS))
    return g_strdup ("");
  switch (spec->kind)
    {
    case PR_PARAM_KIND_PATH:
      path = *MEMBER (params, spec, const char *);
      if (path[0] != '\0')
        ok = append_digest (text, path, spec, resolved->from, digests, complaints);
      break;
    case PR_PARAM_KIND_PATHS:
      for (const char *const *p = *MEMBER (params, spec, const char *const *); *p != NULL; p++)
        ok = append_digest (text, *p, spec, resolved->from, digests, complaints) && ok;
      break;
    case PR_PARAM_KIND_BOOL:
    case PR_PARAM_KIND_INT:
    case PR_PARAM_KIND_REAL:
    case PR_PARAM_KIND_STRING:
    case PR_PARAM_KIND_CHOICE:
    case PR_PARAM_KIND_INTS:
      g_string_append (text, resolved->text);
      break;
    }
  return ok ? g_strdup (text->str) : NULL;
}

/* All of it -------------------------------------------------------------- */

static void
fill_defaults (const PrStage *stage, void *params, Resolved *resolved)
{
  for (gsize i = 0; i < stage->n_params; i++)
    {
      const PrParamSpec *spec = &stage->params[i];
      g_autofree char *text = pr_param_default_text (spec);

      if (spec->kind == PR_PARAM_KIND_PATH || (spec->kind == PR_PARAM_KIND_STRING && spec->required))
        *MEMBER (params, spec, const char *) = g_strdup ("");
      else if (spec->kind == PR_PARAM_KIND_PATHS)
        *MEMBER (params, spec, const char *const *) = (const char *const *)g_new0 (char *, 1);
      else if (!spec->required)
        g_free (set_member (params, spec, text, NULL, &resolved[i].text));
      if (resolved[i].text == NULL)
        resolved[i].text = g_strdup ("");
    }
}

static void
fill_value (const PrStage *stage, void *params, Resolved *resolved, const PrParamValue *value, GPtrArray *complaints)
{
  const PrParamSpec *spec = pr_params_find (stage, value->key);
  g_autofree char *wanted = NULL, *text = NULL;

  if (spec == NULL)
    {
      complain_unknown (complaints, stage, value);
      return;
    }
  wanted = set_member (params, spec, value->text, value->base, &text);
  if (wanted != NULL)
    complain_value (complaints, spec, value, wanted);
  g_free (resolved[spec - stage->params].text);
  resolved[spec - stage->params].text = wanted != NULL ? g_strdup (value->text) : g_steal_pointer (&text);
  resolved[spec - stage->params].from = value;
}

gboolean
pr_params_fill (const PrStage *stage, const PrParamValue *values, gsize n, const char *missing, GHashTable *digests,
                GPtrArray *complaints, PrParams *ret_params)
{
  PrParams filled = { g_malloc0 (MAX (stage->params_size, 1)), json_object (), json_object () };
  g_autofree Resolved *resolved = g_new0 (Resolved, stage->n_params + 1);
  guint before = complaints->len;

  fill_defaults (stage, filled.params, resolved);
  for (gsize i = 0; i < n; i++)
    fill_value (stage, filled.params, resolved, &values[i], complaints);

  for (gsize i = 0; i < stage->n_params; i++)
    {
      const PrParamSpec *spec = &stage->params[i];
      g_autofree char *identity = identify (filled.params, spec, &resolved[i], digests, complaints);
      const char *origin = resolved[i].from != NULL ? resolved[i].from->origin : "default";

      if (spec->required && (resolved[i].from == NULL || resolved[i].text[0] == '\0'))
        pr_complain (complaints, "%s: stage '%s' needs a value for '%s': %s", missing, stage->id, spec->name,
                     spec->help);
      if (identity != NULL && !spec->not_in_key)
        json_object_set_new (filled.identity, spec->name, json_string (identity));
      json_object_set_new (filled.resolved, spec->name,
                           json_pack ("{s:s, s:s}", "value", resolved[i].text, "origin", origin));
      g_free (resolved[i].text);
    }
  if (complaints->len > before)
    {
      pr_params_clear (stage, &filled);
      return FALSE;
    }
  *ret_params = filled;
  return TRUE;
}

void
pr_params_clear (const PrStage *stage, PrParams *params)
{
  if (params->params != NULL)
    for (gsize i = 0; i < stage->n_params; i++)
      free_member (params->params, &stage->params[i]);
  g_free (params->params);
  json_decref (params->resolved);
  json_decref (params->identity);
  *params = (PrParams){ 0 };
}
