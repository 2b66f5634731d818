/* decoder-run.c - prompts and steps through the layers. */
#include "config.h"

#include "lm/decoder-private.h"

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

/* Keys and values of h into KV: their weights follow those of the queries. */
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

static float *
prompt_cache (PrDecoder *d, gint32 layer, gint32 place)
{
  return d->prompt_kv + layer * d->layer_prompt + place * d->size.longest * d->kv_width;
}

static void
embed_prompts (PrDecoder *d, const gint32 *tokens, const gint32 *local, gint32 n)
{
  gint64 rows = local[n];

  for (gint32 u = 0; u < n; u++)
    for (gint32 i = local[u]; i < local[u + 1]; i++)
      d->host[i] = i - local[u];
  pr_decoder_upload (d, d->positions, d->host, rows);
  pr_decoder_upload (d, d->tokens, tokens, rows);
  d->be->embedding_forward (rows, d->width, d->tokens, d->lm->weights + d->lm->layout->embedding, d->x);
}

/* All layers but the last, and the last layer's keys and values, of a few prompts; LAST: the stream at their ends. */
static void
run_prompts (PrDecoder *d, const gint32 *tokens, const gint32 *offsets, gint32 n, const gint32 *places, float *last)
{
  gint64 rows = offsets[n] - offsets[0];
  g_autofree gint32 *local = g_new (gint32, (gsize)n + 1);

  for (gint32 u = 0; u <= n; u++)
    local[u] = offsets[u] - offsets[0];
  embed_prompts (d, tokens + offsets[0], local, n);

  for (gint32 l = 0; l < d->lm->config.layers; l++)
    {
      norm (d, rows, d->x, d->layers[l].in_norm);
      project_keys_values (d, l, rows, d->kv);
      for (gint32 u = 0; u < n; u++)
        d->be->copy (prompt_cache (d, l, places[u]), d->kv + local[u] * d->kv_width,
                     (gsize)(local[u + 1] - local[u]) * (gsize)d->kv_width * sizeof (float));
      if (l == d->lm->config.layers - 1)
        break;
      project_queries (d, l, rows);
      d->be->attention_forward (&d->layers[l].attention, local, (gsize)n, d->q, d->kv, d->kv + d->kv_width / 2,
                                d->attended, NULL);
      for (gint32 u = 0; u < n; u++)
        d->flops += 2.0 * (double)d->q_width * (double)d->lengths[places[u]] * (double)(d->lengths[places[u]] + 1);
      finish_layer (d, l, rows, d->x);
    }
  for (gint32 u = 0; u < n; u++)
    d->host[u] = local[u + 1] - 1;
  pr_decoder_upload (d, d->index, d->host, n);
  d->be->embedding_forward (n, d->width, d->index, d->x, last);
}

/* Attention of rows [FIRST, END) to the prompt at PLACE and to N_SUFFIX rows each, listed from LIST on. */
static void
attend (PrDecoder *d, gint32 layer, gint32 place, gint64 first, gint64 end, gint64 n_suffix, gint64 list)
{
  const float *prompt = prompt_cache (d, layer, place), *suffix = d->suffix_kv + layer * d->layer_suffix;
  PrCachedAttention cached = {
    .n_queries = end - first,
    .q = d->q + first * d->q_width,
    .n_prefix = d->lengths[place],
    .prefix_k = prompt,
    .prefix_v = prompt + d->kv_width / 2,
    .n_suffix = n_suffix,
    .suffix_rows = d->suffix_rows + list,
    .suffix_k = suffix,
    .suffix_v = suffix + d->kv_width / 2,
    .out = d->attended + first * d->q_width,
  };

  d->be->attention_cached (&d->layers[layer].attention, &cached);
  d->flops += 4.0 * (double)d->q_width * (double)(end - first) * (double)(d->lengths[place] + n_suffix);
}

/* The last layer at the last position of every prompt. */
static void
finish_prompts (PrDecoder *d, gint32 n, const gint32 *places)
{
  gint32 l = d->lm->config.layers - 1;

  for (gint32 u = 0; u < n; u++)
    d->host[u] = d->lengths[places[u]] - 1;
  pr_decoder_upload (d, d->positions, d->host, n);
  norm (d, n, d->last, d->layers[l].in_norm);
  project_queries (d, l, n);
  for (gint32 u = 0; u < n; u++)
    attend (d, l, places[u], u, u + 1, 0, 0);
  finish_layer (d, l, n, d->last);
  norm (d, n, d->last, d->lm->weights + d->lm->layout->final_norm);
}

