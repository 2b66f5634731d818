/* measure.c - what the rationales are like: their length, what they name, and what they give away. */
#include "config.h"

#include "distill.h"

#include <string.h>

/* "<a_12>": the name of a semantic id's token, whose levels and codes are those of SIDS (NULL: any). */
static gboolean
names_sid (const char *text, const PrSids *sids)
{
  for (const char *at = text; (at = strchr (at, '<')) != NULL; at++)
    {
      gint32 level = at[1] - 'a';
      gint64 code = -1;
      char *end = NULL;

      if (level < 0 || level >= PR_SID_MAX_LEVELS || at[2] != '_' || !g_ascii_isdigit (at[3]))
        continue;
      code = g_ascii_strtoll (at + 3, &end, 10);
      if (*end == '>' && (sids == NULL || (level < sids->levels && code < sids->sizes[level])))
        return TRUE;
    }
  return FALSE;
}

typedef struct
{
  guint n, missing, empty, corrupted, sid, title, category;
  double words;
} Counts;

static void
count (const Distill *distill, const Draft *draft, const PrSids *sids, Counts *counts)
{
  g_autofree char *title = pr_words_fold (pr_dataset_item (distill->dataset, draft->target)->title);
  g_autofree char *leaf = pr_words_fold (pr_item_leaf_category (pr_dataset_item (distill->dataset, draft->target)));

  if (draft->text == NULL)
    {
      counts->missing++;
      return;
    }
  counts->n++;
  counts->empty += draft->text[0] == '\0';
  counts->corrupted += draft->corruption != NULL;
  counts->words += (double)pr_words_count (draft->text);
  counts->sid += names_sid (draft->text, sids);
  counts->title += pr_words_find (draft->text, title, NULL) != NULL;
  counts->category += pr_words_find (draft->text, leaf, NULL) != NULL;
}

gboolean
distill_measure (const Distill *distill, GError **error)
{
  const char *dir = pr_run_input_dir (distill->run, "sids");
  g_autoptr (PrSids) sids = dir != NULL ? pr_sids_load (dir, error) : NULL;
  Counts c = { 0 };
  double n;

  if (dir != NULL && sids == NULL)
    return FALSE;
  for (guint i = 0; i < distill->drafts->len; i++)
    count (distill, distill_draft (distill, i), sids, &c);
  n = MAX (c.n, 1);
  pr_run_metric (distill->run, "rationales", c.n);
  pr_run_metric (distill->run, "missing_share", (double)c.missing / MAX (distill->drafts->len, 1));
  pr_run_metric (distill->run, "empty_share", c.empty / n);
  pr_run_metric (distill->run, "words_mean", c.words / n);
  pr_run_metric (distill->run, "corrupted_share", c.corrupted / n);
  pr_run_metric (distill->run, "sid_leak_share", c.sid / n);
  pr_run_metric (distill->run, "title_leak_share", c.title / n);
  pr_run_metric (distill->run, "category_named_share", c.category / n);
  return TRUE;
}
