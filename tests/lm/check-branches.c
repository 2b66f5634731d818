/* Continuations between prompt and semantic id: the plain search, and the transformer of reference.h, are the oracles.
 */
#include "decode-fixture.h"

#include "reference.h"

#include "lm/trie.h"

#include <pauserec/decode.h>
#include <pauserec/threads.h>

/* Two ways of adding up the same single-precision logits of tiny models; log probabilities are of order 10. */
#define TOLERANCE 3e-4
#define BEAMS 5
#define LEVELS 3
#define CODES 6
#define ITEMS 25

static const gint32 bases[LEVELS] = { 60, 68, 76 };

typedef struct
{
  Prompts prompts;
  PrTrie *trie;
  PrBeamParams params;
  GArray *first, *tokens, *offsets; /* branches */
  gint32 n;
} Case;

static PrBranches
branches (const Case *c)
{
  return (PrBranches){ (const gint32 *)(gpointer)c->first->data, (const gint32 *)(gpointer)c->tokens->data,
                       (const gint32 *)(gpointer)c->offsets->data };
}

/* Up to three branches a prompt, of 0 to 8 tokens, some of them latent. */
static void
case_init (Case *c, guint64 seed, PrLmFamily family, gboolean latent)
{
  PrRng rng = pr_rng_new (seed, "check-branches");
  gint32 codes[ITEMS * LEVELS], zero = 0;
  PrSids sids = { .n_items = ITEMS, .levels = LEVELS, .sizes = { CODES, CODES, CODES }, .codes = codes };

  prompts_init (&c->prompts, seed, family, 7);
  for (gint32 i = 0; i < ITEMS * LEVELS; i++)
    codes[i] = (gint32)pr_rng_below (rng, 1, (guint64)i, CODES);
  c->trie = pr_trie_new_bases (&sids, bases);
  c->params = (PrBeamParams){ BEAMS, (PrNormalise)fixture_pick (rng, 1, 0, 1), fixture_pick (rng, 2, 1, 4) };
  c->first = g_array_new (FALSE, FALSE, sizeof (gint32));
  c->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  c->offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_val (c->first, zero);
  g_array_append_val (c->offsets, zero);
  for (gsize p = 0; p < c->prompts.n; p++)
    {
      for (gint32 left = fixture_pick (rng, 10 + p, 1, 3); left > 0; left--)
        {
          for (gint32 n = fixture_pick (rng, 100 + c->offsets->len, 0, 8); n > 0; n--)
            {
              gint32 token = (gint32)pr_rng_below (rng, 2, c->tokens->len, FIXTURE_VOCAB);

              if (latent && pr_rng_below (rng, 3, c->tokens->len, 2) == 0)
                token = PR_TOKEN_LATENT;
              g_array_append_val (c->tokens, token);
            }
          g_array_append_val (c->offsets, c->tokens->len);
        }
      c->n = (gint32)c->offsets->len - 1;
      g_array_append_val (c->first, c->n);
    }
}

static void
case_clear (Case *c)
{
  prompts_clear (&c->prompts);
  pr_trie_free (c->trie);
  g_array_unref (c->first);
  g_array_unref (c->tokens);
  g_array_unref (c->offsets);
}

typedef struct
{
  gint32 *leaves;
  float *scores;
} Found;

static void
found_clear (Found *found)
{
  g_free (found->leaves);
  g_free (found->scores);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Found, found_clear)

static Found
found_new (gint32 n)
{
  return (Found){ g_new0 (gint32, n * BEAMS), g_new0 (float, n *BEAMS) };
}

static Found
search (Case *c, PrBeamStats *stats)
{
  Found found = found_new (c->n);
  PrBranches b = branches (c);
  g_autoptr (GError) error = NULL;

  ck_assert_msg (pr_beam_search (c->prompts.lm, c->trie, &c->params, TOKENS (&c->prompts), OFFSETS (&c->prompts),
                                 c->prompts.n, &b, found.leaves, found.scores, stats, &error),
                 "%s", error != NULL ? error->message : "");
  return found;
}

/* Prompt and branch in one sequence; its length. */
static gint32
whole (const Case *c, gsize prompt, gint32 branch, gint32 *ret_tokens)
{
  PrBranches b = branches (c);
  gint32 n = OFFSETS (&c->prompts)[prompt + 1] - OFFSETS (&c->prompts)[prompt];
  gint32 m = b.offsets[branch + 1] - b.offsets[branch];

  memcpy (ret_tokens, TOKENS (&c->prompts) + OFFSETS (&c->prompts)[prompt], (gsize)n * sizeof *ret_tokens);
  memcpy (ret_tokens + n, b.tokens + b.offsets[branch], (gsize)m * sizeof *ret_tokens);
  return n + m;
}

