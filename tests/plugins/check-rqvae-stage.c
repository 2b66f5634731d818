/* method = rqvae of sid-quantizer as the runtime runs it. */
#include "quantizer-stage.h"

#include "../../plugins/sid-quantizer/kmeans.h"
#include "../../plugins/sid-quantizer/quantizer.h"
#include "../../plugins/sid-quantizer/rqvae.h"

#include <pauserec/io.h>
#include <pauserec/threads.h>

#include <math.h>

enum
{
  GROUPS = 4,
  KINDS = 4, /* in each group */
  COPIES = 20,
  N_ITEMS = GROUPS * KINDS * COPIES,
  D = 16
};

static int
group_of (int item)
{
  return item % GROUPS;
}

static int
kind_of (int item)
{
  return item % (GROUPS * KINDS);
}

/* Groups far apart, the same kinds in each of them nearer, items of a kind nearly alike; all away from the origin. */
static void
write_embeddings (const char *dir, double noise)
{
  g_autofree char *folder = g_build_filename (dir, "embeddings", NULL);
  g_autoptr (PrMatrix) m = pr_matrix_new (N_ITEMS, D, NULL);
  PrRng rng = pr_rng_new (2, "hierarchy");
  GError *error = NULL;

  g_mkdir (folder, 0700);
  for (int i = 0; i < N_ITEMS; i++)
    for (int j = 0; j < D; j++)
      m->data[i * D + j] = (float)(1 + 8 * (j == group_of (i)) + 2 * (j == GROUPS + kind_of (i) / GROUPS)
                                   + noise * pr_rng_normal (rng, 0, (guint64)(i * D + j)));
  ck_assert (pr_embeddings_save (m, folder, &error));
}

#define SMALL "method=rqvae", "rqvae_hidden=32,16", "rqvae_latent=8", "rqvae_batch_size=64"

static const GArray *
curve (const StageCheck *check, const char *series)
{
  for (guint i = 0; i < check->record->curves->len; i++)
    {
      const PrRecordCurve *c = check->record->curves->pdata[i];

      if (strcmp (c->series, series) == 0)
        return c->values;
    }
  ck_abort_msg ("no curve '%s'", series);
}

START_TEST (planted_hierarchies_are_found)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir, .seed = 3 }; /* some seeds start k-means with two groups in one code */
  g_autoptr (PrSids) sids = NULL;
  const GArray *unexplained, *loss;

  write_embeddings (dir, 0.05);
  run_stage (&check, (const char *const[]){ SMALL, "rqvae_hidden=64,32", "sizes=4,16", "collisions=keep",
                                            "rqvae_epochs=200", "rqvae_lr=5e-3", NULL });
  sids = load_sids (dir);
  /* The first code is the group; codes of different kinds differ, items of one kind may have several. */
  for (int i = 0; i < N_ITEMS; i++)
    for (int j = 0; j < i; j++)
      {
        const gint32 *s = pr_sids_item (sids, i), *t = pr_sids_item (sids, j);

        ck_assert_int_eq (s[0] == t[0], group_of (i) == group_of (j));
        ck_assert (kind_of (i) == kind_of (j) || s[0] != t[0] || s[1] != t[1]);
      }
  unexplained = record_column (check.record, "codebook", "unexplained");
  ck_assert_uint_eq (unexplained->len, 2);
  ck_assert_double_lt (VALUE (unexplained, 1), 0.02);
  ck_assert_double_lt (VALUE (unexplained, 1), VALUE (unexplained, 0));
  loss = curve (&check, "rqvae_loss");
  ck_assert_uint_eq (loss->len, 200);
  ck_assert_double_lt (VALUE (loss, 199), 0.2 * VALUE (loss, 0));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (the_stage_reports_and_counts)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  g_autoptr (PrSids) sids = NULL;
  RqvaeShape shape = { .d = D, .n_hidden = 2, .hidden = { 32, 16 }, .latent = 8, .levels = 2, .sizes = { 16, 64 } };
  const GArray *used, *in_epochs, *rest, *commitment, *loss;
  double flops;

  write_embeddings (dir, 0.3);
  run_stage (&check, (const char *const[]){ SMALL, "sizes=16,64", "collisions=reassign", "rqvae_epochs=7",
                                            "iterations=5", "rqvae_dead_steps=2", NULL });
  sids = load_sids (dir);
  ck_assert_int_eq (sids->levels, 2);
  ck_assert_double_gt (stage_check_metric (&check, "collision_rate_before"), 0);
  ck_assert_double_eq (stage_check_metric (&check, "collision_rate"), 0);
  ck_assert_double_gt (stage_check_metric (&check, "moved_items"), 0);
  ck_assert_double_gt (stage_check_metric (&check, "dead_resets"), 0);
  ck_assert_double_eq (check.record->costs[PR_COST_OPTIMIZER_STEPS], 7 * N_ITEMS / 64);
  /* Seven epochs of forward and backward, the last pass, and a start of at most six assignments. */
  flops = rqvae_row_flops (&shape) * N_ITEMS * (3 * 7 + 2);
  ck_assert_double_gt (check.record->costs[PR_COST_FLOPS], flops);
  ck_assert_double_le (check.record->costs[PR_COST_FLOPS],
                       flops + kmeans_flops (N_ITEMS, 8, 16, 6) + kmeans_flops (N_ITEMS, 8, 64, 6));
  used = record_column (check.record, "codebook", "used");
  ck_assert_double_le (VALUE (used, 0), 16);
  ck_assert_double_gt (VALUE (used, 1), 16);
  loss = curve (&check, "rqvae_loss");
  rest = curve (&check, "rqvae_reconstruction");
  commitment = curve (&check, "rqvae_commitment");
  in_epochs = curve (&check, "rqvae_used");
  for (guint e = 0; e < 7; e++)
    {
      ck_assert_double_eq_tol (VALUE (loss, e), VALUE (rest, e) + 1.25 * VALUE (commitment, e), 1e-9);
      ck_assert_double_le (VALUE (in_epochs, e), 16 + 64);
    }
  pr_check_rmdir (dir);
}
END_TEST

