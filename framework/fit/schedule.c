#include "config.h"

#include <pauserec/error.h>

#include "fit/fit-private.h"

#include <math.h>

const char *const pr_schedule_names[] = { "cosine", "linear", "constant", NULL };

static gboolean
refuse (GError **error, const char *key, const char *why)
{
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "training parameter '%s' %s", key, why);
  return FALSE;
}

gboolean
pr_train_params_check (const PrTrainParams *params, GError **error)
{
  const struct
  {
    const char *key;
    double value, low, high;
  } ranges[] = {
    { "epochs", params->epochs, 0, 1e9 },
    { "lr", params->lr, 0, 1e9 },
    { "warmup", params->warmup, 0, 1 },
    { "min_lr", params->min_lr, 0, 1 },
    { "weight_decay", params->weight_decay, 0, 1e9 },
    { "beta1", params->beta1, 0, 0.999999 },
    { "beta2", params->beta2, 0, 0.999999 },
    { "eps", params->eps, 1e-30, 1 },
    { "clip", params->clip, 0, 1e30 },
    { "dropout", params->dropout, 0, 0.95 },
    { "max_steps", (double)params->max_steps, 0, G_MAXINT32 },
    { "batch_size", (double)params->batch_size, 1, G_MAXINT32 },
    { "chunk_tokens", (double)params->chunk_tokens, 16, G_MAXINT32 },
    { "checkpoint_steps", (double)params->checkpoint_steps, 0, G_MAXINT32 },
    { "eval_every", (double)params->eval_every, 0, G_MAXINT32 },
    { "schedule", (double)params->schedule, PR_SCHEDULE_COSINE, PR_SCHEDULE_CONSTANT },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (ranges); i++)
    if (!(ranges[i].value >= ranges[i].low && ranges[i].value <= ranges[i].high))
      return refuse (error, ranges[i].key, "is out of range");
  /* A step decays the matrices by lr x weight_decay: at 1 and above they vanish or change sign. */
  if (params->lr * params->weight_decay >= 1)
    return refuse (error, "weight_decay", "times lr must stay below 1");
  return TRUE;
}

guint64
pr_train_steps_per_epoch (const PrTrainParams *params, gsize n_examples)
{
  guint64 batch = (guint64)MAX (params->batch_size, 1);

  return n_examples / batch + (n_examples % batch != 0);
}

guint64
pr_train_n_steps (const PrTrainParams *params, gsize n_examples, gint64 round_steps)
{
  /* The small subtraction forgives products such as 0.1 x 30 that come out a hair above the whole number. */
  double rounds = ceil (params->epochs * (double)pr_train_steps_per_epoch (params, n_examples) - 1e-6);
  double steps = rounds * (double)MAX (round_steps, 1);
  guint64 n = steps >= 0x1p53 ? G_GUINT64_CONSTANT (1) << 53 : (guint64)MAX (steps, 0);

  return params->max_steps > 0 ? MIN (n, (guint64)params->max_steps) : n;
}

double
pr_train_lr (const PrTrainParams *params, guint64 step, guint64 total)
{
  guint64 warmup = (guint64)floor (params->warmup * (double)total + 0.5);
  double progress, share;

  if (step < warmup)
    return params->lr * (double)(step + 1) / (double)(warmup + 1);
  progress = (double)(step - warmup) / (double)MAX (total - warmup, 1);
  switch ((PrSchedule)params->schedule)
    {
    case PR_SCHEDULE_COSINE:
      share = 0.5 * (1 + cos (G_PI * progress));
      break;
    case PR_SCHEDULE_LINEAR:
      share = 1 - progress;
      break;
    case PR_SCHEDULE_CONSTANT:
    default:
      return params->lr;
    }
  return params->lr * (params->min_lr + (1 - params->min_lr) * share);
}
