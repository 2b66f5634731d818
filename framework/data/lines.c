/* One buffer holds what was read and not yet handed out; a line is cut from it in place. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES (256 * 1024)

struct PrLines
{
  char *path;
  int fd;
  guint64 number;

  GConverter *gunzip; /* NULL: plain text */
  char *packed;       /* compressed bytes not yet used */
  gsize packed_at, packed_end, packed_room;
  gboolean member_open; /* inside a gzip member */

  char *buffer; /* text not yet handed out: [at, end), and always room for a NUL */
  gsize at, end, room;
  gsize searched; /* bytes after `at` known to hold no LF */
  gboolean eof;

  gboolean latin1;    /* lines that are not UTF-8 are ISO 8859-1 */
  GString *converted; /* such a line; NULL until there is one */
};

static gssize
read_some (PrLines *lines, char *data, gsize length, GError **error)
{
  for (;;)
    {
      ssize_t n = read (lines->fd, data, length);

      if (n >= 0)
        return n;
      if (errno == EINTR)
        continue;
      pr_error_set_errno (error, errno, "cannot read", lines->path);
      return -1;
    }
}

static gboolean
refill_packed (PrLines *lines, GError **error)
{
  gssize n;

  if (lines->packed_at > 0)
    {
      lines->packed_end -= lines->packed_at;
      memmove (lines->packed, lines->packed + lines->packed_at, lines->packed_end);
      lines->packed_at = 0;
    }
  n = read_some (lines, lines->packed + lines->packed_end, lines->packed_room - lines->packed_end, error);
  if (n < 0)
    return FALSE;
  lines->packed_end += (gsize)n;
  lines->eof = n == 0;
  return TRUE;
}

static void
damaged (PrLines *lines, GError **error, const char *fault)
{
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "%s:%" G_GUINT64_FORMAT ": %s; the gzip file is damaged, fetch or pack it again", lines->path,
               lines->number + 1, fault);
}

/* The start of a member: gzip allows several, one after the other; anything else is garbage. */
static gboolean
next_member (PrLines *lines, GError **error)
{
  const guint8 *p;

  while (!lines->eof && lines->packed_end - lines->packed_at < 2)
    if (!refill_packed (lines, error))
      return FALSE;
  if (lines->packed_at == lines->packed_end)
    return TRUE;
  p = (const guint8 *)lines->packed + lines->packed_at;
  if (lines->packed_end - lines->packed_at < 2 || p[0] != 0x1f || p[1] != 0x8b)
    {
      damaged (lines, error, "garbage after the end of the compressed data");
      return FALSE;
    }
  g_converter_reset (lines->gunzip);
  lines->member_open = TRUE;
  return TRUE;
}

/* Append decompressed text; 0 at the end, -1 on error. */
static gssize
unpack_some (PrLines *lines, char *data, gsize length, GError **error)
{
  for (;;)
    {
      gsize used = 0, made = 0;
      GError *fault = NULL;
      GConverterResult result;

      if (!lines->member_open && !next_member (lines, error))
        return -1;
      if (!lines->member_open)
        return 0;
      if (lines->packed_at == lines->packed_end && !lines->eof && !refill_packed (lines, error))
        return -1;
      result =
          g_converter_convert (lines->gunzip, lines->packed + lines->packed_at, lines->packed_end - lines->packed_at,
                               data, length, lines->eof ? G_CONVERTER_INPUT_AT_END : 0, &used, &made, &fault);
      if (result == G_CONVERTER_ERROR)
        {
          gboolean hungry = g_error_matches (fault, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT);

          g_clear_error (&fault);
          if (hungry && !lines->eof)
            {
              if (!refill_packed (lines, error))
                return -1;
              continue;
            }
          damaged (lines, error, hungry ? "the compressed data end too early" : "the compressed data are corrupt");
          return -1;
        }
      lines->packed_at += used;
      if (result == G_CONVERTER_FINISHED)
        lines->member_open = FALSE;
      if (made > 0)
        return (gssize)made;
    }
}

/* More text into the buffer; *ret_n 0 at the end of the file. */
static gboolean
refill (PrLines *lines, gssize *ret_n, GError **error)
{
  gssize n;

  if (lines->at > 0)
    {
      lines->end -= lines->at;
      memmove (lines->buffer, lines->buffer + lines->at, lines->end);
      lines->at = 0;
    }
  if (lines->room - lines->end < CHUNK_BYTES)
    {
      lines->room = MAX (lines->room * 2, lines->end + CHUNK_BYTES);
      lines->buffer = g_realloc (lines->buffer, lines->room + 1);
    }
  if (lines->gunzip != NULL)
    n = unpack_some (lines, lines->buffer + lines->end, lines->room - lines->end, error);
  else
    n = read_some (lines, lines->buffer + lines->end, lines->room - lines->end, error);
  if (n < 0)
    return FALSE;
  lines->end += (gsize)n;
  *ret_n = n;
  return TRUE;
}

