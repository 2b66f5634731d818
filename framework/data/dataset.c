/* dataset.c - read a `dataset/1` artifact: nothing in it is believed before it was checked. */
#include "config.h"

#include "dataset-private.h"

#include <pauserec/error.h>
#include <pauserec/io.h>
#include <pauserec/tensors.h>
#include <string.h>

struct PrDataset
{
  char *name;
  gint64 n_users, n_items, n_interactions;
  GStringChunk *strings;
  PrItem *items;        /* [n_items], strings in the chunk */
  GPtrArray *lists;     /* the category lists, owned */
  const char **users;   /* [n_users] */
  GPtrArray *groups;    /* names, in the chunk */
  PrTensors *sequences; /* what the three below point into */
  const gint64 *offsets;
  const gint32 *purchases;
  const guint8 *members; /* [groups, n_users] */
};

static const char *const no_categories[] = { NULL };

void
pr_dataset_free (PrDataset *dataset)
{
  if (dataset == NULL)
    return;
  g_free (dataset->name);
  g_clear_pointer (&dataset->strings, g_string_chunk_free);
  g_free (dataset->items);
  g_clear_pointer (&dataset->lists, g_ptr_array_unref);
  g_free (dataset->users);
  g_clear_pointer (&dataset->groups, g_ptr_array_unref);
  pr_tensors_free (dataset->sequences);
  g_free (dataset);
}

static gboolean
get_count (json_t *root, const char *path, const char *key, gint64 max, gint64 *ret_count, GError **error)
{
  json_t *value = json_object_get (root, key);

  if (!json_is_integer (value) || json_integer_value (value) < 1 || json_integer_value (value) > max)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: \"%s\" must be a number from 1 to %" G_GINT64_FORMAT, path, key,
                   max);
      return FALSE;
    }
  *ret_count = json_integer_value (value);
  return TRUE;
}

static gboolean
read_group_names (PrDataset *dataset, json_t *list, const char *path, GError **error)
{
  if (!json_is_array (list) || json_array_size (list) > 1000)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: \"groups\" must be a list of at most 1000 names", path);
      return FALSE;
    }
  for (gsize i = 0; i < json_array_size (list); i++)
    {
      const char *name = json_string_value (json_array_get (list, i));

      if (name == NULL || !pr_group_name_ok (name)
          || g_ptr_array_find_with_equal_func (dataset->groups, name, g_str_equal, NULL))
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                       "%s: group %" G_GSIZE_FORMAT " has no name, a bad or a repeated one", path, i);
          return FALSE;
        }
      g_ptr_array_add (dataset->groups, g_string_chunk_insert (dataset->strings, name));
    }
  return TRUE;
}

static gboolean
read_head (PrDataset *dataset, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, PR_DATASET_JSON, NULL);
  json_t *root = pr_json_load (path, error);
  const char *format, *name;
  gboolean ok = FALSE;

  if (root == NULL)
    return FALSE;
  format = json_string_value (json_object_get (root, "format"));
  name = json_string_value (json_object_get (root, "name"));
  if (format == NULL || strcmp (format, PR_DATASET_FORMAT) != 0 || name == NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                 "%s: not the head of a data set (\"format\": \"" PR_DATASET_FORMAT "\" and \"name\" are needed)",
                 path);
  else if (get_count (root, path, "n_users", G_MAXINT32, &dataset->n_users, error)
           && get_count (root, path, "n_items", PR_DATASET_MAX_ITEMS, &dataset->n_items, error)
           && get_count (root, path, "n_interactions", G_MAXINT64 / 16, &dataset->n_interactions, error)
           && read_group_names (dataset, json_object_get (root, "groups"), path, error))
    {
      dataset->name = g_strdup (name);
      ok = TRUE;
    }
  json_decref (root);
  return ok;
}

static gboolean
read_categories (PrDataset *dataset, json_t *list, PrItem *item)
{
  gsize n = json_array_size (list);
  const char **names;

  if (!json_is_array (list))
    return FALSE;
  if (n == 0)
    {
      item->categories = no_categories;
      return TRUE;
    }
  names = g_new0 (const char *, n + 1);
  g_ptr_array_add (dataset->lists, names);
  item->categories = names;
  for (gsize i = 0; i < n; i++)
    {
      const char *name = json_string_value (json_array_get (list, i));

      if (name == NULL || name[0] == '\0')
        return FALSE;
      /* Categories repeat over items: one copy of each. */
      names[i] = g_string_chunk_insert_const (dataset->strings, name);
    }
  return TRUE;
}

static gboolean
read_item (PrDataset *dataset, json_t *root, PrItem *item)
{
  const char *const keys[] = { "id", "title", "brand", "description" };
  const char **const fields[] = { &item->id, &item->title, &item->brand, &item->description };

  if (json_object_size (root) != 5)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      const char *value = json_string_value (json_object_get (root, keys[i]));

      if (value == NULL)
        return FALSE;
      *fields[i] = value[0] == '\0' ? "" : g_string_chunk_insert (dataset->strings, value);
    }
  return pr_id_ok (item->id) && read_categories (dataset, json_object_get (root, "categories"), item);
}

