#include "config.h"

#include "lm/scorer.h"

#include <pauserec/error.h>

#include <math.h>

/* Rows whose logits over the whole vocabulary exist at once: a multiple pays, for the head is read once for all. */
#define LOGIT_ROWS 64

/* One token of one or more texts of a prompt. */
typedef struct
{
  double score;  /* log probability of the way from the prompt to here */
  gint32 place;  /* of the prompt in the load */
  gint32 parent; /* node, -1: the prompt itself */
  gint32 token, depth;
  gint32 slot;    /* row of the suffix cache */
  gboolean inner; /* texts go on behind it */
} Node;

typedef struct
{
  gint32 node;
  gsize place; /* among the scores of the call */
} End;

struct PrScorer
{
  const PrScorerJob *job;
  PrDecoder *decoder;
  Node *nodes; /* [most_nodes], the trees in preorder, one after the other */
  gint32 n_nodes;
  gint32 *levels;      /* [most_nodes] nodes by depth: children of one parent, then of the next */
  gint32 *level_first; /* [longest_text + 1] where a depth begins */
  gint32 *path;        /* [longest_text] nodes of the text added last */
  gint32 *places;      /* [most_prompts] 0, 1, 2, ... */
  GArray *ends;        /* End, of the load's texts */

  gsize *first;                /* [most_nodes + 1] where the children of a row begin */
  gint32 *children, *of_first; /* [most_nodes] tokens of all children of a level; of each row's first one */
};

static PrDecoderSize
decoder_size (const PrScorerJob *job)
{
  return (PrDecoderSize){ .prompts = job->most_prompts,
                          .longest = job->longest,
                          .positions = job->longest + job->longest_text,
                          .rows = job->most_nodes,
                          .suffix = job->most_nodes,
                          .listed = job->most_nodes * job->longest_text,
                          .kept = 1,
                          .scores = job->most_nodes,
                          .logits = MIN (LOGIT_ROWS, MAX (job->most_nodes, job->most_prompts)) };
}

guint64
pr_scorer_bytes (const PrLmConfig *config, const PrScorerJob *job)
{
  PrDecoderSize size = decoder_size (job);
  guint64 node = sizeof (Node) + sizeof (End) + sizeof (gsize) + 3 * sizeof (gint32);

  return pr_decoder_bytes (config, &size) + (guint64)job->most_nodes * node
         + (guint64)(2 * job->longest_text + job->most_prompts) * sizeof (gint32);
}

PrScorer *
pr_scorer_new (const PrScorerJob *job, GError **error)
{
  g_autoptr (PrScorer) s = g_new0 (PrScorer, 1);
  PrDecoderSize size = decoder_size (job);

  s->job = job;
  s->decoder = pr_decoder_new (job->lm, &size, "`rows_at_once`", error);
  if (s->decoder == NULL)
    return NULL;
  s->nodes = g_new (Node, job->most_nodes);
  s->levels = g_new (gint32, job->most_nodes);
  s->level_first = g_new (gint32, job->longest_text + 2);
  s->path = g_new (gint32, job->longest_text);
  s->places = g_new (gint32, job->most_prompts);
  s->ends = g_array_new (FALSE, FALSE, sizeof (End));
  s->first = g_new (gsize, job->most_nodes + 1);
  s->children = g_new (gint32, job->most_nodes);
  s->of_first = g_new (gint32, job->most_nodes);
  for (gint32 p = 0; p < job->most_prompts; p++)
    s->places[p] = p;
  return g_steal_pointer (&s);
}

void
pr_scorer_free (PrScorer *s)
{
  if (s == NULL)
    return;
  pr_decoder_free (s->decoder);
  g_free (s->nodes);
  g_free (s->levels);
  g_free (s->level_first);
  g_free (s->path);
  g_free (s->places);
  g_clear_pointer (&s->ends, g_array_unref);
  g_free (s->first);
  g_free (s->children);
  g_free (s->of_first);
  g_free (s);
}

