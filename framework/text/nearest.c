#include "config.h"

#include "text/nearest.h"

#include <string.h>

#define LONGEST 64 /* bytes: longer words are not compared */

/* Optimal string alignment distance, by rows of the usual table. */
static guint
distance (const char *a, const char *b)
{
  gsize n = strlen (a), m = strlen (b);
  guint rows[3][LONGEST + 1];
  guint *before = rows[0], *last = rows[1], *now = rows[2];

  if (n > LONGEST || m > LONGEST)
    return G_MAXUINT;
  for (gsize j = 0; j <= m; j++)
    last[j] = (guint)j;
  for (gsize i = 1; i <= n; i++)
    {
      guint *spare = before;

      now[0] = (guint)i;
      for (gsize j = 1; j <= m; j++)
        {
          guint best = last[j - 1] + (a[i - 1] != b[j - 1]);

          best = MIN (best, MIN (last[j], now[j - 1]) + 1);
          if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
            best = MIN (best, before[j - 2] + 1);
          now[j] = best;
        }
      before = last;
      last = now;
      now = spare;
    }
  return last[m];
}

const char *
pr_nearest (const char *word, const char *const *names, gsize n)
{
  const char *nearest = NULL;
  guint best = G_MAXUINT;

  for (gsize i = 0; i < n; i++)
    {
      guint d = distance (word, names[i]);
      guint allowed = MAX (1, (guint)MAX (strlen (word), strlen (names[i])) / 3);

      /* A word of one letter would otherwise be "near" every other. */
      if (d <= allowed && d < best && d < strlen (names[i]))
        {
          best = d;
          nearest = names[i];
        }
    }
  return nearest;
}

char *
pr_nearest_hint (const char *word, const char *const *names, gsize n)
{
  const char *nearest = pr_nearest (word, names, n);

  return nearest != NULL ? g_strdup_printf ("; did you mean '%s'?", nearest) : g_strdup ("");
}
