/* gold.c - whom to ask, and the rationale of what they buy. */
#include "config.h"

#include "probe.h"

/* Reasons of everybody: other users' rationales are taken from all of them. */
static gboolean
list_reasons (Probe *probe, gint32 *number, GError **error)
{
  const PrDataset *dataset = probe->inputs.dataset;

  for (gint64 u = 0; u < pr_dataset_n_users (dataset); u++)
    {
      gint64 position;
      gint32 target = pr_dataset_target (dataset, u, probe->split);
      const PrRationale *rationale;
      PrReason reason;

      pr_dataset_history (dataset, u, probe->split, &position);
      rationale = target < 0 ? NULL : pr_rationales_find (probe->rationales, (gint32)u, (gint32)position);
      number[u] = rationale != NULL ? (gint32)probe->reasons->len : -1;
      if (rationale == NULL)
        continue;
      if (rationale->corruption != NULL)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                       "the rationale of user '%s' was spoilt (%s) by the stage that made it: the probe wants it as it "
                       "was, since it perturbs rationales itself; connect rationales with corruption = none",
                       pr_dataset_user_id (dataset, u), rationale->corruption);
          return FALSE;
        }
      reason = (PrReason){ (gint32)u, (gint32)position, target, rationale->text };
      g_array_append_val (probe->reasons, reason);
    }
  return TRUE;
}

gboolean
probe_find_gold (Probe *probe, GError **error)
{
  const PrDataset *dataset = probe->inputs.dataset;
  g_autofree gint32 *number = g_new (gint32, pr_dataset_n_users (dataset) + 1);
  gint32 first = -1;
  guint missing = 0;

  probe->users = pr_dataset_draw_users (dataset, probe->split, probe->params->users, "probe-users");
  probe->reasons = g_array_new (FALSE, FALSE, sizeof (PrReason));
  probe->own = g_array_new (FALSE, FALSE, sizeof (guint));
  if (!list_reasons (probe, number, error))
    return FALSE;
  for (guint i = 0; i < probe->users->len; i++)
    {
      gint32 user = probe_user (probe, i);
      guint own = (guint)number[user];

      if (number[user] < 0 && missing++ == 0)
        first = user;
      g_array_append_val (probe->own, own);
    }
  if (probe->users->len > 0 && missing == 0)
    return TRUE;
  if (missing > 0)
    g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                 "%u of the %u asked users have no rationale of their %s target, the first of them user '%s'; connect "
                 "rationales made with targets = %s by a teacher that has one for everybody",
                 missing, probe->users->len, pr_target_split_names[probe->params->split],
                 pr_dataset_user_id (dataset, first), pr_target_split_names[probe->params->split]);
  else
    g_set_error (error, PR_ERROR, PR_ERROR_DATA, "no user of the data set has a %s target: nobody can be asked",
                 pr_target_split_names[probe->params->split]);
  return FALSE;
}
