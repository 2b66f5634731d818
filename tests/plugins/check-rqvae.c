/* RQ-VAE in sid-quantizer: gradients, golden values of PyTorch (tests/golden/make-rqvae-golden.py), codebooks, the
 * stage. */
#include "config.h"

#include "pr-check.h"
#include "stage-check.h"

#include "../../plugins/sid-quantizer/kmeans.h"
#include "../../plugins/sid-quantizer/quantizer.h"
#include "../../plugins/sid-quantizer/rqvae.h"

#include <pauserec/io.h>
#include <pauserec/matrix.h>
#include <pauserec/sids.h>
#include <pauserec/tensors.h>
#include <pauserec/threads.h>

#include <math.h>

static float *
draw (const char *stream, gint64 n)
{
  PrRng rng = pr_rng_new (11, stream);
  float *x = g_new (float, n);

  for (gint64 i = 0; i < n; i++)
    x[i] = (float)pr_rng_normal (rng, 0, (guint64)i);
  return x;
}

/* Gradients --------------------------------------------------------------------------------------------------- */

#define STEP 1e-3
/* The functions are means of float32 numbers near 1 whose differences over 2e-3 carry some 1e-4 of rounding. */
#define TOLERANCE 1e-3

typedef double (*Function) (gpointer ctx);

/* Analytic gradients GRADS of F with respect to VALUES [n] against central differences; not all may be zero. */
static void
assert_gradient (const char *what, Function f, gpointer ctx, float *values, const float *grads, gint64 n)
{
  double largest = 0;

  for (gint64 i = 0; i < n; i++)
    {
      float kept = values[i];
      double up, down, numeric;

      values[i] = (float)(kept + STEP);
      up = f (ctx);
      values[i] = (float)(kept - STEP);
      down = f (ctx);
      values[i] = kept;
      numeric = (up - down) / (2 * STEP);
      largest = fmax (largest, fabs (numeric));
      ck_assert_msg (fabs (numeric - grads[i]) < TOLERANCE * fmax (1, fabs (numeric)),
                     "%s %d: %g, but differences say %g", what, (int)i, grads[i], numeric);
    }
  ck_assert_double_gt (largest, 10 * TOLERANCE);
}

enum
{
  ROWS = 9
};

typedef struct
{
  Mlp mlp;
  float *x, *weights; /* [ROWS, 5]; [ROWS, 3]: of the outputs in the sum */
} Net;

static double
weighted_outputs (gpointer ctx)
{
  Net *net = ctx;
  const float *y = mlp_forward (&net->mlp, ROWS, net->x);
  double sum = 0;

  for (int i = 0; i < ROWS * 3; i++)
    sum += (double)net->weights[i] * y[i];
  return sum;
}

START_TEST (the_gradient_of_a_perceptron)
{
  g_autofree float *x = draw ("x", ROWS * 5), *weights = draw ("weights", ROWS * 3), *dx = g_new (float, ROWS * 5);
  Net net = { .x = x, .weights = weights };

  mlp_init (&net.mlp, (const gint64[]){ 5, 7, 6, 3 }, 3, ROWS + 2, pr_rng_new (1, "mlp"));
  for (int l = 0; l < 3; l++)
    for (int j = 0; j < net.mlp.layers[l].out; j++)
      net.mlp.layers[l].bias.values[j] = 0.1f * (float)(j - 2);
  weighted_outputs (&net);
  memcpy (mlp_output_gradient (&net.mlp), weights, sizeof (float) * ROWS * 3);
  mlp_backward (&net.mlp, ROWS, x, dx);
  for (int l = 0; l < 3; l++)
    {
      MlpLayer *layer = net.mlp.layers + l;

      assert_gradient ("matrix", weighted_outputs, &net, layer->matrix.values, layer->matrix.grads, layer->matrix.n);
      assert_gradient ("bias", weighted_outputs, &net, layer->bias.values, layer->bias.grads, layer->bias.n);
    }
  assert_gradient ("input", weighted_outputs, &net, x, dx, ROWS * 5);
  mlp_clear (&net.mlp);
}
END_TEST

static const RqvaeShape tiny = {
  .d = 6, .n_hidden = 2, .hidden = { 8, 7 }, .latent = 4, .levels = 2, .sizes = { 5, 4 }, .beta = 0.7, .max_rows = ROWS
};

/* A model with random codes, and what straight-through and stopped gradients hold fixed. */
typedef struct
{
  Rqvae model;
  float *x, *d_quantised;
  gint32 chosen[2][ROWS];
  float inputs[2][ROWS * 4]; /* r_l */
  float before[2][ROWS * 4]; /* z - r_l: sum of the codes before level l */
  float codes[2][ROWS * 4];  /* e_l */
} Held;

