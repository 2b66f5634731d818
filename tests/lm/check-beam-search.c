#include "pr-check.h"

#include "lm/beam-full.h"
#include "lm/layout.h"
#include "lm/model.h"

#include <pauserec/rng.h>
#include <pauserec/threads.h>

#include <math.h>

/* Two ways of adding up the same single-precision logits of tiny models; log probabilities are of order 10. */
#define TOLERANCE 2e-4

/* A random model, catalogue and prompts. */
typedef struct
{
  PrLm lm;
  PrSids sids;
  PrTrie *trie;
  GArray *tokens, *offsets;
  gsize n_users;
  PrBeamParams params;
} Case;

static gint32
pick (PrRng rng, guint64 what, gint32 low, gint32 high)
{
  return low + (gint32)pr_rng_below (rng, 0, what, (guint64)(high - low + 1));
}

static void
case_init_model (Case *c, PrRng rng, PrLmFamily family)
{
  PrLmConfig *config = &c->lm.config;

  *config = (PrLmConfig){ .family = family,
                          .layers = pick (rng, 0, 1, 3),
                          .kv_heads = pick (rng, 1, 1, 2),
                          .head_dim = 8,
                          .hidden = pick (rng, 2, 5, 24),
                          .ffn = pick (rng, 3, 5, 40),
                          .max_positions = 40,
                          .rope_theta = 1e4,
                          .rms_eps = 1e-6,
                          .init_sd = .3 };
  config->heads = config->kv_heads * pick (rng, 4, 1, 3);
  config->vocab = 100;
  c->lm.layout = pr_lm_layout_new (config);
  c->lm.weights = aligned_alloc (64, (gsize)c->lm.layout->size * sizeof (float));
  for (gint64 i = 0; i < c->lm.layout->size; i++)
    c->lm.weights[i] = (float)(.3 * pr_rng_normal (rng, 1, (guint64)i));
  for (gsize i = 0; i < c->lm.layout->n_tensors; i++)
    if (strstr (c->lm.layout->tensors[i].name, "norm") != NULL)
      for (gint64 j = 0; j < c->lm.layout->tensors[i].rows; j++)
        c->lm.weights[c->lm.layout->tensors[i].offset + j] += 1;
}

static void
case_init (Case *c, guint64 seed, PrLmFamily family)
{
  PrRng rng = pr_rng_new (seed, "beam-search");
  gint32 bases[PR_SID_MAX_LEVELS], base = 20, end = 0;

  memset (c, 0, sizeof *c);
  case_init_model (c, rng, family);

  c->sids.levels = pick (rng, 10, 1, 4);
  c->sids.n_items = pick (rng, 11, 1, 30);
  c->sids.codes = g_new (gint32, (gsize)c->sids.n_items * PR_SID_MAX_LEVELS);
  for (gint32 l = 0; l < c->sids.levels; l++)
    {
      c->sids.sizes[l] = pick (rng, 12 + (guint64)l, 1, 7);
      bases[l] = base;
      base += c->sids.sizes[l] + 3;
    }
  for (gint64 i = 0; i < c->sids.n_items * c->sids.levels; i++)
    c->sids.codes[i] = (gint32)pr_rng_below (rng, 2, (guint64)i, (guint64)c->sids.sizes[i % c->sids.levels]);
  c->trie = pr_trie_new_bases (&c->sids, bases);

  c->n_users = (gsize)pick (rng, 30, 1, 9);
  c->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  c->offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_val (c->offsets, end);
  for (gsize u = 0; u < c->n_users; u++)
    {
      gint32 n = u == 0 ? 1 : pick (rng, 40 + u, 1, 37);

      for (gint32 i = 0; i < n; i++, end++)
        {
          gint32 token = (gint32)pr_rng_below (rng, 3, (guint64)end, 100);

          g_array_append_val (c->tokens, token);
        }
      g_array_append_val (c->offsets, end);
    }
  c->params = (PrBeamParams){ .beams = pick (rng, 31, 1, 12),
                              .normalise = (PrNormalise)pick (rng, 32, 0, 1),
                              .users_at_once = pick (rng, 33, 1, 4) };
}

static void
case_clear (Case *c)
{
  pr_lm_layout_free (c->lm.layout);
  free (c->lm.weights);
  g_free (c->sids.codes);
  pr_trie_free (c->trie);
  g_array_unref (c->tokens);
  g_array_unref (c->offsets);
}

#define TOKENS(c) ((const gint32 *)(gpointer)(c)->tokens->data)
#define OFFSETS(c) ((const gint32 *)(gpointer)(c)->offsets->data)

