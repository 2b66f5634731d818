/* schema.h - what stands in a results file, written once: what the checker wants and what `pauserec verify --schema`
 * prints are the same table. */
#ifndef PR_SCHEMA_H
#define PR_SCHEMA_H

#include "results/h5.h"

/* Which files have an object, and where. */
typedef enum
{
  PR_SCHEMA_RUN = 1 << 0,        /* the file of a run */
  PR_SCHEMA_EXPERIMENT = 1 << 1, /* results.h5 */
  PR_SCHEMA_DETAIL = 1 << 2,     /* the file of a run; results.h5 below /runs_detail/r<i> */
} PrSchemaWhere;

typedef struct
{
  const char *name;
  PrH5Type type;
  gboolean finite; /* a number that is finite and not negative in every row */
  const char *help;
} PrSchemaColumn;

/* A data set. */
typedef struct
{
  const char *path; /* <name> stands for any name */
  PrSchemaWhere where;
  gboolean optional;
  PrH5Kind kind; /* table or array */
  PrH5Type type; /* of an array, and of the columns of a table that says nothing of them */
  guint n_dims;
  const char *shape;             /* in words */
  const PrSchemaColumn *columns; /* NULL: any, of TYPE */
  gsize n_columns;
  const char *help;
} PrSchemaObject;

/* An attribute of the file ("/") or of a group. */
typedef struct
{
  const char *path;
  PrSchemaWhere where;
  const char *name;
  PrH5Type type;
  const char *help;
} PrSchemaAttribute;

extern const PrSchemaObject pr_schema_objects[];
extern const gsize pr_schema_n_objects;
extern const PrSchemaAttribute pr_schema_attributes[];
extern const gsize pr_schema_n_attributes;

/* The object that PATH of a file is; NULL if there is none.  EXPERIMENT: the file is a results.h5. */
const PrSchemaObject *pr_schema_find (const char *path, gboolean experiment);
/* Do objects stand below the group PATH? */
gboolean pr_schema_has_group (const char *path, gboolean experiment);
/* Is ATTRIBUTE one that the object at PATH of a file has? */
gboolean pr_schema_attribute_is_of (const PrSchemaAttribute *attribute, const char *path, gboolean experiment);
/* Of a column of the table at PATH, PR_H5_OTHER if there is none. */
PrH5Type pr_schema_column_type (const char *path, const char *column);
/* "f32 [n_users]", "text", ...; to free. */
char *pr_schema_type_text (PrH5Type type, const char *shape);

/* All of it as text of at most 120 columns, to free. */
char *pr_schema_document (void);

typedef struct
{
  gboolean experiment;
  gint64 n_runs, n_users; /* N_USERS: most of any run */
  guint n_metrics;        /* of each user */
} PrSchemaSummary;

/* Is PATH sealed, is every object in it one of the schema and the other way round, and do the numbers agree?  DATA
 * error that names the first fault and its place in the file; IO error if it cannot be read. */
gboolean pr_schema_verify (const char *path, PrSchemaSummary *ret_summary, GError **error);

/* The objects of a file alone: their names, types and attributes.  PATH: for messages. */
gboolean pr_schema_check_objects (PrH5 *h5, const char *path, gboolean experiment, GError **error);
/* schema-content.c: do the numbers of a file agree whose objects are those of the schema? */
gboolean pr_schema_check_content (PrH5 *h5, const char *path, PrSchemaSummary *summary, GError **error);
/* DATA error "PATH: 'PLACE' ..."; returns FALSE. */
gboolean pr_schema_set_fault (GError **error, const char *path, const char *place, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

#endif
