/* item-embedder - a vector for every item, for semantic ids to be made of.
 *
 * PauseRec and its neighbours (paper section 6) embed item text with a pre-trained encoder: Sentence-T5 in TIGER, a
 * mean-pooled language model in GRID and LC-Rec.  `tfidf-svd` needs no pre-trained weights; `lm` pools a model of the
 * pipeline; `npy` takes vectors made elsewhere.  Purchases can join in: cooccurrence_weight appends a decomposition of
 * what is bought together.
 */
#include <pauserec/pauserec.h>

#include "cooccurrence.h"
#include "pool.h"
#include "svd.h"
#include "tfidf.h"

#include <math.h>
#include <string.h>

enum
{
  METHOD_TFIDF,
  METHOD_LM,
  METHOD_NPY
};
static const char *const methods[] = { "tfidf-svd", "lm", "npy", NULL };

typedef struct
{
  int method;
  int64_t dims, min_df, oversample, power, max_tokens, batch_tokens, cooccurrence_dims, cooccurrence_window;
  double max_share, title_weight, brand_weight, categories_weight, description_weight, cooccurrence_weight;
  const char *npy;
  bool normalise;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_CHOICE (Params, method, methods, METHOD_TFIDF,
                   "tfidf-svd: words of the item; lm: mean last hidden state of the connected model; npy: a file."),
  PR_PARAM_INT (Params, dims, 1, 4096, 256, "Width of the vectors (tfidf-svd); 64 to 768 are usual."),
  PR_PARAM_INT (Params, min_df, 1, 1000000, 2, "Words in fewer items than this are left out."),
  PR_PARAM_REAL (Params, max_share, 0.001, 1.0, 0.5, "Words in a larger share of the items than this are left out."),
  PR_PARAM_REAL (Params, title_weight, 0.0, 1000.0, 1.0, "Weight of words in the title."),
  PR_PARAM_REAL (Params, brand_weight, 0.0, 1000.0, 1.0, "Weight of words in the brand."),
  PR_PARAM_REAL (Params, categories_weight, 0.0, 1000.0, 1.0, "Weight of words in the categories."),
  PR_PARAM_REAL (Params, description_weight, 0.0, 1000.0, 0.5, "Weight of words in the description."),
  PR_PARAM_INT (Params, oversample, 0, 1000, 10, "Extra columns of the random projection (Halko et al.: 5 to 10)."),
  PR_PARAM_INT (Params, power, 0, 20, 2, "Power iterations of the random projection (Halko et al.: 1 or 2)."),
  PR_PARAM_REAL (Params, cooccurrence_weight, 0.0, 1000.0, 0.0,
                 "Length of the appended co-occurrence vector beside the text vector's 1; 0: none."),
  PR_PARAM_INT (Params, cooccurrence_dims, 1, 4096, 64, "Width of the co-occurrence vector."),
  PR_PARAM_INT (Params, cooccurrence_window, 1, 1000, 5, "Purchases at most this far apart occur together."),
  PR_PARAM_INT (Params, max_tokens, 1, 1000000, 128, "Tokens of an item's text at most (lm)."),
  PR_PARAM_INT (Params, batch_tokens, 1, 1000000, 4096, "Tokens a forward pass takes together (lm)."),
  PR_PARAM_PATH (Params, npy, "A .npy file, one row per item in the order of the data set (npy)."),
  PR_PARAM_BOOL (Params, normalise, true, "Scale every vector to length one."),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "dataset", "dataset/1", "Items and, for co-occurrence, training purchases.", FALSE },
  { PR_SLOT_IN, "lm", "lm/1", "The model that method = lm pools.", TRUE },
  { PR_SLOT_OUT, "embeddings", "embeddings/1", "One row per item.", FALSE },
};

typedef struct
{
  const Params *params;
  PrRun *run;
  PrDataset *dataset;
  guint64 done;
} Work;

static gboolean
tick (gpointer ctx, GError **error)
{
  Work *w = ctx;
  guint64 once = (guint64)w->params->power + 2;

  return pr_run_step (w->run, w->done++, once * (w->params->cooccurrence_weight > 0 ? 2 : 1), error);
}

