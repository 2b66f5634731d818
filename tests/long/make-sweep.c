/* make-sweep ARMS SEEDS USERS METRICS OUT: a results.h5 as large as asked for, to see what `compare` needs for it. */
#include "config.h"

#include "results/sweep-file.h"

#include <pauserec/rng.h>
#include <stdio.h>
#include <stdlib.h>

/* Shares of hits, a little more of them from arm to arm. */
static float
value (gsize arm, gsize seed, gsize metric, gsize user)
{
  PrRng rng = pr_rng_new (metric, "make-sweep");

  return pr_rng_uniform (rng, user, 0) < 0.2 + 0.02 * pr_rng_normal (rng, user + 1, arm * 1000 + seed + 1);
}

int
main (int argc, char **argv)
{
  static const char *const names[] = { "hit_5",    "hit_10",   "ndcg_5",   "ndcg_10", "hit_10_a",
                                       "hit_10_b", "hit_10_c", "hit_10_d", NULL };
  const char *metrics[G_N_ELEMENTS (names)] = { NULL };
  g_autoptr (GError) error = NULL;
  SweepFile sweep = { .metrics = metrics, .value = value };

  if (argc != 6)
    {
      fprintf (stderr, "usage: make-sweep ARMS SEEDS USERS METRICS OUT\n");
      return 2;
    }
  sweep.n_arms = (gsize)atoi (argv[1]);
  sweep.n_seeds = (gsize)atoi (argv[2]);
  sweep.n_users = (gsize)atoi (argv[3]);
  for (int m = 0; m < MIN (atoi (argv[4]), (int)G_N_ELEMENTS (names) - 1); m++)
    metrics[m] = names[m];
  if (sweep_file_write (&sweep, argv[5], &error))
    return 0;
  fprintf (stderr, "%s\n", error->message);
  return 1;
}
