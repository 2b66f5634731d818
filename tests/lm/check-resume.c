#include "train-fixture.h"

#include <pauserec/io.h>

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A training that is killed while it builds its KILL-th example. */
typedef struct
{
  Parrot parrot;
  guint kill;
  gboolean by_exit;  /* the process vanishes; otherwise the example fails */
  rlim_t file_limit; /* from then on no file may grow beyond; 0: no limit */
  gint *cancel;      /* not NULL: the user interrupts */
} Victim;

static gboolean
victim_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error)
{
  Victim *victim = ctx;

  if (victim->kill > 0 && victim->parrot.calls + 1 == victim->kill)
    {
      if (victim->by_exit)
        _exit (77);
      if (victim->cancel != NULL)
        *victim->cancel = 1;
      else if (victim->file_limit > 0)
        {
          struct rlimit limit = { victim->file_limit, RLIM_INFINITY };

          setrlimit (RLIMIT_FSIZE, &limit);
        }
      else
        {
          g_set_error (error, PR_ERROR, PR_ERROR_IO, "killed");
          return FALSE;
        }
    }
  return parrot_example (&victim->parrot, epoch, index, example, error);
}

/* Not counted: the calls of a Victim are those for training. */
static gboolean
valid_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error)
{
  Parrot parrot = ((Victim *)ctx)->parrot;

  parrot.offset = 1000;
  return parrot_example (&parrot, epoch, index, example, error);
}

static const gint32 some_rows[] = { 4, 200, 31 };

typedef struct
{
  FixtureRun run;
  Victim victim;
  PrTraining training;
  PrTrainParams params;
  PrLm *lm;
} Case;

/* 10 examples, batches of 3, 4 steps an epoch, 3.5 epochs: 14 steps, checkpoints after 3 (9 examples built), 6 (16), 9
 * (23), 12 (30) and 14 (36). */
#define N_CALLS 36

static void
case_init (Case *c, gboolean rows)
{
  memset (c, 0, sizeof *c);
  c->run = fixture_run ();
  c->victim.parrot = (Parrot){ .seed = 11, .length = 9, .vocab = 220, .skip = 4 };
  c->training = (PrTraining){ .name = "train",
                              .n_examples = 10,
                              .example = victim_example,
                              .ctx = &c->victim,
                              .shuffle = TRUE,
                              .n_valid = 4,
                              .valid_example = valid_example };
  c->training.rows = rows ? some_rows : NULL;
  c->training.n_rows = rows ? G_N_ELEMENTS (some_rows) : 0;
  c->params = fixture_params ();
  c->params.epochs = 3.5;
  c->params.batch_size = 3;
  c->params.lr = 0.05; /* overshoots, so that the best weights are not the last */
  c->params.dropout = 0.1;
  c->params.checkpoint_steps = 3;
  c->lm = fixture_lm (PR_LM_QWEN3, 11);
}

static void
case_clear (Case *c)
{
  pr_lm_free (c->lm);
  fixture_run_clear (&c->run);
}

static gboolean
case_train (Case *c, GError **error)
{
  return fixture_train (&c->run, c->lm, &c->training, &c->params, 5, error);
}

/* As after a kill: fresh weights and a fresh record, the scratch folder stays. */
static void
case_restart (Case *c)
{
  g_clear_pointer (&c->run.record, pr_record_free);
  c->run.cancel = 0;
  pr_lm_free (c->lm);
  c->lm = fixture_lm (PR_LM_QWEN3, 11);
  c->victim = (Victim){ .parrot = { .seed = 11, .length = 9, .vocab = 220, .skip = 4 } };
}

static void
assert_same_record (const PrRecord *a, const PrRecord *b)
{
  ck_assert_uint_eq (a->curves->len, b->curves->len);
  for (guint i = 0; i < a->curves->len; i++)
    {
      const PrRecordCurve *x = g_ptr_array_index (a->curves, i), *y = g_ptr_array_index (b->curves, i);

      ck_assert_str_eq (x->series, y->series);
      ck_assert_uint_eq (x->values->len, y->values->len);
      ck_assert_mem_eq (x->values->data, y->values->data, x->values->len * sizeof (double));
      ck_assert_mem_eq (x->steps->data, y->steps->data, x->steps->len * sizeof (guint64));
    }
  ck_assert_mem_eq (a->costs, b->costs, sizeof a->costs);
}

static guint
count_files (const char *dir)
{
  GDir *d = g_dir_open (dir, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (d) != NULL)
    n++;
  g_dir_close (d);
  return n;
}

