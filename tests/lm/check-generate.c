#include "decode-fixture.h"

#include <pauserec/decode.h>
#include <pauserec/threads.h>

#include <math.h>

/* Logits nearer to each other than this may change places by rounding. */
#define NEAR 1e-3

static const PrGenerateParams plain = { .samples = 1, .max_tokens = 12, .top_p = 1, .stop = -1, .rows_at_once = 8 };

static void
generate (Prompts *p, const PrGenerateParams *params, const guint64 *ids, PrTexts *ret)
{
  g_autoptr (GError) error = NULL;

  pr_texts_init (ret);
  ck_assert_msg (pr_generate (p->lm, params, TOKENS (p), OFFSETS (p), p->n, ids, NULL, NULL, ret, NULL, &error), "%s",
                 error != NULL ? error->message : "");
  ck_assert_uint_eq (ret->n, p->n * (gsize)params->samples);
  ck_assert_uint_eq (ret->offsets->len, ret->n + 1);
  ck_assert_uint_eq (ret->stopped->len, ret->n);
  ck_assert_int_eq (g_array_index (ret->offsets, gint32, ret->n), (gint32)ret->tokens->len);
}

static const gint32 *
text (const PrTexts *texts, gsize i, gint32 *ret_n)
{
  gint32 first = g_array_index (texts->offsets, gint32, i);

  *ret_n = g_array_index (texts->offsets, gint32, i + 1) - first;
  return &g_array_index (texts->tokens, gint32, first);
}

static void
assert_same_text (const PrTexts *a, gsize i, const PrTexts *b, gsize j)
{
  gint32 n, m;
  const gint32 *x = text (a, i, &n), *y = text (b, j, &m);

  ck_assert_int_eq (n, m);
  ck_assert_mem_eq (x, y, (gsize)n * sizeof *x);
  ck_assert_int_eq (g_array_index (a->stopped, guint8, i), g_array_index (b->stopped, guint8, j));
}

static void
assert_same_texts (const PrTexts *a, const PrTexts *b)
{
  ck_assert_uint_eq (a->n, b->n);
  for (gsize i = 0; i < a->n; i++)
    assert_same_text (a, i, b, i);
}

/* Logits after a sequence, from scratch. */
static void
slow_logits (PrLm *lm, const gint32 *tokens, gint32 n, float *ret_logits)
{
  const gint32 offsets[] = { 0, n };
  g_autofree float *all = g_new (float, n *FIXTURE_VOCAB);

  ck_assert (pr_lm_logits (lm, tokens, offsets, 1, all, NULL));
  memcpy (ret_logits, all + (n - 1) * FIXTURE_VOCAB, FIXTURE_VOCAB * sizeof *all);
}

/* Greedy text of a prompt; FALSE where rounding might decide. */
static gboolean
slow_text (Prompts *p, gsize prompt, const PrGenerateParams *params, gint32 *ret_text, gint32 *ret_n,
           gboolean *ret_stopped)
{
  gint32 sequence[FIXTURE_POSITIONS], n = OFFSETS (p)[prompt + 1] - OFFSETS (p)[prompt];
  float logits[FIXTURE_VOCAB];

  memcpy (sequence, TOKENS (p) + OFFSETS (p)[prompt], (gsize)n * sizeof *sequence);
  *ret_stopped = FALSE;
  for (*ret_n = 0; *ret_n < params->max_tokens; (*ret_n)++)
    {
      gint32 best = 0;

      slow_logits (p->lm, sequence, n, logits);
      for (gint32 v = 1; v < FIXTURE_VOCAB; v++)
        if (logits[v] > logits[best])
          best = v;
      for (gint32 v = 0; v < FIXTURE_VOCAB; v++)
        if (v != best && logits[best] - logits[v] < NEAR)
          return FALSE;
      *ret_stopped = best == params->stop;
      if (*ret_stopped)
        break;
      sequence[n++] = ret_text[*ret_n] = best;
    }
  return TRUE;
}

/* A token that ends some of the texts early. */
static gint32
frequent_token (const PrTexts *texts)
{
  gint32 counts[FIXTURE_VOCAB] = { 0 }, best = 0;

  for (gsize i = 0; i < texts->tokens->len; i++)
    counts[g_array_index (texts->tokens, gint32, i)]++;
  for (gint32 v = 0; v < FIXTURE_VOCAB; v++)
    if (counts[v] > counts[best])
      best = v;
  return best;
}

