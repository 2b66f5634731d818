/* What models over item numbers are shown, what they must predict, and the order of the catalogue. */
#include "pr-check.h"

#include <pauserec/threads.h>

#include "runtime/stage-run.h"
#include "seqrec/seqrec-private.h"

#include <math.h>

#define ITEMS 7

/* Training parts 0 1 2 3 | 4 | 5 6; held out 4 5 | - | 0 1. */
static const gint32 purchases[3][6] = { { 0, 1, 2, 3, 4, 5 }, { 4, 5, 6 }, { 5, 6, 0, 1 } };
static const gint64 n_purchases[3] = { 6, 3, 4 };

static char *dir;
static PrDataset *dataset;

static void
setup (void)
{
  static const char *const none[] = { NULL };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("seq");

  dir = pr_check_tmpdir ();
  for (int i = 0; i < ITEMS; i++)
    {
      const char id[] = { (char)('a' + i), '\0' };

      pr_dataset_builder_add_item (builder, &(PrItem){ id, id, "", "", none });
    }
  for (int u = 0; u < 3; u++)
    {
      const char id[] = { (char)('A' + u), '\0' };

      pr_dataset_builder_add_user (builder, id, purchases[u], n_purchases[u]);
    }
  ck_assert (pr_dataset_builder_write (builder, dir, NULL));
  dataset = pr_dataset_load (dir, NULL);
  ck_assert_ptr_nonnull (dataset);
}

static void
teardown (void)
{
  pr_dataset_free (dataset);
  pr_check_rmdir (dir);
  g_free (dir);
}

static void
assert_ints (const GArray *array, const gint32 *expected, guint n)
{
  ck_assert_uint_eq (array->len, n);
  ck_assert_mem_eq (array->data, expected, n * sizeof (gint32));
}

START_TEST (shows_the_last_purchases)
{
  static const struct
  {
    gint64 length;
    int targets;
    guint n;
    gint32 items[4], places[4], next[4], offsets[3];
  } cases[] = {
    { 50, PR_SEQ_TARGETS_ALL, 4, { 0, 1, 2, 5 }, { 47, 48, 49, 49 }, { 1, 2, 3, 6 }, { 0, 3, 4 } },
    { 2, PR_SEQ_TARGETS_ALL, 3, { 1, 2, 5 }, { 0, 1, 1 }, { 2, 3, 6 }, { 0, 2, 3 } },
    { 3, PR_SEQ_TARGETS_LAST, 4, { 0, 1, 2, 5 }, { 0, 1, 2, 2 }, { -1, -1, 3, 6 }, { 0, 3, 4 } },
  };
  const PrSeqParams params = { .length = cases[_i].length, .targets = cases[_i].targets };
  g_autoptr (GArray) users = pr_seq_training_users (dataset, NULL);
  g_autoptr (PrSeqRows) rows = pr_seq_rows_new ();

  assert_ints (users, (const gint32[]){ 0, 2 }, 2);
  for (guint i = 0; i < users->len; i++)
    pr_seq_rows_add_training (rows, dataset, &params, g_array_index (users, gint32, i));
  assert_ints (rows->items, cases[_i].items, cases[_i].n);
  assert_ints (rows->places, cases[_i].places, cases[_i].n);
  assert_ints (rows->targets, cases[_i].next, cases[_i].n);
  assert_ints (rows->offsets, cases[_i].offsets, 3);
  assert_ints (rows->users, (const gint32[]){ 0, 2 }, 2);
}
END_TEST

