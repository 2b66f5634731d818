#include "config.h"

#include "corpus.h"

#include <pauserec/error.h>
#include <pauserec/rng.h>

void
corpus_split (const GPtrArray *documents, double valid_share, GPtrArray *ret_train, GPtrArray *ret_valid)
{
  PrRng rng = pr_rng_new (0, "valid-documents");

  for (guint i = 0; i < documents->len; i++)
    {
      gboolean last_chance = i + 1 == documents->len && ret_train->len == 0;
      gboolean valid = !last_chance && pr_rng_uniform (rng, 0, i) < valid_share;

      g_ptr_array_add (valid ? ret_valid : ret_train, documents->pdata[i]);
    }
}

GArray *
corpus_tokens (const PrTokenizer *tokenizer, const GPtrArray *documents, PrRun *run, GError **error)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  gint32 end = pr_tokenizer_lookup (tokenizer, "<|endoftext|>");

  for (guint i = 0; i < documents->len; i++)
    {
      if (i % 1024 == 0 && !pr_run_step (run, i, documents->len, error))
        return NULL;
      pr_tokenizer_encode (tokenizer, documents->pdata[i], -1, tokens);
      g_array_append_val (tokens, end);
      if (tokens->len > G_MAXINT32 / 2)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA, "the corpus has more than 2^30 tokens; give fewer files");
          return NULL;
        }
    }
  return g_steal_pointer (&tokens);
}

gsize
corpus_n_windows (const GArray *tokens, gint64 context)
{
  gsize targets = tokens->len > 0 ? tokens->len - 1 : 0, stride = (gsize)context - 1;

  return (targets + stride - 1) / stride;
}

static void
cut_window (const GArray *tokens, gint64 context, gsize index, PrExample *example)
{
  gsize start = index * ((gsize)context - 1), n = MIN ((gsize)context, tokens->len - start);

  pr_example_clear (example);
  g_array_append_vals (example->tokens, &g_array_index (tokens, gint32, start), (guint)n);
  pr_example_mark (example, TRUE);
}

gboolean
corpus_train_example (gpointer ctx, guint epoch G_GNUC_UNUSED, gsize index, PrExample *example,
                      GError **error G_GNUC_UNUSED)
{
  const Corpus *corpus = ctx;

  cut_window (corpus->train, corpus->context, index, example);
  return TRUE;
}

gboolean
corpus_valid_example (gpointer ctx, guint epoch G_GNUC_UNUSED, gsize index, PrExample *example,
                      GError **error G_GNUC_UNUSED)
{
  const Corpus *corpus = ctx;

  cut_window (corpus->valid, corpus->context, index, example);
  return TRUE;
}
