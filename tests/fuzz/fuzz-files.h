/* fuzz-files.h - damage a file again and again and look what its reader says. */
#ifndef PR_FUZZ_FILES_H
#define PR_FUZZ_FILES_H

#include "../data/data-check.h"
#include "mutate.h"

#define ROUNDS 1500

/* Like data_put(), without waiting for the disk. */
static inline void
put (const char *path, const void *data, gsize n)
{
  FILE *file = fopen (path, "wb");

  ck_assert_ptr_nonnull (file);
  if (n > 0)
    ck_assert_uint_eq (fwrite (data, 1, n, file), n);
  ck_assert_int_eq (fclose (file), 0);
}

/* Read what stands in DIR; check the result; FALSE with the error. */
typedef gboolean (*Reader) (const char *dir, GError **error);

/* Damage file NAME of DIR again and again. */
static inline void
fuzz (const char *dir, const char *name, Reader reader)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  g_autofree char *sound = NULL;
  GError *error = NULL;
  guint refused = 0;
  gsize n;

  ck_assert (g_file_get_contents (path, &sound, &n, NULL));
  ck_assert_msg (reader (dir, &error), "the sound file is refused: %s", error ? error->message : "");
  for (guint64 round = 0; round < ROUNDS; round++)
    {
      g_autoptr (GByteArray) bytes = mutate (sound, n, round);

      put (path, bytes->data, bytes->len);
      if (reader (dir, &error))
        {
          ck_assert_no_error (error);
          continue;
        }
      ck_assert_msg (error != NULL, "%s, round %d: failed without an error", name, (int)round);
      ck_assert_msg (error->domain == PR_ERROR && error->code == PR_ERROR_DATA, "%s, round %d: %s", name, (int)round,
                     error->message);
      ck_assert_msg (strstr (error->message, dir) != NULL, "%s, round %d: '%s' names no file", name, (int)round,
                     error->message);
      g_clear_error (&error);
      refused++;
    }
  put (path, sound, n);
  /* A reader that takes everything reads nothing. */
  ck_assert_uint_gt (refused, ROUNDS / 10);
}

#endif
