/* sequences.c - which purchases a model sees, and which it is to predict. */
#include "config.h"

#include <pauserec/error.h>
#include <pauserec/rng.h>

#include "seqrec/seqrec-private.h"

const char *const pr_seq_targets_names[] = { "last", "all-prefixes", NULL };

#define MOST_DRAWS 64 /* of a negative: who bought nearly everything gets whatever comes last */

static GArray *
ints_new (void)
{
  return g_array_new (FALSE, FALSE, sizeof (gint32));
}

PrSeqRows *
pr_seq_rows_new (void)
{
  PrSeqRows *rows = g_new0 (PrSeqRows, 1);

  rows->offsets = ints_new ();
  rows->users = ints_new ();
  rows->items = ints_new ();
  rows->places = ints_new ();
  rows->targets = ints_new ();
  pr_seq_rows_clear (rows);
  return rows;
}

void
pr_seq_rows_free (PrSeqRows *rows)
{
  if (rows == NULL)
    return;
  g_array_unref (rows->offsets);
  g_array_unref (rows->users);
  g_array_unref (rows->items);
  g_array_unref (rows->places);
  g_array_unref (rows->targets);
  g_free (rows);
}

void
pr_seq_rows_clear (PrSeqRows *rows)
{
  gint32 zero = 0;

  g_array_set_size (rows->offsets, 0);
  g_array_set_size (rows->users, 0);
  g_array_set_size (rows->items, 0);
  g_array_set_size (rows->places, 0);
  g_array_set_size (rows->targets, 0);
  g_array_append_val (rows->offsets, zero);
}

void
pr_seq_rows_add (PrSeqRows *rows, gint32 user, const gint32 *items, gint64 n, gint64 length)
{
  gint32 end;

  g_array_append_vals (rows->items, items, (guint)n);
  for (gint32 place = (gint32)(length - n); place < (gint32)length; place++)
    g_array_append_val (rows->places, place);
  end = (gint32)rows->items->len;
  g_array_append_val (rows->offsets, end);
  g_array_append_val (rows->users, user);
}

void
pr_seq_rows_add_training (PrSeqRows *rows, const PrDataset *dataset, const PrSeqParams *params, gint32 user)
{
  gint64 m, n;
  const gint32 *items = pr_dataset_train_sequence (dataset, user, &m);

  n = MIN (params->length, m - 1);
  pr_seq_rows_add (rows, user, items + m - 1 - n, n, params->length);
  for (gint64 i = m - n; i < m; i++)
    {
      gint32 target = params->targets == PR_SEQ_TARGETS_ALL || i == m - 1 ? items[i] : -1;

      g_array_append_val (rows->targets, target);
    }
}

gint64
pr_seq_rows_n (const PrSeqRows *rows)
{
  return rows->items->len;
}

PrSeqBatch
pr_seq_rows_batch (const PrSeqRows *rows)
{
  return (PrSeqBatch){
    .rows = rows->items->len,
    .n_sequences = rows->users->len,
    .offsets = &g_array_index (rows->offsets, gint32, 0),
    .users = &g_array_index (rows->users, gint32, 0),
    .items = &g_array_index (rows->items, gint32, 0),
    .places = &g_array_index (rows->places, gint32, 0),
  };
}

GArray *
pr_seq_training_users (const PrDataset *dataset, GError **error)
{
  g_autoptr (GArray) users = ints_new ();
  gint64 n_users = pr_dataset_n_users (dataset);

  if (n_users > G_MAXINT32)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "the data set has more than %d users", G_MAXINT32);
      return NULL;
    }
  for (gint32 user = 0; user < n_users; user++)
    {
      gint64 n;

      pr_dataset_train_sequence (dataset, user, &n);
      if (n >= 2)
        g_array_append_val (users, user);
    }
  if (users->len > 0)
    return g_steal_pointer (&users);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "no user has two purchases to train on besides the two held out; take longer histories");
  return NULL;
}

static gboolean
bought (const gint32 *items, gint64 n, gint32 item)
{
  for (gint64 i = 0; i < n; i++)
    if (items[i] == item)
      return TRUE;
  return FALSE;
}

void
pr_seq_negatives (const PrDataset *dataset, const PrSeqBatch *batch, guint64 seed, gint64 n, gint32 *ret_items)
{
  PrRng rng = pr_rng_new (seed, "negatives");
  guint64 n_items = (guint64)pr_dataset_n_items (dataset);

  for (gsize s = 0; s < batch->n_sequences; s++)
    {
      gint64 m;
      const gint32 *items = pr_dataset_train_sequence (dataset, batch->users[s], &m);

      for (gint64 i = batch->offsets[s] * n; i < batch->offsets[s + 1] * n; i++)
        {
          guint64 draw = (batch->first_row * (guint64)n + (guint64)i) * MOST_DRAWS;

          ret_items[i] = -1;
          if (batch->targets[i / n] < 0)
            continue;
          for (int tries = 0; tries < MOST_DRAWS && (tries == 0 || bought (items, m, ret_items[i])); tries++)
            ret_items[i] = (gint32)pr_rng_below (rng, batch->step, draw++, n_items);
        }
    }
}
