/* params.h - fill a stage's params struct from texts, by its table.  (The table itself: pauserec/params.h.) */
#ifndef PR_RUNTIME_PARAMS_H
#define PR_RUNTIME_PARAMS_H

#include <pauserec/plugin.h>

#include <jansson.h>

/* One value that somebody gave.  Strings are borrowed. */
typedef struct
{
  const char *key;
  const char *text;
  const char *origin; /* for the results: "manifest:12", "arm pause:40", "--set" */
  const char *where;  /* for complaints: "FILE:12", "--set" */
  const char *base;   /* absolute folder that relative paths start from */
} PrParamValue;

typedef struct
{
  void *params;     /* the stage's struct */
  json_t *resolved; /* {key: {"value": text, "origin": text}}, every parameter */
  json_t
      *identity; /* {key: text} of those that are in the key; a file as "sha256:HEX" of its content, "" if not given */
} PrParams;

/* Fill RET with defaults and then the N values in their order, so that a later one wins.  Whatever is wrong is appended
 * to COMPLAINTS (char *, "WHERE: what; hint"), MISSING being the place to name where a required value was not given;
 * FALSE if anything was.  Files that the winning values name must exist and be readable; their digests are kept in
 * DIGESTS (path to hex, both owned; see pr_params_digests_new()), so that each is read once however many runs name it.
 */
gboolean pr_params_fill (const PrStage *stage, const PrParamValue *values, gsize n, const char *missing,
                         GHashTable *digests, GPtrArray *complaints, PrParams *ret_params);
void pr_params_clear (const PrStage *stage, PrParams *params);

GHashTable *pr_params_digests_new (void);

const PrParamSpec *pr_params_find (const PrStage *stage, const char *key); /* NULL if unknown */

/* The default as a manifest would say it, to free; "" where there is none. */
char *pr_param_default_text (const PrParamSpec *spec);
/* "whole number, 0 to 64", "true or false", "one of a, b, c"..., to free. */
char *pr_param_range_text (const PrParamSpec *spec);

/* Parse `256,256,256`.  NULL, or what is wrong with it, to free; RET untouched then. */
char *pr_ints_parse (const char *text, gint64 min, gint64 max, PrInts *ret);

#endif
