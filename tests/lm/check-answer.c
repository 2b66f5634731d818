/* Thinking and searching in one call, against the same put together by hand: pr_generate() writes the thoughts, this
 * file judges them, pr_beam_search() runs user by user, and scores are pooled with the formula of answer.h. */
#include "answer-fixture.h"

#include <pauserec/threads.h>

/* By hand ----------------------------------------------------------------- */

static void
write_thoughts (World *w, const Settings *s, PrTexts *texts, PrAnswerStats *stats)
{
  const PrGenerateParams params = { .samples = s->think.thoughts,
                                    .max_tokens = s->think.thought_tokens + 1,
                                    .temperature = s->think.temperature,
                                    .top_k = s->think.top_k,
                                    .top_p = s->think.top_p,
                                    .stop = END_THINK,
                                    .seed = s->seed,
                                    .rows_at_once = 2 };

  pr_texts_init (texts);
  ck_assert (pr_generate (w->lm, &params, INTS (w->tokens), INTS (w->offsets), USERS, NULL, NULL, NULL, texts,
                          &stats->text, NULL));
}

/* Count a thought; the tokens of it that are searched, or -1. */
static gint32
judge (const Settings *s, const gint32 *thought, gint32 n, gboolean stopped, PrAnswerStats *stats)
{
  gint32 words = 0;

  while (words < n && thought[words] < BYTES)
    words++;
  stats->thoughts++;
  stats->thought_tokens += n;
  if (words < n)
    stats->foreign++;
  else if (!stopped)
    stats->unclosed++;
  else if (n == 0)
    stats->empty++;
  if (words == n && stopped)
    return n;
  return s->think.malformed == PR_MALFORMED_CLOSE ? MIN (words, (gint32)s->think.thought_tokens) : -1;
}

/* Every leaf's pooled score, -INFINITY where no beam reached it. */
static void
pool (const Settings *s, gint32 n_leaves, const gint32 *leaves, const float *scores, gint64 n, double *ret_pooled)
{
  for (gint32 leaf = 0; leaf < n_leaves; leaf++)
    {
      double sum = 0, max = -INFINITY;

      for (gint64 i = 0; i < n; i++)
        if (leaves[i] == leaf)
          {
            sum += exp ((double)scores[i]);
            max = MAX (max, (double)scores[i]);
          }
      ret_pooled[leaf] = s->think.pool == PR_POOL_MAX ? max : log (sum / (double)s->think.thoughts);
    }
}

/* Search below the N sound thoughts of user U, each as a branch or, alone, as the end of the prompt. */
static void
search_user (World *w, const Settings *s, gsize u, const GArray *thoughts, const GArray *starts, gint32 *ret_leaves,
             float *ret_scores, PrAnswerStats *stats)
{
  const gint32 *offsets = INTS (w->offsets), n = (gint32)starts->len - 1;
  const gint32 first[] = { 0, n };
  const PrBranches branches = { first, INTS (thoughts), INTS (starts) };
  gint32 prompt[POSITIONS], ends[] = { 0, offsets[u + 1] - offsets[u] };

  memcpy (prompt, INTS (w->tokens) + offsets[u], (gsize)ends[1] * sizeof *prompt);
  if (s->think.thoughts == 1)
    {
      memcpy (prompt + ends[1], thoughts->data, thoughts->len * sizeof *prompt);
      ends[1] += (gint32)thoughts->len;
    }
  ck_assert (pr_beam_search (w->lm, w->trie, &s->beam, prompt, ends, 1, s->think.thoughts == 1 ? NULL : &branches,
                             ret_leaves, ret_scores, &stats->search, NULL));
}

/* The KEEP best of the pooled scores, none of them twice. */
static void
assert_best (const Settings *s, double *pooled, gint32 n_leaves, const gint32 *leaves, const float *scores)
{
  for (gint64 k = 0; k < s->keep; k++)
    {
      gint32 best = 0;

      for (gint32 leaf = 1; leaf < n_leaves; leaf++)
        best = pooled[leaf] > pooled[best] ? leaf : best;
      if (isinf (pooled[best]))
        {
          ck_assert_int_eq (leaves[k], -1);
          ck_assert (isinf (scores[k]) && scores[k] < 0);
          continue;
        }
      ck_assert_int_eq (leaves[k], best);
      ck_assert_double_eq_tol ((double)scores[k], pooled[best], TOLERANCE);
      pooled[best] = -INFINITY;
    }
}