gint32
pr_scorer_n_texts (const PrScorerJob *job, gint32 prompt)
{
  if (job->choice == NULL)
    return (gint32)job->candidates->n;
  return job->choice->first[prompt + 1] - job->choice->first[prompt];
}

const gint32 *
pr_scorer_text (const PrScorerJob *job, gint32 prompt, gint32 k, gint32 *ret_n, gsize *ret_place)
{
  const gint32 *offsets = job->candidates->offsets;
  gint32 text;

  if (job->choice == NULL)
    {
      text = job->order[k];
      *ret_place = (gsize)prompt * job->candidates->n + (gsize)text;
    }
  else
    {
      *ret_place = (gsize)job->order[job->choice->first[prompt] + k];
      text = job->choice->chosen[*ret_place];
    }
  *ret_n = offsets[text + 1] - offsets[text];
  return job->candidates->tokens + offsets[text];
}

gint32
pr_scorer_shared (const PrScorerJob *job, gint32 prompt, gint32 k)
{
  gint32 n, m, shared = 0;
  gsize place;
  const gint32 *a = pr_scorer_text (job, prompt, k - 1, &n, &place), *b = pr_scorer_text (job, prompt, k, &m, &place);

  while (shared < n && shared < m && a[shared] == b[shared])
    shared++;
  return shared;
}

/* Add the nodes of a text that the one before it lacks. */
static void
add_text (PrScorer *s, gint32 place, const gint32 *text, gint32 n, gint32 shared, gsize score)
{
  End end;

  for (gint32 depth = shared; depth < n; depth++)
    {
      gint32 parent = depth > 0 ? s->path[depth - 1] : -1;

      if (parent >= 0)
        s->nodes[parent].inner = TRUE;
      s->nodes[s->n_nodes] = (Node){ .place = place, .parent = parent, .token = text[depth], .depth = depth };
      s->path[depth] = s->n_nodes++;
    }
  end = (End){ s->path[n - 1], score };
  g_array_append_val (s->ends, end);
}

/* Nodes by depth; within one in the order in which they were added, so that rows of one prompt are neighbours. */
static void
sort_levels (PrScorer *s)
{
  gint32 depths = s->job->longest_text, sum = 0;

  for (gint32 d = 0; d <= depths + 1; d++)
    s->level_first[d] = 0;
  for (gint32 i = 0; i < s->n_nodes; i++)
    s->level_first[s->nodes[i].depth + 1]++;
  for (gint32 d = 0; d <= depths; d++)
    s->level_first[d] = sum += s->level_first[d];
  for (gint32 i = 0; i < s->n_nodes; i++)
    s->levels[s->level_first[s->nodes[i].depth]++] = i;
  for (gint32 d = depths; d > 0; d--)
    s->level_first[d] = s->level_first[d - 1];
  s->level_first[0] = 0;
}

static void
grow (PrScorer *s, const PrScorerLoad *load)
{
  s->n_nodes = 0;
  g_array_set_size (s->ends, 0);
  for (gint32 p = 0; p < load->n_prompts; p++)
    {
      gint32 prompt = load->prompt + p, from = load->n_prompts == 1 ? load->from : 0,
             to = load->n_prompts == 1 ? load->to : pr_scorer_n_texts (s->job, prompt);

      for (gint32 k = from; k < to; k++)
        {
          gint32 n;
          gsize score;
          const gint32 *text = pr_scorer_text (s->job, prompt, k, &n, &score);

          add_text (s, p, text, n, k > from ? pr_scorer_shared (s->job, prompt, k) : 0, score);
        }
    }
  sort_levels (s);
}

