/* Attention of any kind over packed sequences, one sequence and head at a time.
 *
 * Unlike the language model's attention it keeps the probabilities, which a bias and dropout make costly to find again;
 * sequences of baselines are short.  Operands are copied into dense scratch as there (compute/cpu-attention.c says
 * why). */
#include "config.h"

#include "net/attention.h"

#include <math.h>
#include <string.h>

#define TILE 4 /* sequences */

typedef struct
{
  Node *q, *k, *v, *bias, *y;
  gint64 heads, d, dv; /* of a head */
  gboolean causal;
  float scale;
  gsize n_sequences;
  const gint32 *q_offsets, *k_offsets;
  const gint32 *buckets; /* of distance 0; from -most queries to most keys */
  const PrDropout *dropout;
  guint64 first_row;
  float *p;       /* probabilities, before dropout; NULL: not kept */
  gsize *p_first; /* [n_sequences] where a sequence's begin: [heads][queries, padded keys] */
  float *dbias;   /* [tiles, buckets heads] */
  float *dq, *dk, *dv_;
  gboolean add_q, add_k, add_v;
} Attention;

/* One head of one sequence. */
typedef struct
{
  gsize sequence;
  gint64 head, nq, nk, np, q0, k0; /* queries, keys, padded keys, first rows */
} Part;

static Part
part_of (const Attention *a, gsize sequence, gint64 head)
{
  Part p = { .sequence = sequence, .head = head, .q0 = a->q_offsets[sequence], .k0 = a->k_offsets[sequence] };

  p.nq = a->q_offsets[sequence + 1] - p.q0;
  p.nk = a->k_offsets[sequence + 1] - p.k0;
  p.np = pr_tape_pad (p.nk);
  return p;
}

/* Keys that query I sees. */
static gint64
seen (const Attention *a, const Part *p, gint64 i)
{
  return a->causal ? MIN (i + 1, p->nk) : p->nk;
}

gint32
pr_attention_bucket (gint64 distance, gboolean causal, gint64 n_buckets, gint64 max_distance)
{
  gint64 first = 0, exact, far;

  if (!causal)
    {
      n_buckets /= 2;
      first = distance > 0 ? n_buckets : 0;
      distance = ABS (distance);
    }
  else
    distance = MAX (-distance, 0);
  exact = n_buckets / 2;
  if (distance < exact)
    return (gint32)(first + distance);
  /* In single precision, as T5: the borders between buckets depend on it. */
  far = exact
        + (gint64)(logf ((float)distance / (float)exact) / (float)log ((double)max_distance / (double)exact)
                   * (float)(n_buckets - exact));
  return (gint32)(first + MIN (far, n_buckets - 1));
}

/* Probabilities of query I after dropout, from those before; both [np]. */
static void
drop (const Attention *a, const Part *p, gint64 i, const float *from, float *to)
{
  guint64 row = (a->first_row + (guint64)(p->q0 + i)) * (guint64)a->heads + (guint64)p->head;

  pr_cpu_kernels ()->dropout (a->dropout, 1, p->nk, row, from, NULL, to);
  memset (to + p->nk, 0, (gsize)(p->np - p->nk) * sizeof (float));
}

static void
add_bias (const Attention *a, const Part *p, gint64 i, float *scores)
{
  const float *bias = a->bias->value + p->head;

  for (gint64 j = 0; j < seen (a, p, i); j++)
    scores[j] += bias[a->buckets[j - i] * a->heads];
}