PrLines *
pr_lines_open (const char *path, GError **error)
{
  g_autoptr (PrLines) lines = g_new0 (PrLines, 1);
  gssize n = 1;

  lines->path = g_strdup (path);
  lines->fd = open (path, O_RDONLY | O_CLOEXEC);
  if (lines->fd < 0)
    {
      pr_error_set_errno (error, errno, "cannot open", path);
      return NULL;
    }
  while (n > 0 && lines->end < 3)
    if (!refill (lines, &n, error))
      return NULL;
  if (lines->end >= 2 && (guint8)lines->buffer[0] == 0x1f && (guint8)lines->buffer[1] == 0x8b)
    {
      lines->gunzip = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
      lines->packed_room = MAX (CHUNK_BYTES, lines->end);
      lines->packed = g_malloc (lines->packed_room);
      memcpy (lines->packed, lines->buffer, lines->end);
      lines->packed_end = lines->end;
      lines->end = 0;
      for (n = 1; n > 0 && lines->end < 3;)
        if (!refill (lines, &n, error))
          return NULL;
    }
  if (lines->end >= 3 && memcmp (lines->buffer, "\xef\xbb\xbf", 3) == 0)
    lines->at = 3;
  return g_steal_pointer (&lines);
}

void
pr_lines_free (PrLines *lines)
{
  if (lines == NULL)
    return;
  if (lines->fd >= 0)
    close (lines->fd);
  g_clear_object (&lines->gunzip);
  g_free (lines->packed);
  g_free (lines->buffer);
  if (lines->converted != NULL)
    g_string_free (lines->converted, TRUE);
  g_free (lines->path);
  g_free (lines);
}

guint64
pr_lines_number (const PrLines *lines)
{
  return lines->number;
}

void
pr_lines_error (const PrLines *lines, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s:%" G_GUINT64_FORMAT ": %s", lines->path, lines->number, message);
}

void
pr_lines_set_latin1 (PrLines *lines, gboolean latin1)
{
  lines->latin1 = latin1;
}

/* Every byte of ISO 8859-1 is the character of its number. */
static const char *
convert (PrLines *lines, const char *line, gsize length, gsize *ret_length)
{
  if (lines->converted == NULL)
    lines->converted = g_string_new (NULL);
  g_string_truncate (lines->converted, 0);
  for (gsize i = 0; i < length; i++)
    g_string_append_unichar (lines->converted, (guint8)line[i]);
  if (ret_length != NULL)
    *ret_length = lines->converted->len;
  return lines->converted->str;
}

static const char *
checked (PrLines *lines, gsize start, gsize length, gsize *ret_length, GError **error)
{
  char *line = lines->buffer + start;
  const char *bad;

  lines->number++;
  if (length > 0 && line[length - 1] == '\r')
    length--;
  if (length > PR_LINE_MAX)
    {
      pr_lines_error (lines, error, "line longer than %d bytes; is this the right file?", PR_LINE_MAX);
      return NULL;
    }
  if (memchr (line, '\0', length) != NULL)
    {
      pr_lines_error (lines, error, "NUL byte in a text file; is this the right file?");
      return NULL;
    }
  if (!g_utf8_validate_len (line, length, &bad))
    {
      if (lines->latin1)
        return convert (lines, line, length, ret_length);
      pr_lines_error (lines, error, "not UTF-8 at byte %" G_GSIZE_FORMAT "; convert the file with iconv",
                      (gsize)(bad - line) + 1);
      return NULL;
    }
  line[length] = '\0';
  if (ret_length != NULL)
    *ret_length = length;
  return line;
}

const char *
pr_lines_next (PrLines *lines, gsize *ret_length, GError **error)
{
  for (;;)
    {
      gsize start = lines->at, have = lines->end - start;
      char *line = lines->buffer + start;
      char *lf = have > lines->searched ? memchr (line + lines->searched, '\n', have - lines->searched) : NULL;
      gssize n;

      if (lf != NULL)
        {
          lines->at = (gsize)(lf - lines->buffer) + 1;
          lines->searched = 0;
          return checked (lines, start, (gsize)(lf - line), ret_length, error);
        }
      /* One more byte for a CR that is not part of the line. */
      if (have > PR_LINE_MAX + 1)
        return checked (lines, start, have, ret_length, error);
      lines->searched = have;
      if (!refill (lines, &n, error))
        return NULL;
      if (n == 0)
        {
          if (have == 0)
            return NULL;
          lines->at = lines->end;
          lines->searched = 0;
          return checked (lines, 0, have, ret_length, error);
        }
    }
}
