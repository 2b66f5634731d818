/* targets.c - which purchases get a rationale. */
#include "config.h"

#include "distill.h"

#include <string.h>

void
draft_set_prompt (Draft *draft, const char *text)
{
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);

  g_strlcpy (draft->prompt, hash, sizeof draft->prompt);
}

void
distill_list_targets (Distill *distill)
{
  for (gint64 user = 0; user < pr_dataset_n_users (distill->dataset); user++)
    {
      gint64 n, first, last;
      const gint32 *items = pr_dataset_sequence (distill->dataset, user, &n);

      /* The last two purchases are the targets of validation and test; a target needs a purchase before it. */
      last = distill->params->targets == TARGETS_TEST    ? n - 1
             : distill->params->targets == TARGETS_VALID ? n - 2
                                                         : n - 3;
      first = distill->params->targets == TARGETS_ALL_PREFIXES ? 1 : MAX (1, last);
      for (gint64 t = first; t <= last; t++)
        {
          const Draft draft = { .user = (gint32)user, .position = (gint32)t, .target = items[t], .history = items };

          g_array_append_val (distill->drafts, draft);
        }
    }
}
