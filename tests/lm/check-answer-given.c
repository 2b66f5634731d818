/* Answers below given thoughts, against whole sequences: prompt, thought, </think> and SID run through the model. */
#include "answer-fixture.h"

#include "lm/trie.h"

#include <pauserec/threads.h>

#define BEAMS 4
#define MOST (3 * USERS)
/* Single-precision logits of a tiny model, added up in two ways. */
#define CLOSE 3e-4

typedef struct
{
  World world;
  GArray *first, *tokens, *offsets; /* gint32 */
  gint32 wanted[MOST], n;
  PrBeamParams beam;
} Given;

typedef struct
{
  gint32 leaves[MOST * BEAMS];
  float scores[MOST * BEAMS];
  double log_probs[MOST];
  PrAnswerStats stats;
} Found;

/* One to three thoughts a user, of up to 6 words; any tuple is wanted. */
static void
given_init (Given *g, guint64 seed, PrNormalise normalise)
{
  PrRng rng = pr_rng_new (seed, "given");

  world_init (&g->world, seed, PR_THINKING_COT);
  g->first = g_array_new (FALSE, TRUE, sizeof (gint32));
  g->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g->offsets = g_array_new (FALSE, TRUE, sizeof (gint32));
  g_array_set_size (g->first, 1);
  g_array_set_size (g->offsets, 1);
  for (guint64 u = 0; u < USERS; u++)
    {
      for (guint64 left = 1 + pr_rng_below (rng, 0, u, 3); left > 0; left--)
        {
          for (guint64 words = pr_rng_below (rng, 1, g->offsets->len, 7); words > 0; words--)
            {
              gint32 word = (gint32)pr_rng_below (rng, 2, g->tokens->len, BYTES);

              g_array_append_val (g->tokens, word);
            }
          g_array_append_val (g->offsets, g->tokens->len);
        }
      g->n = (gint32)g->offsets->len - 1;
      g_array_append_val (g->first, g->n);
    }
  for (gint32 t = 0; t < g->n; t++)
    g->wanted[t] = (gint32)pr_rng_below (rng, 3, (guint64)t, (guint64)pr_trie_n_leaves (g->world.trie));
  g->beam = (PrBeamParams){ BEAMS, normalise, 1 + (gint64)pr_rng_below (rng, 4, 0, 4) };
}

static void
given_clear (Given *g)
{
  world_clear (&g->world);
  g_array_unref (g->first);
  g_array_unref (g->tokens);
  g_array_unref (g->offsets);
}

static gboolean
answer (Given *g, const gint32 *wanted, Found *ret, GError **error)
{
  World *w = &g->world;
  const PrBranches thoughts = { INTS (g->first), INTS (g->tokens), INTS (g->offsets) };

  memset (ret, 0, sizeof *ret);
  return pr_answer_given (w->lm, w->prompter, w->trie, &g->beam, INTS (w->tokens), INTS (w->offsets), USERS, &thoughts,
                          wanted, ret->leaves, ret->scores, ret->log_probs, &ret->stats, error);
}

static void
answer_well (Given *g, const gint32 *wanted, Found *ret)
{
  GError *error = NULL;

  ck_assert_msg (answer (g, wanted, ret, &error), "%s", error != NULL ? error->message : "");
}

/* Prompt of U, thought T and </think>; its length. */
static gint32
whole (const Given *g, gint32 u, gint32 t, gint32 *ret)
{
  const gint32 *offsets = INTS (g->world.offsets), *starts = INTS (g->offsets);
  gint32 n = offsets[u + 1] - offsets[u], words = starts[t + 1] - starts[t];

  memcpy (ret, INTS (g->world.tokens) + offsets[u], (gsize)n * sizeof *ret);
  for (gint32 i = 0; i < words; i++)
    ret[n + i] = INTS (g->tokens)[starts[t] + i];
  ret[n + words] = END_THINK;
  return n + words + 1;
}

/* log p of item ITEM behind TOKENS [n], by the model's logits at every position, over ALLOWED codes at each level. */
static double
by_logits (const Given *g, const gint32 *tokens, gint32 n, gint32 item)
{
  const World *w = &g->world;
  gint32 vocab = pr_lm_config (w->lm)->vocab, sequence[POSITIONS], offsets[] = { 0, n + LEVELS };
  const gint32 *codes = pr_sids_item (w->sids, item);
  g_autofree float *logits = g_new (float, (n + LEVELS) * vocab);
  double log_prob = 0;

  memcpy (sequence, tokens, (gsize)n * sizeof *sequence);
  for (gint32 l = 0; l < LEVELS; l++)
    sequence[n + l] = pr_prompter_sid_token (w->prompter, l, codes[l]);
  ck_assert (pr_lm_logits (w->lm, sequence, offsets, 1, logits, NULL));
  for (gint32 l = 0; l < LEVELS; l++)
    {
      const float *row = logits + (n + l - 1) * vocab;
      gboolean allowed[8] = { FALSE };
      double sum = 0;

      for (gint32 i = 0; i < ITEMS; i++) /* items that share the codes before */
        if (memcmp (pr_sids_item (w->sids, i), codes, (gsize)l * sizeof *codes) == 0)
          allowed[pr_sids_item (w->sids, i)[l]] = TRUE;
      for (gint32 c = 0; c < w->sids->sizes[l]; c++)
        if (allowed[c])
          sum += exp ((double)row[pr_prompter_sid_token (w->prompter, l, c)]);
      log_prob += (double)row[sequence[n + l]] - log (sum);
    }
  return log_prob;
}

