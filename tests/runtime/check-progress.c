#include "config.h"

#include "pr-check.h"

#include "runtime/progress.h"

#include <jansson.h>
#include <pauserec/io.h>

#define SECOND G_USEC_PER_SEC

static PrEvent
event (PrEventKind kind)
{
  return (PrEvent){
    .kind = kind, .run = 2, .n_runs = 6, .node = 3, .n_nodes = 5, .arm = "pause", .seed = 4, .stage = "sft"
  };
}

static PrEvent
step (guint64 done, guint64 total, const char *text)
{
  PrEvent e = event (PR_EVENT_STAGE_STEP);

  e.done = done;
  e.total = total;
  e.text = text;
  return e;
}

static void
check_text (const PrEvent *e, const PrPace *pace, gint64 now, gboolean bar, guint columns, const char *wanted)
{
  g_autofree char *text = pr_progress_text (e, pace, now, bar, columns);

  if (wanted == NULL)
    ck_assert_ptr_null (text);
  else
    ck_assert_str_eq (text, wanted);
}

START_TEST (lines_say_where_we_are)
{
  PrPace pace = { 0 };
  PrEvent begin = event (PR_EVENT_STAGE_BEGIN), first = step (100, 400, NULL), e;

  pr_pace_event (&pace, &begin, 1000 * SECOND);
  check_text (&begin, &pace, 1000 * SECOND, TRUE, 0, NULL);
  pr_pace_event (&pace, &first, 1010 * SECOND);
  check_text (&first, &pace, 1010 * SECOND, FALSE, 0, "[2/6 pause s4] 3/5 sft  25 %  0:10");
  /* The stage was resumed at 100: 50 steps in 10 seconds, 250 to go. */
  e = step (150, 400, "loss 3.2");
  check_text (&e, &pace, 1020 * SECOND, FALSE, 0, "[2/6 pause s4] 3/5 sft  38 %  ETA 0:50  loss 3.2");
  check_text (&e, &pace, 1020 * SECOND, TRUE, 0,
              "[2/6 pause s4] 3/5 sft  #######.............  38 %  ETA 0:50  loss 3.2");
  check_text (&e, &pace, 1020 * SECOND, TRUE, 30, "[2/6 pause s4] 3/5 sft  ######");
  e = step (7, 0, "a\nb\x1b[2J");
  check_text (&e, &pace, 1020 * SECOND, TRUE, 0, "[2/6 pause s4] 3/5 sft  7  0:20  a b [2J");
  e = step (500, 400, NULL);
  check_text (&e, &pace, 1020 * SECOND, FALSE, 0, "[2/6 pause s4] 3/5 sft 100 %  0:20");
  /* Another part of the work, of another size and pace. */
  e = step (30, 40, NULL);
  check_text (&e, &pace, 1030 * SECOND, FALSE, 0, "[2/6 pause s4] 3/5 sft  75 %  0:30");
  pr_pace_event (&pace, &e, 1030 * SECOND);
  e = step (35, 40, NULL);
  pr_pace_event (&pace, &e, 1050 * SECOND);
  check_text (&e, &pace, 1050 * SECOND, FALSE, 0, "[2/6 pause s4] 3/5 sft  88 %  ETA 0:20");
  e = event (PR_EVENT_STAGE_END);
  e.seconds = 3723.4;
  check_text (&e, &pace, 0, FALSE, 0, "[2/6 pause s4] 3/5 sft  done in 1:02:03");
  e = event (PR_EVENT_RUN_FAILED);
  check_text (&e, &pace, 0, FALSE, 0, "[2/6 pause s4] 3/5 sft  failed");
  e.stage = NULL;
  check_text (&e, &pace, 0, FALSE, 0, "[2/6 pause s4] failed");
}
END_TEST

START_TEST (lines_fit_a_terminal)
{
  static const struct
  {
    const char *text;
    guint columns;
    const char *wanted;
  } cases[] = {
    { "abc", 0, "abc" },
    { "abc", 2, "ab" },
    /* Wide characters take two columns, combining ones none. */
    { "\xe6\xbc\xa2\xe5\xad\x97x", 4, "\xe6\xbc\xa2\xe5\xad\x97" },
    { "\xe6\xbc\xa2\xe5\xad\x97x", 3, "\xe6\xbc\xa2" },
    { "e\xcc\x81x", 1, "e\xcc\x81" },
    /* Controls, those of 8 bits too, and bytes that are no character. */
    { "a\x1b[2J\r\n\x7f\xc2\x9b"
      "b",
      0, "a [2J    b" },
    { "a\xff", 0, "a\xef\xbf\xbd" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GString) line = g_string_new (cases[i].text);

      pr_line_fit (line, cases[i].columns);
      ck_assert_str_eq (line->str, cases[i].wanted);
    }
}
END_TEST

START_TEST (bars_show_what_is_known)
{
  static const struct
  {
    PrBar bar;
    const char *wanted;
  } cases[] = {
    { { 10, 40, 30, 5, 100, "loss 3" }, "  #####...............  25 %  ETA 0:30, run 1:40  loss 3" },
    { { 10, 40, -1, 5, 100, NULL }, "  #####...............  25 %  5.0 s  run ETA 1:40" },
    { { 10, 40, -1, -1, 100, NULL }, "  #####...............  25 %  run ETA 1:40" },
    { { 0, 0, -1, -1, -1, "" }, "" },
    { { 7, 0, -1, -1, -1, "x" }, "  7  x" },
    { { G_MAXUINT64, 40, 1e300, -1, -1, NULL }, "  #################### 100 %  ETA 277777777:46:40" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GString) line = g_string_new ("");

      pr_bar_append (line, &cases[i].bar, TRUE);
      ck_assert_str_eq (line->str, cases[i].wanted);
    }
}
END_TEST

