/* corrupt.c - spoil a share of the rationales, to see what their quality is worth (paper section 2, finding 5).
 *
 * Whom it hits is the beginning of one random order, so that a larger share holds a smaller one, and how a text is
 * spoilt is drawn for its user and position alone.
 */
#include "config.h"

#include "distill.h"
#include "respell.h"
#include "words.h"

#include <math.h>
#include <string.h>

const char *const corruption_names[] = { "none",           "paraphrase", "shuffle-words", "drop-words",
                                         "wrong-category", "other-user", "empty",         NULL };

typedef struct
{
  const Distill *distill;
  PrRng rng;
  GArray *written; /* guint: drafts that have a text */
} Corrupting;

static guint64
draw (const Corrupting *c, const Draft *draft, guint64 n)
{
  return pr_rng_below (c->rng, draft_key (draft), 0, n);
}

/* The words of TEXT in an order that is not the given one, if there are two different words. */
static char *
shuffle_words (const Corrupting *c, const Draft *draft)
{
  g_auto (GStrv) words = g_strsplit (draft->text, " ", -1);
  guint n = g_strv_length (words);
  g_autofree guint32 *order = pr_rng_permutation (c->rng, draft_key (draft), n);
  g_autoptr (GPtrArray) shuffled = g_ptr_array_new ();
  char *text = NULL;

  /* Turn the order until the text differs. */
  for (guint turn = 0; text == NULL || (strcmp (text, draft->text) == 0 && turn < n); turn++)
    {
      g_free (text);
      g_ptr_array_set_size (shuffled, 0);
      for (guint i = 0; i < n; i++)
        g_ptr_array_add (shuffled, words[order[(i + turn) % n]]);
      g_ptr_array_add (shuffled, NULL);
      text = g_strjoinv (" ", (char **)shuffled->pdata);
    }
  return text;
}

/* Without round(strength x words), at least one, of its words. */
static char *
drop_words (const Corrupting *c, const Draft *draft)
{
  g_auto (GStrv) words = g_strsplit (draft->text, " ", -1);
  guint n = g_strv_length (words);
  gint64 drop = MAX (1, llround (c->distill->params->strength * n));
  g_autofree guint32 *order = pr_rng_permutation (c->rng, draft_key (draft), n);
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
cannot (GError **error, const char *corruption, const char *why)
{
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "corruption = %s: %s", corruption, why);
  return FALSE;
}

/* An item of another category, from a random place on; -1 if there is none. */
static gint32
other_item (const Corrupting *c, const Draft *draft)
{
  const PrDataset *dataset = c->distill->dataset;
  const char *own = leaf_category (dataset, draft->target);
  gint64 n = pr_dataset_n_items (dataset), start = (gint64)draw (c, draft, (guint64)n);

  for (gint64 i = 0; i < n; i++)
    {
      gint32 item = (gint32)((start + i) % n);
      const char *leaf = leaf_category (dataset, item);

      if (leaf[0] != '\0' && strcmp (leaf, own) != 0)
        return item;
    }
  return -1;
}

/* The text with the categories of the target's path made those of OTHER's, level by level from the leaf on; NULL if
 * the leaf is not named. */
static char *
rename_categories (const PrDataset *dataset, const Draft *draft, gint32 other)
{
  const char *const *own = pr_dataset_item (dataset, draft->target)->categories;
  const char *const *their = pr_dataset_item (dataset, other)->categories;
  guint n_own = g_strv_length ((char **)own), n_their = g_strv_length ((char **)their);
  char *text = n_own > 0 ? rename_all (draft->text, own[n_own - 1], their[n_their - 1]) : NULL;

  for (guint up = 1; text != NULL && up < n_own; up++)
    {
      char *renamed = rename_all (text, own[n_own - 1 - up], their[up < n_their ? n_their - 1 - up : 0]);

      if (renamed == NULL)
        continue;
      g_free (text);
      text = renamed;
    }
  return text;
}

/* The template's own sentence about OTHER, or the first that has words. */
static char *
template_sentence (const Corrupting *c, guint index, const Draft *draft, gint32 other)
{
  const Distill *distill = c->distill;
  guint n = distill->templates->len, first = distill_choose_template (distill, index);
  char *text = NULL;

  for (guint i = 0; i < n && text == NULL; i++)
    text = distill_fill (distill, (first + i) % n, draft, other);
  return text != NULL ? text : g_strdup ("");
}

static gboolean
wrong_category (const Corrupting *c, guint index, char **ret_text, GError **error)
{
  const Draft *draft = distill_draft (c->distill, index);
  gint32 other = other_item (c, draft);
  char *text = NULL;

  if (other < 0)
    return cannot (error, "wrong-category", "the items of the data set have no two categories");
  if (c->distill->params->teacher != TEACHER_TEMPLATE)
    text = rename_categories (c->distill->dataset, draft, other);
  *ret_text = text != NULL ? text : template_sentence (c, index, draft, other);
  return TRUE;
}

