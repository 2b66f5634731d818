/* check-latent-sft.c - fine-tuning with latent thoughts on a world of three items, and what it refuses. */
#include "tiny-stage.h"

static void
tune_ok (const char *settings, StageResult *result)
{
  tiny_run ("latent-sft", settings, NULL, NULL, NULL, result);
}

static void
tune_fails (const char *settings, PrError code, const char *part)
{
  tiny_fails ("latent-sft", settings, NULL, NULL, NULL, code, part);
}

START_TEST (it_learns_through_thoughts)
{
  g_auto (StageResult) result = { 0 };
  const GArray *loss, *valid;

  /* The next item follows from the last: the loss can nearly vanish, for the validation's users too. */
  tune_ok ("k=3 targets=all-prefixes epochs=60 lr=0.01 batch_size=4", &result);
  loss = harness_curve (&result, "loss");
  valid = harness_curve (&result, "valid_loss");
  ck_assert_double_lt (curve_last (loss), 0.3 * curve_first (loss));
  ck_assert_double_lt (curve_last (valid), 0.3 * curve_first (valid));
  ck_assert_double_eq (harness_metric (&result, "train_examples"), 1 + 2 + 3 + 4 + 5 + 6);
  ck_assert_double_eq (harness_metric (&result, "valid_users"), 6);
}
END_TEST

START_TEST (the_protocol_says_how_it_thinks)
{
  g_auto (StageResult) result = { 0 }, by_default = { 0 };

  tune_ok ("k=3 epochs=0", &result);
  g_autoptr (PrLm) before = pr_lm_load (tiny_lm_dir, NULL), after = tiny_output_model (&result);
  const PrProtocol *protocol = pr_lm_protocol (after);

  ck_assert_int_eq (protocol->thinking, PR_THINKING_LATENT);
  ck_assert_int_eq (protocol->pauses, 3);
  ck_assert_str_eq (protocol->prompt, "U:{history}");
  ck_assert_int_eq (protocol->history, 3);
  /* No token is added, and without epochs nothing moves. */
  ck_assert_int_eq (pr_lm_config (after)->vocab, pr_lm_config (before)->vocab);
  for (gint32 t = 0; t < pr_lm_config (after)->vocab; t++)
    ck_assert_mem_eq (pr_lm_embedding_row (after, t), pr_lm_embedding_row (before, t), 16 * sizeof (float));

  tune_ok ("epochs=0", &by_default);
  g_autoptr (PrLm) plain = tiny_output_model (&by_default);

  ck_assert_int_eq (pr_lm_protocol (plain)->pauses, 2);
}
END_TEST

/* Other thoughts make other models of the same examples, and cost what they cost. */
START_TEST (thoughts_matter)
{
  g_auto (StageResult) none = { 0 }, two = { 0 };

  tune_ok ("k=0 epochs=2 lr=0.01 batch_size=4 valid_users=0", &none);
  tune_ok ("k=2 epochs=2 lr=0.01 batch_size=4 valid_users=0", &two);
  ck_assert_double_ne (curve_last (harness_curve (&none, "loss")), curve_last (harness_curve (&two, "loss")));
  /* Rows: as many more as there are thoughts, in each of 6 examples and 2 epochs. */
  ck_assert_double_eq (two.record->costs[PR_COST_TRAIN_TOKENS], none.record->costs[PR_COST_TRAIN_TOKENS] + 2 * 6 * 2);
  ck_assert_double_gt (two.record->costs[PR_COST_FLOPS], 1.5 * none.record->costs[PR_COST_FLOPS]);
}
END_TEST

START_TEST (it_refuses)
{
  /* U, :, three items of two tokens, <think>, 64 thoughts, </think> and two tokens of a SID. */
  tune_fails ("k=64", PR_ERROR_MANIFEST, "64 positions");
  tiny_save_model (PR_THINKING_NONE, FALSE);
  g_autofree char *protocol = g_build_filename (tiny_lm_dir, "protocol.json", NULL);

  g_unlink (protocol);
  tune_fails ("", PR_ERROR_DATA, "no protocol.json");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("latent-sft");
  TCase *tcase = tcase_create ("latent-sft");

  tcase_set_timeout (tcase, 120);
  tcase_add_checked_fixture (tcase, tiny_setup, tiny_teardown);
  tcase_add_test (tcase, it_learns_through_thoughts);
  tcase_add_test (tcase, the_protocol_says_how_it_thinks);
  tcase_add_test (tcase, thoughts_matter);
  tcase_add_test (tcase, it_refuses);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
