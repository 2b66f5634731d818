/* Folders that are not what they claim: each gets one DATA error naming the file and the field or tensor. */
#include "lm-fixture.h"

#include <pauserec/io.h>
#include <pauserec/tensors.h>

#include <math.h>

static char *
saved_folder (PrLmFamily family)
{
  char *dir = pr_check_tmpdir ();
  PrLm *lm = fixture_lm (family, 1);

  ck_assert (pr_lm_save (lm, dir, NULL));
  pr_lm_free (lm);
  return dir;
}

static void
assert_refused (const char *dir, int code, const char *file, const char *part)
{
  GError *error = NULL;

  ck_assert_ptr_null (pr_lm_load (dir, &error));
  ck_assert_pr_error (error, code, file);
  ck_assert_pr_error (error, code, part);
  g_clear_error (&error);
}

static void
drop_folder (char *dir)
{
  pr_check_rmdir (dir);
  g_free (dir);
}

/* config.json --------------------------------------------------------------- */

static const struct
{
  PrLmFamily family;
  const char *change; /* JSON object merged in */
  const char *part;
} config_cases[] = {
  { PR_LM_QWEN3, "{\"model_type\": \"gpt2\"}", "model_type is 'gpt2'" },
  { PR_LM_QWEN3, "{\"model_type\": null}", "model_type is 'missing'" },
  { PR_LM_QWEN3, "{\"hidden_size\": null}", "'hidden_size' is missing" },
  { PR_LM_QWEN3, "{\"hidden_size\": 16.5}", "'hidden_size' must be a whole number" },
  { PR_LM_QWEN3, "{\"hidden_size\": -16}", "'hidden_size' must be a whole number" },
  { PR_LM_QWEN3, "{\"num_hidden_layers\": 99999999999}", "'num_hidden_layers' must be a whole number" },
  { PR_LM_QWEN3, "{\"num_key_value_heads\": 3}", "multiple of kv_heads" },
  { PR_LM_QWEN3, "{\"head_dim\": null}", "'head_dim' is missing" },
  { PR_LM_QWEN3, "{\"rms_norm_eps\": \"small\"}", "'rms_norm_eps'" },
  { PR_LM_QWEN3, "{\"hidden_act\": \"gelu\"}", "'hidden_act' is 'gelu'" },
  { PR_LM_QWEN3, "{\"attention_bias\": true}", "'attention_bias'" },
  { PR_LM_LLAMA, "{\"mlp_bias\": true}", "'mlp_bias'" },
  { PR_LM_QWEN2, "{\"use_sliding_window\": true}", "'use_sliding_window'" },
  { PR_LM_QWEN2, "{\"layer_types\": [\"full_attention\", \"sliding_attention\"]}", "'layer_types'" },
  { PR_LM_QWEN3, "{\"quantization_config\": {}}", "'quantization_config'" },
  { PR_LM_QWEN3, "{\"rope_scaling\": {\"rope_type\": \"yarn\"}}", "'rope_type' is 'yarn'" },
  { PR_LM_QWEN3, "{\"rope_scaling\": {\"type\": \"linear\"}}", "'type' is 'linear'" },
  { PR_LM_QWEN3, "{\"rope_parameters\": {\"rope_theta\": 5.0}}", "'rope_theta' is 10000 at the top, but 5" },
  { PR_LM_QWEN3, "{\"rope_parameters\": 5}", "must be objects" },
  { PR_LM_QWEN3, "{\"rope_parameters\": null, \"rope_theta\": null}", "'rope_theta' is missing" },
  { PR_LM_LLAMA, "{\"partial_rotary_factor\": 0.5}", "'partial_rotary_factor'" },
};

static void
change_config (const char *dir, const char *change)
{
  g_autofree char *path = g_build_filename (dir, "config.json", NULL);
  json_t *root = pr_json_load (path, NULL), *update = json_loads (change, 0, NULL);

  ck_assert (root != NULL && update != NULL);
  json_object_update (root, update);
  ck_assert (pr_json_save (root, path, NULL));
  json_decref (root);
  json_decref (update);
}

