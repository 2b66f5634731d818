/* The network of tiger against transformers' T5 (tests/golden/make-tiger-golden.py), its gradients, and its search. */
#include "pr-check.h"

#include "../../plugins/tiger/learn.h"

#include <pauserec/tensors.h>
#include <pauserec/threads.h>

#include <math.h>

/* Golden values are of float64, ours of float32: hidden states of order 1, gradients up to 5. */
#define GOLDEN_TOLERANCE 2e-4
/* Differences of losses in single precision, relative to the slope along a random direction. */
#define SLOPE_TOLERANCE 0.02

static const TigerDropout none = { 0 };
static const TigerShape shape = { .levels = 3,
                                  .sizes = { 5, 4, 3 },
                                  .encoder_layers = 2,
                                  .decoder_layers = 2,
                                  .hidden = 12,
                                  .heads = 3,
                                  .head_dim = 5,
                                  .ffn = 20,
                                  .buckets = 32 };

static PrTensors *
golden_open (void)
{
  const char *source = g_getenv ("PR_SOURCE_DIR");
  g_autofree char *path = g_build_filename (source ? source : ".", "tests/golden/tiger.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  PrTensors *file = pr_tensors_open (path, &error);

  ck_assert_no_error (error);
  return file;
}

static const PrTensor *
tensor (const PrTensors *file, const char *kind, const char *name)
{
  g_autofree char *full = g_strconcat (kind, name, NULL);
  const PrTensor *found = pr_tensors_lookup (file, full);

  ck_assert_msg (found != NULL, "no %s", full);
  return found;
}

/* The golden weights: transformers' names are ours. */
static void
set_weights (TigerModel *model, const PrTensors *file)
{
  for (gsize i = 0; i < pr_net_n_params (model->net); i++)
    {
      const PrNetParam *p = pr_net_param (model->net, i);
      const PrTensor *t = tensor (file, "w.", p->name);

      ck_assert_int_eq (t->n, p->rows * p->columns);
      memcpy (pr_net_weights (model->net) + p->offset, t->data, (gsize)t->n * sizeof (float));
    }
}

static void
assert_close (const PrTensor *want, const float *got, gint64 first)
{
  for (gint64 i = 0; i < want->n; i++)
    ck_assert_msg (fabs ((double)((const float *)want->data)[i] - (double)got[first + i]) < GOLDEN_TOLERANCE,
                   "%s [%d]: %g, not %g", want->name, (int)i, (double)got[first + i],
                   (double)((const float *)want->data)[i]);
}

/* The golden sequences as a batch. */
static void
fill_batch (TigerBatch *batch, const PrTensors *file)
{
  const PrTensor *tokens = tensor (file, "tokens", ""), *offsets = tensor (file, "offsets", "");
  const gint32 *targets = tensor (file, "targets", "")->data;

  g_array_append_vals (batch->tokens, tokens->data, (guint)tokens->n);
  g_array_set_size (batch->offsets, 0);
  g_array_append_vals (batch->offsets, offsets->data, (guint)offsets->n);
  batch->n = (gsize)offsets->n - 1;
  for (gsize i = 0; i < batch->n; i++)
    for (gint32 l = 0; l < shape.levels; l++)
      {
        gint32 token = tiger_shape_first (&shape, l) + targets[(gint32)i * shape.levels + l];
        gint32 read = l == 0 ? tiger_shape_start (&shape)
                             : tiger_shape_first (&shape, l - 1) + targets[(gint32)i * shape.levels + l - 1];

        g_array_append_val (batch->targets, token);
        g_array_append_val (batch->decoder, read);
      }
}

START_TEST (is_the_t5_of_transformers)
{
  g_autoptr (PrTensors) file = golden_open ();
  TigerModel model;
  TigerBatch batch;
  TigerMemory memory;
  const gint32 own[] = { 0, 3, 6, 9 };
  TigerDecode decode;
  PrVar *encoded, *decoded;
  const gint32 *offsets;
  g_autoptr (PrTape) tape = NULL;
  g_autofree float *grads = NULL;

  tiger_model_init (&model, &shape, 1);
  set_weights (&model, file);
  tiger_batch_init (&batch);
  fill_batch (&batch, file);
  offsets = (const gint32 *)(gpointer)batch.offsets->data;
  tape = pr_tape_new (model.net);
  pr_tape_begin (tape, NULL, NULL);
  encoded = tiger_encode (&model, tape, (const gint32 *)(gpointer)batch.tokens->data, offsets, 3, &none);
  tiger_remember (&model, tape, encoded, &memory);
  decode = (TigerDecode){ (const gint32 *)(gpointer)batch.decoder->data, own, 3, own, offsets, 3 };
  decoded = tiger_decode (&model, tape, &decode, &memory, &none);
  for (gint32 i = 0; i < 3; i++)
    {
      g_autofree char *number = g_strdup_printf ("%d", i);
      const float *want = tensor (file, "logits.", number)->data;

      assert_close (tensor (file, "encoded.", number), encoded->value, offsets[i] * shape.hidden);
      for (gint32 l = 0; l < shape.levels; l++)
        {
          gint32 row = i * shape.levels + l;
          PrVar *logits = tiger_logits (&model, tape, decoded, l, 1, &row);

          for (gint32 c = 0; c < shape.sizes[l]; c++)
            ck_assert_double_eq_tol ((double)logits->value[c], (double)want[l * 12 + tiger_shape_first (&shape, l) + c],
                                     GOLDEN_TOLERANCE);
        }
    }

  grads = g_new0 (float, pr_net_length (model.net));
  ck_assert_double_eq_tol (tiger_loss (&model, tape, &batch, 1.0f / 9, grads, NULL, &none) / 9,
                           (double)*(const float *)tensor (file, "loss", "")->data, GOLDEN_TOLERANCE);
  for (gsize i = 0; i < pr_net_n_params (model.net); i++)
    {
      const PrNetParam *p = pr_net_param (model.net, i);

      assert_close (tensor (file, "g.", p->name), grads, p->offset);
    }
  tiger_batch_clear (&batch);
  tiger_model_clear (&model);
}
END_TEST

/* With dropout: the slope of the loss along a random direction, by differences and by the gradient. */
START_TEST (gradients_are_slopes)
{
  g_autoptr (PrTensors) file = golden_open ();
  PrRng rng = pr_rng_new (3, "directions");
  const PrDropout noise = { .rng = pr_rng_new (4, "noise"), .step = 7 };
  const TigerDropout dropout = { .rate = 0.2f };
  TigerModel model;
  TigerBatch batch;
  g_autoptr (PrTape) tape = NULL;
  g_autofree float *grads = NULL;
  float *weights;
  gint64 n;

  tiger_model_init (&model, &shape, 1);
  set_weights (&model, file);
  tiger_batch_init (&batch);
  fill_batch (&batch, file);
  tape = pr_tape_new (model.net);
  weights = pr_net_weights (model.net);
  n = pr_net_length (model.net);
  grads = g_new0 (float, n);
  tiger_loss (&model, tape, &batch, 1, grads, &noise, &dropout);
  for (guint64 d = 0; d < 12; d++)
    {
      const float h = 1e-3f;
      double slope = 0, size = 0, up = 0, down = 0;

      for (int side = 0; side < 3; side++) /* up, down, back */
        {
          for (gsize i = 0; i < pr_net_n_params (model.net); i++)
            {
              const PrNetParam *p = pr_net_param (model.net, i);

              for (gint64 j = p->offset; j < p->offset + p->rows * p->columns; j++)
                {
                  double way = pr_rng_normal (rng, d, (guint64)j) / sqrt ((double)n); /* of length 1 */

                  weights[j] += (float)(way * (side == 1 ? -2 : 1)) * h;
                  slope += side == 0 ? way * (double)grads[j] : 0;
                  size += side == 0 ? pow ((double)grads[j], 2) : 0;
                }
            }
          *(side == 0 ? &up : &down) = side < 2 ? tiger_loss (&model, tape, &batch, 0, NULL, &noise, &dropout) : down;
        }
      ck_assert_msg (fabs ((up - down) / (2 * (double)h) - slope) < SLOPE_TOLERANCE * sqrt (size / (double)n),
                     "direction %d: %g by differences, %g by the gradient of length %g", (int)d,
                     (up - down) / (2 * (double)h), slope, sqrt (size));
    }
  tiger_batch_clear (&batch);
  tiger_model_clear (&model);
}
END_TEST

/* Where a batch is cut, and how many threads work, changes nothing: what is dropped goes by the rows of the batch. */
START_TEST (chunks_add_up)
{
  g_autoptr (PrTensors) file = golden_open ();
  const PrDropout noise = { .rng = pr_rng_new (4, "noise"), .step = 7 };
  TigerModel model;
  TigerBatch batch, part;
  g_autoptr (PrTape) tape = NULL;
  g_autofree float *whole = NULL, *parts = NULL;
  double loss, sum = 0;
  TigerDropout dropout = { .rate = 0.2f };

  tiger_model_init (&model, &shape, 1);
  set_weights (&model, file);
  tiger_batch_init (&batch);
  tiger_batch_init (&part);
  fill_batch (&batch, file);
  tape = pr_tape_new (model.net);
  whole = g_new0 (float, pr_net_length (model.net));
  parts = g_new0 (float, pr_net_length (model.net));
  loss = tiger_loss (&model, tape, &batch, 1, whole, &noise, &dropout);
  for (gsize i = 0; i < batch.n; i++)
    {
      gint32 from = g_array_index (batch.offsets, gint32, i), to = g_array_index (batch.offsets, gint32, i + 1);
      gint32 n = to - from;

      tiger_batch_reset (&part);
      g_array_append_vals (part.tokens, (gint32 *)(gpointer)batch.tokens->data + from, (guint)n);
      g_array_append_val (part.offsets, n);
      g_array_append_vals (part.decoder, (gint32 *)(gpointer)batch.decoder->data + i * 3, 3);
      g_array_append_vals (part.targets, (gint32 *)(gpointer)batch.targets->data + i * 3, 3);
      part.n = 1;
      pr_threads_set (1 + (guint)i);
      sum += tiger_loss (&model, tape, &part, 1, parts, &noise, &dropout);
      dropout.encoder_rows += (guint64)n;
      dropout.decoder_rows += 3;
    }
  pr_threads_set (1);
  ck_assert_double_eq_tol (loss, sum, 1e-4);
  for (gint64 i = 0; i < pr_net_length (model.net); i++)
    ck_assert_double_eq_tol ((double)whole[i], (double)parts[i], 2e-4);
  tiger_batch_clear (&batch);
  tiger_batch_clear (&part);
  tiger_model_clear (&model);
}
END_TEST

/* Ten items, two of which share a tuple, and five users. */
static PrDataset *
write_dataset (const char *dir)
{
  static const char *const nothing[] = { NULL };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("ten");
  GError *error = NULL;
  PrDataset *dataset;

  for (int i = 0; i < 10; i++)
    {
      g_autofree char *id = g_strdup_printf ("i%d", i);
      const PrItem item = { id, id, "", "", nothing };

      pr_dataset_builder_add_item (builder, &item);
    }
  for (int u = 0; u < 5; u++)
    {
      g_autofree char *id = g_strdup_printf ("u%d", u);
      gint32 bought[8];

      for (int i = 0; i < 8; i++)
        bought[i] = (u * 3 + i * i) % 10;
      pr_dataset_builder_add_user (builder, id, bought, 4 + u);
    }
  ck_assert (pr_dataset_builder_write (builder, dir, &error));
  dataset = pr_dataset_load (dir, &error);
  ck_assert_no_error (error);
  return dataset;
}

static PrSids *
make_sids (void)
{
  PrSids *sids = pr_sids_new (10, 3, shape.sizes);
  PrRng rng = pr_rng_new (8, "sids");

  for (gint32 i = 0; i < 27; i++)
    sids->codes[i] = (gint32)pr_rng_below (rng, 0, (guint64)i, (guint64)shape.sizes[i % 3]);
  memcpy (sids->codes + 27, sids->codes, 3 * sizeof *sids->codes);
  return sids;
}

/* Beams that hold the catalogue: the log probability of a tuple is what the loss says of it, for every user and item,
 * with users in groups of three; once with users' tokens, once without separators. */
START_TEST (search_says_what_the_loss_says)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autoptr (PrDataset) dataset = write_dataset (dir);
  g_autoptr (PrSids) sids = make_sids ();
  const TigerExamplesParams params = { TIGER_TARGETS_ALL_PREFIXES, 4, _i == 0 };
  const PrBeamParams search = { 12, PR_NORMALISE_VOCAB, 3 };
  const gint32 users[] = { 0, 1, 2, 3, 4 };
  TigerShape own = shape;
  TigerModel model;
  TigerExamples examples;
  TigerAnswers answers;
  TigerBatch batch;
  g_autoptr (PrTape) tape = NULL;
  gint32 leaves[5 * 12];
  float scores[5 * 12];
  GError *error = NULL;

  own.user_tokens = _i == 0 ? 2 : 0;
  ck_assert (tiger_examples_init (&examples, &own, &params, dataset, sids, 1, &error));
  tiger_model_init (&model, &own, 5);
  tiger_answers_init (&answers, &model, &examples, &search);
  tiger_batch_init (&batch);
  tape = pr_tape_new (model.net);
  ck_assert (tiger_answer (&answers, PR_SPLIT_TEST, users, 5, NULL, NULL, leaves, scores, &error));
  for (gint64 u = 0; u < 5; u++)
    for (gint64 b = 0; b < 12; b++)
      {
        gint64 n;
        gsize n_items;
        const gint32 *history = pr_dataset_history (dataset, u, PR_SPLIT_TEST, &n);

        ck_assert_int_eq (leaves[u * 12 + b] >= 0, b < pr_trie_n_leaves (answers.trie));
        if (leaves[u * 12 + b] < 0)
          continue;
        ck_assert (b == 0 || scores[u * 12 + b] <= scores[u * 12 + b - 1]);
        tiger_batch_reset (&batch);
        tiger_batch_add (&batch, &examples, u, history, n,
                         pr_trie_leaf_items (answers.trie, leaves[u * 12 + b], &n_items)[0]);
        ck_assert_double_eq_tol (-tiger_loss (&model, tape, &batch, 0, NULL, NULL, &none), (double)scores[u * 12 + b],
                                 1e-4);
      }
  tiger_batch_clear (&batch);
  tiger_answers_clear (&answers);
  tiger_examples_clear (&examples);
  tiger_model_clear (&model);
  pr_check_rmdir (dir);
}
END_TEST

