/* wire.c - connect the inputs of a stage to what stands before it in the pipeline. */
#include "config.h"

#include "runtime/draft.h"
#include "runtime/complaints.h"
#include "text/nearest.h"
#include "runtime/plan.h"

#include <string.h>

/* `in.SLOT = TEXT`, wherever it was said. */
typedef struct
{
  const char *text;
  const char *where;
} Reference;

typedef struct
{
  PrDraft *draft;
  const PrVariant *variant;
  const PrStageDef *def;
  const GPtrArray *nodes;
  const char *place; /* "FILE:LINE" of the pipeline */
} Wiring;

/* What was said of SLOT: on the command line, else in the arm, else in the stage's group.  RET_WHERE to free. */
static gboolean
find_reference (const Wiring *wiring, const PrStageDef *def, const char *slot, Reference *ret, char **ret_where)
{
  g_autofree char *key = g_strconcat ("in.", slot, NULL);
  const PrSetting *setting = pr_draft_find_set (wiring->draft, def->name, key);
  const PrArm *arm = wiring->variant->arm;
  const PrManifestEntry *entry;
  guint value = 0;

  for (guint i = 0; setting == NULL && i < arm->settings->len; i++)
    {
      const PrSetting *candidate = arm->settings->pdata[i];

      if (strcmp (candidate->stage, def->name) == 0 && strcmp (candidate->key, key) == 0)
        {
          setting = candidate;
          value = wiring->variant->choice[i];
        }
    }
  if (setting != NULL)
    {
      *ret_where = g_strdup (setting->where);
      *ret = (Reference){ setting->values[value], *ret_where };
      return TRUE;
    }
  entry = def->group != NULL ? pr_manifest_entry (def->group, key) : NULL;
  if (entry == NULL)
    return FALSE;
  *ret_where = g_strdup (entry->where);
  *ret = (Reference){ entry->text, *ret_where };
  return TRUE;
}

static const PrStageDef *
find_in_pipeline (const PrArm *arm, const char *name)
{
  for (guint i = 0; i < arm->pipeline->len; i++)
    if (strcmp (((const PrStageDef *)arm->pipeline->pdata[i])->name, name) == 0)
      return arm->pipeline->pdata[i];
  return NULL;
}

/* Do explicit references lead from FROM to GOAL?  Appends " reads NAME" for each step. */
static gboolean
reaches (const Wiring *wiring, const PrStageDef *from, const PrStageDef *goal, guint depth, GString *route)
{
  gsize length = route->len;

  if (from->entry == NULL || depth == 0)
    return FALSE;
  for (gsize i = 0; i < from->entry->stage->n_slots; i++)
    {
      g_autofree char *where = NULL, *name = NULL;
      const PrStageDef *next;
      Reference reference;

      if (from->entry->stage->slots[i].direction != PR_SLOT_IN
          || !find_reference (wiring, from, from->entry->stage->slots[i].name, &reference, &where))
        continue;
      name = g_strndup (reference.text, strcspn (reference.text, "."));
      next = find_in_pipeline (wiring->variant->arm, name);
      if (next == NULL)
        continue;
      g_string_append_printf (route, " reads %s", next->name);
      if (next == goal || reaches (wiring, next, goal, depth - 1, route))
        return TRUE;
      g_string_truncate (route, length);
    }
  return FALSE;
}

