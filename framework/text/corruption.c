/* corruption.c - texts about purchases, spoilt; every draw is keyed by user and position. */
#include "config.h"

#include <pauserec/corruption.h>
#include <pauserec/error.h>
#include <pauserec/rng.h>
#include <pauserec/wording.h>

#include <math.h>
#include <string.h>

const char *const pr_corruption_names[] = { "none",           "paraphrase", "shuffle-words", "drop-words",
                                            "wrong-category", "other-user", "empty",         NULL };

static PrRng
stream (const PrCorruptor *c)
{
  return pr_rng_new (c->seed, "rationales/corruption");
}

static guint64
key (const PrReason *reason)
{
  return (guint64)reason->user << 32 | (guint64)reason->position;
}

static guint64
draw (const PrCorruptor *c, const PrReason *reason, guint64 n)
{
  return pr_rng_below (stream (c), key (reason), 0, n);
}

static const char *
leaf_of (const PrCorruptor *c, gint32 item)
{
  return pr_item_leaf_category (pr_dataset_item (c->dataset, item));
}

/* WORDS with those at MARKED places in the order of ORDER, from its element TURN on around. */
static char *
reorder (char **words, guint n, const gboolean *marked, const guint32 *order, guint n_marked, guint turn)
{
  g_autoptr (GPtrArray) placed = g_ptr_array_new ();
  guint next = 0;

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (placed, words[marked[i] ? order[(next++ + turn) % n_marked] : i]);
  g_ptr_array_add (placed, NULL);
  return g_strjoinv (" ", (char **)placed->pdata);
}

/* The first of a random order of all places; their words in that order, turned until the text differs. */
static char *
shuffle_words (const PrCorruptor *c, const PrReason *reason, double strength)
{
  g_auto (GStrv) words = g_strsplit (reason->text, " ", -1);
  guint n = g_strv_length (words), n_moved = MIN (n, MAX (2, (guint)llround (strength * n)));
  g_autofree guint32 *order = pr_rng_permutation (stream (c), key (reason), n);
  g_autofree gboolean *moved = g_new0 (gboolean, n + 1);
  char *text = NULL;

  for (guint i = 0; i < n_moved; i++)
    moved[order[i]] = TRUE;
  for (guint turn = 0; text == NULL || (strcmp (text, reason->text) == 0 && turn < n_moved); turn++)
    {
      g_free (text);
      text = reorder (words, n, moved, order, n_moved, turn);
    }
  return text;
}

static char *
drop_words (const PrCorruptor *c, const PrReason *reason, double strength)
{
  g_auto (GStrv) words = g_strsplit (reason->text, " ", -1);
  guint n = g_strv_length (words);
  gint64 drop = MAX (1, llround (strength * n));
  g_autofree guint32 *order = pr_rng_permutation (stream (c), key (reason), n);
  g_autofree gboolean *dropped = g_new0 (gboolean, n + 1);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < n && i < drop; i++)
    dropped[order[i]] = TRUE;
  for (guint i = 0; i < n; i++)
    if (!dropped[i])
      g_string_append_printf (text, "%s%s", text->len > 0 ? " " : "", words[i]);
  return g_string_free (text, FALSE);
}

static gboolean
cannot (GError **error, PrCorruption kind, const char *why)
{
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "corruption = %s: %s", pr_corruption_names[kind], why);
  return FALSE;
}

/* An item of another category, from a random place on; -1 if there is none. */
static gint32
other_item (const PrCorruptor *c, const PrReason *reason)
{
  const char *own = leaf_of (c, reason->target);
  gint64 n = pr_dataset_n_items (c->dataset), start = (gint64)draw (c, reason, (guint64)n);

  for (gint64 i = 0; i < n; i++)
    {
      gint32 item = (gint32)((start + i) % n);
      const char *leaf = leaf_of (c, item);

      if (leaf[0] != '\0' && strcmp (leaf, own) != 0)
        return item;
    }
  return -1;
}

/* The text with the categories of the target's path made those of OTHER's, level by level from the leaf on; NULL if
 * the leaf is not named. */
