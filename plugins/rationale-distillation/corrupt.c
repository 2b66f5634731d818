/* corrupt.c - spoil a share of the rationales, to see what their quality is worth (paper section 2, finding 5).
 *
 * Whom it hits is the beginning of one random order, so that a larger share holds a smaller one, and how a text is
 * spoilt (corruption.h) is drawn for its user and position alone.
 */
#include "config.h"

#include "distill.h"

#include <math.h>
#include <string.h>

typedef struct
{
  const Distill *distill;
  GArray *written; /* guint: drafts that have a text */
  GArray *reasons; /* PrReason: the same */
} Corrupting;

static guint
nth_written (const Corrupting *c, gsize index)
{
  return g_array_index (c->written, guint, index);
}

static char *
sentence (gpointer ctx, gsize index, guint turn, gint32 target)
{
  const Corrupting *c = ctx;
  const Distill *distill = c->distill;
  guint own = distill_choose_template (distill, nth_written (c, index));

  return distill_fill (distill, (own + turn) % distill->templates->len, distill_draft (distill, nth_written (c, index)),
                       target);
}

/* Words of an order are all moved; of dropped ones the manifest says how many. */
static double
strength (const DistillParams *p)
{
  return p->corruption == PR_CORRUPTION_SHUFFLE_WORDS ? 1 : p->strength;
}

/* Spoil the first N of ORDER.  All are made before any is put in place: donors give what their teacher wrote. */
static gboolean
corrupt_first (Corrupting *c, const guint32 *order, guint n, GError **error)
{
  const DistillParams *p = c->distill->params;
  const PrCorruptor corruptor = { .dataset = c->distill->dataset,
                                  .reasons = (const PrReason *)(gconstpointer)c->reasons->data,
                                  .n = c->reasons->len,
                                  .seed = pr_run_seed (c->distill->run),
                                  .sentence = sentence,
                                  .ctx = c,
                                  .n_wordings = c->distill->templates->len,
                                  .made_of_sentences = p->teacher == TEACHER_TEMPLATE };
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  guint unchanged = 0;

  for (guint i = 0; i < n; i++)
    {
      char *text = NULL;

      if (!pr_corrupt (&corruptor, (PrCorruption)p->corruption, strength (p), order[i], &text, error))
        return FALSE;
      g_ptr_array_add (texts, text);
    }
  for (guint i = 0; i < n; i++)
    {
      Draft *draft = distill_draft (c->distill, nth_written (c, order[i]));
      char *text = g_steal_pointer (&texts->pdata[i]);

      unchanged += strcmp (text, draft->text) == 0;
      g_free (draft->text);
      draft->text = text;
      draft->corruption = pr_corruption_names[p->corruption];
    }
  pr_run_metric (c->distill->run, "unchanged_share", n > 0 ? (double)unchanged / n : 0);
  return TRUE;
}

static void
list_written (Corrupting *c)
{
  for (guint i = 0; i < c->distill->drafts->len; i++)
    {
      const Draft *draft = distill_draft (c->distill, i);
      const PrReason reason = { draft->user, draft->position, draft->target, draft->text };

      if (draft->text == NULL)
        continue;
      g_array_append_val (c->written, i);
      g_array_append_val (c->reasons, reason);
    }
}

gboolean
distill_corrupt (Distill *distill, GError **error)
{
  const DistillParams *p = distill->params;
  g_autoptr (GArray) written = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr (GArray) reasons = g_array_new (FALSE, FALSE, sizeof (PrReason));
  Corrupting c = { distill, written, reasons };
  g_autofree guint32 *order = NULL;

  if (p->corruption == PR_CORRUPTION_NONE)
    return TRUE;
  if (p->corruption == PR_CORRUPTION_PARAPHRASE && p->teacher == TEACHER_TEMPLATE && distill->templates->len < 2)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "corruption = paraphrase: the purpose '%s' has a single template; write a second one", p->purpose);
      return FALSE;
    }
  list_written (&c);
  order = pr_rng_permutation (pr_rng_new (pr_run_seed (distill->run), "rationales/corrupted"), 0, written->len);
  return corrupt_first (&c, order, (guint)llround (p->share * written->len), error);
}
