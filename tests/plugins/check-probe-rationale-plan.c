/* What the plan of a run says of rationales before anything runs: who may read them, and whose they must be. */
#include "config.h"

#include "pipeline.h"
#include "stage-harness.h"

#define STAGES                                                                                                         \
  "[experiment]\nname = x\nseeds = 1\nmetric = m\nbaseline = a\n"                                                      \
  "[stage world]\nuses = synthetic-world\n[stage embed]\nuses = item-embedder\n[stage sids]\nuses = sid-quantizer\n"   \
  "[stage base]\nuses = lm-pretrain\n[stage ground]\nuses = sid-grounding\n[stage sft]\nuses = next-item-sft\n"        \
  "[stage why]\nuses = rationale-distillation\n[stage cot]\nuses = explicit-cot\n[stage pause]\nuses = pause-sft\n"    \
  "[stage valid]\nuses = rationale-distillation\ntargets = valid\n"                                                    \
  "[stage gold]\nuses = rationale-distillation\ntargets = test\n"                                                      \
  "[stage effect]\nuses = probe-rationale-effect\n[stage sensitivity]\nuses = probe-rationale-sensitivity\n"           \
  "[arm a]\npipeline = world; embed; sids; base; "

static const char *const plugins[] = { "synthetic-world",
                                       "item-embedder",
                                       "sid-quantizer",
                                       "lm-pretrain",
                                       "sid-grounding",
                                       "next-item-sft",
                                       "pause-sft",
                                       "explicit-cot",
                                       "rationale-distillation",
                                       "probe-rationale-sensitivity",
                                       NULL };

static const struct
{
  const char *pipeline, *part; /* NULL: sound */
} cases[] = {
  { "ground; sft; why; cot; gold; effect; sensitivity", NULL },
  { "ground; sft; why; cot; valid; effect; sensitivity\neffect.split = valid\nsensitivity.split = valid", NULL },
  { "ground; sft; gold; why; cot; effect\nwhy.targets = all-prefixes\neffect.in.rationales = gold.rationales", NULL },
  /* Wired to what is to be predicted, training is refused, and the other way round the probe. */
  { "ground; sft; gold; cot",
    "stage 'cot': the rationales of stage 'gold' are those of test targets, and those of training targets are needed "
    "(a "
    "rationale of what is to be predicted gives it away): give that stage targets = last or all-prefixes" },
  { "ground; sft; valid; cot", "the rationales of stage 'valid' are those of validation targets" },
  { "ground; sft; why; cot; effect",
    "the rationales of stage 'why' are those of training targets, and those of test targets are needed: give that "
    "stage targets = test" },
  { "ground; sft; why; cot; valid; sensitivity", "stage 'sensitivity': the rationales of stage 'valid' are those of" },
  { "ground; sft; why; cot; gold; sensitivity\nsensitivity.split = valid", "give that stage targets = valid" },
  /* The world's chains are those of all purchases; what a teacher picked of them is not. */
  { "ground; sft; why; cot; gold; effect\nwhy.teacher = world\ngold.teacher = world",
    "stage 'gold': the rationales of stage 'why' are those of training targets, and those of test targets are needed" },
  { "ground; sft; why; cot; gold; effect\nwhy.teacher = world\ngold.teacher = world\ngold.in.chains = world.chains",
    NULL },
  /* Who cannot read. */
  { "gold; effect", "the model of stage 'base' has no semantic ids in its vocabulary" },
  { "ground; gold; effect", "the model of stage 'ground' was not fine-tuned to recommend" },
  { "ground; sft; gold; sensitivity", "the model of stage 'sft' thinks in mode 'none', this stage needs 'cot'" },
  { "ground; sft; pause; gold; effect",
    "the model of stage 'pause' thinks in mode 'pause', this stage needs 'cot'; read the model of explicit-cot" },
};

START_TEST (pipelines_are_planned_or_refused)
{
  g_autofree char *manifest = g_strconcat (STAGES, cases[_i].pipeline, "\n", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrRunPlan) plan = NULL;
  Pipeline p;

  ck_assert_msg (pipeline_init (&p, manifest, plugins, &error), "%s", error != NULL ? error->message : "");
  plan = pr_run_plan_new (p.experiment->runs->pdata[0], NULL, NULL, &error);
  if (cases[_i].part == NULL)
    ck_assert_no_error (error);
  else
    ck_assert_pr_error (error, PR_ERROR_MANIFEST, cases[_i].part);
  pipeline_clear (&p);
}
END_TEST

/* A data set of which it is known that no item has a category. ----------------- */

static gboolean
plan_nothing (const void *params G_GNUC_UNUSED, PrPlan *plan G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
  return TRUE;
}

static const PrSlotSpec fake_slots[] = {
  { PR_SLOT_OUT, "lm", "lm/1", "x", FALSE },
  { PR_SLOT_OUT, "dataset", "dataset/1", "x", FALSE },
  { PR_SLOT_OUT, "sids", "sids/1", "x", FALSE },
  { PR_SLOT_OUT, "rationales", "rationales/1", "x", FALSE },
};
static const PrStage fake = { .id = "fake", .slots = fake_slots, .n_slots = 4, .plan = plan_nothing };

static gboolean
no_categories (const PrNode *node, PrDims *dims, gpointer made)
{
  if (node != made)
    return FALSE;
  pr_dims_set (dims, "dataset", "n_categories", 0);
  return TRUE;
}

static gboolean
plan_kinds (const char *kinds, GError **error)
{
  g_autoptr (PrRegistry) registry = pr_registry_new ();
  const PrStageEntry *entry = harness_stage (registry, "probe-rationale-sensitivity");
  PrStageEntry made = { .stage = &fake, .path = (char *)"fake.so" };
  const PrParamValue value = { "kinds", kinds, "test", "test", "/" };
  g_autoptr (GPtrArray) complaints = g_ptr_array_new_with_free_func (g_free);
  PrNode upstream = { .name = (char *)"bare", .entry = &made }, node = { .name = (char *)"probe", .entry = entry };
  PrRunSpec run = { .arm = (char *)"arm", .nodes = g_ptr_array_new () };
  PrEdge edges[4] = { { 0 } };
  PrParams params = { 0 };
  g_autoptr (PrRunPlan) plan = NULL;

  ck_assert (pr_params_fill (entry->stage, &value, 1, "test", NULL, complaints, &params));
  for (gsize i = 0; i < 4; i++)
    edges[i] = (PrEdge){ .slot = &entry->stage->slots[i], .from = &upstream, .from_slot = &fake_slots[i] };
  node.params = params.params;
  node.edges = edges;
  node.n_edges = 4;
  g_ptr_array_add (run.nodes, &upstream);
  g_ptr_array_add (run.nodes, &node);
  plan = pr_run_plan_new (&run, no_categories, &upstream, error);
  g_ptr_array_unref (run.nodes);
  pr_params_clear (entry->stage, &params);
  return plan != NULL;
}

START_TEST (wrong_categories_need_categories)
{
  g_autoptr (GError) refused = NULL, error = NULL;

  ck_assert (!plan_kinds ("drop-words,wrong-category", &refused));
  ck_assert_pr_error (refused, PR_ERROR_MANIFEST,
                      "no item of the data set of stage 'bare' has a category, which perturbations of kind "
                      "wrong-category need");
  ck_assert (plan_kinds ("drop-words,other-user", &error));
  ck_assert_no_error (error);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("probe-rationale-plan");
  TCase *tc = tcase_create ("plan");

  tcase_add_loop_test (tc, pipelines_are_planned_or_refused, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tc, wrong_categories_need_categories);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
