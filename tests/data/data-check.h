/* data-check.h - files made of literals, and the expectation of one certain error. */
#ifndef PR_DATA_CHECK_H
#define PR_DATA_CHECK_H

#include "pr-check.h"

#include <gio/gio.h>

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

/* DIR/NAME with the gzip of TEXT, but only its first KEEP bytes (0: all); returns how long it is in all. */
static inline gsize
data_gzip (const char *dir, const char *name, const char *text, gsize keep)
{
  g_autoptr (GConverter) gzip = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 9));
  gsize n = strlen (text), room = n + 1024, read, written;
  g_autofree char *packed = g_malloc (room);

  ck_assert_int_eq (g_converter_convert (gzip, text, n, packed, room, G_CONVERTER_INPUT_AT_END, &read, &written, NULL),
                    G_CONVERTER_FINISHED);
  data_put (dir, name, packed, (gssize)(keep > 0 ? keep : written));
  return written;
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
