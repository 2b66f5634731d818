/* shuffle-purchases - deal all purchases out to the users anew, at random: the same items as often, histories as long,
 * and nothing in a history that could tell what comes next.  Whoever predicts targets better than by popularity cheats.
 */
#include <pauserec/pauserec.h>

typedef struct
{
  int64_t shuffle_seed;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_INT (Params, shuffle_seed, 0, G_MAXINT32, 1, "Another number, another deal."),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "dataset", "dataset/1", "Whose purchases.", FALSE },
  { PR_SLOT_OUT, "dataset", "dataset/1", "The same items and users, purchases dealt out anew; no groups.", FALSE },
};

static gboolean
shuffle_plan (const void *params_, PrPlan *plan, GError **error)
{
  (void)params_, (void)error;
  pr_plan_set_dim (plan, "dataset", "n_users", pr_plan_input_dim (plan, "dataset", "n_users"));
  pr_plan_set_dim (plan, "dataset", "n_items", pr_plan_input_dim (plan, "dataset", "n_items"));
  return TRUE;
}

/* All purchases, user by user, in a random order. */
static GArray *
deal (const PrDataset *dataset, guint64 seed)
{
  GArray *all = g_array_new (FALSE, FALSE, sizeof (gint32));
  PrRng rng = pr_rng_new (seed, "shuffle-purchases");

  for (gint64 user = 0; user < pr_dataset_n_users (dataset); user++)
    {
      gint64 n;
      const gint32 *items = pr_dataset_sequence (dataset, user, &n);

      g_array_append_vals (all, items, (guint)n);
    }
  for (guint i = all->len; i > 1; i--)
    {
      guint j = (guint)pr_rng_below (rng, 0, i, i);
      gint32 item = g_array_index (all, gint32, j);

      g_array_index (all, gint32, j) = g_array_index (all, gint32, i - 1);
      g_array_index (all, gint32, i - 1) = item;
    }
  return all;
}

static gboolean
shuffle_run (const void *params_, PrRun *run, GError **error)
{
  const Params *p = params_;
  g_autoptr (PrDataset) dataset = pr_dataset_load (pr_run_input_dir (run, "dataset"), error);
  g_autoptr (PrDatasetBuilder) builder = NULL;
  g_autoptr (GArray) all = NULL;
  guint first = 0;

  if (dataset == NULL)
    return FALSE;
  builder = pr_dataset_builder_new ("shuffled");
  for (gint64 item = 0; item < pr_dataset_n_items (dataset); item++)
    pr_dataset_builder_add_item (builder, pr_dataset_item (dataset, item));
  all = deal (dataset, (guint64)p->shuffle_seed);
  for (gint64 user = 0; user < pr_dataset_n_users (dataset); user++)
    {
      gint64 n;

      pr_dataset_sequence (dataset, user, &n);
      pr_dataset_builder_add_user (builder, pr_dataset_user_id (dataset, user), &g_array_index (all, gint32, first), n);
      first += (guint)n;
    }
  pr_dataset_builder_note (builder, "tie_rule", "random");
  pr_run_set_dim (run, "dataset", "n_users", pr_dataset_n_users (dataset));
  pr_run_set_dim (run, "dataset", "n_items", pr_dataset_n_items (dataset));
  return pr_dataset_builder_write (builder, pr_run_output_dir (run, "dataset"), error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "shuffle-purchases",
  .version = "1",
  .summary = "Deal all purchases out to the users anew, so that histories say nothing.",
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .plan = shuffle_plan,
  .run = shuffle_run,
};
static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "shuffle-purchases", .stages = stages };
