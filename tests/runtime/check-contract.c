/* The loader's checks of a description, one spoiled field at a time. */
#include "pr-check.h"
#include "runtime/contract.h"

#include <math.h>

typedef struct
{
  int64_t n;
  double x;
  const char *text;
  int colour;
  PrInts sizes;
} Params;

static const char *const colours[] = { "red", "green", NULL };
static const char *const no_colours[] = { NULL };
static const char *const same_colours[] = { "red", "red", NULL };

static const PrParamSpec sound_params[] = {
  PR_PARAM_INT (Params, n, 1, 10, 1, "A number."),      PR_PARAM_REAL (Params, x, 0.0, 1.0, 0.5, "A number."),
  PR_PARAM_STRING (Params, text, "", "A text."),        PR_PARAM_CHOICE (Params, colour, colours, 0, "A colour."),
  PR_PARAM_INTS (Params, sizes, 1, 9, "1,2", "Sizes."),
};

static const PrSlotSpec sound_slots[] = {
  { PR_SLOT_IN, "thing", "thing/1", "A thing.", TRUE },
  { PR_SLOT_OUT, "thing", "thing/1", "The thing, changed.", FALSE },
};

static gboolean
plan (const void *params, PrPlan *plan_, GError **error)
{
  (void)params;
  (void)plan_;
  (void)error;
  return TRUE;
}

static gboolean
run (const void *params, PrRun *run_, GError **error)
{
  (void)params;
  (void)run_;
  (void)error;
  return TRUE;
}

/* A sound description, to be spoiled. */
typedef struct
{
  PrParamSpec params[G_N_ELEMENTS (sound_params)];
  PrSlotSpec slots[G_N_ELEMENTS (sound_slots)];
  PrStage stage;
  const PrStage *stages[2];
  PrPlugin plugin;
} Description;

static Description *
sound (void)
{
  Description *d = g_new0 (Description, 1);

  memcpy (d->params, sound_params, sizeof sound_params);
  memcpy (d->slots, sound_slots, sizeof sound_slots);
  d->stage = (PrStage){ .size = sizeof (PrStage),
                        .id = "thing-maker",
                        .version = "1",
                        .summary = "Make a thing",
                        .params = d->params,
                        .n_params = G_N_ELEMENTS (sound_params),
                        .params_size = sizeof (Params),
                        .slots = d->slots,
                        .n_slots = G_N_ELEMENTS (sound_slots),
                        .plan = plan,
                        .run = run };
  d->stages[0] = &d->stage;
  d->plugin = (PrPlugin){ PR_PLUGIN_INIT, .id = "things", .stages = d->stages };
  return d;
}

START_TEST (a_sound_one_passes)
{
  g_autofree Description *d = sound ();
  g_autoptr (GError) error = NULL;

  pr_plugin_check (&d->plugin, "/some/where/things.so", &error);
  ck_assert_no_error (error);
}
END_TEST

