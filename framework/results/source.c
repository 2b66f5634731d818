#include "config.h"

#include "source.h"

#include "seal.h"

#include <math.h>
#include <string.h>

void
pr_source_clear (PrSource *s)
{
  pr_h5_free (s->h5);
  g_strfreev (s->arms);
  g_free (s->run_arms);
  g_free (s->run_seeds);
  g_free (s->run_users);
  g_free (s->arm_starts);
  g_free (s->runs_by_arm);
  g_strfreev (s->row_names);
  g_free (s->row_values);
  g_free (s->run_starts);
  g_free (s->rows_by_run);
}

/* An arm and a seed. */
typedef struct
{
  gsize arm;
  guint64 seed;
} Key;

static guint
hash_key (gconstpointer key_)
{
  const Key *key = key_;

  return (guint)((key->arm * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) + key->seed)
                     * G_GUINT64_CONSTANT (0xd1342543de82ef95)
                 >> 32);
}

static gboolean
equal_keys (gconstpointer a_, gconstpointer b_)
{
  const Key *a = a_, *b = b_;

  return a->arm == b->arm && a->seed == b->seed;
}

/* Members of N_GROUPS groups one group after the other, in their order within: GROUPS [n] names the group of each,
 * n_groups or more that it is of none.  RET_STARTS [n_groups + 1]. */
static gsize *
sort_by_group (const gsize *groups, gsize n, gsize n_groups, gsize **ret_starts)
{
  gsize *starts = g_new0 (gsize, n_groups + 2), *members = g_new (gsize, MAX (n, 1));

  for (gsize i = 0; i < n; i++)
    if (groups[i] < n_groups)
      starts[groups[i] + 2]++;
  for (gsize g = 2; g < n_groups + 2; g++)
    starts[g] += starts[g - 1];
  for (gsize i = 0; i < n; i++)
    if (groups[i] < n_groups)
      members[starts[groups[i] + 1]++] = i;
  *ret_starts = starts;
  return members;
}

/* Number the arms in the order in which their runs stand. */
static void
number_arms (PrSource *s, char **run_arms, GHashTable *numbers)
{
  g_autoptr (GStrvBuilder) arms = g_strv_builder_new ();

  s->run_arms = g_new (gsize, MAX (s->n_runs, 1));
  for (gsize r = 0; r < s->n_runs; r++)
    {
      gpointer number;

      if (!g_hash_table_lookup_extended (numbers, run_arms[r], NULL, &number))
        {
          number = GSIZE_TO_POINTER (g_hash_table_size (numbers));
          g_hash_table_insert (numbers, run_arms[r], number);
          g_strv_builder_add (arms, run_arms[r]);
        }
      s->run_arms[r] = GPOINTER_TO_SIZE (number);
    }
  s->n_arms = g_hash_table_size (numbers);
  s->arms = g_strv_builder_end (arms);
}

/* Find the runs of arms, and the rows of runs. */
static void
index_runs (PrSource *s, char **run_arms, char **row_arms, const guint64 *row_seeds)
{
  g_autoptr (GHashTable) numbers = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) runs = g_hash_table_new (hash_key, equal_keys);
  g_autofree Key *keys = g_new (Key, MAX (s->n_runs, 1));
  g_autofree gsize *arm_of_run = g_new (gsize, MAX (s->n_runs, 1)), *run_of_row = g_new (gsize, MAX (s->n_rows, 1));

  number_arms (s, run_arms, numbers);
  for (gsize r = 0; r < s->n_runs; r++)
    {
      keys[r] = (Key){ s->run_arms[r], s->run_seeds[r] };
      arm_of_run[r] = g_hash_table_contains (runs, &keys[r]) ? G_MAXSIZE : s->run_arms[r];
      if (arm_of_run[r] != G_MAXSIZE)
        g_hash_table_insert (runs, &keys[r], GSIZE_TO_POINTER (r));
    }
  for (gsize i = 0; i < s->n_rows; i++)
    {
      gpointer arm, run;

      run_of_row[i] = G_MAXSIZE;
      if (g_hash_table_lookup_extended (numbers, row_arms[i], NULL, &arm)
          && g_hash_table_lookup_extended (runs, &(Key){ GPOINTER_TO_SIZE (arm), row_seeds[i] }, NULL, &run))
        run_of_row[i] = GPOINTER_TO_SIZE (run);
    }
  s->runs_by_arm = sort_by_group (arm_of_run, s->n_runs, s->n_arms, &s->arm_starts);
  s->rows_by_run = sort_by_group (run_of_row, s->n_rows, s->n_runs, &s->run_starts);
}

gboolean
pr_source_read (PrSource *s, const char *path, GError **error)
{
  g_auto (GStrv) run_arms = NULL, row_arms = NULL;
  g_autofree guint64 *row_seeds = NULL;
  gint64 n_runs = 0, n_rows = 0;

  s->h5 = pr_seal_open (path, "experiment", error);
  if (s->h5 == NULL || (run_arms = pr_h5_read_column (s->h5, "/runs", "arm", PR_H5_TEXT, &n_runs, error)) == NULL
      || (s->run_seeds = pr_h5_read_column (s->h5, "/runs", "seed", PR_H5_U64, &n_runs, error)) == NULL
      || (s->run_users = pr_h5_read_column (s->h5, "/runs", "n_users", PR_H5_U64, &n_runs, error)) == NULL
      || (row_arms = pr_h5_read_column (s->h5, "/metrics", "arm", PR_H5_TEXT, &n_rows, error)) == NULL
      || (row_seeds = pr_h5_read_column (s->h5, "/metrics", "seed", PR_H5_U64, &n_rows, error)) == NULL
      || (s->row_names = pr_h5_read_column (s->h5, "/metrics", "metric", PR_H5_TEXT, &n_rows, error)) == NULL
      || (s->row_values = pr_h5_read_column (s->h5, "/metrics", "value", PR_H5_F64, &n_rows, error)) == NULL)
    return FALSE;
  s->n_runs = (gsize)n_runs;
  s->n_rows = (gsize)n_rows;
  index_runs (s, run_arms, row_arms, row_seeds);
  return TRUE;
}

double
pr_source_value (const PrSource *s, gsize run, const char *metric)
{
  for (gsize i = s->run_starts[run + 1]; i-- > s->run_starts[run];)
    if (strcmp (s->row_names[s->rows_by_run[i]], metric) == 0)
      return s->row_values[s->rows_by_run[i]];
  return NAN;
}

gssize
pr_source_find_run (const PrSource *s, gsize arm, guint64 seed)
{
  for (gsize i = s->arm_starts[arm]; i < s->arm_starts[arm + 1]; i++)
    if (s->run_seeds[s->runs_by_arm[i]] == seed)
      return (gssize)s->runs_by_arm[i];
  return -1;
}
