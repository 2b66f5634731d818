/* stats-golden.h - tests/golden/stats.json, what numpy, scipy and exact arithmetic say. */
#ifndef PR_STATS_GOLDEN_H
#define PR_STATS_GOLDEN_H

#include "pr-check.h"

#include <jansson.h>
#include <math.h>

/* The caller decrefs; NULL, with a line that says so, if the sources are not at hand. */
static inline json_t *
stats_golden_load (void)
{
  const char *source = g_getenv ("PR_SOURCE_DIR");
  g_autofree char *path = source ? g_build_filename (source, "tests", "golden", "stats.json", NULL) : NULL;
  json_error_t error;
  json_t *golden = path ? json_load_file (path, 0, &error) : NULL;

  if (path == NULL)
    g_print ("SKIP: PR_SOURCE_DIR does not say where the sources are\n");
  else
    ck_assert_msg (golden != NULL, "%s: %s", path, error.text);
  return golden;
}

/* null is NaN. */
static inline double
golden_number (const json_t *value)
{
  return json_is_number (value) ? json_number_value (value) : NAN;
}

static inline double
golden_get (const json_t *object, const char *key)
{
  return golden_number (json_object_get (object, key));
}

/* Owned by the caller. */
static inline double *
golden_numbers (const json_t *array, gsize *ret_n)
{
  gsize n = json_array_size (array);
  double *numbers = g_new (double, MAX (n, 1));

  for (gsize i = 0; i < n; i++)
    numbers[i] = golden_number (json_array_get (array, i));
  *ret_n = n;
  return numbers;
}

/* Four standard errors of an exact p that DRAWS draws estimate, and the observed one that is counted too. */
static inline double
golden_p_error (double p, double draws)
{
  return 4 * sqrt (p * (1 - p) / draws) + 1 / draws;
}

#endif
