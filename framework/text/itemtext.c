/* itemtext.c - grounding sequences: descriptions, templates, and which of them an epoch shows. */
#include "config.h"

#include <pauserec/error.h>
#include <pauserec/itemtext.h>
#include <pauserec/rng.h>

#include <math.h>

/* Purchases shown in one sequence at most. */
#define SEQUENCE_ITEMS 20

const char *const pr_description_names[] = { "title", "details", "category", "description", "brand", NULL };
const char *const pr_grounding_loss_names[] = { "all", "answer", NULL };

static const struct
{
  const char *ask_text, *ask_sid; /* "ASK_TEXT SID: words", "ASK_SID words: SID" */
} templates[] = {
  [PR_DESCRIBE_TITLE] = { "Title of ", "Item with the title" },
  [PR_DESCRIBE_DETAILS] = { "Details of ", "Item with the details" },
  [PR_DESCRIBE_CATEGORY] = { "Category of ", "Item of the category" },
  [PR_DESCRIBE_FULL] = { "Description of ", "Item described as" },
  [PR_DESCRIBE_BRAND] = { "Brand of ", "Item of the brand" },
};

typedef enum
{
  TASK_SID_TO_TEXT,
  TASK_TEXT_TO_SID,
  TASK_PLAIN,
  TASK_SEQUENCE,
} Task;

/* One sequence of an epoch.  Descriptions: the DRAW-th kind of item SUBJECT in this epoch.  Plain texts and purchases:
 * the DRAW-th of the epoch, counted on from the epochs before. */
typedef struct
{
  gint32 task, subject, draw;
} Entry;

struct PrGrounding
{
  const PrDataset *dataset;
  const PrTokenizer *tokenizer;
  PrPrompter *prompter; /* "The user bought: {history}" */
  PrGroundingParams params;
  PrRng rng;
  gint32 end_of_text;
  gsize longest;
  guint8 *kinds;               /* [n_items]: bit d set if the item has the words for description d */
  GArray *entries;             /* Entry */
  GArray *texts, *buyers;      /* gint32: items with text, users with training purchases, in random order */
  gint64 n_plain, n_sequences; /* entries of these tasks an epoch */
};

static gboolean
append_categories (const PrItem *item, const char *before, GString *text)
{
  for (gsize i = 0; item->categories[i] != NULL; i++)
    {
      g_string_append (text, i == 0 ? before : " > ");
      g_string_append (text, item->categories[i]);
    }
  return item->categories[0] != NULL;
}

gboolean
pr_item_describe (const PrItem *item, PrDescription description, GString *text)
{
  gsize start = text->len;

  switch (description)
    {
    case PR_DESCRIBE_TITLE:
      g_string_append (text, item->title);
      break;
    case PR_DESCRIBE_DETAILS:
      /* Without a brand or a category it would only repeat the title. */
      if (item->title[0] == '\0' || (item->brand[0] == '\0' && item->categories[0] == NULL))
        return FALSE;
      g_string_append (text, item->title);
      if (item->brand[0] != '\0')
        g_string_append_printf (text, " by %s", item->brand);
      append_categories (item, ". ", text);
      break;
    case PR_DESCRIBE_CATEGORY:
      append_categories (item, "", text);
      break;
    case PR_DESCRIBE_FULL:
      pr_item_append_text (item, text);
      break;
    case PR_DESCRIBE_BRAND:
      g_string_append (text, item->brand);
      break;
    case PR_N_DESCRIPTIONS:
      break;
    }
  for (gsize i = start; i < text->len; i++)
    if (g_ascii_isspace (text->str[i]))
      text->str[i] = ' ';
  return text->len > start;
}

/* Tokens of TEXT, at most text_tokens of them. */
static void
append_cut (const PrGrounding *grounding, const char *text, GArray *tokens)
{
  gsize most = tokens->len + (gsize)grounding->params.text_tokens;

  pr_tokenizer_encode (grounding->tokenizer, text, -1, tokens);
  if (tokens->len > most)
    g_array_set_size (tokens, (guint)most);
}

static gboolean
describe (const PrGrounding *grounding, gint32 item, PrDescription description, GString *text)
{
  g_string_assign (text, " ");
  return pr_item_describe (pr_dataset_item (grounding->dataset, item), description, text);
}

gboolean
pr_grounding_sid_to_text (const PrGrounding *grounding, gint32 item, PrDescription description, PrExample *example)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean all = grounding->params.loss == PR_GROUNDING_LOSS_ALL;

  if (!describe (grounding, item, description, text))
    return FALSE;
  pr_example_add_text (example, grounding->tokenizer, templates[description].ask_text, all);
  pr_prompter_item (grounding->prompter, item, example->tokens);
  pr_example_mark (example, all);
  pr_example_add_text (example, grounding->tokenizer, ":", all);
  append_cut (grounding, text->str, example->tokens);
  pr_example_mark (example, TRUE);
  pr_example_add (example, grounding->end_of_text, TRUE);
  return TRUE;
}

