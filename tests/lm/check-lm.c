#include "lm-fixture.h"

#include <pauserec/tensors.h>
#include <pauserec/threads.h>

#include <math.h>

/* The same row computed in chunks of other shapes: other tiles of the same sums. */
#define CHUNK_TOLERANCE 2e-5

START_TEST (configs_are_checked)
{
  static const struct
  {
    gsize offset;
    gint32 value;
    const char *part;
  } cases[] = {
    { G_STRUCT_OFFSET (PrLmConfig, vocab), 0, "vocab" },
    { G_STRUCT_OFFSET (PrLmConfig, hidden), -16, "hidden" },
    { G_STRUCT_OFFSET (PrLmConfig, layers), G_MAXINT32, "layers" },
    { G_STRUCT_OFFSET (PrLmConfig, kv_heads), 3, "multiple of kv_heads" },
    { G_STRUCT_OFFSET (PrLmConfig, head_dim), 5, "even" },
    { G_STRUCT_OFFSET (PrLmConfig, ffn), 0, "ffn" },
    { G_STRUCT_OFFSET (PrLmConfig, max_positions), 0, "max_positions" },
    { G_STRUCT_OFFSET (PrLmConfig, family), 7, "family" },
  };
  PrLmConfig config = fixture_config (PR_LM_QWEN3);
  GError *error = NULL;

  ck_assert (pr_lm_config_check (&config, &error));
  G_STRUCT_MEMBER (gint32, &config, cases[_i].offset) = cases[_i].value;
  ck_assert (!pr_lm_config_check (&config, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, cases[_i].part);
  g_clear_error (&error);
  ck_assert_ptr_null (pr_lm_new (&config, fixture_tokenizer (), 1, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, cases[_i].part);
  g_clear_error (&error);
}
END_TEST

START_TEST (reals_of_configs_are_checked)
{
  PrLmConfig good = fixture_config (PR_LM_QWEN3), bad;

  bad = good;
  bad.rope_theta = NAN;
  ck_assert (!pr_lm_config_check (&bad, NULL));
  bad = good;
  bad.rms_eps = 0;
  ck_assert (!pr_lm_config_check (&bad, NULL));
  bad = good;
  bad.init_sd = -1;
  ck_assert (!pr_lm_config_check (&bad, NULL));
}
END_TEST

START_TEST (the_largest_config_is_counted_without_overflow)
{
  PrLmConfig c = { .vocab = 1 << 24,
                   .hidden = 1 << 17,
                   .layers = 1024,
                   .heads = 1024,
                   .kv_heads = 1024,
                   .head_dim = 1024,
                   .ffn = 1 << 19,
                   .max_positions = 1 << 24,
                   .rope_theta = 1e4,
                   .rms_eps = 1e-6 };

  ck_assert (pr_lm_config_check (&c, NULL));
  ck_assert_int_gt (pr_lm_config_n_params (&c), G_GINT64_CONSTANT (1) << 48);
  ck_assert_uint_gt (pr_lm_config_train_bytes (&c, 16), (guint64)pr_lm_config_n_params (&c) * 16);
}
END_TEST

START_TEST (sizes_agree_with_the_layout)
{
  PrLm *lm = fixture_lm ((PrLmFamily)_i, 1);
  gint64 n = 0;

  for (gsize i = 0; i < lm->layout->n_tensors; i++)
    n += lm->layout->tensors[i].rows * MAX (lm->layout->tensors[i].columns, 1);
  ck_assert_int_eq (pr_lm_config_n_params (pr_lm_config (lm)), n);
  ck_assert_uint_ge (pr_lm_config_train_bytes (&lm->config, 64), (guint64)lm->layout->size * 16);
  pr_lm_free (lm);
}
END_TEST

START_TEST (fresh_weights)
{
  PrLm *a = fixture_lm (PR_LM_QWEN2, 1), *b, *c = fixture_lm (PR_LM_QWEN2, 2);
  double sum = 0, squares = 0;
  const float *q = a->weights + a->layout->layers[0].q, *embedding = a->weights + a->layout->embedding;
  gint64 n = 264 * 16;

  pr_threads_set (3);
  b = fixture_lm (PR_LM_QWEN2, 1);
  ck_assert (fixture_same_weights (a, b));
  ck_assert (!fixture_same_weights (a, c));
  ck_assert (memcmp (q, embedding, 16 * sizeof (float)) != 0);
  for (gint64 i = 0; i < n; i++)
    {
      sum += (double)embedding[i];
      squares += (double)embedding[i] * (double)embedding[i];
    }
  /* 4224 draws: five standard errors. */
  ck_assert_double_lt (fabs (sum / (double)n), 5 * 0.2 / sqrt ((double)n));
  ck_assert_double_eq_tol (sqrt (squares / (double)n), 0.2, 5 * 0.2 / sqrt (2.0 * (double)n));
  for (int i = 0; i < 16; i++)
    {
      ck_assert_float_eq (a->weights[a->layout->final_norm + i], 1);
      ck_assert_float_eq (a->weights[a->layout->layers[1].q_bias + i], 0);
    }
  pr_lm_free (a);
  pr_lm_free (b);
  pr_lm_free (c);
}
END_TEST

START_TEST (every_token_needs_a_row)
{
  PrLmConfig config = fixture_config (PR_LM_QWEN3);
  GError *error = NULL;

  config.vocab = FIXTURE_VOCAB - 1;
  ck_assert_ptr_null (pr_lm_new (&config, fixture_tokenizer (), 1, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "261 tokens, but the embedding only 260 rows");
  g_clear_error (&error);
}
END_TEST

START_TEST (folders_keep_everything)
{
  char *dir = pr_check_tmpdir ();
  PrLm *lm = fixture_lm ((PrLmFamily)_i, 3), *back;
  PrProtocol *protocol = pr_protocol_new ("History: {history}", "; ", 10);
  GError *error = NULL;

  protocol->thinking = PR_THINKING_PAUSE;
  protocol->pauses = 5;
  pr_lm_set_protocol (lm, protocol);
  ck_assert (pr_lm_save (lm, dir, &error));
  ck_assert_no_error (error);
  back = pr_lm_load (dir, &error);
  ck_assert_no_error (error);
  for (gsize i = 0; i < G_STRUCT_OFFSET (PrLmConfig, max_positions); i += sizeof (gint32))
    ck_assert_int_eq (G_STRUCT_MEMBER (gint32, &back->config, i), G_STRUCT_MEMBER (gint32, &lm->config, i));
  ck_assert_int_eq (back->config.max_positions, lm->config.max_positions);
  ck_assert_double_eq (back->config.rope_theta, lm->config.rope_theta);
  ck_assert_double_eq (back->config.rms_eps, lm->config.rms_eps);
  ck_assert_double_eq (back->config.init_sd, lm->config.init_sd);
  ck_assert (fixture_same_weights (lm, back));
  ck_assert_int_eq (pr_tokenizer_vocab_size (pr_lm_tokenizer (back)), FIXTURE_VOCAB);
  ck_assert_int_eq (pr_lm_protocol (back)->pauses, 5);
  ck_assert_str_eq (pr_lm_protocol (back)->prompt, protocol->prompt);
  /* Saved over itself without a protocol: none is left behind. */
  pr_lm_set_protocol (lm, NULL);
  ck_assert (pr_lm_save (lm, dir, NULL));
  pr_lm_free (back);
  back = pr_lm_load (dir, &error);
  ck_assert_no_error (error);
  ck_assert_ptr_null (pr_lm_protocol (back));
  pr_protocol_free (protocol);
  pr_lm_free (lm);
  pr_lm_free (back);
  pr_check_rmdir (dir);
  g_free (dir);
}
END_TEST

/* Tokens ------------------------------------------------------------------ */

START_TEST (new_tokens_get_rows)
{
  static const char *const three[] = { "<s_a_1>", "<s_a_2>", "<s_a_3>", NULL }, *const more[] = { "<pause>", "<s_b_1>",
                                                                                                  NULL };
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 4), *before = fixture_lm (PR_LM_QWEN3, 4), *other = fixture_lm (PR_LM_QWEN3, 4);
  GError *error = NULL;
  gint32 token;

  /* Three rows were waiting; two more make the embedding grow. */
  ck_assert (pr_lm_add_tokens (lm, three, PR_ROW_INIT_NORMAL, 1, &error));
  ck_assert_int_eq (lm->config.vocab, 264);
  ck_assert (pr_lm_add_tokens (lm, more, PR_ROW_INIT_NORMAL, 1, &error));
  ck_assert_no_error (error);
  ck_assert_int_eq (lm->config.vocab, 266);
  ck_assert_int_eq (pr_tokenizer_lookup (pr_lm_tokenizer (lm), "<s_b_1>"), 265);
  ck_assert_mem_eq (lm->weights, before->weights,
                    (gsize)(before->layout->embedding + FIXTURE_VOCAB * 16) * sizeof (float));
  ck_assert (memcmp (pr_lm_embedding_row (lm, 264), pr_lm_embedding_row (lm, 265), 64) != 0);
  /* A row depends on its name and the seed alone. */
  ck_assert (pr_lm_add_tokens (other, more, PR_ROW_INIT_NORMAL, 1, NULL));
  token = pr_tokenizer_lookup (pr_lm_tokenizer (other), "<pause>");
  ck_assert_int_eq (token, FIXTURE_VOCAB);
  ck_assert_mem_eq (pr_lm_embedding_row (other, token), pr_lm_embedding_row (lm, 264), 64);
  pr_lm_free (lm);
  pr_lm_free (before);
  pr_lm_free (other);
}
END_TEST

START_TEST (known_tokens_are_refused)
{
  static const char *const again[] = { "<new>", "<think>", NULL };
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 4);
  GError *error = NULL;

  ck_assert (!pr_lm_add_tokens (lm, again, PR_ROW_INIT_NORMAL, 1, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "<think>");
  ck_assert_int_eq (pr_tokenizer_vocab_size (pr_lm_tokenizer (lm)), FIXTURE_VOCAB);
  g_clear_error (&error);
  pr_lm_free (lm);
}
END_TEST

START_TEST (mean_rows_start_at_the_mean)
{
  static const char *const names[] = { "<pause>", NULL };
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 5);
  double mean[16] = { 0 }, squares = 0, variance = 0;

  for (gint32 i = 0; i < FIXTURE_VOCAB; i++)
    for (int j = 0; j < 16; j++)
      mean[j] += (double)pr_lm_embedding_row (lm, i)[j] / FIXTURE_VOCAB;
  for (gint32 i = 0; i < FIXTURE_VOCAB; i++)
    for (int j = 0; j < 16; j++)
      variance += pow ((double)pr_lm_embedding_row (lm, i)[j] - mean[j], 2) / FIXTURE_VOCAB / 16;
  ck_assert (pr_lm_add_tokens (lm, names, PR_ROW_INIT_MEAN, 1, NULL));
  for (int j = 0; j < 16; j++)
    squares += pow ((double)pr_lm_embedding_row (lm, FIXTURE_VOCAB)[j] - mean[j], 2) / 16;
  /* Variance 1e-9 of the rows': there, and of the right size. */
  ck_assert_double_gt (squares, 0.1e-9 * variance);
  ck_assert_double_lt (squares, 5e-9 * variance);
  pr_lm_free (lm);
}
END_TEST

START_TEST (token_embeddings_travel)
{
  static const char *const names[] = { "<pause>", "<think>", NULL };
  char *dir = pr_check_tmpdir ();
  PrLm *from = fixture_lm (PR_LM_QWEN3, 6), *to = fixture_lm (PR_LM_QWEN3, 7), *narrow;
  static const char *const added[] = { "<pause>", NULL }, *const unknown[] = { "<none>", NULL };
  PrLmConfig config = fixture_config (PR_LM_QWEN3);
  GError *error = NULL;

  ck_assert (pr_lm_add_tokens (from, added, PR_ROW_INIT_NORMAL, 1, NULL));
  ck_assert (pr_token_embedding_save (from, names, dir, &error));
  ck_assert_no_error (error);
  ck_assert (pr_token_embedding_apply (to, dir, &error));
  ck_assert_no_error (error);
  for (int i = 0; i < 2; i++)
    ck_assert_mem_eq (pr_lm_embedding_row (to, pr_tokenizer_lookup (pr_lm_tokenizer (to), names[i])),
                      pr_lm_embedding_row (from, pr_tokenizer_lookup (pr_lm_tokenizer (from), names[i])), 64);
  ck_assert (!pr_token_embedding_save (from, unknown, dir, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "<none>");
  g_clear_error (&error);
  config.hidden = 8;
  narrow = pr_lm_new (&config, fixture_tokenizer (), 1, NULL);
  ck_assert (!pr_token_embedding_apply (narrow, dir, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "rows of 16 numbers do not fit a model of width 8");
  g_clear_error (&error);
  pr_lm_free (from);
  pr_lm_free (to);
  pr_lm_free (narrow);
  pr_check_rmdir (dir);
  g_free (dir);
}
END_TEST

START_TEST (bad_token_embeddings_are_refused)
{
  static const struct
  {
    const char *tokens, *part;
    float value;
  } cases[] = {
    { "<a>\n<b>\n<c>", "names 3 tokens", 0 },
    { "<a>", "names 1 tokens", 0 },
    { "<a>\n<a>", "repeated name '<a>'", 0 },
    { "<a>\n", "empty", 0 },
    { NULL, "tokens", 0 },
    { "<a>\n<b>", "NaN or infinity", NAN },
  };
  char *dir = pr_check_tmpdir ();
  g_autofree char *path = g_build_filename (dir, "embedding.safetensors", NULL);
  PrTensorsWriter *writer = pr_tensors_writer_new ();
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 6), *before = fixture_lm (PR_LM_QWEN3, 6);
  float rows[32] = { 0 };
  GError *error = NULL;

  rows[20] = cases[_i].value;
  pr_tensors_writer_add2 (writer, "embedding", PR_DTYPE_F32, 2, 16, rows);
  if (cases[_i].tokens != NULL)
    pr_tensors_writer_meta (writer, "tokens", cases[_i].tokens);
  ck_assert (pr_tensors_writer_write (writer, path, NULL));
  ck_assert (!pr_token_embedding_apply (lm, dir, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, cases[_i].part);
  ck_assert (fixture_same_weights (lm, before));
  g_clear_error (&error);
  pr_tensors_writer_free (writer);
  pr_lm_free (lm);
  pr_lm_free (before);
  pr_check_rmdir (dir);
  g_free (dir);
}
END_TEST

/* Forward ----------------------------------------------------------------- */

#define N_SEQUENCES 90 /* of 0 to 59 tokens: more rows than one chunk holds */

typedef struct
{
  gint32 tokens[N_SEQUENCES * 64], offsets[N_SEQUENCES + 1];
} Packed;

static void
fill_packed (Packed *packed)
{
  PrRng rng = pr_rng_new (1, "packed");

  packed->offsets[0] = 0;
  for (gint32 s = 0; s < N_SEQUENCES; s++)
    packed->offsets[s + 1] = packed->offsets[s] + (s * 37) % 60;
  for (gint32 i = 0; i < packed->offsets[N_SEQUENCES]; i++)
    packed->tokens[i] = (gint32)pr_rng_below (rng, 0, (guint64)i, 264);
  ck_assert_int_gt (packed->offsets[N_SEQUENCES], 2048);
}

START_TEST (sequences_do_not_see_each_other)
{
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 8);
  Packed *packed = g_new0 (Packed, 1);
  gsize rows;
  g_autofree float *hidden = NULL;
  g_autofree float *log_probs = NULL;
  float one_hidden[64 * 16], one_logits[64 * 264];

  fill_packed (packed);
  rows = (gsize)packed->offsets[N_SEQUENCES];
  hidden = g_new0 (float, rows * 16);
  log_probs = g_new0 (float, rows);
  ck_assert (pr_lm_hidden (lm, packed->tokens, packed->offsets, N_SEQUENCES, hidden, NULL));
  ck_assert (pr_lm_log_probs (lm, packed->tokens, packed->offsets, N_SEQUENCES, NULL, 1, log_probs, NULL));
  for (gint32 s = 0; s < N_SEQUENCES; s += 7)
    {
      gint32 start = packed->offsets[s], n = packed->offsets[s + 1] - start;
      const gint32 *tokens = packed->tokens + start, offsets[] = { 0, n };

      ck_assert (pr_lm_hidden (lm, tokens, offsets, 1, one_hidden, NULL));
      ck_assert (pr_lm_logits (lm, tokens, offsets, 1, one_logits, NULL));
      for (gint32 i = 0; i < n * 16; i++)
        ck_assert_double_eq_tol ((double)hidden[start * 16 + i], (double)one_hidden[i], CHUNK_TOLERANCE);
      for (gint32 i = 0; i < n; i++)
        {
          double sum = 0;

          if (i == 0)
            {
              ck_assert (isnan (log_probs[start]));
              continue;
            }
          for (int v = 0; v < 264; v++)
            sum += exp ((double)one_logits[(i - 1) * 264 + v]);
          ck_assert_double_eq_tol ((double)log_probs[start + i],
                                   (double)one_logits[(i - 1) * 264 + tokens[i]] - log (sum), CHUNK_TOLERANCE);
        }
    }
  g_free (packed);
  pr_lm_free (lm);
}
END_TEST

START_TEST (bad_sequences_are_refused)
{
  static const struct
  {
    gint32 offsets[3], token;
    const char *part;
  } cases[] = {
    { { 0, 3, 8 }, 264, "token 264 at position 5" },
    { { 0, 3, 8 }, PR_TOKEN_LATENT, "position 5 is a latent step" },
    { { 0, 3, 8 }, -2, "token -2" },
    { { 1, 3, 8 }, 0, "start at offset 0" },
    { { 0, 5, 3 }, 0, "sequence 1 has -2" },
    { { 0, 65, 66 }, 0, "sequence 0 has 65 tokens, the model has 64 positions" },
  };
  PrLm *lm = fixture_lm (PR_LM_LLAMA, 8);
  gint32 tokens[66] = { 0 };
  float out[66 * 264];
  GError *error = NULL;

  tokens[5] = cases[_i].token;
  ck_assert (!pr_lm_hidden (lm, tokens, cases[_i].offsets, 2, out, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, cases[_i].part);
  g_clear_error (&error);
  ck_assert (!pr_lm_log_probs (lm, tokens, cases[_i].offsets, 2, NULL, 1, out, NULL));
  ck_assert (!pr_lm_logits (lm, tokens, cases[_i].offsets, 2, out, NULL));
  pr_lm_free (lm);
}
END_TEST

START_TEST (nothing_in_nothing_out)
{
  PrLm *lm = fixture_lm (PR_LM_LLAMA, 8);
  const gint32 offsets[] = { 0, 0, 0 };
  float out = 5;

  ck_assert (pr_lm_hidden (lm, NULL, offsets, 0, &out, NULL));
  ck_assert (pr_lm_log_probs (lm, NULL, offsets, 2, NULL, 1, &out, NULL));
  ck_assert (pr_lm_logits (lm, NULL, offsets, 2, &out, NULL));
  ck_assert_float_eq (out, 5);
  pr_lm_free (lm);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("lm");
  TCase *models = tcase_create ("models"), *tokens = tcase_create ("tokens"), *forward = tcase_create ("forward");

  tcase_add_loop_test (models, configs_are_checked, 0, 8);
  tcase_add_test (models, reals_of_configs_are_checked);
  tcase_add_test (models, the_largest_config_is_counted_without_overflow);
  tcase_add_loop_test (models, sizes_agree_with_the_layout, 0, 3);
  tcase_add_test (models, fresh_weights);
  tcase_add_test (models, every_token_needs_a_row);
  tcase_add_loop_test (models, folders_keep_everything, 0, 3);
  tcase_add_test (tokens, new_tokens_get_rows);
  tcase_add_test (tokens, known_tokens_are_refused);
  tcase_add_test (tokens, mean_rows_start_at_the_mean);
  tcase_add_test (tokens, token_embeddings_travel);
  tcase_add_loop_test (tokens, bad_token_embeddings_are_refused, 0, 6);
  tcase_add_test (forward, sequences_do_not_see_each_other);
  tcase_add_loop_test (forward, bad_sequences_are_refused, 0, 6);
  tcase_add_test (forward, nothing_in_nothing_out);
  suite_add_tcase (suite, models);
  suite_add_tcase (suite, tokens);
  suite_add_tcase (suite, forward);
  return pr_check_main (suite);
}
