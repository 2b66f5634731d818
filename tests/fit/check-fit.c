/* The training loop on a model of five weights: each example pulls one of them to a value. */
#include "pr-check.h"

#include <pauserec/fit.h>

#include "runtime/stage-run.h"

#include <math.h>

#define N_A 2
#define N_B 3
#define N (N_A + N_B)
#define EXAMPLES 10
#define FOREVER G_MAXUINT

/* Two pieces that do not lie side by side, and what the functions are to do. */
typedef struct
{
  float a[N_A], gap, b[N_B];
  guint nan_loss_at, nan_grad_at, cancel_at; /* update, from 0 */
  gint cancel;
  gboolean empty; /* examples teach nothing */
  double scores[8];
  guint8 n_scores, seen[EXAMPLES]; /* state: validations so far, how often each example was picked */
  guint n_calls;                   /* of the gradient */
  gboolean spoil;                  /* the score function breaks a weight, as the last update might */
} Toy;

static Toy
toy (void)
{
  return (Toy){
    .a = { 1, -1 }, .gap = 7, .b = { 2, -2, 0.5f }, .nan_loss_at = FOREVER, .nan_grad_at = FOREVER, .cancel_at = FOREVER
  };
}

static float *
weight (Toy *t, gsize i)
{
  return i < N_A ? &t->a[i] : &t->b[i - N_A];
}

/* Example e wants weight e % N to be e / 10. */
static gboolean
gradient (gpointer ctx, const PrFitStep *step, float *grads, PrTrainLog *log, PrFitLoss *ret_loss, GError **error)
{
  Toy *t = ctx;

  t->n_calls++;
  pr_train_log_cost (log, PR_COST_TRAIN_TOKENS, (double)step->n_picked);
  pr_train_log_point (log, 0, (double)step->step);
  for (gsize i = 0; i < step->n_picked; i++)
    t->seen[step->picked[i]]++;
  if (step->step == t->cancel_at)
    g_atomic_int_set (&t->cancel, 1);
  if (!pr_train_log_tick (log, error))
    return FALSE;
  for (gsize i = 0; i < step->n_picked; i++)
    {
      gsize w = step->picked[i] % N;
      float d = *weight (t, w) - (float)step->picked[i] / 10;

      grads[w] += d / (float)step->n_picked;
      ret_loss->loss += 0.5 * (double)(d * d) / (double)step->n_picked;
    }
  if (step->step == t->nan_loss_at)
    ret_loss->loss = NAN;
  if (step->step == t->nan_grad_at)
    grads[3] = INFINITY;
  ret_loss->n_used = t->empty ? 0 : step->n_picked;
  ret_loss->n_empty = t->empty ? step->n_picked : 0;
  return TRUE;
}

static gboolean
score (gpointer ctx, PrTrainLog *log G_GNUC_UNUSED, double *ret_value, GError **error G_GNUC_UNUSED)
{
  Toy *t = ctx;

  *ret_value = t->scores[t->n_scores++];
  if (t->spoil)
    t->b[1] = NAN;
  return TRUE;
}

static gboolean
end_epoch (gpointer ctx, PrTrainLog *log, GError **error G_GNUC_UNUSED)
{
  pr_train_log_point (log, 1, (double)((Toy *)ctx)->a[0]);
  return TRUE;
}

static char *
weight_name (gpointer ctx G_GNUC_UNUSED, gint64 index)
{
  return g_strdup_printf ("knob %" G_GINT64_FORMAT, index);
}

static const char *const series[] = { "steps", "first", NULL };

typedef struct
{
  PrFitPiece pieces[2];
  PrFit fit;
  PrTrainParams params;
  PrRecord *record;
} Case;

