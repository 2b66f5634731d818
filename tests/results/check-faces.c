/* How comparisons look: text, Markdown, LaTeX, CSV. */
#include "config.h"

#include "results-check.h"

#include "results/comparison.h"
#include "results/face.h"

enum
{
  N_USERS = 300
};

#define ODD "a_b%c&d#e$f{g}h~i^j\\k|l<m>n[x=*]\"q\""

/* base: seeds 1 and 2; three arms with seed 1 only: one better, one worse, and one that is like it but for two users.
 */
static char *
make_experiment (const char *dir, const char *better)
{
  char *out = g_build_filename (dir, "results.h5", NULL);
  const struct
  {
    const char *arm;
    guint64 seed;
    int n_hits;
  } runs[] = { { "base", 1, 61 }, { "base", 2, 41 }, { better, 1, 101 }, { "worse", 1, 21 }, { "like", 1, 63 } };
  char *paths[G_N_ELEMENTS (runs)];
  GError *error = NULL;

  for (gsize r = 0; r < G_N_ELEMENTS (runs); r++)
    {
      float hits[N_USERS] = { NAN };
      MadeRun made;

      for (int i = 1; i < N_USERS; i++)
        hits[i] = i < runs[r].n_hits;
      made_run_init (&made, runs[r].arm, runs[r].seed, hits, N_USERS);
      paths[r] = g_strdup_printf ("%s/run%d.h5", dir, (int)r);
      pr_results_write_run (&made.run, paths[r], &error);
      ck_assert_no_error (error);
      made_run_clear (&made);
    }
  pr_results_merge ((const char *const *)paths, G_N_ELEMENTS (runs), "tiny", "hit_10", "base", out, &error);
  ck_assert_no_error (error);
  for (gsize r = 0; r < G_N_ELEMENTS (runs); r++)
    g_free (paths[r]);
  return out;
}

static PrComparison *
compare (const char *path, const char *baseline)
{
  GError *error = NULL;
  PrComparison *c = pr_comparison_new (path, baseline, (const char *const[]){ "hit_10", "coverage_10", NULL }, &error);

  ck_assert_no_error (error);
  return c;
}

/* The line of TEXT that begins with START, spaces before it aside. */
static char *
line_of (const char *text, const char *start)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (g_strchug (*line), start))
      return g_strdup (*line);
  ck_abort_msg ("no line begins with '%s' in\n%s", start, text);
  return NULL;
}