void
pr_decoder_prompts (PrDecoder *d, const gint32 *tokens, const gint32 *offsets, gint32 n, const gint32 *places)
{
  for (gint32 u = 0; u < n; u++)
    d->lengths[places[u]] = offsets[u + 1] - offsets[u];
  for (gint32 first = 0, end; first < n; first = end)
    {
      for (end = first + 1; end < n && offsets[end + 1] - offsets[first] <= PR_DECODER_PROMPT_ROWS; end++)
        ;
      run_prompts (d, tokens, offsets + first, end - first, places + first, d->last + first * d->width);
    }
  finish_prompts (d, n, places);
}

void
pr_decoder_reset (PrDecoder *d)
{
  d->next_slot = 0;
}

gint32
pr_decoder_step_begin (PrDecoder *d, gint32 n)
{
  if (d->next_slot + n > d->size.suffix)
    d->next_slot = 0;
  d->slot = d->next_slot;
  d->next_slot += n;
  d->n_rows = d->n_groups = d->n_latent = 0;
  d->n_listed = 0;
  return d->slot;
}

gint32 *
pr_decoder_step_row (PrDecoder *d, gint32 place, gint32 token, gint32 source, gint32 n_history)
{
  gint32 row = d->n_rows++, *history = d->step_suffix + d->n_listed;
  PrDecoderGroup *last = &d->groups[d->n_groups];

  if (row == 0 || last[-1].place != place || last[-1].n_suffix != n_history + 1)
    {
      *last = (PrDecoderGroup){ place, row, n_history + 1, d->n_listed };
      d->n_groups++;
    }
  if (token == PR_TOKEN_LATENT)
    {
      d->latent_rows[d->n_latent] = row;
      d->latent_sources[d->n_latent++] = source;
      token = 0;
    }
  d->step_tokens[row] = token;
  d->step_positions[row] = d->lengths[place] + n_history;
  history[n_history] = d->slot + row;
  d->n_listed += n_history + 1;
  return history;
}

/* The inputs of a step: words, and hidden states in the place of latent ones. */
static void
embed_step (PrDecoder *d)
{
  pr_decoder_upload (d, d->tokens, d->step_tokens, d->n_rows);
  pr_decoder_upload (d, d->positions, d->step_positions, d->n_rows);
  pr_decoder_upload (d, d->suffix_rows, d->step_suffix, d->n_listed);
  d->be->embedding_forward (d->n_rows, d->width, d->tokens, d->lm->weights + d->lm->layout->embedding, d->x);
  if (d->n_latent == 0)
    return;
  pr_decoder_upload (d, d->index, d->latent_sources, d->n_latent);
  d->be->embedding_forward (d->n_latent, d->width, d->index, d->h, d->mid);
  pr_decoder_upload (d, d->index, d->latent_rows, d->n_latent);
  d->be->scatter (d->n_latent, d->width, d->index, d->mid, d->x);
}

void
pr_decoder_step_run (PrDecoder *d)
{
  gint64 rows = d->n_rows;

  embed_step (d);
  d->groups[d->n_groups].first = d->n_rows;
  for (gint32 l = 0; l < d->lm->config.layers; l++)
    {
      norm (d, rows, d->x, d->layers[l].in_norm);
      project_keys_values (d, l, rows, d->suffix_kv + l * d->layer_suffix + d->slot * d->kv_width);
      project_queries (d, l, rows);
      for (const PrDecoderGroup *g = d->groups; g < d->groups + d->n_groups; g++)
        attend (d, l, g->place, g->first, g[1].first, g->n_suffix, g->list);
      finish_layer (d, l, rows, d->x);
    }
  norm (d, rows, d->x, d->lm->weights + d->lm->layout->final_norm);
}

void
pr_decoder_keep (PrDecoder *d, gint32 n, const gint32 *rows, const gint32 *places)
{
  pr_decoder_upload (d, d->index, rows, n);
  d->be->embedding_forward (n, d->width, d->index, d->h, d->mid);
  pr_decoder_upload (d, d->index, places, n);
  d->be->scatter (n, d->width, d->index, d->mid, d->kept);
}

void
pr_decoder_recall (PrDecoder *d, gint32 n)
{
  d->be->copy (d->h, d->kept, (gsize)n * (gsize)d->width * sizeof (float));
}
