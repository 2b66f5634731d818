/* What gc takes, what it leaves, and what is left when it dies in the middle. */
#include "config.h"

#include "store-check.h"

#include "runtime/gc.h"
#include "runtime/refs.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY(letters) letters "00000000000000000000000000000000000000000000000000000000000000"
#define KEY_B KEY ("bb")
#define KEY_C KEY ("cc")
#define KEY_D KEY ("dd")

/* A sweep of these tests is a folder with a file of keys, a line each. */
static gboolean
keys_of (const char *sweep, GHashTable *keys, gboolean *ret_gone, GError **error)
{
  g_autofree char *path = path_in (sweep, "keys"), *text = NULL;
  g_auto (GStrv) lines = NULL;

  *ret_gone = !g_file_get_contents (path, &text, NULL, NULL);
  if (*ret_gone)
    return TRUE;
  if (strcmp (text, "damaged") == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: damaged", path);
      return FALSE;
    }
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    g_hash_table_add (keys, g_strdup (*line));
  return TRUE;
}

static void
make (PrStore *store, const char *key)
{
  g_autoptr (GError) error = NULL;
  PrEntry *entry = NULL;
  PrBuild *build = pr_store_acquire (store, key, &watch, &entry, &error);
  g_autoptr (PrEntry) made = NULL;
  json_t *what = json_pack ("{s:s}", "stage", "probe-walk");

  ck_assert_no_error (error);
  fill (build);
  made = pr_store_commit (store, build, &fake.stage, what, dims, &error);
  ck_assert_no_error (error);
  json_decref (what);
}

static char *
sweep_dir (const char *name)
{
  return path_in (dir, name);
}

static void
refer (PrStore *store, const char *name, const char *keys)
{
  g_autofree char *out = sweep_dir (name);
  g_autoptr (GError) error = NULL;

  if (keys != NULL)
    put (out, "keys", keys);
  ck_assert (pr_store_add_ref (store, out, &watch, &error));
  ck_assert_no_error (error);
}

/* Four entries, of which the sweep "one" needs A and B, "two" B and C, and "gone" needed D. */
static void
make_store (void)
{
  g_autoptr (PrStore) store = must_open ();

  make (store, KEY_A);
  make (store, KEY_B);
  make (store, KEY_C);
  make (store, KEY_D);
  refer (store, "one", KEY_A "\n" KEY_B);
  refer (store, "two", KEY_B "\n" KEY_C);
  refer (store, "gone", NULL);
  put (root, "scratch/" KEY_D "/checkpoint", "half");
  put (root, "scratch/" KEY_A "/checkpoint", "half of what is there");
  put (root, "corrupt/" KEY_A ".1/entry.json", "{");
  put (root, "tmp/" KEY_D "/out/a.txt", "hel");
  put (root, "tmp/gc-" KEY_D "/more/c.txt", "more");
  put (root, "refs/.x.json.Ab12Cd", "{");
}

static PrGc *
look (gboolean remove)
{
  g_autoptr (GError) error = NULL;
  PrGc *gc = pr_gc_new (root, NULL, keys_of, remove, &error);

  ck_assert_no_error (error);
  return gc;
}

static void
collect (void)
{
  g_autoptr (PrGc) gc = look (TRUE);
  g_autoptr (GError) error = NULL;

  ck_assert (pr_gc_remove (gc, &error));
  ck_assert_no_error (error);
}

static guint
count (const PrGc *gc, PrGcKind kind)
{
  guint n = 0;

  for (guint i = 0; i < gc->items->len; i++)
    n += ((const PrGcItem *)gc->items->pdata[i])->kind == kind;
  return n;
}

