/* lm-pretrain - the backbone before it ever sees a semantic id.
 *
 * The paper starts from Qwen3-1.7B, which brings language and world knowledge.  Where that is too large (or where the
 * world is synthetic), this stage makes a small model of the same family from text: item texts, a corpus, files.
 * It trains a byte-level BPE tokenizer, then the next token over the documents, laid end to end and cut into windows.
 */
#include "config.h"

#include "corpus.h"

#include <pauserec/pauserec.h>

typedef struct
{
  const char *const *files;
  const char *keys;
  bool item_text;
  int64_t vocab, context;
  double valid_share;
  int family;
  int64_t layers, hidden, heads, kv_heads, head_dim, ffn, max_positions;
  double rope_theta;
  PrTrainParams train;
} Params;

static const char *const family_names[] = { "qwen3", "qwen2", "llama", NULL }; /* as PrLmFamily */

static const PrParamSpec params[] = {
  PR_PARAM_PATHS (Params, files,
                  "Text files: JSONL (plain or gzip), otherwise plain text with blank lines between documents."),
  PR_PARAM_STRING (Params, keys, "title,brand,description,text,plot,review",
                   "Keys of JSONL files whose strings are read, separated by commas."),
  PR_PARAM_BOOL (Params, item_text, true,
                 "Read the items of a connected data set: title, brand, categories, description."),
  PR_PARAM_INT (Params, vocab, 261, 1 << 20, 4096,
                "Tokens of the vocabulary at most, 256 bytes and 5 added tokens included."),
  PR_PARAM_INT (Params, context, 2, 1 << 16, 128, "Tokens of a training window."),
  PR_PARAM_REAL (Params, valid_share, 0, 0.5, 0.02, "Share of the documents kept for validation; 0: no validation."),
  PR_PARAM_CHOICE (Params, family, family_names, PR_LM_QWEN3,
                   "Architecture: Qwen3 (QK-norm), Qwen2 (biases) or Llama (neither)."),
  PR_PARAM_INT (Params, layers, 1, 1024, 4, "Transformer layers."),
  PR_PARAM_INT (Params, hidden, 2, 1 << 16, 128, "Width of the hidden states."),
  PR_PARAM_INT (Params, heads, 1, 1024, 4, "Query heads."),
  PR_PARAM_INT (Params, kv_heads, 1, 1024, 2, "Key and value heads; divides heads."),
  PR_PARAM_INT (Params, head_dim, 2, 1024, 32, "Width of a head; even."),
  PR_PARAM_INT (Params, ffn, 1, 1 << 18, 352, "Width of the SwiGLU layer."),
  PR_PARAM_INT (Params, max_positions, 2, 1 << 20, 512, "Longest sequence the model may ever see."),
  PR_PARAM_REAL (Params, rope_theta, 1, 1e12, 10000,
                 "Base of the rotary positions; 10000 suits contexts below 1024 (Qwen3: 1e6)."),
  PR_TRAIN_PARAMS (Params, 1, 1e-3, 32, 0.1),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "dataset", "dataset/1", "Items whose text is read.", TRUE },
  { PR_SLOT_IN, "text", "text/1", "Further documents, such as the corpus of the synthetic world.", TRUE },
  { PR_SLOT_OUT, "lm", "lm/1", "The backbone.", FALSE },
};

static PrLmConfig
shape (const Params *p, gint32 vocab)
{
  return (PrLmConfig){
    .family = (PrLmFamily)p->family,
    .vocab = vocab,
    .hidden = (gint32)p->hidden,
    .layers = (gint32)p->layers,
    .heads = (gint32)p->heads,
    .kv_heads = (gint32)p->kv_heads,
    .head_dim = (gint32)p->head_dim,
    .ffn = (gint32)p->ffn,
    .max_positions = (gint32)p->max_positions,
    .rope_theta = p->rope_theta,
    .rms_eps = 1e-6,
    .init_sd = 0.02,
  };
}

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;
  PrLmConfig config = shape (p, (gint32)p->vocab);

  if (p->context > p->max_positions)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "context = %d is more than max_positions = %d: the model has no positions for such windows",
                   (int)p->context, (int)p->max_positions);
      return FALSE;
    }
  return pr_lm_config_check (&config, error) && pr_train_params_check (&p->train, error);
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error)
{
  const Params *p = params_;
  PrLmConfig config = shape (p, (gint32)p->vocab);
  gboolean items = p->item_text && pr_plan_input_connected (plan_, "dataset");

  if (p->files[0] == NULL && !items && !pr_plan_input_connected (plan_, "text"))
    {
      g_set_error (
          error, PR_ERROR, PR_ERROR_MANIFEST,
          "there is no text to learn from: give files, or put a stage with a data set or text before this one%s",
          p->item_text ? "" : ", or set item_text = true");
      return FALSE;
    }
  /* A small corpus may end with fewer tokens than asked for, so the vocabulary is no promise. */
  pr_plan_set_lm (plan_, "lm", &config, FALSE);
  pr_plan_set_dim (plan_, "lm", "sid_tokens", 0);
  pr_plan_set_dim (plan_, "lm", "tuned", 0);
  pr_plan_set_training (plan_, &config, &p->train, PR_DIM_UNKNOWN, 0);
  return TRUE;
}

