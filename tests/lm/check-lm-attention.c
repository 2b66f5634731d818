/* Probabilities of attention against a second implementation in double precision (reference.h); what transformers says
 * of them is in check-golden.c. */
#include "lm-fixture.h"
#include "reference.h"

#include <pauserec/threads.h>

/* Sums of a few float32 products through two layers against double; a wrong formula shows in the first digit. */
#define TOLERANCE 2e-5
/* A row of at most 64 float32 probabilities: half a unit in the last place each. */
#define SUM_TOLERANCE 4e-6

/* Packed sequences of these lengths, and queries at some of their rows. */
typedef struct
{
  PrLm *lm;
  GArray *tokens, *offsets, *queries; /* gint32 */
  gsize n_sequences, size;
  float *attention;
} Case;

static const gint32 *
ints (const GArray *array)
{
  return (const gint32 *)(gconstpointer)array->data;
}

/* Every EVERY-th row is a query, from the first row on. */
static Case
case_new (PrLmFamily family, const gint32 *lengths, gsize n, gint32 every)
{
  Case c = { .lm = fixture_lm (family, 3), .n_sequences = n };
  PrRng rng = pr_rng_new (4, "attention-test");
  gint32 end = 0;

  c.tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  c.offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  c.queries = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_val (c.offsets, end);
  for (gsize s = 0; s < n; s++)
    {
      for (gint32 i = 0; i < lengths[s]; i++)
        {
          gint32 token = (gint32)pr_rng_below (rng, s, (guint64)i, FIXTURE_VOCAB), row = (gint32)c.tokens->len;

          g_array_append_val (c.tokens, token);
          if (row % every == 0)
            g_array_append_val (c.queries, row);
        }
      end = (gint32)c.tokens->len;
      g_array_append_val (c.offsets, end);
    }
  c.size = pr_lm_attention_size (c.lm, ints (c.offsets), n, ints (c.queries), c.queries->len);
  c.attention = g_new (float, c.size);
  return c;
}

static void
case_clear (Case *c)
{
  pr_lm_free (c->lm);
  g_array_unref (c->tokens);
  g_array_unref (c->offsets);
  g_array_unref (c->queries);
  g_free (c->attention);
}

static void
case_run (Case *c, float *ret_hidden)
{
  GError *error = NULL;
  gboolean ok = pr_lm_attention (c->lm, ints (c->tokens), ints (c->offsets), c->n_sequences, ints (c->queries),
                                 c->queries->len, c->attention, ret_hidden, &error);

  ck_assert_no_error (error);
  ck_assert (ok);
}

/* [layers, heads, n, n] of sequence S, to free. */
static double *
reference (const Case *c, gsize s)
{
  const PrLmConfig *config = &c->lm->config;
  gint64 row = ints (c->offsets)[s], n = ints (c->offsets)[s + 1] - row;
  double *attention = g_new0 (double, MAX (config->layers * config->heads * n * n, 1));
  g_autofree double *weights = g_new (double, c->lm->layout->size), *x = g_new (double, n * config->hidden + 1);
  Reference r = { config, c->lm->layout, weights, NULL, row, n, attention };

  for (gint64 i = 0; i < c->lm->layout->size; i++)
    weights[i] = (double)c->lm->weights[i];
  ref_inputs (&r, ints (c->tokens) + row, x);
  ref_run (&r, x);
  return attention;
}

/* All that CASE's queries say of sequence S, which begins at query FIRST and float AT; returns the next float. */
static gsize
check_sequence (const Case *c, gsize s, gsize at)
{
  const PrLmConfig *config = &c->lm->config;
  gint32 row = ints (c->offsets)[s], end = ints (c->offsets)[s + 1];
  gint64 n = end - row;
  g_autofree double *wanted = reference (c, s);

  for (guint q = 0; q < c->queries->len; q++)
    if (ints (c->queries)[q] >= row && ints (c->queries)[q] < end)
      {
        gint64 p = ints (c->queries)[q] - row;

        for (gint64 lh = 0; lh < config->layers * config->heads; lh++, at += (gsize)p + 1)
          {
            double sum = 0;

            for (gint64 k = 0; k <= p; k++)
              {
                sum += (double)c->attention[at + (gsize)k];
                ck_assert_double_eq_tol (c->attention[at + (gsize)k], wanted[(lh * n + p) * n + k], TOLERANCE);
              }
            ck_assert_double_eq_tol (sum, 1, SUM_TOLERANCE);
          }
      }
  return at;
}

