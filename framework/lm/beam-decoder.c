#include "config.h"

#include "lm/beam-decoder.h"

#include <math.h>
#include <string.h>

/* Rows whose logits over the whole vocabulary exist at once. */
#define LOGIT_ROWS 64

struct PrBeamDecoder
{
  PrDecoder *decoder;
  PrBeamDecoderSize size;
  gint32 *index;         /* [most of all] */
  gint32 *places;        /* [prompts] 0, 1, 2, ... */
  gint32 *user_place;    /* [users] place of a search's prompt */
  gint32 *branch_length; /* [users] */
  gint32 *branch_first;  /* [users] where a branch's rows stand in branch_rows */
  gint32 *branch_rows;   /* [branch_tokens] rows of the suffix cache */
  gint32 *source, *kept; /* [users] rows of hidden states, numbers of kept ones */
  gint32 *step_first;    /* [steps] row of the suffix cache of a step's first row */
  gint32 n_users;        /* searches at hand */
};

static PrDecoderSize
decoder_size (const PrBeamDecoderSize *size)
{
  return (PrDecoderSize){ .prompts = size->prompts,
                          .longest = size->longest,
                          .positions = size->longest + size->longest_branch + size->steps,
                          .rows = MAX (size->rows, size->users),
                          .suffix = size->branch_tokens + size->steps * (size->rows + (size->again ? size->users : 0)),
                          .listed = MAX (size->rows, size->users) * (size->longest_branch + size->steps),
                          .kept = size->users,
                          .scores = size->scores,
                          .logits = size->vocabulary ? LOGIT_ROWS : 0 };
}

static gint64
index_size (const PrBeamDecoderSize *size)
{
  return MAX (size->scores, MAX (size->rows, size->users));
}

guint64
pr_beam_decoder_bytes (const PrLmConfig *config, const PrBeamDecoderSize *size)
{
  PrDecoderSize inner = decoder_size (size);

  return pr_decoder_bytes (config, &inner)
         + (guint64)(index_size (size) + size->prompts + 5 * size->users + size->branch_tokens + size->steps) * 4;
}

PrBeamDecoder *
pr_beam_decoder_new (const PrLm *lm, const PrBeamDecoderSize *size, GError **error)
{
  g_autoptr (PrBeamDecoder) d = g_new0 (PrBeamDecoder, 1);
  PrDecoderSize inner = decoder_size (size);

  d->size = *size;
  d->decoder = pr_decoder_new (lm, &inner, "`users_at_once`, `beams`", error);
  if (d->decoder == NULL)
    return NULL;
  d->index = g_new (gint32, index_size (size));
  d->places = g_new (gint32, size->prompts);
  d->user_place = g_new (gint32, size->users);
  d->branch_length = g_new (gint32, size->users);
  d->branch_first = g_new (gint32, size->users);
  d->branch_rows = g_new (gint32, size->branch_tokens + 1); /* memcpy() wants an address even for nothing */
  d->source = g_new (gint32, size->users);
  d->kept = g_new (gint32, size->users);
  d->step_first = g_new (gint32, size->steps);
  for (gint32 p = 0; p < size->prompts; p++)
    d->places[p] = p;
  return g_steal_pointer (&d);
}

void
pr_beam_decoder_free (PrBeamDecoder *d)
{
  if (d == NULL)
    return;
  pr_decoder_free (d->decoder);
  g_free (d->index);
  g_free (d->places);
  g_free (d->user_place);
  g_free (d->branch_length);
  g_free (d->branch_first);
  g_free (d->branch_rows);
  g_free (d->source);
  g_free (d->kept);
  g_free (d->step_first);
  g_free (d);
}

/* Put the hidden states of branches of length R aside: their searches start from there. */
static void
keep_ends (PrBeamDecoder *d, gint32 n_users, gint32 r)
{
  gint32 n = 0;

  for (gint32 u = 0; u < n_users; u++)
    if (d->branch_length[u] == r)
      {
        d->index[n] = d->source[u];
        d->kept[n++] = u;
      }
  if (n > 0)
    pr_decoder_keep (d->decoder, n, d->index, d->kept);
}

/* Token R of every branch that has one. */
static void
branch_step (PrBeamDecoder *d, const gint32 *tokens, gint32 n_users, gint32 n_rows, gint32 r)
{
  gint32 slot = pr_decoder_step_begin (d->decoder, n_rows), row = 0;

  for (gint32 u = 0; u < n_users; u++)
    {
      gint32 *rows = d->branch_rows + d->branch_first[u], *history;

      if (d->branch_length[u] <= r)
        continue;
      history = pr_decoder_step_row (d->decoder, d->user_place[u], tokens[d->branch_first[u] + r], d->source[u], r);
      memcpy (history, rows, (gsize)r * sizeof *rows);
      rows[r] = slot + row;
      d->source[u] = row++;
    }
  pr_decoder_step_run (d->decoder);
}

