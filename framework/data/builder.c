/* builder.c - write a `dataset/1` artifact. */
#include "config.h"

#include "dataset-private.h"

#include <pauserec/error.h>
#include <pauserec/io.h>
#include <pauserec/tensors.h>
#include <string.h>

typedef struct
{
  char *name;
  GByteArray *members; /* as long as the last user that was set */
} Group;

struct PrDatasetBuilder
{
  char *name;
  GString *items; /* items.jsonl as it will be written */
  gint64 n_items;
  GHashTable *item_ids; /* the keys own the strings */
  GString *users;       /* users.txt */
  GHashTable *user_ids;
  GHashTable *categories, *brands; /* sets; the keys own the strings */
  GArray *offsets;                 /* gint64, one more than users */
  GArray *purchases;               /* gint32 */
  GPtrArray *groups;
  json_t *notes;
  GError *failure; /* the first thing that was wrong: reported by _write() */
};

static void
group_free (gpointer data)
{
  Group *group = data;

  g_free (group->name);
  g_byte_array_unref (group->members);
  g_free (group);
}

PrDatasetBuilder *
pr_dataset_builder_new (const char *name)
{
  PrDatasetBuilder *builder = g_new0 (PrDatasetBuilder, 1);
  const gint64 zero = 0;

  builder->name = g_strdup (name);
  builder->items = g_string_new (NULL);
  builder->users = g_string_new (NULL);
  builder->item_ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  builder->user_ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  builder->categories = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  builder->brands = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  builder->offsets = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_array_append_val (builder->offsets, zero);
  builder->purchases = g_array_new (FALSE, FALSE, sizeof (gint32));
  builder->groups = g_ptr_array_new_with_free_func (group_free);
  builder->notes = json_object ();
  return builder;
}

void
pr_dataset_builder_free (PrDatasetBuilder *builder)
{
  if (builder == NULL)
    return;
  g_free (builder->name);
  g_string_free (builder->items, TRUE);
  g_string_free (builder->users, TRUE);
  g_hash_table_unref (builder->item_ids);
  g_hash_table_unref (builder->user_ids);
  g_hash_table_unref (builder->categories);
  g_hash_table_unref (builder->brands);
  g_array_unref (builder->offsets);
  g_array_unref (builder->purchases);
  g_ptr_array_unref (builder->groups);
  json_decref (builder->notes);
  g_clear_error (&builder->failure);
  g_free (builder);
}

static void G_GNUC_PRINTF (2, 3) fail (PrDatasetBuilder *builder, const char *format, ...)
{
  va_list args;

  if (builder->failure != NULL)
    return;
  va_start (args, format);
  builder->failure = g_error_new_valist (PR_ERROR, PR_ERROR_DATA, format, args);
  va_end (args);
}

static void
count_words (PrDatasetBuilder *builder, const PrItem *item)
{
  guint depth = g_strv_length ((char **)item->categories);

  if (depth > 0)
    g_hash_table_add (builder->categories, g_strdup (item->categories[depth - 1]));
  if (item->brand[0] != '\0')
    g_hash_table_add (builder->brands, g_strdup (item->brand));
}

PrDatasetSizes
pr_dataset_builder_sizes (const PrDatasetBuilder *builder)
{
  return (PrDatasetSizes){ .items = builder->n_items,
                           .users = (gint64)builder->offsets->len - 1,
                           .purchases = builder->purchases->len,
                           .categories = g_hash_table_size (builder->categories),
                           .brands = g_hash_table_size (builder->brands) };
}

gint64
pr_dataset_builder_add_item (PrDatasetBuilder *builder, const PrItem *item)
{
  json_t *root = json_object (), *categories = json_array ();
  char *text = NULL;
  int bad = 0;

  /* jansson refuses what is not UTF-8. */
  for (guint i = 0; item->categories[i] != NULL; i++)
    bad |= item->categories[i][0] == '\0' || json_array_append_new (categories, json_string (item->categories[i])) != 0;
  bad |= json_object_set_new (root, "id", json_string (item->id)) != 0;
  bad |= json_object_set_new (root, "title", json_string (item->title)) != 0;
  bad |= json_object_set_new (root, "brand", json_string (item->brand)) != 0;
  bad |= json_object_set_new (root, "categories", categories) != 0;
  bad |= json_object_set_new (root, "description", json_string (item->description)) != 0;
  if (bad || !pr_id_ok (item->id))
    fail (builder,
          "data set '%s': item %" G_GINT64_FORMAT " has no sound id, an empty category or text that is not UTF-8",
          builder->name, builder->n_items);
  else if (!g_hash_table_add (builder->item_ids, g_strdup (item->id)))
    fail (builder, "data set '%s': item '%s' was added twice", builder->name, item->id);
  else if (builder->n_items == PR_DATASET_MAX_ITEMS)
    fail (builder, "data set '%s': more than %" G_GINT64_FORMAT " items", builder->name, PR_DATASET_MAX_ITEMS);
  else
    text = json_dumps (root, JSON_COMPACT);
  json_decref (root);
  if (text != NULL)
    {
      g_string_append (builder->items, text);
      g_string_append_c (builder->items, '\n');
      count_words (builder, item);
      free (text);
    }
  return builder->n_items++;
}

