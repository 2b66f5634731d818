/* seal.h - result files that are whole or not there.
 *
 * The seal is the text in the first 512 bytes of a file, which HDF5 leaves to its users; zeros follow:
 *
 *   pauserec-results/2
 *   sha256 <of everything after these 512 bytes>
 *   bytes <length of the file>
 *   kind run|experiment
 *   run_key <of a run; empty of an experiment>
 */
#ifndef PR_SEAL_H
#define PR_SEAL_H

#include "results/h5.h"
#include "results/large-file.h"

#define PR_RESULTS_SCHEMA "pauserec-results/2"
#define PR_SEAL_BLOCK 512   /* user block of the files: HDF5's smallest */
#define PR_SEAL_KEY_MAX 256 /* bytes of a run key */

/* What a seal says. */
typedef struct
{
  char sha256[65];
  guint64 bytes;
  char kind[16];
  char run_key[PR_SEAL_KEY_MAX + 1];
} PrSealInfo;

/* Put the seal before the bytes of H5, which was made with PR_SEAL_BLOCK, and write them to PATH atomically. */
gboolean pr_seal_write (PrH5 *h5, const char *path, GError **error);
/* The same for a file on disk, made with PR_SEAL_BLOCK under FILE's temporary name and finished. */
gboolean pr_seal_commit (PrLargeFile *file, GError **error);

/* Read the seal alone: TRUE if it is one and the file is as long as it says, so that truncation is found but not a
 * changed byte.  DATA error that names the fault otherwise, IO error if PATH cannot be read. */
gboolean pr_seal_peek (const char *path, PrSealInfo *ret_info, GError **error);
/* Open PATH after its seal and attribute kind = KIND (NULL: any) are found right, which reads all of it; errors as
 * above. */
PrH5 *pr_seal_open (const char *path, const char *kind, GError **error);

/* pr_seal_open() of a run file whose results have the digest that it states and, unless NULL, RUN_KEY.  RET_DIGEST: may
 * be NULL. */
PrH5 *pr_run_open (const char *path, const char *run_key, char **ret_digest, GError **error);

/* SHA-256 over what a run file says, times, memory, keys and provenance aside; owned by the caller. */
char *pr_results_digest (PrH5 *h5, GError **error);

/* NAME as name of a group: '_' for everything that is no letter, digit or '_'; owned by the caller. */
char *pr_results_group_name (const char *name);

#endif
