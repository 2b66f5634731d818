#include "config.h"

#include "face.h"

#include <string.h>

#define WIDTH 118 /* columns of a terminal that notes fill */

static void
line_break (GString *out)
{
  g_string_append_c (out, '\n');
}

static void
text_title (GString *out, const char *text)
{
  g_string_append_printf (out, "%s\n\n", text);
}

/* Lines of at most WIDTH, broken at spaces. */
static void
text_note (GString *out, const char *text)
{
  while (*text != '\0')
    {
      const char *end = text + MIN (strlen (text), WIDTH), *space = end;

      while (*end != '\0' && space > text && *space != ' ')
        space--;
      if (*end != '\0' && space > text)
        end = space;
      g_string_append_len (out, text, end - text);
      g_string_append_c (out, '\n');
      text = end + (*end == ' ');
    }
}

const PrFace pr_face_text = { text_title, pr_grid_text, line_break, text_note };

static void
markdown_note (GString *out, const char *text)
{
  pr_markdown_add (out, text);
  g_string_append (out, "\n\n");
}

const PrFace pr_face_markdown = { markdown_note, pr_grid_markdown, line_break, markdown_note };

static void
latex_note (GString *out, const char *text)
{
  pr_latex_add (out, text);
  g_string_append (out, "\n\n");
}

/* Tables are in boxes of their own, one below the other. */
static void
latex_title (GString *out, const char *text)
{
  g_string_append (out, "% Tables of pauserec compare, to \\input; they need no package.\n\\noindent ");
  latex_note (out, text);
  g_string_append (out, "\\noindent\n");
}

static void
latex_gap (GString *out)
{
  g_string_append (out, "\n\\medskip\\noindent\n");
}

const PrFace pr_face_latex = { latex_title, pr_grid_latex, latex_gap, latex_note };