/* Every document of every source, in a fixed order: items, text, files as listed. */
static gboolean
read_documents (const Params *p, PrRun *run, GPtrArray *documents, GError **error)
{
  g_auto (GStrv) keys = g_strsplit (p->keys, ",", -1);
  const char *dataset_dir = p->item_text ? pr_run_input_dir (run, "dataset") : NULL,
             *text_dir = pr_run_input_dir (run, "text");

  for (gsize i = 0; keys[i] != NULL; i++)
    g_strstrip (keys[i]);
  if (dataset_dir != NULL)
    {
      g_autoptr (PrDataset) dataset = pr_dataset_load (dataset_dir, error);

      if (dataset == NULL)
        return FALSE;
      for (gint64 i = 0; i < pr_dataset_n_items (dataset); i++)
        {
          g_autoptr (GString) text = g_string_new (NULL);

          pr_item_append_text (pr_dataset_item (dataset, i), text);
          if (text->len > 0)
            g_ptr_array_add (documents, g_strdup (text->str));
        }
    }
  if (text_dir != NULL && !pr_text_load (text_dir, documents, error))
    return FALSE;
  for (gsize i = 0; p->files[i] != NULL; i++)
    if (!pr_text_read_file (p->files[i], (const char *const *)keys, documents, error))
      return FALSE;
  if (documents->len > 0)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "no source has any text: the items lack words, or the files lack the keys '%s'", p->keys);
  return FALSE;
}

/* The next token over windows of CORPUS; the best weights by the loss on held-out documents. */
static gboolean
learn (const Params *p, PrRun *run, PrLm *lm, Corpus *corpus, GError **error)
{
  const PrTraining training = {
    .name = "train",
    .n_examples = corpus_n_windows (corpus->train, p->context),
    .example = corpus_train_example,
    .ctx = corpus,
    .shuffle = TRUE,
    .n_valid = corpus_n_windows (corpus->valid, p->context),
    .valid_example = corpus->valid->len > 1 ? corpus_valid_example : NULL,
  };

  return p->train.epochs == 0 || pr_train (run, lm, &training, &p->train, pr_run_seed (run), error);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_autoptr (GPtrArray) documents = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) train = g_ptr_array_new (), valid = g_ptr_array_new ();
  g_autoptr (GArray) train_tokens = NULL, valid_tokens = NULL;
  PrTokenizer *tokenizer;
  g_autoptr (PrLm) lm = NULL;

  if (!read_documents (p, run_, documents, error))
    return FALSE;
  corpus_split (documents, p->valid_share, train, valid);
  if ((tokenizer = pr_tokenizer_train (train, (gint32)p->vocab, error)) == NULL)
    return FALSE;
  PrLmConfig config = shape (p, pr_tokenizer_vocab_size (tokenizer));

  if ((lm = pr_lm_new (&config, tokenizer, pr_run_seed (run_), error)) == NULL
      || (train_tokens = corpus_tokens (tokenizer, train, run_, error)) == NULL
      || (valid_tokens = corpus_tokens (tokenizer, valid, run_, error)) == NULL)
    return FALSE;
  pr_run_metric (run_, "documents", train->len);
  pr_run_metric (run_, "valid_documents", valid->len);
  pr_run_metric (run_, "corpus_tokens", train_tokens->len);
  pr_run_metric (run_, "vocabulary", config.vocab);

  Corpus corpus = { .train = train_tokens, .valid = valid_tokens, .context = p->context };

  if (!learn (p, run_, lm, &corpus, error))
    return FALSE;
  pr_run_set_lm (run_, "lm", lm);
  return pr_lm_save (lm, pr_run_output_dir (run_, "lm"), error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "lm-pretrain",
  .version = "1",
  .summary = "Train a tokenizer and a small language model from scratch on text.",
  .source = "own defaults: a small model of the paper's family (Qwen3), trained in minutes on a CPU",
  .stochastic = TRUE,
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = validate,
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "lm-pretrain", .stages = stages };
