#include "stage-check.h"

#include "lm/beam-full.h"

#include <pauserec/pauserec.h>

#include <math.h>

#define ITEMS 12
#define USERS 9
#define TOLERANCE 2e-4

/* Items 3 and 9 share a semantic id, as do 4 and 10. */
static const gint32 codes[ITEMS * 2] = { 0, 0, 0, 1, 0, 2, 1, 0, 1, 1, 2, 0, 2, 2, 3, 0, 3, 1, 1, 0, 1, 1, 3, 2 };
static const char *const inputs[] = { "lm", "dataset", "sids" };

static char *
below (const char *dir, const char *name)
{
  char *path = g_build_filename (dir, name, NULL);

  g_mkdir (path, 0700);
  return path;
}

/* User u buys u + 1 things; user 0 has no target at all, user 1 none for validation. */
static void
make_dataset (const char *dir)
{
  static const char *const no_categories[] = { NULL };
  g_autofree char *path = below (dir, "dataset");
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("tiny");
  g_autoptr (GError) error = NULL;

  for (gint32 i = 0; i < ITEMS; i++)
    {
      g_autofree char *id = g_strdup_printf ("i%d", i);
      PrItem item = { id, id, "", "", no_categories };

      pr_dataset_builder_add_item (builder, &item);
    }
  for (gint32 u = 0; u < USERS; u++)
    {
      g_autofree char *id = g_strdup_printf ("u%d", u);
      gint32 items[USERS];

      for (gint32 i = 0; i <= u; i++)
        items[i] = (u * 5 + i * 7) % ITEMS;
      pr_dataset_builder_add_user (builder, id, items, u + 1);
    }
  ck_assert (pr_dataset_builder_write (builder, path, &error));
}

static PrSids *
make_sids (const char *dir, gint64 n)
{
  const gint32 sizes[] = { 4, 3 };
  g_autofree char *path = below (dir, "sids");
  PrSids *sids = pr_sids_new (n, 2, sizes);
  g_autoptr (GError) error = NULL;

  memcpy (sids->codes, codes, (gsize)n * 2 * sizeof *codes);
  ck_assert (pr_sids_save (sids, "keep", path, &error));
  return sids;
}

static void
make_lm (const char *dir, const PrSids *sids, const PrProtocol *protocol, gint32 max_positions)
{
  static const char *const pause[] = { "<pause>", NULL };
  const PrLmConfig config = { .family = PR_LM_QWEN3,
                              .vocab = 261,
                              .hidden = 16,
                              .layers = 2,
                              .heads = 4,
                              .kv_heads = 2,
                              .head_dim = 4,
                              .ffn = 24,
                              .max_positions = max_positions,
                              .rope_theta = 10000,
                              .rms_eps = 1e-6,
                              .init_sd = 0.3 };
  g_autofree char *path = below (dir, "lm");
  g_autoptr (GPtrArray) documents = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (PrLm) lm = pr_lm_new (&config, pr_tokenizer_train (documents, 261, NULL), 5, &error);
  g_auto (GStrv) names = pr_sids_token_names (sids);

  ck_assert_no_error (error);
  ck_assert (pr_lm_add_tokens (lm, (const char *const *)names, PR_ROW_INIT_NORMAL, 1, &error));
  ck_assert (pr_lm_add_tokens (lm, pause, PR_ROW_INIT_NORMAL, 2, &error));
  if (protocol != NULL)
    pr_lm_set_protocol (lm, protocol);
  ck_assert_msg (pr_lm_save (lm, path, &error), "%s", error ? error->message : "");
}

/* A folder with everything; THINKING < 0: a model without protocol. */
static char *
make_world (int thinking, gint32 max_positions)
{
  char *dir = pr_check_tmpdir ();
  g_autoptr (PrProtocol) protocol = pr_protocol_new ("bought: {history} next:", " ", 4);
  g_autoptr (PrSids) sids = make_sids (dir, ITEMS);

  if (thinking >= 0)
    protocol->thinking = (PrThinking)thinking;
  if (thinking == PR_THINKING_PAUSE)
    protocol->pauses = 5;
  make_dataset (dir);
  make_lm (dir, sids, thinking >= 0 ? protocol : NULL, max_positions);
  return dir;
}

