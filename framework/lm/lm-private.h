/* lm-private.h - what the files of framework/lm/ that build and store models share. */
#ifndef PR_LM_PRIVATE_H
#define PR_LM_PRIVATE_H

#include "lm/layout.h"

/* What is wrong with CONFIG, as "FIELD ...", or NULL; the caller frees.  The caller knows whose move it is: the
 * manifest's author (pr_lm_config_check) or whoever made the folder (pr_hf_config_read). */
char *pr_lm_config_fault (const PrLmConfig *config);

/* A model with zero weights: IO error if memory does not suffice.  CONFIG was checked.  Takes the tokenizer (NULL for
 * models over bare ids, which cannot be saved), also on failure. */
PrLm *pr_lm_alloc (const PrLmConfig *config, PrTokenizer *tokenizer, GError **error);
/* N(0, sd) into ret_values [n]: a pure function of (seed, stream), in parallel. */
void pr_lm_fill_normal (guint64 seed, const char *stream, float sd, gint64 n, float *ret_values);

/* config.json of Qwen3ForCausalLM, Qwen2ForCausalLM and LlamaForCausalLM, as transformers 4 and 5 write and read it. */
gboolean pr_hf_config_read (const char *path, PrLmConfig *ret_config, GError **error);
/* Ids of tokens in config.json; -1: none. */
gboolean pr_hf_config_write (const PrLmConfig *config, gint32 bos, gint32 eos, const char *path, GError **error);
/* Fill the weights of LM from DIR's model.safetensors (F32, BF16 or F16). */
gboolean pr_hf_weights_read (PrLm *lm, const char *dir, GError **error);
gboolean pr_hf_weights_write (const PrLm *lm, const char *dir, GError **error);

/* The config's products fit: any number below may be multiplied by hidden, vocab and 16 without overflow. */
#define PR_LM_MAX_VOCAB (1 << 24)
#define PR_LM_MAX_WIDTH (1 << 17)
#define PR_LM_MAX_LAYERS 1024
#define PR_LM_MAX_HEADS 1024
#define PR_LM_MAX_HEAD_DIM 1024
#define PR_LM_MAX_POSITIONS (1 << 24)

#endif
