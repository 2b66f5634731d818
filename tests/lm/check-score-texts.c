/* check-score-texts.c - log probabilities of given texts, against those of whole sequences without a cache. */
#include "decode-fixture.h"

#include <pauserec/decode.h>
#include <pauserec/threads.h>

#include <math.h>

/* The slow way attends in another order; log probabilities of some twenty tokens add up. */
#define TOLERANCE 2e-3

#define CANDIDATES 40

typedef struct
{
  PrCandidates all;
  GArray *tokens, *offsets;
} Texts;

/* Texts of few different tokens, so that many begin alike, are beginnings of others, or the same. */
static void
texts_init (Texts *t, guint64 seed, gint32 longest)
{
  PrRng rng = pr_rng_new (seed, "texts");
  gint32 end = 0;

  t->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  t->offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_val (t->offsets, end);
  for (guint64 i = 0; i < CANDIDATES; i++)
    {
      for (gint32 left = fixture_pick (rng, i, 1, longest); left > 0; left--, end++)
        {
          gint32 token = (gint32)pr_rng_below (rng, 1, (guint64)end, 3) * 40;

          g_array_append_val (t->tokens, token);
        }
      g_array_append_val (t->offsets, end);
    }
  t->all = (PrCandidates){ (gint32 *)(gpointer)t->tokens->data, (gint32 *)(gpointer)t->offsets->data, CANDIDATES };
}

static void
texts_clear (Texts *t)
{
  g_array_unref (t->tokens);
  g_array_unref (t->offsets);
}

/* log p of candidate C behind PROMPT by one sequence from scratch. */
static double
slow_score (const Prompts *p, gsize prompt, const PrCandidates *candidates, gint32 c)
{
  gint32 sequence[FIXTURE_POSITIONS], n = OFFSETS (p)[prompt + 1] - OFFSETS (p)[prompt];
  gint32 m = candidates->offsets[c + 1] - candidates->offsets[c];
  const gint32 offsets[] = { 0, n + m };
  float log_probs[FIXTURE_POSITIONS];
  double sum = 0;

  memcpy (sequence, TOKENS (p) + OFFSETS (p)[prompt], (gsize)n * sizeof *sequence);
  memcpy (sequence + n, candidates->tokens + candidates->offsets[c], (gsize)m * sizeof *sequence);
  ck_assert (pr_lm_log_probs (p->lm, sequence, offsets, 1, NULL, 1, log_probs, NULL));
  for (gint32 i = n; i < n + m; i++)
    sum += (double)log_probs[i];
  return sum;
}

static void
score (const Prompts *p, gint64 rows, const PrCandidates *candidates, const PrChoice *choice, float *ret,
       PrScoreStats *stats)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (
      pr_score_texts (p->lm, rows, TOKENS (p), OFFSETS (p), p->n, candidates, choice, NULL, NULL, ret, stats, &error),
      "%s", error != NULL ? error->message : "");
}

/* A choice for every prompt, of 0 to 12 candidates, some of them twice. */
static gint32 *
choose (guint64 seed, gsize n, gint32 *ret_first)
{
  PrRng rng = pr_rng_new (seed, "choice");
  gint32 *chosen = g_new (gint32, n * 12 + 1), end = 0;

  ret_first[0] = 0;
  for (gsize u = 0; u < n; u++)
    {
      for (gint32 left = u == 1 ? 0 : fixture_pick (rng, u, 0, 12); left > 0; left--, end++)
        chosen[end] = (gint32)pr_rng_below (rng, 1, (guint64)end, CANDIDATES);
      ret_first[u + 1] = end;
    }
  return chosen;
}

/* Whatever the loads: one text each, parts of a prompt, several prompts. */
START_TEST (equal_the_slow_way)
{
  static const gint64 rows[] = { 1, 7, 30, 200, 4096 };

  for (guint64 seed = 0; seed < 5; seed++)
    {
      float scores[17 * CANDIDATES];
      Texts t;
      Prompts p;

      prompts_init (&p, seed, (PrLmFamily)_i, 17);
      texts_init (&t, seed, 9);
      score (&p, rows[seed], &t.all, NULL, scores, NULL);
      for (gsize u = 0; u < p.n; u++)
        for (gint32 c = 0; c < CANDIDATES; c++)
          ck_assert_double_eq_tol ((double)scores[u * CANDIDATES + (gsize)c], slow_score (&p, u, &t.all, c), TOLERANCE);
      texts_clear (&t);
      prompts_clear (&p);
    }
}
END_TEST