gboolean
pr_grounding_text_to_sid (const PrGrounding *grounding, gint32 item, PrDescription description, PrExample *example)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean all = grounding->params.loss == PR_GROUNDING_LOSS_ALL;

  if (!describe (grounding, item, description, text))
    return FALSE;
  pr_example_add_text (example, grounding->tokenizer, templates[description].ask_sid, all);
  append_cut (grounding, text->str, example->tokens);
  pr_example_mark (example, all);
  pr_example_add_text (example, grounding->tokenizer, ":", all);
  pr_prompter_item (grounding->prompter, item, example->tokens);
  pr_example_mark (example, TRUE);
  return TRUE;
}

/* Kinds that sequences are made of, from the first on.  Without the brand all is as if it were not there. */
static int
n_kinds (const PrGroundingParams *params)
{
  return params->brand ? PR_N_DESCRIPTIONS : PR_DESCRIBE_BRAND;
}

/* The kind that is the DRAW-th one of ITEM in EPOCH: its kinds take turns from a random first one. */
static PrDescription
choose_kind (const PrGrounding *grounding, const Entry *entry, guint epoch)
{
  guint8 kinds = grounding->kinds[entry->subject];
  guint64 n = (guint64)__builtin_popcount (kinds), turn;
  PrDescription kind = 0;

  turn = pr_rng_below (grounding->rng, 0, (guint64)entry->subject * 2 + (entry->task == TASK_TEXT_TO_SID), n);
  turn = (turn + (guint64)epoch * (guint64)MIN (grounding->params.descriptions, (gint64)n) + (guint64)entry->draw) % n;
  for (;; kind++)
    if ((kinds >> kind & 1) && turn-- == 0)
      return kind;
}

gboolean
pr_grounding_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error)
{
  const PrGrounding *grounding = ctx;
  const Entry *entry = &g_array_index (grounding->entries, Entry, index);
  gint64 n;

  (void)error;
  pr_example_clear (example);
  if (entry->task == TASK_SID_TO_TEXT)
    pr_grounding_sid_to_text (grounding, entry->subject, choose_kind (grounding, entry, epoch), example);
  else if (entry->task == TASK_TEXT_TO_SID)
    pr_grounding_text_to_sid (grounding, entry->subject, choose_kind (grounding, entry, epoch), example);
  else if (entry->task == TASK_PLAIN)
    {
      gsize turn = ((gsize)epoch * (gsize)grounding->n_plain + (gsize)entry->draw) % grounding->texts->len;
      g_autoptr (GString) text = g_string_new (NULL);

      pr_item_append_text (pr_dataset_item (grounding->dataset, g_array_index (grounding->texts, gint32, turn)), text);
      append_cut (grounding, text->str, example->tokens);
      pr_example_mark (example, TRUE);
      pr_example_add (example, grounding->end_of_text, TRUE);
    }
  else
    {
      gsize turn = ((gsize)epoch * (gsize)grounding->n_sequences + (gsize)entry->draw) % grounding->buyers->len;
      const gint32 *items =
          pr_dataset_train_sequence (grounding->dataset, g_array_index (grounding->buyers, gint32, turn), &n);

      pr_prompter_prompt (grounding->prompter, items, n, example->tokens);
      pr_example_mark (example, TRUE);
    }
  return TRUE;
}

/* Members of [0, n) with MEMBER, in random order. */
static GArray *
shuffled (const PrGrounding *grounding, guint64 step, gint64 n, gboolean (*member) (const PrGrounding *, gint64))
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree guint32 *order = pr_rng_permutation (grounding->rng, step, (guint32)n);

  for (gint64 i = 0; i < n; i++)
    {
      gint32 subject = (gint32)order[i];

      if (member (grounding, subject))
        g_array_append_val (list, subject);
    }
  return list;
}

static gboolean
has_text (const PrGrounding *grounding, gint64 item)
{
  return grounding->kinds[item] != 0;
}

static gboolean
has_purchases (const PrGrounding *grounding, gint64 user)
{
  gint64 n;

  pr_dataset_train_sequence (grounding->dataset, user, &n);
  return n >= 2;
}

static void
add_entries (PrGrounding *grounding, Task task, gint32 subject, gint64 n)
{
  for (gint64 draw = 0; draw < n; draw++)
    {
      const Entry entry = { (gint32)task, subject, (gint32)draw };

      g_array_append_val (grounding->entries, entry);
    }
}

