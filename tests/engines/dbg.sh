#!/bin/bash
# A sweep on a real cluster, in which things go wrong: an arm fails, a task is killed, one is cancelled, one is told that
# its time is over, and both daemons are killed with -9. `retry` completes it, and the results are those of this machine.
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/../cli/sweep.sh"
. "$(dirname "$0")/slurm-cluster.sh"

max=11 # indices 0 to 10, so that the 16 tasks after the first need two arrays
cluster_configure $max
cluster_start
cd "$tmp" || exit 1
export PR_TEST_TALLY=$tmp/tally
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
[arm gated]
pipeline = seed; walk
walk.steps = 20
walk.wait_at = 9
walk.wait_for = $tmp/gate
[arm lame]
pipeline = seed; walk
walk.steps = 13
walk.fail_without = $tmp/mended
[arm fork]
pipeline = seed; walk; tail
walk.steps = 16
tail.steps = 3;4
END
n_runs=20

# What the local engine makes of it.
touch gate mended
expect 0 sweep local --plugin-path "$plugins" --jobs 2
out_has "$n_runs runs done now"
reference local
rm -f gate mended tally

on_slurm () {
  local command=$1
  shift
  "$program" "$command" m.manifest --engine slurm --threads 1 --plugin-path "$plugins" --store "s p/store" --out "s p/%A out" "$@"
}
out="s p/%A out" # a space, and what Slurm takes for a pattern
mkdir "s p"

# Jobs, by what stands in the queue; processes at the gate, by the tally.
queued () { squeue --noheader --array --format='%i %T'; }
gone () { local list; list=$(queued) && ! grep -q "^$1 " <<< "$list"; }
nothing_queued () { local list; list=$(queued) && test -z "$list"; }
n_at_gate () { test "$(grep -c '^wait:' tally 2> /dev/null)" -ge "$1"; }
# job_of PROCESS: the job whose script it is.
job_of () {
  local variables
  variables=$(tr '\0' '\n' < "/proc/$1/environ")
  echo "$(sed -n 's/^SLURM_ARRAY_JOB_ID=//p' <<< "$variables")_$(sed -n 's/^SLURM_ARRAY_TASK_ID=//p' <<< "$variables")"
}
job_info () { scontrol --oneliner show job "$1"; }

expect 0 on_slurm run --sbatch --comment=ours
err_has_note () { grep -qF -e "$1" "$tmp/err" || { fail "no note '$1':"; cat "$tmp/err"; }; }
err_has_note "25 tasks submitted"
test "$(squeue --noheader --format=%k | sort -u)" = ours || fail "sbatch got other options: $(squeue --format=%k)"
arrays=$(queued | sed 's/_.*//' | sort | uniq -c | sort -rn | awk '{ print $1 }' | tr '\n' ' ')
echo "elements a job: $arrays"

until_ 60 n_at_gate 4 || { queued; cat "$out"/slurm/*; tail -n 30 "$cluster"/*.log; }
pids=($(sed -n 's/^wait://p' tally))

# The same command again: nothing is submitted twice.
expect 0 on_slurm run
err_has_note "not submitted again"
! grep -q "tasks* submitted" "$tmp/err" || fail "submitted twice: $(cat "$tmp/err")"

# Its time is nearly up: it writes a checkpoint, goes back into the queue and goes on from there.
requeued=$(job_of "${pids[0]}")
scancel --batch --signal=TERM "$requeued"
until_ 60 n_at_gate 5
grep -q '^walk:8$' tally || fail "did not go on from its checkpoint: $(cat tally)"
job_info "$requeued" | grep -q "Restarts=1 " || fail "not started again by Slurm: $(job_info "$requeued")"

# Cancelled: it stays so.
cancelled=$(job_of "${pids[1]}")
scancel "$cancelled"
queued; echo "${pids[@]}"; date +%T.%N; until_ 60 gone "$cancelled"
job_info "$cancelled" | grep -q "JobState=CANCELLED .*Restarts=0 " || fail "cancelled, but: $(job_info "$cancelled")"
echo; date +%T.%N; queued
# Killed.
killed=$(job_of "${pids[2]}")
kill -9 "${pids[2]}"
queued; echo "${pids[@]}"; date +%T.%N; until_ 60 gone "$killed"
echo; date +%T.%N; queued
# One task is started a second time, while the first is at it.
queued; grep -E "Requeu|JobId=2_[4-7]|invalid" $cluster/slurmctld.log | tail -30;
