/* data-check.h - files made of literals, and the expectation of one certain error. */
#ifndef PR_DATA_CHECK_H
#define PR_DATA_CHECK_H

#include "pr-check.h"

/* DIR/NAME with LENGTH bytes of DATA (-1: a string); the caller frees the path. */
static inline char *
data_file (const char *dir, const char *name, const void *data, gssize length)
{
  char *path = g_build_filename (dir, name, NULL);

  ck_assert (g_file_set_contents (path, data, length, NULL));
  return path;
}

/* Put a file there and forget its name. */
static inline void
data_put (const char *dir, const char *name, const void *data, gssize length)
{
  g_free (data_file (dir, name, data, length));
}

/* The error must be of CODE and hold PART; cleared for the next one. */
#define data_expect(error, code, part)                                                                                 \
  do                                                                                                                   \
    {                                                                                                                  \
      ck_assert_pr_error (*(error), code, part);                                                                       \
      g_clear_error (error);                                                                                           \
    }                                                                                                                  \
  while (0)

#endif