START_TEST (a_look_says_all_and_removes_nothing)
{
  g_autoptr (PrGc) gc = NULL;
  const PrGcItem *entry = NULL;
  const PrGcSweep *gone, *one, *two;

  make_store ();
  gc = look (FALSE);
  ck_assert (!gc->in_use);
  ck_assert_uint_eq (count (gc, PR_GC_ENTRY), 1);
  ck_assert_uint_eq (count (gc, PR_GC_SCRATCH), 2);
  ck_assert_uint_eq (count (gc, PR_GC_DAMAGED), 1);
  ck_assert_uint_eq (count (gc, PR_GC_UNFINISHED), 3);
  ck_assert_uint_eq (count (gc, PR_GC_REF), 1);
  ck_assert_uint_eq (count (gc, PR_GC_LOCK), 1);
  ck_assert_uint_eq (gc->strange->len, 0);
  for (guint i = 0; i < gc->items->len; i++)
    if (((const PrGcItem *)gc->items->pdata[i])->kind == PR_GC_ENTRY)
      entry = gc->items->pdata[i];
  ck_assert_str_eq (entry->key, KEY_D);
  ck_assert_str_eq (entry->path, "objects/dd/" KEY_D);
  ck_assert_str_eq (entry->stage, "probe-walk");
  ck_assert_uint_gt (entry->bytes, strlen ("{}xhellomore"));
  ck_assert_uint_eq (gc->sweeps->len, 3);
  gone = gc->sweeps->pdata[0];
  one = gc->sweeps->pdata[1];
  two = gc->sweeps->pdata[2];
  ck_assert (gone->gone && !one->gone && !two->gone);
  ck_assert (g_str_has_suffix (one->dir, "/one"));
  ck_assert_uint_eq (one->n_entries, 2);
  ck_assert_uint_eq (two->n_entries, 2);
  ck_assert_uint_eq (gc->n_kept, 3);
  ck_assert_uint_eq (one->bytes * 3, gc->bytes_kept * 2);
  ck_assert (exists ("tmp", "gc-" KEY_D));
  ck_assert (exists ("objects/dd", KEY_D));
  ck_assert (exists ("corrupt", KEY_A ".1"));
}
END_TEST

static void
check_collected (void)
{
  static const char *const kept[] = { KEY_A, KEY_B, KEY_C };
  g_autoptr (PrStore) store = must_open ();
  g_autoptr (PrGc) gc = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (kept); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (PrEntry) entry = pr_store_look (store, kept[i], TRUE, &error);

      ck_assert_no_error (error);
      ck_assert_ptr_nonnull (entry);
    }
  ck_assert (!exists ("objects/dd", KEY_D));
  ck_assert (!exists ("scratch", KEY_D));
  ck_assert (!exists ("locks", KEY_D ".lock"));
  ck_assert (exists ("locks", KEY_A ".lock"));
  g_clear_pointer (&store, pr_store_free);
  gc = look (FALSE);
  ck_assert_uint_eq (gc->items->len, 0);
  ck_assert_uint_eq (gc->sweeps->len, 2);
}

START_TEST (what_is_needed_stays_and_the_rest_goes)
{
  make_store ();
  collect ();
  check_collected ();
}
END_TEST

