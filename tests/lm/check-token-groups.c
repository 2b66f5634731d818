/* check-token-groups.c - which tokens of a tiny model are words in use, and which are semantic ids. */
#include "tiny-world.h"

#include <pauserec/tokengroups.h>
#include <pauserec/tokenrows.h>

static char *dir;
static PrDataset *dataset;
static PrSids *sids;
static PrLm *lm;

static const gint64 lengths[] = { 4, 6 };

static void
setup (void)
{
  const char *const pause[] = { PR_PAUSE_TOKEN, NULL };

  dir = pr_check_tmpdir ();
  tiny_dataset_write (dir, lengths, G_N_ELEMENTS (lengths));
  dataset = pr_dataset_load (dir, NULL);
  sids = tiny_sids ();
  lm = tiny_lm (64, TRUE);
  ck_assert (pr_lm_add_tokens (lm, pause, PR_ROW_INIT_MEAN, 1, NULL));
}

static void
teardown (void)
{
  pr_dataset_free (dataset);
  pr_sids_free (sids);
  pr_lm_free (lm);
  pr_check_rmdir (dir);
  g_free (dir);
}

static PrTokenGroups *
make (gint64 min_count)
{
  GError *error = NULL;
  PrTokenGroups *groups = pr_token_groups_new (lm, dataset, sids, min_count, &error);

  ck_assert_no_error (error);
  return groups;
}

/* Tokens in use as one text. */
static char *
words (const PrTokenGroups *groups)
{
  return pr_tokenizer_decode (pr_lm_tokenizer (lm), groups->text, (gsize)groups->n_text, FALSE);
}

START_TEST (every_token_has_a_kind)
{
  g_autoptr (PrTokenGroups) groups = make (1);

  ck_assert_int_eq (groups->vocab, PAUSE + 1);
  for (gint32 t = 0; t < END_OF_TEXT; t++)
    ck_assert_int_eq (groups->kinds[t], PR_TOKEN_TEXT);
  for (gint32 t = END_OF_TEXT; t < A0; t++)
    ck_assert_int_eq (groups->kinds[t], PR_TOKEN_OTHER);
  for (gint32 t = A0; t <= B1; t++)
    ck_assert_int_eq (groups->kinds[t], PR_TOKEN_SID + (t >= B0));
  ck_assert_int_eq (groups->kinds[PAUSE], PR_TOKEN_OTHER);
}
END_TEST

/* " Tent by Nord. Out > Tents" and " Mat. Soft mat"; no item has <a_1>. */
START_TEST (words_are_those_of_the_items)
{
  g_autoptr (PrTokenGroups) groups = make (1);
  g_autofree char *used = words (groups);
  const gint32 of_items[] = { A0, A2, B0, B1 };

  ck_assert_str_eq (used, ".>MNOSTabdefmnorstuy ");
  ck_assert_int_eq (groups->n_sids, 4);
  ck_assert_mem_eq (groups->sids, of_items, sizeof of_items);
}
END_TEST

/* Twice and more: T, t and others; <a_0> and <b_1> have two items each. */
START_TEST (rare_ones_can_be_left_out)
{
  g_autoptr (PrTokenGroups) twice = make (2), all = make (0), none = make (1000);
  g_autofree char *used = words (twice);
  const gint32 of_two[] = { A0, B1 };

  ck_assert_ptr_nonnull (strchr (used, 't'));
  ck_assert_ptr_nonnull (strchr (used, 'T'));
  ck_assert_ptr_null (strchr (used, 'N'));
  ck_assert_ptr_null (strchr (used, '>'));
  ck_assert_int_eq (twice->n_sids, 2);
  ck_assert_mem_eq (twice->sids, of_two, sizeof of_two);
  ck_assert_int_eq (all->n_text, 256);
  ck_assert_int_eq (all->n_sids, 5);
  ck_assert_int_eq (none->n_text + none->n_sids, 0);
}
END_TEST

/* Rows that Qwen has more than tokens are of no kind. */
START_TEST (spare_rows_are_of_no_kind)
{
  PrLmConfig config = *pr_lm_config (lm);
  g_autoptr (GPtrArray) nothing = g_ptr_array_new ();
  g_autoptr (PrLm) padded = NULL;
  g_auto (GStrv) names = pr_sids_token_names (sids);

  config.vocab = 300;
  padded = pr_lm_new (&config, pr_tokenizer_train (nothing, 261, NULL), 1, NULL);
  ck_assert (pr_lm_add_tokens (padded, (const char *const *)names, PR_ROW_INIT_NORMAL, 1, NULL));
  g_autoptr (PrTokenGroups) groups = pr_token_groups_new (padded, dataset, sids, 0, NULL);

  ck_assert_int_eq (groups->vocab, 300);
  ck_assert_int_eq (groups->kinds[299], PR_TOKEN_OTHER);
  ck_assert_int_eq (groups->n_text, 256);
}
END_TEST

START_TEST (what_does_not_belong_together_is_refused)
{
  g_autoptr (PrLm) plain = tiny_lm (64, FALSE);
  g_autoptr (GError) lacks = NULL, ids = NULL, number = NULL;
  const gint32 sizes[] = { 3, 2 };
  g_autoptr (PrSids) few = pr_sids_new (2, 2, sizes);

  ck_assert_ptr_null (pr_token_groups_new (plain, dataset, sids, 1, &lacks));
  ck_assert_pr_error (lacks, PR_ERROR_DATA, "'<a_0>'");
  ck_assert_ptr_null (pr_sids_token_ids (sids, plain, &ids));
  ck_assert_pr_error (ids, PR_ERROR_DATA, "sid-grounding");
  ck_assert_ptr_null (pr_token_groups_new (lm, dataset, few, 1, &number));
  ck_assert_pr_error (number, PR_ERROR_DATA, "2 semantic ids for 3 items");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("token-groups");
  TCase *tcase = tcase_create ("token-groups");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, every_token_has_a_kind);
  tcase_add_test (tcase, words_are_those_of_the_items);
  tcase_add_test (tcase, rare_ones_can_be_left_out);
  tcase_add_test (tcase, spare_rows_are_of_no_kind);
  tcase_add_test (tcase, what_does_not_belong_together_is_refused);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
