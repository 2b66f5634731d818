#!/bin/bash
# What the Slurm engine asks of Slurm, by programs that only write it down: arrays and what they wait for, words with
# spaces and quotes, what the user asks for, refusals, and submissions that are torn.
. "$(dirname "$0")/../cli/lib.sh"
cd "$tmp" || exit 1
plugins=$PR_BUILD_DIR/tests/runtime/.libs
export FAKE=$tmp/fake
real_path=$PATH
mkdir bin fake
# Slurm, as far as the engine sees it: $FAKE/calls has every word of every call of sbatch, `refuse-N` is what it says to
# the N-th instead of taking it; `queue` is what squeue prints.
cat > bin/sbatch <<'END'
#!/bin/bash
n=$(($(cat "$FAKE/n" 2> /dev/null || echo 100) + 1))
echo $n > "$FAKE/n"
if test -e "$FAKE/refuse-$n"; then cat "$FAKE/refuse-$n" >&2; exit 1; fi
{ echo "[$n]"; printf '%s\n' "$@"; } >> "$FAKE/calls"
test ! -e "$FAKE/interrupt-$n" || kill -INT -- -$PPID # Ctrl-C on a terminal: everybody in the group of who called us
echo "$n;here"
END
cat > bin/squeue <<'END'
#!/bin/bash
test ! -e "$FAKE/interrupt" || kill -INT $PPID
test ! -e "$FAKE/silent" || { echo "slurm_load_jobs error: Unable to contact slurm controller (connect failure)" >&2; rm "$FAKE/silent"; exit 1; }
test -z "$SQUEUE_STATES" || exit 1
cat "$FAKE/queue" 2> /dev/null
exit 0
END
cat > bin/scontrol <<'END'
#!/bin/bash
case "$*" in
  "show config") echo "Configuration data as of now"; echo "MaxArraySize            = ${FAKE_MAX:-4}" ;;
  *requeue*) echo "$*" >> "$FAKE/requeued" ;;
  *"show job"*) echo "JobId=1 JobName=x JobState=$(cat "$FAKE/state") Reason=None" ;;
