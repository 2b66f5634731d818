#include "config.h"

#include "grpo.h"

#include <math.h>

gboolean
grpo_advantages (const double *rewards, gsize n, gboolean scale, double *ret_advantages)
{
  double mean = 0, variance = 0;
  gboolean equal = TRUE;

  for (gsize i = 0; i < n; i++)
    {
      mean += rewards[i] / (double)n;
      equal = equal && rewards[i] == rewards[0];
    }
  for (gsize i = 0; i < n; i++)
    variance += n > 1 ? (rewards[i] - mean) * (rewards[i] - mean) / (double)(n - 1) : 0;
  for (gsize i = 0; i < n; i++)
    ret_advantages[i] = equal ? 0 : (rewards[i] - mean) / (scale ? sqrt (variance) + GRPO_SD_FLOOR : 1);
  return !equal;
}

double
grpo_kl (double log_prob, double ref_log_prob)
{
  double d = ref_log_prob - log_prob;

  return exp (d) - d - 1;
}

GrpoFault
grpo_term (double log_prob, double old_log_prob, double ref_log_prob, double advantage, double clip, double kl_weight,
           double *ret_value, double *ret_slope)
{
  double ratio = exp (log_prob - old_log_prob), clipped = CLAMP (ratio, 1 - clip, 1 + clip);
  double gain = ratio * advantage, clipped_gain = clipped * advantage;
  double value, slope;

  if (!(ratio <= (double)G_MAXFLOAT))
    return GRPO_RATIO_OVERFLOW;
  value = -MIN (gain, clipped_gain);
  /* Where the clipped gain is the smaller one it does not move with p. */
  slope = gain <= clipped_gain ? -gain : 0;
  if (kl_weight > 0)
    {
      double kl = grpo_kl (log_prob, ref_log_prob);

      if (!(kl <= (double)G_MAXFLOAT))
        return GRPO_KL_OVERFLOW;
      value += kl_weight * kl;
      slope += kl_weight * (1 - exp (ref_log_prob - log_prob));
    }
  *ret_value = value;
  *ret_slope = slope;
  return GRPO_FINE;
}