static void
hold (Held *h, float *x)
{
  const float *z;

  h->x = x;
  rqvae_init (&h->model, &tiny, 5);
  for (int l = 0; l < 2; l++)
    {
      g_autofree float *codes = draw (l == 0 ? "a" : "b", h->model.books.codes[l].n);

      memcpy (h->model.books.codes[l].values, codes, sizeof (float) * h->model.books.codes[l].n);
    }
  rqvae_forward (&h->model, ROWS, x);
  rqvae_backward (&h->model, ROWS, x);
  h->d_quantised = g_memdup2 (h->model.d_quantised, sizeof (float) * ROWS * 4);
  z = codebooks_residuals (&h->model.books, 0);
  for (int l = 0; l < 2; l++)
    {
      memcpy (h->chosen[l], codebooks_chosen (&h->model.books, l), sizeof (h->chosen[l]));
      memcpy (h->inputs[l], codebooks_residuals (&h->model.books, l), sizeof (h->inputs[l]));
      for (int i = 0; i < ROWS * 4; i++)
        {
          h->before[l][i] = z[i] - h->inputs[l][i];
          h->codes[l][i] = h->model.books.codes[l].values[h->chosen[l][i / 4] * 4 + i % 4];
        }
    }
}

static void
release (Held *h)
{
  rqvae_clear (&h->model);
  g_free (h->d_quantised);
}

static double
whole_loss (gpointer ctx)
{
  Held *h = ctx;

  return rqvae_forward (&h->model, ROWS, h->x).total;
}

/* sum_l mean |sg(r_l) - e_l|^2 with the codes chosen as they were. */
static double
codebook_part (gpointer ctx)
{
  Held *h = ctx;
  double sum = 0;

  for (int l = 0; l < 2; l++)
    for (int i = 0; i < ROWS * 4; i++)
      sum += pow (h->inputs[l][i] - h->model.books.codes[l].values[h->chosen[l][i / 4] * 4 + i % 4], 2);
  return sum / (ROWS * 4);
}

/* What the encoder sees: the decoder's gradient at its output, and beta sum_l mean |z - sg(...) - sg(e_l)|^2. */
static double
encoder_part (gpointer ctx)
{
  Held *h = ctx;
  const float *z = mlp_forward (&h->model.encoder, ROWS, h->x);
  double sum = 0;

  for (int i = 0; i < ROWS * 4; i++)
    {
      sum += (double)h->d_quantised[i] * z[i];
      for (int l = 0; l < 2; l++)
        sum += tiny.beta * pow (z[i] - h->before[l][i] - h->codes[l][i], 2) / (ROWS * 4);
    }
  return sum;
}

static void
assert_net_gradient (const char *what, Function f, Held *h, Mlp *mlp)
{
  for (gint64 l = 0; l < mlp->n_layers; l++)
    {
      MlpLayer *layer = mlp->layers + l;
      g_autofree float *matrix = g_memdup2 (layer->matrix.grads, sizeof (float) * layer->matrix.n);
      g_autofree float *bias = g_memdup2 (layer->bias.grads, sizeof (float) * layer->bias.n);

      assert_gradient (what, f, h, layer->matrix.values, matrix, layer->matrix.n);
      assert_gradient (what, f, h, layer->bias.values, bias, layer->bias.n);
    }
}

START_TEST (the_gradient_goes_straight_through)
{
  g_autofree float *x = draw ("items", ROWS * 6);
  Held h = { .x = NULL };

  hold (&h, x);
  for (int l = 0; l < 2; l++)
    assert_gradient ("code", codebook_part, &h, h.model.books.codes[l].values, h.model.books.codes[l].grads,
                     h.model.books.codes[l].n);
  assert_net_gradient ("decoder", whole_loss, &h, &h.model.decoder);
  assert_net_gradient ("encoder", encoder_part, &h, &h.model.encoder);
  release (&h);
}
END_TEST

START_TEST (the_loss_is_its_definition)
{
  g_autofree float *x = draw ("items", ROWS * 6);
  Held h = { .x = NULL };
  RqvaeLoss loss;
  double commitment;

  hold (&h, x);
  loss = rqvae_forward (&h.model, ROWS, x);
  commitment = codebook_part (&h);
  ck_assert_double_eq_tol (loss.commitment, commitment, 1e-6 * commitment);
  ck_assert_double_eq_tol (loss.total, loss.reconstruction + 1.7 * commitment, 1e-6 * loss.total);
  release (&h);
}
END_TEST

/* Golden values ----------------------------------------------------------------------------------------------- */

static const PrTensor *
golden_tensor (const PrTensors *golden, const char *prefix, const char *name)
{
  g_autofree char *full = g_strconcat (prefix, name, NULL);
  const PrTensor *tensor = pr_tensors_lookup (golden, full);

  ck_assert_msg (tensor != NULL, "golden '%s' is missing", full);
  return tensor;
}