static Case
case_of (Toy *t)
{
  Case c = {
    .pieces = { { t->a, N_A, TRUE }, { t->b, N_B, FALSE } },
    .params = { .epochs = 3,
                .batch_size = 4,
                .lr = 0.05,
                .schedule = PR_SCHEDULE_CONSTANT,
                .beta1 = 0.9,
                .beta2 = 0.999,
                .eps = 1e-8,
                .chunk_tokens = 16,
                .checkpoint_steps = 2,
                .eval_every = 1,
                .keep_best = true },
  };

  c.fit = (PrFit){ .name = "train",
                   .fingerprint = "toy",
                   .n_pieces = 2,
                   .n_examples = EXAMPLES,
                   .shuffle = TRUE,
                   .ctx = t,
                   .gradient = gradient,
                   .series = series,
                   .state = &t->n_scores,
                   .state_bytes = 1 + EXAMPLES,
                   .weight_name = weight_name };
  return c;
}

static gboolean
stage_run (const void *params, PrRun *run, GError **error)
{
  const Case *c = params;
  PrFit fit = c->fit;

  if (fit.n_pieces > 0)
    fit.pieces = c->pieces;
  return pr_fit (run, &fit, &c->params, 5, error);
}

static gboolean
fit_in (Case *c, const char *scratch, GError **error)
{
  PrStage stage = { .size = sizeof (PrStage), .id = "toy", .version = "1", .run = stage_run };
  PrStageEntry entry = { .stage = &stage, .path = (char *)"toy.so", .digest = (char *)"" };
  PrNode node = { .name = (char *)"toy", .entry = &entry, .params = c };
  PrWatch watch = { .cancel = &((Toy *)c->fit.ctx)->cancel };
  PrStageRun call = { .node = &node, .dir = scratch, .scratch = scratch, .watch = &watch };
  PrDims *dims;

  if (!pr_stage_run (&call, NULL, &c->record, &dims, error))
    return FALSE;
  pr_dims_free (dims);
  return TRUE;
}

static gboolean
fit (Case *c, GError **error)
{
  g_autofree char *scratch = pr_check_tmpdir ();
  gboolean ok = fit_in (c, scratch, error);

  pr_check_rmdir (scratch);
  return ok;
}

static const GArray *
curve (const PrRecord *record, const char *name)
{
  for (guint i = 0; i < record->curves->len; i++)
    {
      const PrRecordCurve *found = g_ptr_array_index (record->curves, i);

      if (strcmp (found->series, name) == 0)
        return found->values;
    }
  return NULL;
}

/* Every weight ends at the mean of what its two examples want; what lies between the pieces stays. */
START_TEST (finds_the_minimum)
{
  Toy t = toy ();
  Case c = case_of (&t);
  GError *error = NULL;

  c.params.epochs = 400;
  c.params.checkpoint_steps = 0;
  c.params.schedule = PR_SCHEDULE_LINEAR;
  ck_assert_msg (fit (&c, &error), "%s", error ? error->message : "");
  for (gsize i = 0; i < N; i++)
    ck_assert_double_eq_tol ((double)*weight (&t, i), ((double)i + 2.5) / 10, 0.01);
  ck_assert_double_eq ((double)t.gap, 7);
  ck_assert_uint_eq (curve (c.record, "loss")->len, 1200);
  ck_assert_double_eq (c.record->costs[PR_COST_OPTIMIZER_STEPS], 1200);
  ck_assert_double_eq (c.record->costs[PR_COST_TRAIN_TOKENS], 400 * EXAMPLES);
  pr_record_free (c.record);
}
END_TEST

/* An epoch is every example once, in an order of its own, if it is to be shuffled. */
START_TEST (every_example_once)
{
  Toy t = toy ();
  Case c = case_of (&t);

  c.fit.end_epoch = end_epoch;
  ck_assert (fit (&c, NULL));
  for (gsize i = 0; i < EXAMPLES; i++)
    ck_assert_uint_eq (t.seen[i], 3);
  ck_assert_uint_eq (curve (c.record, "steps")->len, 9);
  ck_assert_uint_eq (curve (c.record, "first")->len, 3);
  pr_record_free (c.record);
}
END_TEST

