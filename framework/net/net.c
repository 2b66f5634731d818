/* Named weights in one array. */
#include "config.h"

#include "compute/cpu.h"
#include "net/net-private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 16 /* floats: a parameter begins on a cache line */

static void
param_clear (gpointer data)
{
  PrNetParam *param = data;

  g_free ((char *)param->name);
}

PrNet *
pr_net_new (void)
{
  PrNet *net = g_new0 (PrNet, 1);

  net->params = g_array_new (FALSE, TRUE, sizeof (PrNetParam));
  g_array_set_clear_func (net->params, param_clear);
  net->ranges = g_array_new (FALSE, TRUE, sizeof (PrNetRange));
  return net;
}

void
pr_net_free (PrNet *net)
{
  if (net == NULL)
    return;
  g_array_unref (net->params);
  g_array_unref (net->ranges);
  free (net->weights);
  g_free (net);
}

gint32
pr_net_add (PrNet *net, const char *name, gint64 rows, gint64 columns, PrInit kind, double init, gboolean decays)
{
  PrNetParam param = { g_strdup (name), rows, columns, kind, init, decays, net->length };
  gint64 n;

  if (net->weights != NULL || rows < 1 || columns < 1 || columns > G_MAXINT32 || rows > G_MAXINT64 / 64 / columns
      || pr_net_find (net, name) >= 0)
    g_error ("pr_net_add: %s is added too late, twice, or has no size", name);
  n = (rows * columns + ALIGN - 1) / ALIGN * ALIGN;
  g_array_append_val (net->params, param);
  if (net->ranges->len == 0 || g_array_index (net->ranges, PrNetRange, net->ranges->len - 1).decays != decays)
    {
      PrNetRange range = { net->length, 0, decays };

      g_array_append_val (net->ranges, range);
    }
  g_array_index (net->ranges, PrNetRange, net->ranges->len - 1).n += n;
  net->length += n;
  net->size += rows * columns;
  return (gint32)net->params->len - 1;
}

gsize
pr_net_n_params (const PrNet *net)
{
  return net->params->len;
}

const PrNetParam *
pr_net_param (const PrNet *net, gsize index)
{
  return &g_array_index (net->params, PrNetParam, index);
}

gint32
pr_net_find (const PrNet *net, const char *name)
{
  for (guint i = 0; i < net->params->len; i++)
    if (strcmp (pr_net_param (net, i)->name, name) == 0)
      return (gint32)i;
  return -1;
}

gint64
pr_net_size (const PrNet *net)
{
  return net->size;
}

gint64
pr_net_length (const PrNet *net)
{
  return net->length;
}

const PrNetRange *
pr_net_ranges (PrNet *net, gsize *ret_n)
{
  *ret_n = net->ranges->len;
  return (const PrNetRange *)(gpointer)net->ranges->data;
}

float *
pr_net_weights (PrNet *net)
{
  if (net->weights == NULL)
    {
      gsize bytes = (gsize)net->length * sizeof (float);

      net->weights = pr_cpu_alloc (bytes);
      if (net->weights == NULL)
        g_error ("no memory for %" G_GSIZE_FORMAT " bytes of weights", bytes);
      memset (net->weights, 0, bytes);
    }
  return net->weights;
}

char *
pr_net_element (const PrNet *net, gint64 at)
{
  for (guint i = 0; i < net->params->len; i++)
    {
      const PrNetParam *p = pr_net_param (net, i);
      gint64 k = at - p->offset;

      if (k >= 0 && k < p->rows * p->columns)
        return g_strdup_printf ("%s[%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "]", p->name, k / p->columns,
                                k % p->columns);
    }
  return g_strdup ("padding");
}

typedef struct
{
  const PrNetParam *param;
  PrRng rng;
  float *values;
} Draw;

#define DRAW_TILE 65536

static void
draw_tile (gpointer ctx, gsize tile, guint worker)
{
  const Draw *d = ctx;
  const PrNetParam *p = d->param;
  double fans = (double)(p->rows + p->columns), width = p->init;
  gboolean normal = p->kind == PR_INIT_NORMAL || p->kind == PR_INIT_XAVIER_NORMAL;
  gint64 from = (gint64)tile * DRAW_TILE, to = MIN (from + DRAW_TILE, p->rows * p->columns);

  (void)worker;
  if (p->kind == PR_INIT_XAVIER_NORMAL)
    width *= sqrt (2 / fans);
  if (p->kind == PR_INIT_XAVIER_UNIFORM)
    width *= sqrt (6 / fans);
  for (gint64 i = from; i < to; i++)
    d->values[i] =
        (float)(width
                * (normal ? pr_rng_normal (d->rng, 0, (guint64)i) : 2 * pr_rng_uniform (d->rng, 0, (guint64)i) - 1));
}

void
pr_net_init (PrNet *net, guint64 seed)
{
  float *weights = pr_net_weights (net);

  for (guint i = 0; i < net->params->len; i++)
    {
      const PrNetParam *p = pr_net_param (net, i);
      g_autofree char *stream = g_strdup_printf ("net/%s", p->name);
      gint64 n = p->rows * p->columns;
      Draw d = { p, pr_rng_new (seed, stream), weights + p->offset };

      if (p->kind == PR_INIT_ZEROS || p->kind == PR_INIT_ONES)
        for (gint64 k = 0; k < n; k++)
          d.values[k] = p->kind == PR_INIT_ONES ? 1.0f : 0.0f;
      else
        pr_parallel ((gsize)((n + DRAW_TILE - 1) / DRAW_TILE), draw_tile, &d);
    }
}
