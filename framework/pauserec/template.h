/* template.h - sentences with blanks that the items of a history and a target fill: rationales and notes.
 *
 * A template is one line of text; a blank is "{WHOSE_WHAT}":
 *   WHOSE  target    the item to be predicted
 *          last      the newest purchase of the history; last_N: the N newest, N from 1 to 1000
 *          history   all purchases of the history
 *   WHAT   title, brand, category (the last of the item's path), categories (the whole path, joined by " > ")
 * Of several items the words are listed newest first, each once, joined by ", "; items without the words are passed over.
 * "{{" and "}}" stand for braces.  Example: "The user is likely to buy items in {target_categories}" (OneRec-Think,
 * public data).
 */
#ifndef PAUSEREC_TEMPLATE_H
#define PAUSEREC_TEMPLATE_H

#include <pauserec/dataset.h>

G_BEGIN_DECLS

typedef enum
{
  PR_TEMPLATE_ANY,
  PR_TEMPLATE_HISTORY_ONLY, /* {target_...} is an error: what is shown at inference must not know the target */
} PrTemplateBlanks;

typedef struct PrTemplate PrTemplate;
/* MANIFEST error "WHERE: ..." naming the blank and the nearest known one; also for text that is not UTF-8, or longer than
 * 64 KiB, or has an open brace. */
PrTemplate *pr_template_parse (const char *text, PrTemplateBlanks allowed, const char *where, GError **error);
void pr_template_free (PrTemplate *tmpl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrTemplate, pr_template_free)
const char *pr_template_text (const PrTemplate *tmpl); /* as it was written; borrowed */
/* Append the filled text; TARGET may be -1 in a template without target blanks.  FALSE, nothing appended, if a blank has
 * no words at all. */
gboolean pr_template_fill (const PrTemplate *tmpl, const PrDataset *dataset, const gint32 *history, gint64 n,
                           gint32 target, GString *text);
/* Templates of a file (array of PrTemplate): one a line, blank lines and lines that start with '#' left out.  The file's
 * sections "[purpose]" hold several templates each, so that one purpose can be paraphrased; PURPOSE picks the section,
 * lines before the first section belong to "default".  MANIFEST error "PATH:LINE: ..." as above, or if there is none.  */
GPtrArray *pr_templates_load (const char *path, const char *purpose, PrTemplateBlanks allowed, GError **error);

G_END_DECLS

#endif
