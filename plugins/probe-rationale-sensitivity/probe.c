/* probe.c - load, ask in batches, and keep what was answered. */
#include "config.h"

#include "probe.h"

#include <math.h>
#include <string.h>

gboolean
ask_check (const AskParams *p, GError **error)
{
  if (p->top_k <= p->beams)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "top_k = %" G_GINT64_FORMAT " is more than beams = %" G_GINT64_FORMAT
               ": every listed item needs a beam; raise beams",
               (gint64)p->top_k, (gint64)p->beams);
  return FALSE;
}

/* Nobody knows the lengths of prompts before the data are read. */
#define PROMPT_GUESS 128

gboolean
ask_plan (const AskParams *p, PrPlan *plan, gint64 n_thoughts, GError **error)
{
  gint64 n_users = pr_plan_input_dim (plan, "dataset", "n_users"), levels = pr_plan_input_dim (plan, "sids", "levels");
  PrBeamParams search = { p->beams, (PrNormalise)p->normalise, p->users_at_once * n_thoughts };
  PrLmConfig config;

  if (!pr_plan_require_sids (plan, "lm", error) || !pr_plan_require_thinking (plan, "lm", PR_THINKING_COT, error)
      || !pr_plan_require_rationales (plan, "rationales", pr_target_split (p->split), error))
    return FALSE;
  if (!pr_plan_input_lm (plan, "lm", &config, NULL))
    return TRUE;
  levels = levels > 0 ? levels : 4;
  pr_plan_set_memory (plan, (guint64)pr_lm_config_n_params (&config) * sizeof (float)
                                + pr_beam_search_bytes (&config, &search, (gint32)levels,
                                                        PROMPT_GUESS + p->thought_tokens, pr_threads_get ()));
  if (n_users > 0)
    {
      double thought = (double)p->thought_tokens / 2 + (double)((levels - 1) * p->beams);

      pr_plan_set_flops (plan, (double)MIN (n_users, p->users) * (PROMPT_GUESS + (double)n_thoughts * thought)
                                   * pr_lm_config_token_flops (&config, PROMPT_GUESS));
    }
  return TRUE;
}

/* plan() knows the mode where the model's stage promised it; an imported model says it here. */
static gboolean
check_mode (const PrProtocol *protocol, GError **error)
{
  if (protocol->thinking == PR_THINKING_COT)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "the model thinks in mode '%s', and only one that thinks in words (cot) can read a rationale; read the "
               "model of explicit-cot",
               pr_thinking_names[protocol->thinking]);
  return FALSE;
}

gboolean
probe_load (Probe *probe, const AskParams *params, PrRun *run, GError **error)
{
  g_autoptr (PrProtocol) protocol = NULL;

  probe->params = params;
  probe->run = run;
  probe->split = pr_target_split (params->split);
  if (!pr_rec_inputs_load (run, &probe->inputs, error)
      || (protocol = pr_lm_require_protocol (probe->inputs.lm, error)) == NULL || !check_mode (protocol, error)
      || !pr_sids_check_items (probe->inputs.sids, pr_dataset_n_items (probe->inputs.dataset), error))
    return FALSE;
  probe->rationales = pr_rationales_load (pr_run_input_dir (run, "rationales"), probe->inputs.dataset, error);
  if (probe->rationales == NULL || !probe_find_gold (probe, error))
    return FALSE;
  probe->prompter =
      pr_prompter_new (protocol, pr_lm_tokenizer (probe->inputs.lm), probe->inputs.sids, probe->inputs.dataset, error);
  if (probe->prompter == NULL)
    return FALSE;
  probe->trie = pr_trie_new (probe->inputs.sids, probe->prompter);
  probe->prior = pr_dataset_train_counts (probe->inputs.dataset);
  return TRUE;
}

void
probe_clear (Probe *probe)
{
  pr_rec_inputs_clear (&probe->inputs);
  pr_prompter_free (probe->prompter);
  pr_trie_free (probe->trie);
  g_free (probe->prior);
  pr_rationales_free (probe->rationales);
  g_clear_pointer (&probe->users, g_array_unref);
  g_clear_pointer (&probe->reasons, g_array_unref);
  g_clear_pointer (&probe->own, g_array_unref);
  memset (probe, 0, sizeof *probe);
}

