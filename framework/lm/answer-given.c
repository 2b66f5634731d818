/* answer-given.c - answers below thoughts that somebody else thought, for probes. */
#include "config.h"

#include <pauserec/answer.h>
#include <pauserec/error.h>

/* The thoughts with </think> behind each, or an error. */
static gboolean
close_thoughts (const PrPrompter *prompter, gsize n, const PrBranches *thoughts, GArray *tokens, GArray *offsets,
                GError **error)
{
  gint32 close = pr_prompter_end_think (prompter), end = 0;

  g_array_append_val (offsets, end);
  for (gsize u = 0; u < n; u++)
    for (gint32 t = thoughts->first[u]; t < thoughts->first[u + 1]; t++)
      {
        const gint32 *words = thoughts->tokens + thoughts->offsets[t];
        gsize length = (gsize)(thoughts->offsets[t + 1] - thoughts->offsets[t]);
        gsize sound = pr_thought_sound_length (prompter, words, length);

        if (sound < length)
          {
            g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                         "prompt %zu: token %zu of thought %d is a semantic id or a tag: a thought is words", u, sound,
                         t - thoughts->first[u]);
            return FALSE;
          }
        if (length > 0)
          g_array_append_vals (tokens, words, (guint)length);
        g_array_append_val (tokens, close);
        end = (gint32)tokens->len;
        g_array_append_val (offsets, end);
      }
  return TRUE;
}

gboolean
pr_answer_given (PrLm *lm, const PrPrompter *prompter, const PrTrie *trie, const PrBeamParams *beam,
                 const gint32 *tokens, const gint32 *offsets, gsize n, const PrBranches *thoughts, const gint32 *wanted,
                 gint32 *ret_leaves, float *ret_scores, double *ret_log_probs, PrAnswerStats *stats, GError **error)
{
  g_autoptr (GArray) closed = g_array_new (FALSE, FALSE, sizeof (gint32)),
                     ends = g_array_new (FALSE, FALSE, sizeof (gint32));
  PrBranches branches;

  if (pr_prompter_thinking (prompter) != PR_THINKING_COT)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                   "a model asked in thinking mode '%s' reads no thoughts; only cot does",
                   pr_thinking_names[pr_prompter_thinking (prompter)]);
      return FALSE;
    }
  if (!close_thoughts (prompter, n, thoughts, closed, ends, error))
    return FALSE;
  branches =
      (PrBranches){ thoughts->first, (const gint32 *)(gpointer)closed->data, (const gint32 *)(gpointer)ends->data };
  return pr_beam_search_for (lm, trie, beam, tokens, offsets, n, &branches, wanted, ret_leaves, ret_scores,
                             ret_log_probs, stats != NULL ? &stats->search : NULL, error);
}
