/* Golden values of transformers; see tests/golden/make-lm-golden.py and make-attention-golden.py.  `check-golden
 * --write FAMILY DIR` writes the folder that transformers reads there and in check-transformers.sh. */
#include "train-fixture.h"

#include <pauserec/tensors.h>

#include "compute/floats.h"
#include "lm/lm-private.h"
#include "lm/trainer.h"

#include <math.h>

/* Golden values are exact to float32; ours are sums of up to 264 float32 products, so 1e-5 of the largest value is
 * expected (a wrong formula shows in the first digit). */
#define LOGIT_TOLERANCE 1e-5
#define GRAD_TOLERANCE 1e-5
/* Relative to a row's largest probability; exponentials of sums of a few products, after one layer. */
#define ATTENTION_TOLERANCE 1e-5
/* Six updates of at most lr = 3e-3 each; AdamW divides small gradients by their own size, which amplifies rounding. */
#define TRAJECTORY_TOLERANCE 3e-6
#define OUR_SEED 20

static const char *const families[] = { "qwen3", "qwen2", "llama" };

/* A model that uses all that is saved: biases and norms are not left at zero and one. */
static PrLm *
our_model (PrLmFamily family)
{
  PrLm *lm = fixture_lm (family, OUR_SEED);

  for (gsize i = 0; i < lm->layout->n_tensors; i++)
    if (lm->layout->tensors[i].columns == 0)
      for (gint64 j = 0; j < lm->layout->tensors[i].rows; j++)
        lm->weights[lm->layout->tensors[i].offset + j] += (float)((gint64)(j * 7 + (gint64)i) % 11 - 5) / 32.0f;
  return lm;
}

static PrTensors *
open_golden (const char *format, int family)
{
  g_autofree char *name = g_strdup_printf (format, families[family]);
  const char *source = g_getenv ("PR_SOURCE_DIR");
  g_autofree char *path = g_build_filename (source != NULL ? source : ".", "tests", "golden", name, NULL);
  GError *error = NULL;
  PrTensors *file = pr_tensors_open (path, &error);

  ck_assert_no_error (error);
  return file;
}

static const PrTensor *
get (const PrTensors *file, const char *prefix, const char *name)
{
  g_autofree char *full = g_strconcat (prefix, name, NULL);
  const PrTensor *tensor = pr_tensors_lookup (file, full);

  ck_assert_msg (tensor != NULL, "golden '%s' is missing", full);
  return tensor;
}

/* The model of tests/golden/lm-<family>: transformers' two files, with a tokenizer of ours beside them. */
static PrLm *
golden_model (int family)
{
  g_autofree char *name = g_strconcat ("lm-", families[family], NULL);
  const char *source = g_getenv ("PR_SOURCE_DIR");
  g_autofree char *from = g_build_filename (source != NULL ? source : ".", "tests", "golden", name, NULL);
  g_autofree char *dir = pr_check_tmpdir ();
  static const char *const files[] = { "config.json", "model.safetensors" };
  g_autofree char *tokenizer_path = g_build_filename (dir, "tokenizer.json", NULL);
  PrTokenizer *tokenizer = fixture_tokenizer ();
  GError *error = NULL;
  PrLm *lm;

  for (int i = 0; i < 2; i++)
    {
      g_autofree char *a = g_build_filename (from, files[i], NULL);
      g_autofree char *b = g_build_filename (dir, files[i], NULL);
      g_autofree char *data = NULL;
      gsize length;

      ck_assert (g_file_get_contents (a, &data, &length, NULL));
      ck_assert (g_file_set_contents (b, data, (gssize)length, NULL));
    }
  ck_assert (pr_tokenizer_save (tokenizer, tokenizer_path, NULL));
  pr_tokenizer_free (tokenizer);
  lm = pr_lm_load (dir, &error);
  ck_assert_no_error (error);
  ck_assert_int_eq ((int)lm->config.family, family);
  pr_check_rmdir (dir);
  return lm;
}

static void
assert_close (const char *what, const float *values, const float *golden, gint64 n, double tolerance)
{
  double scale = 0, worst = 0;
  gint64 at = 0;

  for (gint64 i = 0; i < n; i++)
    {
      double difference = fabs ((double)values[i] - (double)golden[i]);

      scale = fmax (scale, fabs ((double)golden[i]));
      if (!(difference <= worst))
        {
          worst = difference;
          at = i;
        }
    }
  ck_assert_msg (worst <= tolerance * scale, "%s: element %ld is %.9g, golden %.9g (largest %.3g)", what, (long)at,
                 (double)values[at], (double)golden[at], scale);
}

