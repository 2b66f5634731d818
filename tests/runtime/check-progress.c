#include "config.h"

#include "pr-check.h"

#include "runtime/progress.h"

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
  e = event (PR_EVENT_STAGE_END);
  e.seconds = 3723.4;
  check_text (&e, &pace, 0, FALSE, 0, "[2/6 pause s4] 3/5 sft  done in 1:02:03");
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
  tcase_add_test (tc, the_file_holds_a_line_an_event);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
