#!/bin/bash
# A sweep on a real cluster, in which things go wrong: an arm fails, a task is killed, one is cancelled, one is told that
# its time is over, one is started twice, and both daemons are killed with -9.  `retry` completes it, and the results are
# those of the local engine.
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/../cli/sweep.sh"
. "$(dirname "$0")/slurm-cluster.sh"

cluster_configure 11 # indices 0 to 10, so that the 16 tasks after the first need two arrays
cluster_start
cd "$tmp" || exit 1
export PR_TEST_TALLY=$tmp/tally PR_TEST_HOLD=$tmp/hold PR_TEST_MENDED=$tmp/mended
manifest=$tmp/m.manifest
plugins=$PR_BUILD_DIR/tests/runtime/.libs
cat > m.manifest <<END
[experiment]
name = probe
seeds = 1;2;3;4
metric = hit_10
baseline = short
[stage seed]
uses = probe-seed
[stage walk]
uses = probe-walk
[stage tail]
uses = probe-walk
[arm short]
pipeline = seed; walk
[arm held]
pipeline = seed; walk
walk.steps = 20
walk.hold_at = 9
[arm lame]
pipeline = seed; walk
walk.steps = 13
walk.lame = 1
[arm fork]
pipeline = seed; walk; tail
walk.steps = 16
tail.steps = 3;4
END

# What the local engine makes of it.
touch mended
expect 0 sweep local --plugin-path "$plugins" --jobs 2
out_has "20 runs done now"
reference local
rm -f mended tally

# Spaces, and what Slurm takes for a pattern.
mkdir "s p"
out="s p/%A out"
on_slurm () {
  local command=$1
  shift
  "$program" "$command" m.manifest --engine slurm --threads 1 --plugin-path "$plugins" --store "s p/store" --out "$out" "$@"
}
note () { grep -qF -e "pauserec: note: $1" "$tmp/err" || { fail "no note '$1':"; cat "$tmp/err"; }; }
no_note () { ! grep -F -e "$1" "$tmp/err" || fail "a note '$1'"; }

queued () { squeue --noheader --array --format='%i %T'; }
gone () { local list; list=$(queued) && ! grep -q "^$1 " <<< "$list"; }
running () { queued | grep -qx "$1 RUNNING"; }
nothing_queued () { local list; list=$(queued) && test -z "$list"; }
# only_held N: four runs go on and the merge waits; N times somebody came to where these are held.
only_held () { test "$(queued | cut -d' ' -f2 | sort | uniq -c | xargs)" = "1 PENDING 4 RUNNING" && test "$(grep -c '^hold:' tally)" -eq "$1"; }
# job_of "held s1": the element that does this run, by its log.
job_of () { basename "$(grep -lF "$1]" "$out"/slurm/*_*.log | tail -n 1)" .log; }
# process_of ELEMENT: its script, which has become our program.
process_of () {
  local process
  for process in /proc/[0-9]*; do
    grep -q pauserec "$process/comm" && test "$(tr '\0' '\n' < "$process/environ" | sort -u \
      | grep -cxF -e "SLURM_CONF=$SLURM_CONF" -e "SLURM_ARRAY_JOB_ID=${1%_*}" -e "SLURM_ARRAY_TASK_ID=${1#*_}")" -eq 3 \
      && basename "$process"
  done 2> /dev/null
}
job_has () { scontrol --oneliner show job "$1" | grep -q -e "$2" || { fail "job $1 has no '$2':"; scontrol --oneliner show job "$1"; }; }

# 1 task that all share; below it 16, in two arrays; below 4 of these 2 each; and one that merges.
touch hold
expect 0 on_slurm run --sbatch --comment=ours
note "25 tasks submitted"
test "$(squeue --noheader --format=%k | sort -u)" = ours || fail "sbatch got other options: $(squeue --format=%k)"
sizes=$(python3 -c 'import json, sys
print([len(job.get("tasks", [])) for job in json.load(open(sys.argv[1]))["jobs"]])' "$out/slurm.json")
test "$sizes" = "[1, 11, 5, 2, 2, 2, 2, 0]" || fail "other arrays: $sizes"
until_ 60 only_held 4 || { queued; cat "$out"/slurm/*.log; tail -n 30 "$cluster"/*.log; }

# Again: what has a job is not submitted, what failed is not tried.
expect 5 on_slurm run
note "4 tasks are in Slurm's queue already"
no_note "submitted, output"
err_has "lame, seed 1: stage 'walk': stumbled"

# A task of which time is nearly up: it leaves a checkpoint, goes back into the queue and goes on from there.
expired=$(job_of "held s1")
scancel --batch --signal=TERM "$expired"
until_ 60 only_held 5
grep -qx 'walk:8' tally || fail "did not go on from its checkpoint: $(cat tally)"
job_has "$expired" "Restarts=1 "

# One that is cancelled stays so.
cancelled=$(job_of "held s2")
scancel "$cancelled"
until_ 60 gone "$cancelled"
job_has "$cancelled" "JobState=CANCELLED .*Restarts=0 "

# One that is killed.
killed=$(job_of "held s3")
kill -9 "$(process_of "$killed")"
until_ 60 gone "$killed"
job_has "$killed" "JobState=FAILED .*Restarts=0 "

# One that is started a second time while the first is at it.
twice=$(job_of "held s4")
first=$(python3 -c 'import json, sys
print([job["first"] for job in json.load(open(sys.argv[1]))["jobs"] if job["job"] == sys.argv[2]][0])' "$out/slurm.json" "${twice%_*}")
"$program" task "$out" --first "$first" --index "${twice#*_}" > twice.out 2>&1 &
second=$!
waits () { grep -q "another process" twice.out; }
until_ 60 waits

# Both daemons die, the controller with what it has not written yet.
touch changed
scontrol update "jobid=$twice" comment=changed
state_saved () { test "$cluster/state/job_state" -nt changed; }
until_ 60 state_saved
kill -9 "$controller"
wait "$controller" 2> /dev/null
controller_start
kill -9 "$node"
wait "$node" 2> /dev/null
node_start
running "$twice" || fail "the job did not outlive its daemons: $(queued)"
rm hold
until_ 120 nothing_queued || queued
wait $second || fail "the second of two: $(cat twice.out)"

# The job that merges came last, whatever had become of the others.
grep -q "^14 of 20 runs merged" "$out"/slurm/*_merge.log || fail "merged: $(cat "$out"/slurm/*_merge.log)"
test "$(grep -c '^walk:' tally)" -eq 25 || fail "other calls than 24 walks, one of them in two parts: $(sort tally | uniq -c)"

# `run` goes on with what was cancelled and killed, and passes over what failed; `retry` does not.
expect 5 on_slurm run --wait
note "2 tasks submitted"
err_has "lame, seed 1: stage 'walk': stumbled"
out_has "2 runs done now, 14 before, 4 failed"
touch mended
expect 0 on_slurm retry --wait
out_has "4 runs done now, 16 before"
mkdir -p slurm && mv "s p/store" slurm/store && mv "$out" slurm/out
same slurm
finish