/* Every line of PATH; the array owns them. */
static GPtrArray *
read_lines (const char *path)
{
  GPtrArray *values = g_ptr_array_new_with_free_func ((GDestroyNotify)json_decref);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrLines) lines = pr_lines_open (path, &error);
  const char *line;
  gsize length;

  ck_assert_no_error (error);
  while ((line = pr_lines_next (lines, &length, &error)) != NULL)
    g_ptr_array_add (values, json_loadb (line, length, 0, NULL));
  ck_assert_no_error (error);
  return values;
}

START_TEST (the_file_tells_time_by_the_monotonic_clock)
{
  static const PrEventKind kinds[] = { PR_EVENT_RUN_BEGIN,  PR_EVENT_STAGE_CACHED, PR_EVENT_STAGE_BEGIN,
                                       PR_EVENT_STAGE_STEP, PR_EVENT_NOTE,         PR_EVENT_STAGE_END,
                                       PR_EVENT_STAGE_WAIT };
  static const gboolean timed[] = { FALSE, FALSE, TRUE, TRUE, TRUE, TRUE, FALSE };
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "p.jsonl", NULL);
  g_autoptr (PrProgressFile) file = pr_progress_file_open (path, NULL);
  g_autoptr (GPtrArray) lines = NULL;
  double before = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      PrEvent e = event (kinds[i]);

      pr_progress_file_event (file, &e);
    }
  lines = read_lines (path);
  ck_assert_uint_eq (lines->len, G_N_ELEMENTS (kinds));
  for (guint i = 0; i < lines->len; i++)
    {
      const json_t *elapsed = json_object_get (lines->pdata[i], "elapsed");

      ck_assert_msg ((elapsed != NULL) == timed[i], "%s", pr_event_name (kinds[i]));
      if (elapsed == NULL)
        continue;
      ck_assert (json_number_value (elapsed) >= before && json_number_value (elapsed) < 600);
      before = json_number_value (elapsed);
    }
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (lines_of_the_file_stay_whole_and_short)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "p.jsonl", NULL);
  g_autofree char *long_text = g_strnfill (100000, 'x');
  g_autoptr (GPtrArray) lines = NULL;

  memcpy (long_text + 2047, "\xc3\xa9", 2);
  ck_assert (g_file_set_contents (path, "{\"event\":\"no", -1, NULL));
  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (PrProgressFile) file = pr_progress_file_open (path, NULL);
      PrEvent note = event (PR_EVENT_NOTE);

      note.text = turn == 0 ? long_text : "bad \xff byte";
      pr_progress_file_event (file, &note);
    }
  lines = read_lines (path);
  ck_assert_uint_eq (lines->len, 3);
  ck_assert_ptr_null (lines->pdata[0]);
  /* Cut before the character that does not fit. */
  ck_assert_uint_eq (strlen (json_string_value (json_object_get (lines->pdata[1], "text"))), 2047);
  ck_assert_str_eq (json_string_value (json_object_get (lines->pdata[2], "text")), "bad \xef\xbf\xbd byte");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (the_file_holds_a_line_an_event)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "p.jsonl", NULL);
  g_autoptr (GError) error = NULL;
  const char *names[] = { "stage_begin", "stage_step", "note" };
  PrEvent note = event (PR_EVENT_NOTE), begin = event (PR_EVENT_STAGE_BEGIN), one = step (1, 9, "x"),
          two = step (2, 9, "x");
  gsize n = 0;

  note.text = "caf\xc3\xa9 \"quoted\"";
  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (PrProgressFile) file = pr_progress_file_open (path, &error);

      ck_assert_no_error (error);
      pr_progress_file_event (file, &begin);
      pr_progress_file_event (file, &one);
      pr_progress_file_event (file, &two); /* too soon after the first */
      pr_progress_file_event (file, &note);
    }
  {
    g_autoptr (PrLines) lines = pr_lines_open (path, &error);
    const char *line;
    gsize length;

    for (; (line = pr_lines_next (lines, &length, &error)) != NULL; n++)
      {
        json_t *value = pr_json_parse (line, length, path, &error);

        ck_assert_no_error (error);
        ck_assert_str_eq (json_string_value (json_object_get (value, "event")), names[n % 3]);
        ck_assert_str_eq (json_string_value (json_object_get (value, "seed")), "4");
        if (n % 3 == 2)
          ck_assert_str_eq (json_string_value (json_object_get (value, "text")), note.text);
        json_decref (value);
      }
  }
  ck_assert_uint_eq (n, 6);
  pr_check_rmdir (dir);
  ck_assert_ptr_null (pr_progress_file_open (path, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, path);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("progress");
  TCase *tc = tcase_create ("progress");

  tcase_add_test (tc, lines_say_where_we_are);
  tcase_add_test (tc, lines_fit_a_terminal);
  tcase_add_test (tc, bars_show_what_is_known);
  tcase_add_test (tc, the_file_tells_time_by_the_monotonic_clock);
  tcase_add_test (tc, lines_of_the_file_stay_whole_and_short);
  tcase_add_test (tc, the_file_holds_a_line_an_event);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
