/* cpu.h - kernels of the CPU backend, one table an instruction set.
 *
 * All are serial.  cpu-plain.c is the readable twin of every kernel: the reference of the tests and the fallback on
 * processors without AVX2.  cpu-template.h is compiled once for AVX2 and once for AVX-512.
 */
#ifndef PR_CPU_H
#define PR_CPU_H

#include <pauserec/backend.h>

#define PR_CPU_PAD 16  /* what kernels of attention may read and write beyond a row's end is padded to this */
#define PR_CPU_BLOCK 6 /* rows of C that the vectorised block product computes together */

typedef struct
{
  const char *name;
  gboolean (*supported) (void);

  /* Members of PrBackend of the same name. */
  void (*rmsnorm_forward) (gint64 rows, gint64 n, const float *x, const float *weight, float eps, float *y,
                           float *rstd);
  void (*rmsnorm_backward) (gint64 rows, gint64 n, const float *x, const float *weight, const float *rstd,
                            const float *dy, const float *residual, float *dx, float *dweight, float *y);
  void (*bias_forward) (gint64 rows, gint64 n, const float *bias, float *x, gint64 x_stride);
  void (*bias_backward) (gint64 rows, gint64 n, const float *dy, gint64 dy_stride, float *dbias);
  void (*rope_forward) (const PrRope *rope, gint64 rows, const gint32 *positions, const float *x, gint64 x_stride,
                        float *y, gint64 y_stride, float *rstd);
  void (*rope_backward) (const PrRope *rope, gint64 rows, const gint32 *positions, const float *x, gint64 x_stride,
                         const float *rstd, const float *dy, gint64 dy_stride, float *dx, gint64 dx_stride,
                         float *dq_norm, float *dk_norm);
  void (*swiglu_forward) (gint64 rows, gint64 n, const float *gate_up, float *act);
  void (*swiglu_backward) (gint64 rows, gint64 n, const float *gate_up, const float *dact, float *d_gate_up,
                           float *act);
  void (*cross_entropy) (gint64 rows, gint64 n, float *logits, gint64 stride, const gint32 *targets, float scale,
                         float *losses);
  void (*dropout) (const PrDropout *dropout, gint64 rows, gint64 n, guint64 first_row, const float *x,
                   const float *residual, float *y);
  void (*adamw) (const PrAdamW *adamw, gint64 n, float *weights, const float *grads, float *m, float *v);
  double (*squared_norm) (gint64 n, const float *x);

  /* Pieces of attention. */

  /* C [m, n] = A [m, k] B [k, n] (+ C if ADD), n a multiple of PR_CPU_PAD; element (i, p) of A is
   * a[i a_row + p a_column], so that a transposed A costs nothing. */
  void (*block) (gint64 m, gint64 n, gint64 k, const float *a, gint64 a_row, gint64 a_column, const float *b,
                 gint64 ldb, gboolean add, float *c, gint64 ldc);
  /* s [padded] = softmax of its first n elements, then zeros; returns log of the sum of exponentials. */
  float (*softmax) (gint64 n, gint64 padded, float *s);
  /* p [padded] = exp(p - lse) in its first n, then zeros; ds = p (ds - delta). */
  void (*softmax_backward) (gint64 n, gint64 padded, float lse, float delta, float *p, float *ds);
  /* Softmax down each of WIDTH (a multiple of PR_CPU_PAD) columns of s [n, width]. */
  void (*softmax_columns) (gint64 n, gint64 width, float *s);
  float (*dot) (gint64 n, const float *x, const float *y);
  /* out [rows] = dot products of the rows of x [rows, n] with y. */
  void (*dots) (gint64 rows, gint64 n, const float *x, gint64 stride, const float *y, float *out);
  /* to [n, to_stride] = transpose of from [rows, n], zeros in columns from rows on; to_stride a multiple of PR_CPU_PAD.
   */
  void (*transpose) (gint64 rows, gint64 n, const float *from, gint64 from_stride, float *to, gint64 to_stride);

  /* to [rows, padded] = scale x from [rows, n], zeros behind. */
  void (*pack) (gint64 rows, gint64 n, float scale, const float *from, gint64 stride, float *to, gint64 padded);

  /* C [m, n] = op(A) op(B) (+ C if ADD), not both transposed; m <= PR_CPU_GEMM_ROWS if A is.  SCRATCH of
   * PR_CPU_GEMM_SCRATCH floats.  NULL: OpenBLAS is used. */
  void (*gemm) (gboolean trans_a, gboolean trans_b, gint64 m, gint64 n, gint64 k, const float *a, gint64 lda,
                const float *b, gint64 ldb, gboolean add, float *c, gint64 ldc, float *scratch);
} PrCpuKernels;

