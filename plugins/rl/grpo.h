/* grpo.h - group relative policy optimisation (Shao et al., DeepSeekMath, section 4.1), the arithmetic alone.
 *
 * For a prompt's roll-outs o_1 .. o_G with rewards r_i the loss is
 *   1/G sum_i 1/|o_i| sum_t ( - min (q A_i, clip (q, 1 - e, 1 + e) A_i) + b KL ),
 * q = p (o_it) / p_old (o_it), A_i = (r_i - mean r) / (sd r + 1e-4), KL = p_ref/p - log (p_ref/p) - 1 (at least 0).
 */
#ifndef PR_RL_GRPO_H
#define PR_RL_GRPO_H

#include <glib.h>

#define GRPO_SD_FLOOR 1e-4

/* Advantages of a group; sd is that of the sample (n - 1).  SCALE FALSE: r_i - mean r alone.  FALSE, all 0, if all
 * rewards are equal: the group has nothing to teach. */
gboolean grpo_advantages (const double *rewards, gsize n, gboolean scale, double *ret_advantages);

typedef enum
{
  GRPO_FINE,
  GRPO_RATIO_OVERFLOW, /* p / p_old exceeds what a float holds */
  GRPO_KL_OVERFLOW,    /* p_ref / p does */
} GrpoFault;

/* A token's term, without 1/G and 1/|o_i|, and its derivative by log p.  KL_WEIGHT 0: REF_LOG_PROB is not looked at. */
GrpoFault grpo_term (double log_prob, double old_log_prob, double ref_log_prob, double advantage, double clip,
                     double kl_weight, double *ret_value, double *ret_slope);
/* The estimate of the divergence at a token (Schulman's k3). */
double grpo_kl (double log_prob, double ref_log_prob);

#endif
