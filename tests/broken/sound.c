/* sound - stages for tests of manifests, wiring and plans; nothing is wrong with these. */
#include <pauserec/plugin.h>

typedef struct
{
  bool flag;
  int64_t n;
  double x;
  const char *text;
  int colour;
  PrInts sizes;
  const char *file;
  const char *const *files;
} Params;

static const char *const colours[] = { "red", "green", "blue", NULL };

static const PrParamSpec params[] = {
  PR_PARAM_BOOL (Params, flag, true, "A flag."),
  PR_PARAM_INT (Params, n, 0, 1000, 7, "A size."),
  PR_PARAM_REAL (Params, x, -1.0, 1.0, 0.1, "A number."),
  PR_PARAM_STRING (Params, text, " a\nb", "A text."),
  PR_PARAM_CHOICE (Params, colour, colours, 1, "A choice."),
  PR_PARAM_INTS (Params, sizes, 1, 512, "256,256", "Sizes."),
  PR_PARAM_PATH (Params, file, "A file."),
  PR_PARAM_PATHS (Params, files, "Files."),
};

typedef struct
{
  const char *file;
  int64_t every;
} NeedyParams;

static const PrParamSpec needy_params[] = {
  PR_PARAM_PATH_REQUIRED (NeedyParams, file, "A file that must be given."),
  PR_PARAM_INT_NOT_IN_KEY_AT (NeedyParams, "print.every", every, 1, 100, 10, "How often to print."),
};

/* n = 13 and x = 1 do not go together. */
static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;

  if (p->n != 13 || p->x != 1.0)
    return TRUE;
  g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, "n = 13 and x = 1 do not go together");
  return FALSE;
}

/* n = 0: cannot know. */
static gboolean
source_plan (const void *params_, PrPlan *plan, GError **error)
{
  const Params *p = params_;

  (void)error;
  pr_plan_set_dim (plan, "data", "n", p->n > 0 ? p->n : PR_DIM_UNKNOWN);
  pr_plan_set_memory (plan, 1000);
  pr_plan_set_flops (plan, 5.0);
  return TRUE;
}

static gboolean
train_plan (const void *params_, PrPlan *plan, GError **error)
{
  gint64 n = pr_plan_input_dim (plan, "data", "n");

  (void)params_;
  (void)error;
  pr_plan_set_dim (plan, "model", "rows", n == PR_DIM_UNKNOWN ? n : 2 * n);
  pr_plan_set_dim (plan, "model", "start", pr_plan_input_connected (plan, "start"));
  pr_plan_set_memory (plan, 3000);
  pr_plan_set_flops (plan, 7.0);
  return TRUE;
}

static gboolean
no_plan (const void *params_, PrPlan *plan, GError **error)
{
  (void)params_;
  (void)plan;
  (void)error;
  return TRUE;
}

/* Only wired and planned, never run. */
static gboolean
no_run (const void *params_, PrRun *run, GError **error)
{
  (void)params_;
  (void)run;
  g_set_error_literal (error, PR_ERROR, PR_ERROR_PLUGIN, "this stage is for tests of wiring");
  return FALSE;
}

static const PrSlotSpec source_slots[] = {
  { PR_SLOT_OUT, "data", "data/1", "Data.", FALSE },
};
static const PrSlotSpec train_slots[] = {
  { PR_SLOT_IN, "data", "data/1", "Data.", FALSE },
  { PR_SLOT_IN, "start", "model/1", "A model to start from.", TRUE },
  { PR_SLOT_OUT, "model", "model/1", "A model.", FALSE },
};
static const PrSlotSpec score_slots[] = {
  { PR_SLOT_IN, "model", "model/1", "A model.", FALSE },
  { PR_SLOT_OUT, "table", "table/1", "A table.", FALSE },
};
static const PrSlotSpec twin_slots[] = {
  { PR_SLOT_OUT, "left", "model/1", "A model.", FALSE },
  { PR_SLOT_OUT, "right", "model/1", "A model.", FALSE },
};

#define STAGE(name, id_, plan_)                                                                                        \
  static const PrStage name = { .size = sizeof (PrStage),                                                              \
                                .id = id_,                                                                             \
                                .version = "1",                                                                        \
                                .summary = "For tests",                                                                \
                                .stochastic = TRUE,                                                                    \
                                .params = params,                                                                      \
                                .n_params = G_N_ELEMENTS (params),                                                     \
                                .params_size = sizeof (Params),                                                        \
                                .slots = name##_slots,                                                                 \
                                .n_slots = G_N_ELEMENTS (name##_slots),                                                \
                                .validate = validate,                                                                  \
                                .plan = plan_,                                                                         \
                                .run = no_run }

STAGE (source, "source", source_plan);
STAGE (train, "train", train_plan);
STAGE (score, "score", no_plan);
STAGE (twin, "twin", no_plan);

static const PrStage needy = { .size = sizeof (PrStage),
                               .id = "needy",
                               .version = "1",
                               .summary = "For tests",
                               .params = needy_params,
                               .n_params = G_N_ELEMENTS (needy_params),
                               .params_size = sizeof (NeedyParams),
                               .plan = no_plan,
                               .run = no_run };

static const PrStage *const stages[] = { &source, &train, &score, &twin, &needy, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "sound", .stages = stages };
