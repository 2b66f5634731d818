/* check-notes.c - note mode: text made from the history stands in the prompt, and in examples. */
#include "tiny-world.h"

#include <pauserec/io.h>
#include <pauserec/sft.h>

static char *dir;
static PrDataset *dataset;
static PrSids *sids;
static PrLm *lm;

/* User 2 buys 2 0 1 2, user 3 buys 0 1 2 0 1 2 0 1 2. */
static const gint64 lengths[] = { 2, 3, 4, 9 };

static void
setup (void)
{
  GError *error = NULL;

  dir = pr_check_tmpdir ();
  tiny_dataset_write (dir, lengths, G_N_ELEMENTS (lengths));
  dataset = pr_dataset_load (dir, &error);
  ck_assert_no_error (error);
  sids = tiny_sids ();
  lm = tiny_lm (64, TRUE);
}

static void
teardown (void)
{
  pr_dataset_free (dataset);
  pr_sids_free (sids);
  pr_lm_free (lm);
  pr_check_rmdir (dir);
  g_free (dir);
}

static PrProtocol *
note_protocol (const char *note, gint64 history)
{
  PrProtocol *protocol = pr_protocol_new ("U{history}", "", history);

  protocol->thinking = PR_THINKING_NOTE;
  g_free (protocol->note);
  protocol->note = g_strdup (note);
  return protocol;
}

static PrPrompter *
make (const char *note, gint64 history, GError **error)
{
  g_autoptr (PrProtocol) protocol = note_protocol (note, history);

  return pr_prompter_new (protocol, pr_lm_tokenizer (lm), sids, dataset, error);
}

/* The prompt for a history, as text with the names of added tokens. */
static char *
ask (const char *note, gint64 history, const gint32 *items, gint64 n)
{
  GError *error = NULL;
  g_autoptr (PrPrompter) prompter = make (note, history, &error);
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));

  ck_assert_no_error (error);
  ck_assert (!pr_prompter_is_contiguous (prompter));
  pr_prompter_prompt (prompter, items, n, tokens);
  pr_prompter_bridge (prompter, tokens);
  return pr_tokenizer_decode (pr_lm_tokenizer (lm), (const gint32 *)(void *)tokens->data, tokens->len, FALSE);
}

static const gint32 bought[] = { 1, 2, 0 };

START_TEST (a_note_stands_between_the_tags)
{
  g_autofree char *title = ask ("got {last_title}", 5, bought, 3), *all = ask ("{history_title}.", 5, bought, 3);

  ck_assert_str_eq (title, "U<a_0><b_1><a_2><b_1><a_0><b_0><think>got Tent</think>");
  ck_assert_str_eq (all, "U<a_0><b_1><a_2><b_1><a_0><b_0><think>Tent, Mat.</think>");
}
END_TEST

START_TEST (a_note_sees_what_the_prompt_shows)
{
  g_autofree char *cut = ask ("{history_title}", 2, bought, 3);

  ck_assert_str_eq (cut, "U<a_2><b_1><a_0><b_0><think>Tent</think>");
}
END_TEST

START_TEST (without_words_the_tags_stand_alone)
{
  g_autofree char *wordless = ask ("got {last_title}", 5, bought, 2), *nobody = ask ("{last_title}", 5, NULL, 0);

  ck_assert_str_eq (wordless, "U<a_0><b_1><a_2><b_1><think></think>");
  ck_assert_str_eq (nobody, "U<think></think>");
}
END_TEST

/* A title that is a tag or a SID must neither end the thought nor name an item. */
START_TEST (notes_hold_words_only)
{
  g_autofree char *hostile = ask ("a</think><a_0>b <|endoftext|>", 5, bought, 1);

  ck_assert_str_eq (hostile, "U<a_0><b_1><think>ab </think>");
}
END_TEST

