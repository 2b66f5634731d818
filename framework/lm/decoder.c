#include "config.h"

#include "lm/decoder-private.h"

#include <pauserec/error.h>

/* Rows that activations must hold. */
static gint64
rows_at_once (const PrDecoderSize *size)
{
  return MAX (MAX (PR_DECODER_PROMPT_ROWS, size->longest), MAX (size->rows, MAX (size->prompts, size->kept)));
}

/* The sizes of all arrays in one place: allocates through TAKE, or only counts. */
typedef struct
{
  const PrBackend *be; /* NULL: count */
  guint64 bytes;
  gboolean failed;
} Taker;

static gpointer
take (Taker *taker, gboolean host, gint64 n, gint64 width)
{
  guint64 bytes = (guint64)MAX (n, 1) * (guint64)MAX (width, 1) * 4;
  gpointer memory = NULL;

  taker->bytes += bytes;
  if (taker->be != NULL && !taker->failed)
    {
      memory = host ? g_try_malloc (bytes) : taker->be->alloc (bytes);
      taker->failed = memory == NULL;
    }
  return memory;
}

static void
take_host (PrDecoder *d, const PrLmConfig *c, Taker *taker)
{
  const PrDecoderSize *size = &d->size;

  d->host = take (taker, TRUE, rows_at_once (size), 1);
  d->lengths = take (taker, TRUE, size->prompts, 1);
  d->host_dots = take (taker, TRUE, size->scores, 1);
  d->host_logits = take (taker, TRUE, size->logits, c->vocab);
  d->host_losses = take (taker, TRUE, rows_at_once (size), 1);
  d->step_tokens = take (taker, TRUE, size->rows, 1);
  d->step_positions = take (taker, TRUE, size->rows, 1);
  d->latent_rows = take (taker, TRUE, size->rows, 1);
  d->latent_sources = take (taker, TRUE, size->rows, 1);
  d->step_suffix = take (taker, TRUE, size->listed, 1);
  d->groups = take (taker, TRUE, size->rows + 1, sizeof *d->groups / 4);
}

static void
take_all (PrDecoder *d, const PrLmConfig *c, Taker *taker)
{
  const PrDecoderSize *size = &d->size;
  gint64 rows = rows_at_once (size);

  d->width = c->hidden;
  d->q_width = (gint64)c->heads * c->head_dim;
  d->kv_width = 2 * (gint64)c->kv_heads * c->head_dim;
  d->layer_prompt = size->prompts * size->longest * d->kv_width;
  d->layer_suffix = size->suffix * d->kv_width;
  d->prompt_kv = take (taker, FALSE, c->layers, d->layer_prompt);
  d->suffix_kv = take (taker, FALSE, c->layers, d->layer_suffix);
  d->kv = take (taker, FALSE, rows, d->kv_width);
  d->x = take (taker, FALSE, rows, d->width);
  d->mid = take (taker, FALSE, rows, d->width);
  d->h = take (taker, FALSE, rows, d->width);
  d->q = take (taker, FALSE, rows, d->q_width);
  d->attended = take (taker, FALSE, rows, d->q_width);
  d->gate_up = take (taker, FALSE, rows, 2 * (gint64)c->ffn);
  d->act = take (taker, FALSE, rows, c->ffn);
  d->last = take (taker, FALSE, size->prompts, d->width);
  d->kept = take (taker, FALSE, size->kept, d->width);
  d->cos = take (taker, FALSE, size->positions, c->head_dim / 2);
  d->sin = take (taker, FALSE, size->positions, c->head_dim / 2);
  d->logits = take (taker, FALSE, size->logits, c->vocab);
  d->losses = take (taker, FALSE, rows, 1);
  d->dots = take (taker, FALSE, size->scores, 1);
  d->tokens = take (taker, FALSE, rows, 1);
  d->positions = take (taker, FALSE, rows, 1);
  d->index = take (taker, FALSE, MAX (size->scores, rows), 1);
  d->suffix_rows = take (taker, FALSE, size->listed, 1);
  take_host (d, c, taker);
}

guint64
pr_decoder_bytes (const PrLmConfig *config, const PrDecoderSize *size)
{
  PrDecoder d = { .size = *size };
  Taker taker = { .be = NULL };

  take_all (&d, config, &taker);
  return taker.bytes;
}

static void
make_layers (PrDecoder *d)
{
  gsize angles = (gsize)d->size.positions * (gsize)(d->lm->config.head_dim / 2);
  g_autofree float *cos = g_new (float, angles);
  g_autofree float *sin = g_new (float, angles);

  pr_layer_rope_tables (&d->lm->config, d->size.positions, cos, sin);
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
pr_decoder_new (const PrLm *lm, const PrDecoderSize *size, const char *advice, GError **error)
{
  g_autoptr (PrDecoder) d = g_new0 (PrDecoder, 1);
  Taker taker = { .be = pr_backend_get () };

  d->lm = lm;
  d->be = taker.be;
  d->size = *size;
  take_all (d, &lm->config, &taker);
  if (taker.failed)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "out of memory: decoding needs %" G_GUINT64_FORMAT
                   " MiB a thread; lower %s or the number of threads",
                   taker.bytes >> 20, advice);
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
  gpointer memory[] = { d->prompt_kv, d->suffix_kv, d->kv,   d->x,      d->mid,       d->h,     d->q,
                        d->attended,  d->gate_up,   d->act,  d->last,   d->kept,      d->cos,   d->sin,
                        d->logits,    d->losses,    d->dots, d->tokens, d->positions, d->index, d->suffix_rows };
  gpointer host[] = { d->layers,      d->host,           d->lengths,     d->host_dots,
                      d->host_logits, d->host_losses,    d->step_tokens, d->step_positions,
                      d->latent_rows, d->latent_sources, d->step_suffix, d->groups };

  for (gsize i = 0; i < G_N_ELEMENTS (memory); i++)
    if (memory[i] != NULL)
      d->be->free (memory[i]);
  for (gsize i = 0; i < G_N_ELEMENTS (host); i++)
    g_free (host[i]);
  g_free (d);
}

double
pr_decoder_take_flops (PrDecoder *d)
{
  double flops = d->flops;

  d->flops = 0;
  return flops;
}