START_TEST (chosen_ones_equal_the_slow_way)
{
  static const gint64 rows[] = { 1, 20, 1000 };

  for (guint64 seed = 0; seed < G_N_ELEMENTS (rows); seed++)
    {
      float scores[17 * 12];
      gint32 first[18];
      g_autofree gint32 *chosen = choose (seed, 17, first);
      Texts t;
      Prompts p;

      prompts_init (&p, 20 + seed, PR_LM_QWEN3, 17);
      texts_init (&t, seed, 6);
      score (&p, rows[seed], &t.all, &(PrChoice){ first, chosen }, scores, NULL);
      for (gsize u = 0; u < p.n; u++)
        for (gint32 i = first[u]; i < first[u + 1]; i++)
          ck_assert_double_eq_tol ((double)scores[i], slow_score (&p, u, &t.all, chosen[i]), TOLERANCE);
      texts_clear (&t);
      prompts_clear (&p);
    }
}
END_TEST

/* All texts of two tokens: their probabilities are those of everything that can happen. */
START_TEST (probabilities_sum_to_one)
{
  enum
  {
    N = FIXTURE_VOCAB * FIXTURE_VOCAB
  };
  g_autofree gint32 *tokens = g_new (gint32, 2 * N), *offsets = g_new (gint32, N + 1);
  g_autofree float *scores = g_new (float, 2 * N);
  Prompts p;

  for (gint32 i = 0; i < N; i++)
    {
      tokens[2 * i] = i / FIXTURE_VOCAB;
      tokens[2 * i + 1] = i % FIXTURE_VOCAB;
      offsets[i] = 2 * i;
    }
  offsets[N] = 2 * N;
  prompts_init (&p, 30, PR_LM_LLAMA, 2);
  score (&p, 1000, &(PrCandidates){ tokens, offsets, N }, NULL, scores, NULL);
  for (int u = 0; u < 2; u++)
    {
      double sum = 0;

      for (gint32 i = 0; i < N; i++)
        sum += exp ((double)scores[u * N + i]);
      ck_assert_double_eq_tol (sum, 1, 1e-4);
    }
  prompts_clear (&p);
}
END_TEST

START_TEST (same_bits_for_any_thread_count)
{
  g_autofree float *one = g_new (float, 150 * CANDIDATES), *other = g_new (float, 150 * CANDIDATES);
  float chosen_one[150 * 12], chosen_other[150 * 12];
  gint32 first[151];
  g_autofree gint32 *chosen = choose (3, 150, first);
  const PrChoice choice = { first, chosen };
  Texts t;
  Prompts p;

  prompts_init (&p, 40, PR_LM_QWEN3, 150);
  texts_init (&t, 40, 9);
  for (gint64 rows = 50; rows < 2000; rows += 1500) /* parts of prompts; several prompts */
    {
      pr_threads_set (1);
      score (&p, rows, &t.all, NULL, one, NULL);
      score (&p, rows, &t.all, &choice, chosen_one, NULL);
      for (guint threads = 2; threads < 4; threads++)
        {
          pr_threads_set (threads);
          score (&p, rows, &t.all, NULL, other, NULL);
          score (&p, rows, &t.all, &choice, chosen_other, NULL);
          ck_assert_mem_eq (one, other, 150 * CANDIDATES * sizeof *one);
          ck_assert_mem_eq (chosen_one, chosen_other, (gsize)first[150] * sizeof *chosen_one);
        }
    }
  texts_clear (&t);
  prompts_clear (&p);
}
END_TEST