void
answers_clear (Answers *answers)
{
  g_clear_pointer (&answers->present, g_free);
  g_clear_pointer (&answers->log_probs, g_free);
  g_clear_pointer (&answers->items, g_free);
}

void
thoughts_add (Thoughts *thoughts, const gint32 *tokens, gsize n)
{
  const guint8 present = 1;
  gint32 end;

  if (n > 0)
    g_array_append_vals (thoughts->tokens, tokens, (guint)n);
  end = (gint32)thoughts->tokens->len;
  g_array_append_val (thoughts->offsets, end);
  g_array_append_val (thoughts->present, present);
}

void
thoughts_add_none (Thoughts *thoughts)
{
  const guint8 absent = 0;

  g_array_append_val (thoughts->present, absent);
}

void
thoughts_add_text (Probe *probe, Thoughts *thoughts, const char *text)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  gsize n, sound;

  pr_tokenizer_encode (pr_lm_tokenizer (probe->inputs.lm), text, -1, tokens);
  n = tokens->len;
  sound = pr_thought_sound_length (probe->prompter, (const gint32 *)(gpointer)tokens->data, n);
  probe->n_foreign += sound < n;
  probe->n_cut += sound > (gsize)probe->params->thought_tokens;
  thoughts_add (thoughts, (const gint32 *)(gpointer)tokens->data, MIN (sound, (gsize)probe->params->thought_tokens));
}

typedef struct
{
  GArray *first;  /* gint32 */
  GArray *wanted; /* gint32 */
  GArray *number; /* gsize: where the answer of a search goes */
  Thoughts thoughts;
  Prompts prompts;
} Batch;

static void
batch_init (Batch *b)
{
  GArray **ints[] = { &b->first,          &b->wanted,         &b->thoughts.tokens, &b->thoughts.offsets,
                      &b->prompts.tokens, &b->prompts.offsets };
  const gint32 zero = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (ints); i++)
    *ints[i] = g_array_new (FALSE, FALSE, sizeof (gint32));
  b->number = g_array_new (FALSE, FALSE, sizeof (gsize));
  b->thoughts.present = g_array_new (FALSE, FALSE, sizeof (guint8));
  g_array_append_val (b->first, zero);
  g_array_append_val (b->thoughts.offsets, zero);
  g_array_append_val (b->prompts.offsets, zero);
}

static void
batch_clear (Batch *b)
{
  GArray *arrays[] = { b->first,           b->wanted,           b->number,
                       b->thoughts.tokens, b->thoughts.offsets, b->thoughts.present,
                       b->prompts.tokens,  b->prompts.offsets };

  for (gsize i = 0; i < G_N_ELEMENTS (arrays); i++)
    g_clear_pointer (&arrays[i], g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Batch, batch_clear)

static const gint32 *
ints (const GArray *array)
{
  return (const gint32 *)(gconstpointer)array->data;
}

static void
add_prompts (const Probe *probe, gsize from, gsize n, Prompts *prompts)
{
  for (gsize i = from; i < from + n; i++)
    {
      gint64 length;
      const gint32 *history = pr_dataset_history (probe->inputs.dataset, probe_user (probe, i), probe->split, &length);
      gint32 end;

      pr_prompter_prompt (probe->prompter, history, length, prompts->tokens);
      end = (gint32)prompts->tokens->len;
      g_array_append_val (prompts->offsets, end);
    }
}

static gboolean
check_room (const Probe *probe, gsize index, gint32 prompt, gint32 thought, GError **error)
{
  gint32 most = pr_lm_config (probe->inputs.lm)->max_positions, all = prompt + thought + 1 + probe->inputs.sids->levels;

  if (all <= most + 1) /* nothing is read behind the last code */
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "user '%s': a prompt of %d tokens, a thought of %d and the semantic id exceed the %d positions of the "
               "model; lower thought_tokens or the history of the model's prompt",
               pr_dataset_user_id (probe->inputs.dataset, probe_user (probe, index)), prompt, thought, most);
  return FALSE;
}

