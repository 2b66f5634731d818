/* The stage tiger on small worlds where the right answer is known. */
#include "stage-harness.h"

#include <pauserec/dataset.h>
#include <pauserec/ranking.h>
#include <pauserec/rng.h>
#include <pauserec/sids.h>
#include <pauserec/threads.h>

#include <math.h>

#define ITEMS 12
#define SMALL                                                                                                          \
  "encoder_layers=1 decoder_layers=1 hidden=16 heads=2 head_dim=8 ffn=32 batch_size=16 lr=1e-2 dropout=0 "             \
  "valid_users=0 "

/* Where the items of the world go next. */
typedef enum
{
  WORLD_RING,   /* item i is followed by i + 5 */
  WORLD_CHANCE, /* anything follows anything */
} World;

typedef struct
{
  char *dir;
  const char *inputs[5];
  char *dataset, *sids;
} Folder;

static void
write_dataset (const char *dir, World world, gint64 users, gint64 length)
{
  static const char *const nothing[] = { NULL };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("world");
  PrRng rng = pr_rng_new (11, "world");
  GError *error = NULL;

  for (int i = 0; i < ITEMS; i++)
    {
      g_autofree char *id = g_strdup_printf ("i%d", i);
      const PrItem item = { id, id, "", "", nothing };

      pr_dataset_builder_add_item (builder, &item);
    }
  for (gint64 u = 0; u < users; u++)
    {
      g_autofree char *id = g_strdup_printf ("u%d", (int)u);
      g_autofree gint32 *bought = g_new (gint32, length);

      for (gint64 i = 0; i < length; i++)
        bought[i] = world == WORLD_RING ? (gint32)((u + 5 * i) % ITEMS)
                                        : (gint32)pr_rng_below (rng, (guint64)u, (guint64)i, ITEMS);
      pr_dataset_builder_add_user (builder, id, bought, length);
    }
  ck_assert_msg (pr_dataset_builder_write (builder, dir, &error), "%s", error ? error->message : "");
}

/* Codes (i / 4, i % 4). */
static void
write_sids (const char *dir, gint64 n_items)
{
  const gint32 sizes[] = { 3, 4 };
  g_autoptr (PrSids) sids = pr_sids_new (n_items, 2, sizes);
  GError *error = NULL;

  for (gint32 i = 0; i < n_items; i++)
    {
      sids->codes[2 * i] = i / 4;
      sids->codes[2 * i + 1] = i % 4;
    }
  ck_assert_msg (pr_sids_save (sids, "keep", dir, &error), "%s", error ? error->message : "");
}

static Folder
folder_new (World world, gint64 users, gint64 length, gint64 n_sids)
{
  Folder f = { .dir = pr_check_tmpdir () };

  f.dataset = g_build_filename (f.dir, "dataset", NULL);
  f.sids = g_build_filename (f.dir, "sids", NULL);
  g_mkdir (f.dataset, 0700);
  g_mkdir (f.sids, 0700);
  write_dataset (f.dataset, world, users, length);
  write_sids (f.sids, n_sids);
  f.inputs[0] = "dataset";
  f.inputs[1] = f.dataset;
  f.inputs[2] = "sids";
  f.inputs[3] = f.sids;
  return f;
}

static void
folder_clear (Folder *f)
{
  pr_check_rmdir (f->dir);
  g_free (f->dir);
  g_free (f->dataset);
  g_free (f->sids);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Folder, folder_clear)

/* Share of users whose best item is their target. */
static double
hit_1 (const Folder *f, const StageResult *result)
{
  g_autofree char *dir = harness_output (result, "ranking");
  g_autoptr (GError) error = NULL;
  g_autoptr (PrRanking) ranking = pr_ranking_load (dir, ITEMS, &error);
  g_autoptr (PrDataset) dataset = pr_dataset_load (f->dataset, NULL);
  gint64 hits = 0;

  ck_assert_no_error (error);
  for (gint64 u = 0; u < ranking->n_users; u++)
    hits += ranking->items[u * ranking->k] == pr_dataset_target (dataset, u, ranking->split);
  return (double)hits / (double)ranking->n_users;
}

static void
assert_same_ranking (const StageResult *a, const StageResult *b)
{
  g_autofree char *from = g_build_filename (a->dir, "ranking", "ranking.safetensors", NULL);
  g_autofree char *to = g_build_filename (b->dir, "ranking", "ranking.safetensors", NULL), *x = NULL, *y = NULL;
  gsize n, m;

  ck_assert (g_file_get_contents (from, &x, &n, NULL) && g_file_get_contents (to, &y, &m, NULL));
  ck_assert_uint_eq (n, m);
  ck_assert_mem_eq (x, y, n);
  for (guint i = 0; i < a->record->curves->len; i++)
    {
      const PrRecordCurve *c = a->record->curves->pdata[i], *d = b->record->curves->pdata[i];

      ck_assert_uint_eq (c->values->len, d->values->len);
      ck_assert_mem_eq (c->values->data, d->values->data, c->values->len * sizeof (double));
    }
  for (int cost = 0; cost < PR_N_COSTS; cost++)
    if (cost != PR_COST_INFER_SECONDS)
      ck_assert (a->record->costs[cost] == b->record->costs[cost]);
}