/* The same over the vocabulary, by pr_lm_log_probs() of the whole sequence. */
static double
by_log_probs (const Given *g, const gint32 *tokens, gint32 n, gint32 item)
{
  const World *w = &g->world;
  gint32 sequence[POSITIONS], offsets[] = { 0, n + LEVELS };
  float log_probs[POSITIONS];

  memcpy (sequence, tokens, (gsize)n * sizeof *sequence);
  for (gint32 l = 0; l < LEVELS; l++)
    sequence[n + l] = pr_prompter_sid_token (w->prompter, l, pr_sids_item (w->sids, item)[l]);
  ck_assert (pr_lm_log_probs (w->lm, sequence, offsets, 1, NULL, 1, log_probs, NULL));
  return (double)log_probs[n] + (double)log_probs[n + 1];
}

/* Every thought's log p, and the beams below it, whose scores agree where they hold the wanted tuple. */
START_TEST (log_p_is_that_of_whole_sequences)
{
  PrNormalise normalise = (PrNormalise)_i;
  gint32 held = 0, missed = 0;

  for (guint64 seed = 0; seed < 12; seed++)
    {
      Given g;
      Found found;

      given_init (&g, seed, normalise);
      answer_well (&g, g.wanted, &found);
      for (gint32 u = 0; u < USERS; u++)
        for (gint32 t = INTS (g.first)[u]; t < INTS (g.first)[u + 1]; t++)
          {
            gint32 tokens[POSITIONS], n = whole (&g, u, t, tokens), offsets[] = { 0, n }, leaves[BEAMS];
            gsize n_items;
            gint32 item = pr_trie_leaf_items (g.world.trie, g.wanted[t], &n_items)[0], before = held;
            float scores[BEAMS];
            double expected =
                normalise == PR_NORMALISE_TRIE ? by_logits (&g, tokens, n, item) : by_log_probs (&g, tokens, n, item);

            ck_assert_int_eq (pr_trie_item_leaf (g.world.trie, item), g.wanted[t]);
            ck_assert_double_eq_tol (found.log_probs[t], expected, CLOSE);
            ck_assert (pr_beam_search (g.world.lm, g.world.trie, &g.beam, tokens, offsets, 1, NULL, leaves, scores,
                                       NULL, NULL));
            for (gint32 b = 0; b < BEAMS; b++)
              {
                ck_assert_double_eq_tol ((double)found.scores[t * BEAMS + b], (double)scores[b], CLOSE);
                if (found.leaves[t * BEAMS + b] != g.wanted[t])
                  continue;
                ck_assert_double_eq_tol ((double)found.scores[t * BEAMS + b], found.log_probs[t], TOLERANCE);
                held++;
              }
            missed += held == before;
          }
      given_clear (&g);
    }
  ck_assert_int_gt (held, 20);
  ck_assert_int_gt (missed, 20);
}
END_TEST

/* Probabilities of all tuples below a thought make one. */
START_TEST (log_p_is_a_distribution)
{
  Given g;
  double sums[MOST] = { 0 };

  given_init (&g, 40, PR_NORMALISE_TRIE);
  for (gint32 leaf = 0; leaf < pr_trie_n_leaves (g.world.trie); leaf++)
    {
      Found found;

      for (gint32 t = 0; t < g.n; t++)
        g.wanted[t] = leaf;
      answer_well (&g, g.wanted, &found);
      for (gint32 t = 0; t < g.n; t++)
        sums[t] += exp (found.log_probs[t]);
    }
  for (gint32 t = 0; t < g.n; t++)
    ck_assert_double_eq_tol (sums[t], 1, 1e-5);
  given_clear (&g);
}
END_TEST

START_TEST (threads_and_wishes_change_no_bit)
{
  Given g;
  Found one, more;

  given_init (&g, 50, (PrNormalise)_i);
  answer_well (&g, g.wanted, &one);
  for (guint threads = 2; threads <= 3; threads++)
    {
      pr_threads_set (threads);
      answer_well (&g, g.wanted, &more);
      ck_assert_mem_eq (&one, &more, sizeof one);
    }
  answer_well (&g, NULL, &more);
  ck_assert_mem_eq (one.leaves, more.leaves, sizeof one.leaves);
  ck_assert_mem_eq (one.scores, more.scores, sizeof one.scores);
  ck_assert_double_gt (one.stats.search.flops, more.stats.search.flops);
  ck_assert_int_gt (one.stats.search.decoded_tokens, more.stats.search.decoded_tokens);
  given_clear (&g);
}
END_TEST

