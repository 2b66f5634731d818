/* answer-fixture.h - a tiny model with a tokenizer, a catalogue and prompts in any thinking mode. */
#ifndef ANSWER_FIXTURE_H
#define ANSWER_FIXTURE_H

#include "pr-check.h"

#include "lm/layout.h"

#include <pauserec/answer.h>
#include <pauserec/rng.h>

#include <math.h>
#include <string.h>

#define ITEMS 14
#define USERS 9
#define LEVELS 2
#define POSITIONS 64
#define BYTES 256 /* tokens below are words */
#define END_THINK 260
#define PAUSES 3

typedef struct
{
  char *dir;
  PrLm *lm;
  PrSids *sids;
  PrDataset *dataset;
  PrPrompter *prompter;
  PrTrie *trie;
  GArray *tokens, *offsets; /* prompts of USERS users */
} World;

#define INTS(array) ((gint32 *)(gpointer)(array)->data)

static inline PrDataset *
world_dataset (const char *dir)
{
  static const char *const no_categories[] = { NULL };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("tiny");
  const gint32 bought[] = { 0, 1, 2 };

  for (gint32 i = 0; i < ITEMS; i++)
    {
      g_autofree char *id = g_strdup_printf ("i%d", i);
      PrItem item = { id, id, "", "", no_categories };

      pr_dataset_builder_add_item (builder, &item);
    }
  pr_dataset_builder_add_user (builder, "u", bought, 3);
  ck_assert (pr_dataset_builder_write (builder, dir, NULL));
  return pr_dataset_load (dir, NULL);
}

/* Some tuples are those of several items. */
static inline PrSids *
world_sids (PrRng rng)
{
  const gint32 sizes[LEVELS] = { 5, 4 };
  PrSids *sids = pr_sids_new (ITEMS, LEVELS, sizes);

  for (gint32 i = 0; i < ITEMS * LEVELS; i++)
    sids->codes[i] = (gint32)pr_rng_below (rng, 10, (guint64)i, (guint64)sizes[i % LEVELS]);
  return sids;
}

/* </think> has a long row: sometimes almost certain, sometimes almost impossible. */
static inline PrLm *
world_lm (PrRng rng, const PrSids *sids)
{
  static const char *const pause[] = { "<pause>", NULL };
  const PrLmConfig config = { .family = PR_LM_QWEN3,
                              .vocab = 261,
                              .hidden = 16,
                              .layers = 2,
                              .heads = 4,
                              .kv_heads = 2,
                              .head_dim = 4,
                              .ffn = 24,
                              .max_positions = POSITIONS,
                              .rope_theta = 10000,
                              .rms_eps = 1e-6,
                              .init_sd = 0.3 };
  g_autoptr (GPtrArray) documents = g_ptr_array_new ();
  GError *error = NULL;
  PrLm *lm = pr_lm_new (&config, pr_tokenizer_train (documents, 261, NULL), pr_rng_u64 (rng, 0, 0), &error);
  g_auto (GStrv) names = pr_sids_token_names (sids);

  ck_assert_no_error (error);
  ck_assert (pr_lm_add_tokens (lm, (const char *const *)names, PR_ROW_INIT_NORMAL, pr_rng_u64 (rng, 0, 1), NULL));
  ck_assert (pr_lm_add_tokens (lm, pause, PR_ROW_INIT_NORMAL, 2, NULL));
  for (gint32 j = 0; j < config.hidden; j++)
    pr_lm_embedding_row (lm, END_THINK)[j] *= 6;
  return lm;
}

