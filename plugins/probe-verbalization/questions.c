#include "config.h"

#include "questions.h"

void
questions_clear (Questions *q)
{
  g_clear_pointer (&q->items, g_array_unref);
  g_clear_pointer (&q->tokens, g_array_unref);
  g_clear_pointer (&q->offsets, g_array_unref);
  g_clear_pointer (&q->stops, g_array_unref);
}

/* "Category of SID:", "Brand of SID:": what CPT shows before the answer. */
static void
ask_sid (const PrGrounding *grounding, VerbalKind kind, gint32 item, PrExample *example, GArray *tokens)
{
  pr_example_clear (example);
  pr_grounding_sid_to_text (grounding, item, kind == VERBAL_SID_BRAND ? PR_DESCRIBE_BRAND : PR_DESCRIBE_CATEGORY,
                            example);
  for (guint i = 0; i < example->tokens->len && g_array_index (example->loss, float, i) == 0; i++)
    g_array_append_val (tokens, g_array_index (example->tokens, gint32, i));
}

/* "TITLE by BRAND.": the item's plain text up to where its categories start. */
static void
ask_title (const PrTokenizer *tokenizer, const PrItem *item, GArray *tokens)
{
  static const char *const letter[] = { "X", NULL };
  PrItem asked = *item;
  g_autoptr (GString) text = g_string_new (NULL);

  asked.categories = letter;
  asked.description = "";
  pr_item_append_text (&asked, text);
  g_string_truncate (text, text->len - 2); /* " X" */
  pr_tokenizer_encode (tokenizer, text->str, -1, tokens);
}

void
questions_init (Questions *q, const Answers *answers, const PrDataset *dataset, const PrLm *lm,
                const PrGrounding *grounding, gint64 most, guint64 seed)
{
  gint64 n_items = pr_dataset_n_items (dataset);
  gint32 room = pr_lm_config (lm)->max_positions - answers->longest, end = 0;
  g_autofree guint32 *order = pr_rng_permutation (pr_rng_new (seed, "verbalization"), 0, (guint32)n_items);
  PrExample example = { g_array_new (FALSE, FALSE, sizeof (gint32)), g_array_new (FALSE, FALSE, sizeof (float)) };

  q->n = 0;
  q->items = g_array_new (FALSE, FALSE, sizeof (gint32));
  q->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  q->offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  q->stops = g_array_new (FALSE, FALSE, sizeof (guint8));
  g_array_append_val (q->offsets, end);
  for (gint64 i = 0; i < n_items && (most == 0 || (gint64)q->n < most); i++)
    {
      gint32 item = (gint32)order[i];
      const PrItem *asked = pr_dataset_item (dataset, item);
      guint8 stop = answers->kind == VERBAL_TITLE_CATEGORY && asked->description[0] != '\0';

      if (answers->of_item[item] < 0)
        continue;
      if (answers->kind == VERBAL_TITLE_CATEGORY)
        ask_title (pr_lm_tokenizer (lm), asked, q->tokens);
      else
        ask_sid (grounding, answers->kind, item, &example, q->tokens);
      if ((gint32)q->tokens->len - end > room)
        {
          g_array_set_size (q->tokens, (guint)end);
          continue;
        }
      end = (gint32)q->tokens->len;
      g_array_append_val (q->offsets, end);
      g_array_append_val (q->items, item);
      g_array_append_val (q->stops, stop);
      q->n++;
    }
  g_array_unref (example.tokens);
  g_array_unref (example.loss);
}
