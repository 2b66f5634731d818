/* key.h - the name under which the outputs of a stage stand in the store.
 *
 * SHA-256 of canonical JSON: revision of the framework's results, stage id and version, digest of the plugin's file,
 * parameters that results depend on (files by their content), the seed of stochastic stages, and for each connected
 * input the key of the stage and the output slot that it reads.  Names in the manifest are no part of it, so arms and
 * experiments share what is equal.
 */
#ifndef PR_KEY_H
#define PR_KEY_H

#include "runtime/experiment.h"

/* Add one when a change of framework/ changes what any stage computes from the same inputs. */
#define PR_RESULTS_REVISION 3

typedef struct PrRunKeys PrRunKeys;
PrRunKeys *pr_run_keys_new (const PrRunSpec *run); /* borrows the run's nodes */
void pr_run_keys_free (PrRunKeys *keys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrRunKeys, pr_run_keys_free)

const char *pr_run_keys_get (const PrRunKeys *keys, const PrNode *node);
/* What was hashed, for the entry's own description.  Borrowed. */
const json_t *pr_run_keys_identity (const PrRunKeys *keys, const PrNode *node);
/* The seed that a node's run() sees: its own if the manifest gives one, else the run's; 0 if the stage is not stochastic. */
guint64 pr_node_seed (const PrNode *node, const PrRunSpec *run);

/* What this run is: experiment, arm, seed, and name and key of every stage. To free. */
char *pr_run_keys_run (const PrRunKeys *keys, const char *experiment, const PrRunSpec *run);

#endif
