#include "config.h"

#include <pauserec/linalg.h>

#define LANES 8 /* independent sums: what a compiler may keep in vector registers */

double
pr_dot (const double *a, const double *b, gint64 n)
{
  double lanes[LANES] = { 0 };
  double sum = 0;
  gint64 i = 0;

  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++)
      lanes[l] += a[i + l] * b[i + l];
  for (; i < n; i++)
    sum += a[i] * b[i];
  for (int l = 0; l < LANES; l++)
    sum += lanes[l];
  return sum;
}
