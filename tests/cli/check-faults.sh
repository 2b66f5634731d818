#!/bin/bash
# Faults of the machine and its users, one after the other: each is told once and clearly, nothing half-written counts as
# done, and the same command afterwards has the results of a sweep that nobody disturbed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/disturbed.sh"

undisturbed 4

## Two at once: every stage once, whoever comes first --------------------------------------------------------------------
once () {
  grep -v hold tally | sort | uniq -c | awk '{ print $1 $2 }' | tr '\n' ' ' > calls
  test "$(cat calls)" = "1seed:0 4walk:0 " || fail "$1: computed twice: $(cat calls)"
}
# together NAME COMMAND...: the sweep and a second command, which comes while a run of the first is under way.
together () {
  local at=$1 first second
  shift
  rm -f tally
  : > hold
  sweep "$at" --jobs 2 --set walk.hold_at=3 > a.out 2> a.err & first=$!
  until_true held 1
  "$@" > b.out 2> b.err & second=$!
  until_true held 2
  rm hold
  wait $first || fail "$at: first of two: $(cat a.err)"
  wait $second || fail "$at: second of two: $(cat b.err)"
  once "$at"
}
together same-out sweep same-out --jobs 2
same same-out; tidy same-out
together same-store "$program" run m.manifest --plugin-path "$tmp/plugins" --quiet --store same-store/store --out same-store/other
same same-store; tidy same-store
"$digests" same-store/other/runs/*.h5 | cmp -s - <(grep '\.h5 ' reference.said) || fail "two sweeps on one store differ"
together with-retry "$program" retry m.manifest --plugin-path "$tmp/plugins" --quiet --store with-retry/store --out with-retry/out
same with-retry; tidy with-retry

## Damaged results --------------------------------------------------------------------------------------------------------
expect 0 sweep damaged
size=$(stat -c %s damaged/out/runs/long-s1-*.h5)
# flip FILE AT: turn all bits of a byte around.
flip () {
  local byte
  byte=$(od -An -tu1 -j "$2" -N 1 "$1")
  printf "\\x$(printf %02x $((255 - byte)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
damaged () {
  expect 0 sweep damaged; out_has "0 stages computed, 2 cached; 1 run done now, 3 before"
  grep -q "note: .*long-s1-.*\.h5" "$tmp/err" || fail "$1: not told: $(cat "$tmp/err")"
  same damaged; tidy damaged
}
for length in 0 100 512 600 $((size / 2)) $((size - 1)); do
  truncate -s "$length" damaged/out/runs/long-s1-*.h5
  damaged "cut to $length of $size bytes"
done
for at in 0 30 90 511 512 700 $((size / 2)) $((size - 1)); do
  flip damaged/out/runs/long-s1-*.h5 "$at"
  damaged "flipped byte $at of $size"
done
echo >> damaged/out/runs/long-s1-*.h5; damaged "a byte more"
cp damaged/out/runs/long-s2-*.h5 damaged/out/runs/long-s1-*.h5; damaged "the results of another run"
flip damaged/out/results.h5 $((size / 2))
expect 4 "$program" compare damaged/out; err_has "damaged/out/results.h5"
expect 0 sweep damaged; out_has "4 before"; same damaged
truncate -s 1000 damaged/out/results.h5
expect 4 "$program" compare damaged/out; err_has "damaged/out/results.h5"
expect 0 "$program" merge damaged/out; same damaged
cp damaged/out/plan.json plan.json
for length in 0 1 $(($(stat -c %s plan.json) / 2)) $(($(stat -c %s plan.json) - 2)); do
  head -c "$length" plan.json > damaged/out/plan.json
  expect 4 sweep damaged; err_has "damaged/out/plan.json"; err_has "plan again"
done
sed 's/"seed": "2"/"seed": "3"/' plan.json > damaged/out/plan.json
cmp -s plan.json damaged/out/plan.json && fail "the plan was not changed"
expect 4 sweep damaged; err_has "damaged/out/plan.json"; err_has "plan again"
rm damaged/out/plan.json
expect 0 sweep damaged; out_has "4 before"; same damaged; tidy damaged

## A plugin that is built again in the middle -----------------------------------------------------------------------------
mkdir plugins2
cp probe.so plugins2/
rm -f tally
: > hold
rebuilt () { "$program" run m.manifest --plugin-path "$tmp/plugins2" --quiet --store rebuilt/store --out rebuilt/out "$@"; }
rebuilt --set walk.hold_at=3 > out 2> err & running=$!
until_true held 1
was=$(sha256sum < plugins2/probe.so | head -c 12)
{ cat probe.so; echo; } > plugins2/new
mv plugins2/new plugins2/probe.so
rm hold
wait $running; status=$?
test $status -eq 2 || fail "a plugin built again: status $status"
err_has "plugins2/probe.so' changed (sha256 was $was"
test "$(ls rebuilt/out/runs | wc -l)" -eq 1 || fail "begun with another plugin: $(ls rebuilt/out/runs)"
"$digests" rebuilt/out/runs/*.h5 > /dev/null || fail "the run that was under way"
expect 0 rebuilt; out_has "5 stages computed, 0 cached; 4 runs done now, 0 before"
grep -q "note: planned anew" "$tmp/err" || fail "not told: $(cat "$tmp/err")"
"$program" compare rebuilt/out --format csv | cut -d , -f 1-10 | cmp -s - <(grep -v '/\|\.h5 ' reference.said) || fail "rebuilt: another table"

## Ctrl-C -------------------------------------------------------------------------------------------------------------------
# held_sweep NAME ARGUMENT...: in a process group of its own, with two runs on the spot at step 5; its process in $victim.
held_sweep () {
  local at=$1
  shift
  rm -f tally
  : > hold
  setsid "$program" run m.manifest --plugin-path "$tmp/plugins" --quiet --store "$at/store" --out "$at/out" --jobs 2 \
    --set walk.hold_at=5 "$@" > "$tmp/out" 2> "$tmp/err" < /dev/null &
  victim=$!
  until_true held 2
}
gone () { ! kill -0 $victim 2> /dev/null; }
# ends STATUS
ends () {
  local status
  until_true gone || kill -KILL -- -$victim
  wait $victim 2> /dev/null
  status=$?
  test $status -eq "$1" || { fail "status $status instead of $1"; cat "$tmp/err"; }
}
# Nobody works for the sweep any more, though runs were held; it goes on.
goes_on () {
  until_true idle "$1" || fail "$1: children go on"
  rm -f hold tally
  test -z "$(find "$1/out/runs" -name '*.h5')" -a ! -e "$1/out/results.h5" || fail "$1: results of nothing"
  expect 0 sweep "$1"; out_has "4 runs done now"
  test "$(grep -c walk:4 tally)" -eq 2 || fail "$1: did not go on from its checkpoints: $(cat tally)"
  same "$1"
}
held_sweep once
kill -INT -- -$victim
ends 130; err_has "cancelled"
idle once || fail "Ctrl-C left a child"
test "$(grep -c told tally)" -eq 2 || fail "runs did not end at a step of theirs: $(cat tally)"
goes_on once; tidy once

PR_TEST_DEAF=1 held_sweep twice
kill -INT -- -$victim
until_true grep -q "once more to leave at once" "$tmp/err"
kill -0 $victim || fail "left after one Ctrl-C, with children that do not listen"
kill -INT -- -$victim
ends 130
goes_on twice

## Killed -----------------------------------------------------------------------------------------------------------------
PR_TEST_DEAF=1 held_sweep parent
kill -KILL $victim
ends 137
goes_on parent

held_sweep child
kill -KILL "$(sed -n "s/^hold://p" tally | head -n 1)"
until_true held 3
rm hold
ends 6; err_has "stage 'walk': its process was killed (signal 9)"; out_has "3 runs done now, 0 before, 1 failed"
expect 0 sweep child; out_has "1 run done now, 3 before"
same child; tidy child

## A store that cannot be written -----------------------------------------------------------------------------------------
unprivileged () { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
as_other=
if test "$(id -u)" -eq 0; then
  as_other=unprivileged
  unprivileged "$program" --version > /dev/null 2>&1 \
    || { echo "SKIP: a read-only store: root without setpriv, or a build that others cannot read"; finish; }
fi
mkdir -m 777 theirs
sweep theirs/a > /dev/null 2>&1 || fail "the store to be read"
chmod -R a-w,a+rX theirs/a
chmod 777 theirs
readonly () { PR_TEST_TALLY=/dev/null $as_other "$program" run m.manifest --plugin-path plugins --quiet --store theirs/a/store "$@"; }
expect 0 readonly --out theirs/out; out_has "0 stages computed, 5 cached; 4 runs done now"
grep -q "note: store .* cannot be written" "$tmp/err" || fail "not told: $(cat "$tmp/err")"
"$digests" theirs/out/runs/*.h5 | cmp -s - <(grep '\.h5 ' reference.said) || fail "other digests from a read-only store"
expect 6 readonly --out theirs/out2 --set walk.steps=5; err_has "theirs/a/store/locks/"; err_has "is that folder writable?"
test -z "$(find theirs/out2/runs -mindepth 1)" -a ! -e theirs/out2/results.h5 || fail "half a result from a read-only store"
expect 6 $as_other "$program" run m.manifest --plugin-path plugins --quiet --store theirs/a/store --out theirs/a/none
err_has "theirs/a/none"
chmod -R u+w theirs
finish