static void
drop_world (char *dir)
{
  pr_check_rmdir (dir);
  g_free (dir);
}

static StageCheck
stage_check (const char *dir, const char *const *set)
{
  return (StageCheck){ .stage = pr_plugin.stages[0], .dir = dir, .in = inputs, .set = set };
}

/* Run, which must succeed, and read what was written. */
static PrRanking *
ranking_of (StageCheck *check)
{
  g_autofree char *path = g_build_filename (check->dir, "out", "ranking", NULL);
  g_autoptr (GError) error = NULL;
  PrRanking *ranking;

  ck_assert_msg (stage_check_run (check, &error), "%s", error ? error->message : "");
  ranking = pr_ranking_load (path, ITEMS, &error);
  ck_assert_no_error (error);
  return ranking;
}

/* What the slow search finds for a user, as items. */
static void
expected (const char *dir, gint64 user, PrSplit split, gint64 beams, gint64 k, gint32 *ret_items, float *ret_scores)
{
  g_autofree char *lm_dir = g_build_filename (dir, "lm", NULL), *sids_dir = g_build_filename (dir, "sids", NULL);
  g_autofree char *dataset_dir = g_build_filename (dir, "dataset", NULL);
  g_autoptr (PrLm) lm = pr_lm_load (lm_dir, NULL);
  g_autoptr (PrSids) sids = pr_sids_load (sids_dir, NULL);
  g_autoptr (PrDataset) dataset = pr_dataset_load (dataset_dir, NULL);
  g_autoptr (PrPrompter) prompter = pr_prompter_new (pr_lm_protocol (lm), pr_lm_tokenizer (lm), sids, NULL, NULL);
  g_autoptr (PrTrie) trie = pr_trie_new (sids, prompter);
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree gint32 *leaves = g_new (gint32, beams);
  g_autofree float *scores = g_new (float, beams);
  const PrBeamParams params = { beams, PR_NORMALISE_TRIE, 1 };
  float prior[ITEMS] = { 0 };
  gint64 n;
  const gint32 *history = pr_dataset_history (dataset, user, split, &n);
  gint32 offsets[2] = { 0, 0 };

  for (gint64 u = 0; u < USERS; u++)
    {
      gint64 n_train;
      const gint32 *train = pr_dataset_train_sequence (dataset, u, &n_train);

      for (gint64 i = 0; i < n_train; i++)
        prior[train[i]]++;
    }
  pr_prompter_prompt (prompter, history, n, tokens);
  offsets[1] = (gint32)tokens->len;
  ck_assert (pr_beam_search_full (lm, trie, &params, (const gint32 *)(gpointer)tokens->data, offsets, 1, leaves, scores,
                                  NULL));
  pr_beams_to_items (trie, leaves, scores, beams, prior, k, ret_items, ret_scores);
}

/* Every user's list is that of the slow search; users without target have none. */
static void
check_lists (const char *dir, const char *const *set, PrSplit split, gint64 first_user, gint64 beams, gint64 k)
{
  g_auto (StageCheck) check = stage_check (dir, set);
  g_autoptr (PrRanking) ranking = ranking_of (&check);

  ck_assert_int_eq (ranking->n_users, USERS);
  ck_assert_int_eq (ranking->k, k);
  ck_assert_int_eq (ranking->split, split);
  for (gint64 u = 0; u < USERS; u++)
    {
      g_autofree gint32 *items = g_new (gint32, k);
      g_autofree float *scores = g_new (float, k);

      if (u < first_user)
        {
          ck_assert_int_eq (ranking->items[u * k], -1);
          continue;
        }
      expected (dir, u, split, beams, k, items, scores);
      for (gint64 i = 0; i < k; i++)
        {
          gint64 at = u * k + i;

          ck_assert_int_eq (items[i] < 0, ranking->items[at] < 0);
          ck_assert (items[i] < 0 || fabs ((double)scores[i] - (double)ranking->scores[at]) < TOLERANCE);
          ck_assert (items[i] == ranking->items[at]
                     || (i > 0 && fabs ((double)scores[i] - (double)scores[i - 1]) < TOLERANCE)
                     || (i < k - 1 && fabs ((double)scores[i] - (double)scores[i + 1]) < TOLERANCE));
        }
    }
  ck_assert_double_eq (stage_check_metric (&check, "invalid_beams"), 0);
  ck_assert_double_eq (check.record->costs[PR_COST_INFER_USERS], (double)(USERS - first_user));
  ck_assert_double_gt (check.record->costs[PR_COST_FLOPS], 0);
  ck_assert_double_gt (check.record->costs[PR_COST_INFER_SECONDS], 0);
  ck_assert_int_eq (pr_dims_get (check.dims, "ranking", "k"), k);
}

