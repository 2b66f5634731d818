/* Weights and the tape's bookkeeping: start values, files, memory, threads, dropout, and losses in groups. */
#include "net-fixture.h"

#include <pauserec/tensors.h>

static PrNet *
small_net (guint64 seed)
{
  PrNet *net = pr_net_new ();

  pr_net_add (net, "first", 5, 3, PR_INIT_NORMAL, 0.5, TRUE);
  pr_net_add (net, "second", 200, 300, PR_INIT_XAVIER_UNIFORM, 1, TRUE);
  pr_net_add (net, "gain", 1, 7, PR_INIT_ONES, 0, FALSE);
  pr_net_add (net, "bias", 1, 7, PR_INIT_ZEROS, 0, FALSE);
  pr_net_add (net, "third", 300, 200, PR_INIT_NORMAL, 2, TRUE);
  pr_net_init (net, seed);
  return net;
}

static float *
values_of (PrNet *net, const char *name)
{
  return pr_net_weights (net) + pr_net_param (net, (gsize)pr_net_find (net, name))->offset;
}

START_TEST (layout_covers_the_array_without_a_gap)
{
  g_autoptr (PrNet) net = small_net (1);
  gsize n;
  const PrNetRange *ranges = pr_net_ranges (net, &n);
  gint64 at = 0;

  ck_assert_int_eq (n, 3);
  for (gsize i = 0; i < n; i++)
    {
      ck_assert_int_eq (ranges[i].first, at);
      at += ranges[i].n;
      ck_assert_int_eq (ranges[i].decays, i != 1);
    }
  ck_assert_int_eq (at, pr_net_length (net));
  ck_assert_int_eq (pr_net_size (net), 15 + 2 * 60000 + 14);
  ck_assert_int_eq (pr_net_length (net), 16 + 2 * 60000 + 32);
  for (gsize i = 0; i < pr_net_n_params (net); i++)
    ck_assert_int_eq (pr_net_param (net, i)->offset % 16, 0);
  ck_assert_int_eq (pr_net_find (net, "nobody"), -1);
}
END_TEST

START_TEST (elements_have_names)
{
  g_autoptr (PrNet) net = small_net (1);
  g_autofree char *name = pr_net_element (net, 16 + 302), *padding = pr_net_element (net, 15);

  ck_assert_str_eq (name, "second[1, 2]");
  ck_assert_str_eq (padding, "padding");
}
END_TEST

static void
moments (const float *x, gint64 n, double *mean, double *sd, double *most)
{
  double sum = 0, squares = 0;

  *most = 0;
  for (gint64 i = 0; i < n; i++)
    {
      sum += (double)x[i];
      squares += (double)x[i] * (double)x[i];
      *most = MAX (*most, fabs ((double)x[i]));
    }
  *mean = sum / (double)n;
  *sd = sqrt (squares / (double)n - *mean * *mean);
}

START_TEST (start_values_have_the_distributions_they_should)
{
  g_autoptr (PrNet) net = small_net (1);
  double mean, sd, most, bound = sqrt (6.0 / 500);

  moments (values_of (net, "second"), 60000, &mean, &sd, &most);
  ck_assert_double_eq_tol (mean, 0, 0.002);
  ck_assert_double_eq_tol (sd, bound / sqrt (3), 0.001);
  ck_assert_double_le (most, bound + 1e-6);
  moments (values_of (net, "third"), 60000, &mean, &sd, &most);
  ck_assert_double_eq_tol (mean, 0, 0.05);
  ck_assert_double_eq_tol (sd, 2, 0.03);
  for (int i = 0; i < 7; i++)
    ck_assert (values_of (net, "gain")[i] == 1 && values_of (net, "bias")[i] == 0);
}
END_TEST