static char *
rename_categories (const PrDataset *dataset, const PrReason *reason, gint32 other)
{
  const char *const *own = pr_dataset_item (dataset, reason->target)->categories;
  const char *const *their = pr_dataset_item (dataset, other)->categories;
  guint n_own = g_strv_length ((char **)own), n_their = g_strv_length ((char **)their);
  char *text = n_own > 0 ? pr_words_rename (reason->text, own[n_own - 1], their[n_their - 1]) : NULL;

  for (guint up = 1; text != NULL && up < n_own; up++)
    {
      char *renamed = pr_words_rename (text, own[n_own - 1 - up], their[up < n_their ? n_their - 1 - up : 0]);

      if (renamed == NULL)
        continue;
      g_free (text);
      text = renamed;
    }
  return text;
}

/* The text's own sentence about OTHER, or the next that has words. */
static char *
sentence_about (const PrCorruptor *c, gsize index, gint32 other)
{
  char *text = NULL;

  for (guint i = 0; i < c->n_wordings && text == NULL; i++)
    text = c->sentence (c->ctx, index, i, other);
  return text != NULL ? text : g_strdup ("");
}

static gboolean
wrong_category (const PrCorruptor *c, gsize index, char **ret_text, GError **error)
{
  const PrReason *reason = &c->reasons[index];
  gint32 other = other_item (c, reason);
  char *text = NULL;

  if (other < 0)
    return cannot (error, PR_CORRUPTION_WRONG_CATEGORY, "the items of the data set have no two categories");
  if (!c->made_of_sentences)
    text = rename_categories (c->dataset, reason, other);
  *ret_text = text != NULL || c->sentence == NULL ? text : sentence_about (c, index, other);
  return TRUE;
}

static gboolean
other_user (const PrCorruptor *c, const PrReason *reason, char **ret_text, GError **error)
{
  const char *own = leaf_of (c, reason->target);
  gsize start = (gsize)draw (c, reason, c->n);

  for (gsize i = 0; i < c->n; i++)
    {
      const PrReason *donor = &c->reasons[(start + i) % c->n];
      const char *leaf = leaf_of (c, donor->target);
      gboolean alike = strcmp (leaf, own) == 0 && (leaf[0] != '\0' || donor->target == reason->target);

      if (donor->user == reason->user || alike)
        continue;
      *ret_text = g_strdup (donor->text);
      return TRUE;
    }
  return cannot (error, PR_CORRUPTION_OTHER_USER, "no two users have targets of different categories");
}

static char *
other_words (const PrCorruptor *c, gsize index)
{
  const PrReason *reason = &c->reasons[index];
  char *text;

  if (!c->made_of_sentences)
    return pr_words_paraphrase (reason->text);
  text = c->sentence (c->ctx, index, 1 + (guint)draw (c, reason, c->n_wordings - 1), reason->target);
  return text != NULL ? text : g_strdup ("");
}

gboolean
pr_corrupt (const PrCorruptor *c, PrCorruption kind, double strength, gsize index, char **ret_text, GError **error)
{
  const PrReason *reason = &c->reasons[index];

  g_return_val_if_fail (
      index < c->n && !(c->made_of_sentences && c->n_wordings < 2 && kind == PR_CORRUPTION_PARAPHRASE), FALSE);
  switch (kind)
    {
    case PR_CORRUPTION_NONE:
      *ret_text = g_strdup (reason->text);
      return TRUE;
    case PR_CORRUPTION_PARAPHRASE:
      *ret_text = other_words (c, index);
      return TRUE;
    case PR_CORRUPTION_SHUFFLE_WORDS:
      *ret_text = shuffle_words (c, reason, strength);
      return TRUE;
    case PR_CORRUPTION_DROP_WORDS:
      *ret_text = drop_words (c, reason, strength);
      return TRUE;
    case PR_CORRUPTION_WRONG_CATEGORY:
      return wrong_category (c, index, ret_text, error);
    case PR_CORRUPTION_OTHER_USER:
      return other_user (c, reason, ret_text, error);
    case PR_CORRUPTION_EMPTY:
    case PR_N_CORRUPTIONS:
    default:
      *ret_text = g_strdup ("");
      return TRUE;
    }
}
