/* Do the numbers of a results file agree with each other?  Its objects are known to be those of the schema. */
#include "config.h"

#include "schema.h"

#include "seal.h"

#include <math.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

#define BLOCK_VALUES (1 << 20) /* of an array, read at once */

typedef struct
{
  PrH5 *h5;
  const char *path; /* for messages */
  char **arms;      /* of /runs, or of the one run */
  guint64 *seeds, *users;
  gint64 n;
} Content;

static void
content_clear (Content *c)
{
  g_strfreev (c->arms);
  g_free (c->seeds);
  g_free (c->users);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Content, content_clear)

/* Tables ------------------------------------------------------------------------------------------------------- */

/* The rows of the table at PLACE are those of the runs, one run after the other; ALL: every run has some. */
static gboolean
check_rows (const Content *c, const char *place, gboolean all, GError **error)
{
  gint64 n, run = -1;
  g_auto (GStrv) arms = pr_h5_read_column (c->h5, place, "arm", PR_H5_TEXT, &n, error);
  g_autofree guint64 *seeds = arms ? pr_h5_read_column (c->h5, place, "seed", PR_H5_U64, &n, error) : NULL;

  if (seeds == NULL)
    return FALSE;
  for (gint64 i = 0; i < n; i++)
    {
      gint64 at = MAX (run, 0);

      while (at < c->n && (strcmp (arms[i], c->arms[at]) != 0 || seeds[i] != c->seeds[at]))
        at++;
      if (at == c->n || (all && at > run + 1))
        return pr_schema_set_fault (error, c->path, place,
                                    "is of arm '%s', seed %" G_GUINT64_FORMAT " in row %" G_GINT64_FORMAT
                                    ", which is not the run whose turn it is",
                                    arms[i], seeds[i], i);
      run = at;
    }
  if (all && run + 1 < c->n)
    return pr_schema_set_fault (error, c->path, place, "has no row of arm '%s', seed %" G_GUINT64_FORMAT,
                                c->arms[run + 1], c->seeds[run + 1]);
  return TRUE;
}

/* Columns that the schema wants finite. */
static gboolean
check_finite (const Content *c, const char *place, GError **error)
{
  const PrSchemaObject *object = pr_schema_find (place, FALSE);

  for (gsize i = 0; i < object->n_columns; i++)
    if (object->columns[i].finite)
      {
        const char *name = object->columns[i].name;
        gint64 n;
        g_autofree double *values = pr_h5_read_column (c->h5, place, name, PR_H5_F64, &n, error);

        if (values == NULL)
          return FALSE;
        for (gint64 r = 0; r < n; r++)
          if (!isfinite (values[r]) || values[r] < 0)
            return pr_schema_set_fault (error, c->path, place, "has %g in column '%s', row %" G_GINT64_FORMAT,
                                        values[r], name, r);
      }
  return TRUE;
}

/* What belongs to one run -------------------------------------------------------------------------------------- */

/* Items from -1, and a score for each. */
static gboolean
check_ranking_values (const Content *c, const char *items_path, const char *scores_path, const gint64 *dims,
                      GError **error)
{
  gint64 rows = MAX (BLOCK_VALUES / MAX (dims[1], 1), 1), columns;

  for (gint64 start = 0; start < dims[0]; start += rows)
    {
      gint64 n = MIN (rows, dims[0] - start);
      g_autofree gint32 *items = pr_h5_read_rows (c->h5, items_path, PR_H5_I32, start, n, &columns, error);
      g_autofree float *scores =
          items ? pr_h5_read_rows (c->h5, scores_path, PR_H5_F32, start, n, &columns, error) : NULL;

      if (scores == NULL)
        return FALSE;
      for (gint64 i = 0; i < n * columns; i++)
        {
          if (items[i] < -1)
            return pr_schema_set_fault (error, c->path, items_path, "has item %d for user %" G_GINT64_FORMAT, items[i],
                                        start + i / columns);
          if (items[i] >= 0 && isnan (scores[i]))
            return pr_schema_set_fault (error, c->path, scores_path, "has NaN for user %" G_GINT64_FORMAT,
                                        start + i / columns);
        }
    }
  return TRUE;
}