static void
forward_part (const Attention *a, const Part *p)
{
  const PrCpuKernels *cpu = pr_cpu_kernels ();
  gint64 d = a->d, dp = pr_tape_pad (d), dvp = pr_tape_pad (a->dv), np = p->np, width = a->heads * d;
  gint64 v_width = a->heads * a->dv;
  float *kt = pr_cpu_scratch (PR_CPU_SCRATCH_ATTENTION,
                              (gsize)(np * d + p->nk * dvp + p->nq * (dp + dvp) + 2 * PR_CPU_BLOCK * np));
  float *vp = kt + np * d, *qp = vp + p->nk * dvp, *op = qp + p->nq * dp, *dropped = op + p->nq * dvp;
  float *kept = a->p != NULL ? a->p + a->p_first[p->sequence] + p->head * p->nq * np : NULL;

  cpu->transpose (p->nk, d, a->k->value + p->k0 * width + p->head * d, width, kt, np);
  cpu->pack (p->nk, a->dv, 1, a->v->value + p->k0 * v_width + p->head * a->dv, v_width, vp, dvp);
  cpu->pack (p->nq, d, a->scale, a->q->value + p->q0 * width + p->head * d, width, qp, dp);
  for (gint64 i = 0; i < p->nq; i += PR_CPU_BLOCK)
    {
      gint64 rows = MIN (PR_CPU_BLOCK, p->nq - i), end = seen (a, p, i + rows - 1);
      float *scores = kept != NULL ? kept + i * np : dropped + PR_CPU_BLOCK * np;

      cpu->block (rows, pr_tape_pad (end), d, qp + i * dp, dp, 1, kt, np, FALSE, scores, np);
      for (gint64 r = 0; r < rows; r++)
        {
          if (a->bias != NULL)
            add_bias (a, p, i + r, scores + r * np);
          (void)cpu->softmax (seen (a, p, i + r), np, scores + r * np);
          if (a->dropout != NULL)
            drop (a, p, i + r, scores + r * np, dropped + r * np);
        }
      cpu->block (rows, dvp, end, a->dropout != NULL ? dropped : scores, np, 1, vp, dvp, FALSE, op + i * dvp, dvp);
    }
  for (gint64 i = 0; i < p->nq; i++)
    memcpy (a->y->value + (p->q0 + i) * v_width + p->head * a->dv, op + i * dvp, (gsize)a->dv * sizeof (float));
}

static void
forward_tile (gpointer ctx, gsize tile, guint worker)
{
  const Attention *a = ctx;
  gint64 width = a->heads * a->dv;

  (void)worker;
  for (gsize s = tile * TILE; s < MIN ((tile + 1) * TILE, a->n_sequences); s++)
    for (gint64 h = 0; h < a->heads; h++)
      {
        Part p = part_of (a, s, h);

        if (p.nk > 0)
          forward_part (a, &p);
        else if (p.nq > 0)
          memset (a->y->value + p.q0 * width, 0, (gsize)(p.nq * width) * sizeof (float));
      }
}

/* dS from dP, in place, and its share of the bias' gradient. */
static void
score_grads (const Attention *a, const Part *p, const float *probabilities, float *ds, float *dbias)
{
  for (gint64 i = 0; i < p->nq; i++)
    {
      const float *pi = probabilities + i * p->np;
      float *di = ds + i * p->np, delta;

      if (a->dropout != NULL)
        drop (a, p, i, di, di);
      delta = pr_cpu_kernels ()->dot (p->nk, pi, di);
      for (gint64 j = 0; j < p->np; j++)
        di[j] = pi[j] * (di[j] - delta);
      for (gint64 j = 0; dbias != NULL && j < seen (a, p, i); j++)
        dbias[a->buckets[j - i] * a->heads + p->head] += di[j];
    }
}

static void
unpack (gint64 rows, gint64 n, float scale, const float *from, gint64 padded, gboolean add, float *to, gint64 stride)
{
  for (gint64 r = 0; r < rows; r++)
    for (gint64 i = 0; i < n; i++)
      to[r * stride + i] = (add ? to[r * stride + i] : 0.0f) + from[r * padded + i] * scale;
}

