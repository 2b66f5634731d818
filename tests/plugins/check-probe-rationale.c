/* probe-rationale-sensitivity on models of which it is known what they read in a rationale. */
#include "config.h"

#include "reading-world.h"

#include <pauserec/threads.h>

#define TEACH                                                                                                          \
  "targets=all-prefixes epochs=16 lr=0.01 batch_size=16 valid_users=0 rationale_weight=0.3 thought_tokens=16"
#define ASK "thought_tokens=16 top_k=1 beams=4"
#define GUESS 1.38629436111989 /* ln 4 */

static Reading world;

static void
setup_told (void)
{
  reading_init (&world, WORLD_TOLD, TEACH);
}

static void
setup_noise (void)
{
  reading_init (&world, WORLD_NOISE, TEACH);
}

/* Not taught: for what is refused. */
static void
setup_fresh (void)
{
  reading_init (&world, WORLD_TOLD, "epochs=0");
}

static void
teardown (void)
{
  reading_clear (&world);
}

/* The SID is a function of the rationale ------------------------------------ */

START_TEST (the_told_world_reads_every_word)
{
  g_auto (StageResult) r = { 0 };

  reading_run (&world, "probe-rationale-effect", ASK, 1, &r);
  ck_assert_double_eq (harness_metric (&r, "asked_users"), READING_USERS);
  ck_assert_double_eq (reading_mean (&r, "gold_hit_1"), 1);
  ck_assert_double_eq (reading_mean (&r, "other_hit_1"), 0);
  ck_assert_double_eq (reading_mean (&r, "other_vs_gold_top_1_changed"), 1);
  ck_assert_double_gt (reading_mean (&r, "gold_log_p"), -0.05);
  ck_assert_double_lt (reading_mean (&r, "other_log_p"), -3);
  /* Without words one of four. */
  ck_assert_double_eq_tol (reading_mean (&r, "none_log_p"), -GUESS, 0.15);
  ck_assert_double_eq_tol (reading_mean (&r, "none_hit_1"), 0.25, 0.12);
  ck_assert_double_eq_tol (reading_mean (&r, "none_vs_gold_log_p"),
                           reading_mean (&r, "none_log_p") - reading_mean (&r, "gold_log_p"), 1e-5);
  /* It cannot know itself which colour it should think of. */
  ck_assert_double_lt (reading_mean (&r, "own_hit_1"), 0.5);
  ck_assert_double_lt (harness_metric (&r, "own_is_gold_share"), 0.5);
}
END_TEST

START_TEST (what_is_read_is_sensitive)
{
  g_auto (StageResult) r = { 0 };

  reading_run (&world, "probe-rationale-sensitivity",
               ASK " kinds=paraphrase,shuffle-words,drop-words,wrong-category,other-user,empty", 1, &r);
  ck_assert_double_eq (reading_mean (&r, "intact_hit_1"), 1);
  /* "you want" for "you need": another wording of the same. */
  ck_assert_double_eq (reading_mean (&r, "paraphrase_vs_intact_hit_1"), 0);
  ck_assert_double_eq_tol (reading_mean (&r, "paraphrase_vs_intact_log_p"), 0, 0.05);
  ck_assert_double_eq (harness_metric (&r, "paraphrase_unchanged_share"), 0);
  /* The wrong colour leads astray, and nothing leads nowhere. */
  ck_assert_double_eq (reading_mean (&r, "wrong_category_vs_intact_hit_1"), -1);
  ck_assert_double_eq (reading_mean (&r, "other_user_vs_intact_ndcg_1"), -1);
  ck_assert_double_lt (reading_mean (&r, "wrong_category_vs_intact_log_p"), -3);
  ck_assert_double_eq_tol (reading_mean (&r, "drop_words_100_log_p"), -GUESS, 0.15);
  ck_assert_double_eq_tol (reading_mean (&r, "drop_words_100_hit_1"), 0.25, 0.12);
  ck_assert_double_eq (reading_mean (&r, "empty_log_p"), reading_mean (&r, "drop_words_100_log_p"));
  /* Of three words one or two are gone, each time another: 3 of 4 and 2 of 4 targets are hit with luck. */
  ck_assert_double_eq_tol (reading_mean (&r, "drop_words_25_hit_1"), 2. / 3 + 1. / 12, 0.1);
  ck_assert_double_eq_tol (reading_mean (&r, "drop_words_50_hit_1"), 1. / 3 + 2. / 12, 0.12);
  ck_assert_double_eq_tol (reading_mean (&r, "drop_words_25_log_p"), -GUESS / 3, 0.2);
  ck_assert_double_eq_tol (reading_mean (&r, "drop_words_50_log_p"), -GUESS * 2 / 3, 0.2);
  /* The order of the words says nothing. */
  ck_assert_double_eq (reading_mean (&r, "shuffle_words_25_vs_intact_hit_1"), 0);
  ck_assert_double_eq (reading_mean (&r, "shuffle_words_100_vs_intact_hit_1"), 0);
  ck_assert_double_eq_tol (reading_mean (&r, "shuffle_words_100_vs_intact_log_p"), 0, 0.05);
}
END_TEST