/* What texts have in common is paid once, and their last tokens not at all. */
START_TEST (cost_is_counted)
{
  static const gint32 tokens[] = { 1, 2, 3, 9, 1, 2, 3, 8, 1, 2, 9, 9 }, offsets[] = { 0, 4, 8, 11, 12 };
  const PrCandidates candidates = { tokens, offsets, 4 };
  PrScoreStats stats = { .prompt_tokens = 5 }, parts = { 0 };
  float scores[3 * 4], same[3 * 4];
  Prompts p;

  prompts_init (&p, 50, PR_LM_QWEN3, 3);
  score (&p, 1000, &candidates, NULL, scores, &stats);
  ck_assert_int_eq (stats.prompt_tokens, 5 + OFFSETS (&p)[3]);
  ck_assert_int_eq (stats.text_tokens, 3 * 3);
  ck_assert_int_eq (stats.scored_tokens, 3 * 12);
  ck_assert (stats.flops > 2.0 * 12 * FIXTURE_VOCAB * pr_lm_config (p.lm)->hidden);
  /* A text a load: only the prompt is shared, and 9 is asked beside the others. */
  score (&p, 1, &candidates, NULL, same, &parts);
  ck_assert_int_eq (parts.prompt_tokens, OFFSETS (&p)[3]);
  ck_assert_int_eq (parts.text_tokens, 3 * (3 + 3 + 2));
  for (int i = 0; i < 12; i++)
    ck_assert_float_eq_tol (scores[i], same[i], TOLERANCE);
  ck_assert_uint_gt (pr_score_texts_bytes (pr_lm_config (p.lm), 1000, 20, 10, 2),
                     pr_score_texts_bytes (pr_lm_config (p.lm), 100, 20, 10, 2));
  prompts_clear (&p);
}
END_TEST

START_TEST (nothing_asked_nothing_scored)
{
  static const gint32 zeros[4] = { 0 };
  const PrCandidates none = { NULL, zeros, 0 };
  PrScoreStats stats = { 0 };
  Texts t;
  Prompts p;

  prompts_init (&p, 51, PR_LM_QWEN3, 3);
  texts_init (&t, 51, 4);
  score (&p, 100, &none, NULL, NULL, &stats);
  score (&p, 100, &t.all, &(PrChoice){ zeros, NULL }, NULL, &stats);
  p.n = 0;
  score (&p, 100, &t.all, NULL, NULL, &stats);
  ck_assert_int_eq (stats.text_tokens + stats.scored_tokens + stats.prompt_tokens, 0);
  texts_clear (&t);
  prompts_clear (&p);
}
END_TEST

static void
assert_refused (const Prompts *p, gint64 rows, const PrCandidates *candidates, const PrChoice *choice, PrTickFunc tick,
                gpointer ctx, PrError code, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_autofree float *scores = g_new0 (float, p->n *CANDIDATES);
  PrScoreStats stats = { 0 };

  scores[0] = 7;
  ck_assert (!pr_score_texts (p->lm, rows, TOKENS (p), OFFSETS (p), p->n, candidates, choice, tick, ctx, scores, &stats,
                              &error));
  ck_assert_pr_error (error, code, part);
  ck_assert (scores[0] == 7 && scores[1] == 0 && stats.scored_tokens == 0);
}

START_TEST (bad_input_is_refused)
{
  gint32 first[] = { 0, 1, 2, 2, 2, 2 }, chosen[] = { 3, CANDIDATES }, old, *offsets;
  const PrChoice choice = { first, chosen };
  Texts t;
  Prompts p;

  prompts_init (&p, 52, PR_LM_QWEN3, 5);
  texts_init (&t, 52, 6);
  offsets = (gint32 *)(gpointer)t.offsets->data;
  assert_refused (&p, 0, &t.all, NULL, NULL, NULL, PR_ERROR_MANIFEST, "rows_at_once = 0");
  assert_refused (&p, 65537, &t.all, NULL, NULL, NULL, PR_ERROR_MANIFEST, "rows_at_once");
  assert_refused (&p, 9, &t.all, &choice, NULL, NULL, PR_ERROR_DATA, "prompt 1: candidate 40 is none of the 40");
  chosen[1] = -1;
  assert_refused (&p, 9, &t.all, &choice, NULL, NULL, PR_ERROR_DATA, "prompt 1: candidate -1");
  chosen[1] = 0;
  first[2] = 0;
  assert_refused (&p, 9, &t.all, &choice, NULL, NULL, PR_ERROR_DATA, "prompt 1: its candidates end before");

  old = TOKENS (&p)[OFFSETS (&p)[3]];
  TOKENS (&p)[OFFSETS (&p)[3]] = FIXTURE_VOCAB;
  assert_refused (&p, 9, &t.all, NULL, NULL, NULL, PR_ERROR_DATA, "prompt 3: token 90");
  TOKENS (&p)[OFFSETS (&p)[3]] = PR_TOKEN_LATENT;
  assert_refused (&p, 9, &t.all, NULL, NULL, NULL, PR_ERROR_DATA, "prompt 3: token -1");
  TOKENS (&p)[OFFSETS (&p)[3]] = old;
  g_array_index (t.tokens, gint32, offsets[2]) = -7;
  assert_refused (&p, 9, &t.all, NULL, NULL, NULL, PR_ERROR_DATA, "candidate 2: token -7");
  g_array_index (t.tokens, gint32, offsets[2]) = 0;
  old = offsets[5];
  offsets[5] = offsets[4];
  assert_refused (&p, 9, &t.all, NULL, NULL, NULL, PR_ERROR_DATA, "candidate 4 is empty");
  offsets[5] = old;
  OFFSETS (&p)[1] = 0;
  assert_refused (&p, 9, &t.all, NULL, NULL, NULL, PR_ERROR_DATA, "prompt 0 is empty");
  texts_clear (&t);
  prompts_clear (&p);
}
END_TEST

