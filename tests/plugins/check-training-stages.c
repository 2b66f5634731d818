/* check-training-stages.c - the five training stages one after the other on a world of three items, and what they
 * refuse. */
#include "stage-harness.h"
#include "tiny-world.h"

#include <pauserec/io.h>
#include <pauserec/tensors.h>
#include <pauserec/textio.h>
#include <pauserec/threads.h>
#include <pauserec/tokenrows.h>

static PrRegistry *registry;
static char *dir, *data_dir, *sids_dir, *text_dir;

static const gint64 lengths[] = { 4, 5, 6, 7, 8, 9 };

static void
setup (void)
{
  g_autoptr (PrSids) sids = tiny_sids ();
  g_autoptr (GPtrArray) documents = g_ptr_array_new ();

  registry = pr_registry_new ();
  dir = pr_check_tmpdir ();
  data_dir = g_build_filename (dir, "data", NULL);
  sids_dir = g_build_filename (dir, "sids", NULL);
  text_dir = g_build_filename (dir, "text", NULL);
  g_mkdir (data_dir, 0700);
  g_mkdir (sids_dir, 0700);
  g_mkdir (text_dir, 0700);
  tiny_dataset_write (data_dir, lengths, G_N_ELEMENTS (lengths));
  ck_assert (pr_sids_save (sids, "keep", sids_dir, NULL));
  for (int i = 0; i < 30; i++)
    g_ptr_array_add (documents,
                     (gpointer)(i % 2 ? "People who buy a tent soon need a mat." : "A mat is soft. A tent is not."));
  ck_assert (pr_text_save (documents, text_dir, NULL));
}

static void
teardown (void)
{
  pr_registry_free (registry);
  pr_check_rmdir (dir);
  g_free (dir);
  g_free (data_dir);
  g_free (sids_dir);
  g_free (text_dir);
}

#define BASE                                                                                                           \
  "vocab=300 layers=2 hidden=16 heads=2 kv_heads=1 head_dim=8 ffn=24 max_positions=64 context=24 valid_share=0.2 "

static void
run_ok (const char *name, const char *settings, const char *const *inputs, StageResult *result)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = harness_run (registry, name, settings, inputs, 1, result, &error);

  ck_assert_no_error (error);
  ck_assert (ok);
}

static void
run_fails (const char *name, const char *settings, const char *const *inputs, PrError code, const char *part)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;

  ck_assert (!harness_run (registry, name, settings, inputs, 1, &result, &error));
  ck_assert_pr_error (error, code, part);
}

static char *
pretrain (const char *settings, StageResult *result)
{
  g_autofree char *all = g_strconcat (BASE, settings, NULL);

  run_ok ("lm-pretrain", all, (const char *[]){ "dataset", data_dir, "text", text_dir, NULL }, result);
  return harness_output (result, "lm");
}

static char *
ground (const char *lm, const char *settings, StageResult *result)
{
  run_ok ("sid-grounding", settings, (const char *[]){ "lm", lm, "dataset", data_dir, "sids", sids_dir, NULL }, result);
  return harness_output (result, "lm");
}

static char *
sft (const char *lm, const char *settings, StageResult *result)
{
  run_ok ("next-item-sft", settings, (const char *[]){ "lm", lm, "dataset", data_dir, "sids", sids_dir, NULL }, result);
  return harness_output (result, "lm");
}

static PrLm *
load (const char *lm_dir)
{
  GError *error = NULL;
  PrLm *lm = pr_lm_load (lm_dir, &error);

  ck_assert_no_error (error);
  return lm;
}

static double
first (const GArray *curve)
{
  return g_array_index (curve, double, 0);
}

static double
last (const GArray *curve)
{
  return g_array_index (curve, double, curve->len - 1);
}

START_TEST (the_backbone_learns_its_text)
{
  g_auto (StageResult) result = { 0 };
  g_autofree char *lm_dir = pretrain ("epochs=6 batch_size=4 lr=0.01", &result);
  g_autoptr (PrLm) lm = load (lm_dir);
  const GArray *loss = harness_curve (&result, "loss"), *valid = harness_curve (&result, "valid_loss");

  ck_assert_int_eq (pr_lm_config (lm)->vocab, pr_tokenizer_vocab_size (pr_lm_tokenizer (lm)));
  ck_assert_int_eq (pr_lm_config (lm)->hidden, 16);
  ck_assert_ptr_null (pr_lm_protocol (lm));
  /* Two of the three items have words. */
  ck_assert_double_eq (harness_metric (&result, "documents") + harness_metric (&result, "valid_documents"), 32);
  ck_assert_double_gt (harness_metric (&result, "valid_documents"), 0);
  ck_assert_double_eq (harness_metric (&result, "vocabulary"), pr_lm_config (lm)->vocab);
  ck_assert_double_lt (last (loss), 0.8 * first (loss));
  ck_assert_uint_ge (valid->len, 6);
  ck_assert_double_lt (last (valid), first (valid));
}
END_TEST

