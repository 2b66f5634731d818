/* The gradient of every operation against differences of its value, in forms that the golden cases lack. */
#include "compute/every-kernel.h"
#include "net-fixture.h"

static const PrDropout dropout = { .rng = { { 3, 4 } }, .step = 7 };

static double
arithmetic (PrTape *tape, PrVar **v, gconstpointer ctx)
{
  PrVar *y = pr_tape_multiply (tape, v[0], v[0]); /* a square: both gradients go to one variable */

  (void)ctx;
  y = pr_tape_add (tape, y, pr_tape_multiply (tape, v[0], v[1]));
  y = pr_tape_add (tape, pr_tape_multiply (tape, y, v[2]), v[2]); /* one row for all */
  y = pr_tape_add (tape, y, y);
  return uneven (tape, pr_tape_scale (tape, y, 0.3f)) + pr_tape_square_loss (tape, v[1], 0.5f) * 0.5;
}

START_TEST (arithmetic_and_broadcasts)
{
  check_gradient ("arithmetic", 3, (gint64[][2]){ { 5, 7 }, { 5, 7 }, { 1, 7 } }, NULL, arithmetic, NULL);
}
END_TEST

static double
activation (PrTape *tape, PrVar **v, gconstpointer ctx)
{
  return uneven (tape, pr_tape_activate (tape, v[0], (PrActivation)GPOINTER_TO_INT (ctx)));
}

START_TEST (activations)
{
  for (int kind = PR_ACT_GELU; kind <= PR_ACT_ELU; kind++)
    check_gradient ("activation", 1, (gint64[][2]){ { 4, 9 } }, NULL, activation, GINT_TO_POINTER (kind));
}
END_TEST

/* Columns that overlap, rows that repeat and rows that are missing. */
static double
moves (PrTape *tape, PrVar **v, gconstpointer ctx)
{
  static const gint32 rows[] = { 2, 2, -1, 0, 4, 2 };
  PrVar *y = pr_tape_gather (tape, v[0], 6, rows);
  PrVar *parts[] = { pr_tape_columns (tape, y, 1, 5), pr_tape_columns (tape, y, 3, 4), y };

  (void)ctx;
  return uneven (tape, pr_tape_concat (tape, 3, parts));
}

START_TEST (rows_and_columns) { check_gradient ("moves", 1, (gint64[][2]){ { 5, 7 } }, NULL, moves, NULL); }
END_TEST

static double
drops (PrTape *tape, PrVar **v, gconstpointer ctx)
{
  PrVar *y = pr_tape_dropout (tape, v[0], 0.4f, 11);

  (void)ctx;
  return uneven (tape, pr_tape_add (tape, pr_tape_dropout (tape, y, 0.3f, 11), v[0]));
}

START_TEST (dropped_elements) { check_gradient ("dropout", 1, (gint64[][2]){ { 5, 150 } }, &dropout, drops, NULL); }
END_TEST

/* Rows enough for several tiles and partial sums; few columns, so that the differences stay exact. */
static double
many_rows (PrTape *tape, PrVar **v, gconstpointer ctx)
{
  static gint32 rows[1100];
  PrVar *y;

  (void)ctx;
  for (gint32 r = 0; r < 1100; r++)
    rows[r] = r % 5;
  y = pr_tape_gather (tape, v[0], 1100, rows);
  y = pr_tape_linear (tape, y, v[1], v[2]);
  y = pr_tape_layer_norm (tape, y, v[3], v[4], 1e-5f);
  y = pr_tape_rms_norm (tape, y, v[5], 1e-5f);
  return 0.02 * pr_tape_row_loss (tape, y, uneven_row, NULL, 0.02f);
}

START_TEST (sums_over_many_rows)
{
  check_gradient ("many rows", 6, (gint64[][2]){ { 5, 3 }, { 4, 3 }, { 1, 4 }, { 1, 4 }, { 1, 4 }, { 1, 4 } }, NULL,
                  many_rows, NULL);
}
END_TEST

typedef struct
{
  gboolean causal, cross, bias, same;
  float dropout;
} AttentionCase;

static double
attention (PrTape *tape, PrVar **v, gconstpointer ctx)
{
  static const gint32 q_offsets[] = { 0, 9, 10, 10, 17 }, k_offsets[] = { 0, 3, 3, 8, 17 };
  const AttentionCase *c = ctx;
  PrAttend attend = { 2, c->causal,  0.4f, 4, q_offsets, c->cross ? k_offsets : NULL, c->bias ? v[3] : NULL,
                      4, c->dropout, 100 };
  PrVar *k = c->same ? v[0] : v[1];

  return uneven (tape, pr_tape_attention (tape, v[0], k, c->same ? v[0] : v[2], &attend));
}

