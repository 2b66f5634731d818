/* What an arm costs: sums over its stages worked out by hand. */
#include "config.h"

#include "results-check.h"

#include "results/comparison.h"
#include "results/grid.h"

/* A stage as a test says it; the rest is 0. */
typedef struct
{
  const char *name;
  double costs[PR_N_COSTS];
  double wall, cpu;
  guint64 mib;
} Stage;

#define EMBED                                                                                                          \
  {                                                                                                                    \
    "embed", { [PR_COST_FLOPS] = 1e12 }, .wall = 4, .cpu = 8, .mib = 300                                               \
  }

/* Quantities of training, and of answering USERS users in S seconds. */
#define SFT(tokens, read, made, steps, flops, s)                                                                       \
  {                                                                                                                    \
    "sft", { tokens, read, made, steps, flops }, .wall = s, .cpu = 2 * (s), .mib = 500                                 \
  }
#define RECOMMEND(read, made, flops, users, s)                                                                         \
  {                                                                                                                    \
    "recommend", { 0, read, made, 0, flops, users, s }, .wall = (s) + 1, .cpu = 2 * (s), .mib = 900                    \
  }

static char *
write_run (const char *dir, const char *arm, guint64 seed, const Stage *stages, gsize n)
{
  g_autofree char *name = g_strdup_printf ("%s-%d.h5", arm, (int)seed);
  char *path = g_build_filename (dir, name, NULL);
  g_autofree PrStageResult *results = g_new0 (PrStageResult, n);
  g_autofree PrRecord **records = g_new0 (PrRecord *, n);
  json_t *provenance = json_pack ("{s:s}", "program", "pauserec");
  const PrRunResult run = { .experiment = "tiny",
                            .arm = arm,
                            .manifest = "[experiment]\nname = tiny\n",
                            .run_key = "0123456789abcdef",
                            .seed = seed,
                            .stages = results,
                            .n_stages = n,
                            .provenance = provenance };
  GError *error = NULL;

  for (gsize i = 0; i < n; i++)
    {
      records[i] = pr_record_new ();
      memcpy (records[i]->costs, stages[i].costs, sizeof stages[i].costs);
      records[i]->wall_seconds = stages[i].wall;
      records[i]->cpu_seconds = stages[i].cpu;
      records[i]->peak_rss = stages[i].mib << 20;
      results[i] = (PrStageResult){ stages[i].name, "aa", records[i] };
    }
  pr_record_metric (records[n - 1], "hit_10", 0.5);
  pr_results_write_run (&run, path, &error);
  ck_assert_no_error (error);
  for (gsize i = 0; i < n; i++)
    pr_record_free (records[i]);
  json_decref (provenance);
  return path;
}

/* Arm base with two seeds, cot with one: it shares embed, has a teacher that generates, and thinks; popularity has no
 * stage that says whom it answered. */
static char *
make_experiment (const char *dir)
{
  static const Stage base1[] = { EMBED, SFT (1000, 100, 20, 10, 3e12, 20), RECOMMEND (4000, 400, 2e9, 100, 0.5) };
  static const Stage base2[] = { EMBED, SFT (3000, 300, 40, 30, 5e12, 40), RECOMMEND (6000, 600, 4e9, 100, 1.5) };
  static const Stage cot[] = { EMBED,
                               { "distill", { 0, 50000, 9000, 0, 4e12 }, .wall = 7, .cpu = 7, .mib = 1000 },
                               SFT (12345678, 500, 60, 20, 15e12, 80),
                               RECOMMEND (50000, 5000, 30e9, 100, 3.5) };
  static const Stage popular[] = { { "popularity", { 0 }, .wall = 0.25, .cpu = 0.25, .mib = 64 } };
  char *out = g_build_filename (dir, "results.h5", NULL);
  g_autofree char *a = write_run (dir, "base", 1, base1, 3), *b = write_run (dir, "base", 2, base2, 3);
  g_autofree char *c = write_run (dir, "cot", 1, cot, 4), *d = write_run (dir, "popular", 1, popular, 1);
  GError *error = NULL;

  pr_results_merge ((const char *const[]){ a, b, c, d }, 4, "tiny", "hit_10", "base", out, &error);
  ck_assert_no_error (error);
  return out;
}

static PrComparison *
compare (const char *path)
{
  GError *error = NULL;
  PrComparison *c = pr_comparison_new (path, NULL, NULL, &error);

  ck_assert_no_error (error);
  return c;
}