START_TEST (agrees_with_the_reference)
{
  static const gint32 lengths[] = { 5, 1, 0, 64, 17, 9 };
  Case c = case_new ((PrLmFamily)_i, lengths, G_N_ELEMENTS (lengths), 3);
  gsize at = 0;

  /* Scores that are all alike would not tell a rotation from none. */
  for (gint64 i = 0; i < c.lm->layout->size; i++)
    c.lm->weights[i] *= 2;
  case_run (&c, NULL);
  for (gsize s = 0; s < c.n_sequences; s++)
    at = check_sequence (&c, s, at);
  ck_assert_uint_eq (at, c.size);
  case_clear (&c);
}
END_TEST

/* More rows than one chunk, threads, and the hidden states of the same pass. */
START_TEST (same_bits_for_any_number_of_threads)
{
  gint32 lengths[50];
  g_autofree float *hidden = NULL, *other = NULL;
  g_autofree float *one = NULL;
  Case c;

  for (int i = 0; i < 50; i++)
    lengths[i] = 64 - i % 7;
  c = case_new (PR_LM_QWEN3, lengths, 50, 11);
  ck_assert_uint_gt (c.tokens->len, 2048 + 64);
  hidden = g_new (float, c.tokens->len * 16);
  other = g_new (float, c.tokens->len * 16);
  case_run (&c, hidden);
  one = g_memdup2 (c.attention, c.size * sizeof (float));
  memset (c.attention, 0xff, c.size * sizeof (float));
  pr_threads_set (3);
  case_run (&c, NULL);
  ck_assert_mem_eq (one, c.attention, c.size * sizeof (float));
  ck_assert (pr_lm_hidden (c.lm, ints (c.tokens), ints (c.offsets), c.n_sequences, other, NULL));
  ck_assert_mem_eq (hidden, other, c.tokens->len * 16 * sizeof (float));
  /* The last sequence stands in the second chunk. */
  for (gsize i = c.size - 64; i < c.size; i++)
    ck_assert (c.attention[i] >= 0 && c.attention[i] <= 1);
  case_clear (&c);
}
END_TEST

START_TEST (what_cannot_be_asked_is_refused)
{
  static const struct
  {
    gint32 token, queries[2];
    const char *part;
  } cases[] = {
    { PR_TOKEN_LATENT, { 0, 1 }, "latent" },
    { 264, { 0, 1 }, "outside the vocabulary" },
    { 5, { 1, 1 }, "increase" },
    { 5, { 2, 1 }, "increase" },
    { 5, { -1, 1 }, "row -1" },
    { 5, { 0, 3 }, "row 3" },
  };
  const gint32 tokens[] = { 1, 2, cases[_i].token }, offsets[] = { 0, 3 };
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 1);
  float attention[64];
  GError *error = NULL;

  ck_assert (!pr_lm_attention (lm, tokens, offsets, 1, cases[_i].queries, 2, attention, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, cases[_i].part);
  g_clear_error (&error);
  pr_lm_free (lm);
}
END_TEST

START_TEST (nothing_is_asked_of_nothing)
{
  const gint32 tokens[] = { 1, 2 }, offsets[] = { 0, 2 };
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 1);

  ck_assert (pr_lm_attention (lm, NULL, NULL, 0, NULL, 0, NULL, NULL, NULL));
  ck_assert (pr_lm_attention (lm, tokens, offsets, 1, NULL, 0, NULL, NULL, NULL));
  ck_assert_uint_eq (pr_lm_attention_size (lm, offsets, 1, NULL, 0), 0);
  pr_lm_free (lm);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("lm-attention");
  TCase *tcase = tcase_create ("lm-attention");

  suite_add_tcase (suite, tcase);
  tcase_add_loop_test (tcase, agrees_with_the_reference, 0, 3);
  tcase_add_test (tcase, same_bits_for_any_number_of_threads);
  tcase_add_loop_test (tcase, what_cannot_be_asked_is_refused, 0, 6);
  tcase_add_test (tcase, nothing_is_asked_of_nothing);
  return pr_check_main (suite);
}
