/* teach-file.c - rationales made elsewhere: JSONL, {"user": ID, "rationale": TEXT, "item": ID of the target}, the item
 * being needed only where a user has several targets. */
#include "config.h"

#include "distill.h"

#include <string.h>

#define TEXT_MAX ((gsize)64 * 1024) /* rationales.h */

typedef struct
{
  Distill *distill;
  PrLines *lines;
  GHashTable *users, *items; /* id -> number */
  GChecksum *checksum;       /* of all lines */
  guint64 n_unused;          /* lines on purchases that are no targets here */
} Reading;

typedef struct
{
  const char *user, *item, *text; /* item may be NULL */
} Line;

static GHashTable *
number_ids (const PrDataset *dataset, gint64 n, gboolean items)
{
  GHashTable *ids = g_hash_table_new (g_str_hash, g_str_equal);

  for (gint64 i = 0; i < n; i++)
    g_hash_table_insert (ids, (gpointer)(items ? pr_dataset_item (dataset, i)->id : pr_dataset_user_id (dataset, i)),
                         GINT_TO_POINTER ((gint)i));
  return ids;
}

static gboolean
read_object (const Reading *reading, json_t *root, Line *ret_line, GError **error)
{
  json_t *item = json_object_get (root, "item");
  const char *fault = NULL;
  Line line = { json_string_value (json_object_get (root, "user")), json_string_value (item),
                json_string_value (json_object_get (root, "rationale")) };

  if (line.user == NULL || line.text == NULL || (item != NULL && line.item == NULL)
      || json_object_size (root) != (item != NULL ? 3 : 2))
    fault =
        "{\"user\": \"...\", \"rationale\": \"...\"} belongs here, perhaps with \"item\": \"...\", and nothing else";
  else if (strlen (line.text) > TEXT_MAX)
    fault = "the rationale has more than 64 KiB";
  if (fault != NULL)
    {
      pr_lines_error (reading->lines, error, "%s", fault);
      return FALSE;
    }
  if (!g_hash_table_contains (reading->users, line.user))
    pr_lines_error (reading->lines, error, "the data set has no user '%s'", line.user);
  else if (line.item != NULL && !g_hash_table_contains (reading->items, line.item))
    pr_lines_error (reading->lines, error, "the data set has no item '%s'", line.item);
  else
    {
      *ret_line = line;
      return TRUE;
    }
  return FALSE;
}

/* The first draft of USER. */
static guint
first_draft (const Distill *distill, gint32 user)
{
  guint low = 0, high = distill->drafts->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (distill_draft (distill, middle)->user < user)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

static gboolean
has_bought (const PrDataset *dataset, gint32 user, gint32 item)
{
  gint64 n;
  const gint32 *items = pr_dataset_sequence (dataset, user, &n);

  while (n > 0 && items[n - 1] != item)
    n--;
  return n > 0;
}

/* Give the text to the targets that LINE means. */
static gboolean
place (Reading *reading, const Line *line, GError **error)
{
  const Distill *distill = reading->distill;
  gint32 user = GPOINTER_TO_INT (g_hash_table_lookup (reading->users, line->user));
  gint32 item = line->item == NULL ? -1 : GPOINTER_TO_INT (g_hash_table_lookup (reading->items, line->item));
  guint first = first_draft (distill, user), placed = 0;
  gboolean several = first + 1 < distill->drafts->len && distill_draft (distill, first + 1)->user == user;

  if (item < 0 && several)
    {
      pr_lines_error (reading->lines, error, "user '%s' has several targets: say which one with \"item\"", line->user);
      return FALSE;
    }
  if (item >= 0 && !has_bought (distill->dataset, user, item))
    {
      pr_lines_error (reading->lines, error, "user '%s' did not buy item '%s'", line->user, line->item);
      return FALSE;
    }
  for (guint i = first; i < distill->drafts->len && distill_draft (distill, i)->user == user; i++)
    {
      Draft *draft = distill_draft (distill, i);

      if (item >= 0 && draft->target != item)
        continue;
      if (draft->text != NULL)
        {
          pr_lines_error (reading->lines, error, "a second rationale for the same purchase of user '%s'", line->user);
          return FALSE;
        }
      draft->text = pr_words_fold (line->text);
      placed++;
    }
  reading->n_unused += placed == 0;
  return TRUE;
}

static gboolean
read_line (Reading *reading, const char *text, gsize length, GError **error)
{
  g_autofree char *where =
      g_strdup_printf ("%s:%" G_GUINT64_FORMAT, reading->distill->params->file, pr_lines_number (reading->lines));
  json_t *root = pr_json_parse (text, length, where, error);
  Line line;
  gboolean ok = root != NULL && read_object (reading, root, &line, error) && place (reading, &line, error);

  json_decref (root);
  g_checksum_update (reading->checksum, (const guchar *)text, (gssize)length);
  g_checksum_update (reading->checksum, (const guchar *)"\n", 1);
  return ok;
}

gboolean
teach_by_file (Distill *distill, GError **error)
{
  const PrDataset *dataset = distill->dataset;
  g_autoptr (PrLines) lines = pr_lines_open (distill->params->file, error);
  g_autoptr (GHashTable) users = number_ids (dataset, pr_dataset_n_users (dataset), FALSE);
  g_autoptr (GHashTable) items = number_ids (dataset, pr_dataset_n_items (dataset), TRUE);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  Reading reading = { distill, lines, users, items, checksum, 0 };
  GError *failure = NULL;
  const char *line;
  gsize length;

  if (lines == NULL)
    return FALSE;
  while ((line = pr_lines_next (lines, &length, &failure)) != NULL)
    if (!read_line (&reading, line, length, &failure)
        || (pr_lines_number (lines) % 4096 == 0 && !pr_run_step (distill->run, pr_lines_number (lines), 0, &failure)))
      break;
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  for (guint i = 0; i < distill->drafts->len; i++)
    {
      Draft *draft = distill_draft (distill, i);

      g_strlcpy (draft->prompt, g_checksum_get_string (checksum), sizeof draft->prompt);
      draft->seed = pr_run_seed (distill->run);
    }
  pr_run_metric (distill->run, "unused", (double)reading.n_unused);
  return TRUE;
}