static char *
file_in (const char *folder, const char *name, gsize *ret_n)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *bytes = pr_file_read (path, 1 << 26, ret_n, NULL);

  ck_assert_ptr_nonnull (bytes);
  return bytes;
}

START_TEST (the_same_bytes_with_any_number_of_threads)
{
  g_autofree char *one = NULL, *two = NULL;
  gsize n_one, n_two;

  for (guint threads = 1; threads <= 2; threads++)
    {
      g_auto (StageResult) result = { 0 };

      pr_threads_set (threads);
      g_autofree char *lm_dir = pretrain ("epochs=1 batch_size=4 lr=0.01", &result);

      *(threads == 1 ? &one : &two) = file_in (lm_dir, "model.safetensors", threads == 1 ? &n_one : &n_two);
    }
  ck_assert_uint_eq (n_one, n_two);
  ck_assert (memcmp (one, two, n_one) == 0);
}
END_TEST

START_TEST (no_epochs_give_a_fresh_model)
{
  g_auto (StageResult) result = { 0 };
  g_autofree char *lm_dir = pretrain ("epochs=0", &result);
  g_autoptr (PrLm) lm = load (lm_dir);
  g_autofree char *path = g_build_filename (lm_dir, "tokenizer.json", NULL);
  g_autoptr (PrLm) fresh = pr_lm_new (pr_lm_config (lm), pr_tokenizer_load (path, NULL), 1, NULL);
  gsize row = sizeof (float) * 16;

  ck_assert_ptr_null (harness_curve (&result, "loss"));
  for (gint32 t = 0; t < pr_lm_config (lm)->vocab; t++)
    ck_assert_mem_eq (pr_lm_embedding_row (lm, t), pr_lm_embedding_row (fresh, t), row);
}
END_TEST

START_TEST (pretraining_wants_text)
{
  g_autofree char *empty = g_build_filename (dir, "empty.jsonl", NULL),
                  *settings = g_strconcat (BASE "files=", empty, NULL);
  const char *const none[] = { NULL }, *const items[] = { "dataset", data_dir, NULL };

  ck_assert (g_file_set_contents (empty, "{\"other\": \"words\"}\n", -1, NULL));
  run_fails ("lm-pretrain", settings, none, PR_ERROR_DATA, "no line has text");
  run_fails ("lm-pretrain", BASE "item_text=false", items, PR_ERROR_DATA, "no source has any text");
  run_fails ("lm-pretrain", BASE "max_positions=8", items, PR_ERROR_MANIFEST, "max_positions");
  run_fails ("lm-pretrain", BASE "kv_heads=4", items, PR_ERROR_MANIFEST, "kv_heads");
}
END_TEST

START_TEST (grounding_ties_sids_to_words)
{
  g_auto (StageResult) base = { 0 }, result = { 0 }, again = { 0 };
  g_autofree char *base_dir = pretrain ("epochs=1 batch_size=4 lr=0.01", &base);
  g_autofree char *lm_dir = ground (base_dir, "epochs=80 lr=0.02 batch_size=4 text_tokens=20", &result);
  g_autofree char *again_dir = ground (lm_dir, "epochs=0 text_tokens=20", &again);
  g_autoptr (PrLm) before = load (base_dir), after = load (lm_dir), same = load (again_dir);
  const GArray *loss = harness_curve (&result, "loss");

  ck_assert_int_eq (pr_lm_config (after)->vocab, pr_lm_config (before)->vocab + 5);
  ck_assert_int_eq (pr_lm_config (same)->vocab, pr_lm_config (after)->vocab);
  ck_assert_int_eq (pr_tokenizer_lookup (pr_lm_tokenizer (after), "<b_1>"), pr_lm_config (before)->vocab + 4);
  ck_assert_double_eq (harness_metric (&result, "sequences_per_epoch"), 4);
  ck_assert_double_lt (last (loss), 0.6 * first (loss));
}
END_TEST