gint64
pr_dataset_builder_add_user (PrDatasetBuilder *builder, const char *id, const gint32 *items, gint64 n)
{
  gint64 user = builder->offsets->len - 1, end;

  if (!pr_id_ok (id))
    fail (builder, "data set '%s': user %" G_GINT64_FORMAT " has no sound id", builder->name, user);
  else if (!g_hash_table_add (builder->user_ids, g_strdup (id)))
    fail (builder, "data set '%s': user '%s' was added twice", builder->name, id);
  for (gint64 i = 0; i < n; i++)
    if (items[i] < 0 || items[i] >= builder->n_items)
      fail (builder, "data set '%s': user '%s' bought item %d, but %" G_GINT64_FORMAT " items were added",
            builder->name, id, items[i], builder->n_items);
  if (n > G_MAXINT32 - (gint64)builder->purchases->len || user >= G_MAXINT32)
    fail (builder, "data set '%s': more than %d users or purchases", builder->name, G_MAXINT32);
  g_string_append (builder->users, id);
  g_string_append_c (builder->users, '\n');
  if (builder->failure == NULL && n > 0)
    g_array_append_vals (builder->purchases, items, (guint)n);
  end = builder->purchases->len;
  g_array_append_val (builder->offsets, end);
  return user;
}

gsize
pr_dataset_builder_add_group (PrDatasetBuilder *builder, const char *name)
{
  Group *group = g_new0 (Group, 1);

  if (!pr_group_name_ok (name))
    fail (builder, "data set '%s': '%s' is no group name: [a-z][a-z0-9_]*, at most %d characters", builder->name, name,
          PR_GROUP_NAME_MAX);
  for (guint i = 0; i < builder->groups->len; i++)
    if (strcmp (((Group *)builder->groups->pdata[i])->name, name) == 0)
      fail (builder, "data set '%s': group '%s' was added twice", builder->name, name);
  group->name = g_strdup (name);
  group->members = g_byte_array_new ();
  g_ptr_array_add (builder->groups, group);
  return builder->groups->len - 1;
}

void
pr_dataset_builder_set_group (PrDatasetBuilder *builder, gsize group_index, gint64 user, gboolean member)
{
  Group *group;

  if (group_index >= builder->groups->len || user < 0 || user >= (gint64)builder->offsets->len - 1)
    {
      fail (builder, "data set '%s': group %" G_GSIZE_FORMAT " or user %" G_GINT64_FORMAT " was never added",
            builder->name, group_index, user);
      return;
    }
  group = builder->groups->pdata[group_index];
  if (group->members->len <= user)
    {
      guint old = group->members->len;

      g_byte_array_set_size (group->members, (guint)user + 1);
      memset (group->members->data + old, 0, (gsize)user + 1 - old);
    }
  group->members->data[user] = member ? 1 : 0;
}

void
pr_dataset_builder_note (PrDatasetBuilder *builder, const char *key, const char *value)
{
  if (json_object_set_new (builder->notes, key, json_string (value)) != 0)
    fail (builder, "data set '%s': a note is not UTF-8", builder->name);
}

static gboolean
write_head (PrDatasetBuilder *builder, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, PR_DATASET_JSON, NULL);
  json_t *root = json_object (), *groups = json_array ();
  gboolean ok;

  for (guint i = 0; i < builder->groups->len; i++)
    json_array_append_new (groups, json_string (((Group *)builder->groups->pdata[i])->name));
  json_object_set_new (root, "format", json_string (PR_DATASET_FORMAT));
  json_object_set_new (root, "name", json_string (builder->name));
  json_object_set_new (root, "n_items", json_integer (builder->n_items));
  json_object_set_new (root, "n_users", json_integer (builder->offsets->len - 1));
  json_object_set_new (root, "n_interactions", json_integer (builder->purchases->len));
  json_object_set_new (root, "groups", groups);
  json_object_set (root, "notes", builder->notes);
  ok = pr_json_save (root, path, error);
  json_decref (root);
  return ok;
}

static gboolean
write_sequences (PrDatasetBuilder *builder, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, PR_DATASET_SEQUENCES, NULL);
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();
  gsize n_users = builder->offsets->len - 1, n_groups = builder->groups->len;
  g_autofree guint8 *members = g_new0 (guint8, MAX (n_users * n_groups, 1));

  for (gsize g = 0; g < n_groups; g++)
    {
      const Group *group = builder->groups->pdata[g];

      if (group->members->len > 0)
        memcpy (members + g * n_users, group->members->data, group->members->len);
    }
  pr_tensors_writer_add1 (writer, "offsets", PR_DTYPE_I64, builder->offsets->len, builder->offsets->data);
  pr_tensors_writer_add1 (writer, "items", PR_DTYPE_I32, builder->purchases->len, builder->purchases->data);
  if (n_groups > 0)
    pr_tensors_writer_add2 (writer, "groups", PR_DTYPE_U8, (gint64)n_groups, (gint64)n_users, members);
  return pr_tensors_writer_write (writer, path, error);
}

gboolean
pr_dataset_builder_write (PrDatasetBuilder *builder, const char *dir, GError **error)
{
  g_autofree char *items = g_build_filename (dir, PR_DATASET_ITEMS, NULL);
  g_autofree char *users = g_build_filename (dir, PR_DATASET_USERS, NULL);

  if (builder->failure == NULL && (builder->n_items == 0 || builder->purchases->len == 0))
    fail (builder, "data set '%s' is empty: %" G_GINT64_FORMAT " items, %u purchases", builder->name, builder->n_items,
          builder->purchases->len);
  if (builder->failure == NULL && !g_utf8_validate (builder->name, -1, NULL))
    fail (builder, "the name of the data set is not UTF-8");
  if (builder->failure != NULL)
    {
      g_propagate_error (error, g_error_copy (builder->failure));
      return FALSE;
    }
  return pr_file_write (items, builder->items->str, builder->items->len, error)
         && pr_file_write (users, builder->users->str, builder->users->len, error)
         && write_sequences (builder, dir, error) && write_head (builder, dir, error);
}
