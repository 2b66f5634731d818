#include "pr-check.h"

#include <pauserec/decode.h>
#include <pauserec/rng.h>

#include <math.h>

/* Sums of three log probabilities of order one: in double here, rounded to float a level there. */
#define TOLERANCE 1e-5

/* A random catalogue, and a "model" whose logit of a code is a pure function of user, prefix and code. */
typedef struct
{
  PrSids *sids;
  PrTrie *trie;
  PrRng rng;
  gint64 users;
  gint64 n_calls;
  gint32 broken_user; /* gets NaN at depth 1; -1: nobody */
  gboolean fails;
  PrNormalise normalise;
} World;

static World
world_new (guint64 seed, gint64 n_items)
{
  PrRng rng = pr_rng_new (seed, "trie-search");
  gint32 sizes[] = { 3 + (gint32)pr_rng_below (rng, 0, 0, 4), 2 + (gint32)pr_rng_below (rng, 0, 1, 4), 3 };
  World w = { .sids = pr_sids_new (n_items, 3, sizes), .rng = rng, .users = 3, .broken_user = -1 };

  for (gint64 i = 0; i < n_items * 3; i++)
    w.sids->codes[i] = (gint32)pr_rng_below (rng, 1, (guint64)i, (guint64)sizes[i % 3]);
  w.trie = pr_trie_new_codes (w.sids);
  return w;
}

static void
world_clear (World *w)
{
  pr_sids_free (w->sids);
  pr_trie_free (w->trie);
}

static float
logit (const World *w, gint64 user, gint32 depth, const gint32 *prefix, gint32 code)
{
  guint64 where = (guint64)user;

  for (gint32 l = 0; l < depth; l++)
    where = where * 16 + 1 + (guint64)prefix[l];
  return (float)(2 * pr_rng_normal (w->rng, 2 + (guint64)depth, where * 16 + (guint64)code));
}

/* Does any item begin with these codes? */
static gboolean
is_allowed (const World *w, gint32 depth, const gint32 *prefix, gint32 code)
{
  for (gint64 i = 0; i < w->sids->n_items; i++)
    if (memcmp (pr_sids_item (w->sids, i), prefix, (gsize)depth * sizeof *prefix) == 0
        && pr_sids_item (w->sids, i)[depth] == code)
      return TRUE;
  return FALSE;
}

/* log p (code | prefix), over the codes that the catalogue allows or over all of the level. */
static double
log_prob (const World *w, gint64 user, gint32 depth, const gint32 *prefix, gint32 code)
{
  double sum = 0;

  for (gint32 c = 0; c < w->sids->sizes[depth]; c++)
    if (w->normalise == PR_NORMALISE_VOCAB || is_allowed (w, depth, prefix, c))
      sum += exp ((double)logit (w, user, depth, prefix, c));
  return (double)logit (w, user, depth, prefix, code) - log (sum);
}

/* A step names allowed codes and nothing else, and rows by user. */
static void
check_step (const World *w, const PrTrieStep *step)
{
  ck_assert_int_ge (step->n_rows, 1);
  for (gint32 r = 0; r < step->n_rows; r++)
    {
      const gint32 *prefix = step->prefixes + r * step->depth;
      gsize at = step->first[r];

      ck_assert (r == 0 || step->users[r] >= step->users[r - 1]);
      for (gint32 code = 0; code < w->sids->sizes[step->depth]; code++)
        if (is_allowed (w, step->depth, prefix, code))
          ck_assert_int_eq (step->codes[at++], code);
      ck_assert_uint_eq (at, step->first[r + 1]);
      ck_assert_uint_gt (at, step->first[r]);
    }
}

