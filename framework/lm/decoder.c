#include "config.h"

#include "lm/decoder.h"

#include "lm/layer.h"

#include <pauserec/error.h>

#include <math.h>

/* Rows of prompts that run through a layer at once: their activations stay in the second-level cache. */
#define PROMPT_ROWS 512
/* Rows whose logits over the whole vocabulary exist at once. */
#define LOGIT_ROWS 64

struct PrDecoder
{
  const PrLm *lm;
  const PrBackend *be;
  PrDecoderSize size;
  PrLayer *layers;
  gint64 width, q_width, kv_width;   /* hidden, heads head_dim, 2 kv_heads head_dim */
  gint64 layer_prompt, layer_suffix; /* floats of a layer in the caches */

  /* Backend memory. */
  float *prompt_kv; /* [layers, prompt_tokens, kv_width]: keys, then values of a token */
  float *suffix_kv; /* [layers, steps, rows, kv_width] */
  float *x, *mid, *h, *q, *attended, *gate_up, *act; /* [rows at once, .] */
  float *last;      /* [users, hidden] stream at the last position of every prompt before the last layer */
  float *cos, *sin; /* [positions, head_dim / 2] */
  float *logits, *losses;
  float *dots; /* [scores] */
  gint32 *tokens, *positions, *index, *suffix_rows;

  /* Host. */
  gint32 *host;     /* staging for index arrays */
  gsize *starts;    /* [users] first row of a prompt in the cache */
  gint32 *lengths;  /* [users] */
  float *log_probs; /* [scores] */
  float *host_losses;
  double flops;
};

/* Rows that activations must hold. */
static gint64
rows_at_once (const PrDecoderSize *size)
{
  return MAX (MAX (PROMPT_ROWS, size->longest), MAX (size->rows, size->users));
}

static gint64
positions_of (const PrDecoderSize *size)
{
  return size->longest + size->steps;
}

/* The sizes of all arrays in one place: allocates through TAKE, or only counts. */
typedef struct
{
  const PrBackend *be; /* NULL: count */
  guint64 bytes;
  gboolean failed;
} Taker;

static gpointer
take (Taker *taker, gint64 n, gint64 width)
{
  guint64 bytes = (guint64)MAX (n, 1) * (guint64)MAX (width, 1) * 4;
  gpointer memory = NULL;

  taker->bytes += bytes;
  if (taker->be != NULL && !taker->failed)
    {
      memory = taker->be->alloc (bytes);
      taker->failed = memory == NULL;
    }
  return memory;
}

static void
take_all (PrDecoder *d, const PrLmConfig *c, Taker *taker)
{
  const PrDecoderSize *size = &d->size;
  gint64 rows = rows_at_once (size), logit_rows = size->vocabulary ? LOGIT_ROWS : 0;

  d->width = c->hidden;
  d->q_width = (gint64)c->heads * c->head_dim;
  d->kv_width = 2 * (gint64)c->kv_heads * c->head_dim;
  d->layer_prompt = size->prompt_tokens * d->kv_width;
  d->layer_suffix = size->steps * size->rows * d->kv_width;
  d->prompt_kv = take (taker, c->layers, d->layer_prompt);
  d->suffix_kv = take (taker, c->layers, d->layer_suffix);
  d->x = take (taker, rows, d->width);
  d->mid = take (taker, rows, d->width);
  d->h = take (taker, rows, d->width);
  d->q = take (taker, rows, d->q_width);
  d->attended = take (taker, rows, d->q_width);
  d->gate_up = take (taker, rows, 2 * (gint64)c->ffn);
  d->act = take (taker, rows, c->ffn);
  d->last = take (taker, size->users, d->width);
  d->cos = take (taker, positions_of (size), c->head_dim / 2);
  d->sin = take (taker, positions_of (size), c->head_dim / 2);
  d->logits = take (taker, logit_rows, c->vocab);
  d->losses = take (taker, size->rows, 1);
  d->dots = take (taker, size->scores, 1);
  d->tokens = take (taker, rows, 1);
  d->positions = take (taker, rows, 1);
  d->index = take (taker, MAX (size->scores, rows), 1);
  d->suffix_rows = take (taker, size->rows, size->steps);
}

