/* Latent positions against a second implementation that runs each prefix on its own: losses, hidden states, and by
 * finite differences the gradient of every kind of weight; then training through them. */
#include "train-fixture.h"

#include "lm/trainer.h"
#include "model-case.h"

#include <pauserec/threads.h>

/* As check-model.c: single precision against double; through up to four runs of the layers instead of one. */
#define VALUE_TOLERANCE 4e-5
#define GRADIENT_TOLERANCE 4e-4

/* Sequences apart by blanks: a word (.), a word with a target after it (t), a latent (L), a latent with one (T). */
static Case
case_new (const PrLmConfig *config, const char *pattern)
{
  Case k = case_open (config);

  for (const char *c = pattern; *c != '\0'; c++)
    {
      gint32 row = (gint32)k.tokens->len, target = case_draw (&k, 2);

      if (*c == ' ')
        {
          case_append (k.offsets, row);
          continue;
        }
      case_append (k.tokens, *c == 'L' || *c == 'T' ? PR_TOKEN_LATENT : case_draw (&k, 1));
      if (*c == '.' || *c == 'L')
        continue;
      case_append (k.sources, row);
      case_append (k.targets, target);
    }
  case_append (k.offsets, (gint32)k.tokens->len);
  case_close (&k);
  return k;
}

/* 0 to 3 latents in one chunk; apart, side by side, from the second position on, at the very end. */
#define MIXED "..L.t ttt t.LLtLt tLT .t..LT"

static void
check_values (const PrLmConfig *config, const char *pattern)
{
  Case k = case_new (config, pattern);

  case_check_values (&k, TRUE, VALUE_TOLERANCE * 10);
  case_clear (&k);
}

START_TEST (values_agree_in_every_family)
{
  PrLmConfig config = tiny;

  for (config.family = PR_LM_QWEN3; config.family <= PR_LM_LLAMA; config.family++)
    check_values (&config, MIXED);
}
END_TEST

/* N sequences of different lengths and numbers of latents, together longer than a tile. */
static char *
many (gsize n)
{
  GString *pattern = g_string_new (NULL);

  for (gsize s = 0; s < n; s++)
    {
      if (s > 0)
        g_string_append_c (pattern, ' ');
      for (gsize i = 0; i < 20 + s * 7 % 60; i++)
        g_string_append_c (pattern, i % 3 == 1 ? '.' : 't');
      for (gsize j = 0; j < s % 4; j++)
        g_string_append (pattern, j % 2 ? "L" : "L.");
      g_string_append (pattern, ".tt");
    }
  return g_string_free (pattern, FALSE);
}

START_TEST (values_agree_beyond_one_tile)
{
  g_autofree char *pattern = many (12);
  PrLmConfig config = tiny;

  config.layers = 1;
  check_values (&config, pattern);
}
END_TEST

static void
check_gradients (const PrLmConfig *config, const char *pattern, PrBackward b)
{
  Case k = case_new (config, pattern);

  case_check_gradients (&k, b, VALUE_TOLERANCE, GRADIENT_TOLERANCE);
  case_clear (&k);
}

START_TEST (gradients_are_slopes_in_every_family)
{
  PrLmConfig config = tiny;

  for (config.family = PR_LM_QWEN3; config.family <= PR_LM_LLAMA; config.family++)
    check_gradients (&config, MIXED, (PrBackward){ .scale = 0.5f });
}
END_TEST

/* The only way from the words to the loss is through the latents: nothing else could hide a missing term. */
START_TEST (gradients_are_slopes_for_every_number)
{
  const char *const patterns[] = { "..Lt", "..LLt", "..LLLt", ".T", "....L..T" };

  check_gradients (&tiny, patterns[_i], (PrBackward){ .scale = 1 });
}
END_TEST

START_TEST (gradients_are_slopes_with_dropout)
{
  check_gradients (
      &tiny, MIXED,
      (PrBackward){ .scale = 1, .dropout = 0.3f, .dropout_seed = 5, .dropout_step = 3, .first_row = 1000 });
}
END_TEST

