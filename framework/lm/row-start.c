/* row-start.c - the start of a new token's row from the rows of a group of tokens. */
#include "config.h"

#include <pauserec/rng.h>
#include <pauserec/tokengroups.h>
#include <pauserec/tokenrows.h>

#include <math.h>

const char *const pr_row_start_names[] = { "mean", "normal", "text-mean", "sid-mean", NULL };

/* [vocab]: TRUE for SID tokens. */
static gboolean *
find_sid_rows (const PrLm *lm, const PrSids *sids, GError **error)
{
  g_autofree gint32 *ids = pr_sids_token_ids (sids, lm, error);
  gboolean *is_sid;

  if (ids == NULL)
    return NULL;
  is_sid = g_new0 (gboolean, (gsize)pr_lm_config (lm)->vocab);
  for (gint32 i = 0; i < pr_sids_n_tokens (sids); i++)
    is_sid[ids[i]] = TRUE;
  return is_sid;
}

/* Write N(mean, 1e-9 x variance) of the other rows with is_sid[row] == WANTED into the row of TOKEN. */
static void
start_from_group (PrLm *lm, gint32 token, const gboolean *is_sid, gboolean wanted, guint64 seed)
{
  const PrLmConfig *config = pr_lm_config (lm);
  PrRng rng = pr_rng_new (seed, "token-row");
  float *row = pr_lm_embedding_row (lm, token);

  for (gint32 d = 0; d < config->hidden; d++)
    {
      double sum = 0, squares = 0, n = 0, mean;

      for (gint32 t = 0; t < token; t++)
        if (is_sid[t] == wanted)
          {
            sum += pr_lm_embedding_row (lm, t)[d];
            n++;
          }
      mean = n > 0 ? sum / n : 0;
      for (gint32 t = 0; t < token; t++)
        if (is_sid[t] == wanted)
          {
            double x = pr_lm_embedding_row (lm, t)[d] - mean;

            squares += x * x;
          }
      row[d] =
          (float)(mean + sqrt (1e-9 * (n > 0 ? squares / n : 0)) * pr_rng_normal (rng, (guint64)token, (guint64)d));
    }
}

gboolean
pr_lm_add_token_row (PrLm *lm, const char *name, PrRowStart start, const PrSids *sids, guint64 seed, GError **error)
{
  const char *const names[] = { name, NULL };
  g_autofree gboolean *is_sid = NULL;
  gboolean group = start == PR_ROW_START_TEXT_MEAN || start == PR_ROW_START_SID_MEAN;
  gint32 token = pr_lm_config (lm)->vocab;

  if (pr_tokenizer_lookup (pr_lm_tokenizer (lm), name) >= 0)
    return TRUE;
  if (group && (is_sid = find_sid_rows (lm, sids, error)) == NULL)
    return FALSE;
  if (!pr_lm_add_tokens (lm, names, start == PR_ROW_START_MEAN ? PR_ROW_INIT_MEAN : PR_ROW_INIT_NORMAL, seed, error))
    return FALSE;
  if (group)
    start_from_group (lm, token, is_sid, start == PR_ROW_START_SID_MEAN, seed);
  return TRUE;
}
