/* broken.h - a stage that is sound in everything that a plugin of this folder does not spoil on purpose. */
#ifndef PR_BROKEN_H
#define PR_BROKEN_H

#include <pauserec/plugin.h>

typedef struct
{
  int64_t n;
} Params;

static G_GNUC_UNUSED gboolean
sound_plan (const void *params, PrPlan *plan, GError **error)
{
  (void)params;
  (void)plan;
  (void)error;
  return TRUE;
}

static G_GNUC_UNUSED gboolean
sound_run (const void *params, PrRun *run, GError **error)
{
  (void)params;
  (void)run;
  (void)error;
  return TRUE;
}

static G_GNUC_UNUSED const PrParamSpec sound_params[] = {
  PR_PARAM_INT (Params, n, 1, 10, 1, "A number."),
};

static G_GNUC_UNUSED const PrSlotSpec sound_slots[] = {
  { PR_SLOT_OUT, "made", "thing/1", "A thing.", FALSE },
};

#define SOUND_STAGE(id_)                                                                                               \
  .size = sizeof (PrStage), .id = id_, .version = "1", .summary = "Wrong on purpose", .params = sound_params,          \
  .n_params = G_N_ELEMENTS (sound_params), .params_size = sizeof (Params), .slots = sound_slots,                       \
  .n_slots = G_N_ELEMENTS (sound_slots), .plan = sound_plan, .run = sound_run

/* The plugin ID_ with the one stage STAGE_. */
#define BROKEN_PLUGIN(id_, stage_)                                                                                     \
  static const PrStage *const stages[] = { &stage_, NULL };                                                            \
  const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = id_, .stages = stages }

#endif
