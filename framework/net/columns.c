/* Columns: a part of them, and parts side by side. */
#include "config.h"

#include "net/tape-private.h"

#include <string.h>

/* Columns [first, first + part's width) of WHOLE are PART. */
typedef struct
{
  Node *whole, *part;
  gint64 first;
  /* Of backward. */
  float *grad;
  gboolean add;
} Columns;

static void
take_rows (gpointer ctx, gint64 from, gint64 to)
{
  const Columns *c = ctx;
  gint64 n = c->part->var.n;

  for (gint64 r = from; r < to; r++)
    memcpy (c->part->value + r * n, c->whole->value + r * c->whole->var.n + c->first, (gsize)n * sizeof (float));
}

static void
take_grad (gpointer ctx, gint64 from, gint64 to)
{
  const Columns *c = ctx;
  gint64 n = c->part->var.n;

  for (gint64 r = from; r < to; r++)
    for (gint64 i = 0; i < n; i++)
      c->grad[r * c->whole->var.n + c->first + i] += c->part->grad[r * n + i];
}

static void
take_backward (PrTape *tape, gpointer op)
{
  Columns *c = op;

  if (!c->part->written)
    return;
  c->grad = pr_node_grad_cleared (tape, c->whole);
  pr_tape_rows (c->part->var.rows, take_grad, c);
}

PrVar *
pr_tape_columns (PrTape *tape, PrVar *x, gint64 first, gint64 n)
{
  Columns *c = pr_tape_alloc (tape, sizeof *c);

  pr_tape_require (first >= 0 && n > 0 && first + n <= x->n);
  *c = (Columns){ .whole = node (x), .first = first };
  c->part = pr_tape_node (tape, x->rows, n, c->whole->needs);
  pr_tape_rows (x->rows, take_rows, c);
  if (c->part->needs)
    pr_tape_record (tape, take_backward, c);
  return &c->part->var;
}

static void
put_rows (gpointer ctx, gint64 from, gint64 to)
{
  const Columns *c = ctx;
  gint64 n = c->part->var.n;

  for (gint64 r = from; r < to; r++)
    memcpy (c->whole->value + r * c->whole->var.n + c->first, c->part->value + r * n, (gsize)n * sizeof (float));
}

static void
put_grad (gpointer ctx, gint64 from, gint64 to)
{
  const Columns *c = ctx;
  gint64 n = c->part->var.n;

  for (gint64 r = from; r < to; r++)
    for (gint64 i = 0; i < n; i++)
      {
        float dy = c->whole->grad[r * c->whole->var.n + c->first + i], *grad = c->grad + r * n + i;

        *grad = c->add ? *grad + dy : dy;
      }
}

static void
put_backward (PrTape *tape, gpointer op)
{
  Columns *c = op;

  if (!c->whole->written)
    return;
  c->grad = pr_node_grad (tape, c->part, &c->add);
  pr_tape_rows (c->part->var.rows, put_grad, c);
}

PrVar *
pr_tape_concat (PrTape *tape, gsize n_parts, PrVar *const *parts)
{
  gint64 n = 0, first = 0;
  gboolean needs = FALSE;
  Node *whole;

  for (gsize i = 0; i < n_parts; i++)
    {
      pr_tape_require (parts[i]->rows == parts[0]->rows);
      n += parts[i]->n;
      needs |= node (parts[i])->needs;
    }
  pr_tape_require (n > 0);
  whole = pr_tape_node (tape, parts[0]->rows, n, needs);
  for (gsize i = 0; i < n_parts; i++)
    {
      Columns *c = pr_tape_alloc (tape, sizeof *c);

      *c = (Columns){ .whole = whole, .part = node (parts[i]), .first = first };
      pr_tape_rows (whole->var.rows, put_rows, c);
      if (c->part->needs)
        pr_tape_record (tape, put_backward, c);
      first += parts[i]->n;
    }
  return &whole->var;
}
