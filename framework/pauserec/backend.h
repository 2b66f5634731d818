/* backend.h - what a processor must be able to do to train and run a language model: a table of operations.
 *
 * Model code never dereferences a tensor: it allocates through the table and calls its operations.  The CPU backend is
 * built in; another one is a shared object that calls pr_backend_set() before the first model is made.
 *
 * Memory.  `float *` arguments are backend memory (alloc) unless marked "host".  Matrices are row-major; a stride is
 * the distance of two rows in floats; without a stride rows are adjacent.  Arguments may alias only where said.
 *
 * Who parallelises.  gemm, embedding_backward, gather_dot, adamw, squared_norm and zero use all threads themselves. All
 * others work on the calling thread: callers cut their rows into tiles of about tile_rows and hand them to parallel(),
 * inside which every operation is serial.  A backend with parallelism of its own says tile_rows = G_MAXINT64. Tiles may
 * depend on shapes only, and sums over tiles are made in tile order: same bits for any number of threads.
 *
 * "x_backward" takes what forward took or saved and `dy`, the gradient of its output, and gives `dx`.  Gradients of
 * weights are ADDED to their output, all others overwrite it.  No operation fails; NaN and Inf go through to the loss.
 */
#ifndef PAUSEREC_BACKEND_H
#define PAUSEREC_BACKEND_H

#include <pauserec/rng.h>
#include <pauserec/threads.h>

G_BEGIN_DECLS

/* Heads of queries and of keys and values (heads is a multiple of kv_heads), and the row strides of q, k, v and out. */
typedef struct
{
  gint32 heads, kv_heads, head_dim;
  gint64 q_stride, k_stride, v_stride, out_stride;
} PrAttentionShape;

/* Rotary embedding with optional normalisation of queries and keys (Qwen3).  COS and SIN are [positions, head_dim / 2];
 * x holds the heads of q, then those of k; pairs are (i, i + head_dim / 2), "half rotation". */
typedef struct
{
  gint32 heads, kv_heads, head_dim;
  float eps;
  const float *cos, *sin;
  const float *q_norm, *k_norm; /* [head_dim]; both NULL: rotation only */
} PrRope;

/* Which elements dropout zeroes: a pure function of all members and the element's place in its row. */
typedef struct
{
  float rate; /* [0, 1); rounded to a multiple of 1 / 65536; 0: the operation only copies or adds */
  PrRng rng;
  guint64 step;
  guint64 site; /* distinguishes the places in a model, < 2^20 */
} PrDropout;

/* Beams of one user: queries that share a prefix of keys and values and have a few of their own. */
typedef struct
{
  gint64 n_queries;
  const float *q;                   /* [n_queries, heads head_dim], stride q_stride */
  gint64 n_prefix;                  /* rows of the shared cache */
  const float *prefix_k, *prefix_v; /* [n_prefix, kv_heads head_dim], strides k_stride, v_stride */
  gint64 n_suffix;                  /* own rows of each query, 0 for none */
  const gint32 *suffix_rows;        /* [n_queries, n_suffix] row numbers in suffix_k and suffix_v */
  const float *suffix_k, *suffix_v; /* strides k_stride, v_stride */
  float *out;                       /* [n_queries, heads head_dim], stride out_stride */
} PrCachedAttention;

typedef struct
{
  float lr, beta1, beta2, eps, weight_decay;
  float grad_scale; /* gradients are multiplied by it first: clipping; 1: as they are */
  guint64 step;     /* of this update, from 1: bias correction */
} PrAdamW;

typedef struct PrBackend PrBackend;
struct PrBackend
{
  const char *name; /* with what decides bits: "cpu/x86-64-v4" */
  gint64 tile_rows;

  gpointer (*alloc) (gsize bytes); /* 64-byte aligned, not cleared; NULL if memory does not suffice */
  void (*free) (gpointer memory);
  void (*upload) (gpointer to, gconstpointer host, gsize bytes);
  void (*download) (gpointer host, gconstpointer from, gsize bytes);
  void (*copy) (gpointer to, gconstpointer from, gsize bytes);
  void (*zero) (gpointer memory, gsize bytes);
  void (*parallel) (gsize n_tiles, PrTileFunc f, gpointer ctx); /* as pr_parallel(); ctx and f are host */

  /* C [m, n] = alpha op(A) op(B) + beta C, as pr_gemm() of linalg.h. */
  void (*gemm) (gboolean trans_a, gboolean trans_b, gint64 m, gint64 n, gint64 k, float alpha, const float *a,
                gint64 lda, const float *b, gint64 ldb, float beta, float *c, gint64 ldc);

  /* y = x rstd weight per row of x [rows, n], rstd = 1 / sqrt(mean(x^2) + eps).  rstd [rows] may be NULL. */
  void (*rmsnorm_forward) (gint64 rows, gint64 n, const float *x, const float *weight, float eps, float *y,
                           float *rstd);
  /* dx = gradient + residual (NULL: 0).  dx may be dy or residual.  dweight [n] is added to, NULL: not wanted.
   * y: NULL, or forward's output again, so that it need not be kept. */
  void (*rmsnorm_backward) (gint64 rows, gint64 n, const float *x, const float *weight, const float *rstd,
                            const float *dy, const float *residual, float *dx, float *dweight, float *y);