static gboolean
check_ranking (const Content *c, const char *root, GError **error)
{
  g_autofree char *group = g_strconcat (root, "/ranking", NULL), *items = g_strconcat (group, "/items", NULL),
                  *scores = g_strconcat (group, "/scores", NULL), *split = NULL;
  PrH5Shape shape, other;

  if (!pr_h5_exists (c->h5, group))
    return TRUE;
  if (!pr_h5_exists (c->h5, items) || !pr_h5_exists (c->h5, scores))
    return pr_schema_set_fault (error, c->path, group, "lacks items or scores");
  split = pr_h5_get_text (c->h5, group, "split", error);
  if (split == NULL || !pr_h5_describe (c->h5, items, &shape, error) || !pr_h5_describe (c->h5, scores, &other, error))
    return FALSE;
  if (strcmp (split, "test") != 0 && strcmp (split, "valid") != 0)
    return pr_schema_set_fault (error, c->path, group, "is of split '%s', which is neither test nor valid", split);
  if (shape.dims[0] != other.dims[0] || shape.dims[1] != other.dims[1])
    return pr_schema_set_fault (error, c->path, scores, "has not the shape of the items");
  return check_ranking_values (c, items, scores, shape.dims, error);
}

/* ROOT: "" in the file of a run, "/runs_detail/r<i>" in a results.h5. */
static gboolean
check_detail (const Content *c, const char *root, GError **error)
{
  g_autofree char *place = g_strconcat (root, "/provenance", NULL), *text = NULL;
  g_autoptr (GError) local = NULL;
  json_t *json;

  if (!pr_h5_exists (c->h5, place))
    return pr_schema_set_fault (error, c->path, place, "is not there");
  text = pr_h5_read_text (c->h5, place, error);
  if (text == NULL)
    return FALSE;
  json = pr_json_parse (text, strlen (text), place, &local);
  if (!json_is_object (json))
    {
      json_decref (json);
      return pr_schema_set_fault (error, c->path, place, "is no JSON object");
    }
  json_decref (json);
  return check_ranking (c, root, error);
}

/* A run -------------------------------------------------------------------------------------------------------- */

static gboolean
check_run (Content *c, PrSchemaSummary *summary, GError **error)
{
  g_auto (GStrv) metrics = pr_h5_list (c->h5, "/per_user", error);
  g_autofree char *stored = pr_h5_get_text (c->h5, "/", "digest", error), *digest = NULL;

  c->n = 1;
  c->arms = g_new0 (char *, 2);
  c->seeds = g_new0 (guint64, 1);
  c->arms[0] = pr_h5_get_text (c->h5, "/", "arm", error);
  if (metrics == NULL || stored == NULL || c->arms[0] == NULL
      || !pr_h5_get_number (c->h5, "/", "seed", &c->seeds[0], error))
    return FALSE;
  summary->n_runs = 1;
  summary->n_metrics = g_strv_length (metrics);
  for (char **name = metrics; *name != NULL; name++)
    {
      g_autofree char *place = g_strconcat ("/per_user/", *name, NULL);
      PrH5Shape shape;

      if (!pr_h5_describe (c->h5, place, &shape, error))
        return FALSE;
      summary->n_users = MAX (summary->n_users, shape.dims[0]);
    }
  if (!check_rows (c, "/metrics", FALSE, error) || !check_rows (c, "/cost", TRUE, error)
      || !check_detail (c, "", error))
    return FALSE;
  digest = pr_results_digest (c->h5, error);
  if (digest == NULL)
    return FALSE;
  return strcmp (digest, stored) == 0
         || pr_schema_set_fault (error, c->path, "/", "has the digest %.12s, but its results have %.12s", stored,
                                 digest);
}

