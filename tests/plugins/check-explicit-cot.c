/* check-explicit-cot.c - thinking in words on a world of three items: learning it, answering with it, and what is
 * refused. */
#include "tiny-stage.h"

#include <pauserec/ranking.h>
#include <pauserec/rationales.h>
#include <pauserec/threads.h>

static char *why_dir;

static const char *const words[] = { "a tent", "a mat", "x" };

/* One rationale for every purchase that is FROM_END from the end, but that of user SKIP; TEXT: the same for all, or
 * NULL: what the target is. */
static void
save_rationales_of (gint32 from_end, gint32 skip, const char *text)
{
  g_autoptr (PrDataset) dataset = pr_dataset_load (tiny_data_dir, NULL);
  g_autoptr (PrRationales) rationales = pr_rationales_new ();

  for (gint32 u = 0; u < (gint32)TINY_USERS; u++)
    {
      gint32 position = (gint32)tiny_lengths[u] - from_end;
      const PrRationale rationale = { .user = u,
                                      .position = position,
                                      .text = text != NULL ? text : words[(u + position) % 3],
                                      .teacher = "template",
                                      .prompt = "0000000000000000000000000000000000000000000000000000000000000000" };

      if (u != skip)
        pr_rationales_add (rationales, &rationale);
    }
  ck_assert (pr_rationales_save (rationales, dataset, why_dir, NULL));
}

/* The third-last purchases are the targets of training. */
static void
save_rationales (gint32 skip, const char *text)
{
  save_rationales_of (3, skip, text);
}

static void
setup (void)
{
  tiny_setup ();
  why_dir = tiny_folder ("why");
  save_rationales (-1, NULL);
}

static void
teardown (void)
{
  tiny_teardown ();
  g_free (why_dir);
}

#define LEARN "epochs=80 lr=0.02 batch_size=6 thought_tokens=8 valid_users=6 valid_beams=10 eval_every=20 "

static void
tune_ok (const char *settings, StageResult *result)
{
  tiny_run ("explicit-cot", settings, NULL, "rationales", why_dir, result);
}

static void
tune_fails (const char *settings, PrError code, const char *part)
{
  tiny_fails ("explicit-cot", settings, NULL, "rationales", why_dir, code, part);
}

/* Ask the model in LM for the validation targets. */
static gboolean
ask (const char *lm, const char *settings, StageResult *result, GError **error)
{
  g_autofree char *all = g_strconcat ("split=valid beams=3 top_k=3 thought_tokens=8 ", settings, NULL);

  return tiny_try ("recommend", all, lm, NULL, NULL, result, error);
}

static PrRanking *
answers (const char *lm, const char *settings, StageResult *result)
{
  GError *error = NULL;
  gboolean ok = ask (lm, settings, result, &error);
  g_autofree char *ranking = NULL;
  PrRanking *loaded;

  ck_assert_no_error (error);
  ck_assert (ok);
  ranking = harness_output (result, "ranking");
  loaded = pr_ranking_load (ranking, 3, &error);
  ck_assert_no_error (error);
  return loaded;
}

static guint
hits (const PrRanking *ranking)
{
  guint n = 0;

  for (gint64 u = 0; u < ranking->n_users; u++)
    n += ranking->items[u * ranking->k] == (gint32)((u + tiny_lengths[u] - 2) % 3);
  return n;
}

/* Lines with PART among the thoughts that were kept. */
static guint
count_thoughts (const StageResult *result, const char *part)
{
  g_autofree char *path = g_build_filename (result->dir, "thoughts", "thoughts.jsonl", NULL), *text = NULL;
  guint n = 0;

  ck_assert (g_file_get_contents (path, &text, NULL, NULL));
  for (const char *at = text; (at = strstr (at, part)) != NULL; at++)
    n++;
  return n;
}

/* Purchases are a cycle, so what holds for the training target holds for the next: a model that learnt it by heart
 * thinks the right words and answers right. */
