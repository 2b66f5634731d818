/* Texts about purchases, spoilt: what stays, what changes, and that strengths hold each other. */
#include "pr-check.h"

#include <pauserec/corruption.h>
#include <pauserec/wording.h>

#define REASONS 12
#define TEXT "a b c d e f g h i j"

static char *dir;
static PrDataset *dataset;
static PrReason reasons[REASONS];

/* Items 0, 3, ...: tents; 1, 4, ...: mats; 2, 5, ...: without category.  Reason u is about item u. */
static void
setup (void)
{
  static const char *const tents[] = { "Out", "tent", NULL }, *const mats[] = { "Soft", "mat", NULL },
                           *const none[] = { NULL };
  static const char *const *const paths[] = { tents, mats, none };
  static const char *const texts[] = { "Likes a tent, Out > tent", "Likes a mat, Soft > mat", TEXT };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("reasons");
  const gint32 bought = 0;

  for (int i = 0; i < REASONS; i++)
    {
      g_autofree char *id = g_strdup_printf ("%d", i);
      const PrItem item = { id, "", "", "", paths[i % 3] };

      pr_dataset_builder_add_item (builder, &item);
      pr_dataset_builder_add_user (builder, id, &bought, 1);
      reasons[i] = (PrReason){ i, 2, i, texts[i % 3] };
    }
  dir = pr_check_tmpdir ();
  ck_assert (pr_dataset_builder_write (builder, dir, NULL));
  dataset = pr_dataset_load (dir, NULL);
}

static void
teardown (void)
{
  pr_dataset_free (dataset);
  pr_check_rmdir (dir);
  g_free (dir);
}

static PrCorruptor
corruptor (guint64 seed)
{
  return (PrCorruptor){ .dataset = dataset, .reasons = reasons, .n = REASONS, .seed = seed };
}

static char *
spoilt (const PrCorruptor *c, PrCorruption kind, double strength, gsize index)
{
  GError *error = NULL;
  char *text = NULL;

  ck_assert_msg (pr_corrupt (c, kind, strength, index, &text, &error), "%s", error ? error->message : "");
  return text;
}

/* Places of TEXT whose word is another one in OTHER. */
static guint
n_moved (const char *other)
{
  guint n = 0;

  ck_assert_uint_eq (strlen (other), strlen (TEXT));
  for (gsize i = 0; i < strlen (TEXT); i += 2)
    n += other[i] != TEXT[i];
  return n;
}

START_TEST (a_share_of_the_words_changes_places)
{
  for (guint64 seed = 0; seed < 20; seed++)
    {
      const PrCorruptor c = corruptor (seed);
      g_autofree char *none = spoilt (&c, PR_CORRUPTION_SHUFFLE_WORDS, 0, 2),
                      *half = spoilt (&c, PR_CORRUPTION_SHUFFLE_WORDS, 0.5, 2),
                      *all = spoilt (&c, PR_CORRUPTION_SHUFFLE_WORDS, 1, 2);

      ck_assert_uint_eq (n_moved (none), 2);
      ck_assert (n_moved (half) >= 2 && n_moved (half) <= 5);
      ck_assert_uint_ge (n_moved (all), 2);
      for (char word = 'a'; word <= 'j'; word++)
        ck_assert (strchr (half, word) != NULL && strchr (all, word) != NULL);
    }
}
END_TEST

/* Words that a smaller share drops are dropped by a larger one. */
START_TEST (a_share_of_the_words_is_dropped)
{
  static const double strengths[] = { 0, 0.25, 0.5, 1 };
  static const guint left[] = { 9, 7, 5, 0 }; /* 0.25 x 10 rounds up */

  for (guint64 seed = 0; seed < 20; seed++)
    {
      const PrCorruptor c = corruptor (seed);
      g_autofree char *before = g_strdup (TEXT);

      for (gsize s = 0; s < G_N_ELEMENTS (strengths); s++)
        {
          char *text = spoilt (&c, PR_CORRUPTION_DROP_WORDS, strengths[s], 2);

          ck_assert_uint_eq (pr_words_count (text), left[s]);
          for (const char *word = text; *word != '\0'; word++)
            ck_assert (strchr (before, *word) != NULL);
          g_free (before);
          before = text;
        }
    }
}
END_TEST

