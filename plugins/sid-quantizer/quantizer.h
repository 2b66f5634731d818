/* quantizer.h - what every way of turning embeddings into codes is given, and what it gives. */
#ifndef PR_QUANTIZER_H
#define PR_QUANTIZER_H

#include <pauserec/pauserec.h>

enum
{
  METHOD_RKMEANS,
  METHOD_RANDOM
};
enum
{
  POLICY_DIGIT,
  POLICY_REASSIGN,
  POLICY_KEEP
};

typedef struct
{
  int method, collisions;
  PrInts sizes;
  int64_t iterations, restarts, rounds;
  bool normalise_residuals;
} Params;

typedef struct
{
  const Params *params;
  PrRun *run;
  PrMatrix *embeddings; /* [n_items, d]; a method may overwrite them */
  PrSids *sids;         /* codes to be filled in, level by level */

  /* For reassign, by the method: what the last level coded, [n_items, width] (NULL: the method has no distances), and
   * its code vectors, [size, width].  Owned. */
  float *last_inputs, *last_codes;
  gint64 width;
} Quantizer;

/* Fill q->sids and what reassign needs, and add one value a level to column "unexplained" of table "codebook". */
gboolean rkmeans_quantize (Quantizer *q, GError **error);

#endif
