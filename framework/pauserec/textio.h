/* textio.h - artifact `text/1`: `text.jsonl`, one {"text": "..."} a line; documents for lm-pretrain. */
#ifndef PAUSEREC_TEXTIO_H
#define PAUSEREC_TEXTIO_H

#include <glib.h>

G_BEGIN_DECLS

/* Append the documents of FILE to DOCUMENTS (array of owned char *).  .jsonl (plain or gzip): every string
 * value of the keys named in KEYS (NULL-terminated, joined by ". "); anything else: plain text,
 * documents separated by blank lines. */
gboolean pr_text_read_file (const char *path, const char *const *keys, GPtrArray *documents, GError **error);
gboolean pr_text_load (const char *dir, GPtrArray *documents, GError **error);
gboolean pr_text_save (const GPtrArray *documents, const char *dir, GError **error);

G_END_DECLS

#endif
