/* check-protocol.c - protocol.json and the tokens of prompts. */
#include "pr-check.h"

#include <pauserec/io.h>
#include <pauserec/protocol.h>

static PrTokenizer *tokenizer;
static PrSids *sids;

/* Three items, two levels of 3 and 2 codes: 5 SID tokens from id 261 on, then <pause> = 266. */
static void
setup (void)
{
  g_autoptr (GPtrArray) documents = g_ptr_array_new ();
  static const gint32 codes[] = { 0, 0, 0, 1, 2, 1 };
  const gint32 sizes[] = { 3, 2 };

  tokenizer = pr_tokenizer_train (documents, 261, NULL);
  sids = pr_sids_new (3, 2, sizes);
  memcpy (sids->codes, codes, sizeof codes);
  g_auto (GStrv) names = pr_sids_token_names (sids);

  ck_assert (pr_tokenizer_add (tokenizer, (const char *const *)names, NULL));
  ck_assert (pr_tokenizer_add (tokenizer, (const char *const[]){ "<pause>", NULL }, NULL));
}

static void
teardown (void)
{
  pr_tokenizer_free (tokenizer);
  pr_sids_free (sids);
}

enum
{
  THINK = 259,
  END_THINK = 260,
  A0 = 261,
  A2 = 263,
  B0 = 264,
  B1 = 265,
  PAUSE = 266,
  U = 'U' - '!',
  COLON = ':' - '!',
  DOT = '.' - '!',
  COMMA = ',' - '!',
};

#define assert_tokens(tokens, ...)                                                                                     \
  do                                                                                                                   \
    {                                                                                                                  \
      const gint32 wanted_[] = { __VA_ARGS__ };                                                                        \
      ck_assert_uint_eq ((tokens)->len, G_N_ELEMENTS (wanted_));                                                       \
      for (guint i_ = 0; i_ < (tokens)->len; i_++)                                                                     \
        ck_assert_int_eq (g_array_index ((tokens), gint32, i_), wanted_[i_]);                                          \
    }                                                                                                                  \
  while (0)

static PrPrompter *
make (const char *prompt, const char *separator, gint64 history, PrThinking thinking, gint64 pauses)
{
  g_autoptr (PrProtocol) protocol = pr_protocol_new (prompt, separator, history);
  GError *error = NULL;

  protocol->thinking = thinking;
  protocol->pauses = pauses;
  PrPrompter *prompter = pr_prompter_new (protocol, tokenizer, sids, NULL, &error);

  ck_assert_no_error (error);
  return prompter;
}

static const gint32 bought[] = { 2, 0, 1 };

START_TEST (direct_prompt)
{
  g_autoptr (PrPrompter) prompter = make ("U:{history}", "", 20, PR_THINKING_NONE, 0);
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));

  pr_prompter_prompt (prompter, bought, 3, tokens);
  assert_tokens (tokens, U, COLON, A2, B1, A0, B0, A0, B1);
  pr_prompter_item (prompter, 2, tokens);
  ck_assert_int_eq (g_array_index (tokens, gint32, 8), A2);
  ck_assert_int_eq (g_array_index (tokens, gint32, 9), B1);
  ck_assert_int_eq (pr_prompter_sid_token (prompter, 1, 1), B1);
  ck_assert (pr_prompter_is_contiguous (prompter));
}
END_TEST

START_TEST (history_is_cut_to_its_end)
{
  g_autoptr (PrPrompter) prompter = make ("U{history}.", ",", 2, PR_THINKING_NONE, 0);
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32)),
                     none = g_array_new (FALSE, FALSE, sizeof (gint32));

  pr_prompter_prompt (prompter, bought, 3, tokens);
  assert_tokens (tokens, U, A0, B0, COMMA, A0, B1, DOT);
  pr_prompter_prompt (prompter, NULL, 0, none);
  assert_tokens (none, U, DOT);
  ck_assert (!pr_prompter_is_contiguous (prompter));
}
END_TEST

