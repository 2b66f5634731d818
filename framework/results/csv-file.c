#include "config.h"

#include "csv-file.h"

#include "large-file.h"

#include <math.h>
#include <string.h>

#define BUFFER_BYTES (1 << 20)
#define KNOWN 4096 /* texts of numbers that are kept: metrics of users take few values, and often the same ones */
#define EXACT 9007199254740992.0 /* 2^53: integers up to here are doubles */

typedef struct
{
  guint64 bits;
  char text[32]; /* "": none */
} Known;

struct PrCsvFile
{
  PrLargeFile *file;
  GString *buffer;
  gboolean inside; /* a row has begun */
  Known *known;    /* [KNOWN] */
};

PrCsvFile *
pr_csv_file_new (const char *path, GError **error)
{
  PrLargeFile *file = pr_large_file_new (path, error);
  PrCsvFile *csv;

  if (file == NULL)
    return NULL;
  csv = g_new0 (PrCsvFile, 1);
  csv->file = file;
  csv->buffer = g_string_sized_new (BUFFER_BYTES + 4096);
  csv->known = g_new0 (Known, KNOWN);
  return csv;
}

static void
begin_field (PrCsvFile *csv)
{
  if (csv->inside)
    g_string_append_c (csv->buffer, ',');
  csv->inside = TRUE;
}

void
pr_csv_file_empty (PrCsvFile *csv)
{
  begin_field (csv);
}

void
pr_csv_file_text (PrCsvFile *csv, const char *text)
{
  begin_field (csv);
  if (strpbrk (text, ",\"\r\n") == NULL)
    {
      g_string_append (csv->buffer, text);
      return;
    }
  g_string_append_c (csv->buffer, '"');
  for (; *text != '\0'; text++)
    {
      if (*text == '"')
        g_string_append_c (csv->buffer, '"');
      g_string_append_c (csv->buffer, *text);
    }
  g_string_append_c (csv->buffer, '"');
}

/* The fewest digits that give VALUE back. */
static void
shortest (double value, char *text, int size)
{
  static const char *const formats[] = { "%.15g", "%.16g", "%.17g" };

  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_ascii_formatd (text, size, formats[i], value);
      if (!(g_ascii_strtod (text, NULL) < value) && !(g_ascii_strtod (text, NULL) > value))
        return;
    }
}

void
pr_csv_file_number (PrCsvFile *csv, double value)
{
  guint64 bits;
  Known *known;

  begin_field (csv);
  if (isnan (value))
    return;
  if (fabs (value) < EXACT && value == floor (value) && !(value == 0 && signbit (value)))
    {
      g_string_append_printf (csv->buffer, "%" G_GINT64_FORMAT, (gint64)value);
      return;
    }
  memcpy (&bits, &value, sizeof bits);
  known = &csv->known[(bits * 0x9E3779B97F4A7C15u) >> 52];
  if (known->text[0] == '\0' || known->bits != bits)
    {
      known->bits = bits;
      shortest (value, known->text, sizeof known->text);
      if (value == 0)
        strcpy (known->text, "-0.0"); /* the zero that an integer cannot be */
    }
  g_string_append (csv->buffer, known->text);
}

void
pr_csv_file_integer (PrCsvFile *csv, gint64 value)
{
  begin_field (csv);
  g_string_append_printf (csv->buffer, "%" G_GINT64_FORMAT, value);
}

void
pr_csv_file_unsigned (PrCsvFile *csv, guint64 value)
{
  begin_field (csv);
  g_string_append_printf (csv->buffer, "%" G_GUINT64_FORMAT, value);
}

static gboolean
flush (PrCsvFile *csv, GError **error)
{
  gboolean ok = pr_large_file_write (csv->file, csv->buffer->str, csv->buffer->len, error);

  g_string_truncate (csv->buffer, 0);
  return ok;
}

gboolean
pr_csv_file_end_row (PrCsvFile *csv, GError **error)
{
  g_string_append_c (csv->buffer, '\n');
  csv->inside = FALSE;
  return csv->buffer->len < BUFFER_BYTES || flush (csv, error);
}

gboolean
pr_csv_file_commit (PrCsvFile *csv, GError **error)
{
  return flush (csv, error) && pr_large_file_commit (csv->file, error);
}

void
pr_csv_file_free (PrCsvFile *csv)
{
  if (csv == NULL)
    return;
  pr_large_file_free (csv->file);
  g_string_free (csv->buffer, TRUE);
  g_free (csv->known);
  g_free (csv);
}
