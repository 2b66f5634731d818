/* codebooks.h - residual quantisation with codebooks that learn by gradient.
 *
 * r_0 = z; at level l the code nearest to r_l is chosen, e_l, and r_{l+1} = r_l - e_l.  Loss of a batch, as in TIGER
 * (Rajput et al. 2023, section 3.1), as means over rows and latent dimensions:
 *   sum_l |sg(r_l) - e_l|^2 + beta |r_l - sg(e_l)|^2
 * sg stops gradients; r_l takes earlier codes as constants too, so that a code learns from its own level only.
 */
#ifndef PR_CODEBOOKS_H
#define PR_CODEBOOKS_H

#include "adamw.h"
#include "kmeans.h"

#include <pauserec/sids.h>

typedef struct
{
  gint32 levels;
  gint32 sizes[PR_SID_MAX_LEVELS];
  gint64 width, max_rows;
  Weights codes[PR_SID_MAX_LEVELS];      /* [size, width] */
  guint64 *last_used[PR_SID_MAX_LEVELS]; /* [size]: step at which a row chose the code */
  /* Of the latest batch: */
  gint32 *chosen;   /* [levels, max_rows] */
  float *residuals; /* [levels + 1, max_rows, width]: r_l */
} Codebooks;

void codebooks_init (Codebooks *books, gint32 levels, const gint32 *sizes, gint64 width, gint64 max_rows);
void codebooks_clear (Codebooks *books);

/* K-means, level by level, on rows Z [n, width], which are overwritten with what is left of them.  TICK once an
 * iteration; *ret_flops grows by the work. */
gboolean codebooks_start (Codebooks *books, float *z, gint64 n, gint64 iterations, guint64 seed, KmeansTick tick,
                          gpointer tick_ctx, double *ret_flops, GError **error);

/* Choose codes for Z [rows, width], rows <= max_rows: fills chosen and residuals. */
void codebooks_choose (Codebooks *books, gint64 rows, const float *z);
const gint32 *codebooks_chosen (const Codebooks *books, gint32 level);   /* [rows] */
const float *codebooks_residuals (const Codebooks *books, gint32 level); /* [rows, width], level <= levels */
/* Sum of the codes of the first LEVELS levels, [rows, width]. */
void codebooks_sum (const Codebooks *books, gint64 rows, gint32 levels, float *ret_sum);

/* sum_l |r_l - e_l|^2, as means: the value of both parts of the loss. */
double codebooks_loss (const Codebooks *books, gint64 rows);
/* Gradients of the codes (replaced), and DZ [rows, width] += that of the part with beta. */
void codebooks_backward (Codebooks *books, gint64 rows, double beta, float *dz);

/* Note who was used in the latest batch, and move every code that no row chose for DEAD_STEPS steps (0: never) to the
 * residual of a random row of the batch.  Returns how many were moved. */
gint64 codebooks_reset (Codebooks *books, gint64 rows, guint64 step, guint64 dead_steps, PrRng rng);

#endif