/* As long as the positions allow, and not one token more; what is not asked does not count. */
START_TEST (the_last_position_can_be_used)
{
  gint32 tokens[FIXTURE_POSITIONS] = { 0 }, offsets[] = { 0, 1, FIXTURE_POSITIONS }, first[] = { 0, 1 },
         chosen[] = { 0 };
  const PrCandidates candidates = { tokens, offsets, 2 };
  float scores[2];
  Prompts p;

  prompts_init (&p, 53, PR_LM_QWEN2, 1);
  offsets[2] = 1 + FIXTURE_POSITIONS - OFFSETS (&p)[1];
  score (&p, 5, &candidates, NULL, scores, NULL);
  ck_assert_double_eq_tol ((double)scores[1], slow_score (&p, 0, &candidates, 1), 10 * TOLERANCE);
  offsets[2]++;
  assert_refused (&p, 5, &candidates, NULL, NULL, NULL, PR_ERROR_DATA, "prompt 0 has");
  score (&p, 5, &candidates, &(PrChoice){ first, chosen }, scores, NULL);
  prompts_clear (&p);
}
END_TEST

START_TEST (broken_logits_are_noticed)
{
  Texts t;
  Prompts p;

  prompts_init (&p, 54, PR_LM_QWEN3, 3);
  texts_init (&t, 54, 4);
  p.lm->weights[p.lm->layout->final_norm] = INFINITY;
  assert_refused (&p, 100, &t.all, NULL, NULL, NULL, PR_ERROR_NUMERIC, "prompt 0");
  texts_clear (&t);
  prompts_clear (&p);
}
END_TEST

typedef struct
{
  gsize last, calls, fail_at;
} Ticks;

static gboolean
tick (gpointer ctx, gsize done, gsize total, GError **error)
{
  Ticks *t = ctx;

  ck_assert_uint_gt (done, t->last);
  ck_assert_uint_eq (total, 60);
  t->last = done;
  if (++t->calls == t->fail_at)
    g_set_error (error, PR_ERROR, PR_ERROR_CANCELLED, "enough");
  return t->calls != t->fail_at;
}

START_TEST (ticks_tell_and_stop)
{
  Ticks t = { 0 }, stop = { .fail_at = 2 };
  g_autofree float *scores = g_new (float, 60 * CANDIDATES);
  Texts texts;
  Prompts p;

  prompts_init (&p, 55, PR_LM_QWEN3, 60);
  texts_init (&texts, 55, 6);
  ck_assert (pr_score_texts (p.lm, 100, TOKENS (&p), OFFSETS (&p), 60, &texts.all, NULL, tick, &t, scores, NULL, NULL));
  ck_assert_uint_eq (t.last, 60);
  ck_assert_uint_gt (t.calls, 3);
  assert_refused (&p, 100, &texts.all, NULL, tick, &stop, PR_ERROR_CANCELLED, "enough");
  ck_assert_uint_eq (stop.calls, 2);
  texts_clear (&texts);
  prompts_clear (&p);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("score-texts");
  TCase *tc = tcase_create ("score-texts");

  tcase_set_timeout (tc, 120);
  tcase_add_loop_test (tc, equal_the_slow_way, PR_LM_QWEN3, PR_LM_LLAMA + 1);
  tcase_add_test (tc, chosen_ones_equal_the_slow_way);
  tcase_add_test (tc, probabilities_sum_to_one);
  tcase_add_test (tc, same_bits_for_any_thread_count);
  tcase_add_test (tc, cost_is_counted);
  tcase_add_test (tc, nothing_asked_nothing_scored);
  tcase_add_test (tc, bad_input_is_refused);
  tcase_add_test (tc, the_last_position_can_be_used);
  tcase_add_test (tc, broken_logits_are_noticed);
  tcase_add_test (tc, ticks_tell_and_stop);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