/* Hardly any training and no resets: only the start can have spread the codes. */
START_TEST (the_stage_starts_with_kmeans)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };

  write_embeddings (dir, 0.3);
  run_stage (&check, (const char *const[]){ SMALL, "sizes=8,8", "collisions=keep", "rqvae_epochs=1", "rqvae_lr=1e-9",
                                            "rqvae_dead_steps=0", NULL });
  ck_assert_double_eq (VALUE (record_column (check.record, "codebook", "used"), 0), 8);
  ck_assert_double_eq (VALUE (record_column (check.record, "codebook", "used"), 1), 8);
  ck_assert_double_eq (stage_check_metric (&check, "dead_resets"), 0);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (unexplained_is_of_the_embeddings_themselves)
{
  g_autofree char *dir = pr_check_tmpdir (), *folder = g_build_filename (dir, "embeddings", NULL);
  g_auto (StageCheck) check = { .dir = dir };
  g_autoptr (PrMatrix) m = NULL;
  const GArray *unexplained, *rest;
  double mean[D] = { 0 }, energy = 0, spread = 0;
  GError *error = NULL;

  write_embeddings (dir, 0.3);
  m = pr_embeddings_load (folder, &error);
  for (int i = 0; i < N_ITEMS * D; i++)
    mean[i % D] += m->data[i] / (double)N_ITEMS;
  for (int i = 0; i < N_ITEMS * D; i++)
    {
      energy += (double)m->data[i] * m->data[i];
      spread += pow (m->data[i] - mean[i % D], 2);
    }
  run_stage (&check, (const char *const[]){ SMALL, "sizes=8,8", "rqvae_epochs=2", "rqvae_lr=1e-9", "rqvae_dead_steps=0",
                                            NULL });
  unexplained = record_column (check.record, "codebook", "unexplained");
  rest = curve (&check, "rqvae_reconstruction");
  /* Nothing was learned, so that the last epoch's error, in units of the spread, is that of the final codes. */
  ck_assert_double_eq_tol (VALUE (unexplained, 1), VALUE (rest, 1) * spread / energy, 1e-4);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (threads_change_no_byte_of_the_output)
{
  g_autofree char *dir = pr_check_tmpdir (), *file = g_build_filename (dir, "out", "sids", "sids.safetensors", NULL);
  const char *const set[] = { SMALL, "rqvae_batch_size=150", "sizes=20,40", "collisions=reassign", "rqvae_epochs=5",
                              NULL };
  g_auto (StageCheck) one = { .dir = dir };
  g_autofree char *expected = NULL;
  gsize n, m;

  write_embeddings (dir, 0.3);
  run_stage (&one, set);
  expected = pr_file_read (file, G_MAXSSIZE, &n, NULL);
  for (guint threads = 2; threads <= 3; threads++)
    {
      g_auto (StageCheck) more = { .dir = dir };
      g_autofree char *bytes = NULL;

      pr_threads_set (threads);
      run_stage (&more, set);
      bytes = pr_file_read (file, G_MAXSSIZE, &m, NULL);
      ck_assert_uint_eq (n, m);
      ck_assert_mem_eq (bytes, expected, n);
      ck_assert_mem_eq (curve (&more, "rqvae_loss")->data, curve (&one, "rqvae_loss")->data, sizeof (double) * 5);
    }
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (degenerate_embeddings_are_harmless)
{
  g_autofree char *dir = pr_check_tmpdir (), *folder = g_build_filename (dir, "embeddings", NULL);
  const gint64 rows[] = { 1, 3, 90 };

  g_mkdir (folder, 0700);
  for (gsize r = 0; r < G_N_ELEMENTS (rows); r++)
    for (int value = 0; value < 2; value++)
      {
        g_auto (StageCheck) check = { .dir = dir };
        g_autoptr (PrMatrix) m = pr_matrix_new (rows[r], 3, NULL);
        g_autoptr (PrSids) sids = NULL;

        for (gint64 i = 0; i < rows[r] * 3; i++)
          m->data[i] = (float)value * 1e30f;
        ck_assert (pr_embeddings_save (m, folder, NULL));
        run_stage (&check, (const char *const[]){ SMALL, "sizes=16,4", "rqvae_epochs=3", "rqvae_dead_steps=1", NULL });
        sids = load_sids (dir);
        for (gint64 i = 0; i < rows[r]; i++)
          ck_assert_mem_eq (pr_sids_item (sids, i), pr_sids_item (sids, 0), sizeof (gint32) * 2);
        ck_assert_double_lt (VALUE (record_column (check.record, "codebook", "unexplained"), 1), 1e-6);
      }
  pr_check_rmdir (dir);
}
END_TEST

static void
assert_refused (const char *dir, const char *const *set, int code, const char *part)
{
  g_auto (StageCheck) check = { .stage = pr_plugin.stages[0], .dir = dir, .in = embeddings_only, .set = set };
  g_autoptr (GError) error = NULL;

  ck_assert (!stage_check_run (&check, &error));
  ck_assert_pr_error (error, code, part);
}

START_TEST (nonsense_is_refused)
{
  g_autofree char *dir = pr_check_tmpdir ();

  write_embeddings (dir, 0.3);
  assert_refused (dir, (const char *const[]){ "method=rqvae", "rqvae_hidden=9,8,7,6,5,4,3,2,1", NULL },
                  PR_ERROR_MANIFEST, "rqvae_hidden: 9 layers, but at most 8");
  assert_refused (dir, (const char *const[]){ "method=rqvae", "restarts=3", NULL }, PR_ERROR_MANIFEST, "restarts");
  assert_refused (dir, (const char *const[]){ "method=rqvae", "rqvae_batch_size=64", "rqvae_dead_steps=3", NULL },
                  PR_ERROR_MANIFEST, "3 steps of 64 items");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (divergence_is_a_numeric_error)
{
  g_autofree char *dir = pr_check_tmpdir ();

  write_embeddings (dir, 0.3);
  assert_refused (dir,
                  (const char *const[]){ SMALL, "sizes=8,8", "rqvae_hidden=64,64,64,64,64,64,64,64", "rqvae_lr=10",
                                         "rqvae_epochs=300", NULL },
                  PR_ERROR_NUMERIC, "lower rqvae_lr");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_cancelled_run_stops)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .stage = pr_plugin.stages[0], .dir = dir, .in = embeddings_only, .cancel = 1 };
  g_autoptr (GError) error = NULL;

  write_embeddings (dir, 0.3);
  check.set = (const char *const[]){ SMALL, NULL };
  ck_assert (!stage_check_run (&check, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "sid-quantizer");
  pr_check_rmdir (dir);
}
END_TEST

static void
cancel_at_third_step (const PrEvent *event, gpointer ctx)
{
  StageCheck *check = ctx;

  if (event->done >= 3)
    check->cancel = 1;
}

START_TEST (training_can_be_cancelled)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck)
      check = { .stage = pr_plugin.stages[0], .dir = dir, .in = embeddings_only, .event = cancel_at_third_step };
  g_autoptr (GError) error = NULL;

  write_embeddings (dir, 0.3);
  check.set = (const char *const[]){ SMALL, "sizes=8,8", NULL };
  ck_assert (!stage_check_run (&check, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "sid-quantizer");
  pr_check_rmdir (dir);
}
END_TEST

/* A stage that looks at what reassign is given: the last code is the nearest to what the last level coded. */
static gboolean
inspect_run (const void *params, PrRun *run, GError **error)
{
  Quantizer q = { .params = params, .run = run };
  gint32 size = (gint32)q.params->sizes.v[1];
  g_autofree double *distances = g_new (double, size);

  q.embeddings = pr_embeddings_load (pr_run_input_dir (run, "embeddings"), error);
  q.sids = pr_sids_new (q.embeddings->rows, 2, (const gint32[]){ (gint32)q.params->sizes.v[0], size });
  ck_assert (rqvae_quantize (&q, error));
  ck_assert_int_eq (q.width, 8);
  for (gint64 i = 0; i < q.embeddings->rows; i++)
    {
      kmeans_distances (q.last_inputs + i * q.width, q.last_codes, size, q.width, distances);
      for (gint32 c = 0; c < size; c++)
        ck_assert_double_ge (distances[c], distances[pr_sids_item (q.sids, i)[1]] - 1e-5);
    }
  ck_assert (pr_sids_save (q.sids, "keep", pr_run_output_dir (run, "sids"), error));
  pr_run_table (run, "codebook", "level", 0); /* columns must end equally long */
  pr_run_table (run, "codebook", "level", 1);
  pr_matrix_free (q.embeddings);
  pr_sids_free (q.sids);
  g_free (q.last_inputs);
  g_free (q.last_codes);
  return TRUE;
}

START_TEST (reassign_gets_the_last_residuals)
{
  g_autofree char *dir = pr_check_tmpdir ();
  PrStage stage = *pr_plugin.stages[0];
  g_auto (StageCheck) check = { .stage = &stage, .dir = dir, .in = embeddings_only };
  GError *error = NULL;

  stage.run = inspect_run;
  write_embeddings (dir, 0.3);
  check.set = (const char *const[]){ SMALL, "sizes=8,16", "collisions=reassign", "rqvae_epochs=5", NULL };
  stage_check_run (&check, &error);
  ck_assert_no_error (error);
  pr_check_rmdir (dir);
}
END_TEST

/* The other method counts its work too: exactly what its curves say. */
START_TEST (residual_kmeans_counts_its_work)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };

  write_embeddings (dir, 0.3);
  run_stage (&check, (const char *const[]){ "sizes=8,20", NULL });
  ck_assert_double_eq (check.record->costs[PR_COST_FLOPS],
                       kmeans_flops (N_ITEMS, D, 8, curve (&check, "objective_0")->len)
                           + kmeans_flops (N_ITEMS, D, 20, curve (&check, "objective_1")->len));
  ck_assert_double_eq (kmeans_flops (100, 10, 4, 2), 3 * 64 * 4 * 10 + 2 * 100 * 10 * 9);
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("rqvae-stage");
  TCase *stage = tcase_create ("stage");

  tcase_set_timeout (stage, 60);
  tcase_add_test (stage, planted_hierarchies_are_found);
  tcase_add_test (stage, the_stage_reports_and_counts);
  tcase_add_test (stage, the_stage_starts_with_kmeans);
  tcase_add_test (stage, unexplained_is_of_the_embeddings_themselves);
  tcase_add_test (stage, threads_change_no_byte_of_the_output);
  tcase_add_test (stage, degenerate_embeddings_are_harmless);
  tcase_add_test (stage, nonsense_is_refused);
  tcase_add_test (stage, divergence_is_a_numeric_error);
  tcase_add_test (stage, a_cancelled_run_stops);
  tcase_add_test (stage, training_can_be_cancelled);
  tcase_add_test (stage, reassign_gets_the_last_residuals);
  tcase_add_test (stage, residual_kmeans_counts_its_work);
  suite_add_tcase (suite, stage);
  return pr_check_main (suite);
}