/* Never what the user bought in training; evenly among the rest; the same wherever the chunk begins. */
START_TEST (negatives_were_not_bought)
{
  static const gint32 offsets[] = { 0, 3 }, users[] = { 0 }, targets[] = { 1, -1, 3 };
  PrSeqBatch batch = { .rows = 3, .n_sequences = 1, .offsets = offsets, .users = users, .targets = targets };
  gint32 drawn[6], counts[ITEMS] = { 0 }, first[6], second[6];

  for (batch.step = 0; batch.step < 500; batch.step++)
    {
      pr_seq_negatives (dataset, &batch, 1, 2, drawn);
      ck_assert_int_eq (drawn[2], -1);
      ck_assert_int_eq (drawn[3], -1);
      counts[drawn[0]]++;
      counts[drawn[5]]++;
    }
  for (int i = 0; i < 4; i++)
    ck_assert_int_eq (counts[i], 0);
  for (int i = 4; i < ITEMS; i++)
    {
      ck_assert_int_gt (counts[i], 1000 / 3 - 75);
      ck_assert_int_lt (counts[i], 1000 / 3 + 75);
    }
  batch.first_row = 0;
  pr_seq_negatives (dataset, &batch, 1, 2, first);
  batch.first_row = 2;
  pr_seq_negatives (dataset, &batch, 1, 2, second);
  ck_assert_mem_eq (first + 4, second, 2 * sizeof (gint32)); /* place 2 of the update, both times */
}
END_TEST

/* Against sorting: ties by prior and number, what is excluded or -inf left out, lists that stay short. */
START_TEST (fills_lists_in_order)
{
  enum
  {
    N = 60,
    K = 10
  };
  const gint64 n = _i % 5 == 0 ? 7 : N;
  g_autoptr (PrRanking) ranking = pr_ranking_new (2, K, PR_SPLIT_TEST);
  const PrRng rng = pr_rng_new ((guint64)_i, "lists");
  const gint32 excluded[] = { 3, (gint32)pr_rng_below (rng, 2, 0, (guint64)n), 5 };
  float scores[N], prior[N];
  gboolean used[N] = { FALSE };

  for (gint64 i = 0; i < n; i++)
    {
      scores[i] = (float)pr_rng_below (rng, 0, (guint64)i, 12);
      prior[i] = (float)pr_rng_below (rng, 1, (guint64)i, 3);
      if (scores[i] == 4)
        scores[i] = -INFINITY;
    }
  pr_ranking_fill (ranking, 1, n, scores, _i % 2 ? prior : NULL, excluded, 3);
  for (gint64 place = 0; place < K; place++)
    {
      gint32 best = -1;

      for (gint32 i = 0; i < n; i++)
        if (!used[i] && !isinf (scores[i]) && i != 3 && i != 5 && i != excluded[1]
            && (best < 0 || scores[i] > scores[best]
                || (scores[i] == scores[best] && _i % 2 && prior[i] > prior[best])))
          best = i;
      ck_assert_int_eq (ranking->items[K + place], best);
      ck_assert_int_eq (ranking->items[place], -1);
      if (best >= 0)
        used[best] = TRUE;
      ck_assert (best < 0 ? isinf (ranking->scores[K + place]) : ranking->scores[K + place] == scores[best]);
    }
}
END_TEST

/* A model by hand: the state is the row of the item itself, so scores are a table's. */
static PrVar *
itself (gpointer ctx, PrTape *tape, const PrSeqBatch *batch)
{
  return pr_tape_gather (tape, pr_tape_param (tape, *(gint32 *)ctx), batch->rows, batch->items);
}

typedef struct
{
  PrSeqModel model;
  PrSeqParams params;
  PrTrainParams train;
} Hand;

static gboolean
hand_run (const void *params, PrRun *run, GError **error)
{
  const Hand *hand = params;

  return pr_seqrec_run (run, dataset, &hand->model, &hand->params, &hand->train, error);
}

