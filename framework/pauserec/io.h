/* io.h - whole files, lines and JSON: strict, bounded, with errors that name file and line. */
#ifndef PAUSEREC_IO_H
#define PAUSEREC_IO_H

#include <glib.h>
#include <jansson.h>

G_BEGIN_DECLS

/* Lines of a text file, plain or gzip (told by content, not by name).
 * Refused as DATA errors naming file and line: invalid UTF-8, NUL bytes, a line longer
 * than PR_LINE_MAX, a torn or corrupt gzip stream (trailing garbage included), a missing file (IO). A UTF-8 byte
 * order mark and CR before LF are dropped; a last line without LF counts. */
#define PR_LINE_MAX (4 * 1024 * 1024)
typedef struct PrLines PrLines;
PrLines *pr_lines_open (const char *path, GError **error);
void pr_lines_free (PrLines *lines);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrLines, pr_lines_free)
/* From here on a line that is not UTF-8 is taken as ISO 8859-1, as old data sets have them, and handed out in UTF-8. */
void pr_lines_set_latin1 (PrLines *lines, gboolean latin1);
/* The next line without its end, valid until the next call; NULL at the end of the file
 * or on error (then ERROR is set). */
const char *pr_lines_next (PrLines *lines, gsize *ret_length, GError **error);
guint64 pr_lines_number (const PrLines *lines); /* of the line last returned; 1-based */
/* DATA error "PATH:LINE: message". */
void pr_lines_error (const PrLines *lines, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* JSON, with duplicate keys rejected.  Owned by the caller (json_decref). */
json_t *pr_json_parse (const char *text, gsize length, const char *where, GError **error);
/* Append what stands under KEY of OBJECT: a string, or a list of strings, joined by blanks (dumps split descriptions);
 * nothing if it is null or not there.  FALSE: it is something else. */
gboolean pr_json_append_text (const json_t *object, const char *key, GString *text);
/* A string or a list of strings under KEY, as copies; nothing if it is null or not there.  FALSE: it is something else. */
gboolean pr_json_append_strings (const json_t *object, const char *key, GPtrArray *strings);
json_t *pr_json_load (const char *path, GError **error); /* files up to 256 MiB */
/* Write with sorted keys and two-space indent, atomically (see pr_file_write). */
gboolean pr_json_save (const json_t *value, const char *path, GError **error);

/* Write a whole file: temporary name in the same folder, write, fsync, read back and
 * compare, rename.  A full disk, a signal or a crash leave PATH as it was. */
gboolean pr_file_write (const char *path, const void *data, gsize length, GError **error);
/* Read a whole file of at most MAX bytes; NUL-terminated for convenience. */
char *pr_file_read (const char *path, gsize max, gsize *ret_length, GError **error);

G_END_DECLS

#endif
