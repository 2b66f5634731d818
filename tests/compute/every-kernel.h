/* every-kernel.h - run a test case with every set of kernels that this machine has. */
#ifndef PR_EVERY_KERNEL_H
#define PR_EVERY_KERNEL_H

#include "pr-check.h"

#include "compute/cpu.h"

/* Single precision against double, for numbers around 1. */
#define TOLERANCE 5e-5

/* N normal numbers, pure in STREAM. */
static inline float *
draw (gint64 n, guint64 stream, double mean, double sd)
{
  PrRng rng = pr_rng_new (stream, "check-backend");
  float *x = g_new (float, n);

  for (gint64 i = 0; i < n; i++)
    x[i] = (float)(mean + sd * pr_rng_normal (rng, 0, (guint64)i));
  return x;
}

static inline void
use_kernels (void)
{
  const char *name = g_getenv ("CHECK_KERNELS");

  for (gsize i = 0; pr_cpu_all[i] != NULL; i++)
    if (name != NULL && strcmp (name, pr_cpu_all[i]->name) == 0)
      pr_cpu_set_kernels (pr_cpu_all[i]);
}

/* ADD adds the tests to a case; its processes find the kernels' name in the environment. */
static inline int
check_with_every_kernel (void (*add) (TCase *tc))
{
  int failed = EXIT_SUCCESS;

  for (gsize i = 0; pr_cpu_all[i] != NULL; i++)
    if (pr_cpu_all[i]->supported ())
      {
        Suite *suite = suite_create (pr_cpu_all[i]->name);
        TCase *tc = tcase_create (pr_cpu_all[i]->name);

        g_setenv ("CHECK_KERNELS", pr_cpu_all[i]->name, TRUE);
        tcase_set_timeout (tc, 60);
        tcase_add_checked_fixture (tc, use_kernels, NULL);
        add (tc);
        suite_add_tcase (suite, tc);
        if (pr_check_main (suite) != EXIT_SUCCESS)
          failed = EXIT_FAILURE;
      }
  return failed;
}

#endif
