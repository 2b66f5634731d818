/* sft.c - which purchases an example holds, and where its loss stands. */
#include "config.h"

#include "text/sft-private.h"

#include <pauserec/decode.h>
#include <pauserec/error.h>
#include <pauserec/rng.h>
#include <pauserec/run.h>
#include <pauserec/sft.h>

#include <math.h>

const char *const pr_targets_names[] = { "last", "all-prefixes", "each-prefix", NULL };
const char *const pr_valid_score_names[] = { "loss", "ndcg_10", NULL };

/* Purchases [first, last] of a user's training sequence; those from `target` on carry loss. */
typedef struct
{
  gint32 user, first, target, last;
} Window;

static void
add_window (PrSft *sft, gint64 user, gint64 first, gint64 target, gint64 last)
{
  const Window window = { (gint32)user, (gint32)first, (gint32)target, (gint32)last };

  g_array_append_val (sft->windows, window);
}

/* Windows of one pass over the purchases 0 .. n-1, the first window first; see sft.h. */
static void
add_passes (PrSft *sft, gint64 user, gint64 n)
{
  gint64 stride = (sft->history + 1) / 2, last = (n - 1) % stride, done = 1;

  /* Ends stand every `stride` purchases counted from the last; the first that would leave purchases out of the
   * first window is the first end. */
  if (n <= sft->history + 1)
    last = n - 1;
  else
    while (last + stride <= sft->history)
      last += stride;
  for (; last < n; last += stride)
    {
      add_window (sft, user, MAX (0, last - sft->history), done, last);
      done = last + 1;
    }
}

static void
add_user (PrSft *sft, gint64 user)
{
  gint64 n;

  pr_dataset_train_sequence (sft->dataset, user, &n);
  if (n < 2)
    return;
  if (sft->params.targets == PR_TARGETS_LAST)
    add_window (sft, user, MAX (0, n - 1 - sft->history), n - 1, n - 1);
  else if (sft->params.targets == PR_TARGETS_ALL_PREFIXES && pr_prompter_is_contiguous (sft->prompter))
    add_passes (sft, user, n);
  else
    for (gint64 target = 1; target < n; target++)
      add_window (sft, user, MAX (0, target - sft->history), target, target);
}

/* Tokens of the prompt for N purchases, what follows it, and a SID. */
static gint64
count_tokens (const PrSft *sft, const gint32 *history, gint64 n, GArray *tokens)
{
  g_array_set_size (tokens, 0);
  pr_prompter_prompt (sft->prompter, history, n, tokens);
  pr_prompter_bridge (sft->prompter, tokens);
  return (gint64)tokens->len + sft->sids->levels;
}

/* The longest that training or evaluation can ask for follows from the longest history, but for notes. */
static gboolean
check_positions (PrSft *sft, const PrLmConfig *config, gint64 longest, GError **error)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  gint64 n = MIN (sft->history, longest - 1), length;
  g_autofree gint32 *items = g_new0 (gint32, (gsize)n);

  length = count_tokens (sft, items, n, tokens);
  if (length <= config->max_positions)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "a history of %" G_GINT64_FORMAT " purchases makes %" G_GINT64_FORMAT
               " tokens, but the model has %d positions; shorten history or give the model more max_positions",
               n, length, config->max_positions);
  return FALSE;
}

/* Notes are as long as the words of the purchases: every target of every user is looked at once. */
static gboolean
check_notes (PrSft *sft, const PrLmConfig *config, GError **error)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));

  for (gint64 user = 0; user < pr_dataset_n_users (sft->dataset); user++)
    {
      gint64 n;
      const gint32 *items = pr_dataset_sequence (sft->dataset, user, &n);
      /* Of training only the last target where only that is trained; then the two held out. */
      gint64 from = sft->params.targets == PR_TARGETS_LAST ? MAX (1, n - 3) : 1;

      for (gint64 target = from; target < n; target++)
        {
          gint64 length = count_tokens (sft, items, target, tokens);

          if (length > config->max_positions)
            {
              g_set_error (
                  error, PR_ERROR, PR_ERROR_MANIFEST,
                  "user %s: the prompt with the note on %" G_GINT64_FORMAT " purchases makes %" G_GINT64_FORMAT
                  " tokens, but the model has %d positions; shorten history or the note, or give the model more "
                  "max_positions",
                  pr_dataset_user_id (sft->dataset, user), MIN (target, sft->history), length, config->max_positions);
              return FALSE;
            }
        }
    }
  return TRUE;
}

