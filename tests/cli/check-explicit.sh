#!/bin/bash
# The explicit pipeline, its rivals and its controls, all in one manifest: every run is done, no work is done twice, the
# same bytes come out for any number of threads and after kills while a model learns to think or is rewarded for it, and
# arms that are compared at equal cost took the same number of optimizer steps.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sweep.sh"
manifest=$PR_SOURCE_DIR/tests/cli/explicit.manifest

expect 0 sweep one --threads 1; out_has "9 runs done now, 0 before"; err_empty
reference one
expect 0 sweep one; out_has "0 stages computed"; out_has "0 runs done now, 9 before"
expect 0 sweep two --threads 2; same two

# Killed with -9 at a checkpoint of the named stage, the only one that makes any; then the same command again.
for stage in cot rl-cot rl-pause; do
  begin "kill-$stage" --set "$stage.checkpoint_steps=2"
  kill_at "kill-$stage" 'store/scratch/*/*'
  grep -q "\"$stage\"" "$tmp/kill-$stage"/out/progress/*.jsonl || fail "killed before $stage began"
  expect 0 sweep "kill-$stage" --set "$stage.checkpoint_steps=2"; same "kill-$stage"
done

if test -z "$python"; then
  echo "SKIP: costs and thoughts: no python3 with h5py"
  finish
fi
"$python" - "$tmp/one/out/results.h5" > "$tmp/out" 2>&1 <<'PYTHON' || { fail "costs and thoughts:"; cat "$tmp/out"; }
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    steps = {(r["arm"], r["stage"]): r["optimizer_steps"] for r in f["cost"][...]}
    metrics = {(r["arm"], r["metric"]): r["value"] for r in f["metrics"][...]}
equal = [(b"extra-epochs", b"extra-epochs"), (b"pause-rl", b"pause-sft"), (b"filler", b"filler"),
         (b"cot-input-only", b"cot-input-only"), (b"latent", b"latent")]
counts = [steps[key] for key in equal]
assert counts[0] > 0 and len(set(counts)) == 1, counts
for arm in b"cot", b"cot-filtered", b"cot-rl":
    assert metrics[arm, b"thoughts"] == 60, arm
    assert metrics[arm, b"invalid_beams"] == 0, arm
assert metrics[b"cot", b"thought_tokens_mean"] > 5 and metrics[b"cot", b"malformed_share"] < .5
assert (b"filler", b"thoughts") not in metrics
# One update a round of 8 of the 60 prompts.
assert steps[b"cot-rl", b"rl-cot"] == 8 == steps[b"pause-rl", b"rl-pause"]
PYTHON

finish