START_TEST (grounding_refuses)
{
  g_auto (StageResult) base = { 0 }, grounded = { 0 };
  g_autofree char *base_dir = pretrain ("epochs=0", &base),
                  *lm_dir = ground (base_dir, "epochs=0 text_tokens=20", &grounded);
  g_autofree char *other = g_build_filename (dir, "other-sids", NULL);
  const gint32 sizes[] = { 4, 2 };
  g_autoptr (PrSids) wider = pr_sids_new (3, 2, sizes);

  run_fails ("sid-grounding", "text_tokens=64",
             (const char *[]){ "lm", base_dir, "dataset", data_dir, "sids", sids_dir, NULL }, PR_ERROR_MANIFEST,
             "text_tokens");
  g_mkdir (other, 0700);
  ck_assert (pr_sids_save (wider, "keep", other, NULL));
  run_fails ("sid-grounding", "text_tokens=20",
             (const char *[]){ "lm", lm_dir, "dataset", data_dir, "sids", other, NULL }, PR_ERROR_DATA,
             "5 of the 6 SID tokens");
}
END_TEST

START_TEST (fine_tuning_learns_the_next_item)
{
  g_auto (StageResult) base = { 0 }, grounded = { 0 }, result = { 0 }, scored = { 0 };
  g_autofree char *base_dir = pretrain ("epochs=0", &base),
                  *lm_dir = ground (base_dir, "epochs=0 text_tokens=20", &grounded);
  g_autofree char *out =
      sft (lm_dir, "targets=all-prefixes history=3 epochs=60 lr=0.01 batch_size=4 prompt=U:{history}", &result);
  g_autofree char *by_ndcg =
      sft (lm_dir, "valid_score=ndcg_10 epochs=2 lr=0.01 batch_size=4 prompt=U:{history}", &scored);
  g_autoptr (PrLm) lm = load (out);
  const PrProtocol *protocol = pr_lm_protocol (lm);
  const GArray *loss = harness_curve (&result, "loss");

  ck_assert_ptr_nonnull (protocol);
  ck_assert_str_eq (protocol->prompt, "U:{history}");
  ck_assert_int_eq (protocol->history, 3);
  ck_assert_int_eq (protocol->thinking, PR_THINKING_NONE);
  ck_assert_double_eq (harness_metric (&result, "valid_users"), 6);
  /* The next item follows from the last: the loss can nearly vanish. */
  ck_assert_double_lt (last (loss), 0.3 * first (loss));
  ck_assert_ptr_nonnull (harness_curve (&result, "valid_loss"));
  ck_assert_ptr_nonnull (harness_curve (&scored, "ndcg_10"));
  ck_assert_double_eq (harness_metric (&scored, "train_examples"), 6);
}
END_TEST

START_TEST (fine_tuning_refuses)
{
  g_auto (StageResult) base = { 0 };
  g_autofree char *base_dir = pretrain ("epochs=0", &base);
  const char *const inputs[] = { "lm", base_dir, "dataset", data_dir, "sids", sids_dir, NULL };

  run_fails ("next-item-sft", "prompt=nothing", inputs, PR_ERROR_MANIFEST, "{history}");
  run_fails ("next-item-sft", "", inputs, PR_ERROR_DATA, "<a_0>");
  run_fails ("pause-sft", "", inputs, PR_ERROR_DATA, "no protocol.json");
}
END_TEST

static const PrTensor *
embedding_of (PrTensors *tensors)
{
  const gint64 dims[] = { 1, 16 };

  return pr_tensors_get (tensors, "embedding", PR_DTYPE_F32, 2, dims, NULL);
}

