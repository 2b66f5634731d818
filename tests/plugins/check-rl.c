/* check-rl.c - reinforcement learning on a world of three items: rewards rise, and what is counted, refused and
 * resumed. */
#include "pipeline.h"
#include "tiny-stage.h"

#include <pauserec/threads.h>

#include <math.h>

static double
mean (const StageResult *result, const char *series, guint from, guint to)
{
  const GArray *curve = harness_curve (result, series);
  double sum = 0;

  ck_assert_msg (curve != NULL, "no curve %s", series);
  ck_assert_uint_ge (curve->len, to);
  for (guint i = from; i < to; i++)
    sum += g_array_index (curve, double, i) / (to - from);
  return sum;
}

#define SHORT "batch_size=6 group=8 valid_users=0 thought_tokens=3 beams=3 "

/* From nothing: uniform draws hardly ever find a code, so the rewards must rise from near 0. */
START_TEST (sids_become_better)
{
  g_auto (StageResult) result = { 0 };

  tiny_save_model (_i ? PR_THINKING_PAUSE : PR_THINKING_NONE, TRUE);
  tiny_run ("rl", "batch_size=6 group=64 valid_users=6 valid_beams=10 eval_every=40 epochs=160 lr=0.01 kl=0 clip=0",
            NULL, NULL, NULL, &result);
  ck_assert_double_lt (mean (&result, "reward", 0, 5), 0.05);
  ck_assert_double_gt (mean (&result, "reward", 150, 160), 0.5);
  ck_assert_double_gt (mean (&result, "malformed_share", 0, 5), 0.9);
  ck_assert_double_lt (mean (&result, "malformed_share", 150, 160), 0.75);
  ck_assert_double_eq_tol (mean (&result, "action_tokens_mean", 0, 160), 2, 1e-9);
  ck_assert_double_ge (result.record->costs[PR_COST_GENERATED_TOKENS], 160 * 6 * 64 * 2);
}
END_TEST

/* The model learns to end its thoughts, since only those have beams. */
START_TEST (thoughts_learn_to_end)
{
  g_auto (StageResult) result = { 0 };

  tiny_save_model (PR_THINKING_COT, TRUE);
  tiny_run ("rl", "batch_size=6 group=64 valid_users=0 thought_tokens=3 beams=3 epochs=60 lr=0.01 kl=0 reward=hit",
            NULL, NULL, NULL, &result);
  ck_assert_double_gt (mean (&result, "malformed_share", 0, 5), 0.9);
  ck_assert_double_lt (mean (&result, "malformed_share", 50, 60), 0.1);
  ck_assert_double_gt (mean (&result, "reward", 50, 60), 0.9); /* three beams hold all three items */
}
END_TEST

/* At the first update of a round every ratio is 1 and the advantages of a group add up to 0; at the start KL is 0. */
START_TEST (the_first_loss_is_nothing)
{
  g_auto (StageResult) result = { 0 };

  tiny_save_model (PR_THINKING_NONE, TRUE);
  tiny_run ("rl", "batch_size=6 group=32 valid_users=0 max_steps=4 updates=2 epochs=9 lr=0.01 kl=0.5", NULL, NULL, NULL,
            &result);
  ck_assert_double_eq_tol (g_array_index (harness_curve (&result, "loss"), double, 0), 0, 1e-6);
  ck_assert_double_ne (g_array_index (harness_curve (&result, "loss"), double, 1), 0);
  ck_assert_double_eq_tol (g_array_index (harness_curve (&result, "kl"), double, 0), 0, 1e-9);
  ck_assert_double_gt (g_array_index (harness_curve (&result, "kl"), double, 1), 1e-9);
  ck_assert_uint_eq (harness_curve (&result, "reward")->len, 2);
  ck_assert_uint_eq (harness_curve (&result, "loss")->len, 4);
}
END_TEST

/* Babble of three tokens that never ends: every reward is 0, nothing moves without KL. */
START_TEST (equal_groups_are_counted)
{
  g_auto (StageResult) result = { 0 };
  g_autofree char *out = NULL;
  g_autoptr (PrLm) before = NULL, after = NULL;

  tiny_save_model (PR_THINKING_COT, TRUE);
  tiny_run ("rl", "batch_size=6 group=2 valid_users=0 thought_tokens=1 beams=3 epochs=2 lr=0.01 kl=0 temperature=0.01",
            NULL, NULL, NULL, &result);
  out = harness_output (&result, "lm");
  ck_assert_double_eq (mean (&result, "equal_groups_share", 0, 2), 1);
  ck_assert_double_eq (mean (&result, "malformed_share", 0, 2), 1);
  before = pr_lm_load (tiny_lm_dir, NULL);
  after = pr_lm_load (out, NULL);
  ck_assert_mem_eq (pr_lm_embedding_row (before, 0), pr_lm_embedding_row (after, 0), 266 * 16 * sizeof (float));
  ck_assert_ptr_null (harness_curve (&result, "loss"));
}
END_TEST

