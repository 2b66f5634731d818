/* sid-quantizer - item embeddings to semantic ids.
 *
 * PauseRec takes semantic ids as given (paper section 2); the methods are those of its neighbours.  `random` is the
 * control that tells how much the content of an id matters at all.
 */
#include "config.h"

#include "collisions.h"
#include "kmeans.h"
#include "quantizer.h"
#include "report.h"
#include "rqvae.h"

#include <math.h>

static const char *const methods[] = { "rkmeans", "random", "rqvae", NULL };
static const char *const policies[] = { "digit", "reassign", "keep", NULL };

static const PrParamSpec params[] = {
  PR_PARAM_CHOICE (
      Params, method, methods, METHOD_RKMEANS,
      "rkmeans: residual k-means; random: uniform codes, the control that knows nothing of the items; rqvae: an "
      "autoencoder learns the space and the codes (TIGER, LC-Rec)."),
  PR_PARAM_INTS (Params, sizes, 1, 16384, "256,256,256", "Codes of each level (GRID, TIGER: 3 x 256)."),
  PR_PARAM_CHOICE (Params, collisions, policies, POLICY_DIGIT,
                   "Items with equal codes: digit adds a level, 0 if unique, else 1..N (GRID); reassign moves all but "
                   "one to the nearest free last-level code (LC-Rec); keep leaves them."),
  PR_PARAM_BOOL (Params, normalise_residuals, true, "Scale residuals to length one before each level (GRID)."),
  PR_PARAM_INT (Params, iterations, 1, 10000, 25,
                "Lloyd iterations at most, per level and restart; of rqvae's start too."),
  PR_PARAM_INT (Params, restarts, 1, 100, 1, "Fits per level with different seeds; the lowest objective is kept."),
  PR_PARAM_INT (Params, rounds, 1, 1000, 20, "Rounds of reassign at most (LC-Rec: 20)."),
  PR_PARAM_INTS (Params, rqvae_hidden, 1, 16384, "512,256,128",
                 "rqvae: hidden layers of the encoder, the decoder's backwards (TIGER)."),
  PR_PARAM_INT (Params, rqvae_latent, 1, 4096, 32, "rqvae: dimensions of the latent vector and of the codes (TIGER)."),
  PR_PARAM_INT (Params, rqvae_epochs, 1, 1000000, 60, "rqvae: passes over the items (our choice)."),
  PR_PARAM_INT (Params, rqvae_batch_size, 1, 65536, 256,
                "rqvae: items a step (our choice; TIGER: 1024 and many more epochs)."),
  PR_PARAM_REAL (Params, rqvae_lr, 1e-9, 10, 2e-3,
                 "rqvae: first learning rate of AdamW; it falls linearly to 0 (our choice)."),
  PR_PARAM_REAL (Params, rqvae_weight_decay, 0, 1, 1e-4, "rqvae: decay of the matrices (our choice)."),
  PR_PARAM_REAL (Params, rqvae_beta, 0, 100, 0.25,
                 "rqvae: weight of the commitment of the encoder to the codes (TIGER)."),
  PR_PARAM_INT (Params, rqvae_dead_steps, 0, 1000000, 50,
                "rqvae: a code that no item chose for so many steps moves to a random residual; 0: never."),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "embeddings", "embeddings/1", "One row per item.", FALSE },
  { PR_SLOT_IN, "dataset", "dataset/1", "Only to check that the rows are its items.", TRUE },
  { PR_SLOT_OUT, "sids", "sids/1", "The semantic id of every item.", FALSE },
};

static void
draw_codes (Quantizer *q)
{
  for (gint32 level = 0; level < q->sids->levels; level++)
    {
      g_autofree char *stream = g_strdup_printf ("sid-quantizer/random/%d", (int)level);
      PrRng rng = pr_rng_new (pr_run_seed (q->run), stream);

      for (gint64 i = 0; i < q->sids->n_items; i++)
        q->sids->codes[i * q->sids->levels + level] =
            (gint32)pr_rng_below (rng, 0, (guint64)i, (guint64)q->sids->sizes[level]);
      pr_run_table (q->run, "codebook", "unexplained", NAN);
    }
}

static void
centroid_costs (gpointer ctx, gint64 item, double *ret_costs)
{
  Quantizer *q = ctx;

  kmeans_distances (q->last_inputs + item * q->width, q->last_codes, q->sids->sizes[q->sids->levels - 1], q->width,
                    ret_costs);
}

static void
random_costs (gpointer ctx, gint64 item, double *ret_costs)
{
  Quantizer *q = ctx;
  PrRng rng = pr_rng_new (pr_run_seed (q->run), "sid-quantizer/random/reassign");

  for (gint32 c = 0; c < q->sids->sizes[q->sids->levels - 1]; c++)
    ret_costs[c] = pr_rng_uniform (rng, (guint64)item, (guint64)c);
}

static void
resolve_collisions (Quantizer *q)
{
  const Params *p = q->params;

  report_collisions (q->run, q->sids, TRUE);
  if (p->collisions == POLICY_REASSIGN)
    {
      gint64 moved =
          collisions_reassign (q->sids, p->rounds, q->last_inputs == NULL ? random_costs : centroid_costs, q);

      pr_run_metric (q->run, "moved_items", (double)moved);
    }
  report_levels (q->run, q->sids);
  if (p->collisions == POLICY_DIGIT)
    {
      PrSids *longer = collisions_add_digit (q->sids);

      pr_sids_free (q->sids);
      q->sids = longer;
    }
  report_collisions (q->run, q->sids, FALSE);
}

