/* lm-fixture.h - tiny models and example sources for the tests of framework/lm. */
#ifndef LM_FIXTURE_H
#define LM_FIXTURE_H

#include "pr-check.h"

#include <pauserec/rng.h>
#include <pauserec/train.h>

#include "lm/layout.h"

#define FIXTURE_VOCAB 261 /* 256 bytes and the five added tokens */

static inline PrTokenizer *
fixture_tokenizer (void)
{
  GPtrArray *documents = g_ptr_array_new ();
  GError *error = NULL;
  PrTokenizer *tokenizer = pr_tokenizer_train (documents, FIXTURE_VOCAB, &error);

  ck_assert_no_error (error);
  ck_assert_int_eq (pr_tokenizer_vocab_size (tokenizer), FIXTURE_VOCAB);
  g_ptr_array_unref (documents);
  return tokenizer;
}

static inline PrLmConfig
fixture_config (PrLmFamily family)
{
  return (PrLmConfig){
    .family = family,
    .vocab = 264, /* three rows without a token, as Qwen's padding */
    .hidden = 16,
    .layers = 2,
    .heads = 4,
    .kv_heads = 2,
    .head_dim = family == PR_LM_QWEN3 ? 6 : 4,
    .ffn = 24,
    .max_positions = 64,
    .rope_theta = 10000,
    .rms_eps = 1e-6,
    .init_sd = 0.2,
  };
}

static inline PrLm *
fixture_lm (PrLmFamily family, guint64 seed)
{
  PrLmConfig config = fixture_config (family);
  GError *error = NULL;
  PrLm *lm = pr_lm_new (&config, fixture_tokenizer (), seed, &error);

  ck_assert_no_error (error);
  return lm;
}

/* Sequences of random tokens, the same in every epoch: something to learn by heart. */
typedef struct
{
  guint64 seed;
  gsize offset; /* added to the index */
  gint32 length, vocab;
  gint32 skip; /* every skip-th example carries no loss; 0: none */
  guint calls;
} Parrot;

static inline gboolean
parrot_example (gpointer ctx, guint epoch G_GNUC_UNUSED, gsize index, PrExample *example, GError **error G_GNUC_UNUSED)
{
  Parrot *parrot = ctx;
  PrRng rng = pr_rng_new (parrot->seed, "parrot");
  /* Lengths vary, so that chunks do not all look alike. */
  gint32 n = parrot->length - (gint32)(index % 3);
  gboolean silent = parrot->skip > 0 && index % (gsize)parrot->skip == 0;

  parrot->calls++;
  for (gint32 i = 0; i < n; i++)
    pr_example_add (example, (gint32)pr_rng_below (rng, index + parrot->offset, (guint64)i, (guint64)parrot->vocab),
                    !silent);
  return TRUE;
}

static inline PrTrainParams
fixture_params (void)
{
  return (PrTrainParams){
    .epochs = 3,
    .batch_size = 4,
    .lr = 3e-3,
    .schedule = PR_SCHEDULE_COSINE,
    .warmup = 0.1,
    .weight_decay = 0.01,
    .beta1 = 0.9,
    .beta2 = 0.999,
    .eps = 1e-8,
    .clip = 1,
    .chunk_tokens = 32,
    .eval_every = 1,
    .keep_best = true,
  };
}

static inline gboolean
fixture_same_weights (const PrLm *a, const PrLm *b)
{
  return a->layout->size == b->layout->size
         && memcmp (a->weights, b->weights, (gsize)a->layout->size * sizeof (float)) == 0;
}

#endif