/* NAME is no stage before the one being wired: say why. */
static void
complain_order (const Wiring *wiring, const Reference *reference, const char *name)
{
  const PrArm *arm = wiring->variant->arm;
  const PrStageDef *target = find_in_pipeline (arm, name);
  GPtrArray *complaints = wiring->draft->complaints;
  g_autoptr (GString) route = g_string_new (wiring->def->name);
  g_autofree char *shown = pr_complaint_excerpt (name), *hint = NULL;

  if (target == wiring->def)
    pr_complain (complaints, "%s: stage '%s' reads itself", reference->where, name);
  else if (target != NULL)
    {
      g_string_append_printf (route, " reads %s", target->name);
      if (reaches (wiring, target, wiring->def, MIN (arm->pipeline->len, 16), route))
        pr_complain (complaints, "%s: a cycle: %s", reference->where, route->str);
      else
        pr_complain (complaints, "%s: in arm '%s' stage '%s' comes after '%s', which reads it; move it before",
                     reference->where, arm->group->name, name, wiring->def->name);
    }
  else
    {
      g_autoptr (GPtrArray) names = g_ptr_array_new ();

      for (guint i = 0; i < wiring->nodes->len; i++)
        g_ptr_array_add (names, ((const PrNode *)wiring->nodes->pdata[i])->name);
      hint = pr_nearest_hint (name, (const char *const *)names->pdata, names->len);
      pr_complain (complaints, "%s: the pipeline of arm '%s' has no stage '%s'%s%s", reference->where, arm->group->name,
                   shown, hint,
                   strpbrk (reference->text, "#; ") != NULL ? "; comments stand on lines of their own" : "");
    }
}

/* The only output of type TYPE of NODE; RET_MANY if there are several. */
static const PrSlotSpec *
output_of_type (const PrNode *node, const char *type, gboolean *ret_many)
{
  const PrStage *stage = node->entry->stage;
  const PrSlotSpec *found = NULL;

  *ret_many = FALSE;
  for (gsize i = 0; i < stage->n_slots; i++)
    if (stage->slots[i].direction == PR_SLOT_OUT && strcmp (stage->slots[i].type, type) == 0)
      {
        *ret_many = found != NULL;
        found = &stage->slots[i];
      }
  return found;
}

/* `STAGE.SLOT`, checked against the node it names. */
static const PrSlotSpec *
named_output (const Wiring *wiring, const Reference *reference, const PrNode *from, const char *slot_name,
              const PrSlotSpec *input)
{
  const PrStage *stage = from->entry->stage;
  const PrSlotSpec *slot = pr_stage_slot (stage, PR_SLOT_OUT, slot_name);
  g_autofree const char **names = g_new (const char *, stage->n_slots + 1);
  g_autofree char *hint = NULL, *shown = NULL;
  gsize n = 0;

  if (slot != NULL && strcmp (slot->type, input->type) == 0)
    return slot;
  if (slot != NULL)
    {
      pr_complain (wiring->draft->complaints, "%s: '%s.%s' is %s, but input '%s' of stage '%s' takes %s",
                   reference->where, from->name, slot_name, slot->type, input->name, wiring->def->name, input->type);
      return NULL;
    }
  for (gsize i = 0; i < stage->n_slots; i++)
    if (stage->slots[i].direction == PR_SLOT_OUT)
      names[n++] = stage->slots[i].name;
  hint = pr_nearest_hint (slot_name, names, n);
  shown = pr_complaint_excerpt (slot_name);
  pr_complain (wiring->draft->complaints, "%s: stage '%s' has no output '%s'%s%s", reference->where, from->name, shown,
               hint, strpbrk (slot_name, "#; ") != NULL ? "; comments stand on lines of their own" : "");
  return NULL;
}

