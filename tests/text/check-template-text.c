/* Sentences with blanks: what fills them, what is refused, and files of them. */
#include "../data/data-check.h"

#include <pauserec/template.h>

static char *dir;
static PrDataset *dataset;

/* 0 tent, 1 mat, 2 lamp without brand and categories, 3 nothing but an id. */
static void
setup (void)
{
  static const char *const tents[] = { "Out", "Tents", NULL }, *const mats[] = { "Out", "  ", "Mats\nsoft", NULL },
                           *const none[] = { NULL };
  const PrItem items[] = {
    { "t", "Green\n tent", "Nord", "", tents },
    { "m", "Mat", "Nord", "", mats },
    { "l", "Lamp", "", "", none },
    { "x", "", "", "", none },
  };
  const gint32 bought[] = { 0, 1, 2, 3, 0 };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("words");
  GError *error = NULL;

  dir = pr_check_tmpdir ();
  for (gsize i = 0; i < G_N_ELEMENTS (items); i++)
    pr_dataset_builder_add_item (builder, &items[i]);
  pr_dataset_builder_add_user (builder, "u", bought, G_N_ELEMENTS (bought));
  ck_assert_msg (pr_dataset_builder_write (builder, dir, &error), "%s", error ? error->message : "");
  dataset = pr_dataset_load (dir, &error);
  ck_assert_no_error (error);
}

static void
teardown (void)
{
  g_clear_pointer (&dataset, pr_dataset_free);
  pr_check_rmdir (dir);
  g_clear_pointer (&dir, g_free);
}

/* TEXT filled with purchases 0, 1, 2, 3, 0 (oldest first) and TARGET, NULL if that fails. */
static char *
filled (const char *text, gint32 target)
{
  static const gint32 history[] = { 0, 1, 2, 3, 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (PrTemplate) tmpl = pr_template_parse (text, PR_TEMPLATE_ANY, "here", &error);
  GString *to = g_string_new ("> ");

  ck_assert_no_error (error);
  ck_assert_str_eq (pr_template_text (tmpl), text);
  if (pr_template_fill (tmpl, dataset, history, G_N_ELEMENTS (history), target, to))
    return g_string_free (to, FALSE);
  ck_assert_str_eq (to->str, "> ");
  g_string_free (to, TRUE);
  return NULL;
}

static const struct
{
  const char *text;
  gint32 target;
  const char *filled; /* NULL: a blank has no words */
} fills[] = {
  { "", 0, "> " },
  { "no blank", -1, "> no blank" },
  { "{{{target_title}}}", 0, "> {Green tent}" },
  { "a\tb }} {{", 0, "> a b } {" },
  { "{target_brand}: {target_category}, {target_categories}.", 0, "> Nord: Tents, Out > Tents." },
  { "{target_categories}|{target_category}", 1, "> Out > Mats soft|Mats soft" },
  { "{target_title}", -1, NULL },
  { "words {target_title}", 3, NULL },
  { "{target_category}", 2, NULL },
  /* newest first, each once, nameless ones passed over */
  { "{history_title}", -1, "> Green tent, Lamp, Mat" },
  { "{history_brand} {history_category}", -1, "> Nord Tents, Mats soft" },
  { "{history_categories}", -1, "> Out > Tents, Out > Mats soft" },
  { "{last_title}", -1, "> Green tent" },
  { "{last_1_title} {last_2_title} {last_3_title}", -1, "> Green tent Green tent Green tent, Lamp" },
  { "{last_1000_brand}", -1, "> Nord" },
};

START_TEST (blanks_are_filled)
{
  g_autofree char *text = filled (fills[_i].text, fills[_i].target);

  ck_assert_pstr_eq (text, fills[_i].filled);
}
END_TEST

START_TEST (nothing_comes_of_no_history)
{
  g_autoptr (PrTemplate) last = pr_template_parse ("{last_title}", PR_TEMPLATE_HISTORY_ONLY, "here", NULL);
  g_autoptr (GString) text = g_string_new ("");
  const gint32 nameless[] = { 3 };

  ck_assert (!pr_template_fill (last, dataset, NULL, 0, -1, text));
  ck_assert (!pr_template_fill (last, dataset, nameless, 1, -1, text));
  ck_assert_str_eq (text->str, "");
}
END_TEST

static const struct
{
  const char *text;
  PrTemplateBlanks allowed;
  const char *part;
} faults[] = {
  { "{target_titel}", PR_TEMPLATE_ANY, "did you mean 'target_title'?" },
  { "{last_2_brnad}", PR_TEMPLATE_ANY, "did you mean 'last_2_brand'?" },
  { "{histroy_category}", PR_TEMPLATE_HISTORY_ONLY, "here: '{histroy_category}' is no blank" },
  { "{histroy_category}", PR_TEMPLATE_HISTORY_ONLY, "did you mean 'history_category'?" },
  { "{last_0_title}", PR_TEMPLATE_ANY, "from 1 to 1000" },
  { "{last_1001_title}", PR_TEMPLATE_ANY, "from 1 to 1000" },
  { "{last_01_title}", PR_TEMPLATE_ANY, "from 1 to 1000" },
  { "{last_99999999999999999999_title}", PR_TEMPLATE_ANY, "from 1 to 1000" },
  { "{last_3title}", PR_TEMPLATE_ANY, "did you mean 'last_3_title'?" },
  { "{last_3_}", PR_TEMPLATE_ANY, "is no blank" },
  { "{last_}", PR_TEMPLATE_ANY, "is no blank" },
  { "{}", PR_TEMPLATE_ANY, "'{}' is no blank" },
  { "{target_title", PR_TEMPLATE_ANY, "the '{' at byte 1 has no partner" },
  { "ab{", PR_TEMPLATE_ANY, "the '{' at byte 3 has no partner" },
  { "{target{title}", PR_TEMPLATE_ANY, "the '{' at byte 1 has no partner" },
  { "a}b", PR_TEMPLATE_ANY, "the '}' at byte 2 has no partner" },
  { "a}", PR_TEMPLATE_ANY, "the '}' at byte 2 has no partner" },
  { "two\nlines", PR_TEMPLATE_ANY, "more than one line" },
  { "\xff", PR_TEMPLATE_ANY, "not UTF-8" },
  { "{target_brand}", PR_TEMPLATE_HISTORY_ONLY, "write {last_brand} or {history_brand}" },
};

START_TEST (what_is_no_template_is_refused)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pr_template_parse (faults[_i].text, faults[_i].allowed, "here", &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, faults[_i].part);
  ck_assert (g_str_has_prefix (error->message, "here: "));
}
END_TEST

