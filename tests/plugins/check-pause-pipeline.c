/* check-pause-pipeline.c - the paper's two arms as one manifest, from a synthetic world to rankings: wiring, promises
 * of plan() and protocols fit together. */
#include "pipeline.h"

#include <pauserec/lm.h>

static const char *const plugins[] = { "synthetic-world", "item-embedder", "sid-quantizer",  "lm-pretrain",
                                       "sid-grounding",   "next-item-sft", "pause-pretrain", "pause-sft",
                                       "cot-input-only",  "recommend",     "rank-metrics",   NULL };

#define WORLD                                                                                                          \
  "[stage world]\nuses = synthetic-world\nn_items = 40\nn_categories = 4\nn_users = 60\ndocuments_per_rule = 10\n"
#define STAGES                                                                                                         \
  "[stage embed]\nuses = item-embedder\ndims = 16\n"                                                                   \
  "[stage sids]\nuses = sid-quantizer\nsizes = 4,4\n"                                                                  \
  "[stage base]\nuses = lm-pretrain\nvocab = 400\nlayers = 1\nhidden = 16\nheads = 2\nkv_heads = 1\nhead_dim = 8\n"    \
  "ffn = 24\nmax_positions = 96\ncontext = 32\nmax_steps = 5\n"                                                        \
  "[stage ground]\nuses = sid-grounding\ntext_tokens = 24\nmax_steps = 5\n"                                            \
  "[stage sft]\nuses = next-item-sft\ntargets = all-prefixes\nhistory = 5\nmax_steps = 5\n"                            \
  "[stage pause]\nuses = pause-pretrain\nin.lm = ground.lm\ntext_tokens = 24\nmax_steps = 5\n"                         \
  "[stage think]\nuses = pause-sft\nin.lm = sft.lm\nk = 2\nmax_steps = 5\n"                                            \
  "[stage recommend]\ntop_k = 10\nbeams = 10\n"

START_TEST (from_world_to_metrics)
{
  Pipeline p;
  GError *error = NULL;

  pipeline_init (
      &p,
      "[experiment]\nname = t\nseeds = 1\n" WORLD STAGES
      "[arm pause]\npipeline = world; embed; sids; base; ground; sft; pause; think; recommend; rank-metrics\n",
      plugins, &error);
  ck_assert_no_error (error);
  ck_assert_msg (pipeline_run (&p, &error), "%s", error ? error->message : "");

  g_autofree char *dir = pipeline_output (&p, "think", "lm");
  g_autoptr (PrLm) lm = pr_lm_load (dir, &error);

  ck_assert_no_error (error);
  ck_assert_int_eq (pr_lm_protocol (lm)->thinking, PR_THINKING_PAUSE);
  ck_assert_int_eq (pr_lm_protocol (lm)->pauses, 2);
  ck_assert_int_eq (pr_lm_protocol (lm)->history, 5);
  /* A quarter of the catalogue is listed; 60 users. */
  ck_assert_double_ge (pipeline_metric (&p, 9, "hit_10"), 0.02);
  pipeline_clear (&p);
}
END_TEST

/* The controls hang on the same checkpoint; only `trained` is given the embedding of `pause`. */
START_TEST (controls_compose)
{
  static const char *const stages[] = { "extra", "untrained", "trained", "filler", "note" };
  static const PrThinking modes[] = { PR_THINKING_NONE, PR_THINKING_PAUSE, PR_THINKING_PAUSE, PR_THINKING_PAUSE,
                                      PR_THINKING_NOTE };
  Pipeline p;
  GError *error = NULL;

  pipeline_init (&p,
                 "[experiment]\nname = t\nseeds = 1\n" WORLD STAGES
                 "[stage extra]\nuses = next-item-sft\nin.lm = sft.lm\ncontinue = true\nmax_steps = 2\n"
                 "[stage untrained]\nuses = pause-sft\nin.lm = sft.lm\ninit = sid-mean\nmax_steps = 2\n"
                 "[stage trained]\nuses = pause-sft\nin.lm = sft.lm\nmax_steps = 2\n"
                 "[stage filler]\nuses = pause-sft\nin.lm = sft.lm\nin.pause = none\ntoken = .\nmax_steps = 2\n"
                 "[stage note]\nuses = cot-input-only\nin.lm = sft.lm\nnote = {last_title}\nmax_steps = 2\n"
                 "[arm a]\npipeline = world; embed; sids; base; ground; sft; extra; untrained; pause; trained; filler; "
                 "note; recommend; rank-metrics\n",
                 plugins, &error);
  ck_assert_no_error (error);
  ck_assert_msg (pipeline_run (&p, &error), "%s", error ? error->message : "");
  for (gsize i = 0; i < G_N_ELEMENTS (stages); i++)
    {
      g_autofree char *dir = pipeline_output (&p, stages[i], "lm");
      g_autoptr (PrLm) lm = pr_lm_load (dir, &error);

      ck_assert_no_error (error);
      ck_assert_int_eq (pr_lm_protocol (lm)->thinking, modes[i]);
      ck_assert_int_eq (pr_lm_protocol (lm)->history, 5);
      ck_assert_int_eq (pr_tokenizer_lookup (pr_lm_tokenizer (lm), "<pause>") >= 0, i == 1 || i == 2);
    }
  pipeline_clear (&p);
}
END_TEST

START_TEST (a_backbone_without_text_is_refused_before_anything_runs)
{
  Pipeline p;
  GError *error = NULL;

  pipeline_init (&p, "[experiment]\nname = t\nseeds = 1\n[stage base]\nuses = lm-pretrain\n[arm a]\npipeline = base\n",
                 plugins, &error);
  ck_assert_no_error (error);
  ck_assert (!pipeline_run (&p, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "no text to learn from");
  g_clear_error (&error);
  pipeline_clear (&p);

  pipeline_init (&p,
                 "[experiment]\nname = t\nseeds = 1\n[stage base]\nuses = lm-pretrain\nitem_text = false\n"
                 "[stage first]\nuses = lm-pretrain\nlayers = 3\nffn = 0\n[arm a]\npipeline = base\n",
                 plugins, &error);
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "ffn");
  g_clear_error (&error);
  pipeline_clear (&p);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("pause-pipeline");
  TCase *tcase = tcase_create ("pipeline");

  tcase_set_timeout (tcase, 120);
  tcase_add_test (tcase, from_world_to_metrics);
  tcase_add_test (tcase, controls_compose);
  tcase_add_test (tcase, a_backbone_without_text_is_refused_before_anything_runs);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