START_TEST (attentions)
{
  static const AttentionCase cases[] = {
    { FALSE, FALSE, FALSE, FALSE, 0 },   { TRUE, FALSE, FALSE, FALSE, 0 }, { TRUE, FALSE, TRUE, FALSE, 0.3f },
    { FALSE, FALSE, TRUE, FALSE, 0.3f }, { FALSE, TRUE, TRUE, FALSE, 0 },  { TRUE, TRUE, FALSE, FALSE, 0.2f },
    { TRUE, FALSE, FALSE, TRUE, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    check_gradient ("attention", 4, (gint64[][2]){ { 17, 6 }, { 17, 6 }, { 17, cases[i].same ? 6 : 4 }, { 6, 2 } },
                    &dropout, attention, &cases[i]);
}
END_TEST

/* More sequences than a tile has, of many lengths. */
static double
gru (PrTape *tape, PrVar **v, gconstpointer ctx)
{
  gint32 offsets[61] = { 0 };

  (void)ctx;
  for (gint32 s = 0; s < 60; s++)
    offsets[s + 1] = offsets[s] + s % 4;
  return uneven (tape, pr_tape_gru (tape, v[0], v[1], v[2], v[3], v[4], offsets, 60));
}

START_TEST (recurrent_units)
{
  check_gradient ("gru", 5, (gint64[][2]){ { 90, 2 }, { 9, 2 }, { 9, 3 }, { 1, 9 }, { 1, 9 } }, NULL, gru, NULL);
}
END_TEST

typedef struct
{
  gboolean weights, bias, made; /* made: the table is no parameter but computed */
  gint64 first, n;
} SoftmaxCase;

static double
softmax (PrTape *tape, PrVar **v, gconstpointer ctx)
{
  static const gint32 targets[] = { 5, 3, -1, 6, 3 };
  static const float weights[] = { 0.5f, 2, 9, 1, 0.25f };
  const SoftmaxCase *c = ctx;
  PrVar *table = c->made ? pr_tape_activate (tape, v[1], PR_ACT_TANH) : v[1];
  PrVar *x = pr_tape_scale (tape, v[0], 0.7f);
  PrSoftmaxLoss loss = { .scale = 0.3f, .weights = c->weights ? weights : NULL, .first_row = c->first, .n_rows = c->n };
  double sum = pr_tape_softmax_loss (tape, x, table, c->bias ? v[2] : NULL, targets, &loss);

  /* A second loss of the same variables: gradients are added. */
  return 0.3 * (sum + pr_tape_softmax_loss (tape, x, table, NULL, targets, &(PrSoftmaxLoss){ .scale = 0.3f }));
}

START_TEST (softmax_losses)
{
  static const SoftmaxCase cases[] = { { FALSE, FALSE, FALSE, 0, 0 },
                                       { TRUE, TRUE, FALSE, 3, 4 },
                                       { TRUE, TRUE, TRUE, 2, 0 } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    check_gradient ("softmax", 3, (gint64[][2]){ { 5, 4 }, { 8, 4 }, { 1, 8 } }, NULL, softmax, &cases[i]);
}
END_TEST

static double
binary (PrTape *tape, PrVar **v, gconstpointer ctx)
{
  static const gint32 index[] = { 0, 3, 3, -1, 2, 1, 0, 0, 3 };
  static const float labels[] = { 1, 0, 0, 1, 0, 1, 0.5f, 0, 1 };
  PrVar *scores = pr_tape_dots (tape, v[0], v[1], v[2], 3, index);

  (void)ctx;
  return 0.5 * pr_tape_binary_loss (tape, scores, labels, NULL, 0.5f);
}

START_TEST (binary_losses)
{
  check_gradient ("binary", 3, (gint64[][2]){ { 3, 4 }, { 4, 4 }, { 1, 4 } }, NULL, binary, NULL);
}
END_TEST

static void
add_tests (TCase *tc)
{
  tcase_add_test (tc, arithmetic_and_broadcasts);
  tcase_add_test (tc, activations);
  tcase_add_test (tc, rows_and_columns);
  tcase_add_test (tc, dropped_elements);
  tcase_add_test (tc, sums_over_many_rows);
  tcase_add_test (tc, attentions);
  tcase_add_test (tc, recurrent_units);
  tcase_add_test (tc, softmax_losses);
  tcase_add_test (tc, binary_losses);
}

int
main (void)
{
  return check_with_every_kernel (add_tests);
}
