/* only.c - leave out the runs that nobody asked for: --only arm=NAME, --only seed=N. */
#include "config.h"

#include "runtime/draft.h"
#include "runtime/complaints.h"
#include "text/nearest.h"

#include <string.h>

typedef struct
{
  GPtrArray *arms; /* const char *: names or labels, borrowed from the command line */
  GArray *seeds;
} Only;

static void
only_clear (Only *only)
{
  g_ptr_array_unref (only->arms);
  g_array_unref (only->seeds);
}

static void
complain_only (PrDraft *draft, const PrExperiment *experiment, const char *arm)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree char *hint = NULL, *shown = pr_complaint_excerpt (arm);

  for (guint i = 0; i < draft->arms->len; i++)
    g_ptr_array_add (names, ((const PrArm *)draft->arms->pdata[i])->group->name);
  for (guint i = 0; i < experiment->arms->len; i++)
    g_ptr_array_add (names, experiment->arms->pdata[i]);
  hint = pr_nearest_hint (arm, (const char *const *)names->pdata, names->len);
  pr_complain (draft->complaints, "--only arm=%s: the manifest has no such arm%s", shown, hint);
}

/* Does PATTERN, a name or a label, mean the arm called LABEL? */
gboolean
pr_draft_arm_matches (const char *pattern, const char *arm_label)
{
  gsize length = strlen (pattern);

  return strncmp (pattern, arm_label, length) == 0 && (arm_label[length] == '\0' || arm_label[length] == '[');
}

static Only
read_only (PrDraft *draft, const PrExperiment *experiment, const GArray *seeds, const char *const *given)
{
  Only only = { g_ptr_array_new (), g_array_new (FALSE, FALSE, sizeof (guint64)) };

  for (gsize i = 0; given != NULL && given[i] != NULL; i++)
    {
      guint64 seed;
      gboolean known = FALSE;

      if (g_str_has_prefix (given[i], "arm="))
        {
          const char *arm = given[i] + strlen ("arm=");

          for (guint j = 0; j < experiment->arms->len && !known; j++)
            known = pr_draft_arm_matches (arm, experiment->arms->pdata[j]);
          if (!known)
            complain_only (draft, experiment, arm);
          g_ptr_array_add (only.arms, (gpointer)arm);
        }
      else if (g_str_has_prefix (given[i], "seed=")
               && g_ascii_string_to_unsigned (given[i] + strlen ("seed="), 10, 0, G_MAXINT64, &seed, NULL))
        {
          if (!pr_draft_has_seed (seeds, seed))
            pr_complain (draft->complaints, "--only seed=%" G_GUINT64_FORMAT ": the experiment has no such seed", seed);
          g_array_append_val (only.seeds, seed);
        }
      else
        {
          g_autofree char *shown = pr_complaint_excerpt (given[i]);

          pr_complain (draft->complaints, "--only %s: want arm=NAME or seed=N", shown);
        }
    }
  return only;
}

static gboolean
only_takes_arm (const Only *only, const char *arm_label)
{
  for (guint i = 0; i < only->arms->len; i++)
    if (pr_draft_arm_matches (only->arms->pdata[i], arm_label))
      return TRUE;
  return only->arms->len == 0;
}

static void
apply_only (PrExperiment *experiment, const Only *only)
{
  for (guint i = 0; i < experiment->runs->len; i++)
    {
      PrRunSpec *run = experiment->runs->pdata[i];

      run->wanted =
          only_takes_arm (only, run->arm) && (only->seeds->len == 0 || pr_draft_has_seed (only->seeds, run->seed));
    }
}

void
pr_draft_apply_only (PrDraft *draft, PrExperiment *experiment, const GArray *seeds, const char *const *given)
{
  Only only = read_only (draft, experiment, seeds, given);

  apply_only (experiment, &only);
  only_clear (&only);
}
