/* atoms.h - byte strings numbered in the order in which they were first seen.
 *
 * A hash set whose members have numbers: words of a corpus, pairs of tokens, token names.  The numbers
 * depend only on the order of pr_atoms_intern() calls, so walking them is deterministic.
 */
#ifndef PR_ATOMS_H
#define PR_ATOMS_H

#include <glib.h>

typedef struct PrAtoms PrAtoms;

PrAtoms *pr_atoms_new (void);
void pr_atoms_free (PrAtoms *atoms);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrAtoms, pr_atoms_free)
/* The number of BYTES, taken up if new (then *ret_new, which may be NULL, is TRUE). */
gint32 pr_atoms_intern (PrAtoms *atoms, const void *bytes, gsize n, gboolean *ret_new);
gint32 pr_atoms_find (const PrAtoms *atoms, const void *bytes, gsize n); /* -1: not a member */
/* The bytes of ATOM; valid until the next pr_atoms_intern(). */
const guint8 *pr_atoms_at (const PrAtoms *atoms, gint32 atom, gsize *ret_n);
gint32 pr_atoms_n (const PrAtoms *atoms);
gsize pr_atoms_bytes (const PrAtoms *atoms); /* of all members together */
void pr_atoms_clear (PrAtoms *atoms);        /* forget all members */

#endif
