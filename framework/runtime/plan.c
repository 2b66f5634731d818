#include "config.h"

#include "runtime/plan.h"

#include <pauserec/require.h>

#include <gio/gio.h>
#include <math.h>
#include <string.h>

/* What plan() of one stage may see and say. */
struct PrPlan
{
  const PrRunPlan *before; /* the nodes planned already */
  const PrNode *node;
  PrNodePlan *result;
  GError *misuse; /* the first thing that the contract forbids */
};

/* Dimensions -------------------------------------------------------------- */

static void
dim_free (gpointer data)
{
  PrDim *dim = data;

  g_free (dim->slot);
  g_free (dim->dim);
  g_free (dim);
}

PrDims *
pr_dims_new (void)
{
  PrDims *dims = g_new0 (PrDims, 1);

  dims->all = g_ptr_array_new_with_free_func (dim_free);
  return dims;
}

void
pr_dims_free (PrDims *dims)
{
  if (dims == NULL)
    return;
  g_ptr_array_unref (dims->all);
  g_free (dims);
}

static PrDim *
find_dim (const PrDims *dims, const char *slot, const char *name)
{
  for (guint i = 0; i < dims->all->len; i++)
    {
      PrDim *dim = dims->all->pdata[i];

      if (strcmp (dim->slot, slot) == 0 && strcmp (dim->dim, name) == 0)
        return dim;
    }
  return NULL;
}

void
pr_dims_set (PrDims *dims, const char *slot, const char *dim, gint64 value)
{
  PrDim *known = find_dim (dims, slot, dim);

  if (known == NULL)
    {
      known = g_new0 (PrDim, 1);
      known->slot = g_strdup (slot);
      known->dim = g_strdup (dim);
      g_ptr_array_add (dims->all, known);
    }
  known->value = value;
}

gint64
pr_dims_get (const PrDims *dims, const char *slot, const char *dim)
{
  const PrDim *known = find_dim (dims, slot, dim);

  return known != NULL ? known->value : PR_DIM_UNKNOWN;
}

/* The contract ------------------------------------------------------------ */

const PrSlotSpec *
pr_stage_slot (const PrStage *stage, PrSlotDirection direction, const char *name)
{
  for (gsize i = 0; i < stage->n_slots; i++)
    if (stage->slots[i].direction == direction && strcmp (stage->slots[i].name, name) == 0)
      return &stage->slots[i];
  return NULL;
}

gboolean
pr_stage_check_result (const PrStageEntry *entry, const char *node_name, const char *function, gboolean ok,
                       GError *raised, GError **error)
{
  if (ok == TRUE && raised == NULL)
    return TRUE;
  if (ok == FALSE && raised != NULL)
    {
      /* GLib's file functions have codes of their own; for the program they are all the machine's. */
      if (raised->domain == G_FILE_ERROR || raised->domain == G_IO_ERROR)
        {
          raised->domain = PR_ERROR;
          raised->code = PR_ERROR_IO;
        }
      g_propagate_prefixed_error (error, raised, "stage '%s': ", node_name);
      return FALSE;
    }
  if (raised != NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                 "stage '%s': %s() of plugin '%s' returned success and yet set an error (%s); return FALSE with it",
                 node_name, function, entry->path, raised->message);
  else if (ok == FALSE)
    g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                 "stage '%s': %s() of plugin '%s' failed and did not say why; set an error before returning FALSE",
                 node_name, function, entry->path);
  else
    g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                 "stage '%s': %s() of plugin '%s' returned %d; return TRUE, or FALSE with an error", node_name,
                 function, entry->path, ok);
  g_clear_error (&raised);
  return FALSE;
}

/* What plan() calls ------------------------------------------------------- */

static void G_GNUC_PRINTF (2, 3) misuse (PrPlan *plan, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (plan->misuse != NULL)
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (&plan->misuse, PR_ERROR, PR_ERROR_PLUGIN, "stage '%s': plan() of plugin '%s' %s", plan->node->name,
               plan->node->entry->path, text);
}

static const PrEdge *
find_edge (const PrPlan *plan, const char *slot)
{
  for (gsize i = 0; i < plan->node->n_edges; i++)
    if (strcmp (plan->node->edges[i].slot->name, slot) == 0)
      return &plan->node->edges[i];
  misuse ((PrPlan *)plan, "asks about an input '%s' that its table lacks", slot);
  return NULL;
}

gboolean
pr_plan_input_connected (const PrPlan *plan, const char *slot)
{
  const PrEdge *edge = find_edge (plan, slot);

  return edge != NULL && edge->from != NULL;
}

const char *
pr_plan_input_stage (const PrPlan *plan, const char *slot)
{
  const PrEdge *edge = find_edge (plan, slot);

  return edge != NULL && edge->from != NULL ? edge->from->name : NULL;
}

