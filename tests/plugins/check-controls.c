/* check-controls.c - the arms that pause tokens and rationales are compared with: more epochs, fillers, notes. */
#include "tiny-stage.h"

static char *direct_dir;
static StageResult direct;

/* 1 + 2 + ... + 6 targets. */
#define N_TARGETS 21

static char *
tune (const char *name, const char *settings, const char *lm, StageResult *result)
{
  tiny_run (name, settings, lm, NULL, NULL, result);
  return harness_output (result, "lm");
}

static void
tune_fails (const char *name, const char *settings, const char *lm, const char *pause, PrError code, const char *part)
{
  tiny_fails (name, settings, lm, pause != NULL ? "pause" : NULL, pause, code, part);
}

/* A fresh model that knows the SIDs, and the model that next-item-sft makes of it. */
static void
setup (void)
{
  tiny_setup ();
  tiny_save_model (PR_THINKING_NONE, FALSE);
  direct = (StageResult){ 0 };
  direct_dir = tune ("next-item-sft", "epochs=3 lr=0.003 batch_size=4 history=3 prompt=U:{history}", NULL, &direct);
}

static void
teardown (void)
{
  stage_result_clear (&direct);
  tiny_teardown ();
  g_free (direct_dir);
}

static double
steps_of (const StageResult *result)
{
  return result->record->costs[PR_COST_OPTIMIZER_STEPS];
}

/* Every user gets a ranking from the model in LM_DIR. */
static void
can_recommend (const char *lm_dir)
{
  g_auto (StageResult) result = { 0 };

  tiny_run ("recommend", "beams=10", lm_dir, NULL, NULL, &result);
  ck_assert_double_eq (harness_metric (&result, "beams_mean"), 3);
  ck_assert_double_eq (result.record->costs[PR_COST_INFER_USERS], TINY_USERS);
}

START_TEST (extra_epochs_take_the_steps_of_pause_sft)
{
  g_auto (StageResult) paused = { 0 }, extra = { 0 }, last_paused = { 0 }, last_extra = { 0 }, packed = { 0 };
  g_autofree char *a = tune ("pause-sft", "targets=all-prefixes epochs=2 batch_size=4", direct_dir, &paused),
                  *b = tune ("next-item-sft", "continue=true targets=each-prefix epochs=2 batch_size=4", direct_dir,
                             &extra),
                  *c = tune ("pause-sft", "epochs=3 batch_size=4", direct_dir, &last_paused),
                  *d = tune ("next-item-sft", "continue=true epochs=3 batch_size=4", direct_dir, &last_extra),
                  *e = tune ("next-item-sft", "continue=true targets=all-prefixes epochs=2 batch_size=4", direct_dir,
                             &packed);
  g_autoptr (PrLm) before = tiny_load (direct_dir), after = tiny_load (b);
  const PrProtocol *protocol = pr_lm_protocol (after);

  ck_assert_double_eq (harness_metric (&paused, "train_examples"), N_TARGETS);
  ck_assert_double_eq (harness_metric (&extra, "train_examples"), N_TARGETS);
  ck_assert_double_eq (steps_of (&paused), 2 * ((N_TARGETS + 3) / 4));
  ck_assert_double_eq (steps_of (&extra), steps_of (&paused));
  ck_assert_double_eq (steps_of (&last_paused), 3 * 2);
  ck_assert_double_eq (steps_of (&last_extra), steps_of (&last_paused));
  ck_assert_double_lt (steps_of (&packed), steps_of (&paused));
  ck_assert_str_eq (protocol->prompt, "U:{history}");
  ck_assert_int_eq (protocol->history, 3);
  ck_assert_int_eq (protocol->thinking, PR_THINKING_NONE);
  ck_assert (memcmp (pr_lm_embedding_row (before, A0), pr_lm_embedding_row (after, A0), 16 * sizeof (float)) != 0);
}
END_TEST

START_TEST (what_cannot_be_continued)
{
  g_auto (StageResult) paused = { 0 };
  g_autofree char *pause_dir = tune ("pause-sft", "epochs=0", direct_dir, &paused);

  tune_fails ("next-item-sft", "continue=true", NULL, NULL, PR_ERROR_DATA, "no protocol.json");
  tune_fails ("next-item-sft", "continue=true", pause_dir, NULL, PR_ERROR_DATA, "thinking: pause");
  tune_fails ("next-item-sft", "continue=true prompt=V:{history}", direct_dir, NULL, PR_ERROR_MANIFEST, "leave prompt");
  tune_fails ("next-item-sft", "continue=true separator=,", direct_dir, NULL, PR_ERROR_MANIFEST, "leave prompt");
  tune_fails ("next-item-sft", "continue=true history=5", direct_dir, NULL, PR_ERROR_MANIFEST, "leave prompt");
}
END_TEST

