/* lm.h - decoder-only language models: artifact `lm/1`.
 *
 * `lm/1` is a Hugging Face folder (config.json, model.safetensors, tokenizer.json) plus protocol.json;
 * transformers opens it as a Qwen3 (Qwen2, Llama) model with the same logits.
 * Architecture: RMSNorm, RoPE (half rotation), grouped-query attention, QK-norm (Qwen3), SwiGLU, tied embeddings;
 * switches for Qwen2 (q/k/v biases, no QK-norm) and Llama (neither).
 *
 * Artifact `token-embedding/1`: embedding.safetensors with F32 "embedding" [n, d] and metadata "tokens"
 * (names separated by newlines): rows learned for single tokens (e_pause), to be copied into another model.
 */
#ifndef PAUSEREC_LM_H
#define PAUSEREC_LM_H

#include <pauserec/protocol.h>
#include <pauserec/tokenizer.h>

G_BEGIN_DECLS

typedef enum
{
  PR_LM_QWEN3, /* QK-norm, no biases */
  PR_LM_QWEN2, /* biases on q, k, v; no QK-norm */
  PR_LM_LLAMA, /* neither */
} PrLmFamily;

typedef struct
{
  PrLmFamily family;
  gint32 vocab, hidden, layers, heads, kv_heads, head_dim, ffn;
  gint32 max_positions;
  double rope_theta, rms_eps, init_sd; /* init_sd: "initializer_range", default .02 */
} PrLmConfig;

/* Divisibility, ranges, and products checked against overflow: MANIFEST error naming the field. */
gboolean pr_lm_config_check (const PrLmConfig *config, GError **error);
/* Parameters in all (tied head counted once), and bytes of memory that training them needs
 * (weights, gradients, two moments, activations of CHUNK_TOKENS tokens). */
gint64 pr_lm_config_n_params (const PrLmConfig *config);
guint64 pr_lm_config_train_bytes (const PrLmConfig *config, gint64 chunk_tokens);
/* Floating-point operations of one token forward with CONTEXT tokens to attend to, without the head; multiply by 3 for
 * training. */
double pr_lm_config_token_flops (const PrLmConfig *config, double context);

typedef struct PrLm PrLm;

/* Fresh weights: N(0, init_sd) for matrices, ones for norms, zeros for biases; a pure function of SEED.  Takes the
 * tokenizer, also on failure; MANIFEST error if it has more tokens than config.vocab (fewer is usual: Qwen pads its
 * vocabulary).  NULL: a model over bare ids, which cannot be saved. */
PrLm *pr_lm_new (const PrLmConfig *config, PrTokenizer *tokenizer, guint64 seed, GError **error);
/* Qwen3, Qwen2 or Llama with tied head, weights F32, BF16 or F16 in one model.safetensors, and tokenizer.json;
 * protocol.json may be absent.  Whatever would change the forward pass and is not implemented (rope scaling, sliding
 * windows, further biases, quantised weights, a head of its own, unknown tensors), NaN and shapes that do not fit
 * config.json are DATA errors naming file and field or tensor. */
PrLm *pr_lm_load (const char *dir, GError **error);
/* Into DIR, made if need be, over what stands there; config.json last.  Every file is written whole or not at all. */
gboolean pr_lm_save (const PrLm *lm, const char *dir, GError **error);
void pr_lm_free (PrLm *lm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrLm, pr_lm_free)

const PrLmConfig *pr_lm_config (const PrLm *lm);
PrTokenizer *pr_lm_tokenizer (const PrLm *lm);                  /* borrowed */
const PrProtocol *pr_lm_protocol (const PrLm *lm);              /* NULL if none was set */
void pr_lm_set_protocol (PrLm *lm, const PrProtocol *protocol); /* copies */

/* Tokens of the vocabulary that are codes of semantic ids, "<a_0>" and so on (sids.h). */
gint32 pr_lm_n_sid_tokens (const PrLm *lm);

/* How rows of new tokens start. */
typedef enum
{
  PR_ROW_INIT_NORMAL, /* N(0, init_sd): the default of a new embedding */
  PR_ROW_INIT_MEAN,   /* N(mean of all rows, 1e-9 x their variance, per dimension): paper section 3 */
} PrRowInit;
/* Append tokens to the tokenizer and rows to the (tied) embedding; rows that had no token yet are used up first.  A new
 * row is a pure function of the seed, the token's name and (MEAN) the rows there are.  DATA error for a name that
 * exists; the model is then as before but for spare rows. */
gboolean pr_lm_add_tokens (PrLm *lm, const char *const *names, PrRowInit init, guint64 seed, GError **error);
/* Row of a token in the embedding, for reading and writing; [hidden], borrowed. */
float *pr_lm_embedding_row (PrLm *lm, gint32 token);

/* In the place of a token id: this position reads, instead of a word, the final hidden state (after the last norm) of
 * the position before it.  Never the first of a sequence, never a target.  Understood by training, beam search bridges
 * and validation; not by the functions below. */
#define PR_TOKEN_LATENT (-1)

/* Forward only; DATA error for ids outside the vocabulary and sequences longer than max_positions.  Sequences are
 * packed: OFFSETS [n_sequences + 1] into TOKENS; each attends to itself alone, positions from 0. Last hidden states
 * after the final norm, [offsets[n_sequences], hidden]. */
gboolean pr_lm_hidden (PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences, float *ret_hidden,
                       GError **error);
/* Natural log probability, by softmax (logits / TEMPERATURE), of every token given those before it in its sequence; NaN at
 * the first of each, and before token FROM [n_sequences], counted in the sequence (NULL: all are wanted). */
gboolean pr_lm_log_probs (PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences, const gint32 *from,
                          double temperature, float *ret_log_probs, GError **error);
/* Full logits, [offsets[n_sequences], vocab]: for tests and probes. */
gboolean pr_lm_logits (PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences, float *ret_logits,
                       GError **error);

/* Where chosen positions look: probabilities of attention, softmax (q k / sqrt(head_dim)) over a position and those
 * before it in its sequence, as the model computes them (rope, norms of queries and keys, grouped heads).
 * QUERIES [n_queries]: rows of TOKENS, increasing.  A query at position p of its sequence has keys 0 .. p; into
 * ret_attention go, query after query, [layers, heads, p + 1] probabilities, pr_lm_attention_size() floats in all.
 * ret_hidden: what pr_lm_hidden() says, from the same pass; NULL: not wanted.  Same bits for any number of threads.
 * Errors of pr_lm_hidden(), a latent step among them; DATA for queries that do not increase or are no rows; IO: memory. */
gboolean pr_lm_attention (PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences,
                          const gint32 *queries, gsize n_queries, float *ret_attention, float *ret_hidden,
                          GError **error);
gsize pr_lm_attention_size (const PrLm *lm, const gint32 *offsets, gsize n_sequences, const gint32 *queries,
                            gsize n_queries);

/* token-embedding/1.  Saving tokens that LM lacks is a DATA error. */
gboolean pr_token_embedding_save (PrLm *lm, const char *const *names, const char *dir, GError **error);
/* Copy the rows into LM; tokens that it lacks are added first.  DATA error if the width differs. */
gboolean pr_token_embedding_apply (PrLm *lm, const char *dir, GError **error);

G_END_DECLS

#endif