/* Which thoughts are searched below which prompt, for which tuple. */
static gboolean
arrange (const Probe *probe, gsize from, gsize n, gsize n_thoughts, Batch *b, GError **error)
{
  const gint32 *prompts = ints (b->prompts.offsets), *starts = ints (b->thoughts.offsets);
  gint32 search = 0;

  for (gsize i = 0; i < n; i++)
    {
      gint32 leaf = pr_trie_item_leaf (probe->trie, probe_gold (probe, from + i)->target);

      for (gsize t = 0; t < n_thoughts; t++)
        {
          gsize number = (from + i) * n_thoughts + t;

          if (!g_array_index (b->thoughts.present, guint8, i * n_thoughts + t))
            continue;
          if (!check_room (probe, from + i, prompts[i + 1] - prompts[i], starts[search + 1] - starts[search], error))
            return FALSE;
          g_array_append_val (b->wanted, leaf);
          g_array_append_val (b->number, number);
          search++;
        }
      g_array_append_val (b->first, search);
    }
  return TRUE;
}

static gboolean
search_batch (Probe *probe, gsize n, const Batch *b, Answers *ret, GError **error)
{
  gsize beams = (gsize)probe->params->beams, k = (gsize)probe->params->top_k, n_searches = b->number->len;
  PrBeamParams beam = { probe->params->beams, (PrNormalise)probe->params->normalise, probe->params->users_at_once };
  const PrBranches branches = { ints (b->first), ints (b->thoughts.tokens), ints (b->thoughts.offsets) };
  g_autofree gint32 *leaves = g_new (gint32, n_searches * beams + 1);
  g_autofree float *scores = g_new (float, n_searches *beams + 1), *item_scores = g_new (float, k);
  g_autofree double *log_probs = g_new (double, n_searches + 1);

  if (!pr_answer_given (probe->inputs.lm, probe->prompter, probe->trie, &beam, ints (b->prompts.tokens),
                        ints (b->prompts.offsets), n, &branches, ints (b->wanted), leaves, scores, log_probs,
                        &probe->stats, error))
    return FALSE;
  for (gsize s = 0; s < n_searches; s++)
    {
      gsize number = g_array_index (b->number, gsize, s);

      ret->present[number] = 1;
      ret->log_probs[number] = log_probs[s];
      pr_beams_to_items (probe->trie, leaves + s * beams, scores + s * beams, (gint64)beams, probe->prior, (gint64)k,
                         ret->items + number * k, item_scores);
    }
  return TRUE;
}

gboolean
probe_ask (Probe *probe, gsize n_thoughts, ThinkFunc think, gpointer ctx, Answers *ret, GError **error)
{
  gsize n_users = probe->users->len, k = (gsize)probe->params->top_k, all = n_users * n_thoughts;
  /* Every thread gets a few groups a batch; where the batches are cut does not change the bits. */
  gsize size = (gsize)probe->params->users_at_once * 4 * MAX (pr_threads_get (), 1);
  g_auto (Answers) answers = { .n_thoughts = n_thoughts,
                               .present = g_new0 (guint8, all + 1),
                               .log_probs = g_new (double, all + 1),
                               .items = g_new (gint32, all * k + 1) };

  for (gsize i = 0; i < all; i++)
    answers.log_probs[i] = NAN;
  for (gsize i = 0; i < all * k; i++)
    answers.items[i] = -1;
  for (gsize from = 0; from < n_users; from += size)
    {
      gsize n = MIN (size, n_users - from);
      g_auto (Batch) b = { 0 };

      batch_init (&b);
      add_prompts (probe, from, n, &b.prompts);
      if (!think (ctx, from, n, &b.prompts, &b.thoughts, error) || !arrange (probe, from, n, n_thoughts, &b, error)
          || !search_batch (probe, n, &b, &answers, error)
          || !pr_run_step (probe->run, (guint64)(from + n), (guint64)n_users, error))
        return FALSE;
    }
  *ret = answers;
  memset (&answers, 0, sizeof answers);
  return TRUE;
}