START_TEST (the_two_branches_merge)
{
  g_auto (StageResult) base = { 0 }, grounded = { 0 }, tuned = { 0 }, pause = { 0 }, fresh = { 0 }, merged = { 0 },
                       final = { 0 }, control = { 0 };
  g_autofree char *base_dir = pretrain ("epochs=1 batch_size=4 lr=0.01", &base);
  g_autofree char *cpt = ground (base_dir, "epochs=3 lr=0.01 batch_size=4 text_tokens=20", &grounded);
  g_autofree char *direct = sft (cpt, "epochs=3 lr=0.003 batch_size=4 prompt=U:{history}", &tuned);
  const char *const from_cpt[] = { "lm", cpt, "dataset", data_dir, "sids", sids_dir, NULL };

  run_ok ("pause-pretrain", "epochs=20 lr=0.05 batch_size=2 text_tokens=20", from_cpt, &pause);
  run_ok ("pause-pretrain", "epochs=0 text_tokens=20", from_cpt, &fresh);
  ck_assert_double_eq_tol (harness_metric (&fresh, "start_cosine"), 1, 1e-6);
  ck_assert_double_lt (harness_metric (&pause, "start_cosine"), 0.999);
  ck_assert_double_eq (harness_metric (&pause, "start_norm"), harness_metric (&fresh, "start_norm"));

  /* Only e_pause is an output; it goes bit for bit into the SFT checkpoint, and nothing else of that changes. */
  g_autofree char *e_pause = harness_output (&pause, "pause"),
                  *file = g_build_filename (e_pause, "embedding.safetensors", NULL);
  const char *const merge[] = { "lm", direct, "pause", e_pause, "dataset", data_dir, "sids", sids_dir, NULL };

  run_ok ("pause-sft", "k=3 epochs=0", merge, &merged);
  g_autofree char *merged_dir = harness_output (&merged, "lm");
  g_autoptr (PrLm) before = load (direct), after = load (merged_dir);
  g_autoptr (PrTensors) tensors = pr_tensors_open (file, NULL);
  gint32 token = pr_tokenizer_lookup (pr_lm_tokenizer (after), "<pause>");

  ck_assert_int_eq (token, pr_lm_config (before)->vocab);
  ck_assert_mem_eq (pr_lm_embedding_row (after, token), embedding_of (tensors)->data, 16 * sizeof (float));
  for (gint32 t = 0; t < token; t++)
    ck_assert_mem_eq (pr_lm_embedding_row (after, t), pr_lm_embedding_row (before, t), 16 * sizeof (float));
  ck_assert_int_eq (pr_lm_protocol (after)->thinking, PR_THINKING_PAUSE);
  ck_assert_int_eq (pr_lm_protocol (after)->pauses, 3);
  ck_assert_str_eq (pr_lm_protocol (after)->prompt, "U:{history}");

  run_ok ("pause-sft", "k=2 targets=all-prefixes epochs=30 lr=0.01 batch_size=8", merge, &final);
  ck_assert_double_lt (last (harness_curve (&final, "loss")), 0.7 * first (harness_curve (&final, "loss")));
  ck_assert_double_eq (harness_metric (&final, "train_examples"), 1 + 2 + 3 + 4 + 5 + 6);
  run_ok ("pause-sft", "k=1 epochs=1 init=sid-mean",
          (const char *[]){ "lm", direct, "dataset", data_dir, "sids", sids_dir, NULL }, &control);
}
END_TEST

START_TEST (a_start_is_the_mean_of_its_group)
{
  for (int start = 0; start < 4; start++)
    {
      g_autoptr (PrLm) lm = tiny_lm (32, TRUE);
      g_autoptr (PrSids) sids = tiny_sids ();
      double distance = 0, mean[16] = { 0 };
      gint32 from = start == PR_ROW_START_SID_MEAN ? A0 : 0, to = start == PR_ROW_START_TEXT_MEAN ? A0 : PAUSE;

      ck_assert (pr_lm_add_token_row (lm, "<pause>", (PrRowStart)start, sids, 1, NULL));
      ck_assert_int_eq (pr_tokenizer_lookup (pr_lm_tokenizer (lm), "<pause>"), PAUSE);
      for (gint32 d = 0; d < 16; d++)
        {
          for (gint32 t = from; t < to; t++)
            mean[d] += (double)pr_lm_embedding_row (lm, t)[d] / (to - from);
          distance = MAX (distance, ABS (mean[d] - (double)pr_lm_embedding_row (lm, PAUSE)[d]));
        }
      /* Rows have sd .02: 1e-9 of their variance is an sd of 6e-7; a normal start lies far away. */
      if (start == PR_ROW_START_NORMAL)
        ck_assert_double_gt (distance, 1e-3);
      else
        ck_assert_double_lt (distance, 5e-6);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("training-stages");
  TCase *tcase = tcase_create ("stages");

  tcase_set_timeout (tcase, 120);
  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, the_backbone_learns_its_text);
  tcase_add_test (tcase, the_same_bytes_with_any_number_of_threads);
  tcase_add_test (tcase, no_epochs_give_a_fresh_model);
  tcase_add_test (tcase, pretraining_wants_text);
  tcase_add_test (tcase, grounding_ties_sids_to_words);
  tcase_add_test (tcase, grounding_refuses);
  tcase_add_test (tcase, fine_tuning_learns_the_next_item);
  tcase_add_test (tcase, fine_tuning_refuses);
  tcase_add_test (tcase, the_two_branches_merge);
  tcase_add_test (tcase, a_start_is_the_mean_of_its_group);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
