#include "config.h"

#include "runtime/provenance.h"

#include "runtime/commit.h"
#include "runtime/sha256.h"

#include <pauserec/linalg.h>
#include <pauserec/threads.h>
#include <string.h>
#include <sys/utsname.h>

#ifdef __clang__
#define COMPILER __VERSION__ /* says that it is Clang */
#else
#define COMPILER "gcc " __VERSION__
#endif

static json_t *
cpu_model (void)
{
  g_autofree char *text = NULL;
  const char *line, *colon, *end;

  if (!g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL))
    return json_string ("unknown");
  line = strstr (text, "model name");
  colon = line != NULL ? strchr (line, ':') : NULL;
  end = colon != NULL ? strchr (colon, '\n') : NULL;
  if (end == NULL)
    return json_string ("unknown");
  for (colon++; *colon == ' '; colon++)
    ;
  return json_stringn (colon, (size_t)(end - colon));
}

static json_t *
system_name (void)
{
  g_autofree char *text = NULL;
  struct utsname name;

  if (uname (&name) != 0)
    return json_string ("unknown");
  text = g_strdup_printf ("%s %s %s", name.sysname, name.release, name.machine);
  return json_string (text);
}

static json_t *
describe_node (const PrNode *node, const PrRunKeys *keys)
{
  json_t *inputs = json_object ();

  for (gsize i = 0; i < node->n_edges; i++)
    if (node->edges[i].from != NULL)
      {
        g_autofree char *from = g_strconcat (node->edges[i].from->name, ".", node->edges[i].from_slot->name, NULL);

        json_object_set_new (inputs, node->edges[i].slot->name, json_string (from));
      }
  return json_pack ("{s:s, s:s, s:s, s:s, s:O, s:O, s:o}", "stage", node->entry->stage->id, "version",
                    node->entry->stage->version, "plugin_sha256", node->entry->digest, "key",
                    pr_run_keys_get (keys, node), "parameters", node->resolved, "identity", node->identity, "inputs",
                    inputs);
}

json_t *
pr_provenance_new (const PrExperiment *experiment, const PrRunSpec *run, const PrRunKeys *keys)
{
  g_autofree char *manifest = pr_sha256_bytes (experiment->text, strlen (experiment->text));
  g_autofree char *blas = pr_blas_description ();
  json_t *stages = json_object ();

  for (guint i = 0; i < run->nodes->len; i++)
    {
      const PrNode *node = g_ptr_array_index (run->nodes, i);

      json_object_set_new (stages, node->name, describe_node (node, keys));
    }
  return json_pack ("{s:s, s:s, s:i, s:s, s:s, s:s, s:o, s:o, s:i, s:s, s:s, s:o}", "program", PACKAGE_NAME, "version",
                    PACKAGE_VERSION, "results_revision", PR_RESULTS_REVISION, "git_commit", pr_git_commit, "git_dirty",
                    pr_git_dirty, "compiler", COMPILER, "system", system_name (), "cpu", cpu_model (), "threads",
                    (int)pr_threads_get (), "blas", blas, "manifest_sha256", manifest, "stages", stages);
}