static void
assert_same_stats (const PrAnswerStats *a, const PrAnswerStats *b)
{
  ck_assert_int_eq (a->thoughts, b->thoughts);
  ck_assert_int_eq (a->thought_tokens, b->thought_tokens);
  ck_assert_int_eq (a->unclosed, b->unclosed);
  ck_assert_int_eq (a->foreign, b->foreign);
  ck_assert_int_eq (a->empty, b->empty);
  ck_assert_int_eq (a->silent_users, b->silent_users);
  ck_assert_int_eq (a->text.prompt_tokens, b->text.prompt_tokens);
  ck_assert_int_eq (a->text.generated_tokens, b->text.generated_tokens);
  ck_assert_int_eq (a->search.prompt_tokens, b->search.prompt_tokens);
  ck_assert_int_eq (a->search.branch_tokens, b->search.branch_tokens);
  ck_assert_int_eq (a->search.decoded_tokens, b->search.decoded_tokens);
  ck_assert_int_eq (a->search.generated_tokens, b->search.generated_tokens);
  ck_assert_double_eq_tol (a->text.flops, b->text.flops, 1e-9 * a->text.flops + 1);
  ck_assert_double_eq_tol (a->search.flops, b->search.flops, 1e-9 * a->search.flops + 1);
}

/* Ask W, do the same by hand, and compare everything; SUM gets the counts. */
static void
check_by_hand (World *w, const Settings *s, PrAnswerStats *sum)
{
  gint32 n_leaves = pr_trie_n_leaves (w->trie), close = END_THINK;
  PrAnswerStats stats = { .thoughts = 0 };
  g_auto (PrTexts) texts = { 0 };
  Answers a;

  ask (w, s, &a);
  write_thoughts (w, s, &texts, &stats);
  for (gsize u = 0; u < USERS; u++)
    {
      g_autoptr (GArray) thoughts = g_array_new (FALSE, FALSE, sizeof (gint32));
      g_autoptr (GArray) starts = g_array_new (FALSE, TRUE, sizeof (gint32));
      gint32 leaves[MOST_KEEP];
      float scores[MOST_KEEP];
      double pooled[ITEMS];

      g_array_set_size (starts, 1);
      for (gsize t = u * (gsize)s->think.thoughts; t < (u + 1) * (gsize)s->think.thoughts; t++)
        {
          gint32 from = INTS (texts.offsets)[t], n = INTS (texts.offsets)[t + 1] - from;

          n = judge (s, INTS (texts.tokens) + from, n, g_array_index (texts.stopped, guint8, t), &stats);
          if (n < 0)
            continue;
          g_array_append_vals (thoughts, INTS (texts.tokens) + from, (guint)n);
          g_array_append_val (thoughts, close);
          g_array_append_val (starts, thoughts->len);
        }
      stats.silent_users += starts->len == 1;
      if (starts->len > 1)
        search_user (w, s, u, thoughts, starts, leaves, scores, &stats);
      pool (s, n_leaves, leaves, scores, (starts->len - 1) * s->beam.beams, pooled);
      assert_best (s, pooled, n_leaves, a.leaves + (gint64)u * s->keep, a.scores + (gint64)u * s->keep);
    }
  assert_same_stats (&a.stats, &stats);
  sum->thoughts += stats.thoughts;
  sum->unclosed += stats.unclosed;
  sum->foreign += stats.foreign;
  sum->empty += stats.empty;
  sum->silent_users += stats.silent_users;
}

static Settings
settings (guint64 seed, gint64 thoughts)
{
  PrRng rng = pr_rng_new (seed, "settings");
  Settings s = { .beam = { 1 + (gint64)pr_rng_below (rng, 0, 0, MOST_BEAMS), PR_NORMALISE_TRIE, 1 },
                 .think = { .thoughts = thoughts,
                            .thought_tokens = 1 + (gint64)pr_rng_below (rng, 0, 1, 12),
                            .temperature = thoughts == 1 && seed % 2 ? 0 : 1,
                            .top_p = seed % 3 == 0 ? .8 : 1,
                            .malformed = (PrMalformed)(seed / 2 % 2),
                            .pool = (PrPool)(seed % 2) },
                 .seed = seed };

  s.beam.normalise = (PrNormalise)(seed / 3 % 2);
  s.keep = 1 + (gint64)pr_rng_below (rng, 0, 2, (guint64)(s.beam.beams * thoughts));
  return s;
}

/* One thought and several; every kind of thought and silent users occur. */
START_TEST (words_are_as_by_hand)
{
  PrAnswerStats sum = { .thoughts = 0 };

  for (guint64 seed = 0; seed < 24; seed++)
    {
      Settings s = settings (seed, _i == 0 ? 1 : 2 + (gint64)(seed / 4 % (MOST_THOUGHTS - 1)));
      World w;

      world_init (&w, seed, PR_THINKING_COT);
      check_by_hand (&w, &s, &sum);
      world_clear (&w);
    }
  ck_assert_int_gt (sum.unclosed, sum.thoughts / 20);
  ck_assert_int_gt (sum.foreign, sum.thoughts / 20);
  ck_assert_int_gt (sum.empty, sum.thoughts / 50);
  ck_assert_int_gt (sum.silent_users, 2);
  ck_assert_int_lt (sum.unclosed + sum.foreign + sum.empty, sum.thoughts * 9 / 10);
}
END_TEST