gint64
pr_plan_input_dim (const PrPlan *plan, const char *slot, const char *dim)
{
  const PrEdge *edge = find_edge (plan, slot);
  const PrNodePlan *from;
  gint64 value;

  if (edge == NULL || edge->from == NULL)
    return PR_DIM_UNKNOWN;
  from = pr_run_plan_find (plan->before, edge->from);
  if (from == NULL)
    return PR_DIM_UNKNOWN;
  value = pr_dims_get (from->actual, edge->from_slot->name, dim);
  return value != PR_DIM_UNKNOWN ? value : pr_dims_get (from->promised, edge->from_slot->name, dim);
}

void
pr_plan_set_dim (PrPlan *plan, const char *slot, const char *dim, gint64 value)
{
  if (pr_stage_slot (plan->node->entry->stage, PR_SLOT_OUT, slot) == NULL)
    misuse (plan, "promises '%s' of an output '%s' that its table lacks", dim, slot);
  else if (value < 0 && value != PR_DIM_UNKNOWN)
    misuse (plan, "promises %s.%s = %" G_GINT64_FORMAT "; a dimension is not negative", slot, dim, value);
  else if (find_dim (plan->result->promised, slot, dim) != NULL)
    misuse (plan, "promises %s.%s twice", slot, dim);
  else
    pr_dims_set (plan->result->promised, slot, dim, value);
}

void
pr_plan_set_memory (PrPlan *plan, guint64 peak_bytes)
{
  plan->result->memory = peak_bytes;
}

void
pr_plan_set_flops (PrPlan *plan, double flops)
{
  if (!isfinite (flops) || flops < 0)
    misuse (plan, "estimates %g operations; the number must be finite and not negative", flops);
  else
    plan->result->flops = flops;
}

/* A run ------------------------------------------------------------------- */

static void
node_plan_free (gpointer data)
{
  PrNodePlan *plan = data;

  pr_dims_free (plan->promised);
  pr_dims_free (plan->actual);
  g_free (plan);
}

void
pr_run_plan_free (PrRunPlan *plan)
{
  if (plan == NULL)
    return;
  g_ptr_array_unref (plan->nodes);
  g_free (plan);
}

const PrNodePlan *
pr_run_plan_find (const PrRunPlan *plan, const PrNode *node)
{
  for (guint i = 0; i < plan->nodes->len; i++)
    if (((const PrNodePlan *)plan->nodes->pdata[i])->node == node)
      return plan->nodes->pdata[i];
  return NULL;
}

gboolean
pr_node_plan_check (const PrNodePlan *plan, const PrDims *actual, GError **error)
{
  for (guint i = 0; i < plan->promised->all->len; i++)
    {
      const PrDim *dim = plan->promised->all->pdata[i];
      gint64 value = pr_dims_get (actual, dim->slot, dim->dim);

      if (dim->value == PR_DIM_UNKNOWN || value == PR_DIM_UNKNOWN || value == dim->value)
        continue;
      g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                   "stage '%s': plan() of plugin '%s' promised %s.%s = %" G_GINT64_FORMAT
                   ", run() made it %" G_GINT64_FORMAT "; promise PR_DIM_UNKNOWN what plan() cannot know",
                   plan->node->name, plan->node->entry->path, dim->slot, dim->dim, dim->value, value);
      return FALSE;
    }
  return TRUE;
}

static gboolean
plan_node (const PrRunPlan *before, PrNodePlan *result, GError **error)
{
  const PrNode *node = result->node;
  PrPlan plan = { before, node, result, NULL };
  g_autoptr (GError) raised = NULL;
  gboolean ok = node->entry->stage->plan (node->params, &plan, &raised);

  /* Misuse first: it is the likely reason of whatever else went wrong. */
  if (plan.misuse != NULL)
    {
      g_propagate_error (error, plan.misuse);
      return FALSE;
    }
  return pr_stage_check_result (node->entry, node->name, "plan", ok, g_steal_pointer (&raised), error)
         && pr_node_plan_check (result, result->actual, error);
}

PrRunPlan *
pr_run_plan_new (const PrRunSpec *run, PrPlanCachedFunc cached, gpointer user_data, GError **error)
{
  const PrNode *refused;

  return pr_run_plan_new_part (run, run->nodes->len, cached, user_data, &refused, error);
}

PrRunPlan *
pr_run_plan_new_part (const PrRunSpec *run, guint n_nodes, PrPlanCachedFunc cached, gpointer user_data,
                      const PrNode **ret_refused, GError **error)
{
  g_autoptr (PrRunPlan) plan = g_new0 (PrRunPlan, 1);

  plan->nodes = g_ptr_array_new_with_free_func (node_plan_free);
  for (guint i = 0; i < n_nodes; i++)
    {
      PrNodePlan *result = g_new0 (PrNodePlan, 1);

      result->node = run->nodes->pdata[i];
      result->promised = pr_dims_new ();
      result->actual = pr_dims_new ();
      g_ptr_array_add (plan->nodes, result);
      result->cached = cached != NULL && cached (result->node, result->actual, user_data);
      if (!plan_node (plan, result, error))
        {
          *ret_refused = result->node;
          return NULL;
        }
      if (!result->cached)
        {
          plan->memory = MAX (plan->memory, result->memory);
          plan->flops += result->flops;
        }
    }
  return g_steal_pointer (&plan);
}
