/* store-check.h - a store in a temporary folder, and an entry to put into it. */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include "pr-check.h"

#include "fake-node.h"
#include "runtime/store.h"

#define KEY_A "aa00000000000000000000000000000000000000000000000000000000000000"

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "in", "dataset/1", "In.", TRUE },
  { PR_SLOT_OUT, "out", "text/1", "Out.", FALSE },
  { PR_SLOT_OUT, "more", "text/1", "More.", FALSE },
};

static char *dir, *root;
static FakeNode fake;
static json_t *identity;
static PrDims *dims;

/* What the watch saw. */
static GString *events;
static gint cancel;
static gboolean cancel_when_waiting;

static inline void
on_event (const PrEvent *event, gpointer ctx)
{
  (void)ctx;
  g_string_append_printf (events, "%s %s\n", pr_event_name (event->kind), event->text != NULL ? event->text : "");
  if (event->kind == PR_EVENT_STAGE_WAIT && cancel_when_waiting)
    g_atomic_int_set (&cancel, 1);
}

static const PrWatch watch = { .cancel = &cancel, .event = on_event };

static inline void
setup (void)
{
  dir = pr_check_tmpdir ();
  root = g_build_filename (dir, "store", NULL);
  fake_node_init (&fake, slots, G_N_ELEMENTS (slots));
  identity = json_object ();
  dims = pr_dims_new ();
  pr_dims_set (dims, "out", "n_items", 7);
  events = g_string_new ("");
  cancel = 0;
  cancel_when_waiting = FALSE;
}

static inline void
teardown (void)
{
  pr_check_rmdir (dir);
  fake_node_clear (&fake);
  json_decref (identity);
  pr_dims_free (dims);
  g_string_free (events, TRUE);
  g_free (root);
  g_free (dir);
}

static inline char *
path_in (const char *base, const char *file)
{
  return g_build_filename (base, file, NULL);
}

static inline void
put (const char *base, const char *file, const char *text)
{
  g_autofree char *path = path_in (base, file), *folder = g_path_get_dirname (path);

  ck_assert_int_eq (g_mkdir_with_parents (folder, 0777), 0);
  ck_assert (g_file_set_contents (path, text, -1, NULL));
}

static inline gboolean
exists (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (root, folder, name, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static inline PrStore *
must_open (void)
{
  g_autoptr (GError) error = NULL;
  PrStore *store = pr_store_open (root, &error);

  ck_assert_no_error (error);
  return store;
}

static inline PrBuild *
must_build (PrStore *store)
{
  g_autoptr (GError) error = NULL;
  PrEntry *entry = NULL;
  PrBuild *build = pr_store_acquire (store, KEY_A, &watch, &entry, &error);

  ck_assert_no_error (error);
  ck_assert_ptr_nonnull (build);
  ck_assert_ptr_null (entry);
  return build;
}

static inline void
fill (const PrBuild *build)
{
  put (build->dir, "record.json", "{}");
  put (build->dir, "record.safetensors", "x");
  put (build->dir, "out/a.txt", "hello");
  put (build->dir, "out/b.txt", "");
  put (build->dir, "more/c.txt", "more");
}

static inline void
make_entry (void)
{
  g_autoptr (PrStore) store = must_open ();
  PrBuild *build = must_build (store);
  g_autoptr (PrEntry) entry = NULL;
  g_autoptr (GError) error = NULL;

  fill (build);
  put (build->scratch, "checkpoint", "half");
  entry = pr_store_commit (store, build, &fake.stage, identity, dims, &error);
  ck_assert_no_error (error);
  ck_assert_ptr_nonnull (entry);
}

#endif
