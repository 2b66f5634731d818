/* The model against a second implementation in double precision: losses, hidden states and, by finite differences of
 * the second implementation, the gradient of every kind of weight. */
#include "pr-check.h"

#include "model-case.h"

#include <pauserec/rng.h>
#include <pauserec/threads.h>

/* Single precision against double through a few layers. */
#define VALUE_TOLERANCE 2e-5
/* Gradients are compared relative to the largest of their tensor. */
#define GRADIENT_TOLERANCE 2e-4

/* Sequences of the lengths given (0-terminated); every position but each third is a target. */
static Case
case_new (const PrLmConfig *config, const gint32 *lengths)
{
  Case k = case_open (config);

  for (gsize s = 0; lengths[s] != 0; s++)
    {
      for (gint32 i = 0; i < lengths[s]; i++)
        {
          gint32 row = (gint32)k.tokens->len, target = case_draw (&k, 2);

          case_append (k.tokens, case_draw (&k, 1));
          if (row % 3 == 1)
            continue;
          case_append (k.sources, row);
          case_append (k.targets, target);
        }
      case_append (k.offsets, (gint32)k.tokens->len);
    }
  case_close (&k);
  return k;
}

static void
check_values (const PrLmConfig *config, const gint32 *lengths)
{
  Case k = case_new (config, lengths);

  case_check_values (&k, FALSE, VALUE_TOLERANCE * 10);
  case_clear (&k);
}

START_TEST (values_agree_in_every_family)
{
  const gint32 lengths[] = { 5, 1, 9, 2, 0 };
  PrLmConfig config = tiny;

  for (config.family = PR_LM_QWEN3; config.family <= PR_LM_LLAMA; config.family++)
    check_values (&config, lengths);
}
END_TEST

/* Sizes that fill vectors, several tiles, a sequence longer than a tile and more targets than a group of the head. */
START_TEST (values_agree_beyond_one_tile)
{
  const gint32 lengths[] = { 200, 130, 300, 1, 50, 900, 0 };
  PrLmConfig config = tiny;

  config.layers = 1;
  config.hidden = 32;
  config.head_dim = 16;
  config.kv_heads = 1;
  check_values (&config, lengths);
}
END_TEST

static void
check_gradients (const PrLmConfig *config, const gint32 *lengths, PrBackward b)
{
  Case k = case_new (config, lengths);

  case_check_gradients (&k, b, VALUE_TOLERANCE, GRADIENT_TOLERANCE);
  case_clear (&k);
}

START_TEST (gradients_are_slopes_in_every_family)
{
  const gint32 lengths[] = { 5, 1, 8, 0 };
  PrLmConfig config = tiny;

  for (config.family = PR_LM_QWEN3; config.family <= PR_LM_LLAMA; config.family++)
    check_gradients (&config, lengths, (PrBackward){ .scale = 0.5f });
}
END_TEST

START_TEST (gradients_are_slopes_with_dropout)
{
  const gint32 lengths[] = { 6, 7, 0 };

  check_gradients (
      &tiny, lengths,
      (PrBackward){ .scale = 1, .dropout = 0.3f, .dropout_seed = 5, .dropout_step = 3, .first_row = 1000 });
}
END_TEST

START_TEST (gradients_are_slopes_with_weights)
{
  const gint32 lengths[] = { 6, 7, 0 };
  Case k = case_new (&tiny, lengths);
  g_autofree float *weights = g_new (float, k.chunk.n_targets);

  for (gsize i = 0; i < k.chunk.n_targets; i++)
    weights[i] = i % 4 == 3 ? 1 : 0.25f * (float)(i + 1);
  k.chunk.loss_weights = weights;
  case_check_gradients (&k, (PrBackward){ .scale = 0.5f }, VALUE_TOLERANCE, GRADIENT_TOLERANCE);
  case_clear (&k);
}
END_TEST