/* Of seed and name alone: neither of what else there is nor of the number of threads. */
START_TEST (start_values_depend_on_seed_and_name)
{
  g_autoptr (PrNet) one = small_net (1), other = small_net (2), alone = pr_net_new ();

  pr_net_add (alone, "third", 300, 200, PR_INIT_NORMAL, 2, FALSE);
  pr_threads_set (3);
  pr_net_init (alone, 1);
  pr_threads_set (1);
  ck_assert_mem_eq (values_of (alone, "third"), values_of (one, "third"), 60000 * sizeof (float));
  ck_assert_mem_ne (values_of (other, "third"), values_of (one, "third"), 60000 * sizeof (float));
  ck_assert_mem_ne (values_of (one, "second"), values_of (one, "third"), 60 * sizeof (float));
}
END_TEST

START_TEST (what_was_saved_is_loaded)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "w.safetensors", NULL);
  g_autoptr (PrNet) one = small_net (1), other = small_net (2);
  GError *error = NULL;

  ck_assert (pr_net_save (one, path, &error));
  ck_assert (pr_net_load (other, path, &error));
  ck_assert_no_error (error);
  ck_assert_mem_eq (pr_net_weights (one), pr_net_weights (other), (gsize)pr_net_length (one) * sizeof (float));
  pr_check_rmdir (dir);
}
END_TEST

typedef struct
{
  const char *name, *says;
  gint64 rows;
  float value;
} Fault;

/* Files of another model, and damaged ones: refused by name, and the weights stay. */
START_TEST (other_models_are_refused)
{
  static const Fault faults[] = {
    { "a", "tensor", 3, 0 }, { "b", "none of this model's", 2, 0 }, { NULL, "b", 2, 0 }, { "a", "not finite", 2, NAN }
  };
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "w.safetensors", NULL);
  g_autoptr (PrNet) net = pr_net_new ();

  pr_net_add (net, "a", 2, 2, PR_INIT_ONES, 0, TRUE);
  if (_i == 2)
    pr_net_add (net, "b", 2, 2, PR_INIT_ONES, 0, TRUE);
  pr_net_init (net, 1);
  {
    g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();
    const float fine[4] = { 5, 6, 7, 8 }, bad[6] = { 5, 5, 5, faults[_i].value };
    GError *error = NULL;
    gboolean same = faults[_i].name != NULL && strcmp (faults[_i].name, "a") == 0;

    if (!same)
      pr_tensors_writer_add2 (writer, "a", PR_DTYPE_F32, 2, 2, fine);
    if (faults[_i].name != NULL)
      pr_tensors_writer_add2 (writer, faults[_i].name, PR_DTYPE_F32, faults[_i].rows, 2, bad);
    ck_assert (pr_tensors_writer_write (writer, path, &error));
    ck_assert (!pr_net_load (net, path, &error));
    ck_assert_pr_error (error, PR_ERROR_DATA, faults[_i].says);
    ck_assert_pr_error (error, PR_ERROR_DATA, "w.safetensors");
    g_error_free (error);
  }
  for (int i = 0; i < 4; i++)
    ck_assert (pr_net_weights (net)[i] == 1);
  pr_check_rmdir (dir);
}
END_TEST

/* A whole model, with more rows than any tile has. */
#define ROWS 700
#define ITEMS 900

typedef struct
{
  gint64 first, rows; /* of the batch's rows */
} Chunk;

