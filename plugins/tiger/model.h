/* model.h - the network of TIGER: a T5 encoder and decoder over the tokens of semantic ids.
 *
 * T5 (Raffel et al. 2020, section 2.1) as transformers' T5ForConditionalGeneration, whose names the weights have: norms
 * without mean and bias before every block, attention without scaling and biases, a bias by relative position that all
 * layers of a stack share, feed-forward with ReLU, and dropout on the input, on every block's output, inside the
 * feed-forward, on probabilities of attention and after the last norm.  The head is a matrix of its own (GRID), of
 * which each level of the semantic id has its rows: a position predicts codes of its level and nothing else.
 *
 * Tokens: code c of level l is sizes[0] + ... + sizes[l - 1] + c; then the start of the decoder, the separator, the
 * users.
 */
#ifndef TIGER_MODEL_H
#define TIGER_MODEL_H

#include <pauserec/net.h>
#include <pauserec/sids.h>

#define TIGER_MAX_LAYERS 24

typedef struct
{
  gint32 levels, sizes[PR_SID_MAX_LEVELS];
  gint32 encoder_layers, decoder_layers;
  gint32 hidden, heads, head_dim, ffn;
  gint32 buckets;     /* of relative positions; T5 has 32 */
  gint32 user_tokens; /* 0: none */
} TigerShape;

/* Codes of levels 0 .. LEVEL - 1: the first token of LEVEL. */
gint32 tiger_shape_first (const TigerShape *shape, gint32 level);
static inline gint32
tiger_shape_start (const TigerShape *shape)
{
  return tiger_shape_first (shape, shape->levels);
}
static inline gint32
tiger_shape_separator (const TigerShape *shape)
{
  return tiger_shape_start (shape) + 1;
}
static inline gint32
tiger_shape_user (const TigerShape *shape, gint32 user)
{
  return tiger_shape_start (shape) + 2 + user;
}

/* For plan(): numbers that are learned; floating-point operations of a forward pass by tokens of encoder and decoder,
 * those of attention proper left out; memory of the values and gradients of a pass whose longest sequence is LONGEST.
 */
double tiger_shape_n_params (const TigerShape *shape);
double tiger_shape_flops (const TigerShape *shape, double encoder_tokens, double decoder_tokens);
double tiger_shape_bytes (const TigerShape *shape, double encoder_tokens, double decoder_tokens, double longest);

/* Numbers of parameters in the net. */
typedef struct
{
  gint32 norm, q, k, v, o;
} TigerAttention;
typedef struct
{
  TigerAttention self, cross; /* cross: decoder only */
  gint32 norm, wi, wo;
} TigerLayer;

typedef struct
{
  TigerShape shape;
  PrNet *net;
  gint32 shared, head;                    /* [tokens, hidden], [codes, hidden] */
  gint32 bias[2], last_norm[2];           /* of encoder and decoder */
  TigerLayer layers[2][TIGER_MAX_LAYERS]; /* the same */
} TigerModel;

/* Start values of T5 in transformers (initializer_factor 1). */
void tiger_model_init (TigerModel *model, const TigerShape *shape, guint64 seed);
void tiger_model_clear (TigerModel *model);

/* What is dropped in a pass, and the rows of the batch before this chunk's.  A tape that drops nothing does not look at
 * the rate. */
typedef struct
{
  float rate;
  guint64 encoder_rows, decoder_rows;
} TigerDropout;

/* Hidden states of the encoder, [offsets[n], hidden], for N sequences of TOKENS. */
PrVar *tiger_encode (const TigerModel *model, PrTape *tape, const gint32 *tokens, const gint32 *offsets, gsize n,
                     const TigerDropout *dropout);

/* Keys and values that the decoder's layers see of the encoder. */
typedef struct
{
  PrVar *k[TIGER_MAX_LAYERS], *v[TIGER_MAX_LAYERS]; /* [decoder_layers] */
} TigerMemory;
void tiger_remember (const TigerModel *model, PrTape *tape, PrVar *encoded, TigerMemory *ret_memory);

/* What the decoder reads: sequence s is TOKENS from offsets[s] to offsets[s + 1]; the rows from user_offsets[u] to
 * user_offsets[u + 1], whole sequences, see the memory of user u, from memory_offsets[u] to memory_offsets[u + 1]. */
typedef struct
{
  const gint32 *tokens, *offsets;
  gsize n;
  const gint32 *user_offsets, *memory_offsets;
  gsize n_users;
} TigerDecode;
/* Last hidden states, [offsets[n], hidden]. */
PrVar *tiger_decode (const TigerModel *model, PrTape *tape, const TigerDecode *decode, const TigerMemory *memory,
                     const TigerDropout *dropout);

/* Logits of LEVEL's codes, [n, sizes[level]], at ROWS [n] of what the decoder gave. */
PrVar *tiger_logits (const TigerModel *model, PrTape *tape, PrVar *decoded, gint32 level, gint64 n, const gint32 *rows);

#endif
