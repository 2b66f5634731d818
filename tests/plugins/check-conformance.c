/* Every plugin of the build tree is held to the contract. */
#include "pr-check.h"
#include "runtime/params.h"
#include "runtime/plan.h"

static PrRegistry *registry;

static void
setup (void)
{
  g_autofree char *dir = g_build_filename (g_getenv ("PR_BUILD_DIR"), "plugins", NULL);
  g_autoptr (GError) error = NULL;

  registry = pr_registry_new ();
  pr_registry_load_dir (registry, dir, &error);
  ck_assert_no_error (error);
  ck_assert_uint_gt (pr_registry_n (registry), 0);
}

static void
teardown (void)
{
  g_clear_pointer (&registry, pr_registry_free);
}

/* The folders of PR_SOURCE_DIR/plugins that have a Makefile.inc and are named in plugins/Makefile.inc. */
static guint
n_plugins_in_source (void)
{
  g_autofree char *path = g_build_filename (g_getenv ("PR_SOURCE_DIR"), "plugins", "Makefile.inc", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint n = 0;

  ck_assert (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    n += g_str_has_prefix (lines[i], "include plugins/");
  return n;
}

START_TEST (every_plugin_of_the_build_is_there)
{
  g_autoptr (GHashTable) paths = g_hash_table_new (g_str_hash, g_str_equal);

  for (gsize i = 0; i < pr_registry_n (registry); i++)
    g_hash_table_add (paths, pr_registry_at (registry, i)->path);
  ck_assert_uint_eq (g_hash_table_size (paths), n_plugins_in_source ());
}
END_TEST

START_TEST (every_plugin_has_a_readme_that_names_its_stages)
{
  for (gsize i = 0; i < pr_registry_n (registry); i++)
    {
      const PrStageEntry *entry = pr_registry_at (registry, i);
      g_autofree char *path =
          g_build_filename (g_getenv ("PR_SOURCE_DIR"), "plugins", entry->plugin->id, "README.md", NULL);
      g_autofree char *text = NULL;

      ck_assert_msg (g_file_get_contents (path, &text, NULL, NULL), "plugin '%s' has no README.md", entry->plugin->id);
      ck_assert_msg (strstr (text, entry->stage->id) != NULL, "'%s' does not name stage '%s'", path, entry->stage->id);
    }
}
END_TEST

/* The loader refuses stages without help texts and with defaults out of range; here is what it lets pass. */
START_TEST (every_help_is_a_sentence)
{
  for (gsize i = 0; i < pr_registry_n (registry); i++)
    {
      const PrStage *stage = pr_registry_at (registry, i)->stage;

      for (gsize j = 0; j < stage->n_params; j++)
        ck_assert_msg (g_str_has_suffix (stage->params[j].help, "."), "stage '%s': help of '%s' is no sentence",
                       stage->id, stage->params[j].name);
    }
}
END_TEST

/* Defaults, and for what is required the name of some file; files are not looked at. */
static PrParams
default_params (const PrStage *stage)
{
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (PrParamValue));
  g_autoptr (GPtrArray) complaints = g_ptr_array_new_with_free_func (g_free);
  PrParams params = { 0 };

  for (gsize i = 0; i < stage->n_params; i++)
    if (stage->params[i].required)
      {
        const PrParamValue value = { stage->params[i].name, "/nonexistent/file", "test", "test", "/" };

        g_array_append_val (values, value);
      }
  pr_params_fill (stage, (const PrParamValue *)(void *)values->data, values->len, "test", NULL, complaints, &params);
  ck_assert_msg (complaints->len == 0, "stage '%s': %s", stage->id,
                 complaints->len > 0 ? (char *)complaints->pdata[0] : "");
  return params;
}

START_TEST (defaults_go_together)
{
  for (gsize i = 0; i < pr_registry_n (registry); i++)
    {
      const PrStage *stage = pr_registry_at (registry, i)->stage;
      PrParams params = default_params (stage);
      g_autoptr (GError) error = NULL;

      if (stage->validate != NULL)
        {
          gboolean ok = stage->validate (params.params, &error);

          ck_assert_msg (ok == (error == NULL), "stage '%s': validate() contradicts itself", stage->id);
          /* A stage may need a choice that nobody can make for its user, but must say so as the manifest's author's
           * move. */
          ck_assert_msg (ok || g_error_matches (error, PR_ERROR, PR_ERROR_MANIFEST), "stage '%s': %s", stage->id,
                         error ? error->message : "");
        }
      pr_params_clear (stage, &params);
    }
}
END_TEST

/* Plan a stage alone, all its inputs connected to something of which nothing is known, or only the required ones. */
static void
plan_alone (const PrStageEntry *entry, gboolean optional)
{
  const PrStage *stage = entry->stage;
  PrParams params = default_params (stage);
  PrNode unknown = { .name = (char *)"unknown", .entry = entry };
  PrNode node = { .name = (char *)"alone", .entry = entry, .params = params.params };
  PrRunSpec run = { .arm = (char *)"arm", .nodes = g_ptr_array_new () };
  const PrSlotSpec anything = { PR_SLOT_OUT, "anything", "anything/1", "Anything.", FALSE };

  node.edges = g_new0 (PrEdge, stage->n_slots + 1);
  for (gsize i = 0; i < stage->n_slots; i++)
    if (stage->slots[i].direction == PR_SLOT_IN)
      {
        PrEdge *edge = &node.edges[node.n_edges++];

        edge->slot = &stage->slots[i];
        if (optional || !stage->slots[i].optional)
          {
            edge->from = &unknown;
            edge->from_slot = &anything;
          }
      }
  g_ptr_array_add (run.nodes, &node);
  if (stage->validate == NULL || stage->validate (params.params, NULL))
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (PrRunPlan) plan = pr_run_plan_new (&run, NULL, NULL, &error), again = NULL;
      const PrNodePlan *once, *twice;

      /* An input that is missing may be a MANIFEST error; with all of them there is no excuse. */
      if (plan == NULL)
        ck_assert_msg (!optional && g_error_matches (error, PR_ERROR, PR_ERROR_MANIFEST), "%s", error->message);
      else
        {
          again = pr_run_plan_new (&run, NULL, NULL, &error);
          ck_assert_no_error (error);
          once = plan->nodes->pdata[0];
          twice = again->nodes->pdata[0];
          ck_assert_uint_eq (once->memory, twice->memory);
          ck_assert (once->flops == twice->flops);
          ck_assert_uint_eq (once->promised->all->len, twice->promised->all->len);
        }
    }
  g_free (node.edges);
  g_ptr_array_unref (run.nodes);
  pr_params_clear (stage, &params);
}

START_TEST (plan_works_while_sizes_are_unknown)
{
  for (gsize i = 0; i < pr_registry_n (registry); i++)
    {
      plan_alone (pr_registry_at (registry, i), TRUE);
      plan_alone (pr_registry_at (registry, i), FALSE);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("conformance");
  TCase *tc = tcase_create ("plugins");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, every_plugin_of_the_build_is_there);
  tcase_add_test (tc, every_plugin_has_a_readme_that_names_its_stages);
  tcase_add_test (tc, every_help_is_a_sentence);
  tcase_add_test (tc, defaults_go_together);
  tcase_add_test (tc, plan_works_while_sizes_are_unknown);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