static void
normalise_rows (PrMatrix *m, gint64 first, gint64 width, double length)
{
  for (gint64 i = 0; i < m->rows; i++)
    {
      float *x = m->data + i * m->columns + first;
      double sum = 0;

      for (gint64 j = 0; j < width; j++)
        sum += (double)x[j] * x[j];
      for (gint64 j = 0; sum > 0 && j < width; j++)
        x[j] = (float)(x[j] * length / sqrt (sum));
    }
}

/* Write the decomposition of A into DIMS columns of M from FIRST on. */
static gboolean
decompose (Work *w, const Sparse *a, const char *what, gint64 dims, PrMatrix *m, gint64 first, GError **error)
{
  g_autofree char *stream = g_strdup_printf ("item-embedder/%s", what);
  g_autofree double *values = g_new (double, dims);
  SvdOptions options = { .dims = dims,
                         .oversample = w->params->oversample,
                         .power = w->params->power,
                         .rng = pr_rng_new (pr_run_seed (w->run), stream),
                         .tick = tick,
                         .tick_ctx = w };

  if (MIN (a->rows, a->columns) < dims)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "stage %s: %" G_GINT64_FORMAT " dimensions asked of %" G_GINT64_FORMAT " items and %" G_GINT64_FORMAT
                   " words; set %s to at most %" G_GINT64_FORMAT,
                   pr_run_stage_name (w->run), dims, a->rows, a->columns,
                   strcmp (what, "text") == 0 ? "dims" : "cooccurrence_dims", MIN (a->rows, a->columns));
      return FALSE;
    }
  if (!svd_rows (a, &options, m->data + first, m->columns, values, error))
    return FALSE;
  pr_run_add_cost (w->run, PR_COST_FLOPS, svd_flops (a, &options));
  for (gint64 j = 0; j < dims; j++)
    pr_run_curve (w->run, strcmp (what, "text") == 0 ? "singular_values" : "cooccurrence_values", (guint64)j,
                  values[j]);
  return TRUE;
}

/* Room for the co-occurrence vector beside TEXT (consumed), and the vector in it. */
static PrMatrix *
append_cooccurrence (Work *w, PrMatrix *text, GError **error)
{
  const Params *p = w->params;
  g_autoptr (Sparse) pairs = cooccurrence_new (w->dataset, p->cooccurrence_window);
  g_autoptr (PrMatrix) narrow = text;
  g_autoptr (PrMatrix) wide = pr_matrix_new (text->rows, text->columns + p->cooccurrence_dims, error);

  if (wide == NULL)
    return NULL;
  for (gint64 i = 0; i < narrow->rows; i++)
    memcpy (wide->data + i * wide->columns, narrow->data + i * narrow->columns, sizeof (float) * narrow->columns);
  normalise_rows (wide, 0, narrow->columns, 1);
  if (!decompose (w, pairs, "cooccurrence", p->cooccurrence_dims, wide, narrow->columns, error))
    return NULL;
  normalise_rows (wide, narrow->columns, p->cooccurrence_dims, p->cooccurrence_weight);
  return g_steal_pointer (&wide);
}

static PrMatrix *
embed_words (Work *w, GError **error)
{
  const Params *p = w->params;
  FieldWeights weights = { p->title_weight, p->brand_weight, p->categories_weight, p->description_weight };
  g_autoptr (Sparse) words = tfidf_new (w->dataset, &weights, p->min_df, p->max_share);
  g_autoptr (PrMatrix) m = pr_matrix_new (words->rows, p->dims, error);
  gint64 empty = 0;

  if (m == NULL || !decompose (w, words, "text", p->dims, m, 0, error))
    return NULL;
  for (gint64 i = 0; i < words->rows; i++)
    empty += words->offsets[i] == words->offsets[i + 1];
  pr_run_metric (w->run, "words", (double)words->columns);
  pr_run_metric (w->run, "items_without_words", (double)empty);
  return g_steal_pointer (&m);
}

static PrMatrix *
embed_states (Work *w, GError **error)
{
  g_autoptr (PrLm) lm = pr_lm_load (pr_run_input_dir (w->run, "lm"), error);

  return lm ? pool_items (lm, w->dataset, w->params->max_tokens, w->params->batch_tokens, w->run, error) : NULL;
}