/* The newest (or, NEWEST FALSE, the oldest) checkpoint; the caller frees. */
static char *
find_checkpoint (const char *dir, gboolean newest)
{
  GDir *d = g_dir_open (dir, 0, NULL);
  const char *name;
  char *found = NULL;
  guint64 best = 0;

  while ((name = g_dir_read_name (d)) != NULL)
    {
      guint64 step = g_ascii_strtoull (strrchr (name, '-') + 1, NULL, 10);

      if (found == NULL || (newest ? step > best : step < best))
        {
          g_free (found);
          found = g_build_filename (dir, name, NULL);
          best = step;
        }
    }
  g_dir_close (d);
  ck_assert_ptr_nonnull (found);
  return found;
}

static void
assert_like_uninterrupted (Case *c)
{
  Case whole;
  GError *error = NULL;

  ck_assert_msg (case_train (c, &error), "%s", error ? error->message : "");
  case_init (&whole, c->training.rows != NULL);
  ck_assert (case_train (&whole, NULL));
  ck_assert_uint_eq (whole.victim.parrot.calls, N_CALLS);
  ck_assert (fixture_same_weights (c->lm, whole.lm));
  assert_same_record (c->run.record, whole.run.record);
  case_clear (&whole);
}

/* Example calls at which to kill: in step 1 (no checkpoint yet), 4, 5, 8, 10 and 14. */
static const guint kills[] = { 2, 11, 14, 22, 28, 36 };

