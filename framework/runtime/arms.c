/* arms.c - stages, arms and --set, as the manifest and the command line say them. */
#include "config.h"

#include "runtime/draft.h"
#include "runtime/complaints.h"
#include "text/nearest.h"
#include "runtime/params.h"

#include <string.h>

static void
setting_free (gpointer data)
{
  PrSetting *setting = data;

  g_free (setting->stage);
  g_free (setting->key);
  g_strfreev (setting->values);
  g_free (setting->origin);
  g_free (setting->where);
  g_free (setting);
}

static void
def_free (gpointer data)
{
  PrStageDef *def = data;

  g_free (def->name);
  g_free (def);
}

static void
arm_free (gpointer data)
{
  PrArm *arm = data;

  g_ptr_array_unref (arm->pipeline);
  g_ptr_array_unref (arm->settings);
  g_free (arm);
}

void
pr_draft_clear (PrDraft *draft)
{
  pr_manifest_free (draft->manifest);
  g_free (draft->cwd);
  g_clear_pointer (&draft->complaints, g_ptr_array_unref);
  g_clear_pointer (&draft->digests, g_hash_table_unref);
  g_clear_pointer (&draft->stages, g_ptr_array_unref);
  g_clear_pointer (&draft->settings, g_ptr_array_unref);
  g_clear_pointer (&draft->arms, g_ptr_array_unref);
  g_clear_error (&draft->fatal);
}

const PrSetting *
pr_draft_find_set (const PrDraft *draft, const char *stage, const char *key)
{
  for (guint i = draft->settings->len; i > 0; i--)
    {
      const PrSetting *setting = draft->settings->pdata[i - 1];

      if (strcmp (setting->stage, stage) == 0 && strcmp (setting->key, key) == 0)
        return setting;
    }
  return NULL;
}

const PrStageDef *
pr_draft_find_stage (const PrDraft *draft, const char *name)
{
  for (guint i = 0; i < draft->stages->len; i++)
    {
      const PrStageDef *def = draft->stages->pdata[i];

      if (strcmp (def->name, name) == 0)
        return def;
    }
  return NULL;
}

/* Split "STAGE.KEY"; FALSE if it is not. */
static gboolean
split_key (const char *text, char **ret_stage, char **ret_key)
{
  const char *dot = strchr (text, '.');

  if (dot == NULL || dot == text || dot[1] == '\0')
    return FALSE;
  *ret_stage = g_strndup (text, (gsize)(dot - text));
  *ret_key = g_strdup (dot + 1);
  return TRUE;
}

void
pr_draft_read_set (PrDraft *draft, const char *const *set)
{
  draft->settings = g_ptr_array_new_with_free_func (setting_free);
  for (gsize i = 0; set != NULL && set[i] != NULL; i++)
    {
      const char *equals = strchr (set[i], '=');
      g_autofree char *left = equals != NULL ? g_strstrip (g_strndup (set[i], (gsize)(equals - set[i]))) : NULL;
      g_autofree char *shown = pr_complaint_excerpt (set[i]);
      PrSetting *setting = g_new0 (PrSetting, 1);

      if (left == NULL || !split_key (left, &setting->stage, &setting->key))
        {
          pr_complain (draft->complaints, "--set %s: want STAGE.KEY=VALUE", shown);
          setting_free (setting);
          continue;
        }
      setting->values = g_new0 (char *, 2);
      setting->values[0] = g_strstrip (g_strdup (equals + 1));
      setting->origin = g_strdup ("--set");
      setting->where = g_strdup_printf ("--set %s", shown);
      setting->dir = draft->cwd;
      g_ptr_array_add (draft->settings, setting);
    }
}

/* Stages ----------------------------------------------------------------- */

/* "; did you mean ...?" over the manifest's stages and the plugins', to free. */
static char *
hint_stage (const PrDraft *draft, const char *name, gboolean with_plugins)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (guint i = 0; i < draft->manifest->groups->len; i++)
    {
      const PrManifestGroup *group = draft->manifest->groups->pdata[i];

      if (group->kind == PR_GROUP_STAGE && strcmp (group->name, name) != 0)
        g_ptr_array_add (names, group->name);
    }
  for (guint i = 0; i < draft->stages->len; i++)
    g_ptr_array_add (names, ((const PrStageDef *)draft->stages->pdata[i])->name);
  for (gsize i = 0; with_plugins && i < pr_registry_n (draft->registry); i++)
    g_ptr_array_add (names, (gpointer)pr_registry_at (draft->registry, i)->stage->id);
  return pr_nearest_hint (name, (const char *const *)names->pdata, names->len);
}

