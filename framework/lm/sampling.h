/* sampling.h - which token comes next: the most probable one, or a draw. */
#ifndef PR_SAMPLING_H
#define PR_SAMPLING_H

#include <glib.h>

/* The largest of N finite values; of equal ones the first. */
gint32 pr_sampling_greedy (const float *values, gint32 n);

/* Memory for draws from N tokens, [pr_sampling_scratch (n)] bytes, is the caller's. */
gsize pr_sampling_scratch (gint32 n);
/* Draw from P [n], probabilities up to a factor.  TOP_K (0: all): only the k largest; then TOP_P (1: all): only the
 * fewest largest whose sum reaches top_p of what is left.  Of equal probabilities the lower token goes first.  UNIFORM
 * in [0, 1) decides, walking through the tokens in order of their numbers. */
gint32 pr_sampling_draw (const float *p, gint32 n, gint64 top_k, double top_p, double uniform, gpointer scratch);

#endif