guint64
pr_decoder_bytes (const PrLmConfig *config, const PrDecoderSize *size)
{
  PrDecoder d = { .size = *size };
  Taker taker = { .be = NULL };

  take_all (&d, config, &taker);
  return taker.bytes + (guint64)(2 * size->scores + 16 * size->users + size->rows * (4 + size->steps)) * 4;
}

static void
make_layers (PrDecoder *d)
{
  gsize angles = (gsize)positions_of (&d->size) * (gsize)(d->lm->config.head_dim / 2);
  g_autofree float *cos = g_new (float, angles);
  g_autofree float *sin = g_new (float, angles);

  pr_layer_rope_tables (&d->lm->config, positions_of (&d->size), cos, sin);
  d->be->upload (d->cos, cos, angles * sizeof *cos);
  d->be->upload (d->sin, sin, angles * sizeof *sin);
  d->layers = g_new (PrLayer, (gsize)d->lm->config.layers);
  for (gint32 l = 0; l < d->lm->config.layers; l++)
    {
      PrAttentionShape *shape = &d->layers[l].attention;

      pr_layer_init (&d->layers[l], d->be, &d->lm->config, d->lm->layout, d->lm->weights, l, d->cos, d->sin);
      shape->q_stride = shape->out_stride = d->q_width;
      shape->k_stride = shape->v_stride = d->kv_width;
    }
}

PrDecoder *
pr_decoder_new (const PrLm *lm, const PrDecoderSize *size, GError **error)
{
  g_autoptr (PrDecoder) d = g_new0 (PrDecoder, 1);
  Taker taker = { .be = pr_backend_get () };
  gsize staging = (gsize)MAX (MAX (size->scores, rows_at_once (size)), size->rows * size->steps);

  d->lm = lm;
  d->be = taker.be;
  d->size = *size;
  take_all (d, &lm->config, &taker);
  d->host = g_try_new (gint32, staging);
  d->starts = g_try_new (gsize, (gsize)size->users);
  d->lengths = g_try_new (gint32, (gsize)size->users);
  d->log_probs = g_try_new (float, (gsize)size->scores + 1);
  d->host_losses = g_try_new (float, (gsize)size->rows);
  if (taker.failed || d->host == NULL || d->starts == NULL || d->lengths == NULL || d->log_probs == NULL
      || d->host_losses == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "out of memory: a beam search of %" G_GINT64_FORMAT " users at once needs %" G_GUINT64_FORMAT
                   " MiB a thread; lower `users_at_once`, `beams` or the number of threads",
                   size->users, taker.bytes >> 20);
      return NULL;
    }
  make_layers (d);
  return g_steal_pointer (&d);
}

void
pr_decoder_free (PrDecoder *d)
{
  if (d == NULL)
    return;
  gpointer memory[] = { d->prompt_kv, d->suffix_kv, d->x,         d->mid,   d->h,          d->q,      d->attended,
                        d->gate_up,   d->act,       d->last,      d->cos,   d->sin,        d->logits, d->losses,
                        d->dots,      d->tokens,    d->positions, d->index, d->suffix_rows };

  for (gsize i = 0; i < G_N_ELEMENTS (memory); i++)
    if (memory[i] != NULL)
      d->be->free (memory[i]);
  g_free (d->layers);
  g_free (d->host);
  g_free (d->starts);
  g_free (d->lengths);
  g_free (d->log_probs);
  g_free (d->host_losses);
  g_free (d);
}