typedef struct
{
  gint32 *leaves;
  float *scores;
} Found;

static Found
found_new (const Case *c)
{
  return (Found){ g_new (gint32, c->n_users * (gsize)c->params.beams),
                  g_new (float, c->n_users *(gsize)c->params.beams) };
}

static void
found_clear (Found *found)
{
  g_free (found->leaves);
  g_free (found->scores);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Found, found_clear)

static Found
search (Case *c)
{
  Found found = found_new (c);
  g_autoptr (GError) error = NULL;

  ck_assert (pr_beam_search (&c->lm, c->trie, &c->params, TOKENS (c), OFFSETS (c), c->n_users, NULL, found.leaves,
                             found.scores, NULL, &error));
  ck_assert_no_error (error);
  return found;
}

/* The same tuples in the same order, but for neighbours that rounding may exchange. */
static void
assert_same (const Case *c, const Found *a, const Found *b, guint64 seed)
{
  for (gsize i = 0; i < c->n_users * (gsize)c->params.beams; i++)
    {
      gsize last = i % (gsize)c->params.beams == (gsize)c->params.beams - 1;
      gboolean close_above = i % (gsize)c->params.beams > 0 && b->scores[i - 1] - b->scores[i] < TOLERANCE;
      gboolean close_below = last || b->scores[i] - b->scores[i + 1] < TOLERANCE;

      ck_assert_int_eq (a->leaves[i] < 0, b->leaves[i] < 0);
      if (a->leaves[i] < 0)
        {
          ck_assert (a->scores[i] == -INFINITY);
          continue;
        }
      ck_assert_msg (fabs ((double)a->scores[i] - (double)b->scores[i]) < TOLERANCE, "seed %d place %d: %g %g",
                     (int)seed, (int)i, (double)a->scores[i], (double)b->scores[i]);
      ck_assert_msg (a->leaves[i] == b->leaves[i] || close_above || close_below, "seed %d place %d: leaf %d %d",
                     (int)seed, (int)i, a->leaves[i], b->leaves[i]);
    }
}

/* The loop runs over random models: PR_LM_QWEN3, PR_LM_QWEN2 and PR_LM_LLAMA. */
START_TEST (equals_the_search_without_cache)
{
  for (guint64 seed = 0; seed < 60; seed++)
    {
      g_autoptr (GError) error = NULL;
      g_auto (Found) slow = { NULL, NULL };
      g_auto (Found) fast = { NULL, NULL };
      Case c;

      case_init (&c, seed, (PrLmFamily)_i);
      slow = found_new (&c);
      ck_assert (pr_beam_search_full (&c.lm, c.trie, &c.params, TOKENS (&c), OFFSETS (&c), c.n_users, slow.leaves,
                                      slow.scores, &error));
      fast = search (&c);
      assert_same (&c, &fast, &slow, seed);
      case_clear (&c);
    }
}
END_TEST

/* Logits of all positions of a sequence, from hidden states, in double. */
static void
all_logits (const Case *c, const gint32 *tokens, gint32 n, double *ret_logits)
{
  const PrLmConfig *config = &c->lm.config;
  const gint32 offsets[] = { 0, n };
  g_autoptr (PrModel) model = pr_model_new (config, n, FALSE, NULL);
  g_autofree float *hidden = g_new (float, (gsize)n *(gsize)config->hidden);
  PrChunk chunk = { .tokens = tokens, .offsets = offsets, .n_sequences = 1 };

  pr_model_hidden (model, c->lm.weights, &chunk, hidden);
  for (gint32 i = 0; i < n; i++)
    for (gint32 v = 0; v < config->vocab; v++)
      {
        const float *row = c->lm.weights + c->lm.layout->embedding + v * config->hidden;
        double sum = 0;

        for (gint32 j = 0; j < config->hidden; j++)
          sum += (double)hidden[i * config->hidden + j] * (double)row[j];
        ret_logits[i * config->vocab + v] = sum;
      }
}