  /* x [rows, n] += bias; and dbias [n] += column sums of dy (also the way to add up partial sums of tiles). */
  void (*bias_forward) (gint64 rows, gint64 n, const float *bias, float *x, gint64 x_stride);
  void (*bias_backward) (gint64 rows, gint64 n, const float *dy, gint64 dy_stride, float *dbias);

  /* y = rotate(normalise(x)) for (heads + kv_heads) heads a row; y may be x (if no backward follows).
   * positions [rows]; rstd [rows, heads + kv_heads], NULL: not wanted, unused without norms. */
  void (*rope_forward) (const PrRope *rope, gint64 rows, const gint32 *positions, const float *x, gint64 x_stride,
                        float *y, gint64 y_stride, float *rstd);
  /* dx may be dy.  dq_norm, dk_norm [head_dim] are added to; NULL: not wanted. */
  void (*rope_backward) (const PrRope *rope, gint64 rows, const gint32 *positions, const float *x, gint64 x_stride,
                         const float *rstd, const float *dy, gint64 dy_stride, float *dx, gint64 dx_stride,
                         float *dq_norm, float *dk_norm);

  /* Causal attention in each sequence, scores scaled by 1 / sqrt(head_dim).  offsets (host) [n_sequences + 1] are rows
   * of q, k, v, out.  lse [., heads]: log of the sum of exponentials, for backward; may be NULL. */
  void (*attention_forward) (const PrAttentionShape *shape, const gint32 *offsets, gsize n_sequences, const float *q,
                             const float *k, const float *v, float *out, float *lse);
  /* dq, dk, dv have the strides of q, k, v; dout that of out. */
  void (*attention_backward) (const PrAttentionShape *shape, const gint32 *offsets, gsize n_sequences, const float *q,
                              const float *k, const float *v, const float *out, const float *lse, const float *dout,
                              float *dq, float *dk, float *dv);
  /* Each query attends to the whole prefix and to its own suffix rows. */
  void (*attention_cached) (const PrAttentionShape *shape, const PrCachedAttention *cached);

  /* act [rows, n] = silu(gate) up, gate_up [rows, 2 n] = (gate, up).  Backward: act (NULL: not wanted) is forward's
   * output again; d_gate_up may be gate_up. */
  void (*swiglu_forward) (gint64 rows, gint64 n, const float *gate_up, float *act);
  void (*swiglu_backward) (gint64 rows, gint64 n, const float *gate_up, const float *dact, float *d_gate_up,
                           float *act);

  /* y [rows, n] = table[index]; backward: dtable[index] += dy in row order, rows with a negative index are skipped.
   * scatter: y[index] = x, indices distinct. */
  void (*embedding_forward) (gint64 rows, gint64 n, const gint32 *index, const float *table, float *y);
  void (*embedding_backward) (gint64 rows, gint64 n, const gint32 *index, const float *dy, float *dtable);
  void (*scatter) (gint64 rows, gint64 n, const gint32 *index, const float *x, float *y);
  /* y[j] = dot(x[r], table[index[j]]) for j in first[r] .. first[r + 1] - 1 (first is host, [rows + 1]): logits of some
   * rows of the head only. */
  void (*gather_dot) (gint64 rows, gint64 n, const gsize *first, const float *x, const gint32 *index,
                      const float *table, float *y);

  /* x [rows, n] times scales [rows], row by row. */
  void (*scale_rows) (gint64 rows, gint64 n, const float *scales, float *x);

  /* losses [rows] = log sum exp(logits) - logits[target].  scale != 0: logits [rows, n] become scale x gradient. */
  void (*cross_entropy) (gint64 rows, gint64 n, float *logits, gint64 stride, const gint32 *targets, float scale,
                         float *losses);

  /* y = residual (NULL: 0) + keep x / (1 - rate); row r draws as row first_row + r.  Its own backward.  y may be x or
   * residual. */
  void (*dropout) (const PrDropout *dropout, gint64 rows, gint64 n, guint64 first_row, const float *x,
                   const float *residual, float *y);

  /* One update of n weights as torch.optim.AdamW: decoupled decay, bias-corrected moments m and v. */
  void (*adamw) (const PrAdamW *adamw, gint64 n, float *weights, const float *grads, float *m, float *v);
  /* Sum of squares in double, to host: NaN or Inf if any element is. */
  double (*squared_norm) (gint64 n, const float *x);
};

/* The backend in use; the CPU's unless another was set.  Set before any memory is allocated; NULL: the CPU's. */
const PrBackend *pr_backend_get (void);
void pr_backend_set (const PrBackend *backend);

G_END_DECLS

#endif
