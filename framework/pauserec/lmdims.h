/* lmdims.h - the shape of a language model as dimensions of an `lm/1` slot, for plan() and run().
 *
 * Dimensions: "family", "hidden", "layers", "heads", "kv_heads", "head_dim", "ffn", "max_positions", and, once
 * known, "vocab" and "n_params" (a trained tokenizer may end with fewer tokens than were asked for); "sid_tokens", "tuned"
 * and, of models that were fine-tuned, "thinking" (require.h).
 */
#ifndef PAUSEREC_LMDIMS_H
#define PAUSEREC_LMDIMS_H

#include <pauserec/lm.h>
#include <pauserec/run.h>
#include <pauserec/train.h>

G_BEGIN_DECLS

/* Promise the shape of an output.  VOCAB_KNOWN FALSE: vocab and n_params stay PR_DIM_UNKNOWN. */
void pr_plan_set_lm (PrPlan *plan, const char *slot, const PrLmConfig *config, gboolean vocab_known);
/* Shape of the model on an input slot; FALSE where it is not known.  *ret_vocab_known (may be NULL) is FALSE if
 * config->vocab is only an estimate (PR_LM_VOCAB_GUESS); rope_theta, rms_eps and init_sd are defaults. */
#define PR_LM_VOCAB_GUESS 8192
gboolean pr_plan_input_lm (const PrPlan *plan, const char *slot, PrLmConfig *ret_config, gboolean *ret_vocab_known);
/* Say the shape of what was made. */
void pr_run_set_lm (PrRun *run, const char *slot, const PrLm *lm);

/* For plan(): memory and work of training a model of CONFIG on N_EXAMPLES (PR_DIM_UNKNOWN: only memory is said) of
 * about TOKENS tokens. */
void pr_plan_set_training (PrPlan *plan, const PrLmConfig *config, const PrTrainParams *params, gint64 n_examples,
                           double tokens);
/* The same for examples with LATENTS latent positions (lm.h) each, which cost passes of their own. */
void pr_plan_set_latent_training (PrPlan *plan, const PrLmConfig *config, const PrTrainParams *params,
                                  gint64 n_examples, double tokens, double latents);

G_END_DECLS

#endif
