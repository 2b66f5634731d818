/* log.c - what a training says: points of curves and costs, which a resumed training says again. */
#include "config.h"

#include "fit/fit-private.h"

#include <string.h>

static const char *const series_names[PR_N_SERIES] = {
  [PR_SERIES_LOSS] = "loss",
  [PR_SERIES_LR] = "lr",
  [PR_SERIES_GRAD_NORM] = "grad_norm",
  [PR_SERIES_EMPTY] = "empty_examples",
};

static void
say_point (PrFitter *fitter, const PrPoint *point)
{
  const PrFit *fit = fitter->fit;
  gsize series = (gsize)point->series;
  const char *name = series >= PR_N_SERIES       ? fit->series[series - PR_N_SERIES]
                     : series == PR_SERIES_VALID ? fit->valid_name
                                                 : series_names[series];
  g_autofree char *full = strcmp (fit->name, "train") == 0 ? g_strdup (name) : g_strconcat (fit->name, "_", name, NULL);

  pr_run_curve (fitter->run, full, (guint64)point->step, point->value);
}

void
pr_fitter_point (PrFitter *fitter, gsize series, guint64 step, double value)
{
  PrPoint point = { (double)series, (double)step, value };

  g_array_append_val (fitter->state.points, point);
  say_point (fitter, &point);
}

void
pr_fitter_repeat_points (PrFitter *fitter)
{
  for (guint i = 0; i < fitter->state.points->len; i++)
    say_point (fitter, &g_array_index (fitter->state.points, PrPoint, i));
}

void
pr_train_log_point (PrTrainLog *log, gsize series, double value)
{
  pr_fitter_point (log->fitter, PR_N_SERIES + series, log->step, value);
}

void
pr_train_log_cost (PrTrainLog *log, PrCost cost, double amount)
{
  log->fitter->state.costs[cost] += amount;
}

gboolean
pr_train_log_tick (PrTrainLog *log, GError **error)
{
  return pr_run_step (log->fitter->run, log->fitter->state.step, log->fitter->total_steps, error);
}

void
pr_fitter_set_mark (PrFitter *fitter)
{
  const PrFit *fit = fitter->fit;

  fitter->mark.set = TRUE;
  fitter->mark.n_points = fitter->state.points->len;
  memcpy (fitter->mark.costs, fitter->state.costs, sizeof fitter->mark.costs);
  if (fit->state_bytes > 0)
    {
      g_free (fitter->mark.state);
      fitter->mark.state = g_memdup2 (fit->state, fit->state_bytes);
    }
}

void
pr_fitter_back_to_mark (PrFitter *fitter)
{
  if (!fitter->mark.set)
    return;
  fitter->mark.set = FALSE;
  g_array_set_size (fitter->state.points, fitter->mark.n_points);
  memcpy (fitter->state.costs, fitter->mark.costs, sizeof fitter->mark.costs);
  if (fitter->fit->state_bytes > 0)
    memcpy (fitter->fit->state, fitter->mark.state, fitter->fit->state_bytes);
}