static void
backward_part (const Attention *a, const Part *p, float *dbias)
{
  const PrCpuKernels *cpu = pr_cpu_kernels ();
  gint64 d = a->d, dv = a->dv, dp = pr_tape_pad (d), dvp = pr_tape_pad (dv), np = p->np, nq = p->nq, nk = p->nk;
  gint64 width = a->heads * d, v_width = a->heads * dv;
  float *vt = pr_cpu_scratch (PR_CPU_SCRATCH_ATTENTION,
                              (gsize)(np * dv + nk * 2 * dp + nk * dvp + nq * (2 * dp + dvp) + 2 * nq * np));
  float *kp = vt + np * dv, *qp = kp + nk * dp, *dout = qp + nq * dp, *dq = dout + nq * dvp, *dk = dq + nq * dp;
  float *dvs = dk + nk * dp, *ds = dvs + nk * dvp, *dropped = ds + nq * np;
  const float *kept = a->p + a->p_first[p->sequence] + p->head * nq * np;
  gint64 q_at = p->q0 * width + p->head * d, k_at = p->k0 * width + p->head * d;
  gint64 v_at = p->k0 * v_width + p->head * dv;

  cpu->transpose (nk, dv, a->v->value + v_at, v_width, vt, np);
  cpu->pack (nk, d, 1, a->k->value + k_at, width, kp, dp);
  cpu->pack (nq, d, a->scale, a->q->value + q_at, width, qp, dp);
  cpu->pack (nq, dv, 1, a->y->grad + p->q0 * v_width + p->head * dv, v_width, dout, dvp);
  cpu->block (nq, np, dv, dout, dvp, 1, vt, np, FALSE, ds, np);
  score_grads (a, p, kept, ds, dbias);
  for (gint64 i = 0; a->dropout != NULL && i < nq; i++)
    drop (a, p, i, kept + i * np, dropped + i * np);
  if (a->dq != NULL)
    {
      cpu->block (nq, dp, nk, ds, np, 1, kp, dp, FALSE, dq, dp);
      unpack (nq, d, a->scale, dq, dp, a->add_q, a->dq + q_at, width);
    }
  if (a->dk != NULL)
    {
      cpu->block (nk, dp, nq, ds, 1, np, qp, dp, FALSE, dk, dp);
      unpack (nk, d, 1, dk, dp, a->add_k, a->dk + k_at, width);
    }
  if (a->dv_ != NULL)
    {
      cpu->block (nk, dvp, nq, a->dropout != NULL ? dropped : kept, 1, np, dout, dvp, FALSE, dvs, dvp);
      unpack (nk, dv, 1, dvs, dvp, a->add_v, a->dv_ + v_at, v_width);
    }
}

/* Keys without queries and queries without keys get no gradient: zeros, where nothing else is there. */
static void
clear_part (const Attention *a, const Part *p)
{
  gint64 width = a->heads * a->d, v_width = a->heads * a->dv;

  if (a->dq != NULL && !a->add_q)
    memset (a->dq + p->q0 * width, 0, (gsize)(p->nq * width) * sizeof (float));
  if (a->dk != NULL && !a->add_k)
    memset (a->dk + p->k0 * width, 0, (gsize)(p->nk * width) * sizeof (float));
  if (a->dv_ != NULL && !a->add_v)
    memset (a->dv_ + p->k0 * v_width, 0, (gsize)(p->nk * v_width) * sizeof (float));
}

static void
backward_tile (gpointer ctx, gsize tile, guint worker)
{
  const Attention *a = ctx;
  gint64 n = a->bias != NULL ? a->bias->var.rows * a->heads : 0;
  float *dbias = a->dbias != NULL ? a->dbias + (gint64)tile * n : NULL;

  (void)worker;
  if (dbias != NULL)
    memset (dbias, 0, (gsize)n * sizeof (float));
  for (gsize s = tile * TILE; s < MIN ((tile + 1) * TILE, a->n_sequences); s++)
    for (gint64 h = 0; h < a->heads; h++)
      {
        Part p = part_of (a, s, h);

        if (p.nk > 0 && p.nq > 0)
          backward_part (a, &p, dbias);
        else if (h == 0)
          clear_part (a, &p);
      }
}

/* Pairs of a query and a key, of all heads. */
static double
n_pairs (const Attention *a)
{
  double pairs = 0;

  for (gsize s = 0; s < a->n_sequences; s++)
    {
      Part p = part_of (a, s, 0);

      pairs += (double)p.nq * (double)p.nk * (a->causal ? 0.5 : 1.0);
    }
  return pairs * (double)a->heads;
}

static void
attention_backward (PrTape *tape, gpointer op)
{
  Attention *a = op;
  gsize tiles = (a->n_sequences + TILE - 1) / TILE;
  Mark mark;

  if (!a->y->written)
    return;
  a->dq = a->q->needs ? pr_node_grad (tape, a->q, &a->add_q) : NULL;
  a->dk = a->k->needs ? pr_node_grad (tape, a->k, &a->add_k) : NULL;
  a->dv_ = a->v->needs ? pr_node_grad (tape, a->v, &a->add_v) : NULL;
  if (a->bias != NULL && a->bias->needs)
    (void)pr_node_grad_cleared (tape, a->bias);
  mark = pr_tape_mark (tape);
  if (a->bias != NULL && a->bias->needs)
    a->dbias = pr_tape_floats (tape, (gint64)tiles * a->bias->var.rows * a->heads);
  pr_parallel (tiles, backward_tile, a);
  if (a->dbias != NULL)
    pr_tape_add_partial (tape, (gint64)tiles, a->bias->var.rows * a->heads, a->dbias, a->bias);
  pr_tape_release (tape, mark);
  pr_tape_count (tape, 4.0 * n_pairs (a) * (double)(a->d + a->dv));
}

