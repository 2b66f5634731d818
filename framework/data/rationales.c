/* rationales.c - rationales in order, and the file that keeps them. */
#include "config.h"

#include "rationales-json.h"

#include <errno.h>
#include <pauserec/error.h>
#include <pauserec/io.h>

#define FILE_NAME "rationales.jsonl"

struct PrRationales
{
  GArray *list;          /* PrRationale, by user, then position; strings in the chunk */
  GStringChunk *strings; /* what was replaced stays until the end */
};

PrRationales *
pr_rationales_new (void)
{
  PrRationales *rationales = g_new0 (PrRationales, 1);

  rationales->list = g_array_new (FALSE, FALSE, sizeof (PrRationale));
  rationales->strings = g_string_chunk_new (64 * 1024);
  return rationales;
}

void
pr_rationales_free (PrRationales *rationales)
{
  if (rationales == NULL)
    return;
  g_array_unref (rationales->list);
  g_string_chunk_free (rationales->strings);
  g_free (rationales);
}

gsize
pr_rationales_n (const PrRationales *rationales)
{
  return rationales->list->len;
}

const PrRationale *
pr_rationales_at (const PrRationales *rationales, gsize index)
{
  g_return_val_if_fail (index < rationales->list->len, NULL);
  return &g_array_index (rationales->list, PrRationale, index);
}

static int
compare (const PrRationale *a, gint32 user, gint32 position)
{
  if (a->user != user)
    return a->user < user ? -1 : 1;
  return a->position < position ? -1 : a->position > position;
}

/* The first that does not stand before (USER, POSITION). */
static guint
lower_bound (const PrRationales *rationales, gint32 user, gint32 position)
{
  guint low = 0, high = rationales->list->len;

  /* Most come in order. */
  if (high > 0 && compare (pr_rationales_at (rationales, high - 1), user, position) < 0)
    return high;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (compare (pr_rationales_at (rationales, middle), user, position) < 0)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

const PrRationale *
pr_rationales_find (const PrRationales *rationales, gint32 user, gint32 position)
{
  guint at = lower_bound (rationales, user, position);
  const PrRationale *found = at < rationales->list->len ? pr_rationales_at (rationales, at) : NULL;

  return found != NULL && compare (found, user, position) == 0 ? found : NULL;
}

void
pr_rationales_add (PrRationales *rationales, const PrRationale *rationale)
{
  guint at = lower_bound (rationales, rationale->user, rationale->position);
  PrRationale copy = *rationale;

  copy.text = g_string_chunk_insert (rationales->strings, rationale->text);
  copy.teacher = g_string_chunk_insert_const (rationales->strings, rationale->teacher);
  copy.prompt = g_string_chunk_insert_const (rationales->strings, rationale->prompt);
  if (rationale->corruption != NULL)
    copy.corruption = g_string_chunk_insert_const (rationales->strings, rationale->corruption);
  if (at < rationales->list->len
      && compare (pr_rationales_at (rationales, at), rationale->user, rationale->position) == 0)
    g_array_index (rationales->list, PrRationale, at) = copy;
  else
    g_array_insert_val (rationales->list, at, copy);
}

/* Files ------------------------------------------------------------------- */

/* The id of the target, or NULL if the data set has no such purchase. */
static const char *
target_id (const PrDataset *dataset, gint32 user, gint32 position)
{
  const gint32 *items;
  gint64 n;

  if (user < 0 || user >= pr_dataset_n_users (dataset))
    return NULL;
  items = pr_dataset_sequence (dataset, user, &n);
  return position < 0 || position >= n ? NULL : pr_dataset_item (dataset, items[position])->id;
}

gboolean
pr_rationales_save (const PrRationales *rationales, const PrDataset *dataset, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, FILE_NAME, NULL);
  g_autoptr (GString) text = g_string_new (NULL);

  for (gsize i = 0; i < rationales->list->len; i++)
    {
      const PrRationale *rationale = pr_rationales_at (rationales, i);
      const char *item = target_id (dataset, rationale->user, rationale->position);
      const char *fault = item == NULL ? "the data set has no such purchase" : pr_rationale_fault (rationale);
      json_t *root;
      char *line;

      if (fault != NULL)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: the rationale of user %d, position %d: %s", path,
                       rationale->user, rationale->position, fault);
          return FALSE;
        }
      root = pr_rationale_to_json (rationale, pr_dataset_user_id (dataset, rationale->user), item);
      line = json_dumps (root, JSON_COMPACT);
      json_decref (root);
      if (line == NULL)
        return pr_error_set_errno (error, ENOMEM, "cannot encode JSON for", path);
      g_string_append (text, line);
      g_string_append_c (text, '\n');
      free (line);
    }
  return pr_file_write (path, text->str, text->len, error);
}

