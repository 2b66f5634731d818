/* Plans: cut into tasks, kept and read back, compared, and held against what is there now. */
#include "config.h"

#include "probe-sweep.h"

#include "engines/guard.h"

#include <pauserec/io.h>

#define MANIFEST                                                                                                       \
  "[experiment]\nname = probe\nseeds = 1;2\nmetric = hit_10\nbaseline = short\n"                                       \
  "[stage seed]\nuses = probe-seed\n"                                                                                  \
  "[stage walk]\nuses = probe-walk\n"                                                                                  \
  "[stage more]\nuses = probe-walk\nsteps = 7\n"                                                                       \
  "[arm short]\npipeline = seed; walk\n"                                                                               \
  "[arm long]\npipeline = seed; walk; more\nmore.steps = 5; 6\n"                                                       \
  "[arm other]\npipeline = seed; more\n"                                                                               \
  "[arm same]\npipeline = seed; more\n"

static char *out;

static void
setup (void)
{
  probe_setup ();
  out = probe_path ("a", "out");
}

static void
teardown (void)
{
  probe_teardown ();
  g_free (out);
}

/* The plan of TEXT with these settings; *RET_EXPERIMENT, if wanted, belongs to the caller. */
static PrSweepPlan *
plan_of (const char *text, const char *const *set, PrStore *store, PrExperiment **ret_experiment)
{
  g_autoptr (PrExperiment) experiment = probe_load (text, set);
  g_autoptr (GError) error = NULL;
  PrSweepPlan *plan;

  plan = pr_sweep_plan_new (
      &(PrSweepPlanSource){ .experiment = experiment, .set = set, .store_dir = "store", .store = store }, &error);
  ck_assert_no_error (error);
  if (ret_experiment != NULL)
    *ret_experiment = g_steal_pointer (&experiment);
  return plan;
}

static const PrTask *
task_at (const PrSweepPlan *plan, guint i)
{
  return &g_array_index (plan->tasks, PrTask, i);
}

static const char *
key_at (const PrSweepPlan *plan, guint run, guint i)
{
  const PrPlannedRun *planned = plan->runs->pdata[run];

  return ((const PrPlannedNode *)plan->nodes->pdata[planned->nodes[i]])->key;
}

/* Whatever the plan: each run is a task once, below tasks that it really begins with, and siblings stand together. */
static void
check_tree (const PrSweepPlan *plan)
{
  g_autofree guint *whole = g_new0 (guint, plan->runs->len);
  g_autoptr (GHashTable) closed = g_hash_table_new (NULL, NULL);
  int parent = -1;

  for (guint t = 0; t < plan->tasks->len; t++)
    {
      const PrTask *task = task_at (plan, t);

      if (task->parent != parent)
        {
          ck_assert (g_hash_table_add (closed, GINT_TO_POINTER (parent)));
          ck_assert (!g_hash_table_contains (closed, GINT_TO_POINTER (task->parent)));
          parent = task->parent;
        }
      whole[task->run] += task->whole;
      ck_assert_int_lt (task->parent, (int)t);
      if (task->whole)
        ck_assert_uint_eq (task->n_nodes, ((const PrPlannedRun *)plan->runs->pdata[task->run])->n_nodes);
      if (task->parent < 0)
        continue;
      ck_assert (!task_at (plan, (guint)task->parent)->whole);
      ck_assert_uint_ge (task->n_nodes, task_at (plan, (guint)task->parent)->n_nodes);
      for (guint i = 0; i < task_at (plan, (guint)task->parent)->n_nodes; i++)
        ck_assert_str_eq (key_at (plan, task->run, i), key_at (plan, task_at (plan, (guint)task->parent)->run, i));
    }
  for (guint r = 0; r < plan->runs->len; r++)
    ck_assert_uint_eq (whole[r], 1);
}