START_TEST (learns_to_think_and_to_answer)
{
  g_auto (StageResult) tuned = { 0 }, greedy = { 0 }, many = { 0 };
  g_autoptr (PrRanking) one = NULL, pooled = NULL;
  g_autoptr (PrLm) lm = NULL;
  g_autofree char *lm_out = NULL;

  tune_ok (LEARN "targets=last", &tuned);
  lm_out = harness_output (&tuned, "lm");
  lm = pr_lm_load (lm_out, NULL);
  ck_assert_int_eq (pr_lm_protocol (lm)->thinking, PR_THINKING_COT);
  ck_assert_double_eq (harness_metric (&tuned, "rationales"), 6);
  ck_assert_double_eq (harness_metric (&tuned, "rationales_missing"), 0);
  ck_assert_double_lt (g_array_index (harness_curve (&tuned, "loss"), double, 79), 0.05);
  one = answers (lm_out, "", &greedy);
  ck_assert_uint_eq (hits (one), 6);
  ck_assert_double_eq (harness_metric (&greedy, "thoughts"), 6);
  ck_assert_double_eq (harness_metric (&greedy, "malformed_share"), 0);
  ck_assert_double_gt (harness_metric (&greedy, "thought_tokens_mean"), 0.5);
  ck_assert_double_gt (greedy.record->costs[PR_COST_GENERATED_TOKENS], 6 * 3 * 2);
  ck_assert_uint_eq (count_thoughts (&greedy, "{\"closed\": true, \"text\": \"a mat\", \"thought\": 0, \"user\": \"u"),
                     2);
  pooled = answers (lm_out, "thoughts=4 temperature=0.5", &many);
  ck_assert_uint_ge (hits (pooled), 5);
  ck_assert_double_eq (harness_metric (&many, "thoughts"), 24);
  ck_assert_uint_eq (count_thoughts (&many, "\"thought\": 3"), 6);
}
END_TEST

/* Sum of -log p over tokens [FROM, TO) of a prompt of PROMPT tokens, "mat", </think> and a SID. */
static double
surprise (const float *log_probs, gint32 from, gint32 to)
{
  double sum = 0;

  for (gint32 i = from; i < to; i++)
    sum -= (double)log_probs[i];
  return sum;
}

/* The loss of the first step is the weighted mean of what the model gives every token, worked out token by token. */
START_TEST (the_loss_is_the_weighted_mean)
{
  static const double weights[] = { 0, 0.25, 1, 3 };
  const double weight = weights[_i];
  g_autofree char *settings = g_strdup_printf ("epochs=1 lr=0 batch_size=6 valid_users=0 rationale_weight=%g", weight);
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrLm) lm = pr_lm_load (tiny_lm_dir, NULL);
  g_autoptr (PrSids) sids = tiny_sids ();
  g_autoptr (PrProtocol) protocol = pr_protocol_new ("U:{history}", "", 3);
  g_autoptr (PrDataset) dataset = pr_dataset_load (tiny_data_dir, NULL);
  g_autoptr (PrPrompter) prompter = NULL;
  double sum = 0, total = 0;

  protocol->thinking = PR_THINKING_COT;
  prompter = pr_prompter_new (protocol, pr_lm_tokenizer (lm), sids, NULL, NULL);
  save_rationales (-1, "mat");
  tune_ok (settings, &result);
  for (gint64 u = 0; u < (gint64)TINY_USERS; u++)
    {
      g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
      gint64 n;
      const gint32 *items = pr_dataset_sequence (dataset, u, &n), close = END_THINK;
      gint32 offsets[2] = { 0, 0 }, prompt;
      float log_probs[64];

      pr_prompter_prompt (prompter, items, n - 3, tokens);
      prompt = (gint32)tokens->len;
      pr_tokenizer_encode (pr_lm_tokenizer (lm), "mat", -1, tokens);
      ck_assert_int_eq (tokens->len, prompt + 3);
      g_array_append_val (tokens, close);
      pr_prompter_item (prompter, items[n - 3], tokens);
      offsets[1] = (gint32)tokens->len;
      ck_assert (pr_lm_log_probs (lm, (const gint32 *)(void *)tokens->data, offsets, 1, NULL, 1, log_probs, NULL));
      sum += weight * surprise (log_probs, prompt, prompt + 3) + surprise (log_probs, prompt + 3, prompt + 6);
      total += 3 * weight + 3;
    }
  ck_assert_double_eq_tol (g_array_index (harness_curve (&result, "loss"), double, 0), sum / total, 1e-5);
}
END_TEST

