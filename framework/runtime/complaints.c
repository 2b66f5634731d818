#include "config.h"

#include "runtime/complaints.h"

#include <pauserec/error.h>
#include <string.h>

/* A file that is no manifest at all must not fill the screen. */
#define SHOWN_MAX 40

GPtrArray *
pr_complaints_new (void)
{
  return g_ptr_array_new_with_free_func (g_free);
}

void
pr_complain (GPtrArray *complaints, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (complaints, g_strdup_vprintf (format, args));
  va_end (args);
}

/* The line that COMPLAINT names; 0 if none of PATH. */
static guint64
line_of (const char *complaint, const char *path)
{
  gsize length = strlen (path);

  if (strncmp (complaint, path, length) != 0 || complaint[length] != ':')
    return 0;
  return g_ascii_strtoull (complaint + length + 1, NULL, 10);
}

static int
compare_lines (gconstpointer a, gconstpointer b, gpointer path)
{
  guint64 x = line_of (*(const char *const *)a, path), y = line_of (*(const char *const *)b, path);

  return x < y ? -1 : x > y;
}

void
pr_complaints_to_error (const GPtrArray *complaints, const char *path, GError **error)
{
  /* The runs of an experiment share stages, so the same fault is found again and again. */
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) once = g_ptr_array_new ();
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < complaints->len; i++)
    if (g_hash_table_add (seen, complaints->pdata[i]))
      g_ptr_array_add (once, complaints->pdata[i]);
  g_ptr_array_sort_with_data (once, compare_lines, (gpointer)path); /* stable */
  if (once->len == 1)
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, once->pdata[0]);
      return;
    }
  g_string_printf (text, "%u faults in '%s':", once->len, path);
  for (guint i = 0; i < MIN (once->len, SHOWN_MAX); i++)
    g_string_append_printf (text, "\n  %s", (const char *)once->pdata[i]);
  if (once->len > SHOWN_MAX)
    g_string_append_printf (text, "\n  ... and %u more", once->len - SHOWN_MAX);
  g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, text->str);
}

char *
pr_complaint_excerpt (const char *text)
{
  g_autofree char *start = NULL;

  if (g_utf8_strlen (text, -1) <= 60)
    return g_strdup (text);
  start = g_utf8_substring (text, 0, 57);
  return g_strconcat (start, "...", NULL);
}