START_TEST (training_is_the_sum_of_what_answers_nobody)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir);
  g_autoptr (PrComparison) c = compare (path);
  const PrCosts *base = &c->costs[0].training, *cot = &c->costs[1].training;

  ck_assert_double_eq (base->counters[PR_COST_TRAIN_TOKENS], 2000);
  ck_assert_double_eq (base->counters[PR_COST_INFER_TOKENS], 200);
  ck_assert_double_eq (base->counters[PR_COST_GENERATED_TOKENS], 30);
  ck_assert_double_eq (base->counters[PR_COST_OPTIMIZER_STEPS], 20);
  ck_assert_double_eq (base->counters[PR_COST_FLOPS], 5e12);
  ck_assert_double_eq (base->counters[PR_COST_INFER_USERS], 0);
  ck_assert_double_eq (base->wall_seconds, 34);
  ck_assert_double_eq (base->cpu_seconds, 68);
  ck_assert_double_eq (base->peak_bytes, 500 * 1048576.0);
  /* The stage that both share counts in both; the teacher is a price of training. */
  ck_assert_double_eq (cot->counters[PR_COST_INFER_TOKENS], 50500);
  ck_assert_double_eq (cot->counters[PR_COST_GENERATED_TOKENS], 9060);
  ck_assert_double_eq (cot->counters[PR_COST_FLOPS], 20e12);
  ck_assert_double_eq (cot->wall_seconds, 91);
  ck_assert_double_eq (cot->peak_bytes, 1000 * 1048576.0);
  ck_assert_double_eq (c->costs[2].training.wall_seconds, 0.25);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (inference_is_given_for_each_user)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir);
  g_autoptr (PrComparison) c = compare (path);
  const PrCosts *base = &c->costs[0].inference, *popular = &c->costs[2].inference;

  ck_assert_double_eq (pr_costs_per_user (base, base->counters[PR_COST_INFER_TOKENS]), 50);
  ck_assert_double_eq (pr_costs_per_user (base, base->counters[PR_COST_GENERATED_TOKENS]), 5);
  ck_assert_double_eq (pr_costs_per_user (base, base->counters[PR_COST_FLOPS]), 3e7);
  ck_assert_double_eq (pr_costs_user_ms (base), 10);
  ck_assert_double_eq (pr_costs_user_ms (&c->costs[1].inference), 35);
  ck_assert (isnan (pr_costs_user_ms (popular)));
  pr_check_rmdir (dir);
}
END_TEST