/* The rule of the ring is learned from prefixes and holds for the purchases that were kept back. */
START_TEST (a_rule_is_learned)
{
  g_auto (Folder) f = folder_new (WORLD_RING, 12, 7, ITEMS);
  g_autoptr (PrRegistry) registry = pr_registry_new ();
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;
  const char *const targets[] = { "targets=all-prefixes epochs=80 history=2",
                                  "targets=sub-sequences epochs=80 history=2" };
  g_autofree char *settings = g_strconcat (SMALL, targets[_i], NULL);

  ck_assert_msg (harness_run (registry, "tiger", settings, f.inputs, 1, &result, &error), "%s",
                 error ? error->message : "");
  ck_assert (hit_1 (&f, &result) == 1);
  ck_assert (harness_metric (&result, "train_examples") == 12 * 4);
}
END_TEST

/* Without a rule the targets of training can be learned by heart, but nothing else. */
START_TEST (chance_stays_chance)
{
  g_auto (Folder) f = folder_new (WORLD_CHANCE, 300, 5, ITEMS);
  g_autoptr (PrRegistry) registry = pr_registry_new ();
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;
  double hit;

  ck_assert_msg (harness_run (registry, "tiger", SMALL "targets=all-prefixes epochs=6", f.inputs, 1, &result, &error),
                 "%s", error ? error->message : "");
  hit = hit_1 (&f, &result);
  /* 1 / 12 of 300 users: 25, standard deviation 4.8. */
  ck_assert_msg (hit * 300 > 8 && hit * 300 < 42, "%g of 300 hits", hit * 300);
}
END_TEST

/* Twenty users whose next item depends on nothing but who they are: a token for each must tell them apart. */
START_TEST (a_few_targets_are_learned_by_heart)
{
  g_auto (Folder) f = folder_new (WORLD_CHANCE, 20, 4, ITEMS);
  g_autoptr (PrRegistry) registry = pr_registry_new ();
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;
  const GArray *loss;

  ck_assert_msg (harness_run (registry, "tiger", SMALL "targets=last epochs=150 user_tokens=1000 schedule=constant",
                              f.inputs, 1, &result, &error),
                 "%s", error ? error->message : "");
  loss = harness_curve (&result, "loss");
  ck_assert_msg (g_array_index (loss, double, loss->len - 1) < 0.02, "loss %g at the end",
                 g_array_index (loss, double, loss->len - 1));
}
END_TEST

#define FULL                                                                                                           \
  "encoder_layers=1 decoder_layers=2 hidden=8 heads=2 head_dim=4 ffn=16 batch_size=7 epochs=3 dropout=0.2 "            \
  "chunk_tokens=64 checkpoint_steps=3 valid_users=9 users_at_once=5 beams=4 top_k=3 user_tokens=3"

START_TEST (threads_and_interruptions_change_nothing)
{
  g_auto (Folder) f = folder_new (WORLD_CHANCE, 13, 6, ITEMS);
  g_autoptr (PrRegistry) registry = pr_registry_new ();
  g_auto (StageResult) one = { 0 };
  g_auto (StageResult) other = { 0 };
  g_auto (StageResult) resumed = { 0 };
  g_auto (StageResult) seed = { 0 };
  g_autoptr (GError) error = NULL;
  const char *settings = _i == 0 ? FULL : FULL " valid_score=loss normalise=level targets=all-prefixes";

  ck_assert_msg (harness_run (registry, "tiger", settings, f.inputs, 5, &one, &error), "%s",
                 error ? error->message : "");
  for (guint threads = 2; threads <= 3; threads++)
    {
      stage_result_clear (&other);
      pr_threads_set (threads);
      ck_assert (harness_run (registry, "tiger", settings, f.inputs, 5, &other, &error));
      assert_same_ranking (&one, &other);
    }
  pr_threads_set (1);
  for (guint stop = 9; stop < 60; stop += 17)
    {
      stage_result_clear (&resumed);
      ck_assert (harness_resume (registry, "tiger", settings, f.inputs, 5, stop, &resumed, &error));
      assert_same_ranking (&one, &resumed);
    }
  ck_assert (harness_run (registry, "tiger", settings, f.inputs, 6, &seed, &error));
  ck_assert_mem_ne (harness_curve (&one, "loss")->data, harness_curve (&seed, "loss")->data, sizeof (double));
}
END_TEST

START_TEST (inputs_that_do_not_fit_are_refused)
{
  g_auto (Folder) fewer = folder_new (WORLD_RING, 3, 7, ITEMS - 1);
  g_auto (Folder) shorter = folder_new (WORLD_RING, 3, 3, ITEMS);
  g_autoptr (PrRegistry) registry = pr_registry_new ();
  g_auto (StageResult) result = { 0 };
  g_auto (StageResult) second = { 0 };
  g_auto (StageResult) third = { 0 };
  g_autoptr (GError) error = NULL;

  ck_assert (!harness_run (registry, "tiger", SMALL "epochs=1", fewer.inputs, 1, &result, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "11 semantic ids for 12 items");
  g_clear_error (&error);
  ck_assert (!harness_run (registry, "tiger", SMALL "epochs=1", shorter.inputs, 1, &second, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "no user of the data set has two training purchases");
  g_clear_error (&error);
  ck_assert (!harness_run (registry, "tiger", "epochs=1 lr=10 weight_decay=1", shorter.inputs, 1, &third, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "weight_decay");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("tiger");
  TCase *tc = tcase_create ("tiger");

  tcase_add_loop_test (tc, a_rule_is_learned, 0, 2);
  tcase_add_test (tc, chance_stays_chance);
  tcase_add_test (tc, a_few_targets_are_learned_by_heart);
  tcase_add_loop_test (tc, threads_and_interruptions_change_nothing, 0, 2);
  tcase_add_test (tc, inputs_that_do_not_fit_are_refused);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
