#include "lm-fixture.h"

#include "lm/trainer.h"

#include <math.h>

/* Schedules --------------------------------------------------------------- */

START_TEST (steps_of_epochs)
{
  PrTrainParams params = fixture_params ();

  params.batch_size = 4;
  params.epochs = 3;
  ck_assert_uint_eq (pr_train_n_steps (&params, 10, 0), 9); /* 4 + 4 + 2 examples an epoch */
  params.epochs = 0.5;
  ck_assert_uint_eq (pr_train_n_steps (&params, 10, 0), 2);
  params.epochs = 0.1 * 3; /* a hair above .3 */
  ck_assert_uint_eq (pr_train_n_steps (&params, 400, 0), 30);
  params.epochs = 3;
  params.max_steps = 5;
  ck_assert_uint_eq (pr_train_n_steps (&params, 10, 0), 5);
  params.max_steps = 50;
  ck_assert_uint_eq (pr_train_n_steps (&params, 10, 0), 9);
  ck_assert_uint_eq (pr_train_n_steps (&params, 0, 0), 0);
  params.max_steps = 0;
  params.epochs = 1e9;
  ck_assert_uint_eq (pr_train_n_steps (&params, G_MAXSIZE, 0), G_GUINT64_CONSTANT (1) << 53);
}
END_TEST

START_TEST (shapes_of_schedules)
{
  PrTrainParams params = fixture_params ();

  params.lr = 1;
  params.warmup = 0.2;
  params.min_lr = 0.5;
  for (int s = PR_SCHEDULE_COSINE; s <= PR_SCHEDULE_CONSTANT; s++)
    {
      params.schedule = s;
      ck_assert_double_eq_tol (pr_train_lr (&params, 0, 10), 1.0 / 3, 1e-12);
      ck_assert_double_eq_tol (pr_train_lr (&params, 1, 10), 2.0 / 3, 1e-12);
      ck_assert_double_eq_tol (pr_train_lr (&params, 2, 10), 1, 1e-12);
    }
  params.schedule = PR_SCHEDULE_COSINE;
  ck_assert_double_eq_tol (pr_train_lr (&params, 6, 10), 0.75, 1e-12);
  ck_assert_double_eq_tol (pr_train_lr (&params, 10, 10), 0.5, 1e-12);
  params.schedule = PR_SCHEDULE_LINEAR;
  ck_assert_double_eq_tol (pr_train_lr (&params, 4, 10), 0.5 + 0.5 * 0.75, 1e-12);
  params.schedule = PR_SCHEDULE_CONSTANT;
  ck_assert_double_eq_tol (pr_train_lr (&params, 9, 10), 1, 1e-12);
  params.warmup = 1;
  ck_assert_double_lt (pr_train_lr (&params, 9, 10), 1);
  ck_assert (isfinite (pr_train_lr (&params, 0, 1)));
}
END_TEST

