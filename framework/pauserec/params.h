/* params.h - typed parameters, written once in a table.
 *
 * A stage describes its parameters in an array of PrParamSpec; the runtime
 * fills a struct of the stage's own by offset.  The manifest template, `inspect`,
 * the documentation and the results all derive from the table.
 *
 *   typedef struct { gint64 k; double lr; } Params;
 *   static const PrParamSpec params[] = {
 *     PR_PARAM_INT (Params, k, 0, 64, 5, "Pause tokens between <think> and </think>."),
 *     PR_PARAM_REAL (Params, lr, 0.0, 1.0, 5e-5, "Peak learning rate."),
 *   };
 *
 * A group of parameters that several stages share (a nested struct) is written
 * with the _AT forms, which take the manifest key and the member path apart.
 */
#ifndef PAUSEREC_PARAMS_H
#define PAUSEREC_PARAMS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/* A short list of integers, written `256,256,256` in a manifest.  (`;` is taken:
 * in an arm it separates the values of a sweep.) */
#define PR_INTS_MAX 16
typedef struct
{
  int64_t n;
  int64_t v[PR_INTS_MAX];
} PrInts;

typedef enum
{
  PR_PARAM_KIND_BOOL,   /* bool: `true` or `false` */
  PR_PARAM_KIND_INT,    /* int64_t */
  PR_PARAM_KIND_REAL,   /* double, finite */
  PR_PARAM_KIND_STRING, /* const char *, owned by the runtime; never NULL.  \n, \t, \s and \\ are escapes */
  PR_PARAM_KIND_CHOICE, /* int, an index into choices */
  PR_PARAM_KIND_INTS,   /* PrInts, each within [min, max] */
  PR_PARAM_KIND_PATH,   /* const char *: absolute path of an input file, resolved against the
                         * manifest's folder (the current folder for --set); "" when not given.
                         * The file's content, not its name, goes into the cache key. */
  PR_PARAM_KIND_PATHS,  /* const char *const *, NULL-terminated; `a.txt,b.txt` in a manifest */
} PrParamKind;

typedef struct
{
  const char *name; /* the manifest key */
  const char *help; /* one sentence, with the unit, and where the default comes from */
  PrParamKind kind;
  gboolean required; /* no default: the manifest must say */
  gboolean not_in_key; /* TRUE: results do not depend on it (how often to save, how much to print), so it is no part of the cache key */
  size_t offset;     /* of the member in the stage's params struct */
  union
  {
    bool boolean;
    struct { int64_t min, max, value; } integer;
    struct { double min, max, value; } real;
    const char *string;
    struct { const char *const *names; int value; } choice; /* names: NULL-terminated */
    struct { int64_t min, max; const char *value; } ints;   /* default as text */
  } dflt;
} PrParamSpec;

/* offsetof, and a compile error if the member's type is not CTYPE. */
#define PR_MEMBER_(type, member, ctype)                                                          \
  (offsetof (type, member) + _Generic (((type *) 0)->member, ctype : 0))

#define PR_PARAM_BOOL_AT(type, key, member, value_, help_)                                       \
  { .name = key, .help = help_, .kind = PR_PARAM_KIND_BOOL,                                      \
    .offset = PR_MEMBER_ (type, member, bool), .dflt.boolean = value_ }
#define PR_PARAM_INT_AT(type, key, member, lo, hi, value_, help_)                                \
  { .name = key, .help = help_, .kind = PR_PARAM_KIND_INT,                                       \
    .offset = PR_MEMBER_ (type, member, int64_t), .dflt.integer = { lo, hi, value_ } }
#define PR_PARAM_INT_NOT_IN_KEY_AT(type, key, member, lo, hi, value_, help_)                     \
  { .name = key, .help = help_, .kind = PR_PARAM_KIND_INT, .not_in_key = TRUE,                   \
    .offset = PR_MEMBER_ (type, member, int64_t), .dflt.integer = { lo, hi, value_ } }
#define PR_PARAM_REAL_AT(type, key, member, lo, hi, value_, help_)                               \
  { .name = key, .help = help_, .kind = PR_PARAM_KIND_REAL,                                      \
    .offset = PR_MEMBER_ (type, member, double), .dflt.real = { lo, hi, value_ } }
#define PR_PARAM_STRING_AT(type, key, member, value_, help_)                                     \
  { .name = key, .help = help_, .kind = PR_PARAM_KIND_STRING,                                    \
    .offset = PR_MEMBER_ (type, member, const char *), .dflt.string = value_ }
#define PR_PARAM_CHOICE_AT(type, key, member, names_, value_, help_)                             \
  { .name = key, .help = help_, .kind = PR_PARAM_KIND_CHOICE,                                    \
    .offset = PR_MEMBER_ (type, member, int), .dflt.choice = { names_, value_ } }

#define PR_PARAM_BOOL(type, member, value_, help_)                                               \
  PR_PARAM_BOOL_AT (type, #member, member, value_, help_)
#define PR_PARAM_INT(type, member, lo, hi, value_, help_)                                        \
  PR_PARAM_INT_AT (type, #member, member, lo, hi, value_, help_)
#define PR_PARAM_REAL(type, member, lo, hi, value_, help_)                                       \
  PR_PARAM_REAL_AT (type, #member, member, lo, hi, value_, help_)
#define PR_PARAM_STRING(type, member, value_, help_)                                             \
  PR_PARAM_STRING_AT (type, #member, member, value_, help_)
#define PR_PARAM_CHOICE(type, member, names_, value_, help_)                                     \
  PR_PARAM_CHOICE_AT (type, #member, member, names_, value_, help_)
#define PR_PARAM_INTS(type, member, lo, hi, value_, help_)                                       \
  { .name = #member, .help = help_, .kind = PR_PARAM_KIND_INTS,                                  \
    .offset = PR_MEMBER_ (type, member, PrInts), .dflt.ints = { lo, hi, value_ } }
#define PR_PARAM_PATH(type, member, help_)                                                       \
  { .name = #member, .help = help_, .kind = PR_PARAM_KIND_PATH,                                  \
    .offset = PR_MEMBER_ (type, member, const char *) }
#define PR_PARAM_PATH_REQUIRED(type, member, help_)                                              \
  { .name = #member, .help = help_, .kind = PR_PARAM_KIND_PATH, .required = TRUE,                \
    .offset = PR_MEMBER_ (type, member, const char *) }
#define PR_PARAM_PATHS(type, member, help_)                                                      \
  { .name = #member, .help = help_, .kind = PR_PARAM_KIND_PATHS,                                 \
    .offset = PR_MEMBER_ (type, member, const char *const *) }

G_END_DECLS

#endif
