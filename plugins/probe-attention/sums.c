#include "sums.h"

#include <math.h>

char *
queries_name (const Queries *queries, gint64 query)
{
  if (query < queries->pauses)
    return g_strdup_printf ("pause%d", (int)query + 1);
  return query == queries->pauses ? g_strdup ("answer") : g_strdup_printf ("code%d", (int)(query - queries->pauses));
}

void
sums_init (Sums *s, gint64 layers, gint64 heads, Queries queries)
{
  gsize all = (gsize)(1 + layers + layers * heads), n = (gsize)queries.n, cells = all * n * KEYS_N_CLASSES;
  double **by_class[] = { &s->mass, &s->sum_mass, &s->sum_mass2, &s->sum_cross };
  double **by_query[] = { &s->entropy, &s->width, &s->sum_entropy, &s->sum_entropy2, &s->sum_width, &s->sum_evenness };
  double **shares[] = { &s->share, &s->sum_share, &s->sum_share2 };

  *s = (Sums){ .layers = layers, .heads = heads, .all = (gint64)all, .queries = queries };
  for (gsize i = 0; i < G_N_ELEMENTS (by_class); i++)
    *by_class[i] = g_new0 (double, cells);
  for (gsize i = 0; i < G_N_ELEMENTS (by_query); i++)
    *by_query[i] = g_new0 (double, all *n);
  for (gsize i = 0; i < G_N_ELEMENTS (shares); i++)
    *shares[i] = g_new0 (double, n *KEYS_N_CLASSES);
  s->keys = g_new0 (double, n);
  s->sum_keys = g_new0 (double, n);
}

void
sums_clear (Sums *s)
{
  double *arrays[] = { s->mass,  s->sum_mass,    s->sum_mass2,    s->sum_cross, s->entropy,
                       s->width, s->sum_entropy, s->sum_entropy2, s->sum_width, s->sum_evenness,
                       s->share, s->sum_share,   s->sum_share2,   s->keys,      s->sum_keys };

  for (gsize i = 0; i < G_N_ELEMENTS (arrays); i++)
    g_free (arrays[i]);
}

/* One head's row of N probabilities, the last of them its own position, into MASS [classes]; returns the entropy. */
static double
measure_row (const Key *keys, gint32 n, const float *p, double *mass)
{
  double entropy = 0;

  for (gint32 i = 0; i < n; i++)
    {
      double w = (double)p[i];

      mass[i == n - 1 ? KEYS_SELF : keys[i].part] += w;
      for (guint32 views = keys[i].views; views != 0; views &= views - 1)
        mass[g_bit_nth_lsf (views, -1)] += w;
      entropy -= w > 0 ? w * log (w) : 0;
    }
  return entropy;
}

/* How many of the N positions are of each class, as a share. */
static void
measure_shares (const Key *keys, gint32 n, double *share)
{
  for (int c = 0; c < KEYS_N_CLASSES; c++)
    share[c] = 0;
  for (gint32 i = 0; i < n; i++)
    {
      share[i == n - 1 ? KEYS_SELF : keys[i].part] += 1.0 / n;
      for (guint32 views = keys[i].views; views != 0; views &= views - 1)
        share[g_bit_nth_lsf (views, -1)] += 1.0 / n;
    }
}

/* Head TO += head FROM / COUNT. */
static void
add_to_mean (Sums *s, gint64 from, gint64 to, gint64 count)
{
  gint64 n = s->queries.n, cells = n * KEYS_N_CLASSES;

  for (gint64 i = 0; i < cells; i++)
    s->mass[to * cells + i] += s->mass[from * cells + i] / (double)count;
  for (gint64 q = 0; q < n; q++)
    {
      s->entropy[to * n + q] += s->entropy[from * n + q] / (double)count;
      s->width[to * n + q] += s->width[from * n + q] / (double)count;
    }
}

gsize
sums_measure (Sums *s, const Key *keys, const gint32 *positions, const float *attention)
{
  gint64 n = s->queries.n, cells = n * KEYS_N_CLASSES, first = 1 + s->layers;
  const float *p = attention;

  memset (s->mass, 0, (gsize)(s->all * cells) * sizeof (double));
  memset (s->entropy, 0, (gsize)(s->all * n) * sizeof (double));
  memset (s->width, 0, (gsize)(s->all * n) * sizeof (double));
  for (gint64 q = 0; q < n; q++)
    {
      gint32 seen = positions[q] + 1;

      s->keys[q] = seen;
      measure_shares (keys, seen, s->share + q * KEYS_N_CLASSES);
      for (gint64 h = first; h < s->all; h++, p += seen)
        {
          s->entropy[h * n + q] = measure_row (keys, seen, p, s->mass + h * cells + q * KEYS_N_CLASSES);
          s->width[h * n + q] = exp (s->entropy[h * n + q]);
        }
    }
  for (gint64 l = 0; l < s->layers; l++)
    {
      for (gint64 h = 0; h < s->heads; h++)
        add_to_mean (s, first + l * s->heads + h, 1 + l, s->heads);
      add_to_mean (s, 1 + l, 0, s->layers);
    }
  return (gsize)(p - attention);
}