/* The same tuples in the same order, but for neighbours that rounding may exchange. */
static void
assert_same (const gint32 *leaves, const float *scores, const gint32 *plain_leaves, const float *plain_scores)
{
  for (gint32 b = 0; b < BEAMS; b++)
    {
      gboolean near = (b > 0 && plain_scores[b - 1] - plain_scores[b] < (float)TOLERANCE) || b == BEAMS - 1
                      || plain_scores[b] - plain_scores[b + 1] < (float)TOLERANCE;

      ck_assert_double_eq_tol ((double)scores[b], (double)plain_scores[b], TOLERANCE);
      ck_assert (leaves[b] == plain_leaves[b] || near);
    }
}

/* Prompt and branch as one prompt. */
START_TEST (equal_the_plain_search_of_the_whole)
{
  for (guint64 seed = 0; seed < 20; seed++)
    {
      Case c;
      g_auto (Found) found = { NULL, NULL };

      case_init (&c, seed, (PrLmFamily)_i, FALSE);
      found = search (&c, NULL);
      for (gsize p = 0; p < c.prompts.n; p++)
        for (gint32 b = branches (&c).first[p]; b < branches (&c).first[p + 1]; b++)
          {
            gint32 tokens[FIXTURE_POSITIONS], offsets[] = { 0, whole (&c, p, b, tokens) }, leaves[BEAMS];
            float scores[BEAMS];

            ck_assert (
                pr_beam_search (c.prompts.lm, c.trie, &c.params, tokens, offsets, 1, NULL, leaves, scores, NULL, NULL));
            assert_same (found.leaves + b * BEAMS, found.scores + b * BEAMS, leaves, scores);
          }
      case_clear (&c);
    }
}
END_TEST

START_TEST (empty_branches_are_the_plain_search)
{
  for (guint64 seed = 30; seed < 40; seed++)
    {
      Case c;
      g_auto (Found) found = { NULL, NULL };
      g_auto (Found) plain = { NULL, NULL };
      PrBeamStats stats = { 0 }, plain_stats = { 0 };

      case_init (&c, seed, PR_LM_QWEN3, FALSE);
      c.n = (gint32)c.prompts.n;
      for (gint32 i = 0; i <= c.n; i++)
        {
          ((gint32 *)(gpointer)c.first->data)[i] = i;
          ((gint32 *)(gpointer)c.offsets->data)[i] = 0;
        }
      found = search (&c, &stats);
      plain = found_new (c.n);
      ck_assert (pr_beam_search (c.prompts.lm, c.trie, &c.params, TOKENS (&c.prompts), OFFSETS (&c.prompts),
                                 c.prompts.n, NULL, plain.leaves, plain.scores, &plain_stats, NULL));
      ck_assert_mem_eq (found.leaves, plain.leaves, (gsize)c.n * BEAMS * sizeof (gint32));
      ck_assert_mem_eq (found.scores, plain.scores, (gsize)c.n * BEAMS * sizeof (float));
      ck_assert_mem_eq (&stats, &plain_stats, sizeof stats);
      case_clear (&c);
    }
}
END_TEST

/* Final hidden states of a sequence with latent steps, [n, hidden], in double: each latent input needs another run. */
static void
latent_hidden (const Case *c, const gint32 *tokens, gint32 n, double *ret_hidden)
{
  const PrLm *lm = c->prompts.lm;
  gint64 hidden = lm->config.hidden;
  g_autofree double *w = g_new (double, lm->layout->size);
  g_autofree double *inputs = g_new (double, n *hidden);

  for (gint64 i = 0; i < lm->layout->size; i++)
    w[i] = (double)lm->weights[i];
  for (gint32 end = 1; end <= n; end++)
    {
      Reference r = { &lm->config, lm->layout, w, NULL, 0, end, NULL };
      const double *from = tokens[end - 1] == PR_TOKEN_LATENT ? ret_hidden + (end - 2) * hidden
                                                              : w + lm->layout->embedding + tokens[end - 1] * hidden;

      memcpy (inputs + (end - 1) * hidden, from, (gsize)hidden * sizeof *inputs);
      memcpy (ret_hidden, inputs, (gsize)(end * hidden) * sizeof *inputs);
      for (gint32 l = 0; l < lm->config.layers; l++)
        ref_layer (&r, l, ret_hidden);
      for (gint32 t = 0; t < end; t++)
        ref_norm (hidden, ret_hidden + t * hidden, w + lm->layout->final_norm, lm->config.rms_eps,
                  ret_hidden + t * hidden);
    }
}

