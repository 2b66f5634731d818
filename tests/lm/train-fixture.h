/* train-fixture.h - training without a manifest, for the tests of framework/lm. */
#ifndef TRAIN_FIXTURE_H
#define TRAIN_FIXTURE_H

#include "lm-fixture.h"

#include "runtime/stage-run.h"

/* A stage of one training, run as the runtime would. */
typedef struct
{
  char *scratch;
  PrRecord *record; /* of the last training that succeeded */
  PrLm *lm;
  const PrTraining *training;
  const PrTrainParams *params;
  guint64 seed;
  gint cancel; /* not 0: the user wants out */
} FixtureRun;

static inline FixtureRun
fixture_run (void)
{
  return (FixtureRun){ .scratch = pr_check_tmpdir () };
}

static inline void
fixture_run_clear (FixtureRun *f)
{
  pr_record_free (f->record);
  pr_check_rmdir (f->scratch);
  g_free (f->scratch);
}

static inline gboolean
fixture_stage (const void *params, PrRun *run, GError **error)
{
  const FixtureRun *f = params;

  return pr_train (run, f->lm, f->training, f->params, f->seed, error);
}

static inline gboolean
fixture_train (FixtureRun *f, PrLm *lm, const PrTraining *training, const PrTrainParams *params, guint64 seed,
               GError **error)
{
  PrStage stage = { .size = sizeof (PrStage), .id = "fixture", .version = "1", .run = fixture_stage };
  PrStageEntry entry = { .stage = &stage, .path = (char *)"fixture.so", .digest = (char *)"" };
  PrNode node = { .name = (char *)"fixture", .entry = &entry, .params = f };
  PrWatch watch = { .cancel = &f->cancel };
  PrStageRun call = { .node = &node, .seed = seed, .dir = f->scratch, .scratch = f->scratch, .watch = &watch };
  PrRecord *record;
  PrDims *dims;

  f->lm = lm;
  f->training = training;
  f->params = params;
  f->seed = seed;
  if (!pr_stage_run (&call, NULL, &record, &dims, error))
    return FALSE;
  pr_dims_free (dims);
  pr_record_free (f->record);
  f->record = record;
  return TRUE;
}

static inline const PrRecordCurve *
fixture_curve (const PrRecord *record, const char *series)
{
  for (guint i = 0; i < record->curves->len; i++)
    {
      const PrRecordCurve *curve = g_ptr_array_index (record->curves, i);

      if (strcmp (curve->series, series) == 0)
        return curve;
    }
  return NULL;
}

static inline double
fixture_last (const PrRecord *record, const char *series)
{
  const PrRecordCurve *curve = fixture_curve (record, series);

  ck_assert_msg (curve != NULL, "no curve '%s'", series);
  return g_array_index (curve->values, double, curve->values->len - 1);
}

#endif