START_TEST (lists_are_those_of_the_slow_search)
{
  static const char *const narrow[] = { "beams=4", "top_k=4", "users_at_once=2", NULL };
  static const char *const wide[] = { "beams=20", "top_k=15", NULL };
  static const char *const valid[] = { "beams=6", "top_k=5", "split=valid", NULL };
  char *dir = make_world (_i, 64);

  check_lists (dir, narrow, PR_SPLIT_TEST, 1, 4, 4);
  check_lists (dir, wide, PR_SPLIT_TEST, 1, 20, 15);
  check_lists (dir, valid, PR_SPLIT_VALID, 2, 6, 5);
  drop_world (dir);
}
END_TEST

/* Items 4 and 10 share a tuple; training users bought 10 more often. */
START_TEST (colliding_items_stand_by_popularity)
{
  static const char *const set[] = { "beams=20", "top_k=12", NULL };
  char *dir = make_world (PR_THINKING_NONE, 64);
  g_auto (StageCheck) check = stage_check (dir, set);
  g_autoptr (PrRanking) ranking = ranking_of (&check);

  for (gint64 u = 1; u < USERS; u++)
    {
      const gint32 *items = ranking->items + u * 12;
      gint64 at = 0;

      while (at < 11 && items[at] != 10)
        at++;
      ck_assert_int_lt (at, 11);
      ck_assert_int_eq (items[at + 1], 4);
    }
  drop_world (dir);
}
END_TEST

/* k pauses between two tags are seven tokens more, and nothing else is generated. */
START_TEST (pauses_are_part_of_the_prompt)
{
  static const char *const set[] = { "beams=4", "top_k=4", NULL };
  char *direct = make_world (PR_THINKING_NONE, 64), *pause = make_world (PR_THINKING_PAUSE, 64);
  g_auto (StageCheck) a = stage_check (direct, set);
  g_auto (StageCheck) b = stage_check (pause, set);
  g_autoptr (PrRanking) ra = ranking_of (&a);
  g_autoptr (PrRanking) rb = ranking_of (&b);

  ck_assert_double_eq_tol (stage_check_metric (&b, "prompt_tokens_mean"),
                           stage_check_metric (&a, "prompt_tokens_mean") + 7, 1e-9);
  ck_assert_double_eq (a.record->costs[PR_COST_GENERATED_TOKENS], b.record->costs[PR_COST_GENERATED_TOKENS]);
  ck_assert_mem_ne (ra->scores, rb->scores, USERS * 4 * sizeof (float));
  drop_world (direct);
  drop_world (pause);
}
END_TEST

/* Threads and the size of batches do not show in the bytes. */
START_TEST (bytes_do_not_depend_on_threads)
{
  static const char *const set[] = { "beams=5", "top_k=5", "users_at_once=2", NULL };
  char *dir = make_world (PR_THINKING_PAUSE, 64);
  g_autofree char *path = g_build_filename (dir, "out", "ranking", "ranking.safetensors", NULL);
  g_autofree char *one = NULL, *three = NULL;
  g_auto (StageCheck) check = stage_check (dir, set);
  gsize n_one, n_three;

  pr_ranking_free (ranking_of (&check));
  ck_assert (g_file_get_contents (path, &one, &n_one, NULL));
  pr_threads_set (3);
  pr_ranking_free (ranking_of (&check));
  ck_assert (g_file_get_contents (path, &three, &n_three, NULL));
  ck_assert_uint_eq (n_one, n_three);
  ck_assert_mem_eq (one, three, n_one);
  drop_world (dir);
}
END_TEST