/* Texts of all lengths, rows refilled: whatever the rows, they are those of the slow way. */
START_TEST (greedy_equals_the_slow_way)
{
  gsize compared = 0, all = 0, stopped = 0;

  for (guint64 seed = 0; seed < 12; seed++)
    {
      PrRng rng = pr_rng_new (seed, "check-generate");
      PrGenerateParams params = plain;
      g_auto (PrTexts) free_texts = { 0 };
      g_auto (PrTexts) texts = { 0 };
      Prompts p;

      prompts_init (&p, seed, (PrLmFamily)_i, 23);
      params.max_tokens = fixture_pick (rng, 0, 1, 20);
      params.rows_at_once = fixture_pick (rng, 1, 1, 9);
      params.samples = fixture_pick (rng, 2, 1, 3);
      generate (&p, &params, NULL, &free_texts);
      params.stop = frequent_token (&free_texts);
      generate (&p, &params, NULL, &texts);
      for (gsize i = 0; i < texts.n; i++, all++)
        {
          gint32 slow[FIXTURE_POSITIONS], n, m;
          const gint32 *fast = text (&texts, i, &m);
          gboolean slow_stopped;

          if (!slow_text (&p, i / (gsize)params.samples, &params, slow, &n, &slow_stopped))
            continue;
          ck_assert_int_eq (n, m);
          ck_assert_mem_eq (slow, fast, (gsize)n * sizeof *slow);
          ck_assert_int_eq (slow_stopped, g_array_index (texts.stopped, guint8, i));
          compared++;
          stopped += slow_stopped;
        }
      prompts_clear (&p);
    }
  ck_assert_uint_gt (compared, all * 9 / 10);
  ck_assert_uint_gt (stopped, all / 20);
  ck_assert_uint_lt (stopped, all * 19 / 20);
}
END_TEST

START_TEST (same_bits_for_any_thread_count)
{
  Prompts p;
  g_auto (PrTexts) one = { 0 };
  g_auto (PrTexts) two = { 0 };
  g_auto (PrTexts) three = { 0 };
  PrGenerateParams params = plain;

  prompts_init (&p, 50, PR_LM_QWEN3, 150);
  params.temperature = 1;
  params.samples = 2;
  params.stop = 7;
  params.max_tokens = 30;
  generate (&p, &params, NULL, &one);
  pr_threads_set (2);
  generate (&p, &params, NULL, &two);
  assert_same_texts (&one, &two);
  pr_threads_set (3);
  generate (&p, &params, NULL, &three);
  assert_same_texts (&one, &three);
  prompts_clear (&p);
}
END_TEST

/* A draw depends on seed, id, sample and position, and on nothing else. */
START_TEST (draws_belong_to_ids_and_samples)
{
  Prompts p, twice;
  PrGenerateParams params = plain;
  g_auto (PrTexts) shared = { 0 };
  g_auto (PrTexts) alone = { 0 };
  g_auto (PrTexts) other = { 0 };
  guint64 ids[12];
  gint32 n, differ = 0;

  prompts_init (&p, 60, PR_LM_QWEN3, 6);
  prompts_init (&twice, 60, PR_LM_QWEN3, 6);
  for (gsize i = 0; i < 6; i++)
    {
      gint32 end = OFFSETS (&twice)[6 + i] + OFFSETS (&p)[i + 1] - OFFSETS (&p)[i];

      g_array_append_vals (twice.tokens, TOKENS (&p) + OFFSETS (&p)[i], (guint)(end - OFFSETS (&twice)[6 + i]));
      g_array_append_val (twice.offsets, end);
      ids[i] = ids[6 + i] = G_MAXUINT64 - 3 * i;
    }
  twice.n = 12;
  params.temperature = .7;
  params.samples = 3;
  params.seed = 5;
  generate (&p, &params, ids, &shared);
  params.samples = 1;
  params.rows_at_once = 5;
  generate (&twice, &params, ids, &alone);
  for (gsize i = 0; i < 6; i++)
    {
      assert_same_text (&shared, 3 * i, &alone, i);
      assert_same_text (&shared, 3 * i, &alone, 6 + i);
      for (gsize s = 1; s < 3; s++)
        differ += memcmp (text (&shared, 3 * i, &n), text (&shared, 3 * i + s, &n), 12 * sizeof (gint32)) != 0;
    }
  ck_assert_int_ge (differ, 11);
  params.seed = 6;
  generate (&twice, &params, ids, &other);
  ck_assert (memcmp (other.tokens->data, alone.tokens->data, other.tokens->len * sizeof (gint32)) != 0);
  prompts_clear (&p);
  prompts_clear (&twice);
}
END_TEST