START_TEST (bad_configs)
{
  char *dir = saved_folder (config_cases[_i].family);

  change_config (dir, config_cases[_i].change);
  assert_refused (dir, PR_ERROR_DATA, "config.json", config_cases[_i].part);
  drop_folder (dir);
}
END_TEST

START_TEST (other_spellings)
{
  static const char *const changes[] = {
    "{\"rope_parameters\": null}",                                            /* transformers 4 */
    "{\"rope_theta\": null}",                                                 /* transformers 5 */
    "{\"rope_theta\": 10000, \"rope_scaling\": null, \"sliding_window\": 4}", /* a whole number; an unused window */
    "{\"some_new_key\": [1], \"initializer_range\": null}",
  };
  char *dir = saved_folder (PR_LM_QWEN3);
  GError *error = NULL;
  PrLm *lm;

  change_config (dir, changes[_i]);
  lm = pr_lm_load (dir, &error);
  ck_assert_no_error (error);
  ck_assert_double_eq (lm->config.rope_theta, 10000);
  pr_lm_free (lm);
  drop_folder (dir);
}
END_TEST

START_TEST (head_dim_defaults_as_in_transformers)
{
  char *dir = saved_folder (PR_LM_QWEN2);
  PrLm *lm;

  change_config (dir, "{\"head_dim\": null}");
  lm = pr_lm_load (dir, NULL);
  ck_assert_int_eq (lm->config.head_dim, 4);
  pr_lm_free (lm);
  drop_folder (dir);
}
END_TEST

START_TEST (broken_files)
{
  static const struct
  {
    const char *file, *content;
    int code;
  } cases[] = {
    { "config.json", "{", PR_ERROR_DATA },
    { "config.json", "[]", PR_ERROR_DATA },
    { "config.json", "", PR_ERROR_DATA },
    { "config.json", "{\"a\": 1, \"a\": 2}", PR_ERROR_DATA },
    { "config.json", NULL, PR_ERROR_IO },
    { "model.safetensors", "", PR_ERROR_DATA },
    { "model.safetensors", "12345678{}", PR_ERROR_DATA },
    { "model.safetensors", NULL, PR_ERROR_IO },
    { "tokenizer.json", "{}", PR_ERROR_DATA },
    { "tokenizer.json", NULL, PR_ERROR_IO },
    { "protocol.json", "{}", PR_ERROR_DATA },
  };
  char *dir = saved_folder (PR_LM_QWEN3);
  g_autofree char *path = g_build_filename (dir, cases[_i].file, NULL);

  if (cases[_i].content != NULL)
    ck_assert (g_file_set_contents (path, cases[_i].content, -1, NULL));
  else
    g_unlink (path);
  assert_refused (dir, cases[_i].code, cases[_i].file, "");
  drop_folder (dir);
}
END_TEST

START_TEST (sharded_folders)
{
  char *dir = saved_folder (PR_LM_QWEN3);
  g_autofree char *index = g_build_filename (dir, "model.safetensors.index.json", NULL);

  ck_assert (g_file_set_contents (index, "{}", -1, NULL));
  assert_refused (dir, PR_ERROR_DATA, "model.safetensors.index.json", "split over several files");
  drop_folder (dir);
}
END_TEST

START_TEST (a_foreign_tokenizer)
{
  char *dir = saved_folder (PR_LM_QWEN3);
  g_autofree char *path = g_build_filename (dir, "tokenizer.json", NULL);
  static const char *const names[] = { "<1>", "<2>", "<3>", "<4>", NULL };
  PrTokenizer *tokenizer = fixture_tokenizer ();

  ck_assert (pr_tokenizer_add (tokenizer, names, NULL));
  ck_assert (pr_tokenizer_save (tokenizer, path, NULL));
  assert_refused (dir, PR_ERROR_DATA, dir, "the tokenizer has 265 tokens, but the embedding only 264 rows");
  pr_tokenizer_free (tokenizer);
  drop_folder (dir);
}
END_TEST

/* model.safetensors ---------------------------------------------------------- */