START_TEST (what_runs_share_is_a_task_of_its_own)
{
  g_autoptr (PrSweepPlan) plan = plan_of (MANIFEST, NULL, NULL, NULL);
  /* seed of all; then per seed of randomness: walk, of short and two long; more, of other and same. */
  const struct
  {
    int parent;
    guint run, n_nodes;
    gboolean whole;
  } expected[] = {
    { -1, 0, 1, FALSE }, /* 0: seed */
    { 0, 0, 2, FALSE },  /* 1: walk, 1 */
    { 0, 1, 2, FALSE },  /* 2: walk, 2 */
    { 0, 6, 2, FALSE },  /* 3: more, 1 */
    { 0, 7, 2, FALSE },  /* 4: more, 2 */
    { 1, 0, 2, TRUE },   { 1, 2, 3, TRUE }, { 1, 4, 3, TRUE }, { 2, 1, 2, TRUE }, { 2, 3, 3, TRUE },
    { 2, 5, 3, TRUE },   { 3, 6, 2, TRUE }, { 3, 8, 2, TRUE }, { 4, 7, 2, TRUE }, { 4, 9, 2, TRUE },
  };

  ck_assert_uint_eq (plan->runs->len, 10);
  check_tree (plan);
  ck_assert_uint_eq (plan->tasks->len, G_N_ELEMENTS (expected));
  for (guint t = 0; t < plan->tasks->len; t++)
    {
      ck_assert_int_eq (task_at (plan, t)->parent, expected[t].parent);
      ck_assert_uint_eq (task_at (plan, t)->run, expected[t].run);
      ck_assert_uint_eq (task_at (plan, t)->n_nodes, expected[t].n_nodes);
      ck_assert_int_eq (task_at (plan, t)->whole, expected[t].whole);
    }
}
END_TEST

static gboolean
run_all (const PrExperiment *experiment, GError **error)
{
  g_auto (PrSweepSummary) summary = { 0 };

  return probe_sweep (experiment, NULL, "a", (PrSweepCall){ .jobs = 2 }, &summary, error);
}

START_TEST (what_is_in_the_store_needs_no_task)
{
  g_autoptr (PrExperiment) experiment = NULL;
  g_autoptr (PrSweepPlan) before = plan_of (MANIFEST, NULL, NULL, &experiment), after = NULL, part = NULL;
  g_autofree char *dir_of_store = probe_path ("a", "store");
  g_autoptr (PrStore) store = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert_msg (run_all (experiment, &error), "%s", error != NULL ? error->message : "");
  store = pr_store_open_readonly (dir_of_store, &error);
  ck_assert_no_error (error);
  after = plan_of (MANIFEST, NULL, store, NULL);
  check_tree (after);
  ck_assert_uint_eq (after->tasks->len, after->runs->len);
  /* Another `more`: what comes before it is there, of it nothing. */
  part = plan_of (MANIFEST "seed.n = 10\n", (const char *const[]){ "more.steps=9", NULL }, store, NULL);
  check_tree (part);
  ck_assert_int_eq (task_at (part, 0)->parent, -1);
  ck_assert_uint_gt (part->tasks->len, part->runs->len);
  for (guint t = 0; t < part->tasks->len; t++)
    ck_assert_uint_gt (task_at (part, t)->n_nodes, 1);
}
END_TEST

static void
compare_plans (const PrSweepPlan *a, const PrSweepPlan *b)
{
  ck_assert_str_eq (a->experiment, b->experiment);
  ck_assert_str_eq (a->manifest, b->manifest);
  ck_assert_str_eq (a->cwd, b->cwd);
  ck_assert_int_eq (a->frozen, b->frozen);
  ck_assert_uint_eq (a->nodes->len, b->nodes->len);
  for (guint i = 0; i < a->nodes->len; i++)
    {
      const PrPlannedNode *x = a->nodes->pdata[i], *y = b->nodes->pdata[i];

      ck_assert_str_eq (x->key, y->key);
      ck_assert_str_eq (x->stage, y->stage);
      ck_assert (json_equal (x->parameters, y->parameters));
    }
  ck_assert_uint_eq (a->runs->len, b->runs->len);
  for (guint i = 0; i < a->runs->len; i++)
    {
      const PrPlannedRun *x = a->runs->pdata[i], *y = b->runs->pdata[i];

      ck_assert_str_eq (x->arm, y->arm);
      ck_assert_str_eq (x->name, y->name);
      ck_assert_uint_eq (x->seed, y->seed);
      ck_assert_uint_eq (x->n_nodes, y->n_nodes);
      ck_assert_mem_eq (x->nodes, y->nodes, x->n_nodes * sizeof (guint));
    }
  ck_assert_uint_eq (a->tasks->len, b->tasks->len);
  for (guint i = 0; i < a->tasks->len; i++)
    {
      ck_assert_int_eq (task_at (a, i)->parent, task_at (b, i)->parent);
      ck_assert_uint_eq (task_at (a, i)->run, task_at (b, i)->run);
      ck_assert_int_eq (task_at (a, i)->whole, task_at (b, i)->whole);
    }
}