/* What the model thinks itself, thought for it, is its own answer. */
START_TEST (its_own_thoughts_are_its_own_answer)
{
  for (guint64 seed = 60; seed < 72; seed++)
    {
      Settings s = { .beam = { BEAMS, PR_NORMALISE_TRIE, 3 },
                     .think = { .thoughts = 1, .thought_tokens = 6, .top_p = 1, .malformed = (int)(seed % 2) },
                     .keep = BEAMS,
                     .seed = seed };
      Given g;
      Answers own;
      Found found;
      PrAnswerStats stats = { .thoughts = 0 };
      g_auto (PrTexts) texts = { 0 };
      World *w = &g.world;

      given_init (&g, seed, PR_NORMALISE_TRIE);
      ask (w, &s, &own);
      pr_texts_init (&texts);
      ck_assert (pr_answer_think (w->lm, w->prompter, w->trie, &s.beam, &s.think, seed, INTS (w->tokens),
                                  INTS (w->offsets), USERS, NULL, &texts, &stats, NULL));
      ck_assert_uint_eq (texts.n, USERS);
      ck_assert_int_eq (stats.unclosed, own.stats.unclosed);
      ck_assert_int_eq (stats.text.generated_tokens, own.stats.text.generated_tokens);
      const gint32 first[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
      const PrBranches thoughts = { first, INTS (texts.tokens), INTS (texts.offsets) };

      ck_assert (pr_answer_given (w->lm, w->prompter, w->trie, &s.beam, INTS (w->tokens), INTS (w->offsets), USERS,
                                  &thoughts, NULL, found.leaves, found.scores, NULL, NULL, NULL));
      for (gint32 u = 0; u < USERS; u++)
        {
          gboolean searched = g_array_index (texts.stopped, guint8, u);

          ck_assert (searched == (own.leaves[u * BEAMS] >= 0));
          for (gint32 b = 0; searched && b < BEAMS; b++)
            ck_assert_double_eq_tol ((double)found.scores[u * BEAMS + b], (double)own.scores[u * BEAMS + b], CLOSE);
          ck_assert (!searched || found.leaves[u * BEAMS] == own.leaves[u * BEAMS]);
        }
      given_clear (&g);
    }
}
END_TEST

static void
assert_refused (Given *g, PrError code, const char *part)
{
  g_autoptr (GError) error = NULL;
  Found found;

  ck_assert (!answer (g, g->wanted, &found, &error));
  ck_assert_pr_error (error, code, part);
  ck_assert_int_eq (found.leaves[0], 0);
}

START_TEST (what_cannot_be_asked_is_refused)
{
  Given g;
  gint32 *at, old, thought = 0;

  given_init (&g, 80, PR_NORMALISE_TRIE);
  while (INTS (g.offsets)[thought + 1] == INTS (g.offsets)[thought])
    thought++;
  at = INTS (g.tokens) + INTS (g.offsets)[thought];
  old = *at;
  *at = pr_prompter_sid_token (g.world.prompter, 0, 0);
  assert_refused (&g, PR_ERROR_DATA, "is a semantic id or a tag");
  *at = END_THINK;
  assert_refused (&g, PR_ERROR_DATA, "token 0 of thought");
  *at = old;
  g.wanted[2] = pr_trie_n_leaves (g.world.trie);
  assert_refused (&g, PR_ERROR_DATA, "search 2: there is no tuple");
  ck_assert_int_eq (pr_trie_item_leaf (g.world.trie, ITEMS), -1);
  given_clear (&g);
}
END_TEST

START_TEST (other_modes_read_no_thoughts)
{
  Given g;
  World silent;
  PrPrompter *cot;

  given_init (&g, 90, PR_NORMALISE_TRIE);
  world_init (&silent, 90, PR_THINKING_PAUSE);
  cot = g.world.prompter;
  g.world.prompter = silent.prompter;
  assert_refused (&g, PR_ERROR_PLUGIN, "thinking mode 'pause' reads no thoughts");
  g.world.prompter = cot;
  world_clear (&silent);
  given_clear (&g);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("answer-given");
  TCase *tc = tcase_create ("answer-given");

  tcase_set_timeout (tc, 60);
  tcase_add_loop_test (tc, log_p_is_that_of_whole_sequences, PR_NORMALISE_TRIE, PR_NORMALISE_VOCAB + 1);
  tcase_add_test (tc, log_p_is_a_distribution);
  tcase_add_loop_test (tc, threads_and_wishes_change_no_bit, PR_NORMALISE_TRIE, PR_NORMALISE_VOCAB + 1);
  tcase_add_test (tc, its_own_thoughts_are_its_own_answer);
  tcase_add_test (tc, what_cannot_be_asked_is_refused);
  tcase_add_test (tc, other_modes_read_no_thoughts);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