START_TEST (pauses_stand_between_the_tags)
{
  g_autoptr (PrPrompter) three = make ("{history}", "", 1, PR_THINKING_PAUSE, 3),
                         zero = make ("{history}", "", 1, PR_THINKING_PAUSE, 0);
  g_autoptr (PrPrompter) cot = make ("{history}", "", 1, PR_THINKING_COT, 0);
  g_autoptr (GArray) a = g_array_new (FALSE, FALSE, sizeof (gint32)), b = g_array_new (FALSE, FALSE, sizeof (gint32)),
                     c = g_array_new (FALSE, FALSE, sizeof (gint32));

  pr_prompter_prompt (three, bought, 3, a);
  assert_tokens (a, A0, B1, THINK, PAUSE, PAUSE, PAUSE, END_THINK);
  pr_prompter_prompt (zero, bought, 3, b);
  assert_tokens (b, A0, B1, THINK, END_THINK);
  pr_prompter_prompt (cot, bought, 3, c);
  assert_tokens (c, A0, B1, THINK);
  ck_assert (!pr_prompter_is_contiguous (three) && !pr_prompter_is_contiguous (zero)
             && !pr_prompter_is_contiguous (cot));
}
END_TEST

START_TEST (contiguous_only_if_nothing_stands_between)
{
  g_autoptr (PrPrompter) separator = make ("U{history}", ",", 2, PR_THINKING_NONE, 0),
                         suffix = make ("U{history} ", "", 2, PR_THINKING_NONE, 0),
                         bare = make ("{history}", "", 2, PR_THINKING_NONE, 0);

  ck_assert (!pr_prompter_is_contiguous (separator));
  ck_assert (!pr_prompter_is_contiguous (suffix));
  ck_assert (pr_prompter_is_contiguous (bare));
}
END_TEST

START_TEST (missing_tokens)
{
  g_autoptr (GPtrArray) documents = g_ptr_array_new ();
  g_autoptr (PrTokenizer) plain = pr_tokenizer_train (documents, 261, NULL);
  g_autoptr (PrProtocol) protocol = pr_protocol_new ("{history}", "", 5);
  g_autoptr (GError) sid = NULL, order = NULL, pause = NULL, template = NULL;

  ck_assert_ptr_null (pr_prompter_new (protocol, plain, sids, NULL, &sid));
  ck_assert_pr_error (sid, PR_ERROR_DATA, "<a_0>");
  ck_assert (
      pr_tokenizer_add (plain, (const char *const[]){ "<a_0>", "<a_2>", "<a_1>", "<b_0>", "<b_1>", NULL }, NULL));
  ck_assert_ptr_null (pr_prompter_new (protocol, plain, sids, NULL, &order));
  ck_assert_pr_error (order, PR_ERROR_DATA, "consecutive");

  g_autoptr (PrTokenizer) ordered = pr_tokenizer_train (documents, 261, NULL);
  g_auto (GStrv) names = pr_sids_token_names (sids);

  ck_assert (pr_tokenizer_add (ordered, (const char *const *)names, NULL));
  protocol->thinking = PR_THINKING_PAUSE;
  protocol->pauses = 1;
  ck_assert_ptr_null (pr_prompter_new (protocol, ordered, sids, NULL, &pause));
  ck_assert_pr_error (pause, PR_ERROR_DATA, "<pause>");

  g_autoptr (PrProtocol) blank = pr_protocol_new ("no slot", "", 5);

  ck_assert_ptr_null (pr_prompter_new (blank, ordered, sids, NULL, &template));
  ck_assert_pr_error (template, PR_ERROR_MANIFEST, "{history}");
}
END_TEST

START_TEST (template_check)
{
  g_autoptr (GError) none = NULL, two = NULL, bytes = NULL;

  ck_assert (pr_protocol_check_template ("x {history} y", NULL));
  ck_assert (!pr_protocol_check_template ("x {histor} y", &none));
  ck_assert_pr_error (none, PR_ERROR_MANIFEST, "exactly once");
  ck_assert (!pr_protocol_check_template ("{history}{history}", &two));
  ck_assert_pr_error (two, PR_ERROR_MANIFEST, "exactly once");
  ck_assert (!pr_protocol_check_template ("{history}\xff", &bytes));
  ck_assert_pr_error (bytes, PR_ERROR_MANIFEST, "UTF-8");
}
END_TEST