/* Each case is a statement that spoils one thing, and what the complaint must say. */
#define CASES(CASE)                                                                                                    \
  CASE (d->plugin.magic++, "not a plugin description")                                                                 \
  CASE (d->plugin.abi++, "built for plugin ABI 4")                                                                     \
  CASE (d->plugin.size++, "description has size")                                                                      \
  CASE (d->plugin.id = NULL, "calls itself '(null)'")                                                                  \
  CASE (d->plugin.id = "thing", "must be the file's base name, 'things'")                                              \
  CASE (d->plugin.stages = NULL, "describes no stages")                                                                \
  CASE (d->stages[0] = NULL, "describes no stages")                                                                    \
  CASE (d->stage.size--, "a stage struct has size")                                                                    \
  CASE (d->stage.id = NULL, "stage id '(null)'")                                                                       \
  CASE (d->stage.id = "Thing", "stage id 'Thing'")                                                                     \
  CASE (d->stage.id = "", "stage id ''")                                                                               \
  CASE (d->stage.id = "a.b", "stage id 'a.b'")                                                                         \
  CASE (d->stage.version = NULL, "version or summary")                                                                 \
  CASE (d->stage.summary = "", "version or summary")                                                                   \
  CASE (d->stage.summary = "\xff", "version or summary")                                                               \
  CASE (d->stage.plan = NULL, "plan() is missing")                                                                     \
  CASE (d->stage.run = NULL, "run() is missing")                                                                       \
  CASE (d->stage.params = NULL, "table of parameters")                                                                 \
  CASE (d->stage.n_params = 100000, "table of parameters")                                                             \
  CASE (d->stage.params_size = G_MAXSIZE, "table of parameters")                                                       \
  CASE (d->stage.params_size = 0, "outside the params struct")                                                         \
  CASE (d->stage.params_size = offsetof (Params, sizes) + 8, "outside the params struct")                              \
  CASE (d->stage.slots = NULL, "table of slots")                                                                       \
  CASE (d->stage.n_slots = 100000, "table of slots")                                                                   \
  CASE (d->params[0].name = NULL, "parameter 0: name")                                                                 \
  CASE (d->params[0].name = "N", "name 'N'")                                                                           \
  CASE (d->params[0].name = "uses", "belong to the manifest")                                                          \
  CASE (d->params[0].name = "seed", "belong to the manifest")                                                          \
  CASE (d->params[0].name = "in.thing", "belong to the manifest")                                                      \
  CASE (d->params[0].name = "x", "'x' stands in the table twice")                                                      \
  CASE (d->params[0].help = NULL, "no help text")                                                                      \
  CASE (d->params[0].help = "", "no help text")                                                                        \
  CASE (d->params[0].kind = (PrParamKind)99, "kind 99 does not exist")                                                 \
  CASE (d->params[0].offset = G_MAXSIZE - 1, "outside the params struct")                                              \
  CASE (d->params[0].offset = 1, "outside the params struct")                                                          \
  CASE (d->params[1].offset = 0, "share a member")                                                                     \
  CASE (d->params[0].dflt.integer.value = 0, "default 0 is outside its own range, 1 to 10")                            \
  CASE (d->params[0].dflt.integer.max = 0, "range is empty")                                                           \
  CASE (d->params[1].dflt.real.value = 1.5, "default 1.5 is outside")                                                  \
  CASE (d->params[1].dflt.real.value = NAN, "is outside its own range")                                                \
  CASE (d->params[1].dflt.real.min = NAN, "range is empty")                                                            \
  CASE (d->params[2].dflt.string = NULL, "default is NULL")                                                            \
  CASE (d->params[2].dflt.string = "\xff", "not UTF-8")                                                                \
  CASE (d->params[3].dflt.choice.names = NULL, "has no choices")                                                       \
  CASE (d->params[3].dflt.choice.names = no_colours, "has no choices")                                                 \
  CASE (d->params[3].dflt.choice.names = same_colours, "'red' stands there twice")                                     \
  CASE (d->params[3].dflt.choice.value = 2, "default 2 is none of the 2 choices")                                      \
  CASE (d->params[3].dflt.choice.value = -1, "default -1 is none")                                                     \
  CASE (d->params[4].dflt.ints.value = NULL, "default is NULL")                                                        \
  CASE (d->params[4].dflt.ints.value = "1,10", "'10' is not a whole number from 1 to 9")                               \
  CASE (d->params[4].dflt.ints.value = "1,,2", "'' is not a whole number")                                             \
  CASE (d->params[4].dflt.ints.value = "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "more than 16")                            \
  CASE (d->slots[0].name = NULL, "slot 0: name")                                                                       \
  CASE (d->slots[0].name = "a b", "name 'a b'")                                                                        \
  CASE (d->slots[0].type = NULL, "type '(null)'")                                                                      \
  CASE (d->slots[0].type = "thing", "type 'thing'")                                                                    \
  CASE (d->slots[0].type = "thing/0", "type 'thing/0'")                                                                \
  CASE (d->slots[0].type = "/1", "type '/1'")                                                                          \
  CASE (d->slots[0].help = NULL, "no help text")                                                                       \
  CASE (d->slots[0].direction = (PrSlotDirection)7, "neither PR_SLOT_IN nor PR_SLOT_OUT")                              \
  CASE (d->slots[0].direction = PR_SLOT_OUT; d->slots[0].optional = FALSE, "stands in the table twice")                \
  CASE (d->slots[1].optional = TRUE, "output cannot be optional")

START_TEST (every_spoiled_field_is_noticed)
{
  int n = 0;

#define CASE(spoil, part)                                                                                              \
  if (_i == n++)                                                                                                       \
    {                                                                                                                  \
      g_autofree Description *d = sound ();                                                                            \
      g_autoptr (GError) error = NULL;                                                                                 \
                                                                                                                       \
      spoil;                                                                                                           \
      ck_assert (!pr_plugin_check (&d->plugin, "/some/where/things.so", &error));                                      \
      ck_assert_pr_error (error, PR_ERROR_PLUGIN, part);                                                               \
      ck_assert_pr_error (error, PR_ERROR_PLUGIN, "plugin '/some/where/things.so': ");                                 \
    }
  CASES (CASE)
#undef CASE
  ck_assert_int_lt (_i, n);
}
END_TEST

#define COUNT(spoil, part) +1

int
main (void)
{
  Suite *suite = suite_create ("contract");
  TCase *tc = tcase_create ("contract");

  tcase_add_test (tc, a_sound_one_passes);
  tcase_add_loop_test (tc, every_spoiled_field_is_noticed, 0, 0 CASES (COUNT));
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