/* Y [rows, OUT] = rotate (h W^T + bias), of HEADS heads of queries and KV_HEADS of keys. */
static void
project (PrDecoder *d, gint32 layer, gint64 rows, gint64 out, const float *weight, const float *bias, gint32 heads,
         gint32 kv_heads, float *y)
{
  PrRope rope = d->layers[layer].rope;

  rope.heads = heads;
  rope.kv_heads = kv_heads;
  d->be->gemm (FALSE, TRUE, rows, out, d->width, 1, d->h, d->width, weight, d->width, 0, y, out);
  if (bias != NULL)
    d->be->bias_forward (rows, out, bias, y, out);
  d->be->rope_forward (&rope, rows, d->positions, y, out, y, out, NULL);
  d->flops += 2.0 * (double)rows * (double)d->width * (double)out;
}

/* Queries of h into q. */
static void
project_queries (PrDecoder *d, gint32 l, gint64 rows)
{
  const PrLayer *layer = &d->layers[l];

  project (d, l, rows, d->q_width, layer->qkv, layer->qkv_bias, layer->rope.heads, 0, d->q);
}

/* Keys and values of h straight into a cache: their weights follow those of the queries. */
static void
project_keys_values (PrDecoder *d, gint32 l, gint64 rows, float *kv)
{
  const PrLayer *layer = &d->layers[l];
  const float *bias = layer->qkv_bias != NULL ? layer->qkv_bias + d->q_width : NULL;

  project (d, l, rows, d->kv_width, layer->qkv + d->q_width * d->width, bias, 0, layer->rope.kv_heads, kv);
}

static void
norm (PrDecoder *d, gint64 rows, const float *x, const float *weight)
{
  d->be->rmsnorm_forward (rows, d->width, x, weight, (float)d->lm->config.rms_eps, d->h, NULL);
}

/* The rest of a layer, from attended to its output in X. */
static void
finish_layer (PrDecoder *d, gint32 l, gint64 rows, float *x)
{
  const PrLayer *layer = &d->layers[l];

  pr_layer_attention_out (layer, rows, d->attended, x, d->mid, NULL, 0);
  pr_layer_mlp (layer, rows, d->mid, d->h, NULL, d->gate_up, d->act, x, NULL, 0);
  d->flops += 2.0 * (double)rows * (double)d->width * (double)(d->q_width + 3 * layer->width.ffn);
}

static void
upload (PrDecoder *d, gint32 *to, gint64 n)
{
  d->be->upload (to, d->host, (gsize)n * sizeof *to);
}

/* All layers but the last, and the last layer's keys and values, of the prompts of users [FIRST, END). */
static void
run_prompts (PrDecoder *d, const gint32 *tokens, const gint32 *offsets, gint32 first, gint32 end)
{
  const PrLmConfig *c = &d->lm->config;
  gint64 rows = offsets[end] - offsets[first];
  gsize n = (gsize)(end - first);
  g_autofree gint32 *local = g_new (gint32, n + 1);

  for (gint32 u = first; u <= end; u++)
    local[u - first] = offsets[u] - offsets[first];
  for (gint32 u = first; u < end; u++)
    for (gint32 i = 0; i < d->lengths[u]; i++)
      d->host[local[u - first] + i] = i;
  upload (d, d->positions, rows);
  d->be->upload (d->tokens, tokens + offsets[first], (gsize)rows * sizeof *tokens);
  d->be->embedding_forward (rows, d->width, d->tokens, d->lm->weights + d->lm->layout->embedding, d->x);

  for (gint32 l = 0; l < c->layers; l++)
    {
      float *kv = d->prompt_kv + l * d->layer_prompt + (gint64)d->starts[first] * d->kv_width;

      norm (d, rows, d->x, d->layers[l].in_norm);
      project_keys_values (d, l, rows, kv);
      if (l == c->layers - 1)
        break;
      project_queries (d, l, rows);
      d->be->attention_forward (&d->layers[l].attention, local, n, d->q, kv, kv + d->kv_width / 2, d->attended, NULL);
      for (gint32 u = first; u < end; u++)
        d->flops += 2.0 * (double)d->q_width * (double)d->lengths[u] * (double)(d->lengths[u] + 1);
      finish_layer (d, l, rows, d->x);
    }
  for (gint32 u = first; u < end; u++)
    d->host[u - first] = local[u - first + 1] - 1;
  upload (d, d->index, end - first);
  d->be->embedding_forward (end - first, d->width, d->index, d->x, d->last + first * d->width);
}