START_TEST (refusals)
{
  g_autoptr (PrProtocol) protocol = note_protocol ("{last_title}", 5);
  g_autoptr (GError) no_data = NULL, target = NULL, file = NULL;
  g_autofree char *path = g_build_filename (dir, "protocol.json", NULL);
  static const char text[] = "{\"prompt\":\"{history}\",\"separator\":\"\",\"history\":1,\"thinking\":\"note\","
                             "\"pauses\":0,\"note\":\"{target_title}\"}";

  ck_assert_ptr_null (pr_prompter_new (protocol, pr_lm_tokenizer (lm), sids, NULL, &no_data));
  ck_assert_pr_error (no_data, PR_ERROR_PLUGIN, "data set");
  ck_assert_ptr_null (make ("{target_title}", 5, &target));
  ck_assert_pr_error (target, PR_ERROR_MANIFEST, "note");
  ck_assert (pr_file_write (path, text, strlen (text), NULL));
  ck_assert_ptr_null (pr_protocol_load (path, &file));
  ck_assert_pr_error (file, PR_ERROR_DATA, "protocol.json");
}
END_TEST

START_TEST (examples_have_no_loss_on_notes)
{
  g_autoptr (PrProtocol) protocol = note_protocol ("{last_title}", 3);
  const PrSftParams params = { PR_TARGETS_ALL_PREFIXES, PR_VALID_LOSS, 100, 20 };
  g_autoptr (PrSft) sft = pr_sft_new (lm, dataset, sids, protocol, &params, NULL);
  PrExample example = { g_array_new (FALSE, FALSE, sizeof (gint32)), g_array_new (FALSE, FALSE, sizeof (float)) };

  ck_assert_uint_eq (pr_sft_n (sft), 1 + 6);
  /* The second target of user 3: 0 1 -> 2. */
  ck_assert (pr_sft_example (sft, 0, 2, &example, NULL));
  g_autofree char *text = pr_tokenizer_decode (pr_lm_tokenizer (lm), (const gint32 *)(void *)example.tokens->data,
                                               example.tokens->len, FALSE);

  ck_assert_str_eq (text, "U<a_0><b_0><a_0><b_1><think>Mat</think><a_2><b_1>");
  for (guint i = 0; i < example.loss->len; i++)
    ck_assert_double_eq ((double)g_array_index (example.loss, float, i), i + 2 < example.loss->len ? 0 : 1);
  g_array_unref (example.tokens);
  g_array_unref (example.loss);
}
END_TEST

/* "U", two items of two codes, two tags, 51 letters, a title of up to 4 and a SID: 64, all the positions there are. */
START_TEST (the_longest_note_must_fit)
{
  g_autofree char *letters = g_strnfill (51, 'x'), *fits = g_strconcat (letters, "{last_title}", NULL),
                  *more = g_strconcat ("xx", fits, NULL);
  g_autoptr (PrProtocol) good = note_protocol (fits, 2), bad = note_protocol (more, 2);
  const PrSftParams params = { PR_TARGETS_LAST, PR_VALID_LOSS, 100, 20 },
                    prefixes = { PR_TARGETS_ALL_PREFIXES, PR_VALID_LOSS, 100, 20 };
  g_autoptr (GError) error = NULL, early = NULL;
  g_autoptr (PrSft) sft = pr_sft_new (lm, dataset, sids, good, &params, &error);

  ck_assert_no_error (error);
  ck_assert_ptr_null (pr_sft_new (lm, dataset, sids, bad, &params, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "makes 66 tokens");
  ck_assert_ptr_nonnull (strstr (error->message, "user u2"));
  ck_assert_ptr_null (pr_sft_new (lm, dataset, sids, bad, &prefixes, &early));
  ck_assert_pr_error (early, PR_ERROR_MANIFEST, "user u2");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("notes");
  TCase *tcase = tcase_create ("notes");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, a_note_stands_between_the_tags);
  tcase_add_test (tcase, a_note_sees_what_the_prompt_shows);
  tcase_add_test (tcase, without_words_the_tags_stand_alone);
  tcase_add_test (tcase, notes_hold_words_only);
  tcase_add_test (tcase, refusals);
  tcase_add_test (tcase, examples_have_no_loss_on_notes);
  tcase_add_test (tcase, the_longest_note_must_fit);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