START_TEST (a_plan_is_read_as_it_was_written)
{
  const char *const good[] = { "seed.n=11", "experiment.seeds=9223372036854775807;3", NULL };
  g_autoptr (PrSweepPlan) plan = plan_of (MANIFEST, good, NULL, NULL), read = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *difference = NULL;

  plan->frozen = TRUE;
  ck_assert (pr_sweep_plan_save (plan, out, &error));
  read = pr_sweep_plan_load (out, &error);
  ck_assert_no_error (error);
  compare_plans (plan, read);
  ck_assert_uint_eq (((const PrPlannedRun *)read->runs->pdata[0])->seed, G_MAXINT64);
  ck_assert_str_eq (read->set[0], "seed.n=11");
  difference = pr_sweep_plan_difference (plan, read);
  ck_assert_ptr_null (difference);
}
END_TEST

/* Whatever happened to plan.json: an error that names it, never a crash or a plan that is not the one that was written.
 */
START_TEST (a_plan_that_changed_is_refused)
{
  g_autoptr (PrSweepPlan) plan = plan_of (MANIFEST, NULL, NULL, NULL);
  g_autofree char *path = g_build_filename (out, "plan.json", NULL), *text = NULL;
  gsize length;

  ck_assert_ptr_null (pr_sweep_plan_load (out, NULL));
  ck_assert (pr_sweep_plan_save (plan, out, NULL));
  ck_assert (g_file_get_contents (path, &text, &length, NULL));
  for (gsize at = 0; at < length; at += 97)
    {
      g_autofree char *changed = g_memdup2 (text, length + 1);
      g_autoptr (GError) error = NULL;

      /* A digit or letter for another; blanks between mean nothing. */
      if (!g_ascii_isalnum (changed[at]))
        continue;
      changed[at] = changed[at] == '1' ? '2' : '1';
      ck_assert (g_file_set_contents (path, changed, (gssize)length, NULL));
      ck_assert_ptr_null (pr_sweep_plan_load (out, &error));
      ck_assert_pr_error (error, PR_ERROR_DATA, "plan.json");
      ck_assert_ptr_nonnull (strstr (error->message, "plan again"));
    }
  for (gsize at = 0; at < length; at += 501)
    {
      g_autoptr (GError) error = NULL;

      ck_assert (g_file_set_contents (path, text, (gssize)at, NULL));
      ck_assert_ptr_null (pr_sweep_plan_load (out, &error));
      ck_assert_pr_error (error, PR_ERROR_DATA, "plan.json");
    }
}
END_TEST

START_TEST (differences_are_named)
{
  const struct
  {
    const char *text;
    const char *const *set;
    const char *lines[3];
  } cases[] = {
    { MANIFEST,
      (const char *const[]){ "more.kill_at=3", NULL },
      { "settings (--set): was nothing, is more.kill_at=3" } },
    { MANIFEST,
      (const char *const[]){ "walk.steps=13", NULL },
      { "run 'short, seed 1' is another from stage 'walk' on", "run 'long[more.steps=6], seed 2' is another" } },
    { MANIFEST "# a remark\n", NULL, { "the text of the manifest changed (sha256 was " } },
    { MANIFEST "[arm new]\npipeline = seed; walk\nwalk.steps = 40\n", NULL, { "run 'new, seed 2' is new" } },
    { MANIFEST, (const char *const[]){ "experiment.seeds=2", NULL }, { "run 'same, seed 1' is gone" } },
  };
  g_autoptr (PrSweepPlan) plan = plan_of (MANIFEST, NULL, NULL, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PrSweepPlan) now = plan_of (cases[i].text, cases[i].set, NULL, NULL);
      g_autofree char *difference = pr_sweep_plan_difference (plan, now);

      ck_assert_ptr_nonnull (difference);
      for (gsize l = 0; l < 3 && cases[i].lines[l] != NULL; l++)
        ck_assert_msg (strstr (difference, cases[i].lines[l]) != NULL, "'%s' is not in:\n%s", cases[i].lines[l],
                       difference);
    }
}
END_TEST