/* Probabilities of what may be drawn after a sequence, by the definition. */
static void
expected (PrLm *lm, const gint32 *sequence, gint32 n, const PrGenerateParams *params, double *ret_p)
{
  float logits[FIXTURE_VOCAB];
  double total = 0, kept = 0, sum = 0;
  gint32 order[FIXTURE_VOCAB], most = params->top_k > 0 ? (gint32)params->top_k : FIXTURE_VOCAB;

  slow_logits (lm, sequence, n, logits);
  for (gint32 v = 0; v < FIXTURE_VOCAB; v++)
    {
      gint32 at = v;

      for (; at > 0 && logits[order[at - 1]] < logits[v]; at--)
        order[at] = order[at - 1];
      order[at] = v;
      ret_p[v] = 0;
    }
  for (gint32 k = 0; k < most; k++)
    total += exp ((double)logits[order[k]] / params->temperature);
  for (gint32 k = 0; k < most && kept < params->top_p * total; k++)
    kept += ret_p[order[k]] = exp ((double)logits[order[k]] / params->temperature);
  for (gint32 v = 0; v < FIXTURE_VOCAB; v++)
    sum += ret_p[v] /= kept;
  ck_assert_double_eq_tol (sum, 1, 1e-9);
}

/* COUNTS of N draws: within five standard deviations, and nothing outside the support. */
static void
assert_frequencies (const gint32 *counts, gint32 n, const double *p)
{
  for (gint32 v = 0; v < FIXTURE_VOCAB; v++)
    {
      double sd = sqrt (n * p[v] * (1 - p[v]));

      if (p[v] == 0)
        ck_assert_int_eq (counts[v], 0);
      ck_assert_msg (fabs (counts[v] - n * p[v]) <= 5 * sd + 1, "token %d: %d draws instead of %g", v, counts[v],
                     n * p[v]);
    }
}

START_TEST (draws_follow_the_distribution)
{
  static const PrGenerateParams cases[] = { { .temperature = 1, .top_p = 1 },
                                            { .temperature = .4, .top_p = 1 },
                                            { .temperature = 2, .top_p = 1, .top_k = 7 },
                                            { .temperature = 1, .top_p = .6 },
                                            { .temperature = 1, .top_p = .5, .top_k = 12 } };
  PrGenerateParams params = cases[_i];
  gint32 counts[FIXTURE_VOCAB] = { 0 }, after[FIXTURE_VOCAB] = { 0 }, best = 0, n, sequence[FIXTURE_POSITIONS];
  double p[FIXTURE_VOCAB];
  g_auto (PrTexts) texts = { 0 };
  Prompts prompts;

  prompts_init (&prompts, 70, PR_LM_QWEN2, 1);
  params.samples = 4000;
  params.max_tokens = 2;
  params.stop = -1;
  params.rows_at_once = 500;
  generate (&prompts, &params, NULL, &texts);
  for (gsize i = 0; i < texts.n; i++)
    counts[text (&texts, i, &n)[0]]++;
  n = OFFSETS (&prompts)[1];
  expected (prompts.lm, TOKENS (&prompts), n, &params, p);
  assert_frequencies (counts, 4000, p);

  /* The second token behind the most frequent first one. */
  for (gint32 v = 0; v < FIXTURE_VOCAB; v++)
    best = counts[v] > counts[best] ? v : best;
  memcpy (sequence, TOKENS (&prompts), (gsize)n * sizeof *sequence);
  sequence[n] = best;
  expected (prompts.lm, sequence, n + 1, &params, p);
  for (gsize i = 0; i < texts.n; i++)
    if (text (&texts, i, &n)[0] == best)
      after[text (&texts, i, &n)[1]]++;
  assert_frequencies (after, counts[best], p);
  prompts_clear (&prompts);
}
END_TEST

