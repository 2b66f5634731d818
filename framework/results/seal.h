/* seal.h - result files that are whole or not there. */
#ifndef PR_SEAL_H
#define PR_SEAL_H

#include "results/h5.h"

#define PR_RESULTS_SCHEMA "pauserec-results/1"
#define PR_SEAL_BLOCK 512 /* user block of the files: HDF5's smallest */

/* Put the seal before the bytes of H5, which was made with PR_SEAL_BLOCK, and write them to PATH atomically. */
gboolean pr_seal_write (PrH5 *h5, const char *path, GError **error);
/* Open PATH after its seal and attribute kind = KIND are found right; DATA error otherwise, IO error if it cannot be
 * read. */
PrH5 *pr_seal_open (const char *path, const char *kind, GError **error);

/* SHA-256 over what a run file says, times, memory, keys and provenance aside; owned by the caller. */
char *pr_results_digest (PrH5 *h5, GError **error);

/* NAME as name of a group: '_' for everything that is no letter, digit or '_'; owned by the caller. */
char *pr_results_group_name (const char *name);

#endif