static gboolean
wire_explicit (const Wiring *wiring, const Reference *reference, PrEdge *edge)
{
  const char *dot = strchr (reference->text, '.');
  g_autofree char *name =
      dot != NULL ? g_strndup (reference->text, (gsize)(dot - reference->text)) : g_strdup (reference->text);
  PrNode *from = NULL;
  gboolean many;

  if (strcmp (reference->text, "none") == 0)
    {
      if (!edge->slot->optional)
        pr_complain (wiring->draft->complaints, "%s: input '%s' of stage '%s' is not optional and cannot be 'none'",
                     reference->where, edge->slot->name, wiring->def->name);
      return edge->slot->optional;
    }
  for (guint i = 0; i < wiring->nodes->len && from == NULL; i++)
    if (strcmp (((PrNode *)wiring->nodes->pdata[i])->name, name) == 0)
      from = wiring->nodes->pdata[i];
  if (from == NULL)
    {
      complain_order (wiring, reference, name);
      return FALSE;
    }
  if (dot != NULL)
    edge->from_slot = named_output (wiring, reference, from, dot + 1, edge->slot);
  else
    {
      edge->from_slot = output_of_type (from, edge->slot->type, &many);
      if (edge->from_slot == NULL)
        pr_complain (wiring->draft->complaints, "%s: stage '%s' writes no %s, which input '%s' of stage '%s' takes",
                     reference->where, name, edge->slot->type, edge->slot->name, wiring->def->name);
      else if (many)
        {
          pr_complain (wiring->draft->complaints,
                       "%s: stage '%s' has several outputs of type %s; say which: in.%s = %s.SLOT", reference->where,
                       name, edge->slot->type, edge->slot->name, name);
          edge->from_slot = NULL;
        }
    }
  edge->from = edge->from_slot != NULL ? from : NULL;
  return edge->from != NULL;
}

/* The stages whose plugins write TYPE, for a remedy; to free. */
static char *
writers_of (const PrRegistry *registry, const char *type)
{
  GString *text = g_string_new (NULL);

  for (gsize i = 0; i < pr_registry_n (registry); i++)
    {
      const PrStage *stage = pr_registry_at (registry, i)->stage;

      for (gsize j = 0; j < stage->n_slots; j++)
        if (stage->slots[j].direction == PR_SLOT_OUT && strcmp (stage->slots[j].type, type) == 0)
          {
            g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", stage->id);
            break;
          }
    }
  if (text->len == 0)
    g_string_append (text, "no stage of any plugin");
  return g_string_free (text, FALSE);
}

static gboolean
wire_latest (const Wiring *wiring, PrEdge *edge)
{
  const char *arm = wiring->variant->arm->group->name;
  g_autofree char *writers = NULL;

  for (guint i = wiring->nodes->len; i > 0; i--)
    {
      PrNode *from = wiring->nodes->pdata[i - 1];
      gboolean many;

      edge->from_slot = output_of_type (from, edge->slot->type, &many);
      if (many)
        {
          pr_complain (wiring->draft->complaints,
                       "%s: arm '%s': input '%s' of stage '%s': stage '%s' has several outputs of type %s; say which: "
                       "in.%s = %s.SLOT",
                       wiring->place, arm, edge->slot->name, wiring->def->name, from->name, edge->slot->type,
                       edge->slot->name, from->name);
          edge->from_slot = NULL;
          return FALSE;
        }
      if (edge->from_slot != NULL)
        {
          edge->from = from;
          return TRUE;
        }
    }
  if (edge->slot->optional)
    return TRUE;
  writers = writers_of (wiring->draft->registry, edge->slot->type);
  pr_complain (
      wiring->draft->complaints,
      "%s: arm '%s': input '%s' of stage '%s' is not connected: nothing before it writes %s; those that do: %s",
      wiring->place, arm, edge->slot->name, wiring->def->name, edge->slot->type, writers);
  return FALSE;
}

gboolean
pr_draft_wire (PrDraft *draft, const PrVariant *variant, const PrStageDef *def, const GPtrArray *nodes, PrNode *node)
{
  const PrStage *stage = def->entry->stage;
  const Wiring wiring = { draft, variant, def, nodes, variant->arm->where };
  gboolean ok = TRUE;

  node->edges = g_new0 (PrEdge, stage->n_slots + 1);
  for (gsize i = 0; i < stage->n_slots; i++)
    {
      g_autofree char *where = NULL;
      Reference reference;
      PrEdge *edge;

      if (stage->slots[i].direction != PR_SLOT_IN)
        continue;
      edge = &node->edges[node->n_edges++];
      edge->slot = &stage->slots[i];
      if (find_reference (&wiring, def, edge->slot->name, &reference, &where))
        ok = wire_explicit (&wiring, &reference, edge) && ok;
      else
        ok = wire_latest (&wiring, edge) && ok;
    }
  return ok;
}