START_TEST (overflow_names_the_step)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;

  tiny_save_model (PR_THINKING_NONE, TRUE);
  /* One huge step takes everything away from what was sampled. */
  ck_assert (
      !tiny_try ("rl",
                 "batch_size=6 group=32 valid_users=0 epochs=9 updates=8 lr=9 warmup=0 schedule=constant clip=0 kl=1 "
                 "weight_decay=0",
                 NULL, NULL, NULL, &result, &error));
  ck_assert_pr_error (error, PR_ERROR_NUMERIC, "overflowed: ");
  ck_assert_pr_error (error, PR_ERROR_NUMERIC, " at step ");
}
END_TEST

START_TEST (models_without_sampling_are_refused)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;

  tiny_save_model (PR_THINKING_LATENT, TRUE);
  ck_assert (!tiny_try ("rl", SHORT, NULL, NULL, NULL, &result, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "latent steps");
}
END_TEST

/* A manifest that asks for it is refused before anything runs. */
START_TEST (the_plan_refuses_latent_steps)
{
  static const char *const plugins[] = { "synthetic-world",
                                         "item-embedder",
                                         "sid-quantizer",
                                         "lm-pretrain",
                                         "sid-grounding",
                                         "next-item-sft",
                                         "latent-sft",
                                         "rl",
                                         NULL };
  g_autoptr (GError) error = NULL;
  Pipeline p;

  ck_assert (pipeline_init (&p,
                            "[experiment]\nname = t\n[stage world]\nuses = synthetic-world\n[arm a]\npipeline = world; "
                            "item-embedder; sid-quantizer; lm-pretrain; sid-grounding; next-item-sft; latent-sft; rl\n",
                            plugins, &error));
  ck_assert (!pipeline_run (&p, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "latent steps");
  ck_assert_uint_eq (p.records->len, 0);
  pipeline_clear (&p);
}
END_TEST

START_TEST (threads_change_no_bit)
{
  static const char *const settings = SHORT "epochs=3 lr=0.01 updates=2 reward=ndcg";
  g_auto (StageResult) one = { 0 }, other = { 0 };

  tiny_save_model (_i % 2 ? PR_THINKING_COT : PR_THINKING_NONE, TRUE);
  pr_threads_set (1);
  tiny_run ("rl", settings, NULL, NULL, NULL, &one);
  pr_threads_set (1 + (guint)_i / 2);
  tiny_run ("rl", settings, NULL, NULL, NULL, &other);
  harness_assert_same (&one, &other, "lm");
}
END_TEST

/* Interrupted in roll-outs, updates and validations, and started again. */
START_TEST (resumes_with_the_same_bytes)
{
  static const char *const settings =
      "batch_size=2 group=8 valid_users=6 valid_beams=10 thought_tokens=3 beams=3 epochs=3 "
      "lr=0.01 updates=2 checkpoint_steps=4";
  const char *const inputs[] = TINY_INPUTS (NULL, NULL, NULL);
  g_auto (StageResult) whole = { 0 }, again = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean ok;

  tiny_save_model (_i % 2 ? PR_THINKING_COT : PR_THINKING_NONE, TRUE);
  tiny_run ("rl", settings, NULL, NULL, NULL, &whole);
  ok = harness_resume (tiny_registry, "rl", settings, inputs, 1, 1 + 4 * (guint)_i, &again, &error);
  ck_assert_no_error (error);
  ck_assert (ok);
  harness_assert_same (&whole, &again, "lm");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("rl");
  TCase *tcase = tcase_create ("stage");

  tcase_set_timeout (tcase, 60);
  tcase_add_checked_fixture (tcase, tiny_setup, tiny_teardown);
  tcase_add_loop_test (tcase, sids_become_better, 0, 2);
  tcase_add_test (tcase, thoughts_learn_to_end);
  tcase_add_test (tcase, the_first_loss_is_nothing);
  tcase_add_test (tcase, equal_groups_are_counted);
  tcase_add_test (tcase, overflow_names_the_step);
  tcase_add_test (tcase, models_without_sampling_are_refused);
  tcase_add_test (tcase, the_plan_refuses_latent_steps);
  tcase_add_loop_test (tcase, threads_change_no_bit, 2, 6);
  tcase_add_loop_test (tcase, resumes_with_the_same_bytes, 0, 10);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