START_TEST (nothing_asked_nothing_written)
{
  Prompts p;
  PrGenerateParams params = plain;
  PrGenerateStats stats = { 0 };
  g_auto (PrTexts) texts = { 0 };

  prompts_init (&p, 80, PR_LM_QWEN3, 4);
  params.max_tokens = 0;
  params.samples = 2;
  generate (&p, &params, NULL, &texts);
  ck_assert_uint_eq (texts.tokens->len, 0);
  for (gsize i = 0; i < texts.n; i++)
    ck_assert_int_eq (g_array_index (texts.stopped, guint8, i), 0);
  ck_assert (pr_generate (p.lm, &params, NULL, OFFSETS (&p), 0, NULL, NULL, NULL, &texts, &stats, NULL));
  ck_assert_uint_eq (texts.n, 0);
  ck_assert_uint_eq (texts.offsets->len, 1);
  ck_assert_int_eq (stats.generated_tokens, 0);
  prompts_clear (&p);
}
END_TEST

START_TEST (cost_is_counted)
{
  Prompts p;
  PrGenerateParams params = plain;
  PrGenerateStats stats = { .prompt_tokens = 3 };
  g_auto (PrTexts) texts = { 0 };

  prompts_init (&p, 81, PR_LM_QWEN3, 5);
  params.samples = 2;
  pr_texts_init (&texts);
  ck_assert (pr_generate (p.lm, &params, TOKENS (&p), OFFSETS (&p), p.n, NULL, NULL, NULL, &texts, &stats, NULL));
  ck_assert_int_eq (stats.prompt_tokens, 3 + OFFSETS (&p)[5]);
  ck_assert_int_eq (stats.generated_tokens, 5 * 2 * 12);
  ck_assert (stats.flops > 2.0 * (double)stats.generated_tokens * FIXTURE_VOCAB * pr_lm_config (p.lm)->hidden);
  ck_assert_uint_gt (pr_generate_bytes (pr_lm_config (p.lm), &params, 20, 2), 100000);
  prompts_clear (&p);
}
END_TEST

static void
assert_refused (Prompts *p, const PrGenerateParams *params, PrTickFunc tick, gpointer ctx, PrError code,
                const char *part)
{
  g_autoptr (GError) error = NULL;
  g_auto (PrTexts) texts = { 0 };
  gint32 token = 12345;

  pr_texts_init (&texts);
  g_array_append_val (texts.tokens, token);
  ck_assert (!pr_generate (p->lm, params, TOKENS (p), OFFSETS (p), p->n, NULL, tick, ctx, &texts, NULL, &error));
  ck_assert_pr_error (error, code, part);
  ck_assert_uint_eq (texts.tokens->len, 1);
}

START_TEST (bad_prompts_are_refused)
{
  Prompts p;
  PrGenerateParams params = plain;
  gint32 old;

  prompts_init (&p, 82, PR_LM_QWEN3, 5);
  old = TOKENS (&p)[OFFSETS (&p)[3]];
  TOKENS (&p)[OFFSETS (&p)[3]] = FIXTURE_VOCAB;
  assert_refused (&p, &params, NULL, NULL, PR_ERROR_DATA, "prompt 3: token 90");
  TOKENS (&p)[OFFSETS (&p)[3]] = PR_TOKEN_LATENT;
  assert_refused (&p, &params, NULL, NULL, PR_ERROR_DATA, "prompt 3: token -1");
  TOKENS (&p)[OFFSETS (&p)[3]] = old;
  params.max_tokens = FIXTURE_POSITIONS - (OFFSETS (&p)[1] - OFFSETS (&p)[0]) + 1;
  assert_refused (&p, &params, NULL, NULL, PR_ERROR_DATA, "prompt 0 has");
  params = plain;
  OFFSETS (&p)[1] = 0;
  assert_refused (&p, &params, NULL, NULL, PR_ERROR_DATA, "prompt 0 is empty");
  prompts_clear (&p);
}
END_TEST

/* As long as the positions allow. */
START_TEST (the_last_position_can_be_used)
{
  Prompts p;
  PrGenerateParams params = plain;
  g_auto (PrTexts) texts = { 0 };
  gint32 n;

  prompts_init (&p, 83, PR_LM_LLAMA, 1);
  params.max_tokens = FIXTURE_POSITIONS - OFFSETS (&p)[1];
  generate (&p, &params, NULL, &texts);
  text (&texts, 0, &n);
  ck_assert_int_eq (n, params.max_tokens);
  prompts_clear (&p);
}
END_TEST

