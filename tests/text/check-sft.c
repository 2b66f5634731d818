/* check-sft.c - tokens and loss masks of fine-tuning examples, literally. */
#include "tiny-world.h"

#include <pauserec/sft.h>

static char *dir;
static PrDataset *dataset;
static PrSids *sids;
static PrLm *lm;
static PrExample example;

static const gint64 lengths[] = { 2, 3, 4, 9 };

static void
open_world (const gint64 *n, gsize n_users)
{
  GError *error = NULL;

  dir = pr_check_tmpdir ();
  tiny_dataset_write (dir, n, n_users);
  dataset = pr_dataset_load (dir, &error);
  ck_assert_no_error (error);
  sids = tiny_sids ();
  lm = tiny_lm (64, TRUE);
  ck_assert (pr_lm_add_tokens (lm, (const char *const[]){ "<pause>", NULL }, PR_ROW_INIT_MEAN, 1, &error));
  example.tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  example.loss = g_array_new (FALSE, FALSE, sizeof (float));
}

static void
setup (void)
{
  open_world (lengths, G_N_ELEMENTS (lengths));
}

static void
teardown (void)
{
  pr_dataset_free (dataset);
  pr_sids_free (sids);
  pr_lm_free (lm);
  g_array_unref (example.tokens);
  g_array_unref (example.loss);
  pr_check_rmdir (dir);
  g_free (dir);
}

static PrSft *
make (const char *prompt, gint64 history, int targets, gint64 pauses, GError **error)
{
  g_autoptr (PrProtocol) protocol = pr_protocol_new (prompt, "", history);
  const PrSftParams params = { targets, PR_VALID_LOSS, 100, 20 };

  if (pauses >= 0)
    protocol->thinking = PR_THINKING_PAUSE;
  protocol->pauses = MAX (0, pauses);
  return pr_sft_new (lm, dataset, sids, protocol, &params, error);
}

