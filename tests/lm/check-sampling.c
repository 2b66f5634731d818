#include "pr-check.h"

#include "lm/sampling.h"

#include <pauserec/rng.h>

#include <math.h>

#define MOST 300

typedef struct
{
  gint32 n;
  float p[MOST];
  gdouble scratch[8000];
} Row;

/* Probabilities up to a factor, of very different sizes, with zeros and many equal ones. */
static Row
random_row (PrRng rng, guint64 seed)
{
  Row row = { .n = 1 + (gint32)pr_rng_below (rng, seed, 0, MOST) };

  for (gint32 i = 0; i < row.n; i++)
    row.p[i] = (float)(pr_rng_below (rng, seed, 1000 + (guint64)i, 5)
                       * (1 << (2 * pr_rng_below (rng, seed, 2000 + (guint64)i, 6))))
               / 4096;
  row.p[pr_rng_below (rng, seed, 1, (guint64)row.n)] = .25f;
  return row;
}

/* The tokens that may be drawn and their shares, by sorting everything. */
static gint32
slow_nucleus (const Row *row, gint64 top_k, double top_p, gint32 *ret_tokens)
{
  gboolean taken[MOST] = { FALSE };
  double total = 0, sum = 0;
  gint32 most = top_k > 0 && top_k < row->n ? (gint32)top_k : row->n, kept = 0;

  for (gint32 k = 0; k < most; k++)
    {
      gint32 best = -1;

      for (gint32 i = 0; i < row->n; i++)
        if (!taken[i] && row->p[i] > 0 && (best < 0 || row->p[i] > row->p[best]))
          best = i;
      if (best < 0)
        break;
      taken[best] = TRUE;
      ret_tokens[kept++] = best;
      total += (double)row->p[best];
    }
  for (gint32 k = 0; k < kept; k++)
    {
      sum += (double)row->p[ret_tokens[k]];
      if (sum >= top_p * total)
        return k + 1;
    }
  return kept;
}

/* Walk through [0, 1) in small steps: every token comes in its turn, as often as its share says.  All sums are exact.
 */
static void
assert_shares (Row *row, gint64 top_k, double top_p)
{
  const gint32 steps = 1000;
  gint32 tokens[MOST], kept = slow_nucleus (row, top_k, top_p, tokens), counts[MOST] = { 0 }, found = 0;
  double total = 0;

  for (gint32 k = 0; k < kept; k++)
    total += (double)row->p[tokens[k]];
  for (gint32 i = 0; i < steps; i++)
    counts[pr_sampling_draw (row->p, row->n, top_k, top_p, (i + .5) / steps, row->scratch)]++;
  for (gint32 k = 0; k < kept; k++)
    {
      double expected = (double)row->p[tokens[k]] / total * steps;

      ck_assert_msg (fabs (counts[tokens[k]] - expected) <= 1.001, "token %d: %d draws instead of %g", tokens[k],
                     counts[tokens[k]], expected);
      found += counts[tokens[k]];
    }
  ck_assert_int_eq (found, steps);
  ck_assert_uint_le (pr_sampling_scratch (MOST), sizeof row->scratch);
}

START_TEST (draws_have_their_shares)
{
  PrRng rng = pr_rng_new (1, "check-sampling");

  for (guint64 seed = 0; seed < 40; seed++)
    {
      Row row = random_row (rng, seed);

      assert_shares (&row, 0, 1);
      assert_shares (&row, 1 + (gint64)pr_rng_below (rng, seed, 2, 20), 1);
      assert_shares (&row, 0, .05 + .9 * pr_rng_uniform (rng, seed, 3));
      assert_shares (&row, 1 + (gint64)pr_rng_below (rng, seed, 4, 20), .05 + .9 * pr_rng_uniform (rng, seed, 5));
    }
}
END_TEST

START_TEST (ends_and_ties)
{
  Row row = { .n = 5, .p = { .125f, .25f, .25f, 0, .375f } };
  const double nearly = 1 - 0x1p-53;

  ck_assert_int_eq (pr_sampling_draw (row.p, 5, 0, 1, 0, row.scratch), 0);
  ck_assert_int_eq (pr_sampling_draw (row.p, 5, 0, 1, nearly, row.scratch), 4);
  ck_assert_int_eq (pr_sampling_draw (row.p, 4, 0, 1, nearly, row.scratch), 2);
  /* Of the two equal ones the lower is kept. */
  ck_assert_int_eq (pr_sampling_draw (row.p, 5, 2, 1, 0, row.scratch), 1);
  ck_assert_int_eq (pr_sampling_draw (row.p, 5, 2, 1, nearly, row.scratch), 4);
  ck_assert_int_eq (pr_sampling_draw (row.p, 5, 1, 1, nearly, row.scratch), 4);
  ck_assert_int_eq (pr_sampling_draw (row.p, 4, 0, .4, nearly, row.scratch), 1);
  ck_assert_int_eq (pr_sampling_draw (row.p, 4, 0, .401, nearly, row.scratch), 2);
  ck_assert_int_eq (pr_sampling_draw (row.p, 5, 0, .001, nearly, row.scratch), 4);
  ck_assert_int_eq (pr_sampling_draw (row.p, 5, 100, 1, nearly, row.scratch), 4);
}
END_TEST

START_TEST (greedy_takes_the_first_of_the_largest)
{
  PrRng rng = pr_rng_new (2, "check-sampling");

  for (guint64 seed = 0; seed < 300; seed++)
    {
      gint32 n = 1 + (gint32)pr_rng_below (rng, seed, 0, 40), best = 0;
      float values[40];

      for (gint32 i = 0; i < n; i++)
        {
          values[i] = -2 - (float)pr_rng_below (rng, seed, 1 + (guint64)i, 8);
          if (values[i] > values[best])
            best = i;
        }
      ck_assert_int_eq (pr_sampling_greedy (values, n), best);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sampling");
  TCase *tc = tcase_create ("sampling");

  tcase_add_test (tc, draws_have_their_shares);
  tcase_add_test (tc, ends_and_ties);
  tcase_add_test (tc, greedy_takes_the_first_of_the_largest);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