START_TEST (bad_parameters_are_refused)
{
  static const struct
  {
    PrGenerateParams params;
    const char *key;
  } cases[] = {
    { { .samples = 0, .top_p = 1, .rows_at_once = 1 }, "samples" },
    { { .samples = 1, .top_p = 1, .rows_at_once = 0 }, "rows_at_once" },
    { { .samples = 1, .top_p = 0, .rows_at_once = 1 }, "top_p" },
    { { .samples = 1, .top_p = NAN, .rows_at_once = 1 }, "top_p" },
    { { .samples = 1, .top_p = 1, .rows_at_once = 1, .top_k = -1 }, "top_k" },
    { { .samples = 1, .top_p = 1, .rows_at_once = 1, .max_tokens = -1 }, "max_tokens" },
    { { .samples = 1, .top_p = 1, .rows_at_once = 1, .temperature = 1e-9 }, "temperature" },
    { { .samples = 1, .top_p = 1, .rows_at_once = 1, .temperature = NAN }, "temperature" },
    { { .samples = 1, .top_p = 1, .rows_at_once = 1, .stop = -2 }, "stop" },
  };
  Prompts p;

  prompts_init (&p, 84, PR_LM_QWEN3, 2);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_refused (&p, &cases[i].params, NULL, NULL, PR_ERROR_MANIFEST, cases[i].key);
  ck_assert (pr_generate_params_check (&plain, NULL));
  prompts_clear (&p);
}
END_TEST

START_TEST (broken_logits_are_noticed)
{
  for (int sampled = 0; sampled < 2; sampled++)
    {
      Prompts p;
      PrGenerateParams params = plain;

      prompts_init (&p, 85, PR_LM_QWEN3, 3);
      params.temperature = sampled;
      p.lm->weights[p.lm->layout->final_norm] = INFINITY;
      assert_refused (&p, &params, NULL, NULL, PR_ERROR_NUMERIC, "prompt 0");
      prompts_clear (&p);
    }
}
END_TEST

typedef struct
{
  GThread *thread;
  gsize last, calls, fail_at;
} Ticks;

static gboolean
tick (gpointer ctx, gsize done, gsize total, GError **error)
{
  Ticks *t = ctx;

  ck_assert (g_thread_self () == t->thread);
  ck_assert_uint_gt (done, t->last);
  ck_assert_uint_le (done, total);
  t->last = done;
  if (++t->calls != t->fail_at)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_CANCELLED, "enough");
  return FALSE;
}

START_TEST (ticks_tell_and_stop)
{
  Prompts p;
  PrGenerateParams params = plain;
  Ticks t = { .thread = g_thread_self (), .fail_at = 2 };
  g_auto (PrTexts) texts = { 0 };

  prompts_init (&p, 86, PR_LM_QWEN3, 60);
  params.rows_at_once = 1;
  params.max_tokens = 2;
  pr_texts_init (&texts);
  assert_refused (&p, &params, tick, &t, PR_ERROR_CANCELLED, "enough");
  ck_assert_uint_lt (t.last, 60);
  t = (Ticks){ .thread = g_thread_self () };
  ck_assert (pr_generate (p.lm, &params, TOKENS (&p), OFFSETS (&p), p.n, NULL, tick, &t, &texts, NULL, NULL));
  ck_assert_uint_eq (t.last, 60);
  prompts_clear (&p);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("generate");
  TCase *tc = tcase_create ("generate");

  tcase_set_timeout (tc, 120);
  tcase_add_loop_test (tc, greedy_equals_the_slow_way, PR_LM_QWEN3, PR_LM_LLAMA + 1);
  tcase_add_test (tc, same_bits_for_any_thread_count);
  tcase_add_test (tc, draws_belong_to_ids_and_samples);
  tcase_add_loop_test (tc, draws_follow_the_distribution, 0, 5);
  tcase_add_test (tc, nothing_asked_nothing_written);
  tcase_add_test (tc, cost_is_counted);
  tcase_add_test (tc, bad_prompts_are_refused);
  tcase_add_test (tc, the_last_position_can_be_used);
  tcase_add_test (tc, bad_parameters_are_refused);
  tcase_add_test (tc, broken_logits_are_noticed);
  tcase_add_test (tc, ticks_tell_and_stop);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
