#include "config.h"

#include "lm/layout.h"

#define ALIGN 16 /* floats: one cache line, one AVX-512 register */

typedef struct
{
  GArray *tensors;
  gint64 end; /* floats used so far */
} Builder;

static gint64
round_up (gint64 n)
{
  return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* Appends a tensor and returns its offset.  ADJACENT: it continues the one before without a gap, so that both
 * can be one operand of a GEMM. */
static gint64
add (Builder *b, gint64 rows, gint64 columns, gboolean adjacent, const char *format, ...)
{
  PrLmTensor tensor = { .rows = rows, .columns = columns, .decays = columns > 0 };
  va_list args;

  va_start (args, format);
  g_vsnprintf (tensor.name, sizeof tensor.name, format, args);
  va_end (args);
  tensor.offset = adjacent ? b->end : round_up (b->end);
  b->end = tensor.offset + rows * MAX (columns, 1);
  g_array_append_val (b->tensors, tensor);
  return tensor.offset;
}

static void
add_attention (Builder *b, const PrLmConfig *c, gint32 l, PrLmLayerOffsets *o)
{
  gint64 q_rows = (gint64)c->heads * c->head_dim;
  gint64 kv_rows = (gint64)c->kv_heads * c->head_dim;

  o->q = add (b, q_rows, c->hidden, FALSE, "model.layers.%d.self_attn.q_proj.weight", l);
  o->k = add (b, kv_rows, c->hidden, TRUE, "model.layers.%d.self_attn.k_proj.weight", l);
  o->v = add (b, kv_rows, c->hidden, TRUE, "model.layers.%d.self_attn.v_proj.weight", l);
  o->q_bias = o->k_bias = o->v_bias = o->q_norm = o->k_norm = -1;
  if (c->family == PR_LM_QWEN2)
    {
      o->q_bias = add (b, q_rows, 0, FALSE, "model.layers.%d.self_attn.q_proj.bias", l);
      o->k_bias = add (b, kv_rows, 0, TRUE, "model.layers.%d.self_attn.k_proj.bias", l);
      o->v_bias = add (b, kv_rows, 0, TRUE, "model.layers.%d.self_attn.v_proj.bias", l);
    }
  if (c->family == PR_LM_QWEN3)
    {
      o->q_norm = add (b, c->head_dim, 0, FALSE, "model.layers.%d.self_attn.q_norm.weight", l);
      o->k_norm = add (b, c->head_dim, 0, FALSE, "model.layers.%d.self_attn.k_norm.weight", l);
    }
  o->o = add (b, c->hidden, q_rows, FALSE, "model.layers.%d.self_attn.o_proj.weight", l);
}

PrLmLayout *
pr_lm_layout_new (const PrLmConfig *config)
{
  PrLmLayout *layout = g_new0 (PrLmLayout, 1);
  Builder b = { g_array_new (FALSE, FALSE, sizeof (PrLmTensor)), 0 };

  layout->layers = g_new0 (PrLmLayerOffsets, MAX (config->layers, 1));
  for (gint32 l = 0; l < config->layers; l++)
    {
      PrLmLayerOffsets *o = &layout->layers[l];

      o->in_norm = add (&b, config->hidden, 0, FALSE, "model.layers.%d.input_layernorm.weight", l);
      add_attention (&b, config, l, o);
      o->post_norm = add (&b, config->hidden, 0, FALSE, "model.layers.%d.post_attention_layernorm.weight", l);
      o->gate = add (&b, config->ffn, config->hidden, FALSE, "model.layers.%d.mlp.gate_proj.weight", l);
      o->up = add (&b, config->ffn, config->hidden, TRUE, "model.layers.%d.mlp.up_proj.weight", l);
      o->down = add (&b, config->hidden, config->ffn, FALSE, "model.layers.%d.mlp.down_proj.weight", l);
    }
  layout->final_norm = add (&b, config->hidden, 0, FALSE, "model.norm.weight");
  layout->embedding = add (&b, config->vocab, config->hidden, FALSE, "model.embed_tokens.weight");
  layout->size = round_up (b.end);
  layout->n_tensors = b.tensors->len;
  layout->tensors = (PrLmTensor *)(gpointer)g_array_free (b.tensors, FALSE);
  return layout;
}

void
pr_lm_layout_free (PrLmLayout *layout)
{
  if (layout == NULL)
    return;
  g_free (layout->tensors);
  g_free (layout->layers);
  g_free (layout);
}