/* Fewer and more layers than there are buffers that gradients pass through in turn. */
START_TEST (gradients_are_slopes_for_every_depth)
{
  PrLmConfig config = tiny;

  config.layers = _i;
  check_gradients (&config, "..LL.t t.Lt", (PrBackward){ .scale = 1 });
}
END_TEST

START_TEST (listed_rows_get_their_full_gradient)
{
  Case k = case_new (&tiny, MIXED);
  const gint32 listed[] = { 36, k.chunk.tokens[0], k.chunk.targets[4] };
  g_autofree float *all = g_new0 (float, k.layout->size), *rows = g_new0 (float, 3 * tiny.hidden);
  g_autoptr (PrModel) model = case_model (&k, TRUE);
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

/* Cutting a batch into chunks, where a sequence's neighbours have other numbers of latents, changes rounding only. */
START_TEST (chunks_add_up)
{
  Case k = case_new (&tiny, MIXED);
  g_autofree float *whole = g_new0 (float, k.layout->size), *parts = g_new0 (float, k.layout->size);
  g_autoptr (PrModel) model = case_model (&k, TRUE);
  PrBackward b = { .scale = 0.1f, .dropout = 0.2f, .dropout_seed = 9 };
  gsize target = 0;

  pr_model_train (model, k.weights, whole, &k.chunk, &b);
  for (gsize s = 0; s < k.chunk.n_sequences; s++)
    {
      gint32 start = k.chunk.offsets[s], end = k.chunk.offsets[s + 1], sources[16];
      const gint32 offsets[] = { 0, end - start };
      PrChunk part = { .tokens = k.chunk.tokens + start,
                       .offsets = offsets,
                       .n_sequences = 1,
                       .sources = sources,
                       .targets = k.chunk.targets + target };

      while (target < k.chunk.n_targets && k.chunk.sources[target] < end)
        sources[part.n_targets++] = k.chunk.sources[target++] - start;
      b.first_row = (guint64)start;
      pr_model_train (model, k.weights, parts, &part, &b);
    }
  for (gint64 i = 0; i < k.layout->size; i++)
    ck_assert_double_eq_tol (parts[i], whole[i], 1e-5 * (1 + fabsf (whole[i])));
  case_clear (&k);
}
END_TEST

/* The same bytes for 1, 2 and 3 threads, over several tiles; and whatever the workspace was used for before. */
START_TEST (threads_do_not_change_bits)
{
  g_autofree char *pattern = many (39);
  PrLmConfig config = tiny;
  g_autofree float *first = NULL;
  double first_sum = 0;
  PrBackward b = { .scale = 0.1f, .dropout = 0.2f };
  Case k;

  config.hidden = 64;
  config.ffn = 100;
  k = case_new (&config, pattern);
  for (guint t = 0; t < 4; t++)
    {
      g_autoptr (PrModel) model = case_model (&k, TRUE);
      g_autofree float *grads = g_new0 (float, k.layout->size);
      double sum;

      pr_threads_set (t % 3 + 1);
      if (t == 3)
        {
          pr_model_train (model, k.weights, grads, &k.chunk, &b);
          memset (grads, 0, sizeof (float) * (gsize)k.layout->size);
        }
      sum = pr_model_train (model, k.weights, grads, &k.chunk, &b);
      if (t == 0)
        {
          first = g_steal_pointer (&grads);
          first_sum = sum;
          continue;
        }
      ck_assert_mem_eq (first, grads, sizeof (float) * (gsize)k.layout->size);
      ck_assert_double_eq (sum, first_sum);
    }
  case_clear (&k);
}
END_TEST

/* Training -------------------------------------------------------------------- */

/* Examples to learn by heart: 3 random words, index % 4 latents, a closing word, 2 words with loss. */
typedef struct
{
  guint64 seed;
  guint calls, kill; /* kill: this call fails; 0: none */
  gint32 misplace;   /* position made latent in example 2; -1: none */
} Thinker;

static gboolean
thinker_example (gpointer ctx, guint epoch G_GNUC_UNUSED, gsize index, PrExample *example, GError **error)
{
  Thinker *thinker = ctx;
  PrRng rng = pr_rng_new (thinker->seed, "thinker");

  if (++thinker->calls == thinker->kill)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "killed");
      return FALSE;
    }
  for (guint64 i = 0; i < 3; i++)
    pr_example_add (example, (gint32)pr_rng_below (rng, index, i, 200), 0);
  for (gsize i = 0; i < index % 4; i++)
    pr_example_add (example, PR_TOKEN_LATENT, 0);
  pr_example_add (example, 200, 0);
  for (guint64 i = 3; i < 5; i++)
    pr_example_add (example, (gint32)pr_rng_below (rng, index, i, 200), 1);
  if (index == 2 && thinker->misplace >= 0)
    g_array_index (example->tokens, gint32, thinker->misplace) = PR_TOKEN_LATENT;
  return TRUE;
}