/* Scores of item i after item h: 10 - i; 20 for item 4 after item 3, 5 for item 0 after item 6. */
START_TEST (ranks_and_validates_by_hand)
{
  static const PrSlotSpec slots[] = { { PR_SLOT_OUT, "ranking", "ranking/1", "-", FALSE } };
  PrStage stage = {
    .size = sizeof (PrStage), .id = "hand", .version = "1", .slots = slots, .n_slots = 1, .run = hand_run
  };
  PrStageEntry entry = { .stage = &stage, .path = (char *)"hand.so", .digest = (char *)"" };
  g_autoptr (PrNet) net = pr_net_new ();
  gint32 rows = pr_net_add (net, "rows", ITEMS, ITEMS, PR_INIT_ZEROS, 0, FALSE);
  gint32 table = pr_net_add (net, "table", ITEMS, ITEMS, PR_INIT_ZEROS, 0, FALSE);
  gint32 bias = pr_net_add (net, "bias", 1, ITEMS, PR_INIT_ZEROS, 0, FALSE);
  Hand hand = {
    .model = { .net = net, .ctx = &rows, .forward = itself, .table = table, .bias = bias, .fingerprint = "hand" },
    .params = { .length = 5, .targets = PR_SEQ_TARGETS_ALL, .valid_users = 10, .list = { .k = 3, .split = 0, .exclude_seen = _i } },
    .train = { .epochs = 1,
               .batch_size = 8,
               .lr = 0,
               .beta1 = 0.9,
               .beta2 = 0.999,
               .eps = 1e-8,
               .chunk_tokens = 16,
               .eval_every = 1 }
  };
  PrNode node = { .name = (char *)"hand", .entry = &entry, .params = &hand };
  g_autofree char *out = pr_check_tmpdir (), *made = g_build_filename (out, "ranking", NULL);
  const PrWatch watch = { 0 };
  PrStageRun call = { .node = &node, .dir = out, .scratch = out, .watch = &watch };
  g_autoptr (PrRecord) record = NULL;
  g_autoptr (PrDims) dims = NULL;
  g_autoptr (PrRanking) ranking = NULL;
  GError *error = NULL;
  float *weights = pr_net_weights (net);
  const PrRecordCurve *curve;
  double valid = -1;
  /* Targets: 4 after 3 first; user 1's 5 after 4, behind 0 .. 4 (4 was bought); user 2's 0 after 6, where 0 has 15. */
  const double expected = (1 + 1 / log2 (_i ? 6 : 7) + 1) / 3;

  for (int i = 0; i < ITEMS; i++)
    {
      weights[pr_net_param (net, (gsize)rows)->offset + i * ITEMS + i] = 1;
      weights[pr_net_param (net, (gsize)table)->offset + i * ITEMS + i] = 0;
      weights[pr_net_param (net, (gsize)bias)->offset + i] = (float)(10 - i);
    }
  weights[pr_net_param (net, (gsize)table)->offset + 4 * ITEMS + 3] = 14;
  weights[pr_net_param (net, (gsize)table)->offset + 0 * ITEMS + 6] = 5;
  ck_assert_msg (pr_stage_run (&call, NULL, &record, &dims, &error), "%s", error ? error->message : "");
  for (guint i = 0; i < record->curves->len; i++)
    if (curve = record->curves->pdata[i], strcmp (curve->series, "ndcg_10") == 0)
      valid = g_array_index (curve->values, double, 0);
  ck_assert_double_eq_tol (valid, expected, 1e-9);
  ranking = pr_ranking_load (made, ITEMS, NULL);
  ck_assert_ptr_nonnull (ranking);
  ck_assert_mem_eq (ranking->items, _i ? ((const gint32[]){ 4, 5, 6 }) : ((const gint32[]){ 4, 0, 1 }),
                    3 * sizeof (gint32));
  ck_assert_double_eq ((double)ranking->scores[0], 20);
  ck_assert_int_eq (ranking->items[6], 0);
  ck_assert_double_eq ((double)ranking->scores[6], 15);
  /* Places seen: 4 and 1 and 2 in the answers and in the validation. */
  ck_assert_double_eq (record->costs[PR_COST_INFER_TOKENS], 14);
  ck_assert_double_eq (record->costs[PR_COST_INFER_USERS], 3);
  pr_check_rmdir (out);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("seqrec");
  TCase *tc = tcase_create ("seqrec");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, shows_the_last_purchases, 0, 3);
  tcase_add_test (tc, negatives_were_not_bought);
  tcase_add_loop_test (tc, fills_lists_in_order, 0, 20);
  tcase_add_loop_test (tc, ranks_and_validates_by_hand, 0, 2);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