START_TEST (rationales_are_checked)
{
  g_auto (StageResult) empty = { 0 }, cut = { 0 }, foreign = { 0 }, silent = { 0 };

  save_rationales (2, NULL);
  tune_fails ("", PR_ERROR_DATA, "1 of 6 targets have no rationale, the first of them that of user 'u2' at position 3");
  tune_ok ("epochs=0 missing=empty", &empty);
  ck_assert_double_eq (harness_metric (&empty, "rationales_missing"), 1);
  save_rationales (-1, "a very long rationale, longer than what is allowed");
  tune_fails ("thought_tokens=10", PR_ERROR_DATA, "more than thought_tokens = 10");
  tune_ok ("epochs=0 thought_tokens=10 too_long=cut", &cut);
  ck_assert_double_eq (harness_metric (&cut, "rationales_cut"), 6);
  ck_assert_double_eq (harness_metric (&cut, "rationale_tokens_mean"), 10);
  save_rationales (-1, "buy <a_0><b_1>");
  tune_ok ("epochs=0", &foreign);
  ck_assert_double_eq (harness_metric (&foreign, "rationales_foreign"), 6);
  ck_assert_double_eq (harness_metric (&foreign, "rationale_tokens_mean"), 4); /* "buy " */
  save_rationales (-1, "");
  tune_ok ("epochs=0", &silent);
  ck_assert_double_eq (harness_metric (&silent, "rationales_empty"), 6);
}
END_TEST

/* Rationales of what is to be predicted are no examples, not even where missing ones may be empty; whoever trains
 * another purchase as well trains it without them. */
START_TEST (rationales_of_evaluation_are_never_trained)
{
  for (gint32 from_end = 1; from_end <= 2; from_end++)
    {
      save_rationales_of (from_end, -1, NULL);
      tune_fails ("", PR_ERROR_DATA,
                  "none of the 6 training targets has a rationale, and the input `rationales` has 6 of");
      tune_fails ("missing=empty", PR_ERROR_DATA, "those of validation and test targets are for probes");
      tune_fails ("targets=all-prefixes missing=empty", PR_ERROR_DATA, "none of the ");
    }
}
END_TEST

/* An untrained model babbles: no thought ends, so nobody gets an item, and everybody is counted. */
START_TEST (malformed_thoughts_count)
{
  g_auto (StageResult) fresh = { 0 }, missed = { 0 }, closed = { 0 };
  g_autofree char *lm_out = NULL;
  g_autoptr (PrRanking) none = NULL, some = NULL;

  tune_ok ("epochs=0", &fresh);
  lm_out = harness_output (&fresh, "lm");
  none = answers (lm_out, "", &missed);
  ck_assert_double_eq (harness_metric (&missed, "malformed_share"), 1);
  ck_assert_double_eq (harness_metric (&missed, "silent_users"), 6);
  for (gint64 i = 0; i < none->n_users * none->k; i++)
    ck_assert_int_eq (none->items[i], -1);
  some = answers (lm_out, "malformed=close", &closed);
  ck_assert_double_eq (harness_metric (&closed, "malformed_share"), 1);
  ck_assert_double_eq (harness_metric (&closed, "silent_users"), 0);
  for (gint64 i = 0; i < some->n_users * some->k; i++)
    ck_assert_int_ge (some->items[i], 0);
}
END_TEST

