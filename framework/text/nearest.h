/* nearest.h - "did you mean": the known name closest to a mistyped one. */
#ifndef PR_NEAREST_H
#define PR_NEAREST_H

#include <glib.h>

/* The entry of NAMES (an array of N strings) with the smallest edit distance to WORD (insertions, deletions,
 * replacements and swaps of neighbours count one each), the first of equals; NULL if none is close enough to be what
 * was meant. */
const char *pr_nearest (const char *word, const char *const *names, gsize n);

/* "; did you mean 'NAME'?" or "", to free. */
char *pr_nearest_hint (const char *word, const char *const *names, gsize n);

#endif