static gboolean
score (gpointer ctx, const PrTrieStep *step, float *ret_scores, GError **error)
{
  World *w = ctx;

  w->n_calls++;
  check_step (w, step);
  if (w->fails)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "no more");
      return FALSE;
    }
  for (gint32 r = 0; r < step->n_rows; r++)
    for (gsize i = step->first[r]; i < step->first[r + 1]; i++)
      {
        const gint32 *prefix = step->prefixes + r * step->depth;
        gint32 user = step->users[r];

        ret_scores[i] = w->normalise == PR_NORMALISE_TRIE
                            ? logit (w, user, step->depth, prefix, step->codes[i])
                            : (float)log_prob (w, user, step->depth, prefix, step->codes[i]);
        if (user == w->broken_user && step->depth == 1)
          ret_scores[i] = NAN;
      }
  return TRUE;
}

static double
tuple_log_prob (const World *w, gint64 user, const gint32 *codes, gint32 levels)
{
  double sum = 0;

  for (gint32 l = 0; l < levels; l++)
    sum += log_prob (w, user, l, codes, codes[l]);
  return sum;
}

/* Beams that hold the whole catalogue: every tuple once, with its probability, best first. */
START_TEST (equals_exhaustive_scoring)
{
  for (guint64 seed = 0; seed < 20; seed++)
    {
      World w = world_new (seed, 12);
      const PrBeamParams params = { 16, (PrNormalise)_i, 1 };
      gint32 leaves[3 * 16], n_leaves = pr_trie_n_leaves (w.trie);
      float scores[3 * 16];
      g_autoptr (GError) error = NULL;

      w.normalise = params.normalise;
      ck_assert (pr_trie_search (w.trie, &params, 3, score, &w, leaves, scores, &error));
      ck_assert_int_le (w.n_calls, 3);
      for (gint64 u = 0; u < 3; u++)
        {
          gboolean seen[16] = { FALSE };

          for (gint64 b = 0; b < 16; b++)
            {
              gint32 leaf = leaves[u * 16 + b];
              gsize n_items;

              if (b >= n_leaves)
                {
                  ck_assert_int_eq (leaf, -1);
                  ck_assert (scores[u * 16 + b] == -INFINITY);
                  continue;
                }
              ck_assert_int_ge (leaf, 0);
              ck_assert (!seen[leaf]);
              seen[leaf] = TRUE;
              ck_assert_double_eq_tol (
                  (double)scores[u * 16 + b],
                  tuple_log_prob (&w, u, pr_sids_item (w.sids, pr_trie_leaf_items (w.trie, leaf, &n_items)[0]), 3),
                  TOLERANCE);
              ck_assert (b == 0 || scores[u * 16 + b] <= scores[u * 16 + b - 1]);
            }
        }
      world_clear (&w);
    }
}
END_TEST

typedef struct
{
  gint32 codes[3];
  double score;
} Beam;

static int
compare_beams (const void *a, const void *b)
{
  double x = ((const Beam *)a)->score, y = ((const Beam *)b)->score;

  return x > y ? -1 : x < y;
}

/* The best WIDTH prefixes of every level, by trying all codes. */
static gint32
slow_search (const World *w, gint64 user, gint32 width, Beam *ret_beams)
{
  Beam all[256] = { 0 };
  gint32 n = 1;

  ret_beams[0] = (Beam){ 0 };
  for (gint32 depth = 0; depth < 3; depth++)
    {
      gint32 m = 0;

      for (gint32 b = 0; b < n; b++)
        for (gint32 code = 0; code < w->sids->sizes[depth]; code++)
          if (is_allowed (w, depth, ret_beams[b].codes, code))
            {
              all[m] = ret_beams[b];
              all[m].codes[depth] = code;
              all[m++].score += log_prob (w, user, depth, ret_beams[b].codes, code);
            }
      qsort (all, (gsize)m, sizeof *all, compare_beams);
      n = MIN (m, width);
      memcpy (ret_beams, all, (gsize)n * sizeof *all);
    }
  return n;
}