/* What is done with each group of weights of a model. */
typedef void (*Visit) (const PrTensors *golden, const char *name, Weights *weights);

static void
visit_weights (Rqvae *model, const PrTensors *golden, Visit visit)
{
  for (int net = 0; net < 2; net++)
    for (int l = 0; l < 3; l++)
      {
        MlpLayer *layer = (net == 0 ? &model->encoder : &model->decoder)->layers + l;
        g_autofree char *matrix = g_strdup_printf ("%s.%d.matrix", net == 0 ? "encoder" : "decoder", l);
        g_autofree char *bias = g_strdup_printf ("%s.%d.bias", net == 0 ? "encoder" : "decoder", l);

        visit (golden, matrix, &layer->matrix);
        visit (golden, bias, &layer->bias);
      }
  for (int l = 0; l < 2; l++)
    visit (golden, l == 0 ? "codes.0" : "codes.1", model->books.codes + l);
}

static void
set_start (const PrTensors *golden, const char *name, Weights *weights)
{
  const PrTensor *tensor = golden_tensor (golden, "start.", name);

  ck_assert_int_eq (tensor->n, weights->n);
  memcpy (weights->values, tensor->data, sizeof (float) * weights->n);
}

/* The float32 sums of a net this small are good to some 1e-6. */
static void
assert_golden (const PrTensor *tensor, const float *values, double tolerance)
{
  for (gint64 i = 0; i < tensor->n; i++)
    ck_assert_msg (fabs (values[i] - ((const double *)tensor->data)[i]) < tolerance, "%s %d: %.9g, but golden is %.9g",
                   tensor->name, (int)i, values[i], ((const double *)tensor->data)[i]);
}

static void
check_grads (const PrTensors *golden, const char *name, Weights *weights)
{
  assert_golden (golden_tensor (golden, "grad.", name), weights->grads, 1e-5);
}

/* AdamW divides by the gradient's size: where that is near zero, rounding counts for more. */
static void
check_end (const PrTensors *golden, const char *name, Weights *weights)
{
  assert_golden (golden_tensor (golden, "end.", name), weights->values, 1e-4);
}

START_TEST (pytorch_agrees)
{
  const char *source = g_getenv ("PR_SOURCE_DIR");
  g_autofree char *path =
      g_build_filename (source != NULL ? source : ".", "tests", "golden", "rqvae.safetensors", NULL);
  GError *error = NULL;
  g_autoptr (PrTensors) golden = pr_tensors_open (path, &error);
  const RqvaeShape shape = {
    .d = 6, .n_hidden = 2, .hidden = { 8, 5 }, .latent = 4, .levels = 2, .sizes = { 5, 3 }, .beta = 0.25, .max_rows = 7
  };
  const float *x;
  const double *losses;
  const gint32 *chosen;
  Rqvae model;

  ck_assert_no_error (error);
  x = golden_tensor (golden, "", "x")->data;
  losses = golden_tensor (golden, "", "losses")->data;
  chosen = golden_tensor (golden, "", "chosen")->data;
  rqvae_init (&model, &shape, 0);
  visit_weights (&model, golden, set_start);
  for (int step = 0; step < 3; step++)
    {
      RqvaeLoss loss = rqvae_forward (&model, 7, x);

      ck_assert_double_eq_tol (loss.reconstruction, losses[3 * step], 1e-4);
      ck_assert_double_eq_tol (loss.commitment, losses[3 * step + 1], 1e-4);
      ck_assert_double_eq_tol (loss.total, losses[3 * step + 2], 1e-4);
      for (int l = 0; l < 2; l++)
        ck_assert_mem_eq (codebooks_chosen (&model.books, l), chosen + (2 * step + l) * 7, sizeof (gint32) * 7);
      rqvae_backward (&model, 7, x);
      if (step == 0)
        visit_weights (&model, golden, check_grads);
      rqvae_update (&model, 1e-2, 0.1, step + 1);
    }
  visit_weights (&model, golden, check_end);
  rqvae_clear (&model);
}
END_TEST

/* Codebooks --------------------------------------------------------------------------------------------------- */

START_TEST (nearest_means_nearest)
{
  enum
  {
    N = 600,
    K = 70,
    WIDTH = 9
  };
  g_autofree float *x = draw ("rows", N * WIDTH), *codes = draw ("codes", K * WIDTH);
  g_autofree gint32 *chosen = g_new (gint32, N);

  memcpy (codes + 50 * WIDTH, codes + 20 * WIDTH, sizeof (float) * WIDTH);
  kmeans_nearest (x, N, WIDTH, codes, K, chosen);
  for (int i = 0; i < N; i++)
    {
      double distances[K];

      kmeans_distances (x + i * WIDTH, codes, K, WIDTH, distances);
      for (int c = 0; c < K; c++)
        ck_assert_double_ge (distances[c], distances[chosen[i]] - 1e-4);
      ck_assert_int_ne (chosen[i], 50); /* equal to 20, which comes first */
    }
}
END_TEST