/* By hand: prompt, thought and SID run as one sequence, over the vocabulary. */
START_TEST (log_p_is_as_by_hand)
{
  g_auto (StageResult) r = { 0 };
  g_autoptr (PrLm) lm = pr_lm_load (world.lm, NULL);
  g_autoptr (PrSids) sids = pr_sids_load (world.sids, NULL);
  g_autoptr (PrPrompter) prompter = pr_prompter_new (pr_lm_protocol (lm), pr_lm_tokenizer (lm), sids, NULL, NULL);
  g_autoptr (PrRationales) gold = pr_rationales_load (world.gold, world.dataset, NULL);
  const float *gold_values, *none_values, *hits;

  reading_run (&world, "probe-rationale-effect", ASK " normalise=vocabulary", 1, &r);
  gold_values = reading_users (&r, "gold_log_p");
  none_values = reading_users (&r, "none_log_p");
  hits = reading_users (&r, "gold_hit_1");
  for (gint32 u = 0; u < 12; u++)
    for (int empty = 0; empty < 2; empty++)
      {
        gint64 n;
        const gint32 *history = pr_dataset_history (world.dataset, u, PR_SPLIT_TEST, &n);
        gint32 target = pr_dataset_target (world.dataset, u, PR_SPLIT_TEST), best = -1;
        double log_probs[READING_ITEMS];

        for (gint32 item = 0; item < READING_ITEMS; item++)
          {
            g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
            const gint32 close = pr_prompter_end_think (prompter);
            gint32 offsets[2] = { 0 };
            float all[64];

            pr_prompter_prompt (prompter, history, n, tokens);
            if (!empty)
              pr_tokenizer_encode (pr_lm_tokenizer (lm), pr_rationales_find (gold, u, READING_LENGTH - 1)->text, -1,
                                   tokens);
            g_array_append_val (tokens, close);
            pr_prompter_item (prompter, item, tokens);
            offsets[1] = (gint32)tokens->len;
            ck_assert (
                pr_lm_log_probs (lm, (const gint32 *)(gconstpointer)tokens->data, offsets, 1, NULL, 1, all, NULL));
            log_probs[item] = (double)all[offsets[1] - 2] + (double)all[offsets[1] - 1];
            best = best < 0 || log_probs[item] > log_probs[best] ? item : best;
          }
        ck_assert_double_eq_tol ((double)(empty ? none_values : gold_values)[u], log_probs[target], 1e-4);
        ck_assert (empty || hits[u] == (float)(best == target));
      }
}
END_TEST

/* The same users in every seed; other ones are swapped in. */
START_TEST (users_are_the_same_in_every_seed)
{
  g_auto (StageResult) one = { 0 }, two = { 0 }, more = { 0 };
  const float *a, *b, *c;
  guint same_others = 0;

  reading_run (&world, "probe-rationale-effect", ASK " users=40", 1, &one);
  reading_run (&world, "probe-rationale-effect", ASK " users=40", 2, &two);
  reading_run (&world, "probe-rationale-effect", ASK " users=80", 2, &more);
  ck_assert_uint_eq (reading_defined (&one, "gold_log_p"), 40);
  ck_assert_uint_eq (reading_defined (&more, "gold_log_p"), 80);
  a = reading_users (&one, "gold_log_p");
  b = reading_users (&two, "gold_log_p");
  c = reading_users (&more, "gold_log_p");
  for (gsize u = 0; u < READING_USERS; u++)
    {
      ck_assert (isnan (a[u]) == isnan (b[u]) && (isnan (a[u]) || !isnan (c[u])));
      ck_assert (isnan (a[u]) || a[u] == b[u]);
      same_others += !isnan (a[u]) && reading_users (&one, "other_log_p")[u] == reading_users (&two, "other_log_p")[u];
    }
  ck_assert_uint_lt (same_others, 35);
}
END_TEST