static void
assert_logits (PrLm *lm, const PrTensors *golden)
{
  const PrTensor *tokens = get (golden, "tokens", ""), *logits = get (golden, "logits", "");
  gint32 length = (gint32)tokens->dims[1];
  const gint32 offsets[] = { 0, length, 2 * length };
  g_autofree float *ours = g_new (float, (gsize)logits->n);
  GError *error = NULL;

  ck_assert_int_eq (logits->n, 2 * length * lm->config.vocab);
  ck_assert (pr_lm_logits (lm, tokens->data, offsets, 2, ours, &error));
  assert_close ("logits", ours, logits->data, logits->n, LOGIT_TOLERANCE);
}

START_TEST (logits_of_their_folder)
{
  PrTensors *golden = open_golden ("lm-%s.safetensors", _i);
  PrLm *lm = golden_model (_i);

  assert_logits (lm, golden);
  pr_lm_free (lm);
  pr_tensors_free (golden);
}
END_TEST

START_TEST (logits_of_our_folder)
{
  PrTensors *golden = open_golden ("ours-%s.safetensors", _i);
  PrLm *lm = our_model ((PrLmFamily)_i);

  assert_logits (lm, golden);
  pr_lm_free (lm);
  pr_tensors_free (golden);
}
END_TEST

/* Every position of two sequences is a query. */
START_TEST (attention)
{
  PrTensors *golden = open_golden ("attention-%s.safetensors", _i);
  const PrTensor *tokens = get (golden, "tokens", ""), *wanted = get (golden, "attention", "");
  PrLm *lm = golden_model (_i);
  gint32 n = (gint32)tokens->dims[1], heads = (gint32)wanted->dims[1];
  const gint32 offsets[] = { 0, n, 2 * n };
  g_autofree gint32 *queries = g_new (gint32, 2 * n);
  g_autofree float *ours = NULL;
  gsize at = 0, size;

  for (gint32 i = 0; i < 2 * n; i++)
    queries[i] = i;
  size = pr_lm_attention_size (lm, offsets, 2, queries, (gsize)(2 * n));
  ours = g_new (float, size);
  ck_assert (pr_lm_attention (lm, tokens->data, offsets, 2, queries, (gsize)(2 * n), ours, NULL, NULL));
  for (gint32 q = 0; q < 2 * n; q++)
    for (gint32 h = 0; h < heads; h++)
      {
        gint32 row = (q / n * heads + h) * n + q % n;

        assert_close ("attention", ours + at, (const float *)wanted->data + (gint64)row * n, q % n + 1,
                      ATTENTION_TOLERANCE);
        at += (gsize)(q % n) + 1;
      }
  ck_assert_uint_eq (at, size);
  pr_lm_free (lm);
  pr_tensors_free (golden);
}
END_TEST

static gboolean
golden_example (gpointer ctx, guint epoch G_GNUC_UNUSED, gsize index, PrExample *example, GError **error G_GNUC_UNUSED)
{
  const PrTensor *tokens = get (ctx, "tokens", ""), *loss = get (ctx, "loss", "");
  gint64 length = tokens->dims[1];

  for (gint64 i = 0; i < length; i++)
    pr_example_add (example, ((const gint32 *)tokens->data)[(gint64)index * length + i],
                    ((const guint8 *)loss->data)[(gint64)index * length + i]);
  return TRUE;
}

START_TEST (gradients)
{
  PrTensors *golden = open_golden ("lm-%s.safetensors", _i);
  PrLm *lm = golden_model (_i);
  PrBatch *batch = pr_batch_new ();
  PrModel *model = pr_model_new (&lm->config, 64, TRUE, NULL);
  PrBackward backward = { 0 };
  PrChunk chunk;
  gint64 first_row;
  double loss;
  float *memory = pr_floats_new (lm->layout->size, "gradients", NULL);

  for (gsize i = 0; i < 3; i++)
    ck_assert (pr_batch_add (batch, &lm->config, golden_example, golden, 0, i, NULL));
  ck_assert (pr_batch_next_chunk (batch, 64, &chunk, &first_row));
  backward.scale = 1.0f / (float)chunk.n_targets;
  loss = pr_model_train (model, lm->weights, memory, &chunk, &backward) / (double)chunk.n_targets;
  ck_assert_double_eq_tol (loss, *(const double *)get (golden, "grad_loss", "")->data, 1e-5);
  for (gsize i = 0; i < lm->layout->n_tensors; i++)
    {
      const PrLmTensor *tensor = &lm->layout->tensors[i];
      const PrTensor *wanted = get (golden, "grad.", tensor->name);

      assert_close (tensor->name, memory + tensor->offset, wanted->data, wanted->n, GRAD_TOLERANCE);
    }
  free (memory);
  pr_model_free (model);
  pr_batch_free (batch);
  pr_lm_free (lm);
  pr_tensors_free (golden);
}
END_TEST