/* Of another user, and for a target of another category (another item, where there are no categories). */
static gboolean
other_user (const Corrupting *c, const Draft *draft, char **ret_text, GError **error)
{
  const PrDataset *dataset = c->distill->dataset;
  const char *own = leaf_category (dataset, draft->target);
  guint n = c->written->len, start = (guint)draw (c, draft, n);

  for (guint i = 0; i < n; i++)
    {
      const Draft *donor = distill_draft (c->distill, g_array_index (c->written, guint, (start + i) % n));
      const char *leaf = leaf_category (dataset, donor->target);
      gboolean alike = strcmp (leaf, own) == 0 && (leaf[0] != '\0' || donor->target == draft->target);

      if (donor->user == draft->user || alike)
        continue;
      *ret_text = g_strdup (donor->text);
      return TRUE;
    }
  return cannot (error, "other-user", "no two users have targets of different categories");
}

static gboolean
other_words (const Corrupting *c, guint index, char **ret_text, GError **error)
{
  const Draft *draft = distill_draft (c->distill, index);
  guint n = c->distill->templates->len, own = distill_choose_template (c->distill, index);

  if (c->distill->params->teacher != TEACHER_TEMPLATE)
    {
      *ret_text = paraphrase (draft->text);
      return TRUE;
    }
  if (n < 2)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "corruption = paraphrase: the purpose '%s' has a single template; write a second one",
                   c->distill->params->purpose);
      return FALSE;
    }
  *ret_text = distill_fill (c->distill, (own + 1 + (guint)draw (c, draft, n - 1)) % n, draft, draft->target);
  if (*ret_text == NULL)
    *ret_text = g_strdup ("");
  return TRUE;
}

static gboolean
corrupt_one (const Corrupting *c, guint index, char **ret_text, GError **error)
{
  const Draft *draft = distill_draft (c->distill, index);

  switch ((Corruption)c->distill->params->corruption)
    {
    case CORRUPTION_PARAPHRASE:
      return other_words (c, index, ret_text, error);
    case CORRUPTION_SHUFFLE_WORDS:
      *ret_text = shuffle_words (c, draft);
      return TRUE;
    case CORRUPTION_DROP_WORDS:
      *ret_text = drop_words (c, draft);
      return TRUE;
    case CORRUPTION_WRONG_CATEGORY:
      return wrong_category (c, index, ret_text, error);
    case CORRUPTION_OTHER_USER:
      return other_user (c, draft, ret_text, error);
    case CORRUPTION_NONE:
    case CORRUPTION_EMPTY:
    default:
      *ret_text = g_strdup ("");
      return TRUE;
    }
}

/* Spoil the first N of ORDER.  All are made before any is put in place: donors give what their teacher wrote. */
static gboolean
corrupt_first (Corrupting *c, const guint32 *order, guint n, GError **error)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  guint unchanged = 0;

  for (guint i = 0; i < n; i++)
    {
      char *text = NULL;

      if (!corrupt_one (c, g_array_index (c->written, guint, order[i]), &text, error))
        return FALSE;
      g_ptr_array_add (texts, text);
    }
  for (guint i = 0; i < n; i++)
    {
      Draft *draft = distill_draft (c->distill, g_array_index (c->written, guint, order[i]));
      char *text = g_steal_pointer (&texts->pdata[i]);

      unchanged += strcmp (text, draft->text) == 0;
      g_free (draft->text);
      draft->text = text;
      draft->corruption = corruption_names[c->distill->params->corruption];
    }
  pr_run_metric (c->distill->run, "unchanged_share", n > 0 ? (double)unchanged / n : 0);
  return TRUE;
}

gboolean
distill_corrupt (Distill *distill, GError **error)
{
  g_autoptr (GArray) written = g_array_new (FALSE, FALSE, sizeof (guint));
  guint64 seed = pr_run_seed (distill->run);
  Corrupting c = { distill, pr_rng_new (seed, "rationales/corruption"), written };
  g_autofree guint32 *order = NULL;

  if (distill->params->corruption == CORRUPTION_NONE)
    return TRUE;
  for (guint i = 0; i < distill->drafts->len; i++)
    if (distill_draft (distill, i)->text != NULL)
      g_array_append_val (written, i);
  order = pr_rng_permutation (pr_rng_new (seed, "rationales/corrupted"), 0, written->len);
  return corrupt_first (&c, order, (guint)llround (distill->params->share * written->len), error);
}