/* Is KEY one that an input slot may have?  What is not about slots is left to the parameters. */
static void
check_slot_key (PrDraft *draft, const PrStageDef *def, const char *key, const char *where)
{
  const PrStage *stage = def->entry->stage;
  g_autofree const char **names = g_new (const char *, stage->n_slots + 1);
  g_autofree char *hint = NULL, *shown = pr_complaint_excerpt (key);
  gsize n = 0;

  if (!g_str_has_prefix (key, "in."))
    return;
  for (gsize i = 0; i < stage->n_slots; i++)
    if (stage->slots[i].direction == PR_SLOT_IN)
      {
        if (strcmp (stage->slots[i].name, key + 3) == 0)
          return;
        names[n++] = stage->slots[i].name;
      }
  hint = pr_nearest_hint (key + 3, names, n);
  pr_complain (draft->complaints, "%s: %s: stage '%s' has no such input%s", where, shown, stage->id, hint);
}

static PrStageDef *
add_stage (PrDraft *draft, const char *name, const PrManifestGroup *group, const char *where)
{
  PrStageDef *def = g_new0 (PrStageDef, 1);

  def->name = g_strdup (name);
  def->group = group;
  def->where = where;
  g_ptr_array_add (draft->stages, def);
  return def;
}

static void
read_stage (PrDraft *draft, const PrManifestGroup *group)
{
  const PrManifestEntry *uses = pr_manifest_entry (group, "uses");
  const char *id = uses != NULL ? uses->text : group->name;
  PrStageDef *def;

  if (strcmp (group->name, "experiment") == 0 || strcmp (group->name, "none") == 0)
    {
      pr_complain (draft->complaints, "%s: '%s' cannot be the name of a stage; it means something else", group->where,
                   group->name);
      return;
    }
  def = add_stage (draft, group->name, group, group->where);
  def->entry = pr_registry_find (draft->registry, id);
  if (def->entry == NULL)
    {
      g_autofree const char **names = g_new (const char *, pr_registry_n (draft->registry) + 1);
      g_autofree char *hint = NULL, *shown = pr_complaint_excerpt (id);

      for (gsize i = 0; i < pr_registry_n (draft->registry); i++)
        names[i] = pr_registry_at (draft->registry, i)->stage->id;
      hint = pr_nearest_hint (id, names, pr_registry_n (draft->registry));
      pr_complain (draft->complaints, "%s: no plugin has a stage '%s'%s", uses != NULL ? uses->where : group->where,
                   shown, hint);
      return;
    }
  for (guint i = 0; i < group->entries->len; i++)
    {
      const PrManifestEntry *entry = group->entries->pdata[i];

      check_slot_key (draft, def, entry->key, entry->where);
    }
}

void
pr_draft_read_stages (PrDraft *draft)
{
  draft->stages = g_ptr_array_new_with_free_func (def_free);
  for (guint i = 0; i < draft->manifest->groups->len; i++)
    {
      const PrManifestGroup *group = draft->manifest->groups->pdata[i];

      if (group->kind == PR_GROUP_STAGE)
        read_stage (draft, group);
    }
}

/* Arms ------------------------------------------------------------------- */

static void
read_pipeline (PrDraft *draft, PrArm *arm, const PrManifestEntry *entry)
{
  g_auto (GStrv) names = pr_manifest_split (entry->text);

  arm->where = entry->where;
  if (names[0] == NULL)
    {
      pr_complain (draft->complaints, "%s: the pipeline is empty; list stages with ';' between", entry->where);
      arm->sound = FALSE;
    }
  for (gsize i = 0; names[i] != NULL; i++)
    {
      const PrStageDef *def = pr_draft_find_stage (draft, names[i]);
      const PrStageEntry *known = pr_registry_find (draft->registry, names[i]);

      /* A stage without a group of its own: all its parameters have defaults. */
      if (def == NULL && known != NULL)
        {
          PrStageDef *fresh = add_stage (draft, names[i], NULL, entry->where);

          fresh->entry = known;
          def = fresh;
        }
      if (def == NULL)
        {
          g_autofree char *hint = hint_stage (draft, names[i], TRUE), *shown = pr_complaint_excerpt (names[i]);

          pr_complain (draft->complaints, "%s: there is neither a [stage %s] nor a plugin's stage of that name%s",
                       entry->where, shown, hint);
          arm->sound = FALSE;
          continue;
        }
      if (g_ptr_array_find (arm->pipeline, def, NULL))
        {
          pr_complain (draft->complaints,
                       "%s: the pipeline has '%s' twice; for two of a kind make two [stage]s with the same 'uses'",
                       entry->where, names[i]);
          arm->sound = FALSE;
          continue;
        }
      if (def->entry == NULL)
        arm->sound = FALSE;
      g_ptr_array_add (arm->pipeline, (gpointer)def);
    }
}

/* The values of `a; b`: none empty, none twice. */
static void
check_values (PrDraft *draft, const PrSetting *setting)
{
  for (gsize i = 0; setting->values[i] != NULL; i++)
    {
      if (setting->values[i][0] == '\0' && setting->values[1] != NULL)
        pr_complain (draft->complaints, "%s: a value of the list is empty", setting->where);
      for (gsize j = 0; j < i; j++)
        if (strcmp (setting->values[i], setting->values[j]) == 0)
          pr_complain (draft->complaints, "%s: the list has the same value twice", setting->where);
    }
}