START_TEST (a_filler_is_a_word_that_stands_k_times)
{
  g_auto (StageResult) filled = { 0 };
  g_autofree char *out = tune ("pause-sft", "token=. k=3 epochs=1 lr=0.001", direct_dir, &filled);
  g_autoptr (PrLm) lm = tiny_load (out);
  const PrProtocol *protocol = pr_lm_protocol (lm);

  ck_assert_int_eq (protocol->thinking, PR_THINKING_PAUSE);
  ck_assert_int_eq (protocol->pauses, 3);
  ck_assert_str_eq (protocol->token, ".");
  ck_assert_int_eq (pr_tokenizer_lookup (pr_lm_tokenizer (lm), "<pause>"), -1);
  ck_assert_int_eq (pr_lm_config (lm)->vocab, PAUSE);
  can_recommend (out);
}
END_TEST

START_TEST (fillers_that_are_refused)
{
  g_auto (StageResult) pause = { 0 };

  tiny_run ("pause-pretrain", "epochs=0 text_tokens=20", NULL, NULL, NULL, &pause);
  g_autofree char *pause_dir = harness_output (&pause, "pause");

  tune_fails ("pause-sft", "token=.", direct_dir, pause_dir, PR_ERROR_MANIFEST, "in.pause = none");
  tune_fails ("pause-sft", "token=...", direct_dir, NULL, PR_ERROR_DATA, "3 tokens of '...'");
  tune_fails ("pause-sft", "token=", direct_dir, NULL, PR_ERROR_MANIFEST, "token is empty");
}
END_TEST

START_TEST (a_pause_that_was_never_pretrained)
{
  static const char *const settings[] = { "k=2 epochs=1 init=mean", "k=2 epochs=1 init=normal",
                                          "k=2 epochs=1 init=text-mean", "k=2 epochs=1 init=sid-mean" };
  g_auto (StageResult) result = { 0 };
  g_autofree char *out = tune ("pause-sft", settings[_i], direct_dir, &result);
  g_autoptr (PrLm) lm = tiny_load (out);

  ck_assert_int_eq (pr_tokenizer_lookup (pr_lm_tokenizer (lm), "<pause>"), PAUSE);
  can_recommend (out);
}
END_TEST

START_TEST (a_note_is_read_and_nothing_is_written)
{
  g_auto (StageResult) result = { 0 };
  g_autofree char *out =
      tune ("cot-input-only", "note=got__{last_title} targets=all-prefixes epochs=30 lr=0.01 batch_size=8", direct_dir,
            &result);
  g_autoptr (PrLm) lm = tiny_load (out);
  const PrProtocol *protocol = pr_lm_protocol (lm);

  ck_assert_int_eq (protocol->thinking, PR_THINKING_NOTE);
  ck_assert_str_eq (protocol->note, "got {last_title}");
  ck_assert_str_eq (protocol->prompt, "U:{history}");
  ck_assert_int_eq (protocol->pauses, 0);
  ck_assert_int_eq (pr_lm_config (lm)->vocab, PAUSE);
  ck_assert_double_eq (harness_metric (&result, "train_examples"), N_TARGETS);
  ck_assert_double_lt (curve_last (harness_curve (&result, "loss")),
                       0.7 * curve_first (harness_curve (&result, "loss")));
  can_recommend (out);
}
END_TEST

START_TEST (notes_that_are_refused)
{
  /* Before any input is read: this model would be refused, too. */
  tune_fails ("cot-input-only", "note={target_title}", NULL, NULL, PR_ERROR_MANIFEST, "target");
  tune_fails ("cot-input-only", "note={last_titel}", NULL, NULL, PR_ERROR_MANIFEST, "last_titel");
  tune_fails ("cot-input-only", "", NULL, NULL, PR_ERROR_DATA, "no protocol.json");
  /* "Tent, Mat" eight times are 72 tokens of 64. */
  tune_fails ("cot-input-only",
              "note={history_title}{history_title}{history_title}{history_title}{history_title}{history_title}"
              "{history_title}{history_title}",
              direct_dir, NULL, PR_ERROR_MANIFEST, "user u0");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("controls");
  TCase *tcase = tcase_create ("controls");

  tcase_set_timeout (tcase, 120);
  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, extra_epochs_take_the_steps_of_pause_sft);
  tcase_add_test (tcase, what_cannot_be_continued);
  tcase_add_test (tcase, a_filler_is_a_word_that_stands_k_times);
  tcase_add_test (tcase, fillers_that_are_refused);
  tcase_add_loop_test (tcase, a_pause_that_was_never_pretrained, 0, 4);
  tcase_add_test (tcase, a_note_is_read_and_nothing_is_written);
  tcase_add_test (tcase, notes_that_are_refused);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