START_TEST (threads_change_no_bit)
{
  g_auto (StageResult) one = { 0 }, more = { 0 };
  static const char *const stages[] = { "probe-rationale-effect", "probe-rationale-sensitivity" };

  pr_threads_set (1);
  reading_run (&world, stages[_i], ASK " users_at_once=5", 3, &one);
  pr_threads_set (3);
  reading_run (&world, stages[_i], ASK " users_at_once=5", 3, &more);
  ck_assert_uint_eq (one.record->users->len, more.record->users->len);
  for (guint i = 0; i < one.record->users->len; i++)
    {
      const PrRecordUsers *a = one.record->users->pdata[i], *b = more.record->users->pdata[i];

      ck_assert_str_eq (a->name, b->name);
      ck_assert_mem_eq (a->values->data, b->values->data, READING_USERS * sizeof (float));
    }
  ck_assert_mem_eq (one.record->costs, more.record->costs, sizeof one.record->costs);
  ck_assert_double_gt (one.record->costs[PR_COST_FLOPS], 0);
}
END_TEST

/* The rationale is noise ------------------------------------------------------ */

START_TEST (noise_is_worth_nothing)
{
  static const char *const differences[] = { "none_vs_own", "other_vs_own", "gold_vs_own", "none_vs_gold",
                                             "other_vs_gold" };
  g_auto (StageResult) r = { 0 };

  reading_run (&world, "probe-rationale-effect", ASK, 1, &r);
  ck_assert_double_eq (reading_mean (&r, "gold_hit_1"), 1);
  for (gsize d = 0; d < G_N_ELEMENTS (differences); d++)
    {
      g_autofree char *log_p = g_strconcat (differences[d], "_log_p", NULL),
                      *hit = g_strconcat (differences[d], "_hit_1", NULL),
                      *changed = g_strconcat (differences[d], "_top_1_changed", NULL);

      ck_assert_double_eq_tol (reading_mean (&r, log_p), 0, 0.1);
      ck_assert_double_eq (reading_mean (&r, hit), 0);
      ck_assert_double_eq (reading_mean (&r, changed), 0);
    }
}
END_TEST

START_TEST (noise_can_be_perturbed)
{
  static const char *const kinds[] = { "paraphrase",     "shuffle_words_100", "drop_words_50",
                                       "drop_words_100", "wrong_category",    "other_user" };
  g_auto (StageResult) r = { 0 };

  reading_run (&world, "probe-rationale-sensitivity", ASK, 1, &r);
  for (gsize k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autofree char *log_p = g_strdup_printf ("%s_vs_intact_log_p", kinds[k]),
                      *hit = g_strdup_printf ("%s_vs_intact_hit_1", kinds[k]);

      ck_assert_double_eq_tol (reading_mean (&r, log_p), 0, 0.1);
      ck_assert_double_eq (reading_mean (&r, hit), 0);
    }
  /* A colour that is not the target's cannot be made wrong: those users say nothing of that kind. */
  ck_assert_double_gt (harness_metric (&r, "wrong_category_unchanged_share"), 0.5);
  ck_assert_double_eq_tol (1 - (double)reading_defined (&r, "wrong_category_log_p") / READING_USERS,
                           harness_metric (&r, "wrong_category_unchanged_share"), 1e-9);
}
END_TEST

/* What is refused --------------------------------------------------------------- */

static void
refused (const char *stage, const char *settings, const char *lm, PrError code, const char *part)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;

  ck_assert (!reading_try (&world, stage, settings, lm, 1, &result, &error));
  ck_assert_pr_error (error, code, part);
}

