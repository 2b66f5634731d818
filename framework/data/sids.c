#include "config.h"

#include <pauserec/error.h>
#include <pauserec/sids.h>
#include <pauserec/tensors.h>
#include <string.h>

#define SIDS_FILE "sids.safetensors"
/* Every code is a row of an embedding table: more than a million on one level is a damaged file. */
#define MAX_SIZE (1 << 20)

PrSids *
pr_sids_new (gint64 n_items, gint32 levels, const gint32 *sizes)
{
  PrSids *sids;

  g_return_val_if_fail (n_items > 0 && levels > 0 && levels <= PR_SID_MAX_LEVELS, NULL);
  sids = g_new0 (PrSids, 1);
  sids->n_items = n_items;
  sids->levels = levels;
  memcpy (sids->sizes, sizes, (gsize)levels * sizeof *sizes);
  sids->codes = g_new0 (gint32, (gsize)n_items * (gsize)levels);
  return sids;
}

void
pr_sids_free (PrSids *sids)
{
  if (sids == NULL)
    return;
  g_free (sids->codes);
  g_free (sids);
}

static gboolean
check (const PrSids *sids, const char *path, GError **error)
{
  for (gint32 l = 0; l < sids->levels; l++)
    if (sids->sizes[l] < 1 || sids->sizes[l] > MAX_SIZE)
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: level %d has %d codes; 1 to %d are possible", path, l,
                     sids->sizes[l], MAX_SIZE);
        return FALSE;
      }
  for (gint64 i = 0; i < sids->n_items; i++)
    for (gint32 l = 0; l < sids->levels; l++)
      {
        gint32 code = pr_sids_item (sids, i)[l];

        if (code < 0 || code >= sids->sizes[l])
          {
            g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                         "%s: item %" G_GINT64_FORMAT " has code %d on level %d, which has %d codes", path, i, code, l,
                         sids->sizes[l]);
            return FALSE;
          }
      }
  return TRUE;
}

PrSids *
pr_sids_load (const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, SIDS_FILE, NULL);
  g_autoptr (PrTensors) tensors = pr_tensors_open (path, error);
  g_autoptr (PrSids) sids = NULL;
  const gint64 any = -1;
  gint64 shape[2] = { -1, -1 };
  const PrTensor *sizes, *codes;

  if (tensors == NULL)
    return NULL;
  sizes = pr_tensors_get (tensors, "sizes", PR_DTYPE_I32, 1, &any, error);
  if (sizes == NULL)
    return NULL;
  if (sizes->n < 1 || sizes->n > PR_SID_MAX_LEVELS)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: %" G_GINT64_FORMAT " levels; 1 to %d are possible", path,
                   sizes->n, PR_SID_MAX_LEVELS);
      return NULL;
    }
  shape[1] = sizes->n;
  codes = pr_tensors_get (tensors, "codes", PR_DTYPE_I32, 2, shape, error);
  if (codes == NULL)
    return NULL;
  if (codes->n == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: no items", path);
      return NULL;
    }
  sids = pr_sids_new (codes->dims[0], (gint32)sizes->n, sizes->data);
  memcpy (sids->codes, codes->data, (gsize)codes->n * sizeof (gint32));
  if (!check (sids, path, error))
    return NULL;
  return g_steal_pointer (&sids);
}

gboolean
pr_sids_save (const PrSids *sids, const char *policy, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, SIDS_FILE, NULL);
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();

  if (!check (sids, path, error))
    return FALSE;
  pr_tensors_writer_meta (writer, "policy", policy);
  pr_tensors_writer_add1 (writer, "sizes", PR_DTYPE_I32, sids->levels, sids->sizes);
  pr_tensors_writer_add2 (writer, "codes", PR_DTYPE_I32, sids->n_items, sids->levels, sids->codes);
  return pr_tensors_writer_write (writer, path, error);
}

gint32
pr_sids_n_tokens (const PrSids *sids)
{
  gint32 n = 0;

  for (gint32 l = 0; l < sids->levels; l++)
    n += sids->sizes[l];
  return n;
}

gint32
pr_sids_token_index (const PrSids *sids, gint32 level, gint32 code)
{
  for (gint32 l = 0; l < level; l++)
    code += sids->sizes[l];
  return code;
}

char **
pr_sids_token_names (const PrSids *sids)
{
  char **names = g_new0 (char *, (gsize)pr_sids_n_tokens (sids) + 1);
  gsize n = 0;

  for (gint32 l = 0; l < sids->levels; l++)
    for (gint32 c = 0; c < sids->sizes[l]; c++)
      names[n++] = g_strdup_printf ("<%c_%d>", 'a' + l, c);
  return names;
}

gboolean
pr_sids_check_items (const PrSids *sids, gint64 n_items, GError **error)
{
  if (sids->n_items == n_items)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "there are %" G_GINT64_FORMAT " semantic ids for %" G_GINT64_FORMAT
               " items; connect sids made from this data set",
               sids->n_items, n_items);
  return FALSE;
}
