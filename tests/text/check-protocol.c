/* check-protocol.c - protocol.json and the tokens of prompts. */
#include "pr-check.h"

#include <pauserec/io.h>
#include <pauserec/lm.h>
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

START_TEST (latent_steps_are_a_bridge)
{
  g_autoptr (PrPrompter) two = make ("{history}", "", 1, PR_THINKING_LATENT, 2),
                         pause = make ("{history}", "", 1, PR_THINKING_PAUSE, 2),
                         none = make ("{history}", "", 1, PR_THINKING_NONE, 0);
  g_autoptr (GArray) prompt = g_array_new (FALSE, FALSE, sizeof (gint32)),
                     bridge = g_array_new (FALSE, FALSE, sizeof (gint32));

  pr_prompter_prompt (two, bought, 3, prompt);
  assert_tokens (prompt, A0, B1, THINK);
  pr_prompter_bridge (pause, bridge);
  pr_prompter_bridge (none, bridge);
  ck_assert_uint_eq (bridge->len, 0);
  pr_prompter_bridge (two, bridge);
  assert_tokens (bridge, PR_TOKEN_LATENT, PR_TOKEN_LATENT, END_THINK);
  ck_assert_int_eq (pr_prompter_thinking (two), PR_THINKING_LATENT);
  ck_assert_int_eq (pr_prompter_end_think (two), END_THINK);
  ck_assert_int_eq (pr_prompter_end_think (none), -1);
  ck_assert (!pr_prompter_is_contiguous (two));
}
END_TEST

static PrPrompter *
make_filler (const char *token, gint64 pauses, GError **error)
{
  g_autoptr (PrProtocol) protocol = pr_protocol_new ("{history}", "", 1);

  protocol->thinking = PR_THINKING_PAUSE;
  protocol->pauses = pauses;
  g_free (protocol->token);
  protocol->token = g_strdup (token);
  return pr_prompter_new (protocol, tokenizer, sids, NULL, error);
}

START_TEST (any_single_token_can_pause)
{
  g_autoptr (GError) many = NULL, nothing = NULL;
  g_autoptr (PrPrompter) dots = make_filler (".", 2, NULL), added = make_filler ("<a_0>", 1, NULL),
                         unused = make_filler ("...", 0, NULL);
  g_autoptr (GArray) a = g_array_new (FALSE, FALSE, sizeof (gint32)), b = g_array_new (FALSE, FALSE, sizeof (gint32)),
                     c = g_array_new (FALSE, FALSE, sizeof (gint32));

  pr_prompter_prompt (dots, bought, 3, a);
  assert_tokens (a, A0, B1, THINK, DOT, DOT, END_THINK);
  pr_prompter_prompt (added, bought, 3, b);
  assert_tokens (b, A0, B1, THINK, A0, END_THINK);
  pr_prompter_prompt (unused, bought, 3, c);
  assert_tokens (c, A0, B1, THINK, END_THINK);
  ck_assert_ptr_null (make_filler ("...", 1, &many));
  ck_assert_pr_error (many, PR_ERROR_DATA, "3 tokens of '...'");
  ck_assert_ptr_null (make_filler ("", 1, &nothing));
  ck_assert_pr_error (nothing, PR_ERROR_DATA, "0 tokens");
}
END_TEST

/* What each token of a prompt is, beside the tokens of the same prompt without marks. */
static void
assert_marks (const PrPrompter *prompter, const char *parts, const char *places, const char *levels)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) plain = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) marks = g_array_new (FALSE, FALSE, sizeof (PrPromptMark));

  pr_prompter_prompt (prompter, bought, 3, plain);
  for (int round = 0; round < 2; round++)
    pr_prompter_marked_prompt (prompter, bought, 3, tokens, marks);
  ck_assert_uint_eq (tokens->len, 2 * plain->len);
  ck_assert_mem_eq (tokens->data, plain->data, plain->len * sizeof (gint32));
  ck_assert_uint_eq (marks->len, tokens->len);
  ck_assert_uint_eq (strlen (parts), plain->len);
  for (guint i = 0; i < marks->len; i++)
    {
      const PrPromptMark *m = &g_array_index (marks, PrPromptMark, i);
      guint at = i % plain->len;

      ck_assert_msg ("t,iTpn"[m->part] == parts[at], "token %u is %d", i, (int)m->part);
      ck_assert_int_eq (m->place, places[at] == '.' ? -1 : places[at] - '0');
      ck_assert_int_eq (m->level, levels[at] == '.' ? -1 : levels[at] - '0');
    }
}

START_TEST (marks_say_what_tokens_are)
{
  g_autoptr (PrPrompter) none = make ("U:{history}.", ",", 2, PR_THINKING_NONE, 0);
  g_autoptr (PrPrompter) pause = make ("U:{history}.", ",", 20, PR_THINKING_PAUSE, 2);
  g_autoptr (PrPrompter) empty = make ("{history}", "", 20, PR_THINKING_PAUSE, 0);
  g_autoptr (PrPrompter) cot = make ("{history}", "", 1, PR_THINKING_COT, 0);

  assert_marks (none, "ttii,iit", "..11.22.", "..01.01.");
  assert_marks (pause, "ttii,ii,iitTppT", "..00.11.22.....", "..01.01.01.....");
  assert_marks (empty, "iiiiiiTT", "001122..", "010101..");
  assert_marks (cot, "iiT", "22.", "01.");
}
END_TEST

