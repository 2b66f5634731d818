/* quantizer-stage.h - run stage sid-quantizer, whose source is linked into the test, on embeddings in a folder. */
#ifndef QUANTIZER_STAGE_H
#define QUANTIZER_STAGE_H

#include "stage-check.h"

#include <pauserec/sids.h>

static const char *const embeddings_only[] = { "embeddings", NULL };

static inline void
run_stage (StageCheck *check, const char *const *set)
{
  GError *error = NULL;

  check->stage = pr_plugin.stages[0];
  check->set = set;
  check->in = embeddings_only;
  stage_check_run (check, &error);
  ck_assert_no_error (error);
}

static inline PrSids *
load_sids (const char *dir)
{
  g_autofree char *folder = g_build_filename (dir, "out", "sids", NULL);
  GError *error = NULL;
  PrSids *sids = pr_sids_load (folder, &error);

  ck_assert_no_error (error);
  return sids;
}

#define VALUE(array, i) g_array_index (array, double, i)

#endif
