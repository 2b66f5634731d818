/* golden-case.h - a case of tests/golden/net.safetensors as a net. */
#ifndef PR_GOLDEN_CASE_H
#define PR_GOLDEN_CASE_H

#include "pr-check.h"

#include <math.h>
#include <pauserec/net.h>
#include <pauserec/tensors.h>

/* Golden values are of float64, ours of float32, for numbers of about 1 to 10. */
#define GOLDEN_TOLERANCE 3e-5

typedef struct
{
  const char *name;
  PrTensors *file;
  PrNet *net;
  PrTape *tape;
  float *grads;
} Golden;

static inline const PrTensor *
golden_tensor (const Golden *g, const char *kind, const char *name)
{
  g_autofree char *full = g_strdup_printf ("%s.%s.%s", g->name, kind, name);
  const PrTensor *tensor = pr_tensors_lookup (g->file, full);

  ck_assert_msg (tensor != NULL, "no %s", full);
  return tensor;
}

static inline Golden
golden_open (const char *name)
{
  GError *error = NULL;
  g_autofree char *path = g_build_filename (g_getenv ("PR_SOURCE_DIR") ? g_getenv ("PR_SOURCE_DIR") : ".",
                                            "tests/golden/net.safetensors", NULL);
  g_autofree char *prefix = g_strdup_printf ("%s.w.", name);
  Golden g = { .name = name, .file = pr_tensors_open (path, &error), .net = pr_net_new () };
  float *weights;

  ck_assert_no_error (error);
  for (gsize i = 0; i < pr_tensors_n (g.file); i++)
    {
      const PrTensor *t = pr_tensors_at (g.file, i);

      if (g_str_has_prefix (t->name, prefix))
        pr_net_add (g.net, t->name + strlen (prefix), t->dims[0], t->dims[1], PR_INIT_ZEROS, 0, TRUE);
    }
  weights = pr_net_weights (g.net);
  for (gsize i = 0; i < pr_net_n_params (g.net); i++)
    {
      const PrNetParam *p = pr_net_param (g.net, i);

      memcpy (weights + p->offset, golden_tensor (&g, "w", p->name)->data,
              sizeof (float) * (gsize)(p->rows * p->columns));
    }
  g.grads = g_new0 (float, pr_net_length (g.net));
  g.tape = pr_tape_new (g.net);
  pr_tape_begin (g.tape, g.grads, NULL);
  return g;
}

static inline void
golden_close (Golden *g)
{
  pr_tape_free (g->tape);
  pr_net_free (g->net);
  g_free (g->grads);
  pr_tensors_free (g->file);
}

static inline PrVar *
golden_param (const Golden *g, const char *name)
{
  gint32 param = pr_net_find (g->net, name);

  ck_assert_msg (param >= 0, "no weight %s", name);
  return pr_tape_param (g->tape, param);
}

static inline gint32 *
golden_ints (const Golden *g, const char *name)
{
  const PrTensor *t = golden_tensor (g, "in", name);

  ck_assert_int_eq (t->dtype, PR_DTYPE_I32);
  return (gint32 *)t->data;
}

static inline const float *
golden_floats (const Golden *g, const char *name)
{
  const PrTensor *t = golden_tensor (g, "in", name);

  ck_assert_int_eq (t->dtype, PR_DTYPE_F32);
  return t->data;
}

static inline void
golden_compare (const char *what, const PrTensor *expected, const float *found)
{
  const double *e = expected->data;

  ck_assert_int_eq (expected->dtype, PR_DTYPE_F64);
  for (gint64 i = 0; i < expected->n; i++)
    ck_assert_msg (fabs (e[i] - (double)found[i]) <= GOLDEN_TOLERANCE * (1 + fabs (e[i])),
                   "%s, element %d: %g instead of %g", what, (int)i, (double)found[i], e[i]);
}

/* dot(c, y) as a loss: what the golden gradients are of. */
static inline double
golden_weighted_row (gconstpointer ctx, gint64 row, gint64 n, const float *x, float *dx)
{
  const float *c = (const float *)ctx + row * n;
  double sum = 0;

  for (gint64 i = 0; i < n; i++)
    {
      sum += (double)c[i] * (double)x[i];
      if (dx != NULL)
        dx[i] = c[i];
    }
  return sum;
}

/* Backward, and every gradient against the golden one. */
static inline void
golden_check_grads (Golden *g)
{
  pr_tape_backward (g->tape);
  for (gsize i = 0; i < pr_net_n_params (g->net); i++)
    {
      const PrNetParam *p = pr_net_param (g->net, i);

      golden_compare (p->name, golden_tensor (g, "grad", p->name), g->grads + p->offset);
    }
}

static inline void
golden_check (Golden *g, PrVar *y)
{
  golden_compare ("y", golden_tensor (g, "out", "y"), y->value);
  pr_tape_row_loss (g->tape, y, golden_weighted_row, golden_floats (g, "c"), 1);
  golden_check_grads (g);
}

#endif