esac
END
chmod +x bin/*
PATH=$tmp/bin:$PATH
export SQUEUE_STATES=CANCELLED SBATCH_WAIT=1 # of a user's shell

cat > m.manifest <<'END'
[experiment]
name = probe
seeds = 1;2;3
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
walk.memory = 100
[arm fork]
pipeline = seed; walk; tail
walk.steps = 16
tail.steps = 3;4
END
# forget: a sweep that nobody began.
forget () { rm -rf fake/* res store "it's \$a \"b\" %j"; }
leader=
slurm () { $leader "$program" run m.manifest --engine slurm --threads 3 --plugin-path "$plugins" --store store --out res "$@"; }
# call N: the words of the N-th call.
call () { sed -n "/^\[$1\]$/,/^\[/p" fake/calls | grep -v '^\[[0-9]*\]$'; }
word () { call "$1" | grep -qxF -e "$2" || { fail "call $1 lacks '$2':"; call "$1"; }; }
no_word () { ! call "$1" | grep -q -e "$2" || fail "call $1 has '$2'"; }
n_calls () { grep -c '^\[' fake/calls 2> /dev/null; }
everything_waits () { printf '%s PENDING\n' 101_0 102_{0,1,2,3} 103_{0,1} 104_{0,1} 105_{0,1} 106_{0,1} 107 > fake/queue; }
note () { grep -qF -e "pauserec: note: $1" "$tmp/err" || { fail "no note '$1':"; cat "$tmp/err"; }; }

# Arrays: what all share; the 6 tasks below it, in two since indices end at 3; two below each fork; the merge.
expect 0 slurm
note "13 tasks submitted"
out_has "9 submitted"
test "$(n_calls)" -eq 7 || fail "$(n_calls) calls: $(cat fake/calls)"
word 101 --array=0; no_word 101 '^--dependency'; word 101 --parsable; word 101 --requeue; word 101 --cpus-per-task=3
word 101 --open-mode=append; word 101 --signal=B:TERM@90; word 101 --job-name=probe; word 101 "--chdir=$tmp"
word 101 "--output=$tmp/res/slurm/%A_%a.log"; no_word 101 '^--mem'
word 102 --array=0-3; word 102 --dependency=afterany:101_0; word 102 --mem=381M
word 103 --array=0-1; word 103 --dependency=afterany:101_0
word 104 --array=0-1; word 104 --dependency=afterany:102_3
word 105 --array=0-1; word 105 --dependency=afterany:103_0
word 106 --array=0-1; word 106 --dependency=afterany:103_1
word 107 --dependency=afterany:101:102:103:104:105:106; no_word 107 '^--array'; word 107 "--output=$tmp/res/slurm/%j_merge.log"
test "$(call 103 | tail -n 4 | head -n 1)" = "$tmp/res/slurm/task.sh" || fail "no script: $(call 103)"
test "$(call 103 | tail -n 2)" = "$tmp/res"$'\n'5 || fail "not from task 5: $(call 103)"
test "$(call 107 | tail -n 3 | head -n 1)" = "$tmp/res/slurm/merge.sh" || fail "no script: $(call 107)"

# All of it is in the queue: nothing is submitted, and nothing is without an answer.
everything_waits
expect 0 slurm
note "13 tasks are in Slurm's queue already"
test "$(n_calls)" -eq 7 || fail "submitted again"
touch fake/silent
expect 6 slurm
err_has "controller does not answer"; err_has "scontrol ping"

# Some of it is gone: that is submitted, sparse, after what is still there.
printf '%s\n' "101_0 RUNNING" "102_1 PENDING" "102_3 RUNNING" "104_1 PENDING" > fake/queue
expect 0 slurm
word 108 --array=0,2; word 108 --dependency=afterany:101_0
word 109 --array=0-1; word 109 --dependency=afterany:101_0
word 110 --array=0; word 110 --dependency=afterany:102_3
word 113 --dependency=afterany:101:102:104:108:109:110:111:112
# Another plan while its jobs are there: they would do other tasks.
expect 2 slurm --set experiment.seeds=7
err_has "belongs to an earlier plan"; err_has "scancel"
forget

# What the user wants is said last; what the engine needs for itself is refused.
expect 0 slurm --sbatch --partition=gpu --sbatch "--time 2:00:00" --sbatch=--mem-per-cpu=2G --sbatch "--comment='a b'"
word 101 --partition=gpu; word 101 2:00:00; word 101 "--comment=a b"; no_word 102 '^--mem='
test "$(call 101 | grep -n -e --comment -e --signal | cut -d: -f2 | head -n 1)" = --signal=B || fail "not last: $(call 101)"
forget
for option in --array=1-2 -a1 --dep=singleton -d1 -W --wait --wrap=x -M=x; do
  expect 2 slurm --sbatch="$option"; err_has "the engine's own option"
done
expect 2 slurm --sbatch=partition=x; err_has "no option of sbatch"
expect 2 slurm --sbatch="--comment='x"; err_has "--sbatch '--comment='x'"
expect 0 slurm --sbatch=--wait-all-nodes=1 --sbatch=-wnode
test "$(n_calls)" -eq 7 || fail "submitted: $(cat fake/calls)"
forget

# A folder with everything in its name.
odd="it's \$a \"b\" %j"
mkdir "$odd"
expect 0 slurm --out "$odd/out"
word 101 "--output=$tmp/${odd/\%/%%}/out/slurm/%A_%a.log"; word 101 "$tmp/$odd/out"
forget
mkdir 'b\a'
expect 2 slurm --out 'b\a/out'; err_has "backslash"

# Refusals say why and what to do; what was taken before is known to the next try.
printf 'sbatch: error: invalid partition specified: x\nsbatch: error: Batch job submission failed: Invalid partition name specified\n' > fake/refuse-101
expect 2 slurm
err_has "sbatch refused the jobs: invalid partition specified: x; Batch job submission failed: Invalid partition name specified; "
err_has "--sbatch"
forget
printf 'sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)\n' > fake/refuse-103
expect 6 slurm
err_has "controller does not answer"; err_has "5 tasks are in Slurm's queue, and the same command submits the rest"
printf '%s\n' 101_0\ PENDING 102_{0,1,2,3}\ PENDING > fake/queue
expect 0 slurm
note "5 tasks are in Slurm's queue already"; note "8 tasks submitted"
word 104 --dependency=afterany:101_0; word 104 --array=0-1; word 105 --dependency=afterany:102_3
test "$(n_calls)" -eq 7 || fail "$(n_calls) calls: $(cat fake/calls)"
forget

# Ctrl-C while sbatch is at it: that one is kept, no other follows.
touch fake/interrupt-102
leader="setsid -w" expect 130 slurm
err_has "cancelled before all jobs were submitted; 5 tasks are in Slurm's queue"
test "$(n_calls)" -eq 2 || fail "went on: $(cat fake/calls)"
printf '%s\n' 101_0\ PENDING 102_{0,1,2,3}\ PENDING > fake/queue
expect 0 slurm
note "8 tasks submitted"
echo '{"schema":"pauserec-slurm/1","jobs":[{"job":"x"}]}' > res/slurm.json
expect 4 slurm; err_has "slurm.json"
head -c 20 fake/calls > res/slurm.json
expect 4 slurm; err_has "slurm.json"
forget

# Waiting: until the queue is empty; runs of which nothing came are told.  Ctrl-C leaves the jobs alone.
touch fake/silent
expect 6 slurm --wait
note "waiting for Slurm: Slurm's controller does not answer"
err_has "short, seed 1: its job was cancelled or killed"; 
! grep -q submitted "$tmp/out" || fail "waited, and still: $(cat "$tmp/out")"
everything_waits
touch fake/interrupt
expect 130 slurm --wait
err_has "the jobs go on"
forget

# A job that is told to stop: back into the queue as the element that it is, unless it was cancelled or goes round and round.
export PR_TEST_TALLY=$tmp/tally PR_TEST_HOLD=$tmp/hold
touch hold
expect 0 slurm --set walk.hold_at=6
# stopped VARIABLE=VALUE...: the second task, stopped where it is held; what it said is in stopped.err.
stopped () {
  rm -f tally
  env "$@" "$program" task res --first 1 --index 0 > stopped.out 2> stopped.err &
  local task=$!
  until grep -qs hold tally || ! kill -0 $task; do sleep 0.02; done
  kill -TERM $task
  wait $task
  test $? -eq 130 || fail "not cancelled: $(cat stopped.err)"
}
element="SLURM_JOB_ID=102 SLURM_ARRAY_JOB_ID=102 SLURM_ARRAY_TASK_ID=0"
echo RUNNING > fake/state
stopped A=B
test ! -e fake/requeued || fail "no job, and requeued: $(cat fake/requeued)"
stopped SLURM_JOB_ID=77
test "$(cat fake/requeued)" = "requeue 77" || fail "requeued: $(cat fake/requeued)"
rm fake/requeued
stopped $element SLURM_RESTART_COUNT=99
test "$(cat fake/requeued)" = "requeue 102_0" || fail "requeued: $(cat fake/requeued)"
rm fake/requeued
stopped $element SLURM_RESTART_COUNT=100
test ! -e fake/requeued || fail "requeued without end"
grep -q "note: job 102_0 was started again 100 times" stopped.err || fail "no note: $(cat stopped.err)"
for state in CANCELLED COMPLETING TIMEOUT; do
  echo $state > fake/state
  stopped $element
  test ! -e fake/requeued || fail "$state, and requeued"
done
rm hold
forget

# No Slurm, or one without arrays.
FAKE_MAX=0 expect 6 slurm; err_has "MaxArraySize"
PATH=$real_path
if ! command -v sbatch > /dev/null; then expect 6 slurm; err_has "'scontrol' is not on PATH"; fi
PATH=$tmp/bin:$PATH
finish
