/* net-fixture.h - nets of random weights, and gradients by differences. */
#ifndef PR_NET_FIXTURE_H
#define PR_NET_FIXTURE_H

#include "pr-check.h"

#include <math.h>
#include <pauserec/net.h>

#define MOST_VARS 8

/* The loss of a pass over the parameters V, in the order in which they were added. */
typedef double (*Pass) (PrTape *tape, PrVar **v, gconstpointer ctx);

/* A weighted sum that treats every element differently: a loss for what has none. */
static inline double
uneven_row (gconstpointer ctx, gint64 row, gint64 n, const float *x, float *dx)
{
  double sum = 0;

  (void)ctx;
  for (gint64 i = 0; i < n; i++)
    {
      float c = (float)sin (1.7 * (double)(row * n + i) + 0.3);

      sum += (double)c * (double)x[i];
      if (dx != NULL)
        dx[i] = c;
    }
  return sum;
}

static inline double
uneven (PrTape *tape, PrVar *y)
{
  return pr_tape_row_loss (tape, y, uneven_row, NULL, 1);
}

/* SHAPES [n][2]; normal numbers. */
static inline PrNet *
random_net (gsize n, const gint64 (*shapes)[2], guint64 seed)
{
  PrNet *net = pr_net_new ();

  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("v%d", (int)i);

      pr_net_add (net, name, shapes[i][0], shapes[i][1], PR_INIT_NORMAL, 1, TRUE);
    }
  pr_net_init (net, seed);
  return net;
}

static inline double
run_pass (PrNet *net, PrTape *tape, float *grads, const PrDropout *dropout, Pass f, gconstpointer ctx)
{
  PrVar *v[MOST_VARS];
  double loss;

  pr_tape_begin (tape, grads, dropout);
  for (gsize i = 0; i < pr_net_n_params (net); i++)
    v[i] = pr_tape_param (tape, (gint32)i);
  loss = f (tape, v, ctx);
  if (grads != NULL)
    pr_tape_backward (tape);
  return loss;
}

/* Differences of values in single precision around numbers of about 1: half of the digits remain. */
#define DIFFERENCE 1e-2f
#define DIFFERENCE_TOLERANCE 1e-2

/* Every element's gradient against the difference of two passes; and once more on top of itself, since gradients are
 * added. */
static inline void
check_gradient (const char *what, gsize n, const gint64 (*shapes)[2], const PrDropout *dropout, Pass f,
                gconstpointer ctx)
{
  g_autoptr (PrNet) net = random_net (n, shapes, 5);
  g_autoptr (PrTape) tape = pr_tape_new (net);
  g_autofree float *grads = g_new0 (float, pr_net_length (net));
  float *weights = pr_net_weights (net);

  run_pass (net, tape, grads, dropout, f, ctx);
  run_pass (net, tape, grads, dropout, f, ctx);
  for (gsize p = 0; p < n; p++)
    {
      const PrNetParam *param = pr_net_param (net, p);

      for (gint64 i = param->offset; i < param->offset + param->rows * param->columns; i++)
        {
          float kept = weights[i];
          double up, down, slope;

          weights[i] = kept + DIFFERENCE;
          up = run_pass (net, tape, NULL, dropout, f, ctx);
          weights[i] = kept - DIFFERENCE;
          down = run_pass (net, tape, NULL, dropout, f, ctx);
          weights[i] = kept;
          slope = (up - down) / (2 * (double)DIFFERENCE);
          ck_assert_msg (fabs (slope - (double)grads[i] / 2) <= DIFFERENCE_TOLERANCE * (1 + fabs (slope)),
                         "%s, %s element %d: %g instead of %g", what, param->name, (int)(i - param->offset),
                         (double)grads[i] / 2, slope);
        }
    }
}

#endif
