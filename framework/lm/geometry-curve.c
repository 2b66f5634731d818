/* geometry-curve.c - how far words and semantic ids are apart in the embedding, along a training. */
#include "config.h"

#include <pauserec/geometry.h>

#include "lm/trainer.h"

/* Fewer vectors than the probe takes: this is done again and again. */
static const PrGeometryParams measures = { .vectors = 1000, .neighbours = 10, .folds = 5 };

gboolean
pr_trainer_measures (const PrTrainer *trainer)
{
  return trainer->params->geometry_every > 0;
}

static guint
n_own_series (const PrTrainer *trainer)
{
  return trainer->training->series != NULL ? g_strv_length ((char **)trainer->training->series) : 0;
}

char **
pr_trainer_series (const PrTrainer *trainer)
{
  guint n = n_own_series (trainer);
  char **series = g_new0 (char *, n + PR_N_GEOMETRY + 1);

  for (guint i = 0; i < n; i++)
    series[i] = g_strdup (trainer->training->series[i]);
  for (guint i = 0; pr_trainer_measures (trainer) && i < PR_N_GEOMETRY; i++)
    series[n + i] = g_strconcat ("embedding_", pr_geometry_names[i], NULL);
  return series;
}

gboolean
pr_trainer_measure (PrTrainer *trainer, PrTrainLog *log, GError **error)
{
  double values[PR_N_GEOMETRY];

  if (!pr_geometry_embedding (trainer->lm, trainer->training->groups, &measures, values, error))
    return FALSE;
  for (guint i = 0; i < PR_N_GEOMETRY; i++)
    pr_train_log_point (log, n_own_series (trainer) + i, values[i]);
  return TRUE;
}

gboolean
pr_trainer_end_epoch (gpointer ctx, PrTrainLog *log, GError **error)
{
  PrTrainer *trainer = ctx;
  guint64 epochs = log->step / log->fitter->steps_per_epoch;

  /* A last epoch may be cut short. */
  if (log->step < log->fitter->total_steps && epochs % (guint64)trainer->params->geometry_every != 0)
    return TRUE;
  return pr_trainer_measure (trainer, log, error);
}