/* "t" tokens without loss, "t!" with: the example as a text. */
static char *
spell (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  static const char *const names[] = { "<think>", "</think>", "a0", "a1", "a2", "b0", "b1", "P" };

  ck_assert_uint_eq (example.tokens->len, example.loss->len);
  for (guint i = 0; i < example.tokens->len; i++)
    {
      gint32 token = g_array_index (example.tokens, gint32, i);

      if (token == PR_TOKEN_LATENT)
        g_string_append_c (text, 'L');
      else if (token >= THINK)
        g_string_append (text, names[token - THINK]);
      else
        g_string_append_c (text, (char)(token + '!'));
      g_string_append (text, g_array_index (example.loss, float, i) != 0 ? "! " : " ");
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

#define assert_example(sft, index, wanted)                                                                             \
  do                                                                                                                   \
    {                                                                                                                  \
      ck_assert (pr_sft_example (sft, 0, index, &example, NULL));                                                      \
      g_autofree char *found_ = spell ();                                                                              \
      ck_assert_str_eq (found_, wanted);                                                                               \
    }                                                                                                                  \
  while (0)

/* Users 0 and 1 train nothing.  User 2: items 2 0 [1 2 held out]; user 3: 0 1 2 0 1 2 0 [1 2 held out]. */
START_TEST (last_target)
{
  g_autoptr (PrSft) sft = make ("U{history}", 3, PR_TARGETS_LAST, -1, NULL);

  ck_assert_uint_eq (pr_sft_n (sft), 2);
  assert_example (sft, 0, "U a2 b1 a0! b0! ");
  assert_example (sft, 1, "U a0 b0 a0 b1 a2 b1 a0! b0! ");
}
END_TEST

START_TEST (pauses_stand_before_the_target)
{
  g_autoptr (PrSft) sft = make ("U{history}.", 2, PR_TARGETS_LAST, 3, NULL),
                    none = make ("U{history}", 2, PR_TARGETS_LAST, 0, NULL);

  assert_example (sft, 1, "U a0 b1 a2 b1 . <think> P P P </think> a0! b0! ");
  assert_example (none, 0, "U a2 b1 <think> </think> a0! b0! ");
}
END_TEST

START_TEST (latent_steps_stand_before_the_target)
{
  g_autoptr (PrProtocol) protocol = pr_protocol_new ("U{history}", "", 2);
  const PrSftParams params = { PR_TARGETS_ALL_PREFIXES, PR_VALID_LOSS, 100, 20 };
  g_autoptr (GError) room = NULL, words = NULL;

  protocol->thinking = PR_THINKING_LATENT;
  protocol->pauses = 2;
  g_autoptr (PrSft) sft = pr_sft_new (lm, dataset, sids, protocol, &params, NULL);

  ck_assert_uint_eq (pr_sft_n (sft), 1 + 6);
  assert_example (sft, 0, "U a2 b1 <think> L L </think> a0! b0! ");
  assert_example (sft, 6, "U a0 b1 a2 b1 <think> L L </think> a0! b0! ");
  ck_assert (pr_sft_valid_example (sft, 0, 0, &example, NULL));
  g_autofree char *valid = spell ();

  ck_assert_ptr_nonnull (strstr (valid, " <think> L L </think> a"));
  protocol->pauses = 60; /* 1 + 4 + <think>, 60 steps, </think>, SID: 69 of 64 positions */
  ck_assert_ptr_null (pr_sft_new (lm, dataset, sids, protocol, &params, &room));
  ck_assert_pr_error (room, PR_ERROR_MANIFEST, "makes 69 tokens");
  protocol->thinking = PR_THINKING_COT;
  protocol->pauses = 0;
  ck_assert_ptr_null (pr_sft_new (lm, dataset, sids, protocol, &params, &words));
  ck_assert_pr_error (words, PR_ERROR_PLUGIN, "rationale");
}
END_TEST

START_TEST (all_prefixes_in_one_pass)
{
  g_autoptr (PrSft) sft = make ("U{history}", 6, PR_TARGETS_ALL_PREFIXES, -1, NULL);

  ck_assert_uint_eq (pr_sft_n (sft), 2);
  assert_example (sft, 0, "U a2 b1 a0! b0! ");
  assert_example (sft, 1, "U a0 b0 a0! b1! a2! b1! a0! b0! a0! b1! a2! b1! a0! b0! ");
}
END_TEST

START_TEST (all_prefixes_in_windows)
{
  /* History 3: windows of 4 purchases, 2 apart; the last ends at the last target and sees 3 purchases before it. */
  g_autoptr (PrSft) sft = make ("U{history}", 3, PR_TARGETS_ALL_PREFIXES, -1, NULL);

  ck_assert_uint_eq (pr_sft_n (sft), 4);
  assert_example (sft, 1, "U a0 b0 a0! b1! a2! b1! ");
  assert_example (sft, 2, "U a0 b1 a2 b1 a0! b0! a0! b1! ");
  assert_example (sft, 3, "U a0 b0 a0 b1 a2! b1! a0! b0! ");
}
END_TEST

START_TEST (all_prefixes_one_by_one)
{
  g_autoptr (PrSft) sft = make ("{history}.", 2, PR_TARGETS_ALL_PREFIXES, -1, NULL);

  ck_assert_uint_eq (pr_sft_n (sft), 1 + 6);
  assert_example (sft, 1, "a0 b0 . a0! b1! ");
  assert_example (sft, 2, "a0 b0 a0 b1 . a2! b1! ");
  assert_example (sft, 3, "a0 b1 a2 b1 . a0! b0! ");
  assert_example (sft, 6, "a0 b1 a2 b1 . a0! b0! ");
}
END_TEST

START_TEST (each_prefix_although_one_pass_would_do)
{
  g_autoptr (PrSft) sft = make ("U{history}", 2, PR_TARGETS_EACH_PREFIX, -1, NULL);
  const PrSftParams each = { .targets = PR_TARGETS_EACH_PREFIX }, all = { .targets = PR_TARGETS_ALL_PREFIXES };

  ck_assert_uint_eq (pr_sft_n (sft), 1 + 6);
  assert_example (sft, 1, "U a0 b0 a0! b1! ");
  assert_example (sft, 6, "U a0 b1 a2 b1 a0! b0! ");
  ck_assert_int_eq (pr_sft_estimate_n (&all, TRUE, 9), 9);
  ck_assert_int_eq (pr_sft_estimate_n (&each, TRUE, 9), PR_DIM_UNKNOWN);
}
END_TEST

/* Every target exactly once, with as much history as promised, for all lengths and histories. */
START_TEST (windows_cover_every_target_once)
{
  for (gint64 m = 2; m <= 30; m++)
    for (gint64 history = 1; history <= 12; history++)
      {
        const gint64 one[] = { m + 2 };
        gint64 stride = (history + 1) / 2, targets = 0, longest = 0;

        teardown ();
        open_world (one, 1);
        /* Items do not matter here but their number: count targets by their place in the sequence. */
        g_autoptr (PrSft) sft = make ("{history}", history, PR_TARGETS_ALL_PREFIXES, -1, NULL);

        for (gsize i = 0; i < pr_sft_n (sft); i++)
          {
            gint64 seen = 0;

            ck_assert (pr_sft_example (sft, 0, i, &example, NULL));
            longest = MAX (longest, (gint64)example.tokens->len / 2);
            for (guint t = 0; t < example.tokens->len; t += 2, seen++)
              {
                gboolean loss = g_array_index (example.loss, float, t) != 0;
                gint32 item = (gint32)((targets + 1) % 3), a = item == 2 ? A2 : A0;

                ck_assert_int_eq (loss, g_array_index (example.loss, float, t + 1) != 0);
                if (!loss)
                  continue;
                targets++; /* in order, without gaps: the item says so */
                ck_assert_int_eq (g_array_index (example.tokens, gint32, t), a);
                ck_assert_int_le (seen, history);
                ck_assert_int_ge (seen, MIN (targets, history + 1 - stride));
                if (targets == m - 1)
                  ck_assert_int_eq (seen, MIN (m - 1, history));
              }
          }
        ck_assert_int_eq (targets, m - 1);
        ck_assert_int_le (longest, history + 1);
      }
}
END_TEST

START_TEST (validation_asks_for_the_second_last)
{
  g_autoptr (PrSft) sft = make ("U{history}", 2, PR_TARGETS_LAST, 1, NULL);
  gboolean seen[2] = { FALSE, FALSE };

  ck_assert_uint_eq (pr_sft_n_valid (sft), 3);
  for (gsize i = 0; i < pr_sft_n_valid (sft); i++)
    {
      ck_assert (pr_sft_valid_example (sft, 0, i, &example, NULL));
      g_autofree char *text = spell ();

      seen[0] |= strcmp (text, "U a2 b1 a0 b0 <think> P </think> a0! b1! ") == 0; /* user 2: 2 0 | 1 */
      seen[1] |= strcmp (text, "U a2 b1 a0 b0 <think> P </think> a0! b1! ") != 0;
    }
  ck_assert (seen[0] && seen[1]);
}
END_TEST

START_TEST (validation_by_ndcg)
{
  g_autoptr (PrSft) sft = make ("U{history}", 2, PR_TARGETS_LAST, -1, NULL);
  double score = -1, again = -1;
  GError *error = NULL;

  ck_assert_msg (pr_sft_valid_ndcg (sft, lm, &score, &error), "%s", error ? error->message : "");
  /* With three items everything is found among ten: each user scores 1, .63 or .5. */
  ck_assert_double_ge (score, 0.5);
  ck_assert_double_le (score, 1);
  ck_assert (pr_sft_valid_ndcg (sft, lm, &again, &error));
  ck_assert (score == again);
}
END_TEST

START_TEST (faults)
{
  g_autoptr (GError) template = NULL, tokens = NULL, items = NULL, room = NULL, empty = NULL, pause = NULL;
  const gint32 sizes[] = { 3, 2 };
  const gint64 short_ones[] = { 2, 3 };

  ck_assert_ptr_null (make ("no slot", 2, PR_TARGETS_LAST, -1, &template));
  ck_assert_pr_error (template, PR_ERROR_MANIFEST, "{history}");
  ck_assert_ptr_null (make ("U{history}", 200, PR_TARGETS_LAST, 60, &room));
  ck_assert_pr_error (room, PR_ERROR_MANIFEST, "64 positions");

  pr_sids_free (sids);
  sids = pr_sids_new (2, 2, sizes);
  ck_assert_ptr_null (make ("U{history}", 2, PR_TARGETS_LAST, -1, &items));
  ck_assert_pr_error (items, PR_ERROR_DATA, "2 semantic ids for 3 items");
  pr_sids_free (sids);
  sids = tiny_sids ();

  pr_lm_free (lm);
  lm = tiny_lm (64, TRUE);
  ck_assert_ptr_null (make ("U{history}", 2, PR_TARGETS_LAST, 1, &pause));
  ck_assert_pr_error (pause, PR_ERROR_DATA, "<pause>");
  pr_lm_free (lm);
  lm = tiny_lm (64, FALSE);
  ck_assert_ptr_null (make ("U{history}", 2, PR_TARGETS_LAST, -1, &tokens));
  ck_assert_pr_error (tokens, PR_ERROR_DATA, "<a_0>");

  teardown ();
  open_world (short_ones, 2);
  ck_assert_ptr_null (make ("U{history}", 2, PR_TARGETS_LAST, -1, &empty));
  ck_assert_pr_error (empty, PR_ERROR_DATA, "every history is empty");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sft");
  TCase *tcase = tcase_create ("sft");

  tcase_set_timeout (tcase, 60);
  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, last_target);
  tcase_add_test (tcase, pauses_stand_before_the_target);
  tcase_add_test (tcase, latent_steps_stand_before_the_target);
  tcase_add_test (tcase, all_prefixes_in_one_pass);
  tcase_add_test (tcase, all_prefixes_in_windows);
  tcase_add_test (tcase, all_prefixes_one_by_one);
  tcase_add_test (tcase, each_prefix_although_one_pass_would_do);
  tcase_add_test (tcase, windows_cover_every_target_once);
  tcase_add_test (tcase, validation_asks_for_the_second_last);
  tcase_add_test (tcase, validation_by_ndcg);
  tcase_add_test (tcase, faults);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