static PrTraining
thinker_training (Thinker *thinker)
{
  return (PrTraining){ .name = "train",
                       .n_examples = 10,
                       .example = thinker_example,
                       .ctx = thinker,
                       .shuffle = TRUE,
                       .n_valid = 6,
                       .valid_example = thinker_example };
}

START_TEST (training_learns_by_heart)
{
  FixtureRun run = fixture_run ();
  Thinker thinker = { .seed = 1, .misplace = -1 };
  PrTraining training = thinker_training (&thinker);
  PrTrainParams params = fixture_params ();
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 1);

  params.epochs = 120;
  params.batch_size = 10;
  params.lr = 0.02;
  params.weight_decay = 0;
  params.eval_every = 20;
  ck_assert (fixture_train (&run, lm, &training, &params, 1, NULL));
  ck_assert_double_gt (g_array_index (fixture_curve (run.record, "loss")->values, double, 0), 4.5);
  ck_assert_double_lt (fixture_last (run.record, "loss"), 0.05);
  ck_assert_double_lt (fixture_last (run.record, "valid_loss"), 0.05);
  pr_lm_free (lm);
  fixture_run_clear (&run);
}
END_TEST

/* Validation without dropout is the reference's mean. */
START_TEST (validation_reads_latents)
{
  FixtureRun run = fixture_run ();
  Thinker thinker = { .seed = 2, .misplace = -1 };
  PrTraining training = thinker_training (&thinker);
  PrTrainParams params = fixture_params ();
  PrLm *lm = fixture_lm (PR_LM_QWEN2, 2);
  g_autofree double *exact = g_new (double, lm->layout->size);
  g_autoptr (PrBatch) batch = pr_batch_new ();
  double losses[16], sum = 0;
  gint64 first_row;
  PrChunk chunk;

  params.max_steps = 2;
  params.dropout = 0.3;
  ck_assert (fixture_train (&run, lm, &training, &params, 1, NULL));
  for (gint64 i = 0; i < lm->layout->size; i++)
    exact[i] = (double)lm->weights[i];
  for (gsize i = 0; i < training.n_valid; i++)
    ck_assert (pr_batch_add (batch, &lm->config, thinker_example, &thinker, 0, i, NULL));
  while (pr_batch_next_chunk (batch, 1000, &chunk, &first_row))
    sum += ref_losses (&lm->config, lm->layout, exact, &chunk, NULL, losses, NULL);
  ck_assert_double_eq_tol (fixture_last (run.record, "valid_loss"), sum / 12, 1e-4);
  pr_lm_free (lm);
  fixture_run_clear (&run);
}
END_TEST

