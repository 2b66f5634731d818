/* sums.h - masses of attention by class, one user at a time, and what they come to over users. */
#ifndef PROBE_ATTENTION_SUMS_H
#define PROBE_ATTENTION_SUMS_H

#include "keys.h"

/* What the queries of a prompt are, the same for every user. */
typedef struct
{
  gint64 pauses; /* queries 0 .. pauses - 1 */
  gint64 n;      /* then </think>, which predicts the first code, then the target's codes, each predicting the next */
} Queries;

/* "pause3", "answer", "code1" */
char *queries_name (const Queries *queries, gint64 query);

/* Heads of one user, the means first: head 0 is the mean of all; 1 + l that of layer l; then layer by layer the heads
 * themselves. */
typedef struct
{
  gint64 layers, heads, all; /* all = 1 + layers + layers heads */
  Queries queries;
  double *mass;            /* [all, queries, classes]: the user at hand */
  double *share;           /* [queries, classes]: positions of the class / positions */
  double *entropy, *width; /* [all, queries]: nats; exp (entropy) */
  double *keys;            /* [queries]: positions seen */

  guint64 users;
  double *sum_mass, *sum_mass2, *sum_cross;                      /* [all, queries, classes]; cross: mass x share */
  double *sum_share, *sum_share2;                                /* [queries, classes] */
  double *sum_entropy, *sum_entropy2, *sum_width, *sum_evenness; /* [all, queries] */
  double *sum_keys;                                              /* [queries] */
} Sums;

void sums_init (Sums *sums, gint64 layers, gint64 heads, Queries queries);
void sums_clear (Sums *sums);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Sums, sums_clear)
/* The masses of one user: KEYS of its prompt; query q stands at POSITIONS[q]; ATTENTION as pr_lm_attention() writes it.
 * Returns the floats read. */
gsize sums_measure (Sums *sums, const Key *keys, const gint32 *positions, const float *attention);
/* Add the user just measured. */
void sums_add (Sums *sums);
/* Tables "attention_mass", "attention_entropy" and "attention_queries"; metrics mass_<class>_<query>, entropy_<query>,
 * ... */
void sums_report (const Sums *sums, PrRun *run);

/* A mass of the user at hand, over all layers and heads. */
static inline double
sums_mass (const Sums *sums, gint64 query, KeysClass class)
{
  return sums->mass[query * KEYS_N_CLASSES + class];
}

#endif