START_TEST (the_guard_sees_what_changed)
{
  g_autoptr (PrSweepPlan) plan = plan_of (MANIFEST, NULL, NULL, NULL);
  g_autofree char *path = g_build_filename (dir, "input", NULL);
  g_autoptr (PrGuard) guard = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert (g_file_set_contents (path, "abc", -1, NULL));
  g_hash_table_insert (plan->inputs, g_strdup (path),
                       g_strdup ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  guard = pr_guard_new (plan);
  ck_assert (pr_guard_check (guard, &error));
  ck_assert (pr_guard_check (guard, &error));
  /* The same bytes in another file are the same input. */
  ck_assert (g_file_set_contents (path, "abc", -1, NULL));
  ck_assert (pr_guard_check (guard, &error));
  ck_assert (g_file_set_contents (path, "abd", -1, NULL));
  ck_assert (!pr_guard_check (guard, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "changed since the sweep was planned");
  ck_assert_ptr_nonnull (strstr (error->message, path));
  g_clear_error (&error);
  g_unlink (path);
  ck_assert (!pr_guard_check (guard, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "is gone");
}
END_TEST

START_TEST (a_frozen_plan_binds_another_does_not)
{
  g_autoptr (PrExperiment) experiment = NULL, changed = NULL;
  g_autoptr (PrSweepPlan) plan = plan_of (MANIFEST, NULL, NULL, &experiment), other = NULL, kept = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert (run_all (experiment, &error));
  other = plan_of (MANIFEST "more.steps = 8\n", NULL, NULL, &changed);
  ck_assert (run_all (changed, &error));
  kept = pr_sweep_plan_load (out, &error);
  kept->frozen = TRUE;
  ck_assert (pr_sweep_plan_save (kept, out, &error));
  ck_assert (run_all (changed, &error));
  ck_assert (!run_all (experiment, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "was frozen");
}
END_TEST

START_TEST (folders_of_sweeps)
{
  g_autoptr (PrSweepPlan) plan = plan_of (MANIFEST, NULL, NULL, NULL);
  g_autofree char *manifest = g_build_filename (dir, "m.manifest", NULL), *bad = g_build_filename (dir, "b", NULL);
  g_autofree char *a = pr_sweep_folder (manifest, NULL, NULL), *b = pr_sweep_folder (manifest, "there", NULL),
                  *c = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert_str_eq (a, "pauserec-results/probe");
  ck_assert_str_eq (b, "there");
  ck_assert_ptr_null (pr_sweep_folder (dir, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "has no plan.json");
  g_clear_error (&error);
  ck_assert (pr_sweep_plan_save (plan, out, NULL));
  c = pr_sweep_folder (out, NULL, NULL);
  ck_assert_str_eq (c, out);
  ck_assert (g_file_set_contents (bad, "[experiment]\nname = ../../etc\n", -1, NULL));
  ck_assert_ptr_null (pr_sweep_folder (bad, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "b:2: ");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sweep-plan");
  TCase *tc = tcase_create ("sweep-plan");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, what_runs_share_is_a_task_of_its_own);
  tcase_add_test (tc, what_is_in_the_store_needs_no_task);
  tcase_add_test (tc, a_plan_is_read_as_it_was_written);
  tcase_add_test (tc, a_plan_that_changed_is_refused);
  tcase_add_test (tc, differences_are_named);
  tcase_add_test (tc, the_guard_sees_what_changed);
  tcase_add_test (tc, a_frozen_plan_binds_another_does_not);
  tcase_add_test (tc, folders_of_sweeps);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
