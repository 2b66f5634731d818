/* provenance.h - where a result comes from: program, machine, plugins, parameters. */
#ifndef PR_PROVENANCE_H
#define PR_PROVENANCE_H

#include "runtime/experiment.h"
#include "runtime/key.h"

/* A JSON object owned by the caller: program, version, results_revision, git_commit, git_dirty ("unknown" in a
 * tarball), compiler, system, cpu, threads, blas, manifest_sha256, and `stages`: {name: {stage, version, plugin_sha256,
 * key, parameters (with origin), identity, inputs}}.  Nothing in it takes part in the digest of results. */
json_t *pr_provenance_new (const PrExperiment *experiment, const PrRunSpec *run, const PrRunKeys *keys);

#endif
