/* The model of RQ-VAE in sid-quantizer: gradients, golden values of PyTorch (tests/golden/make-rqvae-golden.py),
 * and random codes as a control. */
#include "config.h"

#include "pr-check.h"

#include "../../plugins/sid-quantizer/kmeans.h"
#include "../../plugins/sid-quantizer/rqvae.h"

#include <pauserec/tensors.h>

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

int
main (void)
{
  Suite *suite = suite_create ("rqvae");
  TCase *model = tcase_create ("model");

  tcase_add_test (model, the_gradient_of_a_perceptron);
  tcase_add_test (model, the_gradient_goes_straight_through);
  tcase_add_test (model, the_loss_is_its_definition);
  tcase_add_test (model, pytorch_agrees);
  tcase_add_test (model, learned_codes_beat_random_ones);
  suite_add_tcase (suite, model);
  return pr_check_main (suite);
}
