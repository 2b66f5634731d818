/* plugins-for-tests.h - the plugins of tests/broken, found. */
#ifndef PR_PLUGINS_FOR_TESTS_H
#define PR_PLUGINS_FOR_TESTS_H

#include "pr-check.h"
#include "runtime/loader.h"

/* To free. */
static inline char *
test_plugin_path (const char *name)
{
  const char *build = g_getenv ("PR_BUILD_DIR");

  return g_strdup_printf ("%s/tests/broken/.libs/%s.so", build != NULL ? build : ".", name);
}

/* A registry with the plugins named, up to a NULL. */
static inline PrRegistry *
test_registry (const char *name, ...)
{
  PrRegistry *registry = pr_registry_new ();
  va_list names;

  va_start (names, name);
  for (; name != NULL; name = va_arg (names, const char *))
    {
      g_autofree char *path = test_plugin_path (name);
      g_autoptr (GError) error = NULL;

      pr_registry_load (registry, path, &error);
      ck_assert_no_error (error);
    }
  va_end (names);
  return registry;
}

/* Write TEXT to DIR/NAME; the path, to free. */
static inline char *
test_file (const char *dir, const char *name, const char *text)
{
  char *path = g_build_filename (dir, name, NULL);

  ck_assert (g_file_set_contents (path, text, -1, NULL));
  return path;
}

#endif
