/* reading-world.h - two worlds of which it is known what a rationale is worth, and a model taught in them within
 * seconds.
 *
 * Four items, each the only one of its category, red, lime, blue and pink.  A rationale is "you need COLOUR"; in
 * training it has any of its words in any order, or none, and "want" as often as "need": so every perturbation was read
 * before.
 *
 *   WORLD_TOLD    what is bought next is drawn; the rationale names it: the SID is a function of the rationale alone,
 *                 and whoever reads nothing guesses one of four
 *   WORLD_NOISE   what is bought next follows from the newest purchase; the rationale names a colour that is drawn
 */
#ifndef READING_WORLD_H
#define READING_WORLD_H

#include "stage-harness.h"

#include <pauserec/dataset.h>
#include <pauserec/decode.h>
#include <pauserec/lm.h>
#include <pauserec/rationales.h>
#include <pauserec/rng.h>
#include <pauserec/wording.h>

#include <math.h>

#define READING_ITEMS 4
#define READING_USERS 160
#define READING_LENGTH 8 /* purchases of a user */

typedef enum
{
  WORLD_TOLD,
  WORLD_NOISE,
} ReadingKind;

static const char *const reading_colours[READING_ITEMS] = { "red", "lime", "blue", "pink" };

typedef struct
{
  PrRegistry *registry;
  char *dir, *data, *sids, *base, *why, *gold; /* folders */
  PrDataset *dataset;
  StageResult tuned;
  char *lm;
} Reading;

static inline char *
reading_folder (const Reading *r, const char *name)
{
  char *path = g_build_filename (r->dir, name, NULL);

  g_mkdir (path, 0700);
  return path;
}

static inline void
reading_write_dataset (const Reading *r, ReadingKind kind)
{
  PrRng rng = pr_rng_new (kind, "reading");
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("reading");

  for (int i = 0; i < READING_ITEMS; i++)
    {
      const char *const path[] = { reading_colours[i], NULL };
      const PrItem item = { reading_colours[i], "", "", "", path };

      pr_dataset_builder_add_item (builder, &item);
    }
  for (guint64 u = 0; u < READING_USERS; u++)
    {
      g_autofree char *id = g_strdup_printf ("u%d", (int)u);
      gint32 bought[READING_LENGTH];

      for (guint64 t = 0; t < READING_LENGTH; t++)
        bought[t] = kind == WORLD_NOISE && t > 0 ? (bought[t - 1] + 1) % READING_ITEMS
                                                 : (gint32)pr_rng_below (rng, u, t, READING_ITEMS);
      pr_dataset_builder_add_user (builder, id, bought, READING_LENGTH);
    }
  ck_assert (pr_dataset_builder_write (builder, r->data, NULL));
}

static inline void
reading_write_model (const Reading *r)
{
  static const gint32 codes[] = { 0, 0, 0, 1, 1, 0, 1, 1 };
  const gint32 sizes[] = { 2, 2 };
  const PrLmConfig config = { .family = PR_LM_QWEN3,
                              .vocab = 261,
                              .hidden = 32,
                              .layers = 2,
                              .heads = 2,
                              .kv_heads = 2,
                              .head_dim = 16,
                              .ffn = 64,
                              .max_positions = 64,
                              .rope_theta = 10000,
                              .rms_eps = 1e-6,
                              .init_sd = 0.05 };
  g_autoptr (GPtrArray) documents = g_ptr_array_new ();
  g_autoptr (PrSids) sids = pr_sids_new (READING_ITEMS, 2, sizes);
  g_autoptr (PrProtocol) protocol = pr_protocol_new ("{history}", "", 2);
  g_autoptr (PrLm) lm = pr_lm_new (&config, pr_tokenizer_train (documents, 261, NULL), 1, NULL);
  g_auto (GStrv) names = NULL;

  memcpy (sids->codes, codes, sizeof codes);
  names = pr_sids_token_names (sids);
  ck_assert (pr_sids_save (sids, "keep", r->sids, NULL));
  ck_assert (pr_lm_add_tokens (lm, (const char *const *)names, PR_ROW_INIT_NORMAL, 1, NULL));
  pr_lm_set_protocol (lm, protocol);
  ck_assert (pr_lm_save (lm, r->base, NULL));
}

/* Some of the words, drawn for KEY. */
static inline char *
reading_words (PrRng rng, guint64 key, const char *colour)
{
  const char *const words[] = { "you", pr_rng_below (rng, key, 1, 2) ? "need" : "want", colour };
  g_autofree guint32 *order = pr_rng_permutation (rng, key, 3);
  GString *text = g_string_new (NULL);

  for (guint64 i = 0; i < pr_rng_below (rng, key, 2, 4); i++)
    g_string_append_printf (text, "%s%s", i > 0 ? " " : "", words[order[i]]);
  return g_string_free (text, FALSE);
}