/* log p of a tuple behind TOKENS [n], over the vocabulary. */
static double
tuple_log_prob (const Case *c, const gint32 *tokens, gint32 n, const gint32 *codes)
{
  const PrLm *lm = c->prompts.lm;
  gint64 hidden = lm->config.hidden;
  gint32 sequence[FIXTURE_POSITIONS];
  g_autofree double *states = g_new (double, (n + LEVELS) * hidden);
  double sum = 0;

  memcpy (sequence, tokens, (gsize)n * sizeof *sequence);
  for (gint32 l = 0; l < LEVELS; l++)
    sequence[n + l] = bases[l] + codes[l];
  latent_hidden (c, sequence, n + LEVELS, states);
  for (gint32 l = 0; l < LEVELS; l++)
    {
      double norm = 0, chosen = 0;

      for (gint32 v = 0; v < FIXTURE_VOCAB; v++)
        {
          double logit = 0;

          for (gint64 j = 0; j < hidden; j++)
            logit += states[(n + l - 1) * hidden + j] * (double)lm->weights[lm->layout->embedding + v * hidden + j];
          norm += exp (logit);
          if (v == sequence[n + l])
            chosen = logit;
        }
      sum += chosen - log (norm);
    }
  return sum;
}

/* Codes of a leaf, by walking down all paths. */
static void
leaf_codes (const PrTrie *trie, gint32 leaf, gint32 *ret_codes)
{
  gint32 node = leaf;

  for (gint32 depth = LEVELS; depth > 0; depth--)
    {
      gint32 parent = 0;

      while (trie->first[depth - 1][parent + 1] <= node)
        parent++;
      ret_codes[depth - 1] = trie->codes[depth][node];
      node = parent;
    }
}

/* The score of every tuple found is what the reference gives when it feeds hidden states back. */
START_TEST (latent_steps_feed_hidden_states_back)
{
  gint32 n_latent = 0;

  for (guint64 seed = 50; seed < 56; seed++)
    {
      Case c;
      g_auto (Found) found = { NULL, NULL };

      case_init (&c, seed, (PrLmFamily)_i, TRUE);
      c.params.normalise = PR_NORMALISE_VOCAB;
      found = search (&c, NULL);
      for (gsize p = 0; p < c.prompts.n; p++)
        for (gint32 b = branches (&c).first[p]; b < branches (&c).first[p + 1]; b++)
          {
            gint32 tokens[FIXTURE_POSITIONS], n = whole (&c, p, b, tokens), codes[LEVELS];

            for (gint32 i = 0; i < n; i++)
              n_latent += tokens[i] == PR_TOKEN_LATENT;
            leaf_codes (c.trie, found.leaves[b * BEAMS], codes);
            ck_assert_double_eq_tol ((double)found.scores[b * BEAMS], tuple_log_prob (&c, tokens, n, codes), TOLERANCE);
          }
      case_clear (&c);
    }
  ck_assert_int_gt (n_latent, 50);
}
END_TEST

START_TEST (same_bits_for_any_thread_count)
{
  Case c;
  g_auto (Found) one = { NULL, NULL };

  case_init (&c, 60, PR_LM_QWEN3, TRUE);
  c.params.users_at_once = 1;
  one = search (&c, NULL);
  for (guint threads = 2; threads <= 3; threads++)
    {
      g_auto (Found) more = { NULL, NULL };

      pr_threads_set (threads);
      more = search (&c, NULL);
      ck_assert_mem_eq (one.leaves, more.leaves, (gsize)c.n * BEAMS * sizeof (gint32));
      ck_assert_mem_eq (one.scores, more.scores, (gsize)c.n * BEAMS * sizeof (float));
    }
  case_clear (&c);
}
END_TEST

START_TEST (cost_is_counted)
{
  Case c;
  g_auto (Found) found = { NULL, NULL };
  PrBeamStats stats = { .branch_tokens = 5 }, plain = { 0 };

  case_init (&c, 61, PR_LM_QWEN3, TRUE);
  found = search (&c, &stats);
  ck_assert_int_eq (stats.prompt_tokens, OFFSETS (&c.prompts)[c.prompts.n]);
  ck_assert_int_eq (stats.branch_tokens, 5 + (gint64)c.tokens->len);
  ck_assert (pr_beam_search (c.prompts.lm, c.trie, &c.params, TOKENS (&c.prompts), OFFSETS (&c.prompts), c.prompts.n,
                             NULL, found.leaves, found.scores, &plain, NULL));
  ck_assert (stats.flops > plain.flops);
  case_clear (&c);
}
END_TEST

