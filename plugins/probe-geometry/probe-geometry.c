/* probe-geometry - do words and semantic ids of a model share a space?  (paper section 2, finding 4: misalignment)
 *
 * Measures the rows of the embedding, and the last hidden states at positions of text and of SIDs in sentences about
 * the data's items and users, by geometry.h.  Changes nothing; run it after any stage whose model has SID tokens.
 */
#include "config.h"

#include "states.h"

#include <string.h>

typedef struct
{
  int64_t users, history, text_tokens, min_count, points;
  PrGeometryParams geometry;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_INT (Params, users, 0, G_MAXINT32, 1000,
                "Users whose histories and newest items are read for hidden states, the same for every model; 0: all."),
  PR_PARAM_INT (Params, history, 1, 100000, 20,
                "Purchases shown at most; fewer where the model's own prompt shows fewer."),
  PR_PARAM_INT (Params, text_tokens, 1, 65536, 64, "Longest description of an item, in tokens."),
  PR_PARAM_INT (Params, min_count, 0, G_MAXINT32, 1,
                "Words that the items' texts use less often, and SID tokens that fewer items have, are left out of the "
                "embedding; 0: the whole vocabulary."),
  PR_PARAM_INT (Params, points, 2, 1 << 20, 500,
                "Vectors of text and of SIDs, at most, in the projections to two dimensions."),
  PR_GEOMETRY_PARAMS (Params),
};

static const PrSlotSpec slots[] = {
  PR_REC_INPUT_SLOTS ("The model to look into; it must have the SID tokens."),
};

/* Nobody knows how long the data's texts are before they are read. */
#define TOKENS_GUESS 128

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error)
{
  const Params *p = params_;
  gint64 n_users = pr_plan_input_dim (plan_, "dataset", "n_users");
  double vectors = 2.0 * (double)p->geometry.vectors, d;
  PrLmConfig config;

  if (!pr_plan_require_sids (plan_, "lm", error))
    return FALSE;
  if (!pr_plan_input_lm (plan_, "lm", &config, NULL))
    return TRUE;
  d = config.hidden;
  /* Weights; both kinds of vectors a few times over; similarities of a block of rows; matrices of the probe and of the
   * projection. */
  pr_plan_set_memory (plan_, (guint64)pr_lm_config_n_params (&config) * sizeof (float)
                                 + (guint64)(vectors * (d * 20 + 1024) + d * d * 32));
  if (n_users > 0 && p->users > 0)
    n_users = MIN (n_users, p->users);
  if (n_users > 0)
    pr_plan_set_flops (
        plan_, (double)n_users * TOKENS_GUESS * pr_lm_config_token_flops (&config, TOKENS_GUESS / 4.0)
                   + 2 * pr_geometry_flops (p->geometry.vectors, p->geometry.vectors, config.hidden, &p->geometry));
  return TRUE;
}

/* Vectors of text and of SIDs, and the tokens that they belong to. */
typedef struct
{
  const char *name; /* before measures: "embedding" */
  const PrMatrix *rows[2];
  const gint32 *tokens[2];
} Vectors;

static void
say (PrRun *run, const Vectors *v, const char *what, double value)
{
  g_autofree char *full = g_strconcat (v->name, "_", what, NULL);

  pr_run_metric (run, full, value);
}