/* Killed at its N-th call of rename, unlink or rmdir, each time from the start; no entry is ever half there. */
static void
die_at_call (int n)
{
  g_autofree char *library = g_build_filename (g_getenv ("PR_BUILD_DIR"), "tests/faults/.libs/kill-at.so", NULL);
  g_autofree char *at = g_strdup_printf ("%d", n), *self = g_file_read_link ("/proc/self/exe", NULL);

  setenv ("LD_PRELOAD", library, 1);
  setenv ("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
  setenv ("PR_KILL_AT", at, 1);
  setenv ("PR_TEST_COLLECT", root, 1);
  execl (self, self, NULL);
  _exit (3);
}

START_TEST (killed_anywhere_nothing_is_half_there_and_the_next_removes_the_rest)
{
  int status = 0, n;

  for (n = 1; n < 200; n++)
    {
      pr_check_rmdir (root);
      make_store ();
      if (fork () == 0)
        die_at_call (n);
      ck_assert_int_gt (wait (&status), 0);
      if (WIFEXITED (status))
        break;
      ck_assert_int_eq (WTERMSIG (status), SIGKILL);
      if (exists ("objects/dd", KEY_D))
        {
          g_autoptr (PrStore) store = must_open ();
          g_autoptr (GError) error = NULL;
          g_autoptr (PrEntry) entry = pr_store_look (store, KEY_D, TRUE, &error);

          ck_assert_no_error (error);
          ck_assert_ptr_nonnull (entry);
        }
      collect ();
      check_collected ();
    }
  ck_assert_int_eq (WEXITSTATUS (status), 0);
  ck_assert_int_gt (n, 20);
}
END_TEST

START_TEST (it_waits_for_nobody_and_nobody_works_meanwhile)
{
  PrStore *store = NULL;
  g_autoptr (PrGc) gc = NULL;
  g_autoptr (GError) error = NULL;
  int gate[2], status;

  make_store ();
  store = must_open ();
  ck_assert_ptr_null (pr_gc_new (root, NULL, keys_of, TRUE, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "is in use; nothing was removed");
  g_clear_error (&error);
  gc = look (FALSE);
  ck_assert (gc->in_use);
  ck_assert_uint_eq (count (gc, PR_GC_UNFINISHED), 0);
  g_clear_pointer (&gc, pr_gc_free);

  /* A child that was forked meanwhile goes on to use it when the parent does not any more. */
  ck_assert_int_eq (pipe (gate), 0);
  if (fork () == 0)
    {
      char go;

      close (gate[1]);
      _exit (read (gate[0], &go, 1) == 0 ? 0 : 1);
    }
  close (gate[0]);
  pr_store_free (store);
  ck_assert_ptr_null (pr_gc_new (root, NULL, keys_of, TRUE, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "is in use");
  g_clear_error (&error);
  close (gate[1]);
  ck_assert_int_gt (wait (&status), 0);

  gc = look (TRUE);
  ck_assert_ptr_null (pr_store_open (root, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "gc is removing");
  g_clear_error (&error);
  g_clear_pointer (&gc, pr_gc_free);
  pr_store_free (must_open ());
}
END_TEST

START_TEST (what_is_named_stays_too)
{
  g_autofree char *named = sweep_dir ("named"), *none = sweep_dir ("none"), *one = sweep_dir ("one");
  const char *const keep[] = { named, one, NULL }, *const wrong[] = { none, NULL };
  g_autoptr (PrGc) gc = NULL;
  g_autoptr (GError) error = NULL;

  make_store ();
  put (named, "keys", KEY_D);
  gc = pr_gc_new (root, keep, keys_of, TRUE, &error);
  ck_assert_no_error (error);
  ck_assert_uint_eq (gc->sweeps->len, 4);
  ck_assert (pr_gc_remove (gc, &error));
  ck_assert (exists ("objects/dd", KEY_D));
  g_clear_pointer (&gc, pr_gc_free);
  ck_assert_ptr_null (pr_gc_new (root, wrong, keys_of, FALSE, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "no sweep in folder");
}
END_TEST

START_TEST (without_knowing_what_is_needed_nothing_goes)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *one = sweep_dir ("one");

  make_store ();
  put (one, "keys", "damaged");
  ck_assert_ptr_null (pr_gc_new (root, NULL, keys_of, TRUE, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "one/keys: damaged");
  g_clear_error (&error);
  put (one, "keys", KEY_A);
  put (root, "refs/" KEY_A ".json", "{\"schema\": \"pauserec-ref/1\", \"sweep\": \"/somewhere\"}");
  ck_assert_ptr_null (pr_gc_new (root, NULL, keys_of, TRUE, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "remove this file");
  g_clear_error (&error);
  put (root, "refs/" KEY_A ".json", "{\"schema\": ");
  ck_assert_ptr_null (pr_gc_new (root, NULL, keys_of, TRUE, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "refs/" KEY_A ".json");
  ck_assert (exists ("objects/dd", KEY_D));
}
END_TEST

START_TEST (what_is_not_ours_is_left_alone_and_named)
{
  static const char *const foreign[] = { "thesis.tex",         "objects/zz/x",       "objects/dd/" KEY_A "/x",
                                         "objects/dd/notes",   "scratch/notes/x",    "corrupt/" KEY_A "/x",
                                         "corrupt/" KEY_A ".", "tmp/gc-x/y",         "locks/notes",
                                         "locks/" KEY_D,       "refs/" KEY_D ".txt", ".hidden.json" };
  static const char *const named[] = { "thesis.tex",    "objects/zz",     "objects/dd/" KEY_A,  "objects/dd/notes",
                                       "scratch/notes", "corrupt/" KEY_A, "corrupt/" KEY_A ".", "tmp/gc-x",
                                       "locks/notes",   "locks/" KEY_D,   "refs/" KEY_D ".txt", ".hidden.json" };
  static const char *const links[] = { "objects/ee", "objects/ff", "scratch/" KEY_B, "tmp/" KEY_B };
  g_autofree char *outside = path_in (dir, "outside");
  g_autoptr (PrGc) gc = NULL;
  guint n = G_N_ELEMENTS (foreign);

  make_store ();
  put (outside, "precious", "x");
  put (outside, KEY ("ee") "/precious", "x");
  for (gsize i = 0; i < n; i++)
    put (root, foreign[i], "x");
  for (gsize i = 0; i < G_N_ELEMENTS (links); i++)
    {
      g_autofree char *link = path_in (root, links[i]);

      ck_assert_int_eq (symlink (outside, link), 0);
    }
  {
    /* A link in an entry that goes: the link goes, not what it leads to. */
    g_autofree char *inside = path_in (root, "objects/dd/" KEY_D "/out/link");

    ck_assert_int_eq (symlink (outside, inside), 0);
  }
  gc = look (TRUE);
  ck_assert_uint_eq (gc->strange->len, n + G_N_ELEMENTS (links));
  for (gsize i = 0; i < n; i++)
    ck_assert_msg (g_ptr_array_find_with_equal_func (gc->strange, named[i], g_str_equal, NULL), "%s", named[i]);
  ck_assert (pr_gc_remove (gc, NULL));
  for (gsize i = 0; i < n; i++)
    ck_assert_msg (exists (foreign[i], ""), "%s", foreign[i]);
  ck_assert (exists ("objects/ee", "precious"));
  ck_assert (exists ("objects/ee", KEY ("ee") "/precious"));
  ck_assert (!exists ("objects/dd", KEY_D));
}
END_TEST

START_TEST (a_whole_folder_behind_a_link_is_left_alone)
{
  g_autofree char *outside = path_in (dir, "outside"), *scratch = path_in (root, "scratch");
  g_autoptr (PrGc) gc = NULL;

  make_store ();
  pr_check_rmdir (scratch);
  put (outside, KEY_D "/checkpoint", "x");
  ck_assert_int_eq (symlink (outside, scratch), 0);
  gc = look (TRUE);
  ck_assert_uint_eq (gc->strange->len, 1);
  ck_assert (pr_gc_remove (gc, NULL));
  ck_assert (exists ("scratch", KEY_D "/checkpoint"));
}
END_TEST

START_TEST (there_must_be_a_store)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pr_gc_new (root, NULL, keys_of, TRUE, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "there is no store");
  g_clear_error (&error);
  ck_assert_int_eq (g_mkdir (root, 0777), 0);
  ck_assert_ptr_null (pr_gc_new (root, NULL, keys_of, TRUE, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "there is no store");
  g_clear_error (&error);
  ck_assert_ptr_null (pr_gc_new (dir, NULL, keys_of, TRUE, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "is no store");
}
END_TEST

START_TEST (a_reference_is_written_once)
{
  g_autoptr (PrStore) store = must_open ();
  g_autofree char *refs = path_in (root, "refs"), *path = NULL, *out = sweep_dir ("one"), *found = NULL;
  g_autoptr (GError) error = NULL;
  GStatBuf before, after;
  GDir *d;

  refer (store, "one", NULL);
  d = g_dir_open (refs, 0, NULL);
  path = path_in (refs, g_dir_read_name (d));
  ck_assert_ptr_null (g_dir_read_name (d));
  g_dir_close (d);
  found = pr_ref_load (path, &error);
  ck_assert_str_eq (found, out);
  ck_assert_int_eq (g_stat (path, &before), 0);
  refer (store, "two/../one", NULL);
  ck_assert_int_eq (g_stat (path, &after), 0);
  ck_assert_uint_eq (before.st_ino, after.st_ino);
  /* A damaged one is written again. */
  ck_assert (g_file_set_contents (path, "{", -1, NULL));
  refer (store, "one", NULL);
  g_clear_pointer (&found, g_free);
  found = pr_ref_load (path, &error);
  ck_assert_str_eq (found, out);
  ck_assert_str_eq (events->str, "");
}
END_TEST

int
main (void)
{
  const char *store = g_getenv ("PR_TEST_COLLECT");
  Suite *suite;
  TCase *tc;

  if (store != NULL)
    {
      g_autoptr (PrGc) gc = pr_gc_new (store, NULL, keys_of, TRUE, NULL);

      return gc != NULL && pr_gc_remove (gc, NULL) ? 0 : 1;
    }
  suite = suite_create ("gc");
  tc = tcase_create ("gc");
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, a_look_says_all_and_removes_nothing);
  tcase_add_test (tc, what_is_needed_stays_and_the_rest_goes);
  tcase_add_test (tc, killed_anywhere_nothing_is_half_there_and_the_next_removes_the_rest);
  tcase_add_test (tc, it_waits_for_nobody_and_nobody_works_meanwhile);
  tcase_add_test (tc, what_is_named_stays_too);
  tcase_add_test (tc, without_knowing_what_is_needed_nothing_goes);
  tcase_add_test (tc, what_is_not_ours_is_left_alone_and_named);
  tcase_add_test (tc, a_whole_folder_behind_a_link_is_left_alone);
  tcase_add_test (tc, there_must_be_a_store);
  tcase_add_test (tc, a_reference_is_written_once);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