static gboolean
validate_rqvae (const Params *p, GError **error)
{
  int64_t most = 0;

  for (gint64 l = 0; l < p->sizes.n; l++)
    most = MAX (most, p->sizes.v[l]);
  if (p->rqvae_hidden.n > RQVAE_MAX_HIDDEN)
    g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "rqvae_hidden: %d layers, but at most %d are possible",
                 (int)p->rqvae_hidden.n, RQVAE_MAX_HIDDEN);
  else if (p->restarts != 1)
    g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST,
                         "restarts: method = rqvae trains once; leave it out or use method = rkmeans");
  else if (p->rqvae_dead_steps > 0 && p->rqvae_dead_steps * p->rqvae_batch_size < most)
    g_set_error (
        error, PR_ERROR, PR_ERROR_MANIFEST,
        "rqvae_dead_steps: in %d steps of %d items not all %d codes of a level can be chosen, so that codes in "
        "use would be moved; raise it or rqvae_batch_size",
        (int)p->rqvae_dead_steps, (int)p->rqvae_batch_size, (int)most);
  else
    return TRUE;
  return FALSE;
}

static gboolean
quantizer_validate (const void *params_, GError **error)
{
  const Params *p = params_;
  gint64 most = PR_SID_MAX_LEVELS - (p->collisions == POLICY_DIGIT);

  if (p->sizes.n >= 1 && p->sizes.n <= most)
    return p->method != METHOD_RQVAE || validate_rqvae (p, error);
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "sizes: %d levels, but 1 to %d are possible%s", (int)p->sizes.n,
               (int)most, p->collisions == POLICY_DIGIT ? " beside the digit of collisions = digit" : "");
  return FALSE;
}

static gboolean
quantizer_plan (const void *params_, PrPlan *plan, GError **error)
{
  const Params *p = params_;
  gint64 n = pr_plan_input_dim (plan, "embeddings", "n_items"), d = pr_plan_input_dim (plan, "embeddings", "d");
  double bytes = 4.0 * (double)n * (double)d, flops = 0;

  (void)error;
  pr_plan_set_dim (plan, "sids", "n_items", n);
  pr_plan_set_dim (plan, "sids", "levels", p->sizes.n + (p->collisions == POLICY_DIGIT));
  if (n < 0 || d < 0)
    return TRUE;
  if (p->method == METHOD_RKMEANS)
    rkmeans_estimate (p, n, d, &bytes, &flops);
  else if (p->method == METHOD_RQVAE)
    rqvae_estimate (p, n, d, &bytes, &flops);
  pr_plan_set_memory (plan, (guint64)bytes);
  pr_plan_set_flops (plan, flops);
  return TRUE;
}

static PrMatrix *
load_embeddings (PrRun *run, GError **error)
{
  g_autoptr (PrMatrix) embeddings = pr_embeddings_load (pr_run_input_dir (run, "embeddings"), error);
  const char *dir = pr_run_input_dir (run, "dataset");

  if (embeddings == NULL)
    return NULL;
  if (dir != NULL)
    {
      g_autoptr (PrDataset) dataset = pr_dataset_load (dir, error);

      if (dataset == NULL)
        return NULL;
      if (pr_dataset_n_items (dataset) != embeddings->rows)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                       "stage %s: %" G_GINT64_FORMAT " rows of embeddings, but the data set has %" G_GINT64_FORMAT
                       " items; connect the embeddings of this data set",
                       pr_run_stage_name (run), embeddings->rows, pr_dataset_n_items (dataset));
          return NULL;
        }
    }
  for (gint64 i = 0; i < embeddings->rows * embeddings->columns; i++)
    if (!isfinite (embeddings->data[i]))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC,
                     "stage %s: the embedding of item %" G_GINT64_FORMAT
                     " is not finite; look at the stage that made it",
                     pr_run_stage_name (run), i / embeddings->columns);
        return NULL;
      }
  return g_steal_pointer (&embeddings);
}

static gboolean
find_codes (Quantizer *q, GError **error)
{
  switch (q->params->method)
    {
    case METHOD_RKMEANS:
      return rkmeans_quantize (q, error);
    case METHOD_RQVAE:
      return rqvae_quantize (q, error);
    default:
      draw_codes (q);
      return TRUE;
    }
}

static gboolean
quantize (Quantizer *q, GError **error)
{
  const Params *p = q->params;
  gint32 sizes[PR_SID_MAX_LEVELS];

  q->embeddings = load_embeddings (q->run, error);
  if (q->embeddings == NULL)
    return FALSE;
  for (gint64 l = 0; l < p->sizes.n; l++)
    sizes[l] = (gint32)p->sizes.v[l];
  q->sids = pr_sids_new (q->embeddings->rows, (gint32)p->sizes.n, sizes);
  if (!find_codes (q, error))
    return FALSE;
  resolve_collisions (q);
  pr_run_set_dim (q->run, "sids", "n_items", q->sids->n_items);
  pr_run_set_dim (q->run, "sids", "levels", q->sids->levels);
  return pr_sids_save (q->sids, policies[p->collisions], pr_run_output_dir (q->run, "sids"), error);
}

static gboolean
quantizer_run (const void *params_, PrRun *run, GError **error)
{
  Quantizer q = { .params = params_, .run = run };
  gboolean ok = quantize (&q, error);

  g_clear_pointer (&q.embeddings, pr_matrix_free);
  g_clear_pointer (&q.sids, pr_sids_free);
  g_free (q.last_inputs);
  g_free (q.last_codes);
  return ok;
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "sid-quantizer",
  .version = "3",
  .summary = "Turn item embeddings into semantic ids.",
  .source = "GRID residual k-means; TIGER RQ-VAE; LC-Rec reassignment",
  .stochastic = TRUE,
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = quantizer_validate,
  .plan = quantizer_plan,
  .run = quantizer_run,
};

static const PrStage *const stages[] = { &stage, NULL };

PR_EXPORT const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "sid-quantizer", .stages = stages };