enum
{
  LATENT = 4,
  BATCH = 64
};

static void
make_books (Codebooks *books)
{
  codebooks_init (books, 2, (const gint32[]){ 16, 8 }, LATENT, BATCH);
}

static int
count_used (const Codebooks *books, gint32 level, gint64 rows)
{
  gboolean seen[16] = { 0 };
  int used = 0;

  for (gint64 i = 0; i < rows; i++)
    {
      used += !seen[codebooks_chosen (books, level)[i]];
      seen[codebooks_chosen (books, level)[i]] = TRUE;
    }
  return used;
}

START_TEST (kmeans_starts_the_codebooks)
{
  g_autofree float *z = draw ("latents", BATCH * LATENT), *rest = g_memdup2 (z, sizeof (float) * BATCH * LATENT);
  KmeansProblem problem = {
    .x = z, .n = BATCH, .d = LATENT, .k = 16, .iterations = 20, .rng = pr_rng_new (3, "sid-quantizer/rqvae/start/0")
  };
  g_autoptr (KmeansFit) fit = kmeans_fit (&problem, NULL);
  Codebooks books;
  GError *error = NULL;
  double flops = 0, first, both;

  make_books (&books);
  ck_assert (codebooks_start (&books, rest, BATCH, 20, 3, NULL, NULL, &flops, &error));
  ck_assert_mem_eq (books.codes[0].values, fit->centroids, sizeof (float) * 16 * LATENT);
  ck_assert_double_gt (flops, kmeans_flops (BATCH, LATENT, 16, 1) + kmeans_flops (BATCH, LATENT, 8, 1));
  codebooks_choose (&books, BATCH, z);
  ck_assert_mem_eq (codebooks_chosen (&books, 0), fit->codes, sizeof (gint32) * BATCH);
  ck_assert_int_eq (count_used (&books, 0, BATCH), 16);
  ck_assert_int_eq (count_used (&books, 1, BATCH), 8);
  /* What remains of both levels, and what START left of z. */
  first = fit->objective[fit->n_objective - 1] / (BATCH * LATENT);
  both = codebooks_loss (&books, BATCH);
  ck_assert_double_gt (both, first);
  ck_assert_double_lt (both, 2 * first);
  ck_assert_mem_eq (codebooks_residuals (&books, 2), rest, sizeof (float) * BATCH * LATENT);
  codebooks_clear (&books);
}
END_TEST

/* Used codes of level 0 after eight batches, from codes of which all but one lie far away. */
static int
use_far_codes (guint64 dead_steps, gint64 *ret_moved)
{
  g_autofree float *z = draw ("latents", BATCH * LATENT);
  Codebooks books;
  int used;

  *ret_moved = 0;
  make_books (&books);
  for (int l = 0; l < 2; l++)
    for (gint64 i = LATENT; i < books.codes[l].n; i++)
      {
        books.codes[l].values[i] = 100 + (float)i;
        books.codes[l].m[i] = books.codes[l].v[i] = 1;
      }
  for (guint64 step = 1; step <= 8; step++)
    {
      codebooks_choose (&books, BATCH, z);
      *ret_moved += codebooks_reset (&books, BATCH, step, dead_steps, pr_rng_new (1, "reset"));
    }
  used = count_used (&books, 0, BATCH);
  if (*ret_moved > 0)
    ck_assert_float_eq (books.codes[0].m[LATENT] + books.codes[0].v[LATENT], 0);
  codebooks_clear (&books);
  return used;
}

START_TEST (dead_codes_come_back)
{
  gint64 moved;

  ck_assert_int_eq (use_far_codes (0, &moved), 1);
  ck_assert_int_eq (moved, 0);
  ck_assert_int_eq (use_far_codes (9, &moved), 1);
  ck_assert_int_eq (moved, 0);
  ck_assert_int_gt (use_far_codes (3, &moved), 10);
  ck_assert_int_ge (moved, 15 + 7);
}
END_TEST

/* The stage --------------------------------------------------------------------------------------------------- */

enum
{
  GROUPS = 4,
  KINDS = 4, /* in each group */
  COPIES = 20,
  N_ITEMS = GROUPS * KINDS * COPIES,
  D = 16
};

static int
group_of (int item)
{
  return item % GROUPS;
}

static int
kind_of (int item)
{
  return item % (GROUPS * KINDS);
}

