#include "config.h"

#include "engines/guard.h"

#include "engines/sweep-private.h"
#include "runtime/sha256.h"

#include <pauserec/error.h>
#include <string.h>
#include <sys/stat.h>

typedef struct
{
  const char *what;
  char *path, *digest;
  struct stat seen; /* when it had that digest; all zero: not looked at yet */
} File;

struct PrGuard
{
  GArray *files; /* File */
};

static void
clear_file (gpointer data)
{
  File *file = data;

  g_free (file->path);
  g_free (file->digest);
}

static void
add_file (PrGuard *guard, const char *what, const char *path, const char *digest)
{
  const File file = { .what = what, .path = g_strdup (path), .digest = g_strdup (digest) };

  g_array_append_val (guard->files, file);
}

static void
add_files (PrGuard *guard, const char *what, GHashTable *digests)
{
  GHashTableIter iter;
  gpointer path, digest;

  g_hash_table_iter_init (&iter, digests);
  while (g_hash_table_iter_next (&iter, &path, &digest))
    add_file (guard, what, path, digest);
}

PrGuard *
pr_guard_new (const PrSweepPlan *plan)
{
  PrGuard *guard = g_new0 (PrGuard, 1);
  g_autofree char *program = pr_sweep_program_path ();

  guard->files = g_array_new (FALSE, FALSE, sizeof (File));
  g_array_set_clear_func (guard->files, clear_file);
  if (program != NULL && plan->program_sha256[0] != '\0')
    add_file (guard, "the program", program, plan->program_sha256);
  add_files (guard, "plugin", plan->plugins);
  add_files (guard, "input", plan->inputs);
  return guard;
}

void
pr_guard_free (PrGuard *guard)
{
  if (guard == NULL)
    return;
  g_array_unref (guard->files);
  g_free (guard);
}

static gboolean
same_file (const struct stat *a, const struct stat *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size
         && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec
         && a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* NULL if FILE is as it was, otherwise what happened to it; to free. */
static char *
check_file (File *file)
{
  g_autofree char *digest = NULL;
  struct stat now;

  if (stat (file->path, &now) != 0)
    return g_strdup_printf ("  %s '%s' is gone", file->what, file->path);
  if (same_file (&now, &file->seen))
    return NULL;
  digest = pr_sha256_file (file->path, NULL);
  if (digest != NULL && strcmp (digest, file->digest) == 0)
    {
      file->seen = now;
      return NULL;
    }
  return g_strdup_printf ("  %s '%s' changed (sha256 was %.12s, is %.12s)", file->what, file->path, file->digest,
                          digest != NULL ? digest : "unreadable");
}

gboolean
pr_guard_check (PrGuard *guard, GError **error)
{
  g_autoptr (GString) text = g_string_new ("");

  for (guint i = 0; i < guard->files->len; i++)
    {
      g_autofree char *fault = check_file (&g_array_index (guard->files, File, i));

      if (fault != NULL)
        g_string_append_printf (text, "\n%s", fault);
    }
  if (text->len == 0)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "what runs are made of changed since the sweep was planned:%s\nplan it again: what does not depend on "
               "this is not computed again",
               text->str);
  return FALSE;
}
