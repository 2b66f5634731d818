#include "keys.h"

const char *const keys_names[KEYS_N_CLASSES] = {
  "instruction", "separator", "relevant",   "other",     "tags",   "pauses", "decoded",
  "self",        "border",    "item_first", "item_last", "oldest", "newest", "same_code",
};

static const char *
category (const KeysSource *source, gint64 item)
{
  return pr_item_leaf_category (pr_dataset_item (source->dataset, item));
}

/* A code of the purchase at PLACE of HISTORY, of which those from FIRST to N - 1 are shown. */
static void
classify_purchase (const KeysSource *source, Key *key, const gint32 *history, gint64 first, gint64 n, gint32 target)
{
  gint32 item = history[key->place];

  key->item = item;
  key->part = strcmp (category (source, item), category (source, target)) == 0 ? KEYS_RELEVANT : KEYS_OTHER;
  if (key->level == 0)
    key->views |= 1u << KEYS_ITEM_FIRST | 1u << KEYS_BORDER;
  if (key->level == source->sids->levels - 1)
    key->views |= 1u << KEYS_ITEM_LAST | 1u << KEYS_BORDER;
  if (key->place == first)
    key->views |= 1u << KEYS_OLDEST;
  if (key->place == n - 1)
    key->views |= 1u << KEYS_NEWEST;
  if (pr_sids_item (source->sids, item)[0] == pr_sids_item (source->sids, target)[0])
    key->views |= 1u << KEYS_SAME_CODE;
}

static void
append_decoded (const KeysSource *source, gint32 target, GArray *keys)
{
  g_autoptr (GArray) codes = g_array_new (FALSE, FALSE, sizeof (gint32));

  pr_prompter_item (source->prompter, target, codes);
  for (gint32 level = 0; level + 1 < source->sids->levels; level++)
    {
      Key key = { KEYS_DECODED, 0, target, -1, level, g_array_index (codes, gint32, level) };

      g_array_append_val (keys, key);
    }
}

void
keys_append (const KeysSource *source, gint64 user, PrSplit split, GArray *keys)
{
  static const KeysClass parts[] = {
    [PR_PROMPT_TEXT] = KEYS_INSTRUCTION, [PR_PROMPT_SEPARATOR] = KEYS_SEPARATOR, [PR_PROMPT_ITEM] = KEYS_OTHER,
    [PR_PROMPT_TAG] = KEYS_TAGS,         [PR_PROMPT_PAUSE] = KEYS_PAUSES,        [PR_PROMPT_NOTE] = KEYS_INSTRUCTION,
  };
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) marks = g_array_new (FALSE, FALSE, sizeof (PrPromptMark));
  gint32 target = pr_dataset_target (source->dataset, user, split);
  gint64 n, first = -1;
  const gint32 *history = pr_dataset_history (source->dataset, user, split, &n);

  pr_prompter_marked_prompt (source->prompter, history, n, tokens, marks);
  for (guint i = 0; i < tokens->len; i++)
    {
      const PrPromptMark *mark = &g_array_index (marks, PrPromptMark, i);
      Key key = { parts[mark->part], 0, -1, mark->place, mark->level, g_array_index (tokens, gint32, i) };

      if (mark->part == PR_PROMPT_SEPARATOR)
        key.views |= 1u << KEYS_BORDER;
      if (mark->part == PR_PROMPT_ITEM)
        {
          first = first < 0 ? mark->place : first;
          classify_purchase (source, &key, history, first, n, target);
        }
      g_array_append_val (keys, key);
    }
  append_decoded (source, target, keys);
}