/* As many vectors of both kinds in the plane that shows most of them: table <name>_projection. */
static gboolean
project (PrRun *run, const Vectors *v, const PrTokenGroups *groups, gint64 points, GError **error)
{
  gint64 n = MIN (points, MIN (v->rows[0]->rows, v->rows[1]->rows)), d = v->rows[0]->columns, ignored;
  g_autoptr (PrMatrix) both = pr_matrix_new (2 * n, d, error);
  g_autofree double *xy = g_new (double, 4 * n);
  g_autofree gint32 *tokens = g_new (gint32, 2 * n);
  g_autofree char *table = g_strconcat (v->name, "_projection", NULL);
  double share;

  if (both == NULL)
    return FALSE;
  for (int kind = 0; kind < 2; kind++)
    {
      g_autofree guint32 *chosen = pr_geometry_sample (v->rows[kind]->rows, n, &ignored);

      for (gint64 i = 0; i < n; i++)
        {
          memcpy (both->data + (kind * n + i) * d, v->rows[kind]->data + chosen[i] * d, (gsize)d * sizeof (float));
          tokens[kind * n + i] = v->tokens[kind][chosen[i]];
        }
    }
  if (!pr_geometry_project (both, xy, &share, error))
    return FALSE;
  say (run, v, "projection_share", share);
  for (gint64 i = 0; i < 2 * n; i++)
    {
      pr_run_table (run, table, "x", xy[2 * i]);
      pr_run_table (run, table, "y", xy[2 * i + 1]);
      pr_run_table (run, table, "kind", groups->kinds[tokens[i]]);
      pr_run_table (run, table, "token", tokens[i]);
    }
  return TRUE;
}

static gboolean
report (PrRun *run, const Vectors *v, const PrTokenGroups *groups, const Params *p, GError **error)
{
  double values[PR_N_GEOMETRY];

  if (!pr_geometry_measure (v->rows[0], v->rows[1], &p->geometry, values, error))
    return FALSE;
  for (int i = 0; i < PR_N_GEOMETRY; i++)
    say (run, v, pr_geometry_names[i], values[i]);
  pr_run_add_cost (run, PR_COST_FLOPS,
                   pr_geometry_flops (v->rows[0]->rows, v->rows[1]->rows, v->rows[0]->columns, &p->geometry));
  say (run, v, "vectors_text", (double)MIN (v->rows[0]->rows, p->geometry.vectors));
  say (run, v, "vectors_sid", (double)MIN (v->rows[1]->rows, p->geometry.vectors));
  return project (run, v, groups, p->points, error);
}

static gboolean
report_embedding (PrRun *run, PrLm *lm, const PrTokenGroups *groups, const Params *p, GError **error)
{
  g_autoptr (PrMatrix) text = pr_geometry_rows (lm, groups->text, groups->n_text, error);
  g_autoptr (PrMatrix) sids = text != NULL ? pr_geometry_rows (lm, groups->sids, groups->n_sids, error) : NULL;
  const Vectors vectors = { "embedding", { text, sids }, { groups->text, groups->sids } };

  return sids != NULL && report (run, &vectors, groups, p, error);
}

static gboolean
report_hidden (PrRun *run, const PrRecInputs *inputs, const PrTokenGroups *groups, const Params *p, GError **error)
{
  const StatesParams states = { p->users, p->history, p->text_tokens, p->geometry.vectors };
  g_auto (States) text = { 0 }, sids = { 0 };

  if (!states_read (run, inputs->lm, inputs->dataset, inputs->sids, groups, &states, &text, &sids, error))
    return FALSE;

  const Vectors vectors = { "hidden",
                            { text.rows, sids.rows },
                            { (const gint32 *)(void *)text.tokens->data, (const gint32 *)(void *)sids.tokens->data } };

  return report (run, &vectors, groups, p, error);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_auto (PrRecInputs) inputs = { 0 };
  g_autoptr (PrTokenGroups) groups = NULL;

  return pr_rec_inputs_load (run_, &inputs, error)
         && (groups = pr_token_groups_new (inputs.lm, inputs.dataset, inputs.sids, p->min_count, error)) != NULL
         && report_embedding (run_, inputs.lm, groups, p, error) && report_hidden (run_, &inputs, groups, p, error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "probe-geometry",
  .version = "1",
  .summary = "Measure how far words and semantic ids of a model are apart, in its embedding and its hidden states.",
  .source = "PauseRec section 2 (misalignment); how it was measured is not public, the measures are ours",
  .stochastic = FALSE, /* samples are the same for every seed: models differ, not what they are asked */
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "probe-geometry", .stages = stages };