START_TEST (templates_are_bounded)
{
  g_autofree char *text = g_strnfill (64 * 1024 + 1, 'a');
  g_autoptr (PrTemplate) tmpl = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pr_template_parse (text, PR_TEMPLATE_ANY, "here", &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "longer than 64 KiB");
  text[64 * 1024] = '\0';
  tmpl = pr_template_parse (text, PR_TEMPLATE_ANY, "here", NULL);
  ck_assert_ptr_nonnull (tmpl);
}
END_TEST

/* Files -------------------------------------------------------------------- */

static const char sound[] = "# why\n"
                            "\n"
                            "first {target_title}\n"
                            "[short]\n"
                            "  {target_category}  \n"
                            "{target_brand}\r\n"
                            "[note]\n"
                            "{last_title}";

START_TEST (a_purpose_picks_its_section)
{
  g_autofree char *path = data_file (dir, "t.txt", sound, -1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) first = pr_templates_load (path, "default", PR_TEMPLATE_ANY, &error), second = NULL, note = NULL;

  ck_assert_no_error (error);
  ck_assert_uint_eq (first->len, 1);
  ck_assert_str_eq (pr_template_text (first->pdata[0]), "first {target_title}");
  second = pr_templates_load (path, "short", PR_TEMPLATE_ANY, &error);
  ck_assert_no_error (error);
  ck_assert_uint_eq (second->len, 2);
  ck_assert_str_eq (pr_template_text (second->pdata[0]), "{target_category}");
  ck_assert_str_eq (pr_template_text (second->pdata[1]), "{target_brand}");
  /* What other sections say of targets does not hurt notes. */
  note = pr_templates_load (path, "note", PR_TEMPLATE_HISTORY_ONLY, &error);
  ck_assert_no_error (error);
  ck_assert_uint_eq (note->len, 1);
}
END_TEST

static const struct
{
  const char *text, *purpose, *part;
  PrTemplateBlanks allowed;
} file_faults[] = {
  { sound, "shrot", "t.txt: there is no template for the purpose 'shrot'; did you mean 'short'?", PR_TEMPLATE_ANY },
  { sound, "short", "t.txt:5: '{target_category}' must not stand here", PR_TEMPLATE_HISTORY_ONLY },
  { "", "default", "there is no template for the purpose 'default'", PR_TEMPLATE_ANY },
  { "[empty]\n# nothing\n[other]\na\n", "empty", "there is no template for the purpose 'empty'", PR_TEMPLATE_ANY },
  { "a\n[b]\n{target_titel}\n", "default", "t.txt:3: '{target_titel}' is no blank", PR_TEMPLATE_ANY },
  { "[a]\nx\n[b]\ny\n[a]\nz\n", "a", "t.txt:5: section [a] stands here a second time", PR_TEMPLATE_ANY },
  { "x\n[default]\ny\n", "default", "t.txt:2: section [default] stands here a second time", PR_TEMPLATE_ANY },
  { "[a\nx\n", "a", "t.txt:1: '[a' is no section", PR_TEMPLATE_ANY },
  { "[]\nx\n", "a", "t.txt:1: '[]' is no section", PR_TEMPLATE_ANY },
  { "[\n", "a", "t.txt:1: '[' is no section", PR_TEMPLATE_ANY },
  { "x\n\xff\n", "default", "t.txt:2: not UTF-8", PR_TEMPLATE_ANY },
};

START_TEST (faults_of_a_file_name_the_line)
{
  g_autofree char *path = data_file (dir, "t.txt", file_faults[_i].text, -1);
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pr_templates_load (path, file_faults[_i].purpose, file_faults[_i].allowed, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, file_faults[_i].part);
}
END_TEST

START_TEST (a_missing_file_is_said_to_be_missing)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pr_templates_load ("/nonexistent/t.txt", "default", PR_TEMPLATE_ANY, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "/nonexistent/t.txt");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("template");
  TCase *tc = tcase_create ("template");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_loop_test (tc, blanks_are_filled, 0, G_N_ELEMENTS (fills));
  tcase_add_test (tc, nothing_comes_of_no_history);
  tcase_add_loop_test (tc, what_is_no_template_is_refused, 0, G_N_ELEMENTS (faults));
  tcase_add_test (tc, templates_are_bounded);
  tcase_add_test (tc, a_purpose_picks_its_section);
  tcase_add_loop_test (tc, faults_of_a_file_name_the_line, 0, G_N_ELEMENTS (file_faults));
  tcase_add_test (tc, a_missing_file_is_said_to_be_missing);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