/* All branches of a group, whose first prompt is FIRST, side by side; their hidden states end in order of branches. */
static void
run_branches (PrBeamDecoder *d, const PrBranches *branches, gint32 first, gint32 n)
{
  gint32 start = branches->first[first], n_users = branches->first[first + n] - start, left = n_users;
  const gint32 *offsets = branches->offsets + start;

  for (gint32 p = 0; p < n; p++)
    for (gint32 u = branches->first[first + p] - start; u < branches->first[first + p + 1] - start; u++)
      {
        d->user_place[u] = d->source[u] = p;
        d->branch_first[u] = offsets[u] - offsets[0];
        d->branch_length[u] = offsets[u + 1] - offsets[u];
      }
  for (gint32 r = 0; left > 0; r++)
    {
      keep_ends (d, n_users, r);
      left = 0;
      for (gint32 u = 0; u < n_users; u++)
        left += d->branch_length[u] > r;
      if (left > 0)
        branch_step (d, branches->tokens + offsets[0], n_users, left, r);
    }
  pr_decoder_recall (d->decoder, n_users);
}

void
pr_beam_decoder_start (PrBeamDecoder *d, const gint32 *tokens, const gint32 *offsets, const PrBranches *branches,
                       gint32 first, gint32 n)
{
  pr_decoder_reset (d->decoder);
  pr_decoder_prompts (d->decoder, tokens, offsets + first, n, d->places);
  if (branches != NULL)
    {
      d->n_users = branches->first[first + n] - branches->first[first];
      run_branches (d, branches, first, n);
      return;
    }
  d->n_users = n;
  if (d->size.again)
    pr_decoder_keep (d->decoder, n, d->places, d->places);
  for (gint32 u = 0; u < n; u++)
    {
      d->user_place[u] = u;
      d->branch_first[u] = d->branch_length[u] = 0;
    }
}

/* Rows of prompts, branches and of the search that is over stay where they are: the suffix cache has room behind them.
 */
void
pr_beam_decoder_again (PrBeamDecoder *d)
{
  pr_decoder_recall (d->decoder, d->n_users);
}

void
pr_beam_decoder_step (PrBeamDecoder *d, const PrBeams *beams)
{
  const PrTrie *trie = beams->trie;
  gint32 depth = beams->depth;

  d->step_first[depth - 1] = pr_decoder_step_begin (d->decoder, beams->n_rows);
  for (gint32 r = 0; r < beams->n_rows; r++)
    {
      const gint32 *ancestors = pr_beams_row_history (beams, r);
      gint32 user = beams->row_user[r], length = d->branch_length[user];
      gint32 token = trie->bases[depth - 1] + trie->codes[depth][pr_beams_row_node (beams, r)];
      gint32 *history = pr_decoder_step_row (d->decoder, d->user_place[user], token, 0, length + depth - 1);

      memcpy (history, d->branch_rows + d->branch_first[user], (gsize)length * sizeof *history);
      for (gint32 s = 0; s < depth - 1; s++)
        history[length + s] = d->step_first[s] + ancestors[s + 1];
    }
  pr_decoder_step_run (d->decoder);
}

/* X from logits to log probabilities over the vocabulary: the loss of a row's first child stands for the sum. */
static void
normalise_over_vocabulary (PrBeamDecoder *d, const PrBeams *beams, float *x)
{
  const float *losses;

  for (gint32 r = 0; r < beams->n_rows; r++)
    {
      gint32 child = beams->trie->first[beams->depth][pr_beams_row_node (beams, r)];

      d->index[r] = beams->trie->bases[beams->depth] + beams->trie->codes[beams->depth + 1][child];
    }
  losses = pr_decoder_losses (d->decoder, beams->n_rows, d->index);
  for (gint32 r = 0; r < beams->n_rows; r++)
    {
      float first = x[beams->row_first[r]];

      for (gsize i = beams->row_first[r]; i < beams->row_first[r + 1]; i++)
        x[i] = (x[i] - first) - losses[r];
    }
}

const float *
pr_beam_decoder_log_probs (PrBeamDecoder *d, const PrBeams *beams)
{
  const PrTrie *trie = beams->trie;
  gint32 depth = beams->depth;
  gsize n = 0;
  float *x;

  for (gint32 r = 0; r < beams->n_rows; r++)
    {
      gint32 node = pr_beams_row_node (beams, r);

      for (gint32 c = trie->first[depth][node]; c < trie->first[depth][node + 1]; c++)
        d->index[n++] = trie->bases[depth] + trie->codes[depth + 1][c];
    }
  x = pr_decoder_some_logits (d->decoder, beams->n_rows, beams->row_first, d->index);
  if (d->size.vocabulary)
    normalise_over_vocabulary (d, beams, x);
  else
    pr_beams_normalise (beams, x);
  return x;
}

double
pr_beam_decoder_take_flops (PrBeamDecoder *d)
{
  return pr_decoder_take_flops (d->decoder);
}
