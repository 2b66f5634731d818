/* insert.h - <pause> at random positions of a sequence (Goyal et al., section 4; PauseRec section 3, step 2b). */
#ifndef INSERT_H
#define INSERT_H

#include <pauserec/rng.h>
#include <pauserec/train.h>

/* Pauses for a sequence of N tokens: SHARE of its length, rounded, at least one; none below two tokens. */
gsize pause_count (gsize n, double share);

/* Insert that many tokens PAUSE into EXAMPLE.  Each stands in a gap between two tokens that is drawn uniformly and
 * independently (several may meet in one gap), so never before the first token nor after the last.  Pauses are no
 * targets; all other tokens keep their loss, and one after a pause is predicted from it.  A pure function of (RNG,
 * STEP, INDEX). */
void pause_insert (PrExample *example, gint32 pause, double share, PrRng rng, guint64 step, guint64 index);

#endif
