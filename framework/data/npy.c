/* npy.c - read NumPy's .npy.  Source: numpy.lib.format, versions 1.0 to 3.0. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <pauserec/error.h>
#include <pauserec/matrix.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* numpy writes some 120 bytes; a longer header is an attack or a record array. */
#define MAX_HEADER 65536

typedef struct
{
  gboolean wide; /* <f8 */
  gint64 rows, columns;
} Header;

static gboolean
refuse (GError **error, const char *path, const char *why)
{
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "%s: %s; wanted: numpy.save() of a two-dimensional float32 or float64 array in C order", path, why);
  return FALSE;
}

static const char *
skip_blanks (const char *c)
{
  while (*c == ' ' || *c == '\n' || *c == '\t')
    c++;
  return c;
}

static gboolean
eat (const char **c, const char *token)
{
  const char *at = skip_blanks (*c);

  if (!g_str_has_prefix (at, token))
    return FALSE;
  *c = at + strlen (token);
  return TRUE;
}

static gboolean
eat_number (const char **c, gint64 *ret)
{
  const char *at = skip_blanks (*c);
  gint64 n = 0;

  if (!g_ascii_isdigit (*at))
    return FALSE;
  for (; g_ascii_isdigit (*at); at++)
    {
      if (n > (G_MAXINT64 - 9) / 10)
        return FALSE;
      n = 10 * n + (*at - '0');
    }
  *c = at;
  *ret = n;
  return TRUE;
}

static const char *
parse_descr (const char **c, Header *header)
{
  if (eat (c, "'<f4'"))
    header->wide = FALSE;
  else if (eat (c, "'<f8'"))
    header->wide = TRUE;
  else
    return "the numbers are not <f4 or <f8";
  return NULL;
}

static const char *
parse_shape (const char **c, Header *header)
{
  if (!eat (c, "(") || !eat_number (c, &header->rows) || !eat (c, ",") || !eat_number (c, &header->columns))
    return "the shape is not (rows, columns)";
  eat (c, ",");
  if (!eat (c, ")"))
    return "the shape is not (rows, columns)";
  return NULL;
}

/* The header is a Python dict of three keys.  Returns what is wrong, or NULL. */
static const char *
parse_header (const char *text, Header *header)
{
  guint seen = 0;
  const char *why = NULL;

  if (!eat (&text, "{"))
    return "the header is no dict";
  while (!eat (&text, "}"))
    {
      guint key = eat (&text, "'descr'") ? 1 : eat (&text, "'fortran_order'") ? 2 : eat (&text, "'shape'") ? 4 : 0;

      if (key == 0 || (seen & key) != 0 || !eat (&text, ":"))
        return "the header has an unknown, repeated or broken key";
      seen |= key;
      if (key == 1)
        why = parse_descr (&text, header);
      else if (key == 2)
        why = eat (&text, "False") ? NULL : "the array is in Fortran order";
      else
        why = parse_shape (&text, header);
      if (why != NULL)
        return why;
      if (!eat (&text, ",") && *skip_blanks (text) != '}')
        return "the header is no dict";
    }
  if (seen != 7)
    return "the header lacks descr, fortran_order or shape";
  return *skip_blanks (text) == '\0' ? NULL : "something stands behind the header's dict";
}

static gboolean
read_header (FILE *file, const char *path, Header *ret_header, guint64 *ret_start, GError **error)
{
  guint8 head[12];
  g_autofree char *text = NULL;
  guint64 length, fixed;
  const char *why;

  if (fread (head, 1, 10, file) != 10 || memcmp (head, "\x93NUMPY", 6) != 0)
    return refuse (error, path, "this is no .npy file");
  if (head[6] < 1 || head[6] > 3 || head[7] != 0)
    return refuse (error, path, "the format version is not 1.0, 2.0 or 3.0");
  fixed = head[6] == 1 ? 10 : 12;
  if (fixed == 12 && fread (head + 10, 1, 2, file) != 2)
    return refuse (error, path, "the file ends inside the header");
  length = head[8] | (guint64)head[9] << 8;
  if (fixed == 12)
    length |= (guint64)head[10] << 16 | (guint64)head[11] << 24;
  if (length > MAX_HEADER)
    return refuse (error, path, "the header is longer than 65536 bytes");
  text = g_malloc0 (length + 1);
  if (fread (text, 1, length, file) != length)
    return refuse (error, path, "the file ends inside the header");
  if (memchr (text, '\0', length) != NULL)
    return refuse (error, path, "the header holds a zero byte");
  why = parse_header (text, ret_header);
  if (why != NULL)
    return refuse (error, path, why);
  *ret_start = fixed + length;
  return TRUE;
}

static gboolean
read_rows (FILE *file, const char *path, const Header *header, PrMatrix *matrix, GError **error)
{
  gsize width = header->wide ? 8 : 4, n = (gsize)matrix->columns;
  g_autofree double *row = header->wide ? g_new (double, n) : NULL;

  for (gint64 r = 0; r < matrix->rows; r++)
    {
      float *out = matrix->data + r * matrix->columns;

      if (fread (header->wide ? (void *)row : (void *)out, width, n, file) != n)
        return refuse (error, path, "the file became shorter while it was read");
      for (gsize i = 0; i < n; i++)
        {
          if (header->wide)
            out[i] = (float)row[i];
          if (!isfinite (out[i]))
            {
              g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                           "%s: row %" G_GINT64_FORMAT ", column %" G_GSIZE_FORMAT " is not a finite float32", path, r,
                           i);
              return FALSE;
            }
        }
    }
  return TRUE;
}

static PrMatrix *
read_file (FILE *file, const char *path, GError **error)
{
  g_autoptr (PrMatrix) matrix = NULL;
  Header header = { 0 };
  struct stat status;
  guint64 start, rest, width;

  if (fstat (fileno (file), &status) != 0 || !S_ISREG (status.st_mode))
    {
      refuse (error, path, "this is no regular file");
      return NULL;
    }
  if (!read_header (file, path, &header, &start, error))
    return NULL;
  width = header.wide ? 8 : 4;
  rest = (guint64)status.st_size - MIN (start, (guint64)status.st_size);
  if (header.rows == 0 || header.columns == 0)
    {
      refuse (error, path, "the array is empty");
      return NULL;
    }
  /* By division: the product of a hostile shape overflows. */
  if (rest % width != 0 || (rest / width) % (guint64)header.rows != 0
      || rest / width / (guint64)header.rows != (guint64)header.columns)
    {
      refuse (error, path, "the size of the file does not fit the shape in its header");
      return NULL;
    }
  matrix = pr_matrix_new (header.rows, header.columns, error);
  if (matrix == NULL || !read_rows (file, path, &header, matrix, error))
    return NULL;
  return g_steal_pointer (&matrix);
}

PrMatrix *
pr_matrix_load_npy (const char *path, GError **error)
{
  FILE *file = fopen (path, "rbe");
  PrMatrix *matrix;

  if (file == NULL)
    {
      pr_error_set_errno (error, errno, "cannot open", path);
      return NULL;
    }
  matrix = read_file (file, path, error);
  fclose (file);
  return matrix;
}