static PrMatrix *
read_npy (Work *w, GError **error)
{
  g_autoptr (PrMatrix) m = pr_matrix_load_npy (w->params->npy, error);

  if (m == NULL || m->rows == pr_dataset_n_items (w->dataset))
    return g_steal_pointer (&m);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "%s: %" G_GINT64_FORMAT " rows, but the data set has %" G_GINT64_FORMAT
               " items; the file must have one row per item that is left after filtering, in their order",
               w->params->npy, m->rows, pr_dataset_n_items (w->dataset));
  return NULL;
}

static gboolean
embedder_validate (const void *params_, GError **error)
{
  const Params *p = params_;

  if (p->method == METHOD_NPY && p->npy[0] == '\0')
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, "method = npy needs npy = FILE.npy");
      return FALSE;
    }
  if (p->method != METHOD_NPY && p->npy[0] != '\0')
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, "npy is given, but method is not npy; say method = npy");
      return FALSE;
    }
  if (p->method == METHOD_TFIDF
      && p->title_weight + p->brand_weight + p->categories_weight + p->description_weight <= 0)
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST,
                           "all field weights are 0; give title_weight or another one");
      return FALSE;
    }
  return TRUE;
}

static gint64
planned_width (const Params *p, const PrPlan *plan)
{
  gint64 extra = p->cooccurrence_weight > 0 ? p->cooccurrence_dims : 0, hidden;

  switch (p->method)
    {
    case METHOD_TFIDF:
      return p->dims + extra;
    case METHOD_LM:
      hidden = pr_plan_input_dim (plan, "lm", "hidden");
      return hidden == PR_DIM_UNKNOWN ? PR_DIM_UNKNOWN : hidden + extra;
    default:
      return PR_DIM_UNKNOWN;
    }
}

static gboolean
embedder_plan (const void *params_, PrPlan *plan, GError **error)
{
  const Params *p = params_;
  gint64 n = pr_plan_input_dim (plan, "dataset", "n_items"), d;

  if (p->method == METHOD_LM && !pr_plan_input_connected (plan, "lm"))
    {
      g_set_error_literal (
          error, PR_ERROR, PR_ERROR_MANIFEST,
          "method = lm needs a language model: put a stage that makes lm/1 before this one or set in.lm");
      return FALSE;
    }
  d = planned_width (p, plan);
  pr_plan_set_dim (plan, "embeddings", "n_items", n);
  pr_plan_set_dim (plan, "embeddings", "d", d);
  if (n < 0 || d < 0)
    return TRUE;
  /* Basis, projection of about twice as many words as items, and panels. */
  pr_plan_set_memory (plan, (guint64)(n * (d + p->oversample) * 4 * 4));
  if (p->method == METHOD_TFIDF)
    pr_plan_set_flops (plan, 8.0 * (double)(p->power + 1) * (double)n * 3 * (double)d * (double)d);
  return TRUE;
}

static gboolean
embed (Work *w, GError **error)
{
  const Params *p = w->params;
  g_autoptr (PrMatrix) m = NULL;

  w->dataset = pr_dataset_load (pr_run_input_dir (w->run, "dataset"), error);
  if (w->dataset == NULL)
    return FALSE;
  m = p->method == METHOD_TFIDF ? embed_words (w, error)
      : p->method == METHOD_LM  ? embed_states (w, error)
                                : read_npy (w, error);
  if (m != NULL && p->cooccurrence_weight > 0)
    m = append_cooccurrence (w, g_steal_pointer (&m), error);
  if (m == NULL)
    return FALSE;
  if (p->normalise)
    normalise_rows (m, 0, m->columns, 1);
  pr_run_set_dim (w->run, "embeddings", "n_items", m->rows);
  pr_run_set_dim (w->run, "embeddings", "d", m->columns);
  return pr_embeddings_save (m, pr_run_output_dir (w->run, "embeddings"), error);
}

static gboolean
embedder_run (const void *params_, PrRun *run, GError **error)
{
  Work w = { .params = params_, .run = run };
  gboolean ok = embed (&w, error);

  g_clear_pointer (&w.dataset, pr_dataset_free);
  return ok;
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "item-embedder",
  .version = "1",
  .summary = "Give every item a vector: from its words, a language model, or a file.",
  .source = "GRID, TIGER, LC-Rec: text embeddings; Halko, Martinsson and Tropp 2011",
  .stochastic = TRUE,
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = embedder_validate,
  .plan = embedder_plan,
  .run = embedder_run,
};

static const PrStage *const stages[] = { &stage, NULL };

PR_EXPORT const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "item-embedder", .stages = stages };