/* Neither linear nor the same at every position. */
static double
odd_objective (gpointer ctx, gsize target, double log_prob, double *ret_slope)
{
  double a = *(const double *)ctx * ((double)(target % 5) - 1.5);

  *ret_slope = a + 0.2 * log_prob;
  return a * log_prob + 0.1 * log_prob * log_prob;
}

START_TEST (gradients_are_slopes_of_an_objective)
{
  const gint32 lengths[] = { 5, 9, 0 };
  Case k = case_new (&tiny, lengths);
  double factor = 2;

  k.chunk.first_target = 3;
  case_check_gradients (&k, (PrBackward){ .scale = 1, .objective = odd_objective, .objective_ctx = &factor },
                        VALUE_TOLERANCE, GRADIENT_TOLERANCE);
  case_check_gradients (
      &k, (PrBackward){ .scale = 1, .objective = odd_objective, .objective_ctx = &factor, .temperature = 0.6 },
      VALUE_TOLERANCE, GRADIENT_TOLERANCE);
  case_clear (&k);
}
END_TEST

/* Sequences long enough for several blocks of queries, 1, 2 and 4 query heads a group. */
START_TEST (gradients_are_slopes_for_every_grouping)
{
  const gint32 lengths[] = { 23, 3, 0 };
  PrLmConfig config = tiny;

  config.layers = 1;
  for (config.kv_heads = 1; config.kv_heads <= 4; config.kv_heads *= 2)
    check_gradients (&config, lengths, (PrBackward){ .scale = 1 });
}
END_TEST

/* One row's gradient must be that of the full backward, whether reached as an input or through the head. */
START_TEST (listed_rows_get_their_full_gradient)
{
  const gint32 lengths[] = { 9, 4, 30, 0 };
  Case k = case_new (&tiny, lengths);
  const gint32 listed[] = { 36, k.chunk.tokens[2], k.chunk.targets[4] };
  g_autofree float *all = g_new0 (float, k.layout->size), *rows = g_new0 (float, 3 * tiny.hidden);
  g_autoptr (PrModel) model = pr_model_new (&tiny, 43, TRUE, NULL);
  PrBackward b = { .scale = 0.1f, .dropout = 0.1f };

  pr_model_train (model, k.weights, all, &k.chunk, &b);
  b.rows = listed;
  b.n_rows = 3;
  pr_model_train (model, k.weights, rows, &k.chunk, &b);
  for (gsize i = 0; i < 3; i++)
    for (gint32 e = 0; e < tiny.hidden; e++)
      ck_assert_double_eq_tol (rows[(gint32)i * tiny.hidden + e],
                               all[k.layout->embedding + listed[i] * tiny.hidden + e], 2e-6);
  case_clear (&k);
}
END_TEST

/* Cutting a batch into chunks changes rounding only. */
START_TEST (chunks_add_up)
{
  const gint32 lengths[] = { 9, 4, 30, 11, 0 };
  Case k = case_new (&tiny, lengths);
  g_autofree float *whole = g_new0 (float, k.layout->size), *parts = g_new0 (float, k.layout->size);
  g_autoptr (PrModel) model = pr_model_new (&tiny, 54, TRUE, NULL);
  PrBackward b = { .scale = 0.1f, .dropout = 0.2f, .dropout_seed = 9 };
  gsize target = 0;

  pr_model_train (model, k.weights, whole, &k.chunk, &b);
  for (gsize s = 0; s < 4; s++)
    {
      const gint32 offsets[] = { 0, lengths[s] };
      gint32 sources[30];
      PrChunk part = { .tokens = k.chunk.tokens + k.chunk.offsets[s],
                       .offsets = offsets,
                       .n_sequences = 1,
                       .sources = sources,
                       .targets = k.chunk.targets + target };

      while (target < k.chunk.n_targets && k.chunk.sources[target] < k.chunk.offsets[s + 1])
        sources[part.n_targets++] = k.chunk.sources[target++] - k.chunk.offsets[s];
      b.first_row = (guint64)k.chunk.offsets[s];
      pr_model_train (model, k.weights, parts, &part, &b);
    }
  for (gint64 i = 0; i < k.layout->size; i++)
    ck_assert_double_eq_tol (parts[i], whole[i], 1e-5);
  case_clear (&k);
}
END_TEST

