#include "pr-check.h"

#include "lm/layout.h"

static const PrLmConfig small = { .family = PR_LM_QWEN3,
                                  .vocab = 11,
                                  .hidden = 6,
                                  .layers = 2,
                                  .heads = 3,
                                  .kv_heads = 1,
                                  .head_dim = 2,
                                  .ffn = 5,
                                  .max_positions = 16,
                                  .rope_theta = 1e4,
                                  .rms_eps = 1e-6 };

static const PrLmTensor *
find (const PrLmLayout *layout, const char *name)
{
  for (gsize i = 0; i < layout->n_tensors; i++)
    if (strcmp (layout->tensors[i].name, name) == 0)
      return &layout->tensors[i];
  return NULL;
}

/* No two tensors overlap, fused ones are adjacent, the others aligned, the embedding is last. */
START_TEST (tensors_do_not_overlap)
{
  PrLmConfig config = small;

  for (config.family = PR_LM_QWEN3; config.family <= PR_LM_LLAMA; config.family++)
    {
      g_autoptr (PrLmLayout) layout = pr_lm_layout_new (&config);
      gint64 end = 0;

      for (gsize i = 0; i < layout->n_tensors; i++)
        {
          const PrLmTensor *t = &layout->tensors[i];

          ck_assert_int_ge (t->offset, end);
          ck_assert (t->offset == end || t->offset % 16 == 0);
          ck_assert_int_eq (t->decays, t->columns > 0);
          end = t->offset + t->rows * MAX (t->columns, 1);
        }
      ck_assert_int_le (end, layout->size);
      ck_assert_int_eq (layout->size % 16, 0);
      ck_assert_int_eq (layout->layers[1].k, layout->layers[1].q + 6 * 6);
      ck_assert_int_eq (layout->layers[1].v, layout->layers[1].k + 2 * 6);
      ck_assert_int_eq (layout->layers[1].up, layout->layers[1].gate + 5 * 6);
      ck_assert_str_eq (layout->tensors[layout->n_tensors - 1].name, "model.embed_tokens.weight");
      ck_assert_int_eq (layout->tensors[layout->n_tensors - 1].offset, layout->embedding);
    }
}
END_TEST

START_TEST (families_have_their_own_tensors)
{
  PrLmConfig config = small;
  g_autoptr (PrLmLayout) qwen3 = pr_lm_layout_new (&config);
  g_autoptr (PrLmLayout) qwen2 = (config.family = PR_LM_QWEN2, pr_lm_layout_new (&config));
  g_autoptr (PrLmLayout) llama = (config.family = PR_LM_LLAMA, pr_lm_layout_new (&config));

  ck_assert_ptr_nonnull (find (qwen3, "model.layers.1.self_attn.q_norm.weight"));
  ck_assert_ptr_null (find (qwen3, "model.layers.1.self_attn.q_proj.bias"));
  ck_assert_int_eq (qwen3->layers[0].q_bias, -1);
  ck_assert_ptr_null (find (qwen2, "model.layers.1.self_attn.q_norm.weight"));
  ck_assert_int_eq (find (qwen2, "model.layers.1.self_attn.k_proj.bias")->rows, 2);
  ck_assert_int_eq (qwen2->layers[0].q_norm, -1);
  ck_assert_uint_eq (llama->n_tensors, 2 * 9 + 2);
}
END_TEST

/* More tokens only append: everything before the embedding stays where it is. */
START_TEST (tokens_are_appended)
{
  PrLmConfig config = small;
  g_autoptr (PrLmLayout) before = pr_lm_layout_new (&config);
  g_autoptr (PrLmLayout) after = (config.vocab += 3, pr_lm_layout_new (&config));

  for (gsize i = 0; i < before->n_tensors; i++)
    ck_assert_int_eq (before->tensors[i].offset, after->tensors[i].offset);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("layout");
  TCase *tc = tcase_create ("layout");

  tcase_add_test (tc, tensors_do_not_overlap);
  tcase_add_test (tc, families_have_their_own_tensors);
  tcase_add_test (tc, tokens_are_appended);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