PrSft *
pr_sft_new (const PrLm *lm, const PrDataset *dataset, const PrSids *sids, const PrProtocol *protocol,
            const PrSftParams *params, GError **error)
{
  g_autoptr (PrSft) sft = g_new0 (PrSft, 1);
  gint64 n_users = pr_dataset_n_users (dataset), longest = 1;

  sft->dataset = dataset;
  sft->sids = sids;
  sft->params = *params;
  sft->history = protocol->history;
  sft->windows = g_array_new (FALSE, FALSE, sizeof (Window));
  if (!pr_sids_check_items (sids, pr_dataset_n_items (dataset), error))
    return NULL;
  sft->prompter = pr_prompter_new (protocol, pr_lm_tokenizer (lm), sids, dataset, error);
  if (sft->prompter == NULL)
    return NULL;
  for (gint64 user = 0; user < n_users; user++)
    {
      gint64 n;

      pr_dataset_sequence (dataset, user, &n);
      longest = MAX (longest, n);
      add_user (sft, user);
    }
  if (sft->windows->len == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "no user has two purchases to train on besides the two held out; every history is empty");
      return NULL;
    }
  if (protocol->thinking == PR_THINKING_NOTE ? !check_notes (sft, pr_lm_config (lm), error)
                                             : !check_positions (sft, pr_lm_config (lm), longest, error))
    return NULL;
  sft->valid = pr_dataset_draw_users (dataset, PR_SPLIT_VALID, params->valid_users, "valid-users");
  return g_steal_pointer (&sft);
}

void
pr_sft_free (PrSft *sft)
{
  if (sft == NULL)
    return;
  pr_prompter_free (sft->prompter);
  pr_trie_free (sft->trie);
  g_clear_pointer (&sft->windows, g_array_unref);
  g_clear_pointer (&sft->valid, g_array_unref);
  g_free (sft);
}

gsize
pr_sft_n (const PrSft *sft)
{
  return sft->windows->len;
}

gsize
pr_sft_n_valid (const PrSft *sft)
{
  return sft->valid->len;
}

void
pr_sft_place (const PrSft *sft, gsize index, gint32 *ret_user, gint32 *ret_position)
{
  const Window *window = &g_array_index (sft->windows, Window, index);

  *ret_user = window->user;
  *ret_position = window->target;
}

void
pr_sft_set_thoughts (PrSft *sft, PrSftThoughtFunc thought, gpointer ctx, double weight, const PrThinkParams *think)
{
  sft->thought = thought;
  sft->thought_ctx = ctx;
  sft->thought_weight = weight;
  sft->think = *think;
}

/* In cot mode: the rationale, and the tag that ends it. */
static gboolean
add_thought (const PrSft *sft, gsize index, PrExample *example, GError **error)
{
  if (pr_prompter_thinking (sft->prompter) != PR_THINKING_COT)
    return TRUE;
  if (sft->thought == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                   "examples of a protocol that thinks in words need a rationale each: call pr_sft_set_thoughts()");
      return FALSE;
    }
  if (!sft->thought (sft->thought_ctx, index, example->tokens, error))
    return FALSE;
  pr_example_mark (example, (float)sft->thought_weight);
  /* A thought that does not end is malformed, so its end is never worth less than a SID. */
  pr_example_add (example, pr_prompter_end_think (sft->prompter), 1);
  return TRUE;
}

gboolean
pr_sft_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error)
{
  const PrSft *sft = ctx;
  const Window *window = &g_array_index (sft->windows, Window, index);
  gint64 n;
  const gint32 *items = pr_dataset_train_sequence (sft->dataset, window->user, &n);

  (void)epoch;
  pr_example_clear (example);
  /* A pass shows more purchases than a prompt may have, so only the part before the targets is a prompt. */
  pr_prompter_prompt (sft->prompter, items + window->first, window->target - window->first, example->tokens);
  pr_prompter_bridge (sft->prompter, example->tokens);
  pr_example_mark (example, 0);
  if (!add_thought (sft, index, example, error))
    return FALSE;
  for (gint32 i = window->target; i <= window->last; i++)
    pr_prompter_item (sft->prompter, items[i], example->tokens);
  pr_example_mark (example, 1);
  return TRUE;
}

gboolean
pr_sft_valid_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error)
{
  const PrSft *sft = ctx;
  gint32 user = g_array_index (sft->valid, gint32, index);
  gint64 n;
  const gint32 *history = pr_dataset_history (sft->dataset, user, PR_SPLIT_VALID, &n);

  (void)epoch;
  (void)error;
  pr_example_clear (example);
  pr_prompter_prompt (sft->prompter, history, n, example->tokens);
  pr_prompter_bridge (sft->prompter, example->tokens);
  pr_example_mark (example, 0);
  pr_prompter_item (sft->prompter, pr_dataset_target (sft->dataset, user, PR_SPLIT_VALID), example->tokens);
  pr_example_mark (example, 1);
  return TRUE;
}

void
pr_sft_describe (PrSft *sft, PrTraining *training)
{
  training->n_examples = pr_sft_n (sft);
  training->example = pr_sft_example;
  training->ctx = sft;
  training->shuffle = TRUE;
  if (sft->valid->len == 0)
    return;
  /* The rationale of a validation target would give it away, so thoughts are the model's own there. */
  if (sft->params.valid_score == PR_VALID_NDCG_10 || pr_prompter_thinking (sft->prompter) == PR_THINKING_COT)
    {
      training->score = pr_sft_valid_ndcg;
      training->score_name = "ndcg_10";
      return;
    }
  training->n_valid = pr_sft_n_valid (sft);
  training->valid_example = pr_sft_valid_example;
}

gint64
pr_sft_estimate_n (const PrSftParams *params, gboolean contiguous, gint64 n_users)
{
  gboolean one_each = params->targets == PR_TARGETS_LAST || (params->targets == PR_TARGETS_ALL_PREFIXES && contiguous);

  return one_each ? n_users : PR_DIM_UNKNOWN;
}
