/* check-geometry-curve.c - the embedding's geometry along a training: where its points are, that they are those of
 * probe-geometry, and that nothing else changes. */
#include "tiny-stage.h"

#include <pauserec/geometry.h>

#include <math.h>

static const GArray *
curve (const StageResult *result, PrGeometryMeasure measure)
{
  g_autofree char *name = g_strconcat ("embedding_", pr_geometry_names[measure], NULL);

  return harness_curve (result, name);
}

static const PrRecordCurve *
find_curve (const StageResult *result, const char *series)
{
  for (guint i = 0; i < result->record->curves->len; i++)
    if (strcmp (((const PrRecordCurve *)result->record->curves->pdata[i])->series, series) == 0)
      return result->record->curves->pdata[i];
  ck_abort_msg ("no curve '%s'", series);
}

/* The same number, or both undefined. */
static void
assert_same (double a, double b)
{
  if (isnan (a) || isnan (b))
    ck_assert (isnan (a) && isnan (b));
  else
    ck_assert_double_eq (a, b);
}

/* Every measure of the model in LM, as the probe says it, is the point NTH of the curve. */
static void
assert_probed (const StageResult *trained, guint nth, const char *lm)
{
  g_auto (StageResult) probed = { 0 };

  tiny_run ("probe-geometry", "text_tokens=36", lm, NULL, NULL, &probed);
  for (int i = 0; i < PR_N_GEOMETRY; i++)
    {
      g_autofree char *name = g_strconcat ("embedding_", pr_geometry_names[i], NULL);

      assert_same (g_array_index (curve (trained, (PrGeometryMeasure)i), double, nth), harness_metric (&probed, name));
    }
}

/* Six examples, two a step: epochs end after steps 3, 6 and 9. */
#define SETTINGS "batch_size=2 lr=0.01 valid_users=0 "

START_TEST (epochs_have_the_points_of_the_probe)
{
  g_auto (StageResult) result = { 0 };
  const guint64 steps[] = { 0, 3, 6, 9 };

  tiny_run ("next-item-sft", SETTINGS "epochs=3 geometry_every=1", NULL, NULL, NULL, &result);
  for (int i = 0; i < PR_N_GEOMETRY; i++)
    {
      g_autofree char *name = g_strconcat ("embedding_", pr_geometry_names[i], NULL);
      const PrRecordCurve *points = find_curve (&result, name);

      ck_assert_uint_eq (points->steps->len, G_N_ELEMENTS (steps));
      ck_assert_mem_eq (points->steps->data, steps, sizeof steps);
    }
  g_autofree char *out = harness_output (&result, "lm");

  assert_probed (&result, 0, tiny_lm_dir);
  assert_probed (&result, 3, out);
  ck_assert_double_ne (curve_first (curve (&result, PR_GEOMETRY_CENTROID_DISTANCE)),
                       curve_last (curve (&result, PR_GEOMETRY_CENTROID_DISTANCE)));
}
END_TEST

/* Every other epoch, and the end in any case, even in the middle of one. */
START_TEST (points_are_where_they_were_asked_for)
{
  g_auto (StageResult) result = { 0 };
  const guint64 steps[] = { 0, 6, 10 };

  tiny_run ("next-item-sft", SETTINGS "epochs=5 max_steps=10 geometry_every=2", NULL, NULL, NULL, &result);
  ck_assert_uint_eq (find_curve (&result, "embedding_mixing")->steps->len, 3);
  ck_assert_mem_eq (find_curve (&result, "embedding_mixing")->steps->data, steps, sizeof steps);
}
END_TEST

static const struct
{
  const char *stage, *settings;
} stages[] = {
  { "next-item-sft", SETTINGS "epochs=3" },
  { "sid-grounding", "text_tokens=36 batch_size=2 lr=0.01 epochs=2" },
  { "latent-sft", SETTINGS "k=1 epochs=2" },
};

/* Weights, costs and the other curves are those of a training without it. */
START_TEST (nothing_else_changes)
{
  g_autofree char *with = g_strconcat (stages[_i].settings, " geometry_every=1", NULL);
  g_auto (StageResult) plain = { 0 }, measured = { 0 };
  guint n_others = 0;

  tiny_run (stages[_i].stage, stages[_i].settings, NULL, NULL, NULL, &plain);
  tiny_run (stages[_i].stage, with, NULL, NULL, NULL, &measured);
  ck_assert_ptr_null (curve (&plain, PR_GEOMETRY_MIXING));
  ck_assert_ptr_nonnull (curve (&measured, PR_GEOMETRY_MIXING));
  for (guint i = measured.record->curves->len; i > 0; i--)
    if (g_str_has_prefix (((const PrRecordCurve *)measured.record->curves->pdata[i - 1])->series, "embedding_"))
      {
        g_ptr_array_remove_index (measured.record->curves, i - 1);
        n_others++;
      }
  ck_assert_uint_eq (n_others, PR_N_GEOMETRY);
  harness_assert_same (&plain, &measured, "lm");
}
END_TEST

/* Interrupted anywhere, before the first update too. */
START_TEST (resumes_with_the_same_points)
{
  const char *settings = SETTINGS "epochs=3 geometry_every=1 checkpoint_steps=2";
  const char *const inputs[] = TINY_INPUTS ((const char *)NULL, NULL, NULL);
  g_auto (StageResult) whole = { 0 }, resumed = { 0 };
  g_autoptr (GError) error = NULL;

  tiny_run ("next-item-sft", settings, NULL, NULL, NULL, &whole);
  ck_assert (harness_resume (tiny_registry, "next-item-sft", settings, inputs, 1, 1 + 2 * (guint)_i, &resumed, &error));
  harness_assert_same (&whole, &resumed, "lm");
}
END_TEST

/* A stage whose model may have no SIDs has no such parameter. */
START_TEST (without_ids_there_is_nothing_to_measure)
{
  const PrStage *pretrain = harness_stage (tiny_registry, "lm-pretrain")->stage;

  for (gsize i = 0; i < pretrain->n_params; i++)
    ck_assert_str_ne (pretrain->params[i].name, "geometry_every");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("geometry-curve");
  TCase *tcase = tcase_create ("geometry-curve");

  tcase_set_timeout (tcase, 120);
  tcase_add_checked_fixture (tcase, tiny_setup, tiny_teardown);
  tcase_add_test (tcase, epochs_have_the_points_of_the_probe);
  tcase_add_test (tcase, points_are_where_they_were_asked_for);
  tcase_add_loop_test (tcase, nothing_else_changes, 0, G_N_ELEMENTS (stages));
  tcase_add_loop_test (tcase, resumes_with_the_same_points, 0, 8);
  tcase_add_test (tcase, without_ids_there_is_nothing_to_measure);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
