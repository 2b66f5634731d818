/* group.c - the group [experiment]: name, question, seeds, metric, baseline. */
#include "config.h"

#include "runtime/draft.h"
#include "runtime/complaints.h"
#include "text/nearest.h"

#include <string.h>

static const char *const experiment_keys[] = { "name", "question", "seeds", "metric", "baseline", "include" };

/* What --set or the manifest says of KEY, else FALLBACK; RET_WHERE to free. */
static const char *
experiment_value (const PrDraft *draft, const char *key, const char *fallback, char **ret_where)
{
  const PrManifestGroup *group = pr_manifest_group (draft->manifest, PR_GROUP_EXPERIMENT, "");
  const PrManifestEntry *entry = group != NULL ? pr_manifest_entry (group, key) : NULL;
  const PrSetting *setting = pr_draft_find_set (draft, "experiment", key);

  if (setting != NULL)
    {
      *ret_where = g_strdup (setting->where);
      return setting->values[0];
    }
  if (entry != NULL || group != NULL)
    *ret_where = g_strdup (entry != NULL ? entry->where : group->where);
  else
    *ret_where = g_strdup_printf ("%s:1", draft->manifest->path);
  return entry != NULL ? entry->text : fallback;
}

static void
check_experiment_key (PrDraft *draft, const char *key, const char *where)
{
  g_autofree char *hint = NULL, *shown = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (experiment_keys); i++)
    if (strcmp (experiment_keys[i], key) == 0)
      return;
  hint = pr_nearest_hint (key, experiment_keys, G_N_ELEMENTS (experiment_keys));
  shown = pr_complaint_excerpt (key);
  pr_complain (draft->complaints, "%s: [experiment] has no key '%s'%s", where, shown, hint);
}

static void
check_experiment_keys (PrDraft *draft)
{
  const PrManifestGroup *group = pr_manifest_group (draft->manifest, PR_GROUP_EXPERIMENT, "");

  for (guint i = 0; group != NULL && i < group->entries->len; i++)
    {
      const PrManifestEntry *entry = group->entries->pdata[i];

      check_experiment_key (draft, entry->key, entry->where);
    }
  for (guint i = 0; i < draft->settings->len; i++)
    {
      const PrSetting *setting = draft->settings->pdata[i];

      if (strcmp (setting->stage, "experiment") == 0 && strcmp (setting->key, "include") == 0)
        pr_complain (draft->complaints, "%s: what a manifest includes is part of it; write it there", setting->where);
      else if (strcmp (setting->stage, "experiment") == 0)
        check_experiment_key (draft, setting->key, setting->where);
    }
}

/* "7" or "1..5". */
static gboolean
parse_seed_range (const char *text, guint64 *ret_first, guint64 *ret_last)
{
  const char *dots = strstr (text, "..");
  g_autofree char *first = dots != NULL ? g_strchomp (g_strndup (text, (gsize)(dots - text))) : g_strdup (text);
  g_autofree char *last = dots != NULL ? g_strstrip (g_strdup (dots + 2)) : g_strdup (text);

  return g_ascii_string_to_unsigned (first, 10, 0, G_MAXINT64, ret_first, NULL)
         && g_ascii_string_to_unsigned (last, 10, 0, G_MAXINT64, ret_last, NULL) && *ret_first <= *ret_last
         && *ret_last - *ret_first < PR_RUNS_MAX;
}

gboolean
pr_draft_has_seed (const GArray *seeds, guint64 seed)
{
  for (guint i = 0; i < seeds->len; i++)
    if (g_array_index (seeds, guint64, i) == seed)
      return TRUE;
  return FALSE;
}

GArray *
pr_draft_read_seeds (PrDraft *draft)
{
  g_autofree char *where = NULL;
  g_auto (GStrv) parts = pr_manifest_split (experiment_value (draft, "seeds", "1", &where));
  GArray *seeds = g_array_new (FALSE, FALSE, sizeof (guint64));

  for (gsize i = 0; parts[i] != NULL; i++)
    {
      g_autofree char *shown = pr_complaint_excerpt (parts[i]);
      guint64 first, last;

      if (!parse_seed_range (parts[i], &first, &last) || seeds->len + (last - first) >= PR_RUNS_MAX)
        {
          pr_complain (draft->complaints, "%s: seeds: '%s' is neither a seed nor a range such as 1..5", where, shown);
          continue;
        }
      for (guint64 seed = first; seed <= last; seed++)
        if (pr_draft_has_seed (seeds, seed))
          {
            pr_complain (draft->complaints, "%s: seeds: %" G_GUINT64_FORMAT " stands there twice", where, seed);
            break;
          }
        else
          g_array_append_val (seeds, seed);
    }
  if (parts[0] == NULL)
    pr_complain (draft->complaints, "%s: seeds: none given; list them as 1;2;3 or 1..3", where);
  return seeds;
}

static gboolean
metric_ok (const char *name)
{
  if (!g_ascii_islower (name[0]) || strlen (name) > 47)
    return FALSE;
  for (const char *c = name; *c != '\0'; c++)
    if (!g_ascii_islower (*c) && !g_ascii_isdigit (*c) && *c != '_')
      return FALSE;
  return TRUE;
}

char *
pr_experiment_default_name (const char *path)
{
  char *base = g_path_get_basename (path);

  base[strcspn (base, ".")] = '\0';
  return base;
}

void
pr_draft_read_experiment (PrDraft *draft, PrExperiment *experiment)
{
  g_autofree char *base = pr_experiment_default_name (draft->manifest->path);
  g_autofree char *where_name = NULL, *where_metric = NULL, *where_question = NULL, *shown = NULL;

  experiment->path = g_strdup (draft->manifest->path);
  experiment->text = g_strdup (draft->manifest->text);
  experiment->name = g_strdup (experiment_value (draft, "name", base, &where_name));
  experiment->question = g_strdup (experiment_value (draft, "question", "", &where_question));
  experiment->metric = g_strdup (experiment_value (draft, "metric", "ndcg_10", &where_metric));
  check_experiment_keys (draft);
  shown = pr_complaint_excerpt (experiment->name);
  if (!pr_manifest_name_ok (experiment->name))
    pr_complain (draft->complaints, "%s: name: '%s' is not letters, digits, '-' and '_', at most 47", where_name,
                 shown);
  if (!metric_ok (experiment->metric))
    pr_complain (draft->complaints, "%s: metric: want a name such as ndcg_10 or hit_5", where_metric);
}

void
pr_draft_read_baseline (PrDraft *draft, PrExperiment *experiment)
{
  g_autofree char *where = NULL, *hint = NULL, *shown = NULL;
  const char *first = experiment->arms->len > 0 ? experiment->arms->pdata[0] : "";

  experiment->baseline = g_strdup (experiment_value (draft, "baseline", first, &where));
  for (guint i = 0; i < experiment->arms->len; i++)
    if (strcmp (experiment->arms->pdata[i], experiment->baseline) == 0)
      return;
  hint = pr_nearest_hint (experiment->baseline, (const char *const *)experiment->arms->pdata, experiment->arms->len);
  shown = pr_complaint_excerpt (experiment->baseline);
  for (guint i = 0; i < experiment->arms->len; i++)
    if (pr_draft_arm_matches (experiment->baseline, experiment->arms->pdata[i]))
      {
        pr_complain (draft->complaints, "%s: baseline: arm '%s' has several values; name one, such as '%s'", where,
                     shown, (const char *)experiment->arms->pdata[i]);
        return;
      }
  if (draft->arms->len > 0)
    pr_complain (draft->complaints, "%s: baseline: there is no arm '%s'%s", where, shown, hint);
}