/* Other modes ------------------------------------------------------------- */

/* Silent modes are the plain search, and a latent bridge is the search with one branch a user. */
START_TEST (silent_modes_are_a_plain_search)
{
  PrThinking thinking = (PrThinking)_i;
  const gint32 bridge[] = { PR_TOKEN_LATENT, PR_TOKEN_LATENT, PR_TOKEN_LATENT, END_THINK };
  Settings s = { .beam = { 4, PR_NORMALISE_VOCAB, 2 }, .think = { .thoughts = 3, .thought_tokens = 9 }, .keep = 3 };
  gint32 leaves[USERS * 4], first[USERS + 1], tokens[USERS * 4], starts[USERS + 1];
  const PrBranches branches = { first, tokens, starts };
  PrBeamStats stats = { 0 };
  float scores[USERS * 4];
  World w;
  Answers a;

  for (gint32 u = 0; u <= USERS; u++)
    {
      first[u] = u;
      starts[u] = u * 4;
      if (u < USERS)
        memcpy (tokens + u * 4, bridge, sizeof bridge);
    }
  world_init (&w, 3, thinking);
  ask (&w, &s, &a);
  ck_assert (pr_beam_search (w.lm, w.trie, &s.beam, INTS (w.tokens), INTS (w.offsets), USERS,
                             thinking == PR_THINKING_LATENT ? &branches : NULL, leaves, scores, &stats, NULL));
  for (gint64 u = 0; u < USERS; u++)
    {
      ck_assert_mem_eq (a.leaves + u * 3, leaves + u * 4, 3 * sizeof *leaves);
      ck_assert_mem_eq (a.scores + u * 3, scores + u * 4, 3 * sizeof *scores);
    }
  ck_assert_mem_eq (&a.stats.search, &stats, sizeof stats);
  ck_assert_int_eq (a.stats.thoughts + a.stats.silent_users + a.stats.text.generated_tokens, 0);
  world_clear (&w);
}
END_TEST

/* What holds in words and in latent steps. */
START_TEST (same_bits_for_any_thread_count)
{
  Settings s = settings (8, _i == PR_THINKING_COT ? 4 : 1);
  World w;
  Answers one, more;

  s.beam.users_at_once = 2;
  s.keep = s.beam.beams;
  world_init (&w, 4, (PrThinking)_i);
  ask (&w, &s, &one);
  for (guint threads = 2; threads <= 3; threads++)
    {
      pr_threads_set (threads);
      ask (&w, &s, &more);
      ck_assert_mem_eq (&one, &more, sizeof one);
    }
  world_clear (&w);
}
END_TEST

/* A user's thoughts do not depend on who is asked beside him, but on his id. */
START_TEST (draws_belong_to_ids)
{
  Settings s = settings (4, 3);
  guint64 ids[USERS];
  World w;
  Answers all, some, others;

  s.beam = (PrBeamParams){ 3, PR_NORMALISE_TRIE, 1 };
  s.keep = 3;
  s.think.thought_tokens = 8;
  world_init (&w, 5, PR_THINKING_COT);
  ask (&w, &s, &all);
  for (guint64 u = 0; u < USERS; u++)
    ids[u] = u + 2;
  ask_some (&w, &s, 2, 4, ids, &some);
  ck_assert_mem_eq (some.leaves, all.leaves + 6, 12 * sizeof (gint32));
  ck_assert_mem_eq (some.scores, all.scores + 6, 12 * sizeof (float));
  ask_some (&w, &s, 0, USERS, ids, &others);
  ck_assert_mem_ne (others.scores, all.scores, USERS * 3 * sizeof (float));
  s.seed++;
  ask (&w, &s, &others);
  ck_assert_mem_ne (others.scores, all.scores, USERS * 3 * sizeof (float));
  world_clear (&w);
}
END_TEST

/* The longest prompt with a thought, its end and the SID just fits, or does not. */
START_TEST (room_is_checked)
{
  Settings s = { .beam = { 2, PR_NORMALISE_TRIE, 2 },
                 .think = { .thoughts = 1, .top_p = 1, .malformed = PR_MALFORMED_CLOSE } };
  gint32 longest = 0, leaf = 12345, who = 0;
  g_autofree char *part = NULL;
  g_autoptr (GError) error = NULL;
  float score = 6;
  World w;
  Answers a;

  s.keep = 1;
  world_init (&w, 6, PR_THINKING_COT);
  make_plain (&w, .01);
  for (gint32 u = 0; u < USERS; u++)
    if (INTS (w.offsets)[u + 1] - INTS (w.offsets)[u] > longest)
      {
        longest = INTS (w.offsets)[u + 1] - INTS (w.offsets)[u];
        who = u;
      }
  s.think.thought_tokens = POSITIONS - longest - 1 - LEVELS;
  ask (&w, &s, &a);
  ck_assert_int_eq (a.stats.unclosed + a.stats.foreign, USERS);
  s.think.thought_tokens++;
  ck_assert (!pr_answer (w.lm, w.prompter, w.trie, &s.beam, &s.think, 0, INTS (w.tokens), INTS (w.offsets), USERS, NULL,
                         1, &leaf, &score, &a.stats, NULL, &error));
  part = g_strdup_printf ("prompt %d has %d tokens", who, longest);
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, part);
  ck_assert_int_eq (leaf, 12345);
  ck_assert_float_eq (score, 6);
  world_clear (&w);
}
END_TEST