void
sums_add (Sums *s)
{
  gint64 n = s->queries.n, cells = n * KEYS_N_CLASSES;

  s->users++;
  for (gint64 i = 0; i < s->all * cells; i++)
    {
      s->sum_mass[i] += s->mass[i];
      s->sum_mass2[i] += s->mass[i] * s->mass[i];
      s->sum_cross[i] += s->mass[i] * s->share[i % cells];
    }
  for (gint64 i = 0; i < cells; i++)
    {
      s->sum_share[i] += s->share[i];
      s->sum_share2[i] += s->share[i] * s->share[i];
    }
  for (gint64 i = 0; i < s->all * n; i++)
    {
      double most = log (s->keys[i % n]);

      s->sum_entropy[i] += s->entropy[i];
      s->sum_entropy2[i] += s->entropy[i] * s->entropy[i];
      s->sum_width[i] += s->width[i];
      s->sum_evenness[i] += most > 0 ? s->entropy[i] / most : 1;
    }
  for (gint64 q = 0; q < n; q++)
    s->sum_keys[q] += s->keys[q];
}

/* Standard error of a mean over N users, from the sums of a value and of its squares. */
static double
standard_error (double sum, double squares, double n)
{
  return n > 1 ? sqrt (MAX (squares / n - sum / n * (sum / n), 0) / (n - 1)) : NAN;
}

static void
row_head (const Sums *s, PrRun *run, const char *table, gint64 head, gint64 query)
{
  gint64 at = head - 1 - s->layers;

  pr_run_table (run, table, "layer", head == 0 ? -1 : at < 0 ? (double)(head - 1) : (double)(at / s->heads));
  pr_run_table (run, table, "head", at < 0 ? -1 : (double)(at % s->heads));
  pr_run_table (run, table, "query", (double)query);
}

/* The lift is a ratio of means, mass over share, and its error that of a ratio: of mass - lift x share, over the mean
 * share. */
static void
report_mass (const Sums *s, PrRun *run, gint64 head, gint64 query, int class)
{
  gint64 cell = query * KEYS_N_CLASSES + class, at = head * s->queries.n * KEYS_N_CLASSES + cell;
  double n = (double)s->users, mass = s->sum_mass[at], share = s->sum_share[cell], lift = mass / share;
  double squares = s->sum_mass2[at] - 2 * lift * s->sum_cross[at] + lift * lift * s->sum_share2[cell];

  row_head (s, run, "attention_mass", head, query);
  pr_run_table (run, "attention_mass", "class", class);
  pr_run_table (run, "attention_mass", "mass", mass / n);
  pr_run_table (run, "attention_mass", "mass_se", standard_error (mass, s->sum_mass2[at], n));
  pr_run_table (run, "attention_mass", "share", share / n);
  pr_run_table (run, "attention_mass", "lift", share > 0 ? lift : NAN);
  pr_run_table (run, "attention_mass", "lift_se", share > 0 ? standard_error (0, squares, n) / (share / n) : NAN);
}

static void
report_entropy (const Sums *s, PrRun *run, gint64 head, gint64 query)
{
  gint64 at = head * s->queries.n + query;
  double n = (double)s->users;

  row_head (s, run, "attention_entropy", head, query);
  pr_run_table (run, "attention_entropy", "entropy", s->sum_entropy[at] / n);
  pr_run_table (run, "attention_entropy", "entropy_se", standard_error (s->sum_entropy[at], s->sum_entropy2[at], n));
  pr_run_table (run, "attention_entropy", "effective", s->sum_width[at] / n);
  pr_run_table (run, "attention_entropy", "evenness", s->sum_evenness[at] / n);
  pr_run_table (run, "attention_entropy", "keys", s->sum_keys[query] / n);
}

static void
report_metrics (const Sums *s, PrRun *run, gint64 query)
{
  g_autofree char *query_name = queries_name (&s->queries, query);
  g_autofree char *entropy = g_strconcat ("entropy_", query_name, NULL);
  g_autofree char *effective = g_strconcat ("effective_", query_name, NULL);
  double n = (double)s->users;

  for (int c = 0; c < KEYS_N_CLASSES; c++)
    {
      g_autofree char *name = g_strconcat ("mass_", keys_names[c], "_", query_name, NULL);

      pr_run_metric (run, name, s->sum_mass[query * KEYS_N_CLASSES + c] / n);
    }
  pr_run_metric (run, entropy, s->sum_entropy[query] / n);
  pr_run_metric (run, effective, s->sum_width[query] / n);
}

void
sums_report (const Sums *s, PrRun *run)
{
  for (gint64 q = 0; q < s->queries.n; q++)
    {
      gint64 after = q - s->queries.pauses;

      report_metrics (s, run, q);
      pr_run_table (run, "attention_queries", "query", (double)q);
      pr_run_table (run, "attention_queries", "kind", after < 0 ? 0 : after == 0 ? 1 : 2);
      pr_run_table (run, "attention_queries", "number", after < 0 ? (double)(q + 1) : (double)after);
      for (gint64 h = 0; h < s->all; h++)
        {
          report_entropy (s, run, h, q);
          for (int c = 0; c < KEYS_N_CLASSES; c++)
            report_mass (s, run, h, q, c);
        }
    }
}
