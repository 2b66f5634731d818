/* collisions.h - items that share their semantic id: counting them and telling them apart. */
#ifndef PR_COLLISIONS_H
#define PR_COLLISIONS_H

#include <pauserec/sids.h>

typedef struct
{
  gint64 distinct;   /* different tuples in use */
  gint64 shared;     /* items whose tuple another item has too */
  gint64 largest;    /* items in the fullest tuple */
  gint64 *histogram; /* [largest + 1]: tuples that hold so many items; owned */
} CollisionCount;

CollisionCount collisions_count (const PrSids *sids);
void collisions_count_clear (CollisionCount *count);

/* GRID: one more level, 0 for an item whose tuple is unique and 1 .. N among N that share one, in item order. */
PrSids *collisions_add_digit (const PrSids *sids);

/* LC-Rec, with the nearest free code in the place of its Sinkhorn solution: of the items that share a tuple the one
 * with the least cost keeps it, the others move to the free last-level code of the same prefix that costs them least;
 * where two want the same code the one that pays less gets it and the other chooses again in the next round.
 * COST (ctx, item, ret_costs[size of the last level]).  Items still colliding after ROUNDS, or because their prefix
 * holds more items than codes, stay.  Returns the number of items moved. */
typedef void (*CollisionCost) (gpointer ctx, gint64 item, double *ret_costs);
gint64 collisions_reassign (PrSids *sids, gint64 rounds, CollisionCost cost, gpointer ctx);

#endif