START_TEST (parameters_are_checked)
{
  static const struct
  {
    gsize offset;
    double value;
    const char *key;
  } cases[] = {
    { G_STRUCT_OFFSET (PrTrainParams, epochs), -1, "'epochs'" },
    { G_STRUCT_OFFSET (PrTrainParams, lr), NAN, "'lr'" },
    { G_STRUCT_OFFSET (PrTrainParams, warmup), 1.5, "'warmup'" },
    { G_STRUCT_OFFSET (PrTrainParams, beta2), 1, "'beta2'" },
    { G_STRUCT_OFFSET (PrTrainParams, eps), 0, "'eps'" },
    { G_STRUCT_OFFSET (PrTrainParams, dropout), 1, "'dropout'" },
    { G_STRUCT_OFFSET (PrTrainParams, clip), INFINITY, "'clip'" },
    { G_STRUCT_OFFSET (PrTrainParams, weight_decay), 400, "'weight_decay'" },
  };
  PrTrainParams params = fixture_params ();
  GError *error = NULL;

  ck_assert (pr_train_params_check (&params, &error));
  ck_assert_no_error (error);
  G_STRUCT_MEMBER (double, &params, cases[_i].offset) = cases[_i].value;
  ck_assert (!pr_train_params_check (&params, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, cases[_i].key);
  g_clear_error (&error);
}
END_TEST

/* Examples and batches ------------------------------------------------------ */

START_TEST (examples_keep_tokens_and_flags_together)
{
  PrTokenizer *tokenizer = fixture_tokenizer ();
  PrExample example = { g_array_new (FALSE, FALSE, sizeof (gint32)), g_array_new (FALSE, FALSE, sizeof (float)) };
  gint32 token = 9;

  pr_example_add (&example, 7, 2);
  g_array_append_val (example.tokens, token);
  pr_example_mark (&example, FALSE);
  pr_example_add_text (&example, tokenizer, "ab", TRUE);
  pr_example_mark (&example, FALSE);
  ck_assert_uint_eq (example.tokens->len, 4);
  const float weights[] = { 2, 0, 1, 1 };

  ck_assert_mem_eq (example.loss->data, weights, sizeof weights);
  ck_assert_int_eq (g_array_index (example.tokens, gint32, 1), 9);
  pr_example_clear (&example);
  ck_assert_uint_eq (example.tokens->len + example.loss->len, 0);
  g_array_unref (example.tokens);
  g_array_unref (example.loss);
  pr_tokenizer_free (tokenizer);
}
END_TEST

/* Example i: tokens 10 i, 10 i + 1, ...; "t" in its pattern is a target. */
static gboolean
pattern_example (gpointer ctx, guint epoch G_GNUC_UNUSED, gsize index, PrExample *example, GError **error G_GNUC_UNUSED)
{
  const char *pattern = ((const char *const *)ctx)[index];

  for (gint32 i = 0; pattern[i] != '\0'; i++)
    pr_example_add (example, (gint32)index * 10 + i, pattern[i] == 't');
  return TRUE;
}

static PrBatch *
pattern_batch (const char *const *patterns, gsize n)
{
  PrBatch *batch = pr_batch_new ();
  PrLmConfig config = fixture_config (PR_LM_QWEN3);

  for (gsize i = 0; i < n; i++)
    ck_assert (pr_batch_add (batch, &config, pattern_example, (gpointer)patterns, 0, i, NULL));
  return batch;
}

START_TEST (batches_drop_what_cannot_matter)
{
  const char *const patterns[] = { ".tt..", "....", "t", "", "...t", ".t.t.." };
  PrBatch *batch = pattern_batch (patterns, 6);
  const gint32 tokens[] = { 0, 1, 40, 41, 42, 50, 51, 52 };
  const gint32 sources[] = { 0, 1, 4, 5, 7 }, targets[] = { 1, 2, 43, 51, 53 };
  PrChunk chunk;
  gint64 first_row;

  ck_assert_uint_eq (batch->n_empty, 3);
  ck_assert (pr_batch_next_chunk (batch, 100, &chunk, &first_row));
  ck_assert_int_eq (first_row, 0);
  ck_assert_uint_eq (chunk.n_sequences, 3);
  ck_assert_int_eq (chunk.offsets[3], 8);
  ck_assert_mem_eq (chunk.tokens, tokens, sizeof tokens);
  ck_assert_uint_eq (chunk.n_targets, 5);
  ck_assert_mem_eq (chunk.sources, sources, sizeof sources);
  ck_assert_mem_eq (chunk.targets, targets, sizeof targets);
  ck_assert (!pr_batch_next_chunk (batch, 100, &chunk, &first_row));
  pr_batch_free (batch);
}
END_TEST

START_TEST (chunks_hold_whole_examples)
{
  const char *const patterns[] = { "..t", "...t", ".t", "......t", ".t" }; /* 2, 3, 1, 6, 1 rows */
  static const struct
  {
    gint64 chunk_tokens;
    guint n;
    gint32 rows[5];
  } cases[] = { { 5, 4, { 5, 1, 6, 1 } },
                { 6, 3, { 6, 6, 1 } },
                { 1, 5, { 2, 3, 1, 6, 1 } },
                { 13, 1, { 13 } },
                { 12, 2, { 12, 1 } } };
  PrBatch *batch = pattern_batch (patterns, 5);
  gint64 rows = 0, first_row;
  PrChunk chunk;
  guint n = 0, n_targets = 0;

  while (pr_batch_next_chunk (batch, cases[_i].chunk_tokens, &chunk, &first_row))
    {
      ck_assert_int_eq (first_row, rows);
      ck_assert_int_eq (chunk.offsets[0], 0);
      ck_assert_int_eq (chunk.offsets[chunk.n_sequences], cases[_i].rows[n++]);
      for (gsize t = 0; t < chunk.n_targets; t++)
        ck_assert_int_eq (chunk.tokens[chunk.sources[t]] + 1, chunk.targets[t]);
      n_targets += (guint)chunk.n_targets;
      rows += chunk.offsets[chunk.n_sequences];
    }
  ck_assert_uint_eq (n, cases[_i].n);
  ck_assert_uint_eq (n_targets, 5);
  ck_assert_int_eq (rows, pr_batch_rows (batch));
  pr_batch_free (batch);
}
END_TEST

START_TEST (flops_are_counted_from_shapes)
{
  const char *const patterns[] = { "..t", "...t" };
  PrBatch *batch = pattern_batch (patterns, 2);
  PrLmConfig c = fixture_config (PR_LM_QWEN3);
  double matrices = 2.0 * 2 * (16 * 6 * 8 + 16 * 6 * 4 + 3 * 16 * 24); /* two layers */
  double attention = 2.0 * 2 * 2 * 4 * 6;                              /* a row and a row it attends to */

  /* 2 + 3 rows; row r attends to r + 1. */
  ck_assert_double_eq (pr_batch_flops (batch, &c, 1),
                       5 * matrices + (1 + 2 + 1 + 2 + 3) * attention + 2 * 2 * 16 * 264);
  pr_batch_free (batch);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("packing");
  TCase *tcase = tcase_create ("packing");

  tcase_add_test (tcase, steps_of_epochs);
  tcase_add_test (tcase, shapes_of_schedules);
  tcase_add_loop_test (tcase, parameters_are_checked, 0, 8);
  tcase_add_test (tcase, examples_keep_tokens_and_flags_together);
  tcase_add_test (tcase, batches_drop_what_cannot_matter);
  tcase_add_loop_test (tcase, chunks_hold_whole_examples, 0, 5);
  tcase_add_test (tcase, flops_are_counted_from_shapes);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