/* A baseline that learns and answers in one stage. */
START_TEST (a_stage_that_does_both_is_taken_apart)
{
  static const Stage both[] = { EMBED,
                                { "tiger", { 1000, 700, 60, 10, 9e9, 50, 2 }, .wall = 30, .cpu = 50, .mib = 200 } };
  g_autofree char *dir = pr_check_tmpdir (), *run = write_run (dir, "base", 1, both, 2);
  g_autofree char *path = g_build_filename (dir, "results.h5", NULL);
  g_autoptr (PrComparison) c = NULL;
  g_autofree char *text = NULL;
  const PrCosts *training, *inference;

  ck_assert (pr_results_merge ((const char *const[]){ run }, 1, "tiny", "hit_10", "base", path, NULL));
  c = compare (path);
  training = &c->costs[0].training;
  inference = &c->costs[0].inference;
  ck_assert_double_eq (training->counters[PR_COST_TRAIN_TOKENS], 1000);
  ck_assert_double_eq (training->counters[PR_COST_INFER_TOKENS], 700);
  ck_assert_double_eq (training->counters[PR_COST_FLOPS], 1.009e12);
  ck_assert_double_eq (training->counters[PR_COST_INFER_USERS], 0);
  ck_assert_double_eq (training->wall_seconds, 32);
  ck_assert_double_eq (pr_costs_user_ms (inference), 40);
  ck_assert (isnan (inference->counters[PR_COST_FLOPS]));
  ck_assert (!c->stages[1].answers);
  text = pr_comparison_text (c);
  ck_assert_ptr_nonnull (strstr (text, "  base                      -          -     -  40.00        -\n"));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (stages_are_listed_in_the_order_of_pipelines)
{
  static const char *const names[] = {
    "embed", "sft", "recommend", "embed", "distill", "sft", "recommend", "popularity"
  };
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir);
  g_autoptr (PrComparison) c = compare (path);

  ck_assert_uint_eq (c->n_stages, G_N_ELEMENTS (names));
  for (gsize i = 0; i < c->n_stages; i++)
    {
      ck_assert_str_eq (c->stages[i].stage, names[i]);
      ck_assert_uint_eq (c->stages[i].arm, i < 3 ? 0 : i < 7 ? 1 : 2);
      ck_assert_int_eq (c->stages[i].answers, strcmp (names[i], "recommend") == 0);
    }
  ck_assert_double_eq (c->stages[1].costs.counters[PR_COST_TRAIN_TOKENS], 2000);
  ck_assert_double_eq (c->stages[1].costs.wall_seconds, 30);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (tables_say_what_it_costs)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir);
  g_autoptr (PrComparison) c = compare (path);
  g_autofree char *text = pr_comparison_text (c), *markdown = pr_comparison_markdown (c), *csv = pr_comparison_csv (c);

  ck_assert_ptr_nonnull (strstr (
      text, "  training cost  seeds  trained   read  generated  steps  FLOP  vs base  wall s  CPU s  peak MiB\n"
            "  base               2     2000    200         30     20    5T        -    34.0   68.0       500\n"
            "  cot                1   12.35M  50.5k       9060     20   20T    4.00x    91.0  175.0      1000\n"
            "  popular            1        0      0          0      0     0    0.00x     0.2    0.2        64\n"));
  ck_assert_ptr_nonnull (strstr (text, "  inference cost a user   read  generated  FLOP     ms  vs base\n"
                                       "  base                    50.0        5.0   30M  10.00        -\n"
                                       "  cot                    500.0       50.0  300M  35.00    3.50x\n"
                                       "  popular                    -          -     -      -        -\n"));
  ck_assert_ptr_nonnull (strstr (markdown, "| training cost | seeds | trained |"));
  ck_assert_ptr_nonnull (strstr (markdown, "|\n|---|---|---|---|---|---|\n| base | 50.0 | 5.0 | 30M | 10.00 | - |\n"));
  ck_assert_ptr_nonnull (strstr (csv, "oracle,training_tokens,"));
  ck_assert_ptr_nonnull (strstr (csv, "\"cot\",hit_10,1,0.5,,,,0,,,,12345678,50500,9060,20,2e+13,4,91,175,1048576000,"
                                      "500,50,300000000,35,3.5,\"base\","));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (stages_are_tables_too)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir);
  g_autoptr (PrComparison) c = compare (path);
  g_autofree char *text = pr_comparison_costs_text (c), *markdown = pr_comparison_costs_markdown (c);
  g_autofree char *csv = pr_comparison_costs_csv (c);
  g_auto (GStrv) lines = g_strsplit (csv, "\n", -1);

  ck_assert_ptr_nonnull (strstr (text, "  cot      distill "));
  ck_assert_ptr_nonnull (
      strstr (markdown, "| base | recommend | 0 | 5000 | 500 | 0 | 3G | 100 | 1.0 | 2.0 | 2.0 | 900 |"));
  ck_assert_str_eq (lines[0], "arm,stage,part,seeds,wall_seconds,cpu_seconds,peak_rss_bytes,train_tokens,infer_tokens,"
                              "generated_tokens,optimizer_steps,flops,infer_users,infer_seconds,baseline");
  ck_assert_str_eq (lines[3], "\"base\",recommend,inference,2,2,2,943718400,0,5000,500,0,3000000000,100,1,\"base\"");
  ck_assert_str_eq (lines[5], "\"cot\",distill,training,1,7,7,1048576000,0,50000,9000,0,4e+12,0,0,\"base\"");
  ck_assert_uint_eq (g_strv_length (lines), 10);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (times_and_memory_are_no_result)
{
  static const Stage quick[] = { SFT (1, 2, 3, 4, 5, 10), RECOMMEND (1, 2, 3, 4, 5) };
  static const Stage slow[] = { SFT (1, 2, 3, 4, 5, 99), { "recommend", { 0, 1, 2, 0, 3, 4, 99 }, 7, 8, 9 } };
  static const Stage other[] = { SFT (1, 2, 3, 4, 6, 10), RECOMMEND (1, 2, 3, 4, 5) };
  g_autofree char *dir = pr_check_tmpdir ();
  char *digests[3] = { NULL };
  const Stage *const runs[] = { quick, slow, other };
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (runs); i++)
    {
      g_autofree char *path = write_run (dir, "base", 1, runs[i], 2);

      ck_assert (pr_results_verify_run (path, NULL, &digests[i], &error));
    }
  ck_assert_str_eq (digests[0], digests[1]);
  ck_assert_str_ne (digests[0], digests[2]);
  for (gsize i = 0; i < G_N_ELEMENTS (runs); i++)
    g_free (digests[i]);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (counts_keep_four_digits)
{
  static const struct
  {
    double value;
    const char *text;
  } cases[] = { { 0, "0" },    { 9999, "9999" },       { 10000, "10k" },   { 545418, "545.4k" }, { 999949, "999.9k" },
                { 1e6, "1M" }, { 28116685, "28.12M" }, { 1.5e12, "1.5T" }, { 2e16, "20P" },      { NAN, "-" } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (PrGrid) grid;

      pr_grid_init (&grid, 1);
      pr_grid_add_count (&grid, cases[i].value);
      ck_assert_str_eq (grid.cells->pdata[0], cases[i].text);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("cost");
  TCase *sums = tcase_create ("sums"), *tables = tcase_create ("tables");

  tcase_add_test (sums, training_is_the_sum_of_what_answers_nobody);
  tcase_add_test (sums, a_stage_that_does_both_is_taken_apart);
  tcase_add_test (sums, inference_is_given_for_each_user);
  tcase_add_test (sums, stages_are_listed_in_the_order_of_pipelines);
  tcase_add_test (sums, times_and_memory_are_no_result);
  tcase_add_test (tables, tables_say_what_it_costs);
  tcase_add_test (tables, stages_are_tables_too);
  tcase_add_test (tables, counts_keep_four_digits);
  suite_add_tcase (suite, sums);
  suite_add_tcase (suite, tables);
  return pr_check_main (suite);
}
