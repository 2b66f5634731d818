#include "config.h"

#include <pauserec/error.h>
#include <pauserec/require.h>

static gboolean G_GNUC_PRINTF (2, 3) refuse (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error != NULL)
    *error = g_error_new_valist (PR_ERROR, PR_ERROR_MANIFEST, format, args);
  va_end (args);
  return FALSE;
}

static const char *
maker (const PrPlan *plan, const char *slot)
{
  const char *name = pr_plan_input_stage (plan, slot);

  return name != NULL ? name : slot;
}

gboolean
pr_plan_require_sids (const PrPlan *plan, const char *slot, GError **error)
{
  if (pr_plan_input_dim (plan, slot, "sid_tokens") != 0)
    return TRUE;
  return refuse (error,
                 "the model of stage '%s' has no semantic ids in its vocabulary; put sid-grounding between that stage "
                 "and this one",
                 maker (plan, slot));
}

gboolean
pr_plan_require_tuned (const PrPlan *plan, const char *slot, GError **error)
{
  if (pr_plan_input_dim (plan, slot, "tuned") != 0)
    return TRUE;
  return refuse (error,
                 "the model of stage '%s' was not fine-tuned to recommend, so nobody knows how to ask it; put "
                 "next-item-sft between that stage and this one (epochs = 0 leaves the weights as they are)",
                 maker (plan, slot));
}

gboolean
pr_plan_require_thinking (const PrPlan *plan, const char *slot, PrThinking thinking, GError **error)
{
  static const char *const remedies[] = {
    [PR_THINKING_NONE] = "next-item-sft",  [PR_THINKING_PAUSE] = "pause-sft",   [PR_THINKING_COT] = "explicit-cot",
    [PR_THINKING_NOTE] = "cot-input-only", [PR_THINKING_LATENT] = "latent-sft",
  };
  gint64 mode = pr_plan_input_dim (plan, slot, "thinking");

  if (!pr_plan_require_tuned (plan, slot, error))
    return FALSE;
  if (mode < PR_THINKING_NONE || mode > PR_THINKING_LATENT || mode == (gint64)thinking)
    return TRUE;
  return refuse (error, "the model of stage '%s' thinks in mode '%s', this stage needs '%s'; read the model of %s",
                 maker (plan, slot), pr_thinking_names[mode], pr_thinking_names[thinking], remedies[thinking]);
}

static gboolean
require_words (const PrPlan *plan, const char *slot, const char *dim, const char *what, const char *what_for,
               GError **error)
{
  if (pr_plan_input_dim (plan, slot, dim) != 0)
    return TRUE;
  return refuse (error,
                 "no item of the data set of stage '%s' has a %s, which %s need; choose another data set or switch "
                 "that off",
                 maker (plan, slot), what, what_for);
}

gboolean
pr_plan_require_categories (const PrPlan *plan, const char *slot, const char *what_for, GError **error)
{
  return require_words (plan, slot, "n_categories", "category", what_for, error);
}

gboolean
pr_plan_require_brands (const PrPlan *plan, const char *slot, const char *what_for, GError **error)
{
  return require_words (plan, slot, "n_brands", "brand", what_for, error);
}

gboolean
pr_plan_require_rationales (const PrPlan *plan, const char *slot, PrSplit split, GError **error)
{
  static const char *const names[] = { "training", "validation", "test" };
  static const char *const remedies[] = { "targets = last or all-prefixes", "targets = valid", "targets = test" };
  gint64 have = pr_plan_input_dim (plan, slot, "split");

  if (have == (gint64)split || have < PR_SPLIT_TRAIN || have > PR_SPLIT_TEST)
    return TRUE;
  return refuse (
      error,
      "the rationales of stage '%s' are those of %s targets, and those of %s targets are needed%s: give that "
      "stage %s, or connect another one by `in.%s = STAGE.SLOT`",
      maker (plan, slot), names[have], names[split],
      split == PR_SPLIT_TRAIN ? " (a rationale of what is to be predicted gives it away)" : "", remedies[split], slot);
}

void
pr_run_set_dataset (PrRun *run, const char *slot, const PrDatasetBuilder *builder)
{
  PrDatasetSizes sizes = pr_dataset_builder_sizes (builder);

  pr_run_set_dim (run, slot, "n_items", sizes.items);
  pr_run_set_dim (run, slot, "n_users", sizes.users);
  pr_run_set_dim (run, slot, "n_categories", sizes.categories);
  pr_run_set_dim (run, slot, "n_brands", sizes.brands);
}
