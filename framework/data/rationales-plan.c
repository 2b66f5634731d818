#include "config.h"

#include <pauserec/error.h>
#include <pauserec/rationales.h>

static const char *const split_names[] = { "training", "validation", "test" };
static const char *const remedies[] = { "targets = last or all-prefixes", "targets = valid", "targets = test" };

gboolean
pr_plan_require_rationales (const PrPlan *plan, const char *slot, PrSplit split, GError **error)
{
  gint64 have = pr_plan_input_dim (plan, slot, "split");

  if (have == (gint64)split || have < PR_SPLIT_TRAIN || have > PR_SPLIT_TEST)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "the input `%s` has rationales of %s targets, and those of %s targets are needed%s: let the stage that "
               "makes them have %s, or connect another one by `in.%s = STAGE.rationales`",
               slot, split_names[have], split_names[split],
               split == PR_SPLIT_TRAIN ? " (a rationale of a target to be predicted gives it away)" : "",
               remedies[split], slot);
  return FALSE;
}
