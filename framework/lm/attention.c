/* attention.c - where chosen positions look: probabilities of attention, layer by layer, head by head.
 *
 * The model runs as always and is watched: after each layer has rotated its queries and keys, the scores of the chosen
 * rows are computed once more, in backend memory, and their softmax is taken on the host.  A row of probabilities
 * exists for chosen queries only, which are few. */
#include "config.h"

#include "lm/model-private.h"
#include "lm/chunk-walk.h"

#include <pauserec/error.h>

#include <math.h>

typedef struct
{
  gint32 row, first, keys; /* rows of the chunk: its own, and its sequence's first; positions that it sees */
  gint64 at;               /* of its scores [heads, keys] in the chunk's, in floats */
  gint64 out;              /* of its probabilities [layers, heads, keys] in the output */
} Query;

typedef struct
{
  PrModel *model;
  GArray *queries; /* Query, of the chunk at hand */
  float *scores;   /* backend memory */
  float *out;      /* host */
} Watch;

static gboolean
check_queries (const gint32 *offsets, gsize n_sequences, const gint32 *queries, gsize n_queries, GError **error)
{
  for (gsize i = 0; i < n_queries; i++)
    if (n_sequences == 0 || queries[i] < 0 || queries[i] >= offsets[n_sequences]
        || (i > 0 && queries[i] <= queries[i - 1]))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                     "query %" G_GSIZE_FORMAT
                     " asks for row %d: rows must increase and be among the %d of the sequences",
                     i, queries[i], n_sequences > 0 ? offsets[n_sequences] : 0);
        return FALSE;
      }
  return TRUE;
}

gsize
pr_lm_attention_size (const PrLm *lm, const gint32 *offsets, gsize n_sequences, const gint32 *queries, gsize n_queries)
{
  gsize keys = 0;

  for (gsize i = 0, s = 0; i < n_queries; i++)
    {
      while (s + 1 < n_sequences && queries[i] >= offsets[s + 1])
        s++;
      keys += (gsize)(queries[i] - offsets[s] + 1);
    }
  return keys * (gsize)lm->config.layers * (gsize)lm->config.heads;
}

/* p = softmax (s) in place; the sum in double, so that long rows sum to 1 as well as short ones. */
static void
softmax (gint32 n, float *s)
{
  float most = s[0];
  double sum = 0;

  for (gint32 i = 1; i < n; i++)
    most = MAX (most, s[i]);
  for (gint32 i = 0; i < n; i++)
    {
      s[i] = expf (s[i] - most);
      sum += (double)s[i];
    }
  for (gint32 i = 0; i < n; i++)
    s[i] = (float)((double)s[i] / sum);
}

/* Probabilities of the queries in TILE in layer L. */
static void
watch_layer (gpointer ctx, const PrModelTile *tile, gint32 l)
{
  Watch *watch = ctx;
  PrModel *m = watch->model;
  const PrAttentionShape *shape = &m->layers[l].attention;
  gint64 d = shape->head_dim, group = shape->heads / shape->kv_heads, stride = shape->q_stride;
  float scale = 1.0f / sqrtf ((float)d);

  for (guint i = 0; i < watch->queries->len; i++)
    {
      const Query *q = &g_array_index (watch->queries, Query, i);
      float *scores = watch->scores + q->at, *out = watch->out + q->out + (gint64)l * shape->heads * q->keys;

      if (q->row < tile->row || q->row >= tile->row + tile->rows)
        continue;
      for (gint64 kv = 0; kv < shape->kv_heads; kv++)
        m->backend->gemm (FALSE, TRUE, group, q->keys, d, scale, m->qk + q->row * stride + kv * group * d, d,
                          m->qk + m->width.q + q->first * shape->k_stride + kv * d, shape->k_stride, 0,
                          scores + kv * group * q->keys, q->keys);
      m->backend->download (out, scores, (gsize)(shape->heads * q->keys) * sizeof (float));
      for (gint64 h = 0; h < shape->heads; h++)
        softmax (q->keys, out + h * q->keys);
    }
}

/* The queries from *NEXT on that stand in CHUNK, whose first row is START of all; returns floats of their scores. */
static gint64
collect_queries (Watch *watch, const PrChunk *chunk, gint64 start, const gint32 *queries, gsize n, gsize *next,
                 gint64 *out)
{
  const PrLmConfig *config = &watch->model->config;
  gint64 at = 0;
  gsize s = 0;

  g_array_set_size (watch->queries, 0);
  for (; *next < n && queries[*next] < start + chunk->offsets[chunk->n_sequences]; (*next)++)
    {
      Query q = { .row = (gint32)(queries[*next] - start), .at = at, .out = *out };

      while (q.row >= chunk->offsets[s + 1])
        s++;
      q.first = chunk->offsets[s];
      q.keys = q.row - q.first + 1;
      at += (gint64)config->heads * q.keys;
      *out += (gint64)config->layers * config->heads * q.keys;
      g_array_append_val (watch->queries, q);
    }
  return at;
}

static gboolean
watch_chunk (Watch *watch, const PrLm *lm, const PrChunk *chunk, gint64 floats, float *ret_hidden, GError **error)
{
  PrModel *m = watch->model;

  watch->scores = m->backend->alloc ((gsize)MAX (floats, 1) * sizeof (float));
  if (watch->scores == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "no memory for the attention scores of %u queries (%" G_GINT64_FORMAT " MiB); ask for fewer at once",
                   watch->queries->len, floats * (gint64)sizeof (float) >> 20);
      return FALSE;
    }
  if (ret_hidden != NULL)
    pr_model_hidden (m, lm->weights, chunk, ret_hidden);
  else
    {
      pr_model_start (m, lm->weights, chunk, NULL);
      pr_model_forward (m);
    }
  m->backend->free (watch->scores);
  return TRUE;
}

gboolean
pr_lm_attention (PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences, const gint32 *queries,
                 gsize n_queries, float *ret_attention, float *ret_hidden, GError **error)
{
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (Query));
  Watch watch = { .queries = found, .out = ret_attention };
  PrChunkWalk walk;
  PrChunk chunk;
  gsize next = 0;
  gint64 out = 0;
  gboolean ok = pr_chunk_walk_init (&walk, lm, tokens, offsets, n_sequences, error)
                && check_queries (offsets, n_sequences, queries, n_queries, error);

  if (ok)
    {
      watch.model = walk.model;
      walk.model->watch = watch_layer;
      walk.model->watch_ctx = &watch;
    }
  while (ok && pr_chunk_walk_next (&walk, &chunk))
    {
      gint64 floats = collect_queries (&watch, &chunk, walk.start, queries, n_queries, &next, &out);

      if (found->len > 0 || ret_hidden != NULL)
        ok = watch_chunk (&watch, lm, &chunk, floats,
                          ret_hidden != NULL ? ret_hidden + walk.start * lm->config.hidden : NULL, error);
    }
  pr_chunk_walk_clear (&walk);
  return ok;
}