/* log p of an item's tuple by the chain rule; over the trie: the allowed codes are found by scanning the catalogue. */
static double
item_log_prob (const Case *c, gsize user, gint64 item)
{
  const gint32 *prompt = TOKENS (c) + OFFSETS (c)[user], *codes = pr_sids_item (&c->sids, item);
  gint32 n = OFFSETS (c)[user + 1] - OFFSETS (c)[user], levels = c->sids.levels;
  g_autofree gint32 *tokens = g_new (gint32, n + levels);
  g_autofree double *logits = g_new (double, (n + levels) * c->lm.config.vocab);
  double sum = 0;

  memcpy (tokens, prompt, (gsize)n * sizeof *tokens);
  for (gint32 l = 0; l < levels; l++)
    tokens[n + l] = c->trie->bases[l] + codes[l];
  all_logits (c, tokens, n + levels, logits);
  for (gint32 l = 0; l < levels; l++)
    {
      const double *row = logits + (n + l - 1) * c->lm.config.vocab;
      gboolean allowed[100] = { FALSE };
      double norm = 0;

      for (gint64 i = 0; i < c->sids.n_items; i++)
        if (memcmp (pr_sids_item (&c->sids, i), codes, (gsize)l * sizeof *codes) == 0)
          allowed[c->trie->bases[l] + pr_sids_item (&c->sids, i)[l]] = TRUE;
      for (gint32 v = 0; v < c->lm.config.vocab; v++)
        if (allowed[v] || c->params.normalise == PR_NORMALISE_VOCAB)
          norm += exp (row[v]);
      sum += row[tokens[n + l]] - log (norm);
    }
  return sum;
}

/* With a beam for every tuple nothing is pruned: the exact ranking of the catalogue. */
START_TEST (wide_search_is_exact)
{
  for (guint64 seed = 100; seed < 115; seed++)
    {
      g_auto (Found) found = { NULL, NULL };
      Case c;

      case_init (&c, seed, (PrLmFamily)_i);
      c.params.beams = 40;
      found = search (&c);
      for (gsize u = 0; u < MIN (c.n_users, 3); u++)
        {
          const gint32 *leaves = found.leaves + u * 40;
          const float *scores = found.scores + u * 40;
          g_autofree gboolean *seen = g_new0 (gboolean, c.sids.n_items);
          double total = 0;

          for (gint32 b = 0; b < 40; b++)
            {
              const gint32 *items;
              gsize n;

              if (b >= pr_trie_n_leaves (c.trie))
                {
                  ck_assert_int_eq (leaves[b], -1);
                  continue;
                }
              items = pr_trie_leaf_items (c.trie, leaves[b], &n);
              for (gsize i = 0; i < n; i++)
                {
                  ck_assert (!seen[items[i]]);
                  seen[items[i]] = TRUE;
                }
              ck_assert_double_eq_tol (item_log_prob (&c, u, items[0]), (double)scores[b], TOLERANCE);
              ck_assert (b == 0 || scores[b] <= scores[b - 1]);
              total += exp ((double)scores[b]);
            }
          for (gint64 i = 0; i < c.sids.n_items; i++)
            ck_assert (seen[i]);
          if (c.params.normalise == PR_NORMALISE_TRIE)
            ck_assert_double_eq_tol (total, 1, TOLERANCE);
          else
            ck_assert_double_lt (total, 1);
        }
      case_clear (&c);
    }
}
END_TEST

START_TEST (same_bits_for_any_thread_count)
{
  Found one[20], three[20];
  Case c[20];

  for (guint64 i = 0; i < 20; i++)
    {
      case_init (&c[i], 200 + i, (PrLmFamily)(i % 3));
      one[i] = search (&c[i]);
    }
  pr_threads_set (3);
  for (guint64 i = 0; i < 20; i++)
    {
      gsize n = c[i].n_users * (gsize)c[i].params.beams;

      three[i] = search (&c[i]);
      ck_assert_mem_eq (one[i].leaves, three[i].leaves, n * sizeof (gint32));
      ck_assert_mem_eq (one[i].scores, three[i].scores, n * sizeof (float));
      found_clear (&one[i]);
      found_clear (&three[i]);
      case_clear (&c[i]);
    }
}
END_TEST

/* Groups change results by rounding only; a call cut at a group's end gives the same bits. */
START_TEST (grouping_of_users_does_not_matter)
{
  for (guint64 seed = 300; seed < 320; seed++)
    {
      g_auto (Found) alone = { NULL, NULL };
      g_auto (Found) together = { NULL, NULL };
      g_auto (Found) cut = { NULL, NULL };
      g_autoptr (GError) error = NULL;
      Case c;

      case_init (&c, seed, PR_LM_QWEN3);
      cut = found_new (&c);
      c.params.users_at_once = 1;
      alone = search (&c);
      c.params.users_at_once = 3;
      together = search (&c);
      assert_same (&c, &alone, &together, seed);
      for (gsize u = 0; u < c.n_users; u += 3)
        ck_assert (pr_beam_search (&c.lm, c.trie, &c.params, TOKENS (&c), OFFSETS (&c) + u, MIN (3, c.n_users - u), NULL,
                                   cut.leaves + u * (gsize)c.params.beams, cut.scores + u * (gsize)c.params.beams, NULL,
                                   &error));
      ck_assert_mem_eq (cut.leaves, together.leaves, c.n_users * (gsize)c.params.beams * sizeof (gint32));
      ck_assert_mem_eq (cut.scores, together.scores, c.n_users * (gsize)c.params.beams * sizeof (float));
      case_clear (&c);
    }
}
END_TEST