/* Where each sequence's probabilities begin, and memory for all. */
static void
keep_probabilities (PrTape *tape, Attention *a)
{
  gsize n = 0;

  a->p_first = pr_tape_alloc (tape, a->n_sequences * sizeof *a->p_first);
  for (gsize s = 0; s < a->n_sequences; s++)
    {
      Part p = part_of (a, s, 0);

      a->p_first[s] = n;
      n += (gsize)(a->heads * p.nq * p.np);
    }
  a->p = pr_tape_floats (tape, (gint64)n);
}

static const gint32 *
find_buckets (PrTape *tape, const Attention *a, gint64 max_distance)
{
  gint64 most_q = 0, most_k = 0;
  gint32 *buckets;

  for (gsize s = 0; s < a->n_sequences; s++)
    {
      Part p = part_of (a, s, 0);

      most_q = MAX (most_q, p.nq);
      most_k = MAX (most_k, p.nk);
    }
  buckets = (gint32 *)pr_tape_alloc (tape, (gsize)(most_q + most_k + 1) * sizeof *buckets) + most_q;
  for (gint64 i = -most_q; i <= most_k; i++)
    buckets[i] = pr_attention_bucket (i, a->causal, a->bias->var.rows, max_distance > 0 ? max_distance : 128);
  return buckets;
}

static const gint32 *
copy_offsets (PrTape *tape, const gint32 *offsets, gsize n_sequences, gint64 rows)
{
  pr_tape_require (offsets[0] == 0 && offsets[n_sequences] == rows);
  for (gsize s = 0; s < n_sequences; s++)
    pr_tape_require (offsets[s] <= offsets[s + 1]);
  return pr_tape_copy (tape, offsets, (n_sequences + 1) * sizeof *offsets);
}

PrVar *
pr_tape_attention (PrTape *tape, PrVar *q, PrVar *k, PrVar *v, const PrAttend *attend)
{
  Attention *a = pr_tape_alloc (tape, sizeof *a);
  gint64 heads = attend->heads;

  pr_tape_require (heads > 0 && q->n % heads == 0 && k->n == q->n && v->n % heads == 0 && k->rows == v->rows);
  /* Rows that are queries of one sequence and keys of another would be written by two threads. */
  pr_tape_require (attend->k_offsets == NULL || (q != k && q != v));
  *a = (Attention){ .q = node (q), .k = node (k), .v = node (v), .heads = heads, .causal = attend->causal };
  a->d = q->n / heads;
  a->dv = v->n / heads;
  a->scale = attend->scale != 0 ? attend->scale : 1.0f / sqrtf ((float)a->d);
  a->n_sequences = attend->n_sequences;
  a->first_row = attend->first_row;
  a->q_offsets = copy_offsets (tape, attend->q_offsets, a->n_sequences, q->rows);
  a->k_offsets = attend->k_offsets != NULL ? copy_offsets (tape, attend->k_offsets, a->n_sequences, k->rows)
                                           : copy_offsets (tape, attend->q_offsets, a->n_sequences, k->rows);
  a->dropout = pr_tape_drops (tape, attend->dropout);
  if (attend->bias != NULL)
    {
      a->bias = node (attend->bias);
      pr_tape_require (attend->bias->n == heads && attend->bias->rows >= (attend->causal ? 2 : 4));
      pr_tape_require (attend->max_distance == 0 || attend->max_distance > attend->bias->rows / 2);
      a->buckets = find_buckets (tape, a, attend->max_distance);
    }
  a->y = pr_tape_node (tape, q->rows, v->n,
                       a->q->needs || a->k->needs || a->v->needs || (a->bias != NULL && a->bias->needs));
  if (a->y->needs)
    keep_probabilities (tape, a);
  pr_parallel ((a->n_sequences + TILE - 1) / TILE, forward_tile, a);
  pr_tape_count (tape, 2.0 * n_pairs (a) * (double)(a->d + a->dv));
  if (a->y->needs)
    pr_tape_record (tape, attention_backward, a);
  return &a->y->var;
}