/* "arm pause:40", or "arm pause:main.arms:40" where an included file said it. */
static char *
arm_origin (const PrDraft *draft, const PrArm *arm, const PrManifestEntry *entry)
{
  g_autofree char *origin = pr_manifest_origin (draft->manifest, entry);

  return g_strdup_printf ("arm %s:%s", arm->group->name,
                          g_str_has_prefix (origin, "manifest:") ? origin + strlen ("manifest:") : origin);
}

static void
read_override (PrDraft *draft, PrArm *arm, const PrManifestEntry *entry)
{
  g_autofree char *where = g_strdup (entry->where);
  g_autofree char *shown = pr_complaint_excerpt (entry->key);
  g_autofree char *stage = NULL, *key = NULL;
  const PrStageDef *def = NULL;
  PrSetting *setting;

  if (!split_key (entry->key, &stage, &key))
    {
      const char *const known[] = { "pipeline" };
      g_autofree char *hint = pr_nearest_hint (entry->key, known, 1);

      pr_complain (draft->complaints, "%s: unknown key '%s'; an arm has 'pipeline' and STAGE.KEY%s", where, shown,
                   hint);
      return;
    }
  for (guint i = 0; i < arm->pipeline->len && def == NULL; i++)
    if (strcmp (((const PrStageDef *)arm->pipeline->pdata[i])->name, stage) == 0)
      def = arm->pipeline->pdata[i];
  if (def == NULL)
    {
      g_autofree char *hint = hint_stage (draft, stage, FALSE);

      pr_complain (draft->complaints, "%s: %s: this arm's pipeline has no stage '%s'%s", where, shown, stage, hint);
      return;
    }
  if (def->entry == NULL)
    return;
  check_slot_key (draft, def, key, where);

  setting = g_new0 (PrSetting, 1);
  setting->stage = g_steal_pointer (&stage);
  setting->key = g_steal_pointer (&key);
  setting->values = pr_manifest_split (entry->text);
  if (setting->values[0] == NULL)
    {
      g_strfreev (setting->values);
      setting->values = g_strsplit ("\n", "\n", 1); /* one empty value */
      setting->values[0][0] = '\0';
    }
  setting->origin = arm_origin (draft, arm, entry);
  setting->where = g_steal_pointer (&where);
  setting->dir = entry->file->dir;
  check_values (draft, setting);
  /* --set wins over the whole list: what is left of it would be the same run again and again. */
  if (pr_draft_find_set (draft, setting->stage, setting->key) != NULL)
    setting_free (setting);
  else
    g_ptr_array_add (arm->settings, setting);
}

void
pr_draft_read_arms (PrDraft *draft)
{
  draft->arms = g_ptr_array_new_with_free_func (arm_free);
  for (guint i = 0; i < draft->manifest->groups->len; i++)
    {
      const PrManifestGroup *group = draft->manifest->groups->pdata[i];
      const PrManifestEntry *pipeline = pr_manifest_entry (group, "pipeline");
      PrArm *arm;

      if (group->kind != PR_GROUP_ARM)
        continue;
      arm = g_new0 (PrArm, 1);
      arm->group = group;
      arm->pipeline = g_ptr_array_new ();
      arm->settings = g_ptr_array_new_with_free_func (setting_free);
      arm->sound = TRUE;
      g_ptr_array_add (draft->arms, arm);
      if (pipeline == NULL)
        {
          pr_complain (draft->complaints, "%s: arm '%s' has no pipeline; add `pipeline = STAGE; STAGE; ...`",
                       group->where, group->name);
          arm->sound = FALSE;
        }
      else
        read_pipeline (draft, arm, pipeline);
      for (guint j = 0; j < group->entries->len; j++)
        {
          const PrManifestEntry *entry = group->entries->pdata[j];

          /* Without a pipeline nothing can be said of STAGE.KEY. */
          if (entry != pipeline && (pipeline != NULL || strchr (entry->key, '.') == NULL))
            read_override (draft, arm, entry);
        }
    }
  if (draft->arms->len == 0)
    pr_complain (draft->complaints, "%s:1: there is no [arm NAME]; add one with a pipeline", draft->manifest->path);
}

void
pr_draft_check_set (PrDraft *draft)
{
  for (guint i = 0; i < draft->settings->len; i++)
    {
      const PrSetting *setting = draft->settings->pdata[i];
      const PrStageDef *def = pr_draft_find_stage (draft, setting->stage);

      if (strcmp (setting->stage, "experiment") == 0)
        continue;
      if (def == NULL)
        {
          g_autofree char *hint = hint_stage (draft, setting->stage, FALSE);

          pr_complain (draft->complaints, "%s: the manifest has no stage '%s'%s", setting->where, setting->stage, hint);
        }
      else if (def->entry != NULL)
        check_slot_key (draft, def, setting->key, setting->where);
    }
}
