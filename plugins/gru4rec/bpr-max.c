#include "config.h"

#include "bpr-max.h"

#include <math.h>

double
bpr_max_row (gconstpointer ctx, gint64 row, gint64 n, const float *r, float *dr)
{
  const BprMax *b = ctx;
  g_autofree double *s = g_new (double, n);
  double most = -INFINITY, sum = 0, better = 0, squares = 0, along = 0;

  for (gint64 j = 0; dr != NULL && j < n; j++)
    dr[j] = 0;
  if (b->targets[row] < 0)
    return 0;
  for (gint64 j = 1; j < n; j++)
    most = MAX (most, (double)r[j]);
  for (gint64 j = 1; j < n; j++)
    sum += s[j] = exp ((double)r[j] - most);
  for (gint64 j = 1; j < n; j++)
    {
      double above = 1 / (1 + exp ((double)r[j] - (double)r[0]));

      s[j] /= sum;
      better += s[j] * above;
      along += s[j] * above * (1 - above);
      squares += s[j] * (double)r[j] * (double)r[j];
    }
  better += 1e-24; /* as the authors': the logarithm stays finite */
  for (gint64 j = 1; dr != NULL && j < n; j++)
    {
      double above = 1 / (1 + exp ((double)r[j] - (double)r[0])), x = (double)r[j];

      dr[j] = (float)(s[j] * ((above * (1 - above) - (above - better)) / better + b->reg * (x * x - squares + 2 * x)));
    }
  if (dr != NULL)
    dr[0] = (float)(-along / better);
  return -log (better) + b->reg * squares;
}
