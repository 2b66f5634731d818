/* Operations that look at one element at a time, and dropout. */
#include "config.h"

#include "net/tape-private.h"

#include <math.h>
#include <string.h>

#define TILE 8192 /* elements */

/* Every operation here is one of these; what it does not need is left out. */
typedef struct Map Map;
struct Map
{
  Node *a, *b, *y;
  float factor;
  PrActivation kind;
  const PrDropout *dropout;
  guint64 first_row;
  /* Of backward. */
  Node *to;
  float *grad;
  gboolean add;
  void (*f) (const Map *, gint64 from, gint64 to);
};

static void
map_tile (gpointer ctx, gsize tile, guint worker)
{
  const Map *m = ctx;
  gint64 from = (gint64)tile * TILE, n = m->y->var.rows * m->y->var.n;

  (void)worker;
  m->f (m, from, MIN (from + TILE, n));
}

static void
map (Map *m, void (*f) (const Map *, gint64, gint64))
{
  m->f = f;
  pr_parallel ((gsize)((m->y->var.rows * m->y->var.n + TILE - 1) / TILE), map_tile, m);
}

/* As map(), but F is given rows. */
static void
map_rows (const Map *m, void (*f) (gpointer, gint64, gint64))
{
  pr_tape_rows (m->y->var.rows, f, (gpointer)m);
}

static gboolean
needed (const Map *m)
{
  return m->a->needs || (m->b != NULL && m->b->needs);
}

static void
record (PrTape *tape, const Map *m, Backward backward)
{
  if (m->y->needs)
    pr_tape_record (tape, backward, pr_tape_copy (tape, m, sizeof *m));
}

/* Whether the gradient of TO is to be made now; then `grad` and `add` say where. */
static gboolean
begin_grad (PrTape *tape, Map *m, Node *to)
{
  if (!to->needs || !m->y->written)
    return FALSE;
  m->to = to;
  m->grad = pr_node_grad (tape, to, &m->add);
  return TRUE;
}

/* grad (+)= expression of i. */
#define ACCUMULATE(m, from, end, expression)                                                                           \
  do                                                                                                                   \
    {                                                                                                                  \
      if ((m)->add)                                                                                                    \
        for (gint64 i = from; i < end; i++)                                                                            \
          (m)->grad[i] += (expression);                                                                                \
      else                                                                                                             \
        for (gint64 i = from; i < end; i++)                                                                            \
          (m)->grad[i] = (expression);                                                                                 \
    }                                                                                                                  \
  while (0)

/* Addition and multiplication ------------------------------------------------- */

static gboolean
broadcasts (const Map *m)
{
  return m->b->var.rows == 1 && m->a->var.rows != 1;
}

static void
copy_grad (const Map *m, gint64 from, gint64 to)
{
  const float *dy = m->y->grad;

  ACCUMULATE (m, from, to, dy[i]);
}

static void
add_elements (const Map *m, gint64 from, gint64 to)
{
  const float *a = m->a->value, *b = m->b->value;
  gint64 n = m->y->var.n;

  if (broadcasts (m))
    for (gint64 i = from; i < to; i++)
      m->y->value[i] = a[i] + b[i % n];
  else
    for (gint64 i = from; i < to; i++)
      m->y->value[i] = a[i] + b[i];
}

static void
add_backward (PrTape *tape, gpointer op)
{
  Map *m = op;

  if (begin_grad (tape, m, m->a))
    map (m, copy_grad);
  if (!begin_grad (tape, m, m->b))
    return;
  if (broadcasts (m))
    pr_tape_sum_rows (tape, m->y->var.rows, m->y->var.n, m->y->grad, m->y->var.n, m->add, m->grad);
  else
    map (m, copy_grad);
}

static Map
binary (PrTape *tape, PrVar *a, PrVar *b)
{
  Map m = { .a = node (a), .b = node (b) };

  pr_tape_require (a->n == b->n && (b->rows == a->rows || b->rows == 1));
  m.y = pr_tape_node (tape, a->rows, a->n, needed (&m));
  return m;
}

PrVar *
pr_tape_add (PrTape *tape, PrVar *a, PrVar *b)
{
  Map m = binary (tape, a, b);

  map (&m, add_elements);
  record (tape, &m, add_backward);
  return &m.y->var;
}

static void
multiply_elements (const Map *m, gint64 from, gint64 to)
{
  const float *a = m->a->value, *b = m->b->value;
  gint64 n = m->b->var.rows * m->b->var.n;

  if (broadcasts (m))
    for (gint64 i = from; i < to; i++)
      m->y->value[i] = a[i] * b[i % n];
  else
    for (gint64 i = from; i < to; i++)
      m->y->value[i] = a[i] * b[i];
}

static void
multiply_grad (const Map *m, gint64 from, gint64 to)
{
  const float *dy = m->y->grad, *other = m->to == m->a ? m->b->value : m->a->value;
  gint64 n = m->y->var.n;

  if (broadcasts (m) && m->to == m->a)
    ACCUMULATE (m, from, to, dy[i] * other[i % n]);
  else
    ACCUMULATE (m, from, to, dy[i] * other[i]);
}

