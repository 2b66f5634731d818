/* teach-world.c - the synthetic world tells why a purchase was really made. */
#include "config.h"

#include "distill.h"

#include <string.h>

gboolean
teach_by_world (Distill *distill, GError **error)
{
  g_autoptr (PrRationales) chains =
      pr_rationales_load (pr_run_input_dir (distill->run, "chains"), distill->dataset, error);

  if (chains == NULL)
    return FALSE;
  for (guint i = 0; i < distill->drafts->len; i++)
    {
      Draft *draft = distill_draft (distill, i);
      const PrRationale *chain = pr_rationales_find (chains, draft->user, draft->position);

      if (chain == NULL)
        continue;
      if (strcmp (chain->teacher, "world") != 0)
        {
          g_set_error (
              error, PR_ERROR, PR_ERROR_MANIFEST,
              "the input `chains` holds rationales of teacher '%s', not of the world; say which stage makes the "
              "chains, as in `in.chains = world.chains`",
              chain->teacher);
          return FALSE;
        }
      draft->text = g_strdup (chain->text);
      draft->seed = chain->seed;
      g_strlcpy (draft->prompt, chain->prompt, sizeof draft->prompt);
    }
  return TRUE;
}