START_TEST (other_kinds_do_what_they_say)
{
  const PrCorruptor c = corruptor (3);
  g_autofree char *wrong = spoilt (&c, PR_CORRUPTION_WRONG_CATEGORY, 0, 0),
                  *unnamed = spoilt (&c, PR_CORRUPTION_WRONG_CATEGORY, 0, 2),
                  *other = spoilt (&c, PR_CORRUPTION_OTHER_USER, 0, 1), *none = spoilt (&c, PR_CORRUPTION_NONE, 0, 1),
                  *empty = spoilt (&c, PR_CORRUPTION_EMPTY, 0, 1);

  ck_assert_str_eq (wrong, "Likes a mat, Soft > mat");
  ck_assert_ptr_null (unnamed);
  ck_assert_str_ne (other, reasons[1].text);
  ck_assert (strcmp (other, TEXT) == 0 || strcmp (other, reasons[0].text) == 0);
  ck_assert_str_eq (none, reasons[1].text);
  ck_assert_str_eq (empty, "");
}
END_TEST

/* Spoiling is keyed by user and position, whatever else stands in the list. */
START_TEST (the_list_does_not_matter)
{
  const PrCorruptor all = corruptor (5), one = { .dataset = dataset, .reasons = &reasons[2], .n = 1, .seed = 5 };
  g_autofree char *a = spoilt (&all, PR_CORRUPTION_SHUFFLE_WORDS, 1, 2),
                  *b = spoilt (&one, PR_CORRUPTION_SHUFFLE_WORDS, 1, 0);

  ck_assert_str_eq (a, b);
}
END_TEST

static char *
sentence (gpointer ctx, gsize index, guint turn, gint32 target)
{
  const char *leaf = pr_item_leaf_category (pr_dataset_item (dataset, target));

  ck_assert_ptr_eq (ctx, reasons);
  return turn == 0 && target % 2 == 0 ? NULL : g_strdup_printf ("%zu %u %s", index, turn, leaf);
}

START_TEST (sentences_of_the_caller_are_used)
{
  PrCorruptor c = corruptor (1);
  g_autofree char *paraphrased = NULL, *wrong = NULL, *renamed = NULL;

  c.sentence = sentence;
  c.ctx = reasons;
  c.n_wordings = 2;
  renamed = spoilt (&c, PR_CORRUPTION_WRONG_CATEGORY, 0, 0);
  ck_assert_str_eq (renamed, "Likes a mat, Soft > mat");
  c.made_of_sentences = TRUE;
  paraphrased = spoilt (&c, PR_CORRUPTION_PARAPHRASE, 0, 0);
  wrong = spoilt (&c, PR_CORRUPTION_WRONG_CATEGORY, 0, 0);
  ck_assert_str_eq (paraphrased, "0 1 tent");
  ck_assert (strcmp (wrong, "0 0 mat") == 0 || strcmp (wrong, "0 1 mat") == 0);
}
END_TEST

START_TEST (what_cannot_be_is_said)
{
  const PrCorruptor one = { .dataset = dataset, .reasons = reasons, .n = 1 };
  g_autoptr (GError) error = NULL;
  char *text = (char *)reasons;

  ck_assert (!pr_corrupt (&one, PR_CORRUPTION_OTHER_USER, 0, 0, &text, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "corruption = other-user: no two users have targets of different");
  ck_assert_ptr_eq (text, reasons);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("corruption");
  TCase *tc = tcase_create ("corruption");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, a_share_of_the_words_changes_places);
  tcase_add_test (tc, a_share_of_the_words_is_dropped);
  tcase_add_test (tc, other_kinds_do_what_they_say);
  tcase_add_test (tc, the_list_does_not_matter);
  tcase_add_test (tc, sentences_of_the_caller_are_used);
  tcase_add_test (tc, what_cannot_be_is_said);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