/* Only the piece that decays does: without a gradient nothing else moves it. */
START_TEST (decays_by_piece)
{
  Toy t = toy ();
  Case c = case_of (&t);

  for (gsize i = 0; i < N; i++)
    *weight (&t, i) = (float)i / 10; /* where the first five examples want it */
  c.params.batch_size = N;
  c.params.max_steps = 1;
  c.params.weight_decay = 2;
  c.fit.shuffle = FALSE;
  ck_assert (fit (&c, NULL));
  ck_assert_double_eq_tol ((double)t.a[1], 0.1 * 0.9, 1e-7);
  ck_assert_double_eq ((double)t.b[0], (double)0.2f);
  pr_record_free (c.record);
}
END_TEST

/* Values 1 3 2: the best is the second as a score, the first as a loss. */
START_TEST (keeps_the_best)
{
  const gboolean lower = _i;
  const double scores[] = { 1, 3, 2 };
  Toy t = toy (), until = toy ();
  Case c = case_of (&t), d = case_of (&until);

  memcpy (t.scores, scores, sizeof scores);
  c.fit.validate = score;
  c.fit.valid_name = "worth";
  c.fit.lower_is_better = lower;
  d.params.max_steps = lower ? 3 : 6;
  ck_assert (fit (&c, NULL) && fit (&d, NULL));
  ck_assert_uint_eq (t.n_scores, 3);
  ck_assert_mem_eq (curve (c.record, "worth")->data, scores, sizeof scores);
  ck_assert_mem_eq (t.a, until.a, sizeof t.a);
  ck_assert_mem_eq (t.b, until.b, sizeof t.b);
  pr_record_free (c.record);
  pr_record_free (d.record);
}
END_TEST

static void
assert_same (const Case *c, const Case *d)
{
  const Toy *t = c->fit.ctx, *u = d->fit.ctx;

  ck_assert_mem_eq (t->a, u->a, sizeof t->a);
  ck_assert_mem_eq (t->b, u->b, sizeof t->b);
  ck_assert_mem_eq (&t->n_scores, &u->n_scores, 1 + EXAMPLES);
  ck_assert_mem_eq (c->record->costs, d->record->costs, sizeof c->record->costs);
  ck_assert_uint_eq (c->record->curves->len, d->record->curves->len);
  for (guint i = 0; i < c->record->curves->len; i++)
    {
      const PrRecordCurve *x = c->record->curves->pdata[i];
      const GArray *y = curve (d->record, x->series);

      ck_assert_ptr_nonnull (y);
      ck_assert_uint_eq (x->values->len, y->len);
      ck_assert_mem_eq (x->values->data, y->data, y->len * sizeof (double));
    }
}

static void
describe_all (Case *c)
{
  Toy *t = c->fit.ctx;

  for (gsize i = 0; i < G_N_ELEMENTS (t->scores); i++)
    t->scores[i] = fabs ((double)i - 1.5);
  c->fit.validate = score;
  c->fit.valid_name = "worth";
  c->fit.end_epoch = end_epoch;
}