enum
{
  DROP,
  EXTRA,
  SHAPE,
  DIMS,
  TYPE,
  NOT_A_NUMBER,
  OTHER_HEAD,
  LONG_HEAD,
  SAME_HEAD
};

/* Rewrite the weights with one thing changed. */
static void
change_weights (const char *dir, int how)
{
  g_autofree char *path = g_build_filename (dir, "model.safetensors", NULL);
  PrTensors *file = pr_tensors_open (path, NULL);
  PrTensorsWriter *writer = pr_tensors_writer_new ();
  g_autoptr (GPtrArray) copies = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < pr_tensors_n (file); i++)
    {
      const PrTensor *t = pr_tensors_at (file, i);
      float *copy = g_memdup2 (t->data, (gsize)t->n * sizeof (float));
      gint64 dims[2] = { t->dims[0], t->n_dims > 1 ? t->dims[1] : 1 };
      guint n_dims = t->n_dims;
      PrDtype dtype = PR_DTYPE_F32;
      gboolean victim = strcmp (t->name, "model.norm.weight") == 0;

      g_ptr_array_add (copies, copy);
      if (victim && how == DROP)
        continue;
      if (victim && how == SHAPE)
        dims[0] = 15;
      if (victim && how == DIMS)
        n_dims = 2;
      if (victim && how == TYPE)
        dtype = PR_DTYPE_I32;
      if (victim && how == NOT_A_NUMBER)
        copy[7] = NAN;
      pr_tensors_writer_add (writer, t->name, dtype, n_dims, dims, copy);
      if (strcmp (t->name, "model.embed_tokens.weight") == 0 && how >= OTHER_HEAD && how <= SAME_HEAD)
        {
          float *head = g_memdup2 (t->data, (gsize)t->n * sizeof (float));

          g_ptr_array_add (copies, head);
          if (how == OTHER_HEAD)
            head[t->n - 1] += 1;
          if (how == LONG_HEAD)
            dims[0]--;
          pr_tensors_writer_add (writer, "lm_head.weight", PR_DTYPE_F32, 2, dims, head);
        }
    }
  if (how == EXTRA)
    pr_tensors_writer_add1 (writer, "model.layers.2.input_layernorm.weight", PR_DTYPE_F32, 1, "1234");
  ck_assert (pr_tensors_writer_write (writer, path, NULL));
  pr_tensors_writer_free (writer);
  pr_tensors_free (file);
}

START_TEST (bad_weights)
{
  static const struct
  {
    int how;
    const char *part;
  } cases[] = {
    { DROP, "tensor 'model.norm.weight' is missing" },
    { EXTRA, "tensor 'model.layers.2.input_layernorm.weight' is unknown" },
    { SHAPE, "tensor 'model.norm.weight' has 1 dimensions [15, 0], config.json asks for 1 [16, 0]" },
    { DIMS, "tensor 'model.norm.weight' has 2 dimensions" },
    { TYPE, "tensor 'model.norm.weight' must be of type F32, BF16 or F16" },
    { NOT_A_NUMBER, "tensor 'model.norm.weight' holds nan at element 7" },
    { OTHER_HEAD, "tensor 'lm_head.weight' differs from the embedding" },
    { LONG_HEAD, "tensor 'lm_head.weight' has another shape" },
  };
  char *dir = saved_folder (PR_LM_QWEN3);

  change_weights (dir, cases[_i].how);
  assert_refused (dir, PR_ERROR_DATA, "model.safetensors", cases[_i].part);
  drop_folder (dir);
}
END_TEST

START_TEST (a_repeated_head_is_harmless)
{
  char *dir = saved_folder (PR_LM_QWEN3);
  GError *error = NULL;
  PrLm *lm;

  change_weights (dir, SAME_HEAD);
  lm = pr_lm_load (dir, &error);
  ck_assert_no_error (error);
  pr_lm_free (lm);
  drop_folder (dir);
}
END_TEST