/* The children of the rows just run.  Returns a place whose logits are not finite, or -1. */
static gint32
score_level (PrScorer *s, const gint32 *level, gint32 n)
{
  const Node *before = NULL;
  gint32 n_rows = 0;
  const float *dots, *losses;

  for (gint32 i = 0; i < n; before = &s->nodes[level[i]], i++)
    {
      const Node *node = &s->nodes[level[i]];

      s->children[i] = node->token;
      if (before != NULL && before->parent == node->parent && before->place == node->place)
        continue;
      s->of_first[n_rows] = node->token;
      s->first[n_rows++] = (gsize)i;
    }
  s->first[n_rows] = (gsize)n;
  dots = pr_decoder_some_logits (s->decoder, n_rows, s->first, s->children);
  /* The loss of a row's first child stands for the sum over the vocabulary. */
  losses = pr_decoder_losses (s->decoder, n_rows, s->of_first);
  for (gint32 r = 0; r < n_rows; r++)
    for (gsize i = s->first[r]; i < s->first[r + 1]; i++)
      {
        Node *node = &s->nodes[level[i]];
        double log_prob = ((double)dots[i] - (double)dots[s->first[r]]) - (double)losses[r];

        if (!isfinite (log_prob))
          return node->place;
        node->score = log_prob + (node->parent >= 0 ? s->nodes[node->parent].score : 0);
      }
  return -1;
}

/* Run the nodes of a level behind which texts go on; returns how many there are. */
static gint32
run_level (PrScorer *s, const gint32 *level, gint32 n)
{
  gint32 n_rows = 0, slot;

  for (gint32 i = 0; i < n; i++)
    n_rows += s->nodes[level[i]].inner;
  if (n_rows == 0)
    return 0;
  slot = pr_decoder_step_begin (s->decoder, n_rows);
  for (gint32 i = 0; i < n; i++)
    {
      Node *node = &s->nodes[level[i]];
      gint32 *history;

      if (!node->inner)
        continue;
      node->slot = slot++;
      history = pr_decoder_step_row (s->decoder, node->place, node->token, 0, node->depth);
      for (const Node *a = node; a->parent >= 0; a = &s->nodes[a->parent])
        history[a->depth - 1] = s->nodes[a->parent].slot;
    }
  pr_decoder_step_run (s->decoder);
  return n_rows;
}

/* The prompts' last hidden states.  That of a prompt whose texts come in several loads is kept. */
static void
run_prompts (PrScorer *s, const PrScorerLoad *load, PrScoreStats *stats)
{
  static const gint32 zero = 0;
  const gint32 *offsets = s->job->offsets + load->prompt;

  if (load->from > 0)
    {
      pr_decoder_recall (s->decoder, 1);
      return;
    }
  pr_decoder_prompts (s->decoder, s->job->tokens, offsets, load->n_prompts, s->places);
  stats->prompt_tokens += offsets[load->n_prompts] - offsets[0];
  if (load->n_prompts == 1)
    pr_decoder_keep (s->decoder, 1, &zero, &zero);
}

gboolean
pr_scorer_run (PrScorer *s, const PrScorerLoad *load, PrScoreStats *stats, GError **error)
{
  gint32 rows = load->n_prompts;

  grow (s, load);
  pr_decoder_reset (s->decoder);
  pr_decoder_take_flops (s->decoder);
  run_prompts (s, load, stats);
  for (gint32 depth = 0; rows > 0; depth++)
    {
      const gint32 *level = s->levels + s->level_first[depth];
      gint32 n = s->level_first[depth + 1] - s->level_first[depth], broken = score_level (s, level, n);

      if (broken >= 0)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC,
                       "prompt %d: the model's logits are not finite: its weights are broken (NaN or Inf); look at the "
                       "training of this model",
                       load->prompt + broken);
          return FALSE;
        }
      rows = run_level (s, level, n);
      stats->text_tokens += rows;
    }
  stats->flops += pr_decoder_take_flops (s->decoder);
  for (guint i = 0; i < s->ends->len; i++)
    {
      const End *end = &g_array_index (s->ends, End, i);

      s->job->log_probs[end->place] = (float)s->nodes[end->node].score;
    }
  return TRUE;
}