/* Killed while it builds an example of step 5; the checkpoint after step 3 takes over. */
START_TEST (resumes_with_the_same_bytes)
{
  FixtureRun whole = fixture_run (), part = fixture_run ();
  Thinker thinker = { .seed = 3, .misplace = -1 };
  PrTraining training = thinker_training (&thinker);
  PrTrainParams params = fixture_params ();
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 3), *again = fixture_lm (PR_LM_QWEN3, 3), *start = fixture_lm (PR_LM_QWEN3, 3);
  const gint32 rows[] = { 200, 7 };
  guint calls;

  params.epochs = 4;
  params.dropout = 0.1;
  params.checkpoint_steps = 3;
  training.n_valid = 0;
  training.valid_example = NULL;
  training.rows = _i ? rows : NULL;
  training.n_rows = _i ? 2 : 0;
  ck_assert (fixture_train (&whole, lm, &training, &params, 1, NULL));
  ck_assert (!fixture_same_weights (lm, start));
  calls = thinker.calls;
  thinker = (Thinker){ .seed = 3, .misplace = -1, .kill = 16 };
  ck_assert (!fixture_train (&part, again, &training, &params, 1, NULL));
  memcpy (again->weights, start->weights, (gsize)again->layout->size * sizeof (float));
  thinker = (Thinker){ .seed = 3, .misplace = -1 };
  ck_assert (fixture_train (&part, again, &training, &params, 1, NULL));
  ck_assert_uint_eq (thinker.calls, calls - 10);
  ck_assert (fixture_same_weights (lm, again));
  ck_assert_mem_eq (whole.record->costs, part.record->costs, sizeof whole.record->costs);
  pr_lm_free (lm);
  pr_lm_free (again);
  pr_lm_free (start);
  fixture_run_clear (&whole);
  fixture_run_clear (&part);
}
END_TEST

START_TEST (misplaced_latents_are_refused)
{
  static const struct
  {
    gint32 position;
    const char *part;
  } cases[] = { { 0, "example 2 of epoch 0 has a latent position at 0, where there is no state" },
                { 7, "example 2 of epoch 0 has a latent position at 7, as a target" } };
  FixtureRun run = fixture_run ();
  Thinker thinker = { .seed = 1, .misplace = cases[_i].position };
  PrTraining training = thinker_training (&thinker);
  PrTrainParams params = fixture_params ();
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 1);
  GError *error = NULL;

  ck_assert (!fixture_train (&run, lm, &training, &params, 1, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, cases[_i].part);
  g_error_free (error);
  pr_lm_free (lm);
  fixture_run_clear (&run);
}
END_TEST

START_TEST (latents_cost_passes)
{
  Thinker thinker = { .seed = 1, .misplace = -1 };
  PrLmConfig config = fixture_config (PR_LM_QWEN3);

  for (gsize k = 0; k < 4; k++)
    {
      g_autoptr (PrBatch) batch = pr_batch_new ();
      double rows = 5 + (double)k, layers = rows * pr_lm_config_token_flops (&config, (rows + 1) / 2);
      double head = 2 * 2.0 * config.hidden * config.vocab, n = (double)k;

      ck_assert (pr_batch_add (batch, &config, thinker_example, &thinker, 0, k, NULL));
      /* Forward once more for each; in training also the gradients of activations, not those of weights. */
      ck_assert_double_eq (pr_batch_flops (batch, &config, 1), (1 + n) * layers + head);
      ck_assert_double_eq (pr_batch_flops (batch, &config, 2), (2 + 2 * n) * layers + 2 * head);
      ck_assert_double_eq (pr_batch_flops (batch, &config, 3), (3 + 2 * n) * layers + 3 * head);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("latent");
  TCase *exact = tcase_create ("exact"), *training = tcase_create ("training");

  tcase_set_timeout (exact, 120);
  tcase_set_timeout (training, 120);
  tcase_add_test (exact, values_agree_in_every_family);
  tcase_add_test (exact, values_agree_beyond_one_tile);
  tcase_add_test (exact, gradients_are_slopes_in_every_family);
  tcase_add_loop_test (exact, gradients_are_slopes_for_every_number, 0, 5);
  tcase_add_test (exact, gradients_are_slopes_with_dropout);
  tcase_add_loop_test (exact, gradients_are_slopes_for_every_depth, 1, 6);
  tcase_add_test (exact, listed_rows_get_their_full_gradient);
  tcase_add_test (exact, chunks_add_up);
  tcase_add_test (exact, threads_do_not_change_bits);
  tcase_add_test (training, training_learns_by_heart);
  tcase_add_test (training, validation_reads_latents);
  tcase_add_loop_test (training, resumes_with_the_same_bytes, 0, 2);
  tcase_add_loop_test (training, misplaced_latents_are_refused, 0, 2);
  tcase_add_test (training, latents_cost_passes);
  suite_add_tcase (suite, exact);
  suite_add_tcase (suite, training);
  return pr_check_main (suite);
}