/* Groups far apart, the same kinds in each of them nearer, items of a kind nearly alike; all away from the origin. */
static void
write_embeddings (const char *dir, double noise)
{
  g_autofree char *folder = g_build_filename (dir, "embeddings", NULL);
  g_autoptr (PrMatrix) m = pr_matrix_new (N_ITEMS, D, NULL);
  PrRng rng = pr_rng_new (2, "hierarchy");
  GError *error = NULL;

  g_mkdir (folder, 0700);
  for (int i = 0; i < N_ITEMS; i++)
    for (int j = 0; j < D; j++)
      m->data[i * D + j] = (float)(1 + 8 * (j == group_of (i)) + 2 * (j == GROUPS + kind_of (i) / GROUPS)
                                   + noise * pr_rng_normal (rng, 0, (guint64)(i * D + j)));
  ck_assert (pr_embeddings_save (m, folder, &error));
}

static const char *const embeddings_only[] = { "embeddings", NULL };

#define SMALL "method=rqvae", "rqvae_hidden=32,16", "rqvae_latent=8", "rqvae_batch_size=64"

static void
run_stage (StageCheck *check, const char *const *set)
{
  GError *error = NULL;

  check->stage = pr_plugin.stages[0];
  check->set = set;
  check->in = embeddings_only;
  stage_check_run (check, &error);
  ck_assert_no_error (error);
}

static PrSids *
load_sids (const char *dir)
{
  g_autofree char *folder = g_build_filename (dir, "out", "sids", NULL);
  GError *error = NULL;
  PrSids *sids = pr_sids_load (folder, &error);

  ck_assert_no_error (error);
  return sids;
}

#define VALUE(array, i) g_array_index (array, double, i)

static const GArray *
column (const StageCheck *check, const char *name)
{
  for (guint i = 0; i < check->record->columns->len; i++)
    {
      const PrRecordColumn *c = check->record->columns->pdata[i];

      if (strcmp (c->table, "codebook") == 0 && strcmp (c->column, name) == 0)
        return c->values;
    }
  ck_abort_msg ("no column '%s'", name);
}

static const GArray *
curve (const StageCheck *check, const char *series)
{
  for (guint i = 0; i < check->record->curves->len; i++)
    {
      const PrRecordCurve *c = check->record->curves->pdata[i];

      if (strcmp (c->series, series) == 0)
        return c->values;
    }
  ck_abort_msg ("no curve '%s'", series);
}

START_TEST (planted_hierarchies_are_found)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir, .seed = 3 }; /* some seeds start k-means with two groups in one code */
  g_autoptr (PrSids) sids = NULL;
  const GArray *unexplained, *loss;

  write_embeddings (dir, 0.05);
  run_stage (&check, (const char *const[]){ SMALL, "rqvae_hidden=64,32", "sizes=4,16", "collisions=keep",
                                            "rqvae_epochs=200", "rqvae_lr=5e-3", NULL });
  sids = load_sids (dir);
  /* The first code is the group; codes of different kinds differ, items of one kind may have several. */
  for (int i = 0; i < N_ITEMS; i++)
    for (int j = 0; j < i; j++)
      {
        const gint32 *s = pr_sids_item (sids, i), *t = pr_sids_item (sids, j);

        ck_assert_int_eq (s[0] == t[0], group_of (i) == group_of (j));
        ck_assert (kind_of (i) == kind_of (j) || s[0] != t[0] || s[1] != t[1]);
      }
  unexplained = column (&check, "unexplained");
  ck_assert_uint_eq (unexplained->len, 2);
  ck_assert_double_lt (VALUE (unexplained, 1), 0.02);
  ck_assert_double_lt (VALUE (unexplained, 1), VALUE (unexplained, 0));
  loss = curve (&check, "rqvae_loss");
  ck_assert_uint_eq (loss->len, 200);
  ck_assert_double_lt (VALUE (loss, 199), 0.2 * VALUE (loss, 0));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (learned_codes_beat_random_ones)
{
  const RqvaeShape shape = { .d = 6,
                             .n_hidden = 1,
                             .hidden = { 16 },
                             .latent = 4,
                             .levels = 2,
                             .sizes = { 16, 16 },
                             .beta = 0.25,
                             .max_rows = 200 };
  g_autofree float *x = draw ("items", 200 * 6), *z = NULL;
  PrRng rng = pr_rng_new (1, "control");
  double flops = 0, learned, random = 0;
  const float *y;
  Rqvae model;

  rqvae_init (&model, &shape, 1);
  z = g_memdup2 (mlp_forward (&model.encoder, 200, x), sizeof (float) * 200 * 4);
  ck_assert (codebooks_start (&model.books, z, 200, 20, 1, NULL, NULL, &flops, NULL));
  for (guint64 step = 1; step <= 300; step++)
    {
      rqvae_forward (&model, 200, x);
      rqvae_backward (&model, 200, x);
      rqvae_update (&model, 3e-3, 0, step);
    }
  learned = rqvae_forward (&model, 200, x).reconstruction;
  for (int l = 0; l < 2; l++)
    for (int i = 0; i < 200; i++)
      model.books.chosen[l * 200 + i] = (gint32)pr_rng_below (rng, (guint64)l, (guint64)i, 16);
  codebooks_sum (&model.books, 200, 2, model.quantised);
  y = mlp_forward (&model.decoder, 200, model.quantised);
  for (int i = 0; i < 200 * 6; i++)
    random += pow (y[i] - x[i], 2) / (200 * 6);
  ck_assert_double_lt (learned, 0.4);
  ck_assert_double_gt (random, 1);
  rqvae_clear (&model);
}
END_TEST