/* Attention of rows [FIRST, END) of USER to its prompt and to the first N_SUFFIX rows of their histories. */
static void
attend_user (PrDecoder *d, gint32 layer, gint32 user, gint64 first, gint64 end, gint64 n_suffix)
{
  const float *prompt = d->prompt_kv + layer * d->layer_prompt + (gint64)d->starts[user] * d->kv_width;
  const float *suffix = d->suffix_kv + layer * d->layer_suffix;
  PrCachedAttention cached = {
    .n_queries = end - first,
    .q = d->q + first * d->q_width,
    .n_prefix = d->lengths[user],
    .prefix_k = prompt,
    .prefix_v = prompt + d->kv_width / 2,
    .n_suffix = n_suffix,
    .suffix_rows = d->suffix_rows + first * n_suffix,
    .suffix_k = suffix,
    .suffix_v = suffix + d->kv_width / 2,
    .out = d->attended + first * d->q_width,
  };

  d->be->attention_cached (&d->layers[layer].attention, &cached);
  d->flops += 4.0 * (double)d->q_width * (double)(end - first) * (double)(d->lengths[user] + n_suffix);
}

/* The last layer at the last position of every prompt. */
static void
finish_prompts (PrDecoder *d, gint32 n_users)
{
  gint32 l = d->lm->config.layers - 1;

  for (gint32 u = 0; u < n_users; u++)
    d->host[u] = d->lengths[u] - 1;
  upload (d, d->positions, n_users);
  norm (d, n_users, d->last, d->layers[l].in_norm);
  project_queries (d, l, n_users);
  for (gint32 u = 0; u < n_users; u++)
    attend_user (d, l, u, u, u + 1, 0);
  finish_layer (d, l, n_users, d->last);
  norm (d, n_users, d->last, d->lm->weights + d->lm->layout->final_norm);
}

void
pr_decoder_prompts (PrDecoder *d, const gint32 *tokens, const gint32 *offsets, gint32 n_users)
{
  for (gint32 u = 0; u < n_users; u++)
    {
      d->starts[u] = (gsize)(offsets[u] - offsets[0]);
      d->lengths[u] = offsets[u + 1] - offsets[u];
    }
  for (gint32 first = 0, end; first < n_users; first = end)
    {
      for (end = first + 1; end < n_users && offsets[end + 1] - offsets[first] <= PROMPT_ROWS; end++)
        ;
      run_prompts (d, tokens, offsets, first, end);
    }
  finish_prompts (d, n_users);
}

/* Token, position and suffix rows of every open beam. */
static void
upload_step (PrDecoder *d, const PrBeams *beams)
{
  const PrTrie *trie = beams->trie;
  gint32 depth = beams->depth, rows = beams->n_rows;

  for (gint32 r = 0; r < rows; r++)
    d->host[r] = trie->bases[depth - 1] + trie->codes[depth][pr_beams_row_node (beams, r)];
  upload (d, d->tokens, rows);
  for (gint32 r = 0; r < rows; r++)
    d->host[r] = d->lengths[beams->row_user[r]] + depth - 1;
  upload (d, d->positions, rows);
  for (gint32 r = 0; r < rows; r++)
    {
      const gint32 *history = pr_beams_row_history (beams, r);

      for (gint32 s = 0; s < depth; s++)
        d->host[(gint64)r * depth + s] = (gint32)(s * d->size.rows) + history[s + 1];
    }
  upload (d, d->suffix_rows, (gint64)rows * depth);
}

