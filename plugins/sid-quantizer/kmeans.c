#include "config.h"

#include "kmeans.h"

#include <pauserec/linalg.h>
#include <pauserec/threads.h>

#include <math.h>
#include <string.h>

#define TILE 256     /* rows whose distances are computed by one product */
#define LANES 16     /* independent running minima and sums, so that loops vectorise without reordering sums */
#define SEED_ROWS 16 /* rows a code that seeding looks at: k-means++ reads them once a code */

typedef float Vector __attribute__ ((vector_size (LANES * sizeof (float))));
typedef Vector Loose __attribute__ ((aligned (sizeof (float)), may_alias)); /* for loads of rows of any width */

typedef struct
{
  const KmeansProblem *problem;
  KmeansFit *fit;
  float *half_norms; /* [k]: |c|^2 / 2 */
  float *products;   /* [workers, TILE, k] */
  double *x_norms;   /* [n]: |x|^2 */
  double *distances; /* [n]: squared distance to the own centroid */
  gsize *changed;    /* [tiles] */
  gint64 *starts;    /* [k + 1] into members */
  gint64 *members;   /* [n]: items by code, ascending */
} State;

static double
dot (const float *a, const float *b, gint64 d)
{
  double lanes[LANES] = { 0 };
  double sum = 0;
  gint64 i = 0;

  for (; i + LANES <= d; i += LANES)
    for (int l = 0; l < LANES; l++)
      lanes[l] += (double)a[i + l] * b[i + l];
  for (; i < d; i++)
    sum += (double)a[i] * b[i];
  for (int l = 0; l < LANES; l++)
    sum += lanes[l];
  return sum;
}

static double
squared_distance (const float *a, const float *b, gint64 d)
{
  Vector lanes = { 0 };
  double sum = 0;
  gint64 i = 0;

  for (; i + LANES <= d; i += LANES)
    {
      Vector t = *(const Loose *)(a + i) - *(const Loose *)(b + i);

      lanes += t * t;
    }
  for (; i < d; i++)
    sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
  for (int l = 0; l < LANES; l++)
    sum += lanes[l];
  return sum;
}

void
kmeans_distances (const float *x, const float *centroids, gint32 k, gint64 d, double *ret_distances)
{
  for (gint32 c = 0; c < k; c++)
    ret_distances[c] = squared_distance (x, centroids + c * d, d);
}

/* Seeding -------------------------------------------------------------------------------------------------- */

typedef struct
{
  const KmeansProblem *problem;
  float *rows; /* [n_rows, d]: the sample, side by side, since every centre reads all of it */
  gint64 n_rows;
  const float *centre; /* the latest */
  double *nearest;     /* [n_rows]: squared distance to the nearest centre so far */
} Seeding;

static void
seed_tile (gpointer ctx, gsize tile, guint worker)
{
  Seeding *s = ctx;
  gint64 end = MIN (s->n_rows, (gint64)(tile + 1) * TILE);

  (void)worker;
  for (gint64 i = (gint64)tile * TILE; i < end; i++)
    s->nearest[i] = MIN (s->nearest[i], squared_distance (s->rows + i * s->problem->d, s->centre, s->problem->d));
}

/* The row that lies at U of the cumulated squared distances; any row if all are zero. */
static gint64
seed_draw (const Seeding *s, PrRng rng, gint32 code)
{
  double total = 0, u;

  for (gint64 i = 0; i < s->n_rows; i++)
    total += s->nearest[i];
  if (!(total > 0))
    return (gint64)pr_rng_below (rng, 1, (guint64)code, (guint64)s->n_rows);
  u = pr_rng_uniform (rng, 1, (guint64)code) * total;
  for (gint64 i = 0; i < s->n_rows; i++)
    if ((u -= s->nearest[i]) < 0)
      return i;
  for (gint64 i = s->n_rows; i-- > 0;) /* rounding: the last row that counts */
    if (s->nearest[i] > 0)
      return i;
  return 0;
}

/* k-means++ (Arthur and Vassilvitskii 2007) on a random sample of rows, which costs as much as one iteration at most.
 */
static void
seed (const KmeansProblem *p, float *centroids)
{
  g_autofree guint32 *order = pr_rng_permutation (p->rng, 0, (guint32)p->n);
  gint64 n_rows = MIN (p->n, (gint64)p->k * SEED_ROWS);
  g_autofree float *rows = g_new (float, n_rows * p->d);
  g_autofree double *nearest = g_new (double, n_rows);
  Seeding s = { .problem = p, .rows = rows, .n_rows = n_rows, .nearest = nearest };

  for (gint64 i = 0; i < n_rows; i++)
    {
      memcpy (rows + i * p->d, p->x + order[i] * p->d, sizeof (float) * p->d);
      nearest[i] = INFINITY;
    }
  for (gint32 c = 0; c < p->k; c++)
    {
      gint64 row = c == 0 ? 0 : seed_draw (&s, p->rng, c);

      memcpy (centroids + c * p->d, rows + row * p->d, sizeof (float) * p->d);
      s.centre = centroids + c * p->d;
      pr_parallel ((gsize)((s.n_rows + TILE - 1) / TILE), seed_tile, &s);
    }
}