/* Rationales of purchases [FROM, TO) of everybody into DIR, whole (WHOLE) or some of their words. */
static inline void
reading_write_rationales (const Reading *r, ReadingKind kind, gint32 from, gint32 to, gboolean whole, const char *dir)
{
  PrRng rng = pr_rng_new (kind, "reading/why"), words = pr_rng_new (kind, "reading/words");
  g_autoptr (PrRationales) rationales = pr_rationales_new ();

  for (gint32 u = 0; u < READING_USERS; u++)
    for (gint32 t = from; t < to; t++)
      {
        gint64 n;
        gint32 item = pr_dataset_sequence (r->dataset, u, &n)[t];
        gint32 colour = kind == WORLD_TOLD ? item : (gint32)pr_rng_below (rng, (guint64)u, (guint64)t, READING_ITEMS);
        g_autofree char *text = whole ? g_strconcat ("you need ", reading_colours[colour], NULL)
                                      : reading_words (words, (guint64)u << 8 | (guint64)t, reading_colours[colour]);
        const PrRationale why = { .user = u,
                                  .position = t,
                                  .text = text,
                                  .teacher = "template",
                                  .prompt = "0000000000000000000000000000000000000000000000000000000000000000" };

        pr_rationales_add (rationales, &why);
      }
  ck_assert (pr_rationales_save (rationales, r->dataset, dir, NULL));
}

static inline void
reading_init (Reading *r, ReadingKind kind, const char *training)
{
  memset (r, 0, sizeof *r);
  r->registry = pr_registry_new ();
  r->dir = pr_check_tmpdir ();
  r->data = reading_folder (r, "data");
  r->sids = reading_folder (r, "sids");
  r->base = reading_folder (r, "base");
  r->why = reading_folder (r, "why");
  r->gold = reading_folder (r, "gold");
  reading_write_dataset (r, kind);
  r->dataset = pr_dataset_load (r->data, NULL);
  ck_assert_ptr_nonnull (r->dataset);
  reading_write_model (r);
  reading_write_rationales (r, kind, 1, READING_LENGTH - 2, FALSE, r->why);
  reading_write_rationales (r, kind, READING_LENGTH - 1, READING_LENGTH, TRUE, r->gold);

  const char *const inputs[] = { "lm", r->base, "dataset", r->data, "sids", r->sids, "rationales", r->why, NULL };
  GError *error = NULL;

  ck_assert_msg (harness_run (r->registry, "explicit-cot", training, inputs, 1, &r->tuned, &error), "%s",
                 error != NULL ? error->message : "");
  r->lm = harness_output (&r->tuned, "lm");
}

static inline void
reading_clear (Reading *r)
{
  stage_result_clear (&r->tuned);
  g_clear_pointer (&r->dataset, pr_dataset_free);
  g_clear_pointer (&r->registry, pr_registry_free);
  pr_check_rmdir (r->dir);
  g_free (r->dir);
  g_free (r->data);
  g_free (r->sids);
  g_free (r->base);
  g_free (r->why);
  g_free (r->gold);
  g_free (r->lm);
}

/* The stage on the world; LM NULL: the tuned one. */
static inline gboolean
reading_try (Reading *r, const char *stage, const char *settings, const char *lm, guint64 seed, StageResult *result,
             GError **error)
{
  const char *const inputs[] = {
    "lm", lm != NULL ? lm : r->lm, "dataset", r->data, "sids", r->sids, "rationales", r->gold, NULL
  };

  harness_stage (r->registry, "probe-rationale-sensitivity"); /* both stages are in one plugin */
  return harness_run (r->registry, stage, settings, inputs, seed, result, error);
}

static inline void
reading_run (Reading *r, const char *stage, const char *settings, guint64 seed, StageResult *result)
{
  GError *error = NULL;

  ck_assert_msg (reading_try (r, stage, settings, NULL, seed, result, &error), "%s",
                 error != NULL ? error->message : "");
}

/* Values of a user metric, [READING_USERS], borrowed. */
static inline const float *
reading_users (const StageResult *result, const char *name)
{
  const GArray *values = record_users (result->record, name);

  ck_assert_uint_eq (values->len, READING_USERS);
  return (const float *)(gconstpointer)values->data;
}

static inline guint
reading_defined (const StageResult *result, const char *name)
{
  const float *values = reading_users (result, name);
  guint n = 0;

  for (gsize u = 0; u < READING_USERS; u++)
    n += !isnan (values[u]);
  return n;
}

static inline double
reading_mean (const StageResult *result, const char *name)
{
  const float *values = reading_users (result, name);
  double sum = 0;

  for (gsize u = 0; u < READING_USERS; u++)
    sum += isnan (values[u]) ? 0 : (double)values[u];
  return sum / MAX (reading_defined (result, name), 1);
}

#endif