/* The whole of pr_train() against torch: schedule, clipping, moments, decay of matrices only. */
START_TEST (trajectory)
{
  PrTensors *golden = open_golden ("lm-%s.safetensors", _i);
  PrLm *lm = golden_model (_i);
  PrTraining training = { .name = "train", .n_examples = 6, .example = golden_example, .ctx = golden };
  PrTrainParams params = { .epochs = 2,
                           .batch_size = 2,
                           .lr = 3e-3,
                           .schedule = PR_SCHEDULE_COSINE,
                           .warmup = 0.3,
                           .min_lr = 0.1,
                           .weight_decay = 0.1,
                           .beta1 = 0.9,
                           .beta2 = 0.95,
                           .eps = 1e-6,
                           .clip = *(const double *)get (golden, "clip", "")->data,
                           .chunk_tokens = 16 };
  static const char *const series[] = { "loss", "grad_norm", "lr" }, *const names[] = { "losses", "norms", "rates" };
  FixtureRun run = fixture_run ();
  GError *error = NULL;

  ck_assert_msg (fixture_train (&run, lm, &training, &params, 1, &error), "%s", error ? error->message : "");
  for (int s = 0; s < 3; s++)
    {
      const PrRecordCurve *curve = fixture_curve (run.record, series[s]);
      const PrTensor *wanted = get (golden, names[s], "");

      ck_assert_uint_eq (curve->values->len, 6);
      for (guint i = 0; i < 6; i++)
        {
          double value = ((const double *)wanted->data)[i];

          ck_assert_double_eq_tol (g_array_index (curve->values, double, i), value, 2e-5 * value);
        }
    }
  for (gsize i = 0; i < lm->layout->n_tensors; i++)
    {
      const PrLmTensor *tensor = &lm->layout->tensors[i];
      const PrTensor *wanted = get (golden, "final.", tensor->name);

      for (gint64 j = 0; j < wanted->n; j++)
        ck_assert_msg (fabs ((double)lm->weights[tensor->offset + j] - (double)((const float *)wanted->data)[j])
                           <= TRAJECTORY_TOLERANCE,
                       "%s: element %ld is %.9g, golden %.9g", tensor->name, (long)j,
                       (double)lm->weights[tensor->offset + j], (double)((const float *)wanted->data)[j]);
    }
  fixture_run_clear (&run);
  pr_lm_free (lm);
  pr_tensors_free (golden);
}
END_TEST

static const char *write_family, *write_dir;

START_TEST (write_folder)
{
  GError *error = NULL;

  for (int i = 0; i < (int)G_N_ELEMENTS (families); i++)
    if (strcmp (write_family, families[i]) == 0)
      {
        PrLm *lm = our_model ((PrLmFamily)i);

        ck_assert_msg (pr_lm_save (lm, write_dir, &error), "%s", error ? error->message : "");
        pr_lm_free (lm);
        return;
      }
  ck_abort_msg ("unknown family '%s'", write_family);
}
END_TEST

int
main (int argc, char **argv)
{
  Suite *suite = suite_create ("golden");
  TCase *tcase = tcase_create ("golden");

  suite_add_tcase (suite, tcase);
  if (argc == 4 && strcmp (argv[1], "--write") == 0)
    {
      write_family = argv[2];
      write_dir = argv[3];
      tcase_add_test (tcase, write_folder);
      return pr_check_main (suite);
    }
  tcase_add_loop_test (tcase, logits_of_their_folder, 0, 3);
  tcase_add_loop_test (tcase, logits_of_our_folder, 0, 3);
  tcase_add_loop_test (tcase, attention, 0, 3);
  tcase_add_loop_test (tcase, gradients, 0, 3);
  tcase_add_loop_test (tcase, trajectory, 0, 3);
  return pr_check_main (suite);
}