static double
model (PrTape *tape, PrVar **v, gconstpointer ctx)
{
  const Chunk *c = ctx;
  gint32 items[ROWS], targets[ROWS], offsets[ROWS / 7 + 1];
  PrVar *x, *y, *parts[2];
  PrAttend attend = {
    .heads = 2, .causal = TRUE, .n_sequences = (gsize)c->rows / 7, .q_offsets = offsets, .bias = v[6]
  };

  for (gint64 r = 0; r < c->rows; r++)
    {
      items[r] = (gint32)((c->first + r) * 37 % ITEMS);
      targets[r] = (c->first + r) % 5 == 0 ? -1 : (gint32)((c->first + r) * 53 % ITEMS);
      offsets[r / 7] = (gint32)(r / 7 * 7);
    }
  offsets[attend.n_sequences] = (gint32)c->rows;
  attend.dropout = 0.2f;
  attend.first_row = (guint64)c->first;
  x = pr_tape_dropout (tape, pr_tape_gather (tape, v[0], c->rows, items), 0.1f, (guint64)c->first);
  y = pr_tape_gru (tape, x, v[1], v[2], v[3], v[3], offsets, attend.n_sequences);
  y = pr_tape_layer_norm (tape, y, v[4], v[4], 1e-5f);
  parts[0] = pr_tape_attention (tape, y, pr_tape_linear (tape, y, v[5], NULL), y, &attend);
  parts[1] = pr_tape_dropout (tape, pr_tape_activate (tape, y, PR_ACT_GELU), 0.3f, (guint64)c->first);
  y = pr_tape_linear (tape, pr_tape_concat (tape, 2, parts), v[7], v[4]);
  return pr_tape_softmax_loss (tape, y, v[0], NULL, targets, &(PrSoftmaxLoss){ .scale = 0.01f })
         + pr_tape_binary_loss (tape, pr_tape_dots (tape, y, v[0], NULL, 1, items), (const float[ROWS]){ 0 }, NULL,
                                0.02f);
}

static PrNet *
model_net (void)
{
  const gint64 shapes[][2] = { { ITEMS, 16 }, { 48, 16 }, { 48, 16 }, { 1, 48 },
                               { 1, 16 },     { 16, 16 }, { 8, 2 },   { 16, 32 } };
  PrNet *net = random_net (8, shapes, 3);
  float *weights = pr_net_weights (net);

  for (gint64 i = 0; i < pr_net_length (net); i++)
    weights[i] *= 0.3f;
  return net;
}

static const PrDropout dropout = { .rng = { { 1, 2 } }, .step = 5 };

/* In several passes over one tape: memory that is used again must not matter either. */
START_TEST (bits_do_not_depend_on_threads)
{
  g_autoptr (PrNet) net = model_net ();
  g_autoptr (PrTape) tape = pr_tape_new (net);
  gsize bytes = (gsize)pr_net_length (net) * sizeof (float);
  g_autofree float *expected = NULL;
  const Chunk all = { 0, ROWS };
  double loss = 0;
  guint64 memory = 0;

  for (guint threads = 1; threads <= 4; threads++)
    {
      g_autofree float *grads = g_malloc0 (bytes);
      double found;

      pr_threads_set (threads);
      found = run_pass (net, tape, grads, &dropout, model, &all);
      if (expected == NULL)
        {
          expected = g_steal_pointer (&grads);
          loss = found;
          continue;
        }
      ck_assert (found == loss);
      ck_assert_mem_eq (grads, expected, bytes);
      if (memory > 0)
        ck_assert_int_eq (memory, pr_tape_memory (tape));
      memory = pr_tape_memory (tape);
    }
  pr_threads_set (1);
}
END_TEST

/* The sum over chunks is that of the whole, with the same elements dropped. */
START_TEST (chunks_add_up)
{
  g_autoptr (PrNet) net = model_net ();
  g_autoptr (PrTape) tape = pr_tape_new (net);
  gint64 n = pr_net_length (net);
  g_autofree float *whole = g_new0 (float, n), *parts = g_new0 (float, n);
  const Chunk all = { 0, ROWS }, some[] = { { 0, 280 }, { 280, 7 }, { 287, ROWS - 287 } };
  double loss = run_pass (net, tape, whole, &dropout, model, &all), sum = 0, other;

  for (gsize i = 0; i < 3; i++)
    sum += run_pass (net, tape, parts, &dropout, model, &some[i]);
  ck_assert_double_eq_tol (sum, loss, 1e-6 * loss);
  for (gint64 i = 0; i < n; i++)
    ck_assert_double_eq_tol (whole[i], parts[i], 1e-4);
  other = run_pass (net, tape, NULL, &(PrDropout){ .rng = dropout.rng, .step = 6 }, model, &all);
  ck_assert_double_ne (other, loss);
  ck_assert_double_ne (run_pass (net, tape, NULL, NULL, model, &all), loss);
}
END_TEST

