/* clusters.h - points around well-separated centres. */
#ifndef CLUSTERS_H
#define CLUSTERS_H

#include <pauserec/rng.h>

enum
{
  N_CLUSTERS = 20,
  PER_CLUSTER = 40,
  D = 37
};

/* Well-separated clusters: item i belongs to cluster i % N_CLUSTERS. */
static inline float *
make_clusters (double spread)
{
  float *x = g_new (float, N_CLUSTERS *PER_CLUSTER *D);
  PrRng rng = pr_rng_new (7, "clusters");

  for (int i = 0; i < N_CLUSTERS * PER_CLUSTER; i++)
    for (int j = 0; j < D; j++)
      x[i * D + j] = (float)(pr_rng_normal (rng, 0, (guint64)(i % N_CLUSTERS) * D + j)
                             + spread * pr_rng_normal (rng, 1, (guint64)i * D + j));
  return x;
}

#endif