typedef struct
{
  const PrDataset *dataset;
  const char *path;
  PrLines *lines;
  GHashTable *users; /* id -> number */
  PrRationales *rationales;
} Reading;

static gboolean
read_object (Reading *reading, json_t *root, GError **error)
{
  PrRationale rationale;
  const char *user, *item, *fault = pr_rationale_from_json (root, &rationale, &user, &item), *stands;
  const PrRationale *last;
  gpointer number;
  gsize n = pr_rationales_n (reading->rationales);

  if (fault != NULL)
    {
      pr_lines_error (reading->lines, error, "%s", fault);
      return FALSE;
    }
  if (!g_hash_table_lookup_extended (reading->users, user, NULL, &number))
    {
      pr_lines_error (reading->lines, error, "the data set has no user '%s'", user);
      return FALSE;
    }
  rationale.user = GPOINTER_TO_INT (number);
  stands = target_id (reading->dataset, rationale.user, rationale.position);
  if (stands == NULL || g_strcmp0 (stands, item) != 0)
    {
      pr_lines_error (reading->lines, error, "user '%s' has %s%s%s at position %d, not '%s'", user,
                      stands != NULL ? "item '" : "", stands != NULL ? stands : "nothing", stands != NULL ? "'" : "",
                      rationale.position, item);
      return FALSE;
    }
  last = n > 0 ? pr_rationales_at (reading->rationales, n - 1) : NULL;
  if (last != NULL && compare (last, rationale.user, rationale.position) >= 0)
    {
      pr_lines_error (reading->lines, error, "the rationale of user '%s', position %d %s", user, rationale.position,
                      pr_rationales_find (reading->rationales, rationale.user, rationale.position) != NULL
                          ? "stands here a second time"
                          : "stands behind a later one; they are ordered by user and position");
      return FALSE;
    }
  pr_rationales_add (reading->rationales, &rationale);
  return TRUE;
}

static gboolean
read_line (Reading *reading, const char *line, gsize length, GError **error)
{
  g_autofree char *where = g_strdup_printf ("%s:%" G_GUINT64_FORMAT, reading->path, pr_lines_number (reading->lines));
  json_t *root = pr_json_parse (line, length, where, error);
  gboolean sound = root != NULL && read_object (reading, root, error);

  json_decref (root);
  return sound;
}

PrRationales *
pr_rationales_load (const char *dir, const PrDataset *dataset, GError **error)
{
  g_autofree char *path = g_build_filename (dir, FILE_NAME, NULL);
  g_autoptr (PrRationales) rationales = pr_rationales_new ();
  g_autoptr (GHashTable) users = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (PrLines) lines = pr_lines_open (path, error);
  Reading reading = { dataset, path, lines, users, rationales };
  GError *failure = NULL;
  const char *line;
  gsize length;

  if (lines == NULL)
    return NULL;
  for (gint64 u = 0; u < pr_dataset_n_users (dataset); u++)
    g_hash_table_insert (users, (gpointer)pr_dataset_user_id (dataset, u), GINT_TO_POINTER ((gint)u));
  while ((line = pr_lines_next (lines, &length, &failure)) != NULL)
    if (!read_line (&reading, line, length, &failure))
      break;
  if (failure == NULL)
    return g_steal_pointer (&rationales);
  g_propagate_error (error, failure);
  return NULL;
}
