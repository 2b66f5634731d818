/* tiny-world.h - three items, a few users, and a model of a few thousand weights: small enough to check tokens by hand.
 *
 * Items: 0 "Tent" by "Nord" in "Out > Tents"; 1 "Mat", description "Soft mat"; 2 without words.
 * SIDs on levels of 3 and 2 codes: item 0 = <a_0><b_0>, item 1 = <a_0><b_1>, item 2 = <a_2><b_1>.
 * Tokens: 256 bytes, 5 added tokens (256 .. 260), <a_0> = 261, <a_1>, <a_2>, <b_0> = 264, <b_1> = 265.
 */
#ifndef TINY_WORLD_H
#define TINY_WORLD_H

#include "pr-check.h"

#include <pauserec/dataset.h>
#include <pauserec/lm.h>
#include <pauserec/sids.h>

enum
{
  END_OF_TEXT = 256,
  THINK = 259,
  END_THINK = 260,
  A0 = 261,
  A1 = 262,
  A2 = 263,
  B0 = 264,
  B1 = 265,
  PAUSE = 266, /* the next token to be added */
};

/* Purchases of user u: `lengths[u]` of them, items u, u + 1, u + 2, ... modulo 3. */
static inline void
tiny_dataset_write (const char *dir, const gint64 *lengths, gsize n_users)
{
  static const char *const none[] = { NULL }, *const tents[] = { "Out", "Tents", NULL };
  const PrItem items[] = {
    { "t", "Tent", "Nord", "", tents },
    { "m", "Mat", "", "Soft mat", none },
    { "x", "", "", "", none },
  };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("tiny");
  GError *error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (items); i++)
    pr_dataset_builder_add_item (builder, &items[i]);
  for (gsize u = 0; u < n_users; u++)
    {
      g_autofree gint32 *bought = g_new (gint32, (gsize)lengths[u] + 1);
      g_autofree char *id = g_strdup_printf ("u%zu", u);

      for (gint64 i = 0; i < lengths[u]; i++)
        bought[i] = (gint32)(((gint64)u + i) % 3);
      pr_dataset_builder_add_user (builder, id, bought, lengths[u]);
    }
  pr_dataset_builder_note (builder, "tie_rule", "none");
  ck_assert_msg (pr_dataset_builder_write (builder, dir, &error), "%s", error ? error->message : "");
}

static inline PrSids *
tiny_sids (void)
{
  static const gint32 codes[] = { 0, 0, 0, 1, 2, 1 };
  const gint32 sizes[] = { 3, 2 };
  PrSids *sids = pr_sids_new (3, 2, sizes);

  memcpy (sids->codes, codes, sizeof codes);
  return sids;
}

/* A Qwen3 model of two layers; WITH_SIDS adds the SID tokens. */
static inline PrLm *
tiny_lm (gint32 max_positions, gboolean with_sids)
{
  g_autoptr (GPtrArray) documents = g_ptr_array_new ();
  GError *error = NULL;
  PrTokenizer *tokenizer = pr_tokenizer_train (documents, 261, &error);
  const PrLmConfig config = {
    .family = PR_LM_QWEN3,
    .vocab = 261,
    .hidden = 16,
    .layers = 2,
    .heads = 2,
    .kv_heads = 1,
    .head_dim = 8,
    .ffn = 24,
    .max_positions = max_positions,
    .rope_theta = 10000,
    .rms_eps = 1e-6,
    .init_sd = 0.02,
  };
  PrLm *lm = pr_lm_new (&config, tokenizer, 1, &error);

  ck_assert_no_error (error);
  if (with_sids)
    {
      g_autoptr (PrSids) sids = tiny_sids ();
      g_auto (GStrv) names = pr_sids_token_names (sids);

      ck_assert (pr_lm_add_tokens (lm, (const char *const *)names, PR_ROW_INIT_NORMAL, 1, &error));
    }
  return lm;
}

#endif