START_TEST (asking_is_checked)
{
  g_auto (StageResult) fresh = { 0 }, result = { 0 };
  g_autoptr (GError) same = NULL, room = NULL;
  g_autofree char *lm_out = NULL;

  tune_ok ("epochs=0", &fresh);
  lm_out = harness_output (&fresh, "lm");
  ck_assert (!ask (lm_out, "thoughts=2", &result, &same));
  ck_assert_pr_error (same, PR_ERROR_MANIFEST, "greedy thoughts are all the same");
  stage_result_clear (&result);
  ck_assert (!ask (lm_out, "thought_tokens=60", &result, &room));
  ck_assert_pr_error (room, PR_ERROR_MANIFEST, "lower thought_tokens");
}
END_TEST

/* A fresh model's thoughts lead nowhere but by chance of its beams; one beam and one epoch later most are gone. */
START_TEST (the_self_filter_empties_what_leads_nowhere)
{
  g_auto (StageResult) filtered = { 0 }, kept = { 0 };
  const GArray *emptied;

  tune_ok ("epochs=3 lr=0 batch_size=6 valid_users=0 filter_thoughts=2 filter_beams=1 thought_tokens=4 "
           "too_long=cut",
           &filtered);
  emptied = harness_curve (&filtered, "emptied_share");
  ck_assert_uint_eq (emptied->len, 2);
  ck_assert_double_eq (g_array_index (emptied, double, 0), 1); /* nothing ends within four tokens */
  ck_assert_double_eq (g_array_index (harness_curve (&filtered, "filter_malformed_share"), double, 0), 1);
  /* With empty rationales the loss is another one. */
  ck_assert_double_ne (g_array_index (harness_curve (&filtered, "loss"), double, 0),
                       g_array_index (harness_curve (&filtered, "loss"), double, 1));
  tune_ok (LEARN "targets=last filter_thoughts=2 filter_beams=3 filter_temperature=0.3", &kept);
  emptied = harness_curve (&kept, "emptied_share");
  ck_assert_uint_eq (emptied->len, 79);
}
END_TEST

START_TEST (threads_change_no_bit)
{
  g_auto (StageResult) one = { 0 }, other = { 0 };

  pr_threads_set (1);
  tune_ok ("epochs=4 lr=0.02 batch_size=4 thought_tokens=8 valid_users=6 filter_thoughts=2", &one);
  pr_threads_set ((guint)_i);
  tune_ok ("epochs=4 lr=0.02 batch_size=4 thought_tokens=8 valid_users=6 filter_thoughts=2", &other);
  harness_assert_same (&one, &other, "lm");
}
END_TEST

/* Interrupted anywhere, in epochs, validations and self-filters, and started again. */
START_TEST (resumes_with_the_same_bytes)
{
  static const char *const settings =
      "epochs=6 lr=0.02 batch_size=4 thought_tokens=8 valid_users=6 filter_thoughts=2 checkpoint_steps=3";
  const char *const inputs[] = TINY_INPUTS (NULL, "rationales", why_dir);
  g_auto (StageResult) whole = { 0 }, again = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean ok;

  tune_ok (settings, &whole);
  ok = harness_resume (tiny_registry, "explicit-cot", settings, inputs, 1, 1 + 5 * (guint)_i, &again, &error);
  ck_assert_no_error (error);
  ck_assert (ok);
  harness_assert_same (&whole, &again, "lm");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("explicit-cot");
  TCase *tcase = tcase_create ("stage");

  tcase_set_timeout (tcase, 60);
  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, learns_to_think_and_to_answer);
  tcase_add_loop_test (tcase, the_loss_is_the_weighted_mean, 0, 4);
  tcase_add_test (tcase, rationales_are_checked);
  tcase_add_test (tcase, rationales_of_evaluation_are_never_trained);
  tcase_add_test (tcase, malformed_thoughts_count);
  tcase_add_test (tcase, asking_is_checked);
  tcase_add_test (tcase, the_self_filter_empties_what_leads_nowhere);
  tcase_add_loop_test (tcase, threads_change_no_bit, 2, 4);
  tcase_add_loop_test (tcase, resumes_with_the_same_bytes, 0, 7);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
