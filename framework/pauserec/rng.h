/* rng.h - random numbers without state: Philox 4x32-10 (Random123).
 *
 * A draw is a pure function of (seed, stream, step, index), so nothing has to be saved in a
 * checkpoint and any thread may draw any number.  Give every use its own stream name.
 */
#ifndef PAUSEREC_RNG_H
#define PAUSEREC_RNG_H

#include <glib.h>

G_BEGIN_DECLS

/* A key: derive it once, draw from it anywhere. */
typedef struct
{
  guint32 key[2];
} PrRng;

/* STREAM is a name such as "dropout"; distinct names give independent streams. */
PrRng pr_rng_new (guint64 seed, const char *stream);

/* Four 32-bit draws at (step, index). */
void pr_rng_draw4 (PrRng rng, guint64 step, guint64 index, guint32 ret_draws[4]);
guint32 pr_rng_u32 (PrRng rng, guint64 step, guint64 index);
guint64 pr_rng_u64 (PrRng rng, guint64 step, guint64 index);
double pr_rng_uniform (PrRng rng, guint64 step, guint64 index);                  /* [0, 1), 53 bits */
double pr_rng_normal (PrRng rng, guint64 step, guint64 index);                   /* N(0, 1), Box-Muller */
guint64 pr_rng_below (PrRng rng, guint64 step, guint64 index, guint64 n);        /* [0, n), n > 0, unbiased to 2^-64 */
/* The permutation of [0, n) for STEP: Fisher-Yates; caller frees. */
guint32 *pr_rng_permutation (PrRng rng, guint64 step, guint32 n);

G_END_DECLS

#endif