/* Lloyd ---------------------------------------------------------------------------------------------------- */

/* Index of the largest of V [k]; of equal ones the lowest. */
static gint32
argmax (const float *v, gint32 k)
{
  float best[LANES];
  gint32 at[LANES], result, i = LANES;

  if (k < LANES)
    {
      result = 0;
      for (gint32 c = 1; c < k; c++)
        if (v[c] > v[result])
          result = c;
      return result;
    }
  for (int l = 0; l < LANES; l++)
    {
      best[l] = v[l];
      at[l] = l;
    }
  for (; i + LANES <= k; i += LANES)
    for (int l = 0; l < LANES; l++)
      {
        gboolean more = v[i + l] > best[l];

        best[l] = more ? v[i + l] : best[l];
        at[l] = more ? i + l : at[l];
      }
  result = at[0];
  for (int l = 1; l < LANES; l++)
    if (best[l] > v[result] || (best[l] == v[result] && at[l] < result))
      result = at[l];
  for (; i < k; i++)
    if (v[i] > v[result])
      result = i;
  return result;
}

/* Codes of up to TILE rows; products [rows, k] becomes x.c - |c|^2 / 2, which is largest for the nearest centroid. */
static void
nearest_rows (const float *x, gint64 rows, gint64 d, const float *centroids, const float *half_norms, gint32 k,
              float *products, gint32 *ret_codes)
{
  for (gint64 i = 0; i < rows; i++)
    memcpy (products + i * k, half_norms, sizeof (float) * k);
  pr_gemm (FALSE, TRUE, rows, k, d, 1, x, d, centroids, d, -1, products, k);
  for (gint64 i = 0; i < rows; i++)
    ret_codes[i] = argmax (products + i * k, k);
}

static void
half_norms_of (const float *centroids, gint32 k, gint64 d, float *ret_half_norms)
{
  for (gint32 c = 0; c < k; c++)
    ret_half_norms[c] = (float)(dot (centroids + c * d, centroids + c * d, d) / 2);
}

static void
assign_tile (gpointer ctx, gsize tile, guint worker)
{
  State *s = ctx;
  const KmeansProblem *p = s->problem;
  gint64 first = (gint64)tile * TILE, rows = MIN (TILE, p->n - first);
  float *products = s->products + (gsize)worker * TILE * p->k;
  gint32 codes[TILE];
  gsize changed = 0;

  nearest_rows (p->x + first * p->d, rows, p->d, s->fit->centroids, s->half_norms, p->k, products, codes);
  for (gint64 i = 0; i < rows; i++)
    {
      changed += s->fit->codes[first + i] != codes[i];
      s->fit->codes[first + i] = codes[i];
      s->distances[first + i] = MAX (0, s->x_norms[first + i] - 2.0 * products[i * p->k + codes[i]]);
    }
  s->changed[tile] = changed;
}

static gsize
assign (State *s)
{
  const KmeansProblem *p = s->problem;
  gsize tiles = (gsize)((p->n + TILE - 1) / TILE), changed = 0;
  double objective = 0;

  half_norms_of (s->fit->centroids, p->k, p->d, s->half_norms);
  pr_parallel (tiles, assign_tile, s);
  for (gsize t = 0; t < tiles; t++)
    changed += s->changed[t];
  for (gint64 i = 0; i < p->n; i++)
    objective += s->distances[i];
  s->fit->objective[s->fit->n_objective++] = objective;
  return changed;
}

/* Give every empty code the item that lies farthest from its centroid, if that item's code keeps another one: the
 * objective can only fall.  Returns the number of codes filled. */
static gsize
repair_empty (State *s)
{
  const KmeansProblem *p = s->problem;
  g_autofree gint64 *sizes = g_new0 (gint64, p->k);
  gsize filled = 0;

  for (gint64 i = 0; i < p->n; i++)
    sizes[s->fit->codes[i]]++;
  for (gint32 c = 0; c < p->k; c++)
    {
      gint64 far = -1;
      double floor = 0;

      if (sizes[c] > 0)
        continue;
      for (gint64 i = 0; i < p->n; i++)
        /* Rounding leaves some 1e-7 |x|^2 of distance between equal rows: not worth a code. */
        if (s->distances[i] > MAX (floor, 1e-5 * s->x_norms[i]) && sizes[s->fit->codes[i]] > 1)
          {
            far = i;
            floor = s->distances[i];
          }
      if (far < 0)
        break;
      sizes[s->fit->codes[far]]--;
      sizes[c] = 1;
      s->fit->codes[far] = c;
      s->distances[far] = 0;
      filled++;
    }
  return filled;
}

