#include "config.h"

#include "store-check.h"

#include <pauserec/io.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST (what_was_committed_is_found)
{
  g_autoptr (PrStore) store = NULL;
  g_autoptr (PrEntry) entry = NULL;
  g_autoptr (PrEntry) acquired = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *file = NULL, *text = NULL;

  make_entry ();
  store = must_open ();
  entry = pr_store_look (store, KEY_A, TRUE, &error);
  ck_assert_no_error (error);
  ck_assert_int_eq (pr_dims_get (entry->dims, "out", "n_items"), 7);
  file = path_in (entry->dir, "out/a.txt");
  text = pr_file_read (file, 100, NULL, &error);
  ck_assert_str_eq (text, "hello");
  ck_assert_ptr_null (pr_store_acquire (store, KEY_A, &watch, &acquired, &error));
  ck_assert_no_error (error);
  ck_assert_str_eq (acquired->dir, entry->dir);
  ck_assert (!exists ("tmp", KEY_A));
  ck_assert (!exists ("scratch", KEY_A));
  ck_assert_str_eq (events->str, "");
}
END_TEST

START_TEST (what_was_given_up_is_gone_but_scratch_stays)
{
  g_autoptr (PrStore) store = must_open ();
  PrBuild *build = must_build (store);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL, *file = NULL;

  fill (build);
  put (build->scratch, "checkpoint", "half");
  pr_store_abort (build);
  ck_assert (!exists ("tmp", KEY_A));
  ck_assert_ptr_null (pr_store_look (store, KEY_A, TRUE, &error));
  ck_assert_no_error (error);
  build = must_build (store);
  file = path_in (build->scratch, "checkpoint");
  text = pr_file_read (file, 100, NULL, &error);
  ck_assert_str_eq (text, "half");
  pr_store_abort (build);
}
END_TEST

/* Killed after the entry was made visible, before its scratch was removed. */
START_TEST (scratch_that_nobody_needs_goes)
{
  g_autoptr (PrStore) store = NULL;
  g_autoptr (PrEntry) entry = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *left = g_build_filename (root, "scratch", KEY_A, NULL);

  make_entry ();
  put (left, "checkpoint", "whole");
  store = must_open ();
  ck_assert_ptr_null (pr_store_acquire (store, KEY_A, &watch, &entry, &error));
  ck_assert_ptr_nonnull (entry);
  ck_assert (!exists ("scratch", KEY_A));
}
END_TEST

/* One way to damage an entry: a new content for a file, or NULL to remove it. */
static const struct
{
  const char *file, *content;
} damages[] = {
  { "out/a.txt", "hellO" }, { "out/a.txt", "hell" }, { "out/b.txt", "x" },
  { "more/c.txt", NULL },   { "record.json", "[]" }, { "entry.json", NULL },
  { "entry.json", "{" },    { "entry.json", "{}" },  { "entry.json", "7" },
};