/* Rewrite the file in a type that the writer lacks: element i of every tensor is VALUES[i % 5]. */
static void
write_shorts (const char *dir, const char *dtype, const guint16 *values)
{
  g_autofree char *path = g_build_filename (dir, "model.safetensors", NULL);
  PrTensors *file = pr_tensors_open (path, NULL);
  g_autoptr (GString) header = g_string_new ("{"), all = g_string_new (NULL);
  gint64 at = 0;
  guint64 length;

  for (gsize i = 0; i < pr_tensors_n (file); i++)
    {
      const PrTensor *t = pr_tensors_at (file, i);
      g_autofree char *columns = t->n_dims > 1 ? g_strdup_printf (",%" G_GINT64_FORMAT, t->dims[1]) : g_strdup ("");

      g_string_append_printf (header,
                              "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%" G_GINT64_FORMAT
                              "%s],\"data_offsets\":[%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT "]}",
                              i > 0 ? "," : "", t->name, dtype, t->dims[0], columns, at, at + 2 * t->n);
      for (gint64 j = 0; j < t->n; j++)
        g_string_append_len (all, (const char *)&values[j % 5], 2);
      at += 2 * t->n;
    }
  pr_tensors_free (file);
  g_string_append_c (header, '}');
  while (header->len % 8 != 0)
    g_string_append_c (header, ' ');
  length = GUINT64_TO_LE (header->len);
  g_string_prepend_len (all, header->str, (gssize)header->len);
  g_string_prepend_len (all, (const char *)&length, 8);
  ck_assert (g_file_set_contents (path, all->str, (gssize)all->len, NULL));
}

START_TEST (short_types)
{
  /* One, -2, the smallest subnormal half, a larger subnormal, zero; and 1, -2, 0.1, 3.4e38, -0 as bfloat16. */
  static const guint16 halves[] = { 0x3c00, 0xc000, 0x0001, 0x8200, 0 },
                       brains[] = { 0x3f80, 0xc000, 0x3dcd, 0x7f7f, 0x8000 };
  static const float half_values[] = { 1, -2, 0x1p-24f, -0x1p-15f, 0 },
                     brain_values[] = { 1, -2, 0x1.9ap-4f, 0x1.fep127f, 0 };
  const float *wanted = _i == 0 ? half_values : brain_values;
  char *dir = saved_folder (PR_LM_QWEN3);
  GError *error = NULL;
  PrLm *lm;

  write_shorts (dir, _i == 0 ? "F16" : "BF16", _i == 0 ? halves : brains);
  lm = pr_lm_load (dir, &error);
  ck_assert_no_error (error);
  for (gint64 i = 0; i < 264 * 16; i++)
    ck_assert_float_eq (lm->weights[lm->layout->embedding + i], wanted[i % 5]);
  pr_lm_free (lm);
  drop_folder (dir);
}
END_TEST

START_TEST (infinities_in_short_types)
{
  static const guint16 halves[] = { 0x3c00, 0x3c00, 0x3c00, 0x7c00, 0 }, brains[] = { 0x3f80, 0xff80, 0, 0, 0 };
  char *dir = saved_folder (PR_LM_QWEN3);

  write_shorts (dir, _i == 0 ? "F16" : "BF16", _i == 0 ? halves : brains);
  assert_refused (dir, PR_ERROR_DATA, "model.safetensors",
                  _i == 0 ? "holds inf at element 3" : "holds -inf at element 1");
  drop_folder (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("hf-folder");
  TCase *tcase = tcase_create ("hf-folder");

  tcase_add_loop_test (tcase, bad_configs, 0, (int)G_N_ELEMENTS (config_cases));
  tcase_add_loop_test (tcase, other_spellings, 0, 4);
  tcase_add_test (tcase, head_dim_defaults_as_in_transformers);
  tcase_add_loop_test (tcase, broken_files, 0, 11);
  tcase_add_test (tcase, sharded_folders);
  tcase_add_test (tcase, a_foreign_tokenizer);
  tcase_add_loop_test (tcase, bad_weights, 0, 8);
  tcase_add_test (tcase, a_repeated_head_is_harmless);
  tcase_add_loop_test (tcase, short_types, 0, 2);
  tcase_add_loop_test (tcase, infinities_in_short_types, 0, 2);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