void
pr_decoder_step (PrDecoder *d, const PrBeams *beams)
{
  gint64 rows = beams->n_rows;

  upload_step (d, beams);
  d->be->embedding_forward (rows, d->width, d->tokens, d->lm->weights + d->lm->layout->embedding, d->x);
  for (gint32 l = 0; l < d->lm->config.layers; l++)
    {
      float *kv = d->suffix_kv + l * d->layer_suffix + (beams->depth - 1) * d->size.rows * d->kv_width;

      norm (d, rows, d->x, d->layers[l].in_norm);
      project_keys_values (d, l, rows, kv);
      project_queries (d, l, rows);
      for (gint64 first = 0, end; first < rows; first = end)
        {
          for (end = first + 1; end < rows && beams->row_user[end] == beams->row_user[first]; end++)
            ;
          attend_user (d, l, beams->row_user[first], first, end, beams->depth);
        }
      finish_layer (d, l, rows, d->x);
    }
  norm (d, rows, d->x, d->lm->weights + d->lm->layout->final_norm);
}

/* losses [row] = log of the sum of exp of all logits of the row - the logit of the row's first child. */
static void
normalise_over_vocabulary (PrDecoder *d, const PrBeams *beams)
{
  const float *embedding = d->lm->weights + d->lm->layout->embedding;
  gint64 vocab = d->lm->config.vocab;

  for (gint32 r = 0; r < beams->n_rows; r++)
    {
      gint32 child = beams->trie->first[beams->depth][pr_beams_row_node (beams, r)];

      d->host[r] = beams->trie->bases[beams->depth] + beams->trie->codes[beams->depth + 1][child];
    }
  upload (d, d->tokens, beams->n_rows);
  for (gint64 first = 0; first < beams->n_rows; first += LOGIT_ROWS)
    {
      gint64 rows = MIN (LOGIT_ROWS, beams->n_rows - first);

      d->be->gemm (FALSE, TRUE, rows, vocab, d->width, 1, d->h + first * d->width, d->width, embedding, d->width, 0,
                   d->logits, vocab);
      d->be->cross_entropy (rows, vocab, d->logits, vocab, d->tokens + first, 0, d->losses + first);
    }
  d->flops += 2.0 * (double)beams->n_rows * (double)d->width * (double)vocab;
  d->be->download (d->host_losses, d->losses, (gsize)beams->n_rows * sizeof (float));
}

/* log softmax over the N children of a row, whose logits are X. */
static void
log_softmax (gsize n, float *x)
{
  float most = x[0];
  double sum = 0;

  for (gsize i = 1; i < n; i++)
    most = MAX (most, x[i]);
  for (gsize i = 0; i < n; i++)
    sum += (double)expf (x[i] - most);
  sum = log (sum);
  for (gsize i = 0; i < n; i++)
    x[i] = (float)((double)x[i] - (double)most - sum);
}

const float *
pr_decoder_log_probs (PrDecoder *d, const PrBeams *beams)
{
  const PrTrie *trie = beams->trie;
  gint32 depth = beams->depth;
  gsize n = 0;

  for (gint32 r = 0; r < beams->n_rows; r++)
    {
      gint32 node = pr_beams_row_node (beams, r);

      for (gint32 c = trie->first[depth][node]; c < trie->first[depth][node + 1]; c++)
        d->host[n++] = trie->bases[depth] + trie->codes[depth + 1][c];
    }
  upload (d, d->index, (gint64)n);
  d->be->gather_dot (beams->n_rows, d->width, beams->row_first, d->h, d->index,
                     d->lm->weights + d->lm->layout->embedding, d->dots);
  d->be->download (d->log_probs, d->dots, n * sizeof (float));
  d->flops += 2.0 * (double)n * (double)d->width;

  if (d->size.vocabulary)
    normalise_over_vocabulary (d, beams);
  for (gint32 r = 0; r < beams->n_rows; r++)
    {
      float *x = d->log_probs + beams->row_first[r];
      gsize children = beams->row_first[r + 1] - beams->row_first[r];
      float first = x[0];

      if (!d->size.vocabulary)
        log_softmax (children, x);
      else
        for (gsize i = 0; i < children; i++)
          x[i] = (x[i] - first) - d->host_losses[r];
    }
  return d->log_probs;
}

double
pr_decoder_take_flops (PrDecoder *d)
{
  double flops = d->flops;

  d->flops = 0;
  return flops;
}