/* Histories are cut to the latest items; sub-sequences end before the target and begin anywhere, anew in each epoch. */
START_TEST (examples_are_as_said)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autoptr (PrDataset) dataset = write_dataset (dir);
  g_autoptr (PrSids) sids = make_sids ();
  TigerExamplesParams params = { TIGER_TARGETS_LAST, 3, true };
  gint64 n, lengths[4] = { 0 };
  const gint32 *items = pr_dataset_train_sequence (dataset, 4, &n); /* six */
  TigerExamples examples;
  TigerBatch batch;

  tiger_batch_init (&batch);
  ck_assert (tiger_examples_init (&examples, &shape, &params, dataset, sids, 1, NULL));
  ck_assert_int_eq (examples.users->len, 5);
  tiger_batch_add_example (&batch, &examples, 0, 4);
  ck_assert_int_eq (batch.tokens->len, 3 * 4);
  for (int i = 0; i < 3; i++)
    {
      const gint32 *tokens = (const gint32 *)(gpointer)batch.tokens->data + 4 * i,
                   *codes = pr_sids_item (sids, items[2 + i]);

      ck_assert_int_eq (tokens[0], codes[0]);
      ck_assert_int_eq (tokens[1], 5 + codes[1]);
      ck_assert_int_eq (tokens[2], 9 + codes[2]);
      ck_assert_int_eq (tokens[3], 13);
    }
  ck_assert_int_eq (g_array_index (batch.decoder, gint32, 0), 12);
  ck_assert_int_eq (g_array_index (batch.decoder, gint32, 2), 5 + pr_sids_item (sids, items[5])[1]);
  ck_assert_int_eq (g_array_index (batch.targets, gint32, 2), 9 + pr_sids_item (sids, items[5])[2]);
  tiger_examples_clear (&examples);

  params.targets = TIGER_TARGETS_SUB_SEQUENCES;
  ck_assert (tiger_examples_init (&examples, &shape, &params, dataset, sids, 1, NULL));
  ck_assert_int_eq (examples.users->len, 1 + 2 + 3 + 4 + 5);
  for (guint epoch = 0; epoch < 300; epoch++)
    {
      gint64 length;

      tiger_batch_reset (&batch);
      tiger_batch_add_example (&batch, &examples, epoch, 14); /* the last of user 4 */
      length = batch.tokens->len / 4;
      ck_assert (length >= 1 && length <= 3);
      lengths[length]++;
      ck_assert_int_eq (g_array_index (batch.tokens, gint32, batch.tokens->len - 4), pr_sids_item (sids, items[4])[0]);
      ck_assert_int_eq (g_array_index (batch.targets, gint32, 0), pr_sids_item (sids, items[5])[0]);
    }
  for (int length = 1; length <= 3; length++) /* 100 each, standard deviation 8 */
    ck_assert_msg (lengths[length] > 60 && lengths[length] < 140, "%d of length %d", (int)lengths[length], length);
  tiger_examples_clear (&examples);
  tiger_batch_clear (&batch);
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("tiger-model");
  TCase *tc = tcase_create ("tiger-model");

  tcase_add_test (tc, is_the_t5_of_transformers);
  tcase_add_test (tc, gradients_are_slopes);
  tcase_add_test (tc, chunks_add_up);
  tcase_add_loop_test (tc, search_says_what_the_loss_says, 0, 2);
  tcase_add_test (tc, examples_are_as_said);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