/* An experiment ------------------------------------------------------------------------------------------------ */

static gboolean
read_runs (Content *c, PrSchemaSummary *summary, GError **error)
{
  gint64 n;

  c->arms = pr_h5_read_column (c->h5, "/runs", "arm", PR_H5_TEXT, &c->n, error);
  c->seeds = c->arms ? pr_h5_read_column (c->h5, "/runs", "seed", PR_H5_U64, &n, error) : NULL;
  c->users = c->seeds ? pr_h5_read_column (c->h5, "/runs", "n_users", PR_H5_U64, &n, error) : NULL;
  if (c->users == NULL)
    return FALSE;
  if (c->n == 0)
    return pr_schema_set_fault (error, c->path, "/runs", "is empty");
  summary->n_runs = c->n;
  for (gint64 i = 0; i < c->n; i++)
    summary->n_users = MAX (summary->n_users, (gint64)MIN (c->users[i], G_MAXINT64));
  return TRUE;
}

/* A row a run, and nothing of users that it does not have. */
static gboolean
check_users (const Content *c, const char *place, gint64 n_users, GError **error)
{
  PrH5Shape shape;

  if (!pr_h5_describe (c->h5, place, &shape, error))
    return FALSE;
  if (shape.dims[0] != c->n || shape.dims[1] != n_users)
    return pr_schema_set_fault (error, c->path, place,
                                "has %" G_GINT64_FORMAT " rows of %" G_GINT64_FORMAT
                                " users, but there are %" G_GINT64_FORMAT " runs of %" G_GINT64_FORMAT,
                                shape.dims[0], shape.dims[1], c->n, n_users);
  for (gint64 i = 0; i < c->n; i++)
    {
      gint64 columns;
      g_autofree float *row = NULL;

      if ((gint64)c->users[i] == n_users)
        continue;
      row = pr_h5_read_rows (c->h5, place, PR_H5_F32, i, 1, &columns, error);
      if (row == NULL)
        return FALSE;
      for (gint64 u = (gint64)c->users[i]; u < columns; u++)
        if (!isnan (row[u]))
          return pr_schema_set_fault (
              error, c->path, place,
              "has a value of user %" G_GINT64_FORMAT " in row %" G_GINT64_FORMAT ", whose run has fewer", u, i);
    }
  return TRUE;
}

static gboolean
check_experiment (Content *c, PrSchemaSummary *summary, GError **error)
{
  g_auto (GStrv) metrics = pr_h5_list (c->h5, "/per_user", error);
  g_auto (GStrv) details = metrics ? pr_h5_list (c->h5, "/runs_detail", error) : NULL;

  if (details == NULL || !read_runs (c, summary, error) || !check_rows (c, "/metrics", FALSE, error)
      || !check_rows (c, "/cost", TRUE, error))
    return FALSE;
  summary->n_metrics = g_strv_length (metrics);
  for (char **name = metrics; *name != NULL; name++)
    {
      g_autofree char *place = g_strconcat ("/per_user/", *name, NULL);

      if (!check_users (c, place, summary->n_users, error))
        return FALSE;
    }
  for (gint64 i = 0; i < c->n; i++)
    {
      g_autofree char *root = g_strdup_printf ("/runs_detail/r%" G_GINT64_FORMAT, i);

      if (!check_detail (c, root, error))
        return FALSE;
    }
  return (gint64)g_strv_length (details) == c->n
         || pr_schema_set_fault (error, c->path, "/runs_detail",
                                 "has %u entries, but there are %" G_GINT64_FORMAT " runs", g_strv_length (details),
                                 c->n);
}

gboolean
pr_schema_check_content (PrH5 *h5, const char *path, PrSchemaSummary *summary, GError **error)
{
  g_auto (Content) c = { .h5 = h5, .path = path };

  return (summary->experiment ? check_experiment (&c, summary, error) : check_run (&c, summary, error))
         && check_finite (&c, "/cost", error);
}