static gboolean
read_item_line (PrDataset *dataset, PrLines *lines, const char *path, const char *line, gsize length, PrItem *item,
                GHashTable *seen, GError **error)
{
  g_autofree char *where = g_strdup_printf ("%s:%" G_GUINT64_FORMAT, path, pr_lines_number (lines));
  json_t *root = pr_json_parse (line, length, where, error);
  gboolean sound;

  if (root == NULL)
    return FALSE;
  sound = read_item (dataset, root, item);
  json_decref (root);
  if (!sound)
    {
      pr_lines_error (lines, error, "an item needs exactly id, title, brand, categories and description");
      return FALSE;
    }
  if (!g_hash_table_add (seen, (gpointer)item->id))
    {
      pr_lines_error (lines, error, "item '%s' stands here a second time", item->id);
      return FALSE;
    }
  return TRUE;
}

/* Lines are counted before anything is allocated from a count that a file claims. */
static gboolean
read_items (PrDataset *dataset, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, PR_DATASET_ITEMS, NULL);
  g_autoptr (PrLines) lines = pr_lines_open (path, error);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GArray) items = g_array_new (FALSE, FALSE, sizeof (PrItem));
  GError *failure = NULL;
  const char *line;
  gsize length;

  if (lines == NULL)
    return FALSE;
  while ((line = pr_lines_next (lines, &length, &failure)) != NULL)
    {
      PrItem item;

      if (items->len == dataset->n_items)
        pr_lines_error (lines, &failure, "more items than the %" G_GINT64_FORMAT " of " PR_DATASET_JSON,
                        dataset->n_items);
      else if (read_item_line (dataset, lines, path, line, length, &item, seen, &failure))
        g_array_append_val (items, item);
      if (failure != NULL)
        break;
    }
  if (failure == NULL && items->len < dataset->n_items)
    g_set_error (&failure, PR_ERROR, PR_ERROR_DATA, "%s: %u items, but " PR_DATASET_JSON " says %" G_GINT64_FORMAT,
                 path, items->len, dataset->n_items);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  dataset->items = (PrItem *)g_array_steal (items, NULL);
  return TRUE;
}

static gboolean
read_users (PrDataset *dataset, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, PR_DATASET_USERS, NULL);
  g_autoptr (PrLines) lines = pr_lines_open (path, error);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) users = g_ptr_array_new ();
  GError *failure = NULL;
  const char *line;
  gsize length;

  if (lines == NULL)
    return FALSE;
  while ((line = pr_lines_next (lines, &length, &failure)) != NULL)
    {
      char *id = g_string_chunk_insert (dataset->strings, line);

      if (!pr_id_ok (id))
        pr_lines_error (lines, &failure, "not a user id (empty, or with control characters)");
      else if (!g_hash_table_add (seen, id))
        pr_lines_error (lines, &failure, "user '%s' stands here a second time", id);
      else if (users->len == dataset->n_users)
        pr_lines_error (lines, &failure, "more users than the %" G_GINT64_FORMAT " of " PR_DATASET_JSON,
                        dataset->n_users);
      if (failure != NULL)
        break;
      g_ptr_array_add (users, id);
    }
  if (failure == NULL && users->len < dataset->n_users)
    g_set_error (&failure, PR_ERROR, PR_ERROR_DATA, "%s: %u users, but " PR_DATASET_JSON " says %" G_GINT64_FORMAT,
                 path, users->len, dataset->n_users);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  dataset->users = (const char **)g_ptr_array_steal (users, NULL);
  return TRUE;
}

static gboolean
check_sequences (const PrDataset *dataset, const char *path, GError **error)
{
  if (dataset->offsets[0] != 0 || dataset->offsets[dataset->n_users] != dataset->n_interactions)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: tensor offsets must run from 0 to %" G_GINT64_FORMAT, path,
                   dataset->n_interactions);
      return FALSE;
    }
  for (gint64 u = 0; u < dataset->n_users; u++)
    if (dataset->offsets[u + 1] < dataset->offsets[u])
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: tensor offsets falls at user %" G_GINT64_FORMAT, path, u);
        return FALSE;
      }
  for (gint64 i = 0; i < dataset->n_interactions; i++)
    if (dataset->purchases[i] < 0 || dataset->purchases[i] >= dataset->n_items)
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                     "%s: tensor items holds %d at %" G_GINT64_FORMAT ", but there are %" G_GINT64_FORMAT " items",
                     path, dataset->purchases[i], i, dataset->n_items);
        return FALSE;
      }
  for (gint64 i = 0; dataset->members != NULL && i < dataset->groups->len * dataset->n_users; i++)
    if (dataset->members[i] > 1)
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                     "%s: tensor groups holds %u at %" G_GINT64_FORMAT "; 0 or 1 belong there", path,
                     dataset->members[i], i);
        return FALSE;
      }
  return TRUE;
}

