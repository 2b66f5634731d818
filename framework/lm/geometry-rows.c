/* geometry-rows.c - the embedding of a model as vectors of geometry.h. */
#include "config.h"

#include <pauserec/error.h>
#include <pauserec/geometry.h>

#include <string.h>

PrMatrix *
pr_geometry_rows (PrLm *lm, const gint32 *tokens, gint64 n, GError **error)
{
  gint64 d = pr_lm_config (lm)->hidden;
  g_autoptr (PrMatrix) rows = NULL;

  if (n < 1)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "no token of the model is in use by the data; lower min_count");
      return NULL;
    }
  rows = pr_matrix_new (n, d, error);
  for (gint64 i = 0; rows != NULL && i < n; i++)
    {
      if (tokens[i] < 0 || tokens[i] >= pr_lm_config (lm)->vocab)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN, "token %d is outside the vocabulary of %d", tokens[i],
                       pr_lm_config (lm)->vocab);
          return NULL;
        }
      memcpy (rows->data + i * d, pr_lm_embedding_row (lm, tokens[i]), (gsize)d * sizeof (float));
    }
  return g_steal_pointer (&rows);
}

gboolean
pr_geometry_embedding (PrLm *lm, const PrTokenGroups *groups, const PrGeometryParams *params,
                       double ret_values[PR_N_GEOMETRY], GError **error)
{
  g_autoptr (PrMatrix) text = pr_geometry_rows (lm, groups->text, groups->n_text, error);
  g_autoptr (PrMatrix) sids = text != NULL ? pr_geometry_rows (lm, groups->sids, groups->n_sids, error) : NULL;

  return sids != NULL && pr_geometry_measure (text, sids, params, ret_values, error);
}
