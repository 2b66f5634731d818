/* Runs cut into tasks.  Runs begin alike: what several of them need is a task of its own, and they start after it.  As
 * a tree: the runs that agree on their first stages stand below the task that computes these. */
#include "config.h"

#include "engines/sweep-private.h"

#include <string.h>

/* Runs that agree on their first DEPTH stages, which the task PARENT leaves in the store. */
typedef struct
{
  int parent;
  guint depth;
  GArray *runs; /* guint */
} Group;

static const PrPlannedNode *
node_at (const PrSweepPlan *plan, guint run, guint i)
{
  return pr_sweep_node (plan, plan->runs->pdata[run], i);
}

static guint
n_nodes (const PrSweepPlan *plan, guint run)
{
  return ((const PrPlannedRun *)plan->runs->pdata[run])->n_nodes;
}

static void
add_task (PrSweepPlan *plan, const Group *group, guint run, guint end, gboolean whole)
{
  PrTask task = { .parent = group->parent, .run = run, .n_nodes = end, .whole = whole };

  for (guint i = group->depth; i < end; i++)
    {
      const PrPlannedNode *node = node_at (plan, run, i);

      if (node->cached)
        continue;
      task.memory = MAX (task.memory, node->memory);
      task.flops += node->flops;
    }
  g_array_append_val (plan->tasks, task);
}

/* How many stages all runs of RUNS agree on. */
static guint
common_depth (const PrSweepPlan *plan, const GArray *runs, guint depth)
{
  guint first = g_array_index (runs, guint, 0);

  for (;; depth++)
    for (guint i = 0; i < runs->len; i++)
      {
        guint run = g_array_index (runs, guint, i);

        if (depth >= n_nodes (plan, run)
            || strcmp (node_at (plan, run, depth)->key, node_at (plan, first, depth)->key) != 0)
          return depth;
      }
}

static gboolean
all_cached (const PrSweepPlan *plan, guint run, guint begin, guint end)
{
  for (guint i = begin; i < end; i++)
    if (!node_at (plan, run, i)->cached)
      return FALSE;
  return TRUE;
}

/* The runs of GROUP by their next stage, in the order in which these appear; a run that has none is alone. */
static GPtrArray *
split (const PrSweepPlan *plan, const Group *group)
{
  GPtrArray *classes = g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);
  g_autoptr (GHashTable) by_key = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < group->runs->len; i++)
    {
      guint run = g_array_index (group->runs, guint, i);
      const char *key = group->depth < n_nodes (plan, run) ? node_at (plan, run, group->depth)->key : NULL;
      GArray *class = key != NULL ? g_hash_table_lookup (by_key, key) : NULL;

      if (class == NULL)
        {
          class = g_array_new (FALSE, FALSE, sizeof (guint));
          g_ptr_array_add (classes, class);
          if (key != NULL)
            g_hash_table_insert (by_key, (gpointer)key, class);
        }
      g_array_append_val (class, run);
    }
  return classes;
}

static void
free_group (gpointer data)
{
  g_array_unref (((Group *)data)->runs);
  g_free (data);
}

static void
push_group (GQueue *queue, int parent, guint depth, GArray *runs)
{
  Group *group = g_new (Group, 1);

  *group = (Group){ parent, depth, g_array_ref (runs) };
  g_queue_push_tail (queue, group);
}

/* Add the tasks right below the parent of GROUP; groups that go below these are queued.  What is in the store already
 * needs no task: those runs are looked at one level deeper, still below the same parent. */
static void
cut_group (PrSweepPlan *plan, const Group *group, GQueue *queue)
{
  g_autoptr (GPtrArray) classes = split (plan, group);

  for (guint i = 0; i < classes->len; i++)
    {
      GArray *class = classes->pdata[i];
      guint run = g_array_index (class, guint, 0), depth;

      if (class->len == 1)
        {
          add_task (plan, group, run, n_nodes (plan, run), TRUE);
          continue;
        }
      depth = common_depth (plan, class, group->depth);
      if (all_cached (plan, run, group->depth, depth))
        {
          const Group deeper = { group->parent, depth, class };

          cut_group (plan, &deeper, queue);
          continue;
        }
      add_task (plan, group, run, depth, FALSE);
      push_group (queue, (int)plan->tasks->len - 1, depth, class);
    }
}

void
pr_sweep_plan_cut (PrSweepPlan *plan)
{
  GQueue queue = G_QUEUE_INIT;
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (guint));
  Group *group;

  for (guint i = 0; i < plan->runs->len; i++)
    g_array_append_val (all, i);
  push_group (&queue, -1, 0, all);
  /* A queue, not recursion: so the children of one parent stand together. */
  while ((group = g_queue_pop_head (&queue)) != NULL)
    {
      cut_group (plan, group, &queue);
      free_group (group);
    }
}
