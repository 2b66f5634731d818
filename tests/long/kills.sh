#!/bin/bash
# A campaign of kills: a sweep in which models learn to think in words, are rewarded, pause and think silently is killed
# at 30 moments spread over all of its writes, each time from the start; and once more again and again until it is done.
# The results are always those of the sweep that nobody disturbed.
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/../cli/sweep.sh"
manifest=$PR_SOURCE_DIR/tests/cli/explicit.manifest
kill_at=$PR_BUILD_DIR/tests/faults/.libs/kill-at.so
kills=30

arms="--only arm=cot-filtered --only arm=cot-rl --only arm=pause-rl --only arm=latent"
often="--set cot.checkpoint_steps=5"
for stage in base ground sft pause-pretrain pause-sft latent rl-cot rl-pause; do
  often="$often --set $stage.checkpoint_steps=1"
done

# killer NAME VARIABLE=VALUE...: a sweep with kill-at.so, which kills all of its processes; its status.
killer () {
  local at=$1
  shift
  rm -f "$tmp/calls"
  setsid -w env PR_KILL_CALLS="$tmp/calls" PR_KILL_GROUP=1 "$@" LD_PRELOAD="$kill_at" \
    ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
    "$program" run "$manifest" --quiet --store "$tmp/$at/store" --out "$tmp/$at/out" $arms $often > "$tmp/out" 2> "$tmp/err"
}

expect 0 sweep one $arms; out_has "4 runs done now"
reference one
killer count || { fail "the sweep with kill-at.so:"; cat "$tmp/err"; }
same count
calls=$(od -An -td4 "$tmp/calls" | tr -d " ")
test "$calls" -gt $((kills * 4)) || { fail "only $calls calls that write"; finish; }
rm -rf "$tmp/count"

for ((n = 0; n < kills; n++)); do
  at=$((1 + n * calls / kills))
  killer once "PR_KILL_AT=$at" 2> /dev/null
  status=$?
  test $status -eq 137 || fail "not killed at call $at of $calls: status $status"
  test ! -e "$tmp/once/out/results.h5" || fail "killed at call $at, but there are results"
  expect 0 sweep once $arms $often
  same once
  rm -rf "$tmp/once"
done
echo "$kills kills over $calls calls"

# Killed again and again; a life is long enough for the stage that writes most files.
lives=0
while killer often "PR_KILL_AT=$((calls / 9))" 2> /dev/null; status=$?; test $status -eq 137 && test $lives -lt 50; do
  lives=$((lives + 1))
done
test $status -eq 0 || { fail "status $status after $lives kills in a row"; cat "$tmp/err"; finish; }
test $lives -ge 6 || fail "only $lives kills in a row"
same often
echo "$lives kills in a row"
finish