static void
mean_of_code (gpointer ctx, gsize tile, guint worker)
{
  State *s = ctx;
  const KmeansProblem *p = s->problem;
  gint64 n = s->starts[tile + 1] - s->starts[tile];
  float *centroid = s->fit->centroids + tile * p->d;

  (void)worker;
  if (n == 0)
    return; /* stays where it was */
  memset (centroid, 0, sizeof (float) * p->d);
  for (gint64 m = s->starts[tile]; m < s->starts[tile + 1]; m++)
    {
      const float *x = p->x + s->members[m] * p->d;

      for (gint64 j = 0; j < p->d; j++)
        centroid[j] += x[j];
    }
  for (gint64 j = 0; j < p->d; j++)
    centroid[j] /= (float)n;
}

static void
update (State *s)
{
  const KmeansProblem *p = s->problem;
  g_autofree gint64 *next = g_new (gint64, p->k);

  memset (s->starts, 0, sizeof (gint64) * (p->k + 1));
  for (gint64 i = 0; i < p->n; i++)
    s->starts[s->fit->codes[i] + 1]++;
  for (gint32 c = 0; c < p->k; c++)
    {
      next[c] = s->starts[c];
      s->starts[c + 1] += s->starts[c];
    }
  for (gint64 i = 0; i < p->n; i++)
    s->members[next[s->fit->codes[i]]++] = i;
  pr_parallel ((gsize)p->k, mean_of_code, s);
}

static gboolean
lloyd (State *s, GError **error)
{
  const KmeansProblem *p = s->problem;

  assign (s);
  for (gint64 i = 0; i < p->iterations; i++)
    {
      gsize filled = repair_empty (s);

      if (p->tick != NULL && !p->tick (p->tick_ctx, error))
        return FALSE;
      update (s);
      if (assign (s) == 0 && filled == 0)
        break;
    }
  return TRUE;
}

KmeansFit *
kmeans_fit (const KmeansProblem *p, GError **error)
{
  g_autoptr (KmeansFit) fit = g_new0 (KmeansFit, 1);
  gsize tiles = (gsize)((p->n + TILE - 1) / TILE);
  g_autofree float *half_norms = g_new (float, p->k);
  g_autofree float *products = g_new (float, (gsize)pr_threads_get () * TILE * p->k);
  g_autofree double *x_norms = g_new (double, p->n);
  g_autofree double *distances = g_new (double, p->n);
  g_autofree gsize *changed = g_new (gsize, tiles);
  g_autofree gint64 *starts = g_new (gint64, p->k + 1);
  g_autofree gint64 *members = g_new (gint64, p->n);
  State s = { .problem = p,
              .fit = fit,
              .half_norms = half_norms,
              .products = products,
              .x_norms = x_norms,
              .distances = distances,
              .changed = changed,
              .starts = starts,
              .members = members };

  fit->centroids = g_new (float, p->k * p->d);
  fit->codes = g_new (gint32, p->n);
  fit->objective = g_new (double, p->iterations + 1);
  for (gint64 i = 0; i < p->n; i++)
    {
      fit->codes[i] = -1;
      x_norms[i] = dot (p->x + i * p->d, p->x + i * p->d, p->d);
    }
  seed (p, fit->centroids);
  return lloyd (&s, error) ? g_steal_pointer (&fit) : NULL;
}

void
kmeans_fit_free (KmeansFit *fit)
{
  if (fit == NULL)
    return;
  g_free (fit->centroids);
  g_free (fit->codes);
  g_free (fit->objective);
  g_free (fit);
}

/* Codes for given centroids ---------------------------------------------------------------------------------- */

typedef struct
{
  const float *x, *centroids;
  gint64 n, d;
  gint32 k;
  float *half_norms, *products; /* as in State */
  gint32 *codes;
} Nearest;

static void
nearest_tile (gpointer ctx, gsize tile, guint worker)
{
  Nearest *s = ctx;
  gint64 first = (gint64)tile * TILE;

  nearest_rows (s->x + first * s->d, MIN (TILE, s->n - first), s->d, s->centroids, s->half_norms, s->k,
                s->products + (gsize)worker * TILE * s->k, s->codes + first);
}

void
kmeans_nearest (const float *x, gint64 n, gint64 d, const float *centroids, gint32 k, gint32 *ret_codes)
{
  g_autofree float *half_norms = g_new (float, k);
  g_autofree float *products = g_new (float, (gsize)pr_threads_get () * TILE * k);
  Nearest s = { .x = x,
                .centroids = centroids,
                .n = n,
                .d = d,
                .k = k,
                .half_norms = half_norms,
                .products = products,
                .codes = ret_codes };

  half_norms_of (centroids, k, d, half_norms);
  pr_parallel ((gsize)((n + TILE - 1) / TILE), nearest_tile, &s);
}

double
kmeans_flops (gint64 n, gint64 d, gint32 k, gint64 assignments)
{
  double seeding = 3.0 * (double)MIN (n, (gint64)k * SEED_ROWS) * k * (double)d;

  return seeding + (double)assignments * (double)n * (double)d * (2.0 * k + 1);
}