START_TEST (text_says_what_is_significant_and_what_could_be)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir, "pause");
  g_autoptr (PrComparison) c = compare (path, NULL);
  g_autofree char *text = pr_comparison_text (c), *like = line_of (text, "like"), *pause = line_of (text, "pause");
  g_autofree char *worse = line_of (text, "worse"), *base = line_of (text, "base ");
  g_autofree char *detectable = g_strdup_printf (" not significant (%.2f %%)", 100 * c->cells[6].detectable);

  ck_assert (g_str_has_prefix (text, "tiny: 300 users, baseline base\n"));
  ck_assert_ptr_nonnull (strstr (text, "vs base"));
  ck_assert (g_str_has_suffix (like, detectable));
  ck_assert_ptr_nonnull (strstr (like, "+3.33 %"));
  /* sd of two users of 299 that gain, three standard errors and more for 0.05 / 3. */
  ck_assert_double_eq_tol (c->cells[6].detectable, 3.2357 * sqrt (2 * (1 - 2.0 / 299) / 298 / 299) / (60.0 / 299),
                           2e-4);
  ck_assert (g_str_has_suffix (pause, " better") && g_str_has_suffix (worse, " worse"));
  ck_assert_ptr_nonnull (strstr (pause, "0.3344"));
  ck_assert_ptr_nonnull (strstr (pause, " 1/1 "));
  ck_assert_ptr_nonnull (strstr (worse, " 0/1 "));
  ck_assert (g_str_has_suffix (base, " -"));
  ck_assert_ptr_nonnull (strstr (text, "(oracle)"));
  ck_assert_ptr_nonnull (strstr (text, "training cost"));
  ck_assert_ptr_nonnull (strstr (text, "note: arm 'pause' has 1 of 2 seeds\n"));
  ck_assert_ptr_nonnull (strstr (text, "note: arm 'pause' is paired with 'base' in seed 1 alone\n"));
  ck_assert_ptr_nonnull (strstr (text, "adjusted by Holm for the 3 arms"));
  ck_assert_ptr_nonnull (strstr (text, "exchangeable units"));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (text_fits_a_terminal)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir, "pause-pretrain");
  g_autoptr (PrComparison) c = compare (path, NULL);
  g_autofree char *text = pr_comparison_text (c);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    ck_assert_msg (g_utf8_strlen (*line, -1) <= 120, "%d columns: %s", (int)g_utf8_strlen (*line, -1), *line);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (another_baseline_turns_the_verdict)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir, "pause");
  g_autoptr (PrComparison) c = compare (path, "pause");
  g_autofree char *text = pr_comparison_text (c), *base = line_of (text, "base ");

  ck_assert (g_str_has_prefix (text, "tiny: 300 users, baseline pause\n"));
  ck_assert (g_str_has_suffix (base, " worse"));
  ck_assert_ptr_nonnull (strstr (base, "-40.00 %"));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (csv_has_every_number)
{
  static const char *const names[] = { "baseline", "paired_seeds", "better_seeds", "paired_users", "p",
                                       "p_holm",   "comparisons",  "detectable",   "verdict" };
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir, ODD);
  g_autoptr (PrComparison) c = compare (path, NULL);
  g_autofree char *csv = pr_comparison_csv (c);
  g_auto (GStrv) lines = g_strsplit (csv, "\n", -1), head = g_strsplit (lines[0], ",", -1);

  ck_assert_uint_eq (g_strv_length (lines), 1 + 4 * 2 + 1);
  ck_assert_uint_eq (g_strv_length (head), 34);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    ck_assert_str_eq (head[25 + i], names[i]);
  for (int i = 1; i < 9; i++)
    {
      g_auto (GStrv) fields = g_strsplit (lines[i], ",", -1);
      gboolean tested = i % 2 == 1 && i > 2;

      ck_assert_uint_eq (g_strv_length (fields), 34);
      ck_assert_str_eq (fields[25], "\"base\"");
      ck_assert_str_eq (fields[26], i > 2 ? "1" : "0");
      ck_assert_str_eq (fields[28], tested ? "299" : "0");
      ck_assert_str_eq (fields[31], i % 2 == 1 ? "3" : "0");
      ck_assert_int_eq (fields[29][0] != '\0', tested);
    }
  ck_assert (g_str_has_prefix (lines[3], "\"a_b%c&d#e$f{g}h~i^j\\k|l<m>n[x=*]\"\"q\"\"\",hit_10,1,"));
  ck_assert (g_str_has_suffix (lines[3], ",better"));
  ck_assert (g_str_has_suffix (lines[7], ",not significant"));
  ck_assert_ptr_nonnull (
      strstr (lines[8], "coverage_10,1,0.5,,,,0,,,,1200,0,0,0,0,,2,3,4096,0,0,0,5,1,\"base\",1,0,0,"));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (markdown_is_an_overview_and_its_numbers)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir, ODD);
  g_autoptr (PrComparison) c = compare (path, NULL);
  g_autofree char *markdown = pr_comparison_markdown (c);

  ck_assert (g_str_has_prefix (markdown, "tiny: 300 users, baseline base\n\n| arm | hit_10 | coverage_10 |\n"
                                         "|---|---|---|\n| base | 0.1672 ± 0.0473 | 0.5000 ± 0.0000 |\n"));
  ck_assert_ptr_nonnull (strstr (markdown, "| a_b%c&amp;d#e$f{g}h~i^j\\\\k\\|l&lt;m>n\\[x=\\*\\]\"q\" | 0.3344 (+) |"));
  ck_assert_ptr_nonnull (strstr (markdown, "| worse | 0.0669 (-) | 0.5000 |\n| like | 0.2074 (n.s.) | 0.5000 |\n"));
  ck_assert_ptr_nonnull (strstr (markdown, "| hit_10 | mean | sd | 95 % interval | vs base | 95 % interval | ahead |"));
  ck_assert_ptr_nonnull (strstr (markdown, "exchangeable units"));
  pr_check_rmdir (dir);
}
END_TEST

/* LaTeX without its commands and escapes must not have a special character left. */
static char *
strip_latex (const char *latex)
{
  static const char *const known = "\\\\\\\\|\\\\(begin|end)\\{tabular\\}(\\{l+r*\\})?|\\\\(hline|medskip|noindent)|"
                                   "\\\\text(backslash|asciitilde|asciicircum|less|greater|bar)\\{\\}|"
                                   "\\$(\\\\pm|-)\\$|\\\\[_%&#${}]|\\{[\\[\\]*]\\}";
  g_autoptr (GRegex) commands = g_regex_new (known, 0, 0, NULL);

  return g_regex_replace_literal (commands, latex, -1, 0, "", 0, NULL);
}

