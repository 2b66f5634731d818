/* token-groups.c - tokens by what they are: words, semantic ids, or neither. */
#include "config.h"

#include <pauserec/error.h>
#include <pauserec/itemtext.h>
#include <pauserec/tokengroups.h>

#include "text/bpe.h"

gint32 *
pr_sids_token_ids (const PrSids *sids, const PrLm *lm, GError **error)
{
  g_auto (GStrv) names = pr_sids_token_names (sids);
  g_autofree gint32 *ids = g_new (gint32, (gsize)pr_sids_n_tokens (sids) + 1);

  for (gsize i = 0; names[i] != NULL; i++)
    {
      ids[i] = pr_tokenizer_lookup (pr_lm_tokenizer (lm), names[i]);
      if (ids[i] < 0)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                       "the model lacks the SID token '%s'; ground the model in these SIDs first (sid-grounding)",
                       names[i]);
          return NULL;
        }
    }
  return g_steal_pointer (&ids);
}

/* Added tokens are no words; SIDs are added tokens. */
static void
find_kinds (PrTokenGroups *groups, const PrTokenizer *tokenizer, const PrSids *sids, const gint32 *ids)
{
  for (gint32 token = 0; token < groups->vocab; token++)
    groups->kinds[token] =
        token < (gint32)tokenizer->flags->len && !(g_array_index (tokenizer->flags, guint8, token) & PR_TOKEN_ADDED)
            ? PR_TOKEN_TEXT
            : PR_TOKEN_OTHER;
  for (gint32 level = 0; level < sids->levels; level++)
    for (gint32 code = 0; code < sids->sizes[level]; code++)
      groups->kinds[ids[pr_sids_token_index (sids, level, code)]] = (gint8)(PR_TOKEN_SID + level);
}

/* Occurrences of every token, in the texts of items and in their SIDs. */
static gint64 *
count_tokens (const PrTokenGroups *groups, const PrTokenizer *tokenizer, const PrDataset *dataset, const PrSids *sids,
              const gint32 *ids)
{
  gint64 *counts = g_new0 (gint64, (gsize)groups->vocab + 1);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));

  for (gint64 item = 0; item < sids->n_items; item++)
    {
      const gint32 *codes = pr_sids_item (sids, item);

      g_string_assign (text, " ");
      g_array_set_size (tokens, 0);
      if (pr_item_describe (pr_dataset_item (dataset, item), PR_DESCRIBE_FULL, text))
        pr_tokenizer_encode (tokenizer, text->str, (gssize)text->len, tokens);
      for (guint i = 0; i < tokens->len; i++)
        if (groups->kinds[g_array_index (tokens, gint32, i)] == PR_TOKEN_TEXT)
          counts[g_array_index (tokens, gint32, i)]++;
      for (gint32 level = 0; level < sids->levels; level++)
        counts[ids[pr_sids_token_index (sids, level, codes[level])]]++;
    }
  return counts;
}

PrTokenGroups *
pr_token_groups_new (const PrLm *lm, const PrDataset *dataset, const PrSids *sids, gint64 min_count, GError **error)
{
  const PrTokenizer *tokenizer = pr_lm_tokenizer (lm);
  gint32 n_sids = pr_sids_n_tokens (sids);
  g_autoptr (PrTokenGroups) groups = g_new0 (PrTokenGroups, 1);
  g_autofree gint32 *ids = NULL;
  g_autofree gint64 *counts = NULL;

  if (!pr_sids_check_items (sids, pr_dataset_n_items (dataset), error))
    return NULL;
  ids = pr_sids_token_ids (sids, lm, error);
  if (ids == NULL)
    return NULL;
  groups->vocab = pr_lm_config (lm)->vocab;
  groups->kinds = g_new (gint8, (gsize)groups->vocab + 1);
  groups->text = g_new (gint32, (gsize)groups->vocab + 1);
  groups->sids = g_new (gint32, (gsize)n_sids + 1);
  find_kinds (groups, tokenizer, sids, ids);
  counts = count_tokens (groups, tokenizer, dataset, sids, ids);
  for (gint32 token = 0; token < groups->vocab; token++)
    if (groups->kinds[token] == PR_TOKEN_TEXT && counts[token] >= min_count)
      groups->text[groups->n_text++] = token;
  for (gint32 i = 0; i < n_sids; i++)
    if (counts[ids[i]] >= min_count)
      groups->sids[groups->n_sids++] = ids[i];
  return g_steal_pointer (&groups);
}

void
pr_token_groups_free (PrTokenGroups *groups)
{
  if (groups == NULL)
    return;
  g_free (groups->kinds);
  g_free (groups->text);
  g_free (groups->sids);
  g_free (groups);
}