static double
two_sites (PrTape *tape, PrVar **v, gconstpointer ctx)
{
  gint64 *differ = (gint64 *)ctx;
  PrVar *a = pr_tape_dropout (tape, v[0], 0.5f, 0), *b = pr_tape_dropout (tape, v[0], 0.5f, 0);

  for (gint64 i = 0; i < a->rows * a->n; i++)
    {
      ck_assert (a->value[i] == 0 || a->value[i] == 2 * v[0]->value[i]);
      *differ += (a->value[i] == 0) != (b->value[i] == 0);
    }
  return 0;
}

START_TEST (every_site_drops_its_own_half)
{
  const gint64 shape[][2] = { { 100, 100 } };
  g_autoptr (PrNet) net = random_net (1, shape, 3);
  g_autoptr (PrTape) tape = pr_tape_new (net);
  gint64 differ = 0;

  run_pass (net, tape, NULL, &dropout, two_sites, &differ);
  ck_assert_int_gt (differ, 4700);
  ck_assert_int_lt (differ, 5300);
}
END_TEST

/* More logits than exist at a time: the value by definition. */
static double
large_softmax (PrTape *tape, PrVar **v, gconstpointer ctx)
{
  gint32 rows[300];

  (void)ctx;
  for (gint32 r = 0; r < 300; r++)
    rows[r] = r % 40;
  return pr_tape_softmax_loss (tape, pr_tape_gather (tape, v[0], 300, rows), v[1], NULL, rows,
                               &(PrSoftmaxLoss){ .scale = 1 });
}

START_TEST (losses_in_groups_are_the_loss)
{
  const gint64 shapes[][2] = { { 40, 4 }, { 40000, 4 } };
  g_autoptr (PrNet) net = random_net (2, shapes, 3);
  g_autoptr (PrTape) tape = pr_tape_new (net);
  g_autofree float *grads = g_new0 (float, pr_net_length (net));
  g_autofree double *scores = g_new (double, 40000), *expected = g_new0 (double, 40000 * 4);
  const float *x = values_of (net, "v0"), *table = values_of (net, "v1");
  double total = 0, loss = run_pass (net, tape, grads, NULL, large_softmax, NULL);

  for (gint64 r = 0; r < 40; r++)
    {
      double exponentials = 0, times = r < 20 ? 8 : 7;

      for (gint64 j = 0; j < 40000; j++)
        {
          scores[j] = 0;
          for (gint64 i = 0; i < 4; i++)
            scores[j] += (double)x[r * 4 + i] * (double)table[j * 4 + i];
          exponentials += exp (scores[j]);
        }
      total += times * (log (exponentials) - scores[r]);
      for (gint64 j = 0; j < 40000; j++)
        for (gint64 i = 0; i < 4; i++)
          expected[j * 4 + i] += times * (exp (scores[j]) / exponentials - (j == r)) * (double)x[r * 4 + i];
    }
  ck_assert_double_eq_tol (loss, total, 1e-5 * total);
  for (gint64 i = 0; i < 40000 * 4; i++)
    ck_assert_double_eq_tol (grads[pr_net_param (net, 1)->offset + i], expected[i], 1e-4);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("net");
  TCase *tc = tcase_create ("net");

  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, layout_covers_the_array_without_a_gap);
  tcase_add_test (tc, elements_have_names);
  tcase_add_test (tc, start_values_have_the_distributions_they_should);
  tcase_add_test (tc, start_values_depend_on_seed_and_name);
  tcase_add_test (tc, what_was_saved_is_loaded);
  tcase_add_loop_test (tc, other_models_are_refused, 0, 4);
  tcase_add_test (tc, bits_do_not_depend_on_threads);
  tcase_add_test (tc, chunks_add_up);
  tcase_add_test (tc, every_site_drops_its_own_half);
  tcase_add_test (tc, losses_in_groups_are_the_loss);
  suite_add_tcase (s, tc);
  return s;
}

int
main (void)
{
  return pr_check_main (suite ());
}