static void
check_latex (const char *latex, const char *odd_name)
{
  g_auto (GStrv) lines = g_strsplit (latex, "\n", -1);
  gsize columns = 0, rows = 0;

  ck_assert_str_eq (lines[0], "% Tables of pauserec compare, to \\input; they need no package.");
  ck_assert_ptr_nonnull (strstr (latex, odd_name));
  for (char **line = lines + 1; *line != NULL; line++)
    {
      g_autofree char *bare = strip_latex (*line);
      gsize cells = 1;

      if (g_str_has_prefix (*line, "\\begin{tabular}{"))
        columns = strlen (*line) - strlen ("\\begin{tabular}{}");
      for (char *at = bare; *at != '\0'; at++)
        {
          cells += *at == '&';
          ck_assert_msg (strchr ("\\_%#$^~{}[]*<>|\"", *at) == NULL, "'%c' in '%s'", *at, *line);
          ck_assert_msg ((guchar)*at < 128, "'%s' is more than ASCII", *line);
        }
      if (!g_str_has_suffix (*line, "\\\\"))
        ck_assert_msg (cells == 1, "a special & in '%s'", *line);
      else
        ck_assert_msg (cells == columns, "%d cells of %d in '%s'", (int)cells, (int)columns, *line);
      rows += g_str_has_suffix (*line, "\\\\");
    }
  ck_assert_uint_gt (rows, 5);
}

START_TEST (latex_is_escaped)
{
  const char *name =
      "a\\_b\\%c\\&d\\#e\\$f\\{g\\}h\\textasciitilde{}i\\textasciicircum{}j\\textbackslash{}k\\textbar{}l"
      "\\textless{}m\\textgreater{}n{[}x={*}{]}''q''";
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir, ODD);
  g_autoptr (PrComparison) c = compare (path, NULL), odd = compare (path, ODD);
  g_autofree char *latex = pr_comparison_latex (c), *costs = pr_comparison_costs_latex (c), *kept = NULL;
  g_autofree char *against = pr_comparison_latex (odd);

  check_latex (latex, name);
  check_latex (costs, name);
  check_latex (against, name);
  ck_assert_ptr_nonnull (strstr (latex, "\\noindent tiny: 300 users, baseline base\n"));
  ck_assert_ptr_nonnull (strstr (latex, "base & 0.1672 $\\pm$ 0.0473 & 0.5000 $\\pm$ 0.0000 \\\\\n"));
  ck_assert_ptr_nonnull (strstr (latex, " & $-$66.67 \\% & $-$"));
  ck_assert_ptr_nonnull (strstr (latex, "hit\\_10 & mean & sd & 95 \\% interval & vs base & "));
  /* For those who want to see it set. */
  kept = g_strdup (g_getenv ("PR_KEEP_LATEX"));
  if (kept != NULL)
    {
      g_autofree char *all = g_strconcat ("\\documentclass{article}\\begin{document}\\tiny\n", latex, against, costs,
                                          "\\end{document}\n", NULL);

      ck_assert (g_file_set_contents (kept, all, -1, NULL));
    }
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_latex_row_cannot_begin_with_an_argument)
{
  g_autoptr (GString) out = g_string_new (NULL);
  g_auto (PrGrid) grid;

  pr_grid_init (&grid, 2);
  pr_grid_add (&grid, "a");
  pr_grid_add (&grid, "-1.5 .. -0.5");
  pr_grid_add (&grid, "[1ex]");
  pr_grid_add (&grid, "x\ny");
  pr_grid_latex (&grid, out);
  ck_assert_str_eq (out->str, "\\begin{tabular}{lr}\n\\hline\na & $-$1.5 .. $-$0.5 \\\\\n\\hline\n"
                              "{[}1ex{]} & x y \\\\\n\\hline\n\\end{tabular}\n");
}
END_TEST

START_TEST (every_face_names_the_baseline)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir, "pause");
  g_autoptr (PrComparison) c = compare (path, "like");
  char *(*const faces[]) (const PrComparison *) = { pr_comparison_text,           pr_comparison_csv,
                                                    pr_comparison_markdown,       pr_comparison_latex,
                                                    pr_comparison_costs_text,     pr_comparison_costs_csv,
                                                    pr_comparison_costs_markdown, pr_comparison_costs_latex };

  for (gsize i = 0; i < G_N_ELEMENTS (faces); i++)
    {
      g_autofree char *face = faces[i](c);

      if (i % 4 != 1)
        ck_assert_ptr_nonnull (strstr (face, "baseline like\n"));
      else
        ck_assert_ptr_nonnull (strstr (face, ",\"like\""));
    }
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("faces");
  TCase *faces = tcase_create ("faces");

  tcase_add_test (faces, text_says_what_is_significant_and_what_could_be);
  tcase_add_test (faces, text_fits_a_terminal);
  tcase_add_test (faces, another_baseline_turns_the_verdict);
  tcase_add_test (faces, csv_has_every_number);
  tcase_add_test (faces, markdown_is_an_overview_and_its_numbers);
  tcase_add_test (faces, latex_is_escaped);
  tcase_add_test (faces, a_latex_row_cannot_begin_with_an_argument);
  tcase_add_test (faces, every_face_names_the_baseline);
  suite_add_tcase (suite, faces);
  return pr_check_main (suite);
}