START_TEST (costs_add_up)
{
  PrAnswerStats stats = { .search = { 1, 20, 300, 4000, 1e6 }, .text = { 50000, 600000, 2e6 }, .thoughts = 9 };
  double costs[PR_N_COSTS] = { 0 };
  Settings s = settings (9, 2);
  World w;
  Answers once;

  costs[PR_COST_FLOPS] = 5;
  pr_answer_costs (&stats, costs);
  ck_assert_double_eq (costs[PR_COST_INFER_TOKENS], 1 + 20 + 300 + 50000 + 600000);
  ck_assert_double_eq (costs[PR_COST_GENERATED_TOKENS], 4000 + 600000);
  ck_assert_double_eq (costs[PR_COST_FLOPS], 3e6 + 5);
  /* A second call adds to the same counts. */
  world_init (&w, 7, PR_THINKING_COT);
  ask (&w, &s, &once);
  stats = once.stats;
  ck_assert (pr_answer (w.lm, w.prompter, w.trie, &s.beam, &s.think, s.seed, INTS (w.tokens), INTS (w.offsets), USERS,
                        NULL, s.keep, once.leaves, once.scores, &stats, NULL, NULL));
  ck_assert_int_eq (stats.thoughts, 2 * once.stats.thoughts);
  ck_assert_int_eq (stats.thought_tokens, 2 * once.stats.thought_tokens);
  ck_assert_int_eq (stats.search.generated_tokens, 2 * once.stats.search.generated_tokens);
  ck_assert_int_eq (stats.text.generated_tokens, 2 * once.stats.text.generated_tokens);
  world_clear (&w);
}
END_TEST

START_TEST (a_sound_thought_is_words)
{
  const gint32 thought[] = { 65, 255, 256, 65 }, sid[] = { 65, 0 };
  World w;

  world_init (&w, 8, PR_THINKING_COT);
  ck_assert_uint_eq (pr_thought_sound_length (w.prompter, thought, 4), 2);
  ck_assert_uint_eq (pr_thought_sound_length (w.prompter, thought, 1), 1);
  ck_assert_uint_eq (pr_thought_sound_length (w.prompter, thought + 2, 2), 0);
  ck_assert_uint_eq (pr_thought_sound_length (w.prompter, thought, 0), 0);
  memcpy ((gint32 *)(gpointer)w.tokens->data, sid, sizeof sid);
  INTS (w.tokens)[1] = pr_prompter_sid_token (w.prompter, 1, 2);
  ck_assert_uint_eq (pr_thought_sound_length (w.prompter, INTS (w.tokens), 2), 1);
  world_clear (&w);
}
END_TEST

START_TEST (settings_are_checked)
{
  PrThinkParams think = { .thoughts = 2, .thought_tokens = 4, .temperature = 1, .top_p = 1 };
  g_autoptr (GError) error = NULL;

  ck_assert (pr_think_params_check (&think, NULL));
  think.temperature = 0;
  ck_assert (!pr_think_params_check (&think, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "greedy thoughts are all the same");
  think.thoughts = 1;
  ck_assert (pr_think_params_check (&think, NULL));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("answer");
  TCase *tc = tcase_create ("answer");

  tcase_set_timeout (tc, 120);
  tcase_add_loop_test (tc, words_are_as_by_hand, 0, 2);
  for (int thinking = PR_THINKING_NONE; thinking <= PR_THINKING_LATENT; thinking++)
    {
      if (thinking != PR_THINKING_COT)
        tcase_add_loop_test (tc, silent_modes_are_a_plain_search, thinking, thinking + 1);
      if (thinking == PR_THINKING_COT || thinking == PR_THINKING_LATENT)
        tcase_add_loop_test (tc, same_bits_for_any_thread_count, thinking, thinking + 1);
    }
  tcase_add_test (tc, draws_belong_to_ids);
  tcase_add_test (tc, room_is_checked);
  tcase_add_test (tc, costs_add_up);
  tcase_add_test (tc, a_sound_thought_is_words);
  tcase_add_test (tc, settings_are_checked);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