START_TEST (parameters_are_checked)
{
  const char *stage = "probe-rationale-sensitivity";

  refused (stage, "kinds=shuffle", NULL, PR_ERROR_MANIFEST, "kinds: 'shuffle' is no kind of perturbation");
  refused (stage, "kinds=empty,empty", NULL, PR_ERROR_MANIFEST, "'empty' stands there twice");
  refused (stage, "drop_percent=25,50,25", NULL, PR_ERROR_MANIFEST, "drop_percent = ...,25: 25 stands there twice");
  refused (stage, "top_k=30", NULL, PR_ERROR_MANIFEST, "top_k = 30 is more than beams = 20");
  refused ("probe-rationale-effect", "top_k=30", NULL, PR_ERROR_MANIFEST, "raise beams");
}
END_TEST

START_TEST (gold_must_be_there_and_unspoilt)
{
  g_autoptr (PrRationales) spoilt = pr_rationales_new ();
  g_autoptr (PrRationales) gold = pr_rationales_load (world.gold, world.dataset, NULL);
  PrRationale one;

  refused ("probe-rationale-effect", "split=valid", NULL, PR_ERROR_DATA,
           "160 of the 160 asked users have no rationale of their valid target, the first of them user 'u");
  refused ("probe-rationale-effect", "split=valid users=7", NULL, PR_ERROR_DATA,
           "connect rationales made with targets = valid");
  for (gsize i = 0; i < pr_rationales_n (gold); i++)
    {
      one = *pr_rationales_at (gold, i);
      one.corruption = i == 77 ? "drop-words" : NULL;
      pr_rationales_add (spoilt, &one);
    }
  ck_assert (pr_rationales_save (spoilt, world.dataset, world.gold, NULL));
  refused ("probe-rationale-sensitivity", "", NULL, PR_ERROR_DATA,
           "the rationale of user 'u77' was spoilt (drop-words)");
}
END_TEST

START_TEST (only_a_model_that_thinks_in_words_reads)
{
  refused ("probe-rationale-effect", "", world.base, PR_ERROR_MANIFEST,
           "the model thinks in mode 'none', and only one that thinks in words (cot) can read a rationale");
}
END_TEST

/* An untaught model writes nothing that ends: no items, no log p of its own, and everybody counted. */
START_TEST (malformed_thoughts_are_misses)
{
  g_auto (StageResult) missed = { 0 }, closed = { 0 };

  reading_run (&world, "probe-rationale-effect", ASK, 1, &missed);
  ck_assert_double_eq (harness_metric (&missed, "own_malformed_share"), 1);
  ck_assert_uint_eq (reading_defined (&missed, "own_log_p"), 0);
  ck_assert_uint_eq (reading_defined (&missed, "own_hit_1"), READING_USERS);
  ck_assert_double_eq (reading_mean (&missed, "own_hit_1"), 0);
  ck_assert_uint_eq (reading_defined (&missed, "gold_vs_own_kendall_1"), 0);
  ck_assert_double_eq (reading_mean (&missed, "gold_vs_own_top_1_changed"), 1);
  reading_run (&world, "probe-rationale-effect", ASK " malformed=close", 1, &closed);
  ck_assert_uint_eq (reading_defined (&closed, "own_log_p"), READING_USERS);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("probe-rationale");
  TCase *told = tcase_create ("told"), *noise = tcase_create ("noise"), *fresh = tcase_create ("fresh");

  tcase_set_timeout (told, 60);
  tcase_add_unchecked_fixture (told, setup_told, teardown);
  tcase_add_test (told, the_told_world_reads_every_word);
  tcase_add_test (told, what_is_read_is_sensitive);
  tcase_add_test (told, log_p_is_as_by_hand);
  tcase_add_test (told, users_are_the_same_in_every_seed);
  tcase_add_loop_test (told, threads_change_no_bit, 0, 2);
  suite_add_tcase (suite, told);
  tcase_set_timeout (noise, 60);
  tcase_add_unchecked_fixture (noise, setup_noise, teardown);
  tcase_add_test (noise, noise_is_worth_nothing);
  tcase_add_test (noise, noise_can_be_perturbed);
  suite_add_tcase (suite, noise);
  tcase_add_checked_fixture (fresh, setup_fresh, teardown);
  tcase_add_test (fresh, parameters_are_checked);
  tcase_add_test (fresh, gold_must_be_there_and_unspoilt);
  tcase_add_test (fresh, only_a_model_that_thinks_in_words_reads);
  tcase_add_test (fresh, malformed_thoughts_are_misses);
  suite_add_tcase (suite, fresh);
  return pr_check_main (suite);
}
