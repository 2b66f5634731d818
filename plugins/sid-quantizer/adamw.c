#include "config.h"

#include "adamw.h"

#include <pauserec/threads.h>

#include <math.h>

#define TILE 16384 /* weights a tile */
#define BETA1 0.9
#define BETA2 0.999
#define EPS 1e-8f

typedef struct
{
  Weights *weights;
  float keep;        /* what decay leaves */
  float rate;        /* lr, corrected for the bias of the first moment */
  float correction2; /* of the root of the second */
} Update;

void
weights_init (Weights *weights, gint64 n)
{
  float *memory = g_new0 (float, 4 * n);

  *weights = (Weights){ .n = n, .values = memory, .grads = memory + n, .m = memory + 2 * n, .v = memory + 3 * n };
}

void
weights_clear (Weights *weights)
{
  g_free (weights->values);
  *weights = (Weights){ 0 };
}

static void
update_tile (gpointer ctx, gsize tile, guint worker)
{
  const Update *u = ctx;
  float *restrict w = u->weights->values, *restrict m = u->weights->m, *restrict v = u->weights->v;
  const float *restrict g = u->weights->grads;
  gint64 end = MIN (u->weights->n, (gint64)(tile + 1) * TILE);
  float keep = u->keep, rate = u->rate, correction2 = u->correction2;

  (void)worker;
  for (gint64 i = (gint64)tile * TILE; i < end; i++)
    {
      m[i] = (float)BETA1 * m[i] + (float)(1 - BETA1) * g[i];
      v[i] = (float)BETA2 * v[i] + (float)(1 - BETA2) * g[i] * g[i];
      w[i] = keep * w[i] - rate * m[i] / (sqrtf (v[i]) * correction2 + EPS);
    }
}

void
weights_update (Weights *weights, double lr, double weight_decay, guint64 step)
{
  Update u = { .weights = weights,
               .keep = (float)(1 - lr * weight_decay),
               .rate = (float)(lr / (1 - pow (BETA1, (double)step))),
               .correction2 = (float)(1 / sqrt (1 - pow (BETA2, (double)step))) };

  pr_parallel ((gsize)((weights->n + TILE - 1) / TILE), update_tile, &u);
}
