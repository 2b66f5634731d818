/* decode-fixture.h - random tiny models over bare ids and random prompts, for the tests of decoding. */
#ifndef DECODE_FIXTURE_H
#define DECODE_FIXTURE_H

#include "pr-check.h"

#include "lm/layout.h"

#include <pauserec/rng.h>

#define FIXTURE_VOCAB 90
#define FIXTURE_POSITIONS 64

typedef struct
{
  PrLm *lm;
  GArray *tokens, *offsets; /* prompts of 1 to 20 tokens */
  gsize n;
} Prompts;

#define TOKENS(p) ((gint32 *)(gpointer)(p)->tokens->data)
#define OFFSETS(p) ((gint32 *)(gpointer)(p)->offsets->data)

static inline gint32
fixture_pick (PrRng rng, guint64 what, gint32 low, gint32 high)
{
  return low + (gint32)pr_rng_below (rng, 0, what, (guint64)(high - low + 1));
}

static inline PrLm *
fixture_lm (PrRng rng, PrLmFamily family)
{
  PrLmConfig config = { .family = family,
                        .vocab = FIXTURE_VOCAB,
                        .hidden = fixture_pick (rng, 1, 8, 24),
                        .layers = fixture_pick (rng, 2, 1, 3),
                        .kv_heads = fixture_pick (rng, 3, 1, 2),
                        .head_dim = 8,
                        .ffn = fixture_pick (rng, 4, 5, 40),
                        .max_positions = FIXTURE_POSITIONS,
                        .rope_theta = 1e4,
                        .rms_eps = 1e-6,
                        .init_sd = .3 };
  GError *error = NULL;
  PrLm *lm;

  config.heads = config.kv_heads * fixture_pick (rng, 5, 1, 3);
  lm = pr_lm_new (&config, NULL, pr_rng_u64 (rng, 1, 0), &error);
  ck_assert_no_error (error);
  return lm;
}

static inline void
prompts_init (Prompts *p, guint64 seed, PrLmFamily family, gsize n)
{
  PrRng rng = pr_rng_new (seed, "prompts");
  gint32 end = 0;

  p->lm = fixture_lm (rng, family);
  p->n = n;
  p->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  p->offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_val (p->offsets, end);
  for (gsize i = 0; i < n; i++)
    {
      for (gint32 left = fixture_pick (rng, 100 + i, 1, 20); left > 0; left--, end++)
        {
          gint32 token = (gint32)pr_rng_below (rng, 2, (guint64)end, FIXTURE_VOCAB);

          g_array_append_val (p->tokens, token);
        }
      g_array_append_val (p->offsets, end);
    }
}

static inline void
prompts_clear (Prompts *p)
{
  pr_lm_free (p->lm);
  g_array_unref (p->tokens);
  g_array_unref (p->offsets);
}

#endif