static gboolean
read_sequences (PrDataset *dataset, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, PR_DATASET_SEQUENCES, NULL);
  const gint64 n_offsets = dataset->n_users + 1;
  const gint64 groups[2] = { dataset->groups->len, dataset->n_users };
  const PrTensor *tensor;

  dataset->sequences = pr_tensors_open (path, error);
  if (dataset->sequences == NULL)
    return FALSE;
  tensor = pr_tensors_get (dataset->sequences, "offsets", PR_DTYPE_I64, 1, &n_offsets, error);
  if (tensor == NULL)
    return FALSE;
  dataset->offsets = tensor->data;
  tensor = pr_tensors_get (dataset->sequences, "items", PR_DTYPE_I32, 1, &dataset->n_interactions, error);
  if (tensor == NULL)
    return FALSE;
  dataset->purchases = tensor->data;
  if (dataset->groups->len > 0)
    {
      tensor = pr_tensors_get (dataset->sequences, "groups", PR_DTYPE_U8, 2, groups, error);
      if (tensor == NULL)
        return FALSE;
      dataset->members = tensor->data;
    }
  return check_sequences (dataset, path, error);
}

PrDataset *
pr_dataset_load (const char *dir, GError **error)
{
  g_autoptr (PrDataset) dataset = g_new0 (PrDataset, 1);

  dataset->strings = g_string_chunk_new (64 * 1024);
  dataset->lists = g_ptr_array_new_with_free_func (g_free);
  dataset->groups = g_ptr_array_new ();
  if (!read_head (dataset, dir, error) || !read_items (dataset, dir, error) || !read_users (dataset, dir, error)
      || !read_sequences (dataset, dir, error))
    return NULL;
  return g_steal_pointer (&dataset);
}

const char *
pr_dataset_name (const PrDataset *dataset)
{
  return dataset->name;
}

gint64
pr_dataset_n_users (const PrDataset *dataset)
{
  return dataset->n_users;
}

gint64
pr_dataset_n_items (const PrDataset *dataset)
{
  return dataset->n_items;
}

gint64
pr_dataset_n_interactions (const PrDataset *dataset)
{
  return dataset->n_interactions;
}

const PrItem *
pr_dataset_item (const PrDataset *dataset, gint64 item)
{
  g_return_val_if_fail (item >= 0 && item < dataset->n_items, NULL);
  return &dataset->items[item];
}

const char *
pr_dataset_user_id (const PrDataset *dataset, gint64 user)
{
  g_return_val_if_fail (user >= 0 && user < dataset->n_users, NULL);
  return dataset->users[user];
}

const gint32 *
pr_dataset_sequence (const PrDataset *dataset, gint64 user, gint64 *ret_n)
{
  *ret_n = 0;
  g_return_val_if_fail (user >= 0 && user < dataset->n_users, NULL);
  *ret_n = dataset->offsets[user + 1] - dataset->offsets[user];
  return dataset->purchases + dataset->offsets[user];
}

/* How many purchases of the end are not history of SPLIT: 1 for test, 2 for validation, 3 for training. */
static gint64
held_out (PrSplit split)
{
  return split == PR_SPLIT_TEST ? 1 : split == PR_SPLIT_VALID ? 2 : 3;
}

const gint32 *
pr_dataset_history (const PrDataset *dataset, gint64 user, PrSplit split, gint64 *ret_n)
{
  const gint32 *sequence = pr_dataset_sequence (dataset, user, ret_n);

  *ret_n = MAX (*ret_n - held_out (split), 0);
  return sequence;
}

gint32
pr_dataset_target (const PrDataset *dataset, gint64 user, PrSplit split)
{
  gint64 n;
  const gint32 *sequence = pr_dataset_sequence (dataset, user, &n);

  return n > held_out (split) ? sequence[n - held_out (split)] : -1;
}

const gint32 *
pr_dataset_train_sequence (const PrDataset *dataset, gint64 user, gint64 *ret_n)
{
  const gint32 *sequence = pr_dataset_sequence (dataset, user, ret_n);

  *ret_n = MAX (*ret_n - 2, 0);
  return sequence;
}

gsize
pr_dataset_n_groups (const PrDataset *dataset)
{
  return dataset->groups->len;
}

const char *
pr_dataset_group_name (const PrDataset *dataset, gsize group)
{
  g_return_val_if_fail (group < dataset->groups->len, NULL);
  return dataset->groups->pdata[group];
}

const guint8 *
pr_dataset_group (const PrDataset *dataset, gsize group)
{
  g_return_val_if_fail (group < dataset->groups->len, NULL);
  return dataset->members + (gint64)group * dataset->n_users;
}