START_TEST (the_stage_reports_and_counts)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  g_autoptr (PrSids) sids = NULL;
  RqvaeShape shape = { .d = D, .n_hidden = 2, .hidden = { 32, 16 }, .latent = 8, .levels = 2, .sizes = { 16, 64 } };
  const GArray *used, *in_epochs, *rest, *commitment, *loss;
  double flops;

  write_embeddings (dir, 0.3);
  run_stage (&check, (const char *const[]){ SMALL, "sizes=16,64", "collisions=reassign", "rqvae_epochs=7",
                                            "iterations=5", "rqvae_dead_steps=2", NULL });
  sids = load_sids (dir);
  ck_assert_int_eq (sids->levels, 2);
  ck_assert_double_gt (stage_check_metric (&check, "collision_rate_before"), 0);
  ck_assert_double_eq (stage_check_metric (&check, "collision_rate"), 0);
  ck_assert_double_gt (stage_check_metric (&check, "moved_items"), 0);
  ck_assert_double_gt (stage_check_metric (&check, "dead_resets"), 0);
  ck_assert_double_eq (check.record->costs[PR_COST_OPTIMIZER_STEPS], 7 * N_ITEMS / 64);
  /* Seven epochs of forward and backward, the last pass, and a start of at most six assignments. */
  flops = rqvae_row_flops (&shape) * N_ITEMS * (3 * 7 + 2);
  ck_assert_double_gt (check.record->costs[PR_COST_FLOPS], flops);
  ck_assert_double_le (check.record->costs[PR_COST_FLOPS],
                       flops + kmeans_flops (N_ITEMS, 8, 16, 6) + kmeans_flops (N_ITEMS, 8, 64, 6));
  used = column (&check, "used");
  ck_assert_double_le (VALUE (used, 0), 16);
  ck_assert_double_gt (VALUE (used, 1), 16);
  loss = curve (&check, "rqvae_loss");
  rest = curve (&check, "rqvae_reconstruction");
  commitment = curve (&check, "rqvae_commitment");
  in_epochs = curve (&check, "rqvae_used");
  for (guint e = 0; e < 7; e++)
    {
      ck_assert_double_eq_tol (VALUE (loss, e), VALUE (rest, e) + 1.25 * VALUE (commitment, e), 1e-9);
      ck_assert_double_le (VALUE (in_epochs, e), 16 + 64);
    }
  pr_check_rmdir (dir);
}
END_TEST