START_TEST (round_trip)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "protocol.json", NULL);
  g_autoptr (PrProtocol) protocol = pr_protocol_new ("B\xc3\xbc \"q\" {history}\n", ", ", 7), copy = NULL,
                         loaded = NULL;
  GError *error = NULL;

  protocol->thinking = PR_THINKING_PAUSE;
  protocol->pauses = 5;
  copy = pr_protocol_copy (protocol);
  ck_assert (pr_protocol_save (copy, path, &error));
  loaded = pr_protocol_load (path, &error);
  ck_assert_no_error (error);
  ck_assert_str_eq (loaded->prompt, protocol->prompt);
  ck_assert_str_eq (loaded->separator, protocol->separator);
  ck_assert_int_eq (loaded->history, 7);
  ck_assert_int_eq (loaded->thinking, PR_THINKING_PAUSE);
  ck_assert_int_eq (loaded->pauses, 5);
  pr_check_rmdir (dir);
}
END_TEST

static const char *const faulty[][2] = {
  { "{}", "exactly the keys" },
  { "[]", "exactly the keys" },
  { "{\"prompt\":\"x\",\"separator\":\"\",\"history\":1,\"thinking\":\"none\",\"pauses\":0}", "exactly once" },
  { "{\"prompt\":\"{history}\",\"separator\":\"\",\"history\":0,\"thinking\":\"none\",\"pauses\":0}", "history 0" },
  { "{\"prompt\":\"{history}\",\"separator\":\"\",\"history\":1.5,\"thinking\":\"none\",\"pauses\":0}", "numbers" },
  { "{\"prompt\":\"{history}\",\"separator\":\"\",\"history\":1,\"thinking\":\"hard\",\"pauses\":0}", "hard" },
  { "{\"prompt\":\"{history}\",\"separator\":\"\",\"history\":1,\"thinking\":\"pause\",\"pauses\":-1}", "pauses -1" },
  { "{\"prompt\":\"{history}\",\"separator\":\"\",\"history\":1,\"thinking\":\"pause\",\"pauses\":99999}",
    "pauses 99999" },
  { "{\"prompt\":\"{history}\",\"separator\":\"\",\"history\":1,\"thinking\":\"none\",\"pauses\":1}", "pauses 1" },
  { "{\"prompt\":\"{history}\",\"separator\":\"\",\"history\":1,\"thinking\":\"none\",\"pauses\":0,\"more\":1}",
    "exactly the keys" },
  { "{\"prompt\":", "JSON" },
};

START_TEST (faulty_files)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "protocol.json", NULL);
  g_autoptr (GError) error = NULL;

  ck_assert (pr_file_write (path, faulty[_i][0], strlen (faulty[_i][0]), NULL));
  ck_assert_ptr_null (pr_protocol_load (path, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, faulty[_i][1]);
  ck_assert_ptr_nonnull (strstr (error->message, "protocol.json"));
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("protocol");
  TCase *prompts = tcase_create ("prompts"), *files = tcase_create ("files");

  tcase_add_checked_fixture (prompts, setup, teardown);
  tcase_add_test (prompts, direct_prompt);
  tcase_add_test (prompts, history_is_cut_to_its_end);
  tcase_add_test (prompts, pauses_stand_between_the_tags);
  tcase_add_test (prompts, contiguous_only_if_nothing_stands_between);
  tcase_add_test (prompts, missing_tokens);
  suite_add_tcase (suite, prompts);
  tcase_add_test (files, template_check);
  tcase_add_test (files, round_trip);
  tcase_add_loop_test (files, faulty_files, 0, G_N_ELEMENTS (faulty));
  suite_add_tcase (suite, files);
  return pr_check_main (suite);
}