START_TEST (words_are_what_is_not_added)
{
  g_autoptr (PrPrompter) prompter = make ("{history}", "", 1, PR_THINKING_COT, 0);

  ck_assert (pr_prompter_is_word (prompter, 0));
  ck_assert (pr_prompter_is_word (prompter, U));
  for (gint32 token = 256; token <= PAUSE; token++)
    ck_assert (!pr_prompter_is_word (prompter, token));
  ck_assert (!pr_prompter_is_word (prompter, PAUSE + 1));
  ck_assert (!pr_prompter_is_word (prompter, PR_TOKEN_LATENT));
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

/* Keys that a mode does not use stay out of its file: older files and programs keep their form. */
START_TEST (files_of_the_modes)
{
  static const struct
  {
    PrThinking thinking;
    gint64 pauses;
    const char *token, *note, *extra;
  } cases[] = {
    { PR_THINKING_NONE, 0, PR_PAUSE_TOKEN, "", NULL },
    { PR_THINKING_COT, 0, PR_PAUSE_TOKEN, "", NULL },
    { PR_THINKING_PAUSE, 3, PR_PAUSE_TOKEN, "", NULL },
    { PR_THINKING_LATENT, 3, PR_PAUSE_TOKEN, "", NULL },
    { PR_THINKING_PAUSE, 3, "...", "", "token" },
    { PR_THINKING_NOTE, 0, PR_PAUSE_TOKEN, "{last_title}", "note" },
    { PR_THINKING_NOTE, 0, PR_PAUSE_TOKEN, "", "note" },
  };
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "protocol.json", NULL);
  g_autoptr (PrProtocol) protocol = pr_protocol_new ("{history}", "", 7), loaded = NULL;
  GError *error = NULL;
  json_t *file;

  protocol->thinking = cases[_i].thinking;
  protocol->pauses = cases[_i].pauses;
  g_free (protocol->token);
  protocol->token = g_strdup (cases[_i].token);
  g_free (protocol->note);
  protocol->note = g_strdup (cases[_i].note);
  ck_assert (pr_protocol_save (protocol, path, &error));
  file = pr_json_load (path, &error);
  ck_assert_ptr_nonnull (file);
  ck_assert_uint_eq (json_object_size (file), cases[_i].extra != NULL ? 6 : 5);
  ck_assert (cases[_i].extra == NULL || json_object_get (file, cases[_i].extra) != NULL);
  ck_assert_str_eq (json_string_value (json_object_get (file, "thinking")), pr_thinking_names[cases[_i].thinking]);
  json_decref (file);
  loaded = pr_protocol_load (path, &error);
  ck_assert_no_error (error);
  g_autoptr (PrProtocol) copy = pr_protocol_copy (loaded);

  ck_assert_int_eq (copy->thinking, cases[_i].thinking);
  ck_assert_int_eq (copy->pauses, cases[_i].pauses);
  ck_assert_str_eq (copy->token, cases[_i].token);
  ck_assert_str_eq (copy->note, cases[_i].note);
  pr_check_rmdir (dir);
}
END_TEST

#define FILE_OF(thinking, pauses, more)                                                                                \
  "{\"prompt\":\"{history}\",\"separator\":\"\",\"history\":1,\"thinking\":\"" thinking "\",\"pauses\":" pauses more "}"

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
  { FILE_OF ("none", "0", ",\"token\":\"x\""), "'token' must be a text, and only with thinking = pause" },
  { FILE_OF ("latent", "1", ",\"token\":\"x\""), "'token'" },
  { FILE_OF ("pause", "1", ",\"token\":5"), "'token'" },
  { FILE_OF ("pause", "1", ",\"token\":\"\""), "token must have 1 to" },
  { FILE_OF ("pause", "1", ",\"note\":\"x\""), "'note' must be a text, and only with thinking = note" },
  { FILE_OF ("pause", "1", ",\"nota\":\"x\""), "exactly the keys" },
  { FILE_OF ("note", "0", ""), "'note' is missing" },
  { FILE_OF ("note", "0", ",\"note\":[]"), "'note' must be" },
  { FILE_OF ("note", "1", ",\"note\":\"x\""), "pauses 1" },
  { FILE_OF ("cot", "1", ""), "pauses 1" },
  { FILE_OF ("latent", "9999", ""), "pauses 9999" },
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
  tcase_add_test (prompts, latent_steps_are_a_bridge);
  tcase_add_test (prompts, any_single_token_can_pause);
  tcase_add_test (prompts, marks_say_what_tokens_are);
  tcase_add_test (prompts, words_are_what_is_not_added);
  tcase_add_test (prompts, contiguous_only_if_nothing_stands_between);
  tcase_add_test (prompts, missing_tokens);
  suite_add_tcase (suite, prompts);
  tcase_add_test (files, template_check);
  tcase_add_test (files, round_trip);
  tcase_add_loop_test (files, files_of_the_modes, 0, 7);
  tcase_add_loop_test (files, faulty_files, 0, G_N_ELEMENTS (faulty));
  suite_add_tcase (suite, files);
  return pr_check_main (suite);
}