static void
assert_refused (Case *c, PrError code, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_auto (Found) found = found_new (c->n);
  PrBranches b = branches (c);

  found.leaves[0] = 12345;
  ck_assert (!pr_beam_search (c->prompts.lm, c->trie, &c->params, TOKENS (&c->prompts), OFFSETS (&c->prompts),
                              c->prompts.n, &b, found.leaves, found.scores, NULL, &error));
  ck_assert_pr_error (error, code, part);
  ck_assert_int_eq (found.leaves[0], 12345);
}

START_TEST (bad_branches_are_refused)
{
  Case c;
  gint32 *tokens, *first, old, branch = 0, prompt = 0;
  g_autofree char *part = NULL;

  case_init (&c, 70, PR_LM_QWEN3, TRUE);
  tokens = (gint32 *)(gpointer)c.tokens->data;
  first = (gint32 *)(gpointer)c.first->data;
  while (branches (&c).offsets[branch + 1] == 0)
    branch++;
  while (first[prompt + 1] <= branch)
    prompt++;
  part = g_strdup_printf ("prompt %d: token 90 of branch %d", prompt, branch - first[prompt]);
  old = tokens[0];
  tokens[0] = FIXTURE_VOCAB;
  assert_refused (&c, PR_ERROR_DATA, part);
  tokens[0] = -2;
  assert_refused (&c, PR_ERROR_DATA, "token -2 of branch");
  tokens[0] = old;
  first[3] = first[2];
  assert_refused (&c, PR_ERROR_DATA, "prompt 2 has no branch");
  case_clear (&c);
}
END_TEST

/* The longest prompt with its branch and all codes but the last just fits, or does not. */
START_TEST (positions_must_suffice)
{
  Case c;
  gint32 longest = 0, tokens[FIXTURE_POSITIONS];
  g_auto (Found) found = { NULL, NULL };
  g_autofree char *part = NULL;

  case_init (&c, 72, PR_LM_QWEN3, TRUE);
  for (gsize p = 0; p < c.prompts.n; p++)
    for (gint32 b = branches (&c).first[p]; b < branches (&c).first[p + 1]; b++)
      if (whole (&c, p, b, tokens) > longest)
        {
          longest = whole (&c, p, b, tokens);
          g_free (part);
          part = g_strdup_printf ("prompt %d: branch %d has", (gint)p, b - branches (&c).first[p]);
        }
  c.prompts.lm->config.max_positions = longest + LEVELS - 1;
  found = search (&c, NULL);
  c.prompts.lm->config.max_positions--;
  assert_refused (&c, PR_ERROR_DATA, part);
  case_clear (&c);
}
END_TEST

/* Only a branch of prompt 4 reads the broken word, and its number is the prompt's. */
START_TEST (broken_scores_name_the_prompt)
{
  Case c;
  gint32 *prompts, *tokens, at;
  PrLm *lm;

  case_init (&c, 74, PR_LM_QWEN3, FALSE);
  c.params.normalise = PR_NORMALISE_TRIE;
  c.params.users_at_once = 3;
  prompts = TOKENS (&c.prompts);
  tokens = (gint32 *)(gpointer)c.tokens->data;
  for (gsize i = 0; i < c.prompts.tokens->len; i++)
    prompts[i] = MAX (prompts[i], 1);
  for (gsize i = 0; i < c.tokens->len; i++)
    tokens[i] = MAX (tokens[i], 1);
  at = branches (&c).offsets[branches (&c).first[4]];
  ck_assert_int_lt (at, branches (&c).offsets[branches (&c).first[5]]);
  tokens[at] = 0;
  lm = c.prompts.lm;
  for (gint32 j = 0; j < lm->config.hidden; j++)
    lm->weights[lm->layout->embedding + j] = NAN;
  assert_refused (&c, PR_ERROR_NUMERIC, "prompt 4:");
  case_clear (&c);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("branches");
  TCase *tc = tcase_create ("branches");

  tcase_set_timeout (tc, 120);
  tcase_add_loop_test (tc, equal_the_plain_search_of_the_whole, PR_LM_QWEN3, PR_LM_LLAMA + 1);
  tcase_add_test (tc, empty_branches_are_the_plain_search);
  tcase_add_loop_test (tc, latent_steps_feed_hidden_states_back, PR_LM_QWEN3, PR_LM_LLAMA + 1);
  tcase_add_test (tc, same_bits_for_any_thread_count);
  tcase_add_test (tc, cost_is_counted);
  tcase_add_test (tc, bad_branches_are_refused);
  tcase_add_test (tc, positions_must_suffice);
  tcase_add_test (tc, broken_scores_name_the_prompt);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