#define PR_CPU_GEMM_DEPTH 512
#define PR_CPU_GEMM_ROWS 384
#define PR_CPU_GEMM_SCRATCH (64 * PR_CPU_GEMM_DEPTH + (PR_CPU_GEMM_ROWS + 48) * PR_CPU_GEMM_DEPTH / 2)

extern const PrCpuKernels pr_cpu_plain;
#if defined(__x86_64__)
extern const PrCpuKernels pr_cpu_avx2, pr_cpu_avx512;
#endif

/* Best first, ending with pr_cpu_plain and NULL: what this program was compiled with. */
extern const PrCpuKernels *const pr_cpu_all[];

/* The kernels in use: the best supported, or those that the environment variable PR_CPU_KERNELS names. */
const PrCpuKernels *pr_cpu_kernels (void);
/* For tests: use these from now on. */
void pr_cpu_set_kernels (const PrCpuKernels *kernels);

/* PrBackend's alloc. */
gpointer pr_cpu_alloc (gsize bytes);
/* FLOATS floats of this thread's own, 64-byte aligned, kept from call to call; one array a purpose. */
typedef enum
{
  PR_CPU_SCRATCH_ATTENTION,
  PR_CPU_SCRATCH_GEMM,
  PR_CPU_N_SCRATCH,
} PrCpuScratch;
float *pr_cpu_scratch (PrCpuScratch purpose, gsize floats);

/* cpu-gemm.c */
void pr_cpu_gemm (gboolean trans_a, gboolean trans_b, gint64 m, gint64 n, gint64 k, float alpha, const float *a,
                  gint64 lda, const float *b, gint64 ldb, float beta, float *c, gint64 ldc);

/* cpu-attention.c */
void pr_cpu_attention_forward (const PrAttentionShape *shape, const gint32 *offsets, gsize n_sequences, const float *q,
                               const float *k, const float *v, float *out, float *lse);
void pr_cpu_attention_backward (const PrAttentionShape *shape, const gint32 *offsets, gsize n_sequences, const float *q,
                                const float *k, const float *v, const float *out, const float *lse, const float *dout,
                                float *dq, float *dk, float *dv);
void pr_cpu_attention_cached (const PrAttentionShape *shape, const PrCachedAttention *cached);

/* Where element e of a row draws its dropout: 16 bits of word (e % 128 / 32) of counter (row, e / 128, e % 16), the
 * upper half where e % 32 >= 16.  An element is kept where the draw is at least the threshold. */
#define PR_CPU_DROPOUT_BLOCK 128
static inline guint32
pr_cpu_dropout_threshold (const PrDropout *dropout)
{
  return (guint32)(dropout->rate * 65536.0f + 0.5f);
}
static inline float
pr_cpu_dropout_scale (guint32 threshold)
{
  return 65536.0f / (float)(65536 - (gint32)MIN (threshold, 65535));
}
static inline guint64
pr_cpu_dropout_index (const PrDropout *dropout, gint64 n, guint64 row, gint64 block)
{
  guint64 blocks = (guint64)(n + PR_CPU_DROPOUT_BLOCK - 1) / PR_CPU_DROPOUT_BLOCK;

  return dropout->site << 44 | (row * blocks + (guint64)block) * 16;
}

#endif