static void
list_entries (PrGrounding *grounding)
{
  gint64 n_items = pr_dataset_n_items (grounding->dataset), n_users = pr_dataset_n_users (grounding->dataset);
  g_autoptr (GString) text = g_string_new (NULL);

  for (gint64 item = 0; item < n_items; item++)
    {
      guint8 kinds = 0;

      for (int d = 0; d < n_kinds (&grounding->params); d++)
        if (describe (grounding, (gint32)item, (PrDescription)d, text))
          kinds |= (guint8)(1 << d);
      grounding->kinds[item] = kinds;
      for (int task = TASK_SID_TO_TEXT; task <= TASK_TEXT_TO_SID; task++)
        add_entries (grounding, (Task)task, (gint32)item,
                     MIN (grounding->params.descriptions, __builtin_popcount (kinds)));
    }
  grounding->texts = shuffled (grounding, 1, n_items, has_text);
  grounding->buyers = shuffled (grounding, 2, n_users, has_purchases);
  grounding->n_plain = llround (grounding->params.plain_share * grounding->texts->len);
  grounding->n_sequences = llround (grounding->params.sequence_share * grounding->buyers->len);
  add_entries (grounding, TASK_PLAIN, 0, grounding->n_plain);
  add_entries (grounding, TASK_SEQUENCE, 0, grounding->n_sequences);
}

/* The longest template around the longest description, or the longest sequence of purchases. */
static void
measure (PrGrounding *grounding, gint32 levels)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  static const gint32 items[SEQUENCE_ITEMS];

  for (int d = 0; d < n_kinds (&grounding->params); d++)
    for (int way = 0; way < 2; way++)
      {
        g_array_set_size (tokens, 0);
        pr_tokenizer_encode (grounding->tokenizer, way ? templates[d].ask_sid : templates[d].ask_text, -1, tokens);
        pr_tokenizer_encode (grounding->tokenizer, ":", -1, tokens);
        grounding->longest =
            MAX (grounding->longest, tokens->len + (gsize)levels + (gsize)grounding->params.text_tokens + (way == 0));
      }
  g_array_set_size (tokens, 0);
  pr_prompter_prompt (grounding->prompter, items, SEQUENCE_ITEMS, tokens);
  if (grounding->n_sequences > 0)
    grounding->longest = MAX (grounding->longest, tokens->len);
}

static gboolean
bind_tokens (PrGrounding *grounding, const PrSids *sids, GError **error)
{
  g_autoptr (PrProtocol) bought = pr_protocol_new ("The user bought: {history}", "", SEQUENCE_ITEMS);

  grounding->prompter = pr_prompter_new (bought, grounding->tokenizer, sids, NULL, error);
  if (grounding->prompter == NULL)
    return FALSE;
  grounding->end_of_text = pr_tokenizer_lookup (grounding->tokenizer, "<|endoftext|>");
  if (grounding->end_of_text >= 0)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "the model's tokenizer lacks '<|endoftext|>', which ends descriptions");
  return FALSE;
}

PrGrounding *
pr_grounding_new (const PrLm *lm, const PrDataset *dataset, const PrSids *sids, const PrGroundingParams *params,
                  guint64 seed, GError **error)
{
  g_autoptr (PrGrounding) grounding = g_new0 (PrGrounding, 1);
  gint64 n_items = pr_dataset_n_items (dataset);

  grounding->dataset = dataset;
  grounding->tokenizer = pr_lm_tokenizer (lm);
  grounding->params = *params;
  grounding->rng = pr_rng_new (seed, "grounding");
  grounding->kinds = g_new0 (guint8, (gsize)n_items + 1);
  grounding->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  if (!pr_sids_check_items (sids, n_items, error) || !bind_tokens (grounding, sids, error))
    return NULL;
  list_entries (grounding);
  if (grounding->texts->len == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "no item of data set '%s' has a title, category or description to ground SIDs in",
                   pr_dataset_name (dataset));
      return NULL;
    }
  measure (grounding, sids->levels);
  if (grounding->longest > (gsize)pr_lm_config (lm)->max_positions)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "grounding sequences can have %zu tokens, but the model has %d positions; lower text_tokens",
                   grounding->longest, pr_lm_config (lm)->max_positions);
      return NULL;
    }
  return g_steal_pointer (&grounding);
}

void
pr_grounding_free (PrGrounding *grounding)
{
  if (grounding == NULL)
    return;
  pr_prompter_free (grounding->prompter);
  g_clear_pointer (&grounding->texts, g_array_unref);
  g_clear_pointer (&grounding->buyers, g_array_unref);
  g_array_unref (grounding->entries);
  g_free (grounding->kinds);
  g_free (grounding);
}

gsize
pr_grounding_n (const PrGrounding *grounding)
{
  return grounding->entries->len;
}

gsize
pr_grounding_longest (const PrGrounding *grounding)
{
  return grounding->longest;
}

gint64
pr_grounding_estimate_n (const PrGroundingParams *params, gint64 n_items, gint64 n_users)
{
  if (n_items < 0 || (n_users < 0 && params->sequence_share > 0))
    return -1;
  return 2 * MIN (params->descriptions, n_kinds (params)) * n_items + llround (params->plain_share * (double)n_items)
         + llround (params->sequence_share * (double)MAX (0, n_users));
}
