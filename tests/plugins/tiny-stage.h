/* tiny-stage.h - run fine-tuning stages on the world of three items (tiny-world.h): six users, their data and SIDs on
 * disk, and a model whose weights are fresh. */
#ifndef TINY_STAGE_H
#define TINY_STAGE_H

#include "stage-harness.h"
#include "tiny-world.h"

#include <pauserec/protocol.h>

/* Of a running test; user u buys items u, u + 1, ... modulo 3, `tiny_lengths[u]` of them. */
static PrRegistry *tiny_registry;
static char *tiny_dir, *tiny_lm_dir, *tiny_data_dir, *tiny_sids_dir;

static const gint64 tiny_lengths[] = { 4, 5, 6, 7, 8, 9 };
#define TINY_USERS G_N_ELEMENTS (tiny_lengths)

static inline char *
tiny_folder (const char *name)
{
  char *path = g_build_filename (tiny_dir, name, NULL);

  g_mkdir (path, 0700);
  return path;
}

/* The fresh model, asked "U:" and three purchases in this mode (two pauses or latent steps); without ASKED nobody has
 * said how. */
static inline void
tiny_save_model (PrThinking thinking, gboolean asked)
{
  g_autoptr (PrLm) lm = tiny_lm (64, TRUE);
  g_autoptr (PrProtocol) protocol = pr_protocol_new ("U:{history}", "", 3);
  const char *const names[] = { PR_PAUSE_TOKEN, NULL };

  protocol->thinking = thinking;
  protocol->pauses = thinking == PR_THINKING_PAUSE || thinking == PR_THINKING_LATENT ? 2 : 0;
  if (thinking == PR_THINKING_PAUSE)
    ck_assert (pr_lm_add_tokens (lm, names, PR_ROW_INIT_MEAN, 1, NULL));
  if (asked)
    pr_lm_set_protocol (lm, protocol);
  ck_assert (pr_lm_save (lm, tiny_lm_dir, NULL));
}

static inline void
tiny_setup (void)
{
  g_autoptr (PrSids) sids = tiny_sids ();

  tiny_registry = pr_registry_new ();
  tiny_dir = pr_check_tmpdir ();
  tiny_lm_dir = tiny_folder ("lm");
  tiny_data_dir = tiny_folder ("data");
  tiny_sids_dir = tiny_folder ("sids");
  tiny_dataset_write (tiny_data_dir, tiny_lengths, TINY_USERS);
  ck_assert (pr_sids_save (sids, "keep", tiny_sids_dir, NULL));
  tiny_save_model (PR_THINKING_NONE, TRUE);
}

static inline void
tiny_teardown (void)
{
  pr_registry_free (tiny_registry);
  pr_check_rmdir (tiny_dir);
  g_free (tiny_dir);
  g_free (tiny_lm_dir);
  g_free (tiny_data_dir);
  g_free (tiny_sids_dir);
}

/* Inputs of stage NAME: the data, the model in LM (NULL: the fresh one), and a further SLOT in folder DIR (NULL: none).
 */
#define TINY_INPUTS(lm, slot, dir)                                                                                     \
  {                                                                                                                    \
    "lm", (lm) != NULL ? (lm) : tiny_lm_dir, "dataset", tiny_data_dir, "sids", tiny_sids_dir, slot, dir, NULL          \
  }

static inline gboolean
tiny_try (const char *name, const char *settings, const char *lm, const char *slot, const char *dir,
          StageResult *result, GError **error)
{
  const char *const inputs[] = TINY_INPUTS (lm, slot, dir);

  return harness_run (tiny_registry, name, settings, inputs, 1, result, error);
}

static inline void
tiny_run (const char *name, const char *settings, const char *lm, const char *slot, const char *dir,
          StageResult *result)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = tiny_try (name, settings, lm, slot, dir, result, &error);

  ck_assert_no_error (error);
  ck_assert (ok);
}

static inline void
tiny_fails (const char *name, const char *settings, const char *lm, const char *slot, const char *dir, PrError code,
            const char *part)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;

  ck_assert (!tiny_try (name, settings, lm, slot, dir, &result, &error));
  ck_assert_pr_error (error, code, part);
}

/* The model in a folder, or that a stage has made. */
static inline PrLm *
tiny_load (const char *dir)
{
  GError *error = NULL;
  PrLm *lm = pr_lm_load (dir, &error);

  ck_assert_no_error (error);
  return lm;
}

static inline PrLm *
tiny_output_model (const StageResult *result)
{
  g_autofree char *path = harness_output (result, "lm");

  return tiny_load (path);
}

/* The first and last value of a curve. */
static inline double
curve_first (const GArray *curve)
{
  return g_array_index (curve, double, 0);
}

static inline double
curve_last (const GArray *curve)
{
  return g_array_index (curve, double, curve->len - 1);
}

#endif
