/* Operations of the tape against PyTorch: values, and gradients of every input. */
#include "compute/every-kernel.h"
#include "golden-case.h"

#include "net/attention.h"

START_TEST (activations_norms_and_linear_maps)
{
  static const PrActivation kinds[] = {
    PR_ACT_RELU, PR_ACT_GELU, PR_ACT_SILU, PR_ACT_SIGMOID, PR_ACT_TANH, PR_ACT_ELU
  };
  Golden g = golden_open ("mixture");
  PrVar *x = golden_param (&g, "x"), *a, *parts[6], *y;

  a = pr_tape_layer_norm (g.tape, x, golden_param (&g, "ln"), golden_param (&g, "ln_b"), 1e-5f);
  for (gsize i = 0; i < 6; i++)
    parts[i] = pr_tape_activate (g.tape, a, kinds[i]);
  y = pr_tape_linear (g.tape, pr_tape_concat (g.tape, 6, parts), golden_param (&g, "w"), golden_param (&g, "b"));
  y = pr_tape_add (g.tape, pr_tape_multiply (g.tape, y, x), pr_tape_multiply (g.tape, y, golden_param (&g, "b2")));
  golden_check (&g, pr_tape_rms_norm (g.tape, y, golden_param (&g, "rms"), 1e-6f));
  golden_close (&g);
}
END_TEST

/* Sequences of several lengths, an empty one among them. */
START_TEST (gru_is_torchs)
{
  Golden g = golden_open ("gru");

  golden_check (&g, pr_tape_gru (g.tape, golden_param (&g, "x"), golden_param (&g, "w_ih"), golden_param (&g, "w_hh"),
                                 golden_param (&g, "b_ih"), golden_param (&g, "b_hh"), golden_ints (&g, "offsets"), 5));
  golden_close (&g);
}
END_TEST

static void
check_attention (const char *name, PrAttend attend, gboolean bias)
{
  Golden g = golden_open (name);

  attend.heads = 2;
  attend.n_sequences = 3;
  attend.max_distance = 20;
  attend.q_offsets = golden_ints (&g, "q_offsets");
  attend.k_offsets = strcmp (name, "cross") == 0 ? golden_ints (&g, "k_offsets") : NULL;
  attend.bias = bias ? golden_param (&g, "bias") : NULL;
  golden_check (
      &g, pr_tape_attention (g.tape, golden_param (&g, "q"), golden_param (&g, "k"), golden_param (&g, "v"), &attend));
  golden_close (&g);
}

START_TEST (full_attention_with_bias) { check_attention ("full", (PrAttend){ .scale = 1 }, TRUE); }
END_TEST

START_TEST (causal_attention_with_bias) { check_attention ("causal", (PrAttend){ .causal = TRUE }, TRUE); }
END_TEST

/* One of the sequences has no keys. */
START_TEST (cross_attention) { check_attention ("cross", (PrAttend){ .causal = FALSE }, FALSE); }
END_TEST

START_TEST (buckets_are_t5s)
{
  Golden g = golden_open ("buckets");
  const PrTensor *full = pr_tensors_lookup (g.file, "buckets.full"),
                 *causal = pr_tensors_lookup (g.file, "buckets.causal");

  for (gint64 i = 0; i < full->n; i++)
    {
      gint64 distance = i - full->n / 2;

      ck_assert_int_eq (pr_attention_bucket (distance, FALSE, 32, 128), ((const gint32 *)full->data)[i]);
      ck_assert_int_eq (pr_attention_bucket (distance, TRUE, 32, 128), ((const gint32 *)causal->data)[i]);
    }
  golden_close (&g);
}
END_TEST

START_TEST (softmax_loss_is_torchs)
{
  Golden g = golden_open ("softmax");
  float losses[6];
  const gint32 *targets = golden_ints (&g, "targets");
  double loss, expected = *(const double *)golden_tensor (&g, "out", "loss")->data;
  const double *each = golden_tensor (&g, "out", "losses")->data;

  loss = pr_tape_softmax_loss (
      g.tape, golden_param (&g, "x"), golden_param (&g, "table"), golden_param (&g, "bias"), targets,
      &(PrSoftmaxLoss){ .scale = 0.25f, .weights = golden_floats (&g, "weights"), .losses = losses });
  ck_assert_double_eq_tol (0.25 * loss, expected, GOLDEN_TOLERANCE);
  for (gsize i = 0, k = 0; i < 6; i++)
    ck_assert_double_eq_tol (losses[i], targets[i] >= 0 ? each[k++] : 0.0, GOLDEN_TOLERANCE);
  golden_check_grads (&g);
  golden_close (&g);
}
END_TEST

START_TEST (binary_loss_is_torchs)
{
  Golden g = golden_open ("binary");
  PrVar *scores = pr_tape_dots (g.tape, golden_param (&g, "x"), golden_param (&g, "table"), golden_param (&g, "bias"),
                                3, golden_ints (&g, "index"));
  double loss = pr_tape_binary_loss (g.tape, scores, golden_floats (&g, "labels"), golden_floats (&g, "weights"), 0.5f);

  ck_assert_double_eq_tol (0.5 * loss, *(const double *)golden_tensor (&g, "out", "loss")->data, GOLDEN_TOLERANCE);
  golden_check_grads (&g);
  golden_close (&g);
}
END_TEST

static void
add_tests (TCase *tc)
{
  tcase_add_test (tc, activations_norms_and_linear_maps);
  tcase_add_test (tc, gru_is_torchs);
  tcase_add_test (tc, full_attention_with_bias);
  tcase_add_test (tc, causal_attention_with_bias);
  tcase_add_test (tc, cross_attention);
  tcase_add_test (tc, buckets_are_t5s);
  tcase_add_test (tc, softmax_loss_is_torchs);
  tcase_add_test (tc, binary_loss_is_torchs);
}

#include "compute/every-kernel.h"

int
main (void)
{
  return check_with_every_kernel (add_tests);
}