START_TEST (a_damaged_entry_is_made_again)
{
  g_autoptr (PrStore) store = NULL;
  g_autoptr (PrEntry) entry = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *object = g_build_filename (root, "objects", "aa", KEY_A, NULL);
  g_autofree char *path = path_in (object, damages[_i].file);
  PrBuild *build;

  make_entry ();
  if (damages[_i].content == NULL)
    ck_assert_int_eq (g_unlink (path), 0);
  else
    ck_assert (g_file_set_contents (path, damages[_i].content, -1, NULL));
  store = must_open ();
  ck_assert_ptr_null (pr_store_look (store, KEY_A, TRUE, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, damages[_i].file);
  g_clear_error (&error);
  build = must_build (store);
  ck_assert_ptr_nonnull (strstr (events->str, "note damaged in the store"));
  ck_assert_ptr_nonnull (strstr (events->str, damages[_i].file));
  ck_assert (exists ("corrupt", KEY_A ".1"));
  fill (build);
  entry = pr_store_commit (store, build, &fake.stage, identity, dims, &error);
  ck_assert_no_error (error);
  ck_assert_ptr_nonnull (entry);
}
END_TEST

START_TEST (a_plan_sees_wrong_sizes_without_reading_all)
{
  g_autoptr (PrStore) store = NULL;
  g_autoptr (PrEntry) entry = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *object = g_build_filename (root, "objects", "aa", KEY_A, NULL);

  make_entry ();
  store = must_open ();
  put (object, "out/a.txt", "hellO");
  entry = pr_store_look (store, KEY_A, FALSE, &error);
  ck_assert_no_error (error);
  put (object, "out/a.txt", "hell");
  ck_assert_ptr_null (pr_store_look (store, KEY_A, FALSE, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "out/a.txt: not of the size");
}
END_TEST

START_TEST (changed_sizes_in_the_list_are_seen)
{
  g_autoptr (PrStore) store = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (root, "objects", "aa", KEY_A, "entry.json", NULL);
  json_t *list;

  make_entry ();
  list = pr_json_load (path, NULL);
  json_object_set_new (list, "dims", json_pack ("[[s, s, i]]", "out", "n_items", 8));
  ck_assert (pr_json_save (list, path, NULL));
  json_decref (list);
  store = must_open ();
  ck_assert_ptr_null (pr_store_look (store, KEY_A, FALSE, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "seal");
}
END_TEST

static void
check_refused (const char *part, PrError code)
{
  g_autoptr (PrStore) store = must_open ();
  PrBuild *build = must_build (store);
  g_autofree char *link = path_in (build->dir, "out/link");
  g_autoptr (GError) error = NULL;

  fill (build);
  if (strcmp (part, "nothing was written") == 0)
    {
      g_autofree char *file = path_in (build->dir, "more/c.txt");

      g_unlink (file);
    }
  else if (strcmp (part, "a folder") == 0)
    put (build->dir, "out/sub/x", "x");
  else
    ck_assert_int_eq (symlink ("/etc/passwd", link), 0);
  ck_assert_ptr_null (pr_store_commit (store, build, &fake.stage, identity, dims, &error));
  ck_assert_pr_error (error, code, part);
  ck_assert (!exists ("tmp", KEY_A));
  ck_assert_ptr_null (pr_store_look (store, KEY_A, TRUE, NULL));
}

START_TEST (odd_outputs_are_refused)
{
  check_refused ("nothing was written", PR_ERROR_PLUGIN);
  check_refused ("a folder", PR_ERROR_PLUGIN);
  check_refused ("a symbolic link", PR_ERROR_PLUGIN);
}
END_TEST

START_TEST (only_one_of_many_processes_makes_an_entry)
{
  g_autofree char *tally = path_in (dir, "tally"), *text = NULL;
  int gate[2];
  const int n = 6;

  ck_assert_int_eq (pipe (gate), 0);
  for (int i = 0; i < n; i++)
    if (fork () == 0)
      {
        char go;
        PrStore *store;
        PrEntry *entry = NULL;
        PrBuild *build;
        FILE *file;

        close (gate[1]);
        if (read (gate[0], &go, 1) != 0) /* returns when the parent closes the gate */
          _exit (1);
        store = pr_store_open (root, NULL);
        if (store == NULL)
          _exit (1);
        build = pr_store_acquire (store, KEY_A, &watch, &entry, NULL);
        if (build != NULL)
          {
            file = fopen (tally, "a");
            fputc ('1', file);
            fclose (file);
            fill (build);
            entry = pr_store_commit (store, build, &fake.stage, identity, dims, NULL);
          }
        _exit (entry != NULL ? 0 : 2);
      }
  close (gate[0]);
  close (gate[1]);
  for (int i = 0; i < n; i++)
    {
      int status;

      ck_assert_int_gt (wait (&status), 0);
      ck_assert_int_eq (status, 0);
    }
  ck_assert (g_file_get_contents (tally, &text, NULL, NULL));
  ck_assert_str_eq (text, "1");
}
END_TEST

START_TEST (waiting_can_be_cancelled)
{
  g_autoptr (PrStore) one = must_open ();
  g_autoptr (PrStore) other = must_open ();
  PrBuild *build = must_build (one);
  PrEntry *entry = NULL;
  g_autoptr (GError) error = NULL;

  cancel_when_waiting = TRUE;
  ck_assert_ptr_null (pr_store_acquire (other, KEY_A, &watch, &entry, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "waiting");
  ck_assert_str_eq (events->str, "stage_wait \n");
  pr_store_abort (build);
}
END_TEST

START_TEST (leftovers_of_the_dead_are_removed_and_those_of_the_living_stay)
{
  g_autoptr (PrStore) store = must_open ();
  int status;

  if (fork () == 0)
    {
      fill (must_build (store));
      _exit (0);
    }
  ck_assert_int_gt (wait (&status), 0);
  ck_assert (exists ("tmp/" KEY_A, "out/a.txt"));
  pr_store_free (must_open ());
  ck_assert (!exists ("tmp", KEY_A));
  {
    PrBuild *build = must_build (store);

    fill (build);
    pr_store_free (must_open ());
    ck_assert (exists ("tmp/" KEY_A, "out/a.txt"));
    pr_store_abort (build);
  }
}
END_TEST

START_TEST (what_a_maker_left_that_died_at_its_end_goes)
{
  g_autoptr (PrStore) store = NULL;
  g_autoptr (PrEntry) entry = NULL;
  g_autoptr (GError) error = NULL;

  make_entry ();
  put (root, "scratch/" KEY_A "/checkpoint", "half");
  store = must_open ();
  ck_assert_ptr_null (pr_store_acquire (store, KEY_A, &watch, &entry, &error));
  ck_assert_no_error (error);
  ck_assert_ptr_nonnull (entry);
  ck_assert (!exists ("scratch", KEY_A));
}
END_TEST

START_TEST (a_plan_sees_what_is_there)
{
  g_autoptr (PrStore) store = NULL;
  g_autoptr (PrRunKeys) keys = pr_run_keys_new (&fake.run);
  g_autoptr (PrDims) found = pr_dims_new ();
  PrStoreView view = { NULL, keys, NULL };
  const char *key = pr_run_keys_get (keys, &fake.node);
  PrEntry *none = NULL;
  PrBuild *build;

  ck_assert (!pr_store_view_cached (&fake.node, found, &view));
  view.store = store = must_open ();
  ck_assert (!pr_store_view_cached (&fake.node, found, &view));
  build = pr_store_acquire (store, key, &watch, &none, NULL);
  fill (build);
  pr_entry_free (pr_store_commit (store, build, &fake.stage, identity, dims, NULL));
  ck_assert (pr_store_view_cached (&fake.node, found, &view));
  ck_assert_int_eq (pr_dims_get (found, "out", "n_items"), 7);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store");
  TCase *tc = tcase_create ("store");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, what_was_committed_is_found);
  tcase_add_test (tc, what_was_given_up_is_gone_but_scratch_stays);
  tcase_add_test (tc, scratch_that_nobody_needs_goes);
  tcase_add_loop_test (tc, a_damaged_entry_is_made_again, 0, G_N_ELEMENTS (damages));
  tcase_add_test (tc, a_plan_sees_wrong_sizes_without_reading_all);
  tcase_add_test (tc, changed_sizes_in_the_list_are_seen);
  tcase_add_test (tc, odd_outputs_are_refused);
  tcase_add_test (tc, only_one_of_many_processes_makes_an_entry);
  tcase_add_test (tc, waiting_can_be_cancelled);
  tcase_add_test (tc, leftovers_of_the_dead_are_removed_and_those_of_the_living_stay);
  tcase_add_test (tc, what_a_maker_left_that_died_at_its_end_goes);
  tcase_add_test (tc, a_plan_sees_what_is_there);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