START_TEST (cost_is_counted)
{
  g_autoptr (GError) error = NULL;
  g_auto (Found) found = { NULL, NULL };
  PrBeamStats stats = { .prompt_tokens = 7 };
  Case c;

  case_init (&c, 4, PR_LM_QWEN3);
  c.params.normalise = PR_NORMALISE_VOCAB;
  found = found_new (&c);
  ck_assert (pr_beam_search (&c.lm, c.trie, &c.params, TOKENS (&c), OFFSETS (&c), c.n_users, NULL, found.leaves, found.scores,
                             &stats, &error));
  ck_assert_int_eq (stats.prompt_tokens, 7 + OFFSETS (&c)[c.n_users]);
  ck_assert_int_ge (stats.generated_tokens, c.trie->levels * (gint64)c.n_users);
  ck_assert_int_gt (stats.decoded_tokens, 0);
  ck_assert (stats.flops > 1000);
  case_clear (&c);
}
END_TEST

static void
assert_refused (Case *c, PrError code, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_auto (Found) found = found_new (c);

  found.leaves[0] = 12345;
  ck_assert (!pr_beam_search (&c->lm, c->trie, &c->params, TOKENS (c), OFFSETS (c), c->n_users, NULL, found.leaves,
                              found.scores, NULL, &error));
  ck_assert_pr_error (error, code, part);
  ck_assert_int_eq (found.leaves[0], 12345);
}

START_TEST (bad_prompts_are_refused)
{
  Case c;
  gint32 *offsets, *tokens;

  case_init (&c, 1, PR_LM_QWEN3);
  ck_assert_uint_ge (c.n_users, 2);
  offsets = (gint32 *)(gpointer)c.offsets->data;
  tokens = (gint32 *)(gpointer)c.tokens->data;

  tokens[1] = 100;
  assert_refused (&c, PR_ERROR_DATA, "prompt 1: token 100");
  tokens[1] = -1;
  assert_refused (&c, PR_ERROR_DATA, "prompt 1: token -1");
  tokens[1] = 5;
  offsets[1] = 0;
  assert_refused (&c, PR_ERROR_DATA, "prompt 0 is empty");
  offsets[1] = 1;
  c.lm.config.max_positions = offsets[2] - offsets[1] + c.trie->levels - 2;
  assert_refused (&c, PR_ERROR_DATA, "prompt 1 has");
  case_clear (&c);
}
END_TEST

START_TEST (bad_catalogues_are_refused)
{
  Case c;
  PrTrie *trie;

  case_init (&c, 1, PR_LM_QWEN3);
  trie = c.trie;
  c.sids.n_items = 0;
  c.trie = pr_trie_new_bases (&c.sids, trie->bases);
  assert_refused (&c, PR_ERROR_DATA, "catalogue is empty");
  pr_trie_free (c.trie);
  c.trie = trie;
  trie->bases[0] = 100;
  assert_refused (&c, PR_ERROR_DATA, "level 0");
  case_clear (&c);
}
END_TEST

START_TEST (broken_weights_are_noticed)
{
  for (int normalise = 0; normalise < 2; normalise++)
    {
      Case c;

      case_init (&c, 2, PR_LM_QWEN3);
      ck_assert_int_gt (pr_trie_n_leaves (c.trie), 1);
      c.params.normalise = (PrNormalise)normalise;
      c.lm.weights[c.lm.layout->final_norm] = NAN;
      assert_refused (&c, PR_ERROR_NUMERIC, "prompt 0");
      case_clear (&c);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("beam-search");
  TCase *tc = tcase_create ("beam-search");

  tcase_set_timeout (tc, 120);
  tcase_add_loop_test (tc, equals_the_search_without_cache, PR_LM_QWEN3, PR_LM_LLAMA + 1);
  tcase_add_loop_test (tc, wide_search_is_exact, PR_LM_QWEN3, PR_LM_LLAMA + 1);
  tcase_add_test (tc, same_bits_for_any_thread_count);
  tcase_add_test (tc, grouping_of_users_does_not_matter);
  tcase_add_test (tc, cost_is_counted);
  tcase_add_test (tc, bad_prompts_are_refused);
  tcase_add_test (tc, bad_catalogues_are_refused);
  tcase_add_test (tc, broken_weights_are_noticed);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