static void
multiply_backward (PrTape *tape, gpointer op)
{
  Map *m = op;

  /* A square: both parts are the same and come twice. */
  if (begin_grad (tape, m, m->a))
    map (m, multiply_grad);
  if (!begin_grad (tape, m, m->b))
    return;
  if (broadcasts (m))
    {
      Map product = *m;

      product.grad = pr_tape_floats (tape, m->y->var.rows * m->y->var.n);
      product.add = FALSE;
      map (&product, multiply_grad);
      pr_tape_sum_rows (tape, m->y->var.rows, m->y->var.n, product.grad, m->y->var.n, m->add, m->grad);
    }
  else
    map (m, multiply_grad);
}

PrVar *
pr_tape_multiply (PrTape *tape, PrVar *a, PrVar *b)
{
  Map m = binary (tape, a, b);

  map (&m, multiply_elements);
  record (tape, &m, multiply_backward);
  return &m.y->var;
}

static void
scale_elements (const Map *m, gint64 from, gint64 to)
{
  for (gint64 i = from; i < to; i++)
    m->y->value[i] = m->a->value[i] * m->factor;
}

static void
scale_grad (const Map *m, gint64 from, gint64 to)
{
  const float *dy = m->y->grad, factor = m->factor;

  ACCUMULATE (m, from, to, dy[i] * factor);
}

static void
scale_backward (PrTape *tape, gpointer op)
{
  Map *m = op;

  if (begin_grad (tape, m, m->a))
    map (m, scale_grad);
}

PrVar *
pr_tape_scale (PrTape *tape, PrVar *x, float factor)
{
  Map m = { .a = node (x), .factor = factor };

  m.y = pr_tape_node (tape, x->rows, x->n, needed (&m));
  map (&m, scale_elements);
  record (tape, &m, scale_backward);
  return &m.y->var;
}

/* Activations ------------------------------------------------------------------- */

static float
sigmoid (float x)
{
  return 1.0f / (1.0f + expf (-x));
}

static float
phi (float x) /* distribution function of the normal distribution */
{
  return 0.5f * (1.0f + erff (x * (float)G_SQRT2 / 2));
}

static float
activate (PrActivation kind, float x)
{
  switch (kind)
    {
    case PR_ACT_RELU:
      return x > 0 ? x : (x == x ? 0.0f : x);
    case PR_ACT_GELU:
      return x * phi (x);
    case PR_ACT_SILU:
      return x * sigmoid (x);
    case PR_ACT_SIGMOID:
      return sigmoid (x);
    case PR_ACT_TANH:
      return tanhf (x);
    case PR_ACT_ELU:
    default:
      return x > 0 ? x : expm1f (x);
    }
}

static float
slope (PrActivation kind, float x, float y)
{
  float s;

  switch (kind)
    {
    case PR_ACT_RELU:
      return y > 0 ? 1.0f : 0.0f;
    case PR_ACT_GELU:
      return phi (x) + x * 0.3989422804f * expf (-0.5f * x * x);
    case PR_ACT_SILU:
      s = sigmoid (x);
      return s + y * (1 - s);
    case PR_ACT_SIGMOID:
      return y * (1 - y);
    case PR_ACT_TANH:
      return 1 - y * y;
    case PR_ACT_ELU:
    default:
      return y > 0 ? 1.0f : y + 1;
    }
}

static void
activate_elements (const Map *m, gint64 from, gint64 to)
{
  for (gint64 i = from; i < to; i++)
    m->y->value[i] = activate (m->kind, m->a->value[i]);
}

static void
activate_grad (const Map *m, gint64 from, gint64 to)
{
  const float *dy = m->y->grad, *x = m->a->value, *y = m->y->value;

  ACCUMULATE (m, from, to, dy[i] * slope (m->kind, x[i], y[i]));
}

static void
activate_backward (PrTape *tape, gpointer op)
{
  Map *m = op;

  if (begin_grad (tape, m, m->a))
    map (m, activate_grad);
}

PrVar *
pr_tape_activate (PrTape *tape, PrVar *x, PrActivation kind)
{
  Map m = { .a = node (x), .kind = kind };

  m.y = pr_tape_node (tape, x->rows, x->n, needed (&m));
  map (&m, activate_elements);
  record (tape, &m, activate_backward);
  return &m.y->var;
}

/* Dropout ----------------------------------------------------------------------- */

static void
drop_rows (gpointer ctx, gint64 from, gint64 to)
{
  const Map *m = ctx;
  gint64 n = m->y->var.n;

  pr_cpu_kernels ()->dropout (m->dropout, to - from, n, m->first_row + (guint64)from, m->a->value + from * n, NULL,
                              m->y->value + from * n);
}

static void
drop_grad (gpointer ctx, gint64 from, gint64 to)
{
  const Map *m = ctx;
  gint64 n = m->y->var.n;
  float *grad = m->grad + from * n;

  pr_cpu_kernels ()->dropout (m->dropout, to - from, n, m->first_row + (guint64)from, m->y->grad + from * n,
                              m->add ? grad : NULL, grad);
}

static void
dropout_backward (PrTape *tape, gpointer op)
{
  Map *m = op;

  if (begin_grad (tape, m, m->a))
    map_rows (m, drop_grad);
}

PrVar *
pr_tape_dropout (PrTape *tape, PrVar *x, float rate, guint64 first_row)
{
  Map m = { .a = node (x), .first_row = first_row, .dropout = pr_tape_drops (tape, rate) };

  pr_tape_require (rate >= 0 && rate < 1);
  if (m.dropout == NULL)
    return x;
  m.y = pr_tape_node (tape, x->rows, x->n, needed (&m));
  map_rows (&m, drop_rows);
  record (tape, &m, dropout_backward);
  return &m.y->var;
}