/* Interrupted within the gradient of any update, after it has said and changed things, and started again. */
START_TEST (resumes_to_the_same_bytes)
{
  g_autofree char *scratch = pr_check_tmpdir ();
  Toy t = toy (), u = toy (), v = toy ();
  Case c = case_of (&t), d = case_of (&u), e = case_of (&v);
  g_autoptr (GError) error = NULL;

  describe_all (&c);
  describe_all (&d);
  describe_all (&e);
  u.cancel_at = (guint)_i;
  ck_assert (fit (&c, NULL));
  ck_assert (!fit_in (&d, scratch, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "cancelled");
  ck_assert (fit_in (&e, scratch, NULL));
  assert_same (&c, &e);
  pr_record_free (c.record);
  pr_record_free (e.record);
  pr_check_rmdir (scratch);
}
END_TEST

/* A checkpoint of a model that only calls itself by another text is nothing to go on from. */
START_TEST (passes_over_other_fingerprints)
{
  g_autofree char *scratch = pr_check_tmpdir ();
  Toy t = toy (), u = toy ();
  Case c = case_of (&t), d = case_of (&u);

  ck_assert (fit_in (&c, scratch, NULL));
  d.fit.fingerprint = _i ? "tiy" : "toy";
  ck_assert (fit_in (&d, scratch, NULL));
  /* The first one's checkpoint is of its last step: nothing is left to do, unless it is passed over. */
  ck_assert_uint_eq (u.n_calls, _i ? 9 : 0);
  ck_assert_uint_eq (u.seen[0], 3);
  ck_assert_mem_eq (t.a, u.a, sizeof t.a);
  pr_record_free (c.record);
  pr_record_free (d.record);
  pr_check_rmdir (scratch);
}
END_TEST

START_TEST (says_what_went_wrong)
{
  static const struct
  {
    int code;
    const char *part;
  } expected[] = {
    { PR_ERROR_NUMERIC, "the loss is nan at step 3 of 9 (learning rate 0.05)" },
    { PR_ERROR_NUMERIC, "the gradient norm is inf at step 3 of 9" },
    { PR_ERROR_NUMERIC, "knob 3 holds nan after the last step" },
    { PR_ERROR_NUMERIC, "the validation value after step 3 is nan" },
    { PR_ERROR_DATA, "none of the 10 training examples" },
    { PR_ERROR_DATA, "needs 1 to 4294967295 examples, there are 0" },
    { PR_ERROR_PLUGIN, "training 'Train' lacks something" },
    { PR_ERROR_PLUGIN, "training 'train' lacks something" },
    { PR_ERROR_PLUGIN, "training 'train' lacks something" },
    { PR_ERROR_PLUGIN, "training 'train' lacks something" },
    { PR_ERROR_PLUGIN, "training 'train' lacks something" },
    { PR_ERROR_MANIFEST, "'beta1' is out of range" },
  };
  Toy t = toy ();
  Case c = case_of (&t);
  g_autoptr (GError) error = NULL;

  t.nan_loss_at = _i == 0 ? 2 : FOREVER;
  t.nan_grad_at = _i == 1 ? 2 : FOREVER;
  t.spoil = _i == 2;
  t.scores[0] = _i == 3 ? NAN : 1;
  t.empty = _i == 4;
  c.fit.n_examples = _i == 5 ? 0 : EXAMPLES;
  c.fit.name = _i == 6 ? "Train" : "train";
  c.fit.fingerprint = _i == 7 ? NULL : "toy";
  c.fit.n_pieces = _i == 8 ? 0 : 2;
  c.pieces[1].n = _i == 9 ? 0 : N_B;
  c.fit.validate = _i == 2 || _i == 3 || _i == 10 ? score : NULL;
  c.fit.valid_name = _i == 2 || _i == 3 ? "worth" : NULL;
  c.params.max_steps = _i == 2 ? 1 : 0;
  c.params.beta1 = _i == 11 ? 1 : 0.9;
  ck_assert (!fit (&c, &error));
  ck_assert_pr_error (error, expected[_i].code, expected[_i].part);
}
END_TEST

/* Without an example that teaches there are epochs, but no updates. */
START_TEST (may_teach_nothing)
{
  Toy t = toy (), before = t;
  Case c = case_of (&t);

  t.empty = TRUE;
  c.fit.may_teach_nothing = TRUE;
  c.params.weight_decay = 1;
  ck_assert (fit (&c, NULL));
  ck_assert_mem_eq (t.a, before.a, sizeof t.a);
  ck_assert_ptr_null (curve (c.record, "loss"));
  ck_assert_double_eq (g_array_index (curve (c.record, "empty_examples"), double, 1), EXAMPLES);
  pr_record_free (c.record);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("fit");
  TCase *tc = tcase_create ("fit");

  tcase_add_test (tc, finds_the_minimum);
  tcase_add_test (tc, every_example_once);
  tcase_add_test (tc, decays_by_piece);
  tcase_add_loop_test (tc, keeps_the_best, 0, 2);
  tcase_add_loop_test (tc, resumes_to_the_same_bytes, 0, 9);
  tcase_add_loop_test (tc, passes_over_other_fingerprints, 0, 2);
  tcase_add_loop_test (tc, says_what_went_wrong, 0, 12);
  tcase_add_test (tc, may_teach_nothing);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