static inline void
world_init (World *w, guint64 seed, PrThinking thinking)
{
  PrRng rng = pr_rng_new (seed, "answer");
  g_autoptr (PrProtocol) protocol = pr_protocol_new ("bought: {history} next:", " ", 4);
  GError *error = NULL;
  gint32 zero = 0;

  w->dir = pr_check_tmpdir ();
  w->dataset = world_dataset (w->dir);
  w->sids = world_sids (rng);
  w->lm = world_lm (rng, w->sids);
  protocol->thinking = thinking;
  if (thinking == PR_THINKING_PAUSE || thinking == PR_THINKING_LATENT)
    protocol->pauses = PAUSES;
  if (thinking == PR_THINKING_NOTE)
    {
      g_free (protocol->note);
      protocol->note = g_strdup ("last {last_title}");
    }
  w->prompter = pr_prompter_new (protocol, pr_lm_tokenizer (w->lm), w->sids, w->dataset, &error);
  ck_assert_no_error (error);
  w->trie = pr_trie_new (w->sids, w->prompter);
  w->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  w->offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_val (w->offsets, zero);
  for (guint64 u = 0; u < USERS; u++)
    {
      gint32 history[4], n = 1 + (gint32)pr_rng_below (rng, 20, u, 4), end;

      for (gint32 i = 0; i < n; i++)
        history[i] = (gint32)pr_rng_below (rng, 30 + u, (guint64)i, ITEMS);
      pr_prompter_prompt (w->prompter, history, n, w->tokens);
      end = (gint32)w->tokens->len;
      g_array_append_val (w->offsets, end);
    }
}

static inline void
world_clear (World *w)
{
  pr_check_rmdir (w->dir);
  g_free (w->dir);
  pr_lm_free (w->lm);
  pr_sids_free (w->sids);
  pr_dataset_free (w->dataset);
  pr_prompter_free (w->prompter);
  pr_trie_free (w->trie);
  g_array_unref (w->tokens);
  g_array_unref (w->offsets);
}

/* Scores of order 10 in single precision, pooled in another order. */
#define TOLERANCE 1e-5
#define MOST_BEAMS 4
#define MOST_THOUGHTS 5
#define MOST_KEEP (MOST_BEAMS * MOST_THOUGHTS)

typedef struct
{
  PrBeamParams beam;
  PrThinkParams think;
  gint64 keep;
  guint64 seed;
} Settings;

typedef struct
{
  gint32 leaves[USERS * MOST_KEEP];
  float scores[USERS * MOST_KEEP];
  PrAnswerStats stats;
} Answers;

static inline void
ask_some (World *w, const Settings *s, gsize from, gsize n, const guint64 *ids, Answers *ret)
{
  gint32 offsets[USERS + 1], start = INTS (w->offsets)[from];
  g_autoptr (GError) error = NULL;

  for (gsize u = 0; u <= n; u++)
    offsets[u] = INTS (w->offsets)[from + u] - start;
  memset (ret, 0, sizeof *ret);
  ck_assert_msg (pr_answer (w->lm, w->prompter, w->trie, &s->beam, &s->think, s->seed, INTS (w->tokens) + start,
                            offsets, n, ids, s->keep, ret->leaves, ret->scores, &ret->stats, NULL, &error),
                 "%s", error ? error->message : "");
}

static inline void
ask (World *w, const Settings *s, Answers *ret)
{
  ask_some (w, s, 0, USERS, NULL, ret);
}

/* A model that can be computed on paper ------------------------------------ */

/* No layer does anything and rows differ in one number x > 0: the final hidden state is (4, 0, 0, ...) after any token,
 * so that every token has logit 4 x wherever it stands. */
static inline void
set_logit (World *w, gint32 token, double logit)
{
  pr_lm_embedding_row (w->lm, token)[0] = (float)(logit / 4);
}

#define WORD_LOGIT 4.0
#define CODE_LOGIT 1.0 /* and that of everything else */
#define N_WORDS 4

/* Words 0 .. 3 are equally likely, </think> has probability CLOSE, code 1 of each level 3 times that of another. */
static inline void
make_plain (World *w, double close)
{
  PrLm *lm = w->lm;

  lm->config.rms_eps = 1e-12;
  memset (lm->weights, 0, (gsize)lm->layout->size * sizeof (float));
  for (gsize t = 0; t < lm->layout->n_tensors; t++)
    if (lm->layout->tensors[t].columns == 0)
      for (gint64 i = 0; i < lm->layout->tensors[t].rows; i++)
        lm->weights[lm->layout->tensors[t].offset + i] = 1;
  for (gint32 v = 0; v < lm->config.vocab; v++)
    set_logit (w, v, CODE_LOGIT);
  for (gint32 v = 0; v < N_WORDS; v++)
    set_logit (w, v, WORD_LOGIT);
  set_logit (w, END_THINK, WORD_LOGIT + log (N_WORDS * close / (1 - close)));
  for (gint32 level = 0; level < LEVELS; level++)
    set_logit (w, pr_prompter_sid_token (w->prompter, level, 1), CODE_LOGIT + log (3));
}

#endif