START_TEST (history_can_be_left_out)
{
  static const char *const set[] = { "beams=20", "top_k=12", "exclude_history=true", NULL };
  char *dir = make_world (PR_THINKING_NONE, 64);
  g_auto (StageCheck) check = stage_check (dir, set);
  g_autoptr (PrRanking) ranking = ranking_of (&check);
  g_autofree char *path = g_build_filename (dir, "dataset", NULL);
  g_autoptr (PrDataset) dataset = pr_dataset_load (path, NULL);

  for (gint64 u = 1; u < USERS; u++)
    {
      gint64 n, listed = 0;
      const gint32 *history = pr_dataset_history (dataset, u, PR_SPLIT_TEST, &n);

      for (gint64 k = 0; k < 12 && ranking->items[u * 12 + k] >= 0; k++, listed++)
        for (gint64 i = 0; i < n; i++)
          ck_assert_int_ne (ranking->items[u * 12 + k], history[i]);
      ck_assert_int_eq (listed, ITEMS - n);
    }
  drop_world (dir);
}
END_TEST

START_TEST (few_users_can_be_asked)
{
  static const char *const set[] = { "beams=4", "top_k=4", "max_users=3", NULL };
  char *dir = make_world (PR_THINKING_NONE, 64);
  g_auto (StageCheck) check = stage_check (dir, set);
  g_autoptr (PrRanking) ranking = ranking_of (&check);

  ck_assert_int_ge (ranking->items[2 * 4], 0);
  ck_assert_int_eq (ranking->items[3 * 4], -1);
  ck_assert_double_eq (check.record->costs[PR_COST_INFER_USERS], 2);
  drop_world (dir);
}
END_TEST

static void
assert_refused (const char *dir, const char *const *set, gint cancel, PrError code, const char *part)
{
  g_auto (StageCheck) check = stage_check (dir, set);
  g_autoptr (GError) error = NULL;

  check.cancel = cancel;
  ck_assert (!stage_check_run (&check, &error));
  ck_assert_pr_error (error, code, part);
}

START_TEST (bad_input_is_refused)
{
  static const char *const short_beams[] = { "beams=4", "top_k=5", NULL };
  char *dir = make_world (-1, 64);

  assert_refused (dir, NULL, 0, PR_ERROR_DATA, "next-item-sft");
  assert_refused (dir, short_beams, 0, PR_ERROR_MANIFEST, "top_k");
  drop_world (dir);
  dir = make_world (PR_THINKING_COT, 64);
  assert_refused (dir, NULL, 0, PR_ERROR_MANIFEST, "lower thought_tokens");
  drop_world (dir);
  dir = make_world (PR_THINKING_NONE, 64);
  assert_refused (dir, NULL, 1, PR_ERROR_CANCELLED, "");
  pr_sids_free (make_sids (dir, ITEMS - 1));
  assert_refused (dir, NULL, 0, PR_ERROR_DATA, "11 semantic ids for 12 items");
  drop_world (dir);
  /* "bought: ", " next:" and one item fit into 18 positions, two items do not. */
  dir = make_world (PR_THINKING_NONE, 18);
  assert_refused (dir, NULL, 0, PR_ERROR_DATA, "user u2");
  drop_world (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("recommend");
  TCase *tc = tcase_create ("recommend");

  tcase_set_timeout (tc, 60);
  tcase_add_loop_test (tc, lists_are_those_of_the_slow_search, PR_THINKING_NONE, PR_THINKING_PAUSE + 1);
  tcase_add_test (tc, colliding_items_stand_by_popularity);
  tcase_add_test (tc, pauses_are_part_of_the_prompt);
  tcase_add_test (tc, bytes_do_not_depend_on_threads);
  tcase_add_test (tc, history_can_be_left_out);
  tcase_add_test (tc, few_users_can_be_asked);
  tcase_add_test (tc, bad_input_is_refused);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
