/* templates.c - the teacher that fills sentences with the target's categories, and the sentences it has by itself. */
#include "config.h"

#include "distill.h"

#include <string.h>

/* Every purpose says the same in several ways, so that it can be paraphrased. */
static const struct
{
  const char *purpose, *text;
} built_in[] = {
  { "default", "The user is likely to buy items in {target_categories}" }, /* OneRec-Think, public data */
  { "default", "The next purchase of the user is probably in {target_categories}" },
  { "default", "What the user wants next is found in {target_categories}" },
  { "default", "We expect that the user now looks for something in {target_categories}" },
  { "history", "After {last_category}, the user is likely to buy items in {target_categories}" },
  { "history", "The user bought {last_category}, so the next purchase is probably in {target_categories}" },
  { "history", "Who has {last_category} looks for something in {target_categories}" },
};

gboolean
distill_check_purpose (const char *purpose, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (built_in); i++)
    if (strcmp (built_in[i].purpose, purpose) == 0)
      return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "purpose = %s: there are built-in templates for 'default' and 'history' only; name a file of your own "
               "with `templates`",
               purpose);
  return FALSE;
}

static void
template_free (gpointer tmpl)
{
  pr_template_free (tmpl);
}

gboolean
distill_load_templates (Distill *distill, GError **error)
{
  const DistillParams *p = distill->params;

  if (p->templates[0] != '\0')
    {
      distill->templates = pr_templates_load (p->templates, p->purpose, PR_TEMPLATE_ANY, error);
      return distill->templates != NULL;
    }
  distill->templates = g_ptr_array_new_with_free_func (template_free);
  for (guint i = 0; i < G_N_ELEMENTS (built_in); i++)
    if (strcmp (built_in[i].purpose, p->purpose) == 0)
      {
        PrTemplate *tmpl = pr_template_parse (built_in[i].text, PR_TEMPLATE_ANY, "built-in template", error);

        if (tmpl == NULL)
          return FALSE;
        g_ptr_array_add (distill->templates, tmpl);
      }
  return TRUE;
}

guint
distill_choose_template (const Distill *distill, gsize index)
{
  guint n = distill->templates->len;

  switch ((Choice)distill->params->choice)
    {
    case CHOICE_CYCLE:
      return (guint)(index % n);
    case CHOICE_RANDOM:
      return (guint)pr_rng_below (pr_rng_new (pr_run_seed (distill->run), "rationales/template"),
                                  draft_key (distill_draft (distill, index)), 0, n);
    case CHOICE_FIRST:
    default:
      return 0;
    }
}

char *
distill_fill (const Distill *distill, guint tmpl, const Draft *draft, gint32 target)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (!pr_template_fill (distill->templates->pdata[tmpl], distill->dataset, draft->history, draft->position, target,
                         text))
    return NULL;
  return pr_words_fold (text->str);
}

gboolean
teach_by_template (Distill *distill, GError **error)
{
  for (guint i = 0; i < distill->drafts->len; i++)
    {
      Draft *draft = distill_draft (distill, i);
      guint tmpl = distill_choose_template (distill, i);

      draft->text = distill_fill (distill, tmpl, draft, draft->target);
      if (draft->text == NULL)
        draft->text = g_strdup ("");
      draft_set_prompt (draft, pr_template_text (distill->templates->pdata[tmpl]));
      draft->seed = pr_run_seed (distill->run);
      if (i % 4096 == 0 && !pr_run_step (distill->run, i, distill->drafts->len, error))
        return FALSE;
    }
  return TRUE;
}