/* Hardly any training and no resets: only the start can have spread the codes. */
START_TEST (the_stage_starts_with_kmeans)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };

  write_embeddings (dir, 0.3);
  run_stage (&check, (const char *const[]){ SMALL, "sizes=8,8", "collisions=keep", "rqvae_epochs=1", "rqvae_lr=1e-9",
                                            "rqvae_dead_steps=0", NULL });
  ck_assert_double_eq (VALUE (column (&check, "used"), 0), 8);
  ck_assert_double_eq (VALUE (column (&check, "used"), 1), 8);
  ck_assert_double_eq (stage_check_metric (&check, "dead_resets"), 0);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (unexplained_is_of_the_embeddings_themselves)
{
  g_autofree char *dir = pr_check_tmpdir (), *folder = g_build_filename (dir, "embeddings", NULL);
  g_auto (StageCheck) check = { .dir = dir };
  g_autoptr (PrMatrix) m = NULL;
  const GArray *unexplained, *rest;
  double mean[D] = { 0 }, energy = 0, spread = 0;
  GError *error = NULL;

  write_embeddings (dir, 0.3);
  m = pr_embeddings_load (folder, &error);
  for (int i = 0; i < N_ITEMS * D; i++)
    mean[i % D] += m->data[i] / (double)N_ITEMS;
  for (int i = 0; i < N_ITEMS * D; i++)
    {
      energy += (double)m->data[i] * m->data[i];
      spread += pow (m->data[i] - mean[i % D], 2);
    }
  run_stage (&check, (const char *const[]){ SMALL, "sizes=8,8", "rqvae_epochs=2", "rqvae_lr=1e-9", "rqvae_dead_steps=0",
                                            NULL });
  unexplained = column (&check, "unexplained");
  rest = curve (&check, "rqvae_reconstruction");
  /* Nothing was learned, so that the last epoch's error, in units of the spread, is that of the final codes. */
  ck_assert_double_eq_tol (VALUE (unexplained, 1), VALUE (rest, 1) * spread / energy, 1e-4);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (threads_change_no_byte_of_the_output)
{
  g_autofree char *dir = pr_check_tmpdir (), *file = g_build_filename (dir, "out", "sids", "sids.safetensors", NULL);
  const char *const set[] = { SMALL, "rqvae_batch_size=150", "sizes=20,40", "collisions=reassign", "rqvae_epochs=5",
                              NULL };
  g_auto (StageCheck) one = { .dir = dir };
  g_autofree char *expected = NULL;
  gsize n, m;

  write_embeddings (dir, 0.3);
  run_stage (&one, set);
  expected = pr_file_read (file, G_MAXSSIZE, &n, NULL);
  for (guint threads = 2; threads <= 3; threads++)
    {
      g_auto (StageCheck) more = { .dir = dir };
      g_autofree char *bytes = NULL;

      pr_threads_set (threads);
      run_stage (&more, set);
      bytes = pr_file_read (file, G_MAXSSIZE, &m, NULL);
      ck_assert_uint_eq (n, m);
      ck_assert_mem_eq (bytes, expected, n);
      ck_assert_mem_eq (curve (&more, "rqvae_loss")->data, curve (&one, "rqvae_loss")->data, sizeof (double) * 5);
    }
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (degenerate_embeddings_are_harmless)
{
  g_autofree char *dir = pr_check_tmpdir (), *folder = g_build_filename (dir, "embeddings", NULL);
  const gint64 rows[] = { 1, 3, 90 };

  g_mkdir (folder, 0700);
  for (gsize r = 0; r < G_N_ELEMENTS (rows); r++)
    for (int value = 0; value < 2; value++)
      {
        g_auto (StageCheck) check = { .dir = dir };
        g_autoptr (PrMatrix) m = pr_matrix_new (rows[r], 3, NULL);
        g_autoptr (PrSids) sids = NULL;

        for (gint64 i = 0; i < rows[r] * 3; i++)
          m->data[i] = (float)value * 1e30f;
        ck_assert (pr_embeddings_save (m, folder, NULL));
        run_stage (&check, (const char *const[]){ SMALL, "sizes=16,4", "rqvae_epochs=3", "rqvae_dead_steps=1", NULL });
        sids = load_sids (dir);
        for (gint64 i = 0; i < rows[r]; i++)
          ck_assert_mem_eq (pr_sids_item (sids, i), pr_sids_item (sids, 0), sizeof (gint32) * 2);
        ck_assert_double_lt (VALUE (column (&check, "unexplained"), 1), 1e-6);
      }
  pr_check_rmdir (dir);
}
END_TEST

static void
assert_refused (const char *dir, const char *const *set, int code, const char *part)
{
  g_auto (StageCheck) check = { .stage = pr_plugin.stages[0], .dir = dir, .in = embeddings_only, .set = set };
  g_autoptr (GError) error = NULL;

  ck_assert (!stage_check_run (&check, &error));
  ck_assert_pr_error (error, code, part);
}

START_TEST (nonsense_is_refused)
{
  g_autofree char *dir = pr_check_tmpdir ();

  write_embeddings (dir, 0.3);
  assert_refused (dir, (const char *const[]){ "method=rqvae", "rqvae_hidden=9,8,7,6,5,4,3,2,1", NULL },
                  PR_ERROR_MANIFEST, "rqvae_hidden: 9 layers, but at most 8");
  assert_refused (dir, (const char *const[]){ "method=rqvae", "restarts=3", NULL }, PR_ERROR_MANIFEST, "restarts");
  assert_refused (dir, (const char *const[]){ "method=rqvae", "rqvae_batch_size=64", "rqvae_dead_steps=3", NULL },
                  PR_ERROR_MANIFEST, "3 steps of 64 items");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (divergence_is_a_numeric_error)
{
  g_autofree char *dir = pr_check_tmpdir ();

  write_embeddings (dir, 0.3);
  assert_refused (dir,
                  (const char *const[]){ SMALL, "sizes=8,8", "rqvae_hidden=64,64,64,64,64,64,64,64", "rqvae_lr=10",
                                         "rqvae_epochs=300", NULL },
                  PR_ERROR_NUMERIC, "lower rqvae_lr");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_cancelled_run_stops)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .stage = pr_plugin.stages[0], .dir = dir, .in = embeddings_only, .cancel = 1 };
  g_autoptr (GError) error = NULL;

  write_embeddings (dir, 0.3);
  check.set = (const char *const[]){ SMALL, NULL };
  ck_assert (!stage_check_run (&check, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "sid-quantizer");
  pr_check_rmdir (dir);
}
END_TEST

static void
cancel_at_third_step (const PrEvent *event, gpointer ctx)
{
  StageCheck *check = ctx;

  if (event->done >= 3)
    check->cancel = 1;
}

START_TEST (training_can_be_cancelled)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck)
      check = { .stage = pr_plugin.stages[0], .dir = dir, .in = embeddings_only, .event = cancel_at_third_step };
  g_autoptr (GError) error = NULL;

  write_embeddings (dir, 0.3);
  check.set = (const char *const[]){ SMALL, "sizes=8,8", NULL };
  ck_assert (!stage_check_run (&check, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "sid-quantizer");
  pr_check_rmdir (dir);
}
END_TEST

/* A stage that looks at what reassign is given: the last code is the nearest to what the last level coded. */
static gboolean
inspect_run (const void *params, PrRun *run, GError **error)
{
  Quantizer q = { .params = params, .run = run };
  gint32 size = (gint32)q.params->sizes.v[1];
  g_autofree double *distances = g_new (double, size);

  q.embeddings = pr_embeddings_load (pr_run_input_dir (run, "embeddings"), error);
  q.sids = pr_sids_new (q.embeddings->rows, 2, (const gint32[]){ (gint32)q.params->sizes.v[0], size });
  ck_assert (rqvae_quantize (&q, error));
  ck_assert_int_eq (q.width, 8);
  for (gint64 i = 0; i < q.embeddings->rows; i++)
    {
      kmeans_distances (q.last_inputs + i * q.width, q.last_codes, size, q.width, distances);
      for (gint32 c = 0; c < size; c++)
        ck_assert_double_ge (distances[c], distances[pr_sids_item (q.sids, i)[1]] - 1e-5);
    }
  ck_assert (pr_sids_save (q.sids, "keep", pr_run_output_dir (run, "sids"), error));
  pr_run_table (run, "codebook", "level", 0); /* columns must end equally long */
  pr_run_table (run, "codebook", "level", 1);
  pr_matrix_free (q.embeddings);
  pr_sids_free (q.sids);
  g_free (q.last_inputs);
  g_free (q.last_codes);
  return TRUE;
}

START_TEST (reassign_gets_the_last_residuals)
{
  g_autofree char *dir = pr_check_tmpdir ();
  PrStage stage = *pr_plugin.stages[0];
  g_auto (StageCheck) check = { .stage = &stage, .dir = dir, .in = embeddings_only };
  GError *error = NULL;

  stage.run = inspect_run;
  write_embeddings (dir, 0.3);
  check.set = (const char *const[]){ SMALL, "sizes=8,16", "collisions=reassign", "rqvae_epochs=5", NULL };
  stage_check_run (&check, &error);
  ck_assert_no_error (error);
  pr_check_rmdir (dir);
}
END_TEST

/* The other method counts its work too: exactly what its curves say. */
START_TEST (residual_kmeans_counts_its_work)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };

  write_embeddings (dir, 0.3);
  run_stage (&check, (const char *const[]){ "sizes=8,20", NULL });
  ck_assert_double_eq (check.record->costs[PR_COST_FLOPS],
                       kmeans_flops (N_ITEMS, D, 8, curve (&check, "objective_0")->len)
                           + kmeans_flops (N_ITEMS, D, 20, curve (&check, "objective_1")->len));
  ck_assert_double_eq (kmeans_flops (100, 10, 4, 2), 3 * 64 * 4 * 10 + 2 * 100 * 10 * 9);
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("rqvae");
  TCase *model = tcase_create ("model"), *books = tcase_create ("codebooks"), *stage = tcase_create ("stage");

  tcase_add_test (model, the_gradient_of_a_perceptron);
  tcase_add_test (model, the_gradient_goes_straight_through);
  tcase_add_test (model, the_loss_is_its_definition);
  tcase_add_test (model, pytorch_agrees);
  tcase_add_test (model, learned_codes_beat_random_ones);
  tcase_add_test (books, nearest_means_nearest);
  tcase_add_test (books, kmeans_starts_the_codebooks);
  tcase_add_test (books, dead_codes_come_back);
  tcase_set_timeout (stage, 60);
  tcase_add_test (stage, planted_hierarchies_are_found);
  tcase_add_test (stage, the_stage_reports_and_counts);
  tcase_add_test (stage, the_stage_starts_with_kmeans);
  tcase_add_test (stage, unexplained_is_of_the_embeddings_themselves);
  tcase_add_test (stage, threads_change_no_byte_of_the_output);
  tcase_add_test (stage, degenerate_embeddings_are_harmless);
  tcase_add_test (stage, nonsense_is_refused);
  tcase_add_test (stage, divergence_is_a_numeric_error);
  tcase_add_test (stage, a_cancelled_run_stops);
  tcase_add_test (stage, training_can_be_cancelled);
  tcase_add_test (stage, reassign_gets_the_last_residuals);
  tcase_add_test (stage, residual_kmeans_counts_its_work);
  suite_add_tcase (suite, model);
  suite_add_tcase (suite, books);
  suite_add_tcase (suite, stage);
  return pr_check_main (suite);
}
