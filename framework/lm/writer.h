/* writer.h - one thread writes the texts of a stripe of prompts, as many side by side as its rows allow.
 *
 * A text that is finished leaves its row at once.  As soon as there is room for all samples of the next prompt, that
 * prompt is run and its texts join the others (continuous batching).
 */
#ifndef PR_WRITER_H
#define PR_WRITER_H

#include "lm/decoder.h"

#include <pauserec/decode.h>

/* What all stripes of a call share; of the results each stripe writes its own part. */
typedef struct
{
  const PrLm *lm;
  const PrGenerateParams *params;
  const gint32 *tokens, *offsets;
  const guint64 *ids; /* NULL: the prompt's number */
  gint32 longest;     /* prompt */

  gint32 *lengths; /* [texts] */
  gsize *begins;   /* [texts] where a text stands in its stripe's tokens */
  guint8 *stopped; /* [texts] */
} PrWriterJob;

/* What a stripe came to. */
typedef struct
{
  GArray *tokens; /* gint32: texts in the order in which they were finished */
  gint64 generated;
  double flops;
  GError *error;
} PrWriterStripe;

typedef struct PrWriter PrWriter;
/* For stripes of STRIPE prompts.  IO error if memory does not suffice. */
PrWriter *pr_writer_new (const PrWriterJob *job, gint64 stripe, GError **error);
void pr_writer_free (PrWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrWriter, pr_writer_free)
guint64 pr_writer_bytes (const PrLmConfig *config, const PrGenerateParams *params, gint64 stripe, gint64 longest);

/* Prompts that are written together at most. */
gint64 pr_writer_prompts (const PrGenerateParams *params);

/* Write the texts of prompts FIRST .. END - 1. */
gboolean pr_writer_run (PrWriter *writer, gint32 first, gint32 end, PrWriterStripe *stripe, GError **error);

#endif
