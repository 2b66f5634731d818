#include "config.h"

#include "source.h"

#include "records.h"

#include <math.h>
#include <pauserec/error.h>
#include <string.h>

#define NO_GENRES "(no genres listed)"
#define TICK_RECORDS 65536

/* Progress of step DONE of 4, now and then. */
static gboolean
tick (PrRun *run, const Records *records, guint done, GError **error)
{
  return run == NULL || records_line (records) % TICK_RECORDS != 0 || pr_run_step (run, done, 4, error);
}

/* Movies and users are numbered. */
static gboolean
check_number (const Records *records, const char *what, const char *text, guint64 max, guint64 *ret_value,
              GError **error)
{
  if (g_ascii_string_to_unsigned (text, 10, 0, max, ret_value, NULL))
    return TRUE;
  records_error (records, error, "'%s' is no %s: a whole number from 0 to %" G_GUINT64_FORMAT " is wanted", text, what,
                 max);
  return FALSE;
}

/* FIELDS: movieId, title, genres. */
static gboolean
add_movie (const MovieParams *params, PrCatalogue *catalogue, const Records *records, const char *const *fields,
           GError **error)
{
  gboolean none = fields[2][0] == '\0' || strcmp (fields[2], NO_GENRES) == 0;
  g_auto (GStrv) genres = g_strsplit (none ? "" : fields[2], "|", -1);
  guint64 id;

  if (!check_number (records, "movieId", fields[0], G_MAXINT64, &id, error))
    return FALSE;
  if (params->genres == GENRES_FIRST && genres[0] != NULL)
    for (char **genre = genres + 1; *genre != NULL; genre++)
      g_clear_pointer (genre, g_free);
  return pr_catalogue_add (catalogue, records_line (records),
                           &(PrItem){ fields[0], fields[1], "", "", (const char *const *)genres }, error);
}

PrCatalogue *
movies_read (const MovieParams *params, PrRun *run, GError **error)
{
  static const char *const columns[] = { "movieId", "title", "genres", NULL };
  g_autoptr (Records) records = records_open (params->movies, columns, 1, error);
  g_autoptr (PrCatalogue) catalogue = NULL;
  GError *failure = NULL;
  const char *const *fields;

  if (records == NULL)
    return NULL;
  catalogue = pr_catalogue_new (params->movies, params->purchases.max_text);
  while (failure == NULL && (fields = records_next (records, &failure)) != NULL)
    if (add_movie (params, catalogue, records, fields, &failure))
      (void)tick (run, records, 0, &failure);
  if (failure == NULL && pr_catalogue_n_items (catalogue) == 0)
    g_set_error (&failure, PR_ERROR, PR_ERROR_DATA, "%s: no movies", params->movies);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return NULL;
    }
  return g_steal_pointer (&catalogue);
}

static gboolean
parse_rating (const Records *records, const char *text, double *ret_rating, GError **error)
{
  char *end;
  double value = g_ascii_strtod (text, &end);

  if (text[0] == '\0' || text[strspn (text, "0123456789.")] != '\0' || *end != '\0' || !isfinite (value))
    {
      records_error (records, error, "'%s' is no rating: a number is wanted", text);
      return FALSE;
    }
  *ret_rating = value;
  return TRUE;
}

/* FIELDS: userId, movieId, rating, timestamp.  USERS: those seen so far, or NULL if all are wanted. */
static gboolean
add_rating (const MovieParams *params, PrPurchases *purchases, const Records *records, const char *const *fields,
            GHashTable *users, GError **error)
{
  PrPurchase purchase = { fields[0], fields[1], 0, 0, records_line (records) };
  guint64 user, movie, time;

  if (!check_number (records, "userId", fields[0], G_MAXINT64, &user, error)
      || !check_number (records, "movieId", fields[1], G_MAXINT64, &movie, error)
      || !check_number (records, "timestamp", fields[3], (guint64)PR_TIME_MAX, &time, error)
      || !parse_rating (records, fields[2], &purchase.rating, error))
    return FALSE;
  if (users != NULL && !g_hash_table_contains (users, fields[0]))
    {
      if (g_hash_table_size (users) == (guint)params->max_users)
        return TRUE;
      g_hash_table_add (users, g_strdup (fields[0]));
    }
  purchase.time = (gint64)time;
  return pr_purchases_add (purchases, &purchase, error);
}

PrPurchases *
ratings_read (const MovieParams *params, const PrCatalogue *catalogue, PrRun *run, GError **error)
{
  static const char *const columns[] = { "userId", "movieId", "rating", "timestamp", NULL };
  g_autoptr (Records) records = records_open (params->ratings, columns, -1, error);
  g_autoptr (PrPurchases) purchases = NULL;
  g_autoptr (GHashTable) users =
      params->max_users > 0 ? g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL) : NULL;
  GError *failure = NULL;
  const char *const *fields;

  if (records == NULL)
    return NULL;
  purchases = pr_purchases_new (&params->purchases, catalogue, params->ratings, FALSE);
  while (failure == NULL && (fields = records_next (records, &failure)) != NULL)
    if (add_rating (params, purchases, records, fields, users, &failure))
      (void)tick (run, records, 1, &failure);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return NULL;
    }
  return g_steal_pointer (&purchases);
}