START_TEST (narrow_beams_keep_the_best_prefixes)
{
  for (guint64 seed = 0; seed < 20; seed++)
    {
      World w = world_new (seed, 30);
      const PrBeamParams params = { 4, (PrNormalise)_i, 1 };
      gint32 leaves[3 * 4];
      float scores[3 * 4];
      g_autoptr (GError) error = NULL;

      w.normalise = params.normalise;
      ck_assert (pr_trie_search (w.trie, &params, 3, score, &w, leaves, scores, &error));
      for (gint64 u = 0; u < 3; u++)
        {
          Beam beams[4];
          gint32 n = slow_search (&w, u, 4, beams);

          for (gint32 b = 0; b < n; b++)
            {
              gsize n_items;
              gint32 item = pr_trie_leaf_items (w.trie, leaves[u * 4 + b], &n_items)[0];

              ck_assert_mem_eq (pr_sids_item (w.sids, item), beams[b].codes, sizeof beams[b].codes);
              ck_assert_double_eq_tol ((double)scores[u * 4 + b], beams[b].score, TOLERANCE);
            }
        }
      world_clear (&w);
    }
}
END_TEST

START_TEST (errors_name_the_user)
{
  World w = world_new (1, 12);
  g_autoptr (PrTrie) empty = NULL;
  const PrBeamParams params = { 4, PR_NORMALISE_TRIE, 1 };
  gint32 leaves[12] = { 77 };
  float scores[12] = { 77 };
  g_autoptr (GError) error = NULL;

  w.broken_user = 2;
  ck_assert (!pr_trie_search (w.trie, &params, 3, score, &w, leaves, scores, &error));
  ck_assert_pr_error (error, PR_ERROR_NUMERIC, "user 2: the model's score of a code of level 1 is not finite");
  g_clear_error (&error);
  w.fails = TRUE;
  ck_assert (!pr_trie_search (w.trie, &params, 3, score, &w, leaves, scores, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "no more");
  ck_assert_str_eq (error->message, "no more");
  g_clear_error (&error);

  w.sids->n_items = 0;
  empty = pr_trie_new_codes (w.sids);
  ck_assert (!pr_trie_search (empty, &params, 3, score, &w, leaves, scores, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "the catalogue is empty");
  ck_assert_int_eq (leaves[0], 77);
  ck_assert (scores[0] == 77.f);
  world_clear (&w);
}
END_TEST

/* Items 0 and 2 share a tuple; what is excluded makes room for the next. */
START_TEST (a_list_leaves_out_what_is_excluded)
{
  const gint32 sizes[] = { 2 }, leaves[] = { 1, 0, -1 }, excluded[] = { 1, 2 };
  const float scores[] = { -1.f, -2.f, -INFINITY }, prior[] = { 1, 5, 3 };
  g_autoptr (PrSids) sids = pr_sids_new (3, 1, sizes);
  g_autoptr (PrTrie) trie = NULL;
  g_autoptr (PrRanking) ranking = pr_ranking_new (2, 2, PR_SPLIT_TEST);

  sids->codes[1] = 1;
  trie = pr_trie_new_codes (sids);
  pr_beams_to_ranking (trie, leaves, scores, 3, prior, excluded, 0, 0, ranking);
  pr_beams_to_ranking (trie, leaves, scores, 3, prior, excluded, 2, 1, ranking);
  ck_assert_int_eq (ranking->items[0], 1);
  ck_assert_int_eq (ranking->items[1], 2);
  ck_assert_int_eq (ranking->items[2], 0);
  ck_assert_int_eq (ranking->items[3], -1);
  ck_assert (ranking->scores[1] == -2.f && ranking->scores[2] == -2.f && ranking->scores[3] == -INFINITY);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("trie-search");
  TCase *tc = tcase_create ("trie-search");

  tcase_add_loop_test (tc, equals_exhaustive_scoring, 0, 2);
  tcase_add_loop_test (tc, narrow_beams_keep_the_best_prefixes, 0, 2);
  tcase_add_test (tc, errors_name_the_user);
  tcase_add_test (tc, a_list_leaves_out_what_is_excluded);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