/* The same bytes for 1, 2 and 3 threads, over several tiles and groups. */
START_TEST (threads_do_not_change_bits)
{
  gint32 lengths[40] = { 0 };
  PrLmConfig config = tiny;
  Case k;
  g_autofree float *grads[3] = { NULL, NULL, NULL };
  double sums[3];
  PrBackward b = { .scale = 0.1f, .dropout = 0.2f };

  for (gsize i = 0; i < 39; i++)
    lengths[i] = (gint32)(20 + i * 7 % 90);
  config.hidden = 64;
  config.ffn = 500;
  k = case_new (&config, lengths);
  for (guint t = 0; t < 3; t++)
    {
      g_autoptr (PrModel) model = pr_model_new (&config, k.chunk.offsets[39], TRUE, NULL);

      pr_threads_set (t + 1);
      grads[t] = g_new0 (float, k.layout->size);
      sums[t] = pr_model_train (model, k.weights, grads[t], &k.chunk, &b);
      ck_assert_mem_eq (grads[0], grads[t], sizeof (float) * (gsize)k.layout->size);
      ck_assert_mem_eq (&sums[0], &sums[t], sizeof (double));
    }
  for (guint t = 0; t < 3; t++)
    g_clear_pointer (&grads[t], g_free);
  case_clear (&k);
}
END_TEST

START_TEST (gradient_descent_learns_by_heart)
{
  const gint32 lengths[] = { 12, 12, 0 };
  Case k = case_new (&tiny, lengths);
  g_autofree float *grads = g_new (float, k.layout->size);
  g_autoptr (PrModel) model = pr_model_new (&tiny, 24, TRUE, NULL);
  PrBackward b = { .scale = 1.0f / (float)k.chunk.n_targets };
  double first = 0, last = 0;

  for (int step = 0; step < 150; step++)
    {
      memset (grads, 0, sizeof (float) * (gsize)k.layout->size);
      last = pr_model_train (model, k.weights, grads, &k.chunk, &b) / (double)k.chunk.n_targets;
      first = step == 0 ? last : first;
      for (gint64 i = 0; i < k.layout->size; i++)
        k.weights[i] -= 0.05f * grads[i];
    }
  ck_assert_double_gt (first, 2.0);
  ck_assert_double_lt (last, 0.05);
  case_clear (&k);
}
END_TEST

START_TEST (impossible_sizes_are_an_error)
{
  PrLmConfig config = tiny;
  g_autoptr (GError) error = NULL;

  config.ffn = G_MAXINT32;
  config.layers = 1000;
  ck_assert_ptr_null (pr_model_new (&config, 1 << 20, TRUE, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "chunk_tokens");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("model");
  TCase *tc = tcase_create ("model");

  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, values_agree_in_every_family);
  tcase_add_test (tc, values_agree_beyond_one_tile);
  tcase_add_test (tc, gradients_are_slopes_in_every_family);
  tcase_add_test (tc, gradients_are_slopes_with_dropout);
  tcase_add_test (tc, gradients_are_slopes_with_weights);
  tcase_add_test (tc, gradients_are_slopes_of_an_objective);
  tcase_add_test (tc, gradients_are_slopes_for_every_grouping);
  tcase_add_test (tc, listed_rows_get_their_full_gradient);
  tcase_add_test (tc, chunks_add_up);
  tcase_add_test (tc, threads_do_not_change_bits);
  tcase_add_test (tc, gradient_descent_learns_by_heart);
  tcase_add_test (tc, impossible_sizes_are_an_error);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