START_TEST (resumes_with_the_same_bytes)
{
  Case c;
  GError *error = NULL;

  case_init (&c, _i % 2 == 1);
  c.victim.kill = kills[_i / 2];
  ck_assert (!case_train (&c, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "killed");
  g_error_free (error);
  case_restart (&c);
  assert_like_uninterrupted (&c);
  /* 36 training examples in all; those before the checkpoint are not built again. */
  if (kills[_i / 2] > 10)
    ck_assert_uint_lt (c.victim.parrot.calls, N_CALLS);
  case_clear (&c);
}
END_TEST

/* Nothing is lost but the step at hand: batches of 3, 3, 3 and 1 examples. */
START_TEST (an_interruption_keeps_every_step)
{
  static const struct
  {
    guint kill, steps, built; /* examples built before the step at hand */
  } cases[] = { { 2, 0, 0 }, { 5, 1, 3 }, { 10, 3, 9 }, { 15, 5, 13 }, { 36, 13, 33 } };
  Case c;
  GError *error = NULL;

  case_init (&c, _i % 2 == 1);
  c.victim.kill = cases[_i / 2].kill;
  c.victim.cancel = &c.run.cancel;
  ck_assert (!case_train (&c, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "cancelled");
  g_error_free (error);
  ck_assert_uint_le (count_files (c.run.scratch), 2);
  if (cases[_i / 2].steps > 0)
    {
      g_autofree char *newest = find_checkpoint (c.run.scratch, TRUE);
      g_autofree char *end = g_strdup_printf ("-%u.safetensors", cases[_i / 2].steps);

      ck_assert_msg (g_str_has_suffix (newest, end), "%s", newest);
    }
  case_restart (&c);
  assert_like_uninterrupted (&c);
  ck_assert_uint_eq (c.victim.parrot.calls, N_CALLS - cases[_i / 2].built);
  case_clear (&c);
}
END_TEST

START_TEST (survives_the_end_of_the_process)
{
  Case c;
  pid_t child;
  int status;

  case_init (&c, FALSE);
  child = fork ();
  if (child == 0)
    {
      c.victim.kill = 22;
      c.victim.by_exit = TRUE;
      case_train (&c, NULL);
      _exit (0);
    }
  ck_assert_int_eq (waitpid (child, &status, 0), child);
  ck_assert_int_eq (WEXITSTATUS (status), 77);
  assert_like_uninterrupted (&c);
  case_clear (&c);
}
END_TEST

START_TEST (a_finished_training_is_not_repeated)
{
  Case c;

  case_init (&c, FALSE);
  ck_assert (case_train (&c, NULL));
  ck_assert_uint_eq (count_files (c.run.scratch), 2);
  case_restart (&c);
  assert_like_uninterrupted (&c);
  ck_assert_uint_eq (c.victim.parrot.calls, 0);
  case_clear (&c);
}
END_TEST

enum
{
  SPOIL_TRUNCATE,
  SPOIL_FLIP,
  SPOIL_EMPTY,
  SPOIL_FOREIGN,
  SPOIL_BOTH,
  N_SPOILS
};

static void
spoil (const char *path, int how)
{
  g_autofree char *data = NULL;
  gsize length;

  ck_assert (g_file_get_contents (path, &data, &length, NULL));
  if (how == SPOIL_TRUNCATE || how == SPOIL_BOTH)
    length /= 2;
  if (how == SPOIL_FLIP)
    data[length - 100] ^= 1;
  if (how == SPOIL_EMPTY)
    length = 0;
  if (how == SPOIL_FOREIGN)
    {
      /* Another training's checkpoint under this one's name. */
      Case other;
      g_autofree char *foreign = NULL;

      case_init (&other, FALSE);
      other.params.lr = 0.001;
      other.params.max_steps = 12; /* its newest is of the same step */
      ck_assert (case_train (&other, NULL));
      foreign = find_checkpoint (other.run.scratch, TRUE);
      g_free (g_steal_pointer (&data));
      ck_assert (g_file_get_contents (foreign, &data, &length, NULL));
      case_clear (&other);
    }
  ck_assert (g_file_set_contents (path, data, (gssize)length, NULL));
}

START_TEST (spoilt_checkpoints_are_passed_over)
{
  Case c;
  g_autofree char *newest = NULL;
  g_autofree char *oldest = NULL;

  case_init (&c, FALSE);
  c.victim.kill = 32;
  ck_assert (!case_train (&c, NULL));
  ck_assert_uint_eq (count_files (c.run.scratch), 2);
  newest = find_checkpoint (c.run.scratch, TRUE);
  oldest = find_checkpoint (c.run.scratch, FALSE);
  ck_assert (g_str_has_suffix (newest, "-12.safetensors"));
  ck_assert (g_str_has_suffix (oldest, "-9.safetensors"));
  spoil (newest, _i);
  if (_i == SPOIL_BOTH)
    spoil (oldest, SPOIL_FLIP);
  case_restart (&c);
  assert_like_uninterrupted (&c);
  /* From the older one: steps 10 to 14; from nothing: all. */
  ck_assert_uint_eq (c.victim.parrot.calls, _i == SPOIL_BOTH ? N_CALLS : N_CALLS - 23);
  case_clear (&c);
}
END_TEST

START_TEST (other_trainings_start_afresh)
{
  Case c;

  case_init (&c, FALSE);
  ck_assert (case_train (&c, NULL));
  case_restart (&c);
  switch (_i)
    {
    case 0:
      c.params.lr *= 2;
      break;
    case 1:
      c.training.name = "second";
      break;
    case 2:
      c.lm->weights[0] += 1;
      break;
    case 3:
      c.training.rows = some_rows;
      c.training.n_rows = 2;
      break;
    }
  ck_assert (case_train (&c, NULL));
  ck_assert_uint_eq (c.victim.parrot.calls, N_CALLS);
  case_clear (&c);
}
END_TEST

START_TEST (checkpointing_is_no_part_of_the_result)
{
  Case c;

  case_init (&c, FALSE);
  c.params.checkpoint_steps = _i;
  assert_like_uninterrupted (&c);
  if (_i == 0)
    ck_assert_uint_eq (count_files (c.run.scratch), 0);
  case_clear (&c);
}
END_TEST

START_TEST (a_full_disk_is_one_error)
{
  Case c;
  GError *error = NULL;
  g_autofree char *newest = NULL;
  struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

  signal (SIGXFSZ, SIG_IGN);
  case_init (&c, FALSE);
  c.victim.kill = 20; /* after the checkpoint of step 6 */
  c.victim.file_limit = 10000;
  ck_assert (!case_train (&c, &error));
  setrlimit (RLIMIT_FSIZE, &limit);
  ck_assert_pr_error (error, PR_ERROR_IO, "checkpoint after step 9");
  g_error_free (error);
  /* Nothing torn is left, and the checkpoints before it serve. */
  ck_assert_uint_eq (count_files (c.run.scratch), 2);
  newest = find_checkpoint (c.run.scratch, TRUE);
  ck_assert (g_str_has_suffix (newest, "-6.safetensors"));
  case_restart (&c);
  assert_like_uninterrupted (&c);
  ck_assert_uint_eq (c.victim.parrot.calls, N_CALLS - 16);
  case_clear (&c);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("resume");
  TCase *tcase = tcase_create ("resume");

  tcase_set_timeout (tcase, 120);
  tcase_add_loop_test (tcase, resumes_with_the_same_bytes, 0, 2 * (int)G_N_ELEMENTS (kills));
  tcase_add_loop_test (tcase, an_interruption_keeps_every_step, 0, 10);
  tcase_add_test (tcase, survives_the_end_of_the_process);
  tcase_add_test (tcase, a_finished_training_is_not_repeated);
  tcase_add_loop_test (tcase, spoilt_checkpoints_are_passed_over, 0, N_SPOILS);
  tcase_add_loop_test (tcase, other_trainings_start_afresh, 0, 4);
  tcase_add_loop_test (tcase, checkpointing_is_no_part_of_the_result, 0, 3);
  tcase_add_test (tcase, a_full_disk_is_one_error);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
