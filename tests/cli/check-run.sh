#!/bin/bash
# `run`: what is done is not done again; whatever stops it, one clear error and nothing half-written.
. "$(dirname "$0")/lib.sh"
plugins=$PR_BUILD_DIR/tests/runtime/.libs
export PR_TEST_TALLY=$tmp/tally
cd "$tmp" || exit 1

cat > m.manifest <<'END'
[experiment]
name = probe
seeds = 1;2
metric = hit_10
baseline = short
[stage seed]
uses = probe-seed
[stage walk]
uses = probe-walk
[arm short]
pipeline = seed; walk
[arm long]
pipeline = seed; walk
walk.steps = 20
END
run () { "$program" run m.manifest --plugin-path "$plugins" "$@"; }
calls () { test -e tally && wc -l < tally || echo 0; }
# The digest of results is in the file's attributes; the files of stages are compared as they are.
below () { find "$@" -mindepth 1; }
outputs () { (cd "$1" && find objects -name end -exec sha256sum {} + | sort -k 2); }

# Twice: the second time nothing is computed.
expect 0 run; out_has "hit_10"; out_has "short"; out_has "5 stages computed, 0 cached; 4 runs done now, 0 before"
out_has "results: pauserec-results/probe/results.h5"
test "$(calls)" -eq 5 || fail "calls: $(calls)"
test -s pauserec-results/probe/results.h5 || fail "no results.h5"
test "$(ls pauserec-results/probe/runs | wc -l)" -eq 4 || fail "not four run files"
grep -q '"event":"stage_end"' pauserec-results/probe/progress/short-s1-*.jsonl || fail "no progress file"
sed '/stages computed/,$d; /^  cost/,$d' "$tmp/out" > first

# The same table in other words; every one names the baseline that is asked for.
for format in text markdown latex csv; do
  for costs in "" --costs; do
    expect 0 "$program" compare pauserec-results/probe --baseline short --format $format $costs; out_has "short"; err_empty
    grep -q 'baseline short$\|,"short"' "$tmp/out" || fail "$format $costs names no baseline"
  done
done
expect 0 "$program" compare pauserec-results/probe/results.h5 -b short -f latex; out_has '\begin{tabular}'; out_has 'hit\_10'
expect 2 "$program" compare pauserec-results/probe -f html; err_has "there are text, markdown, latex and csv"
expect 2 "$program" compare pauserec-results/probe -b shrot; err_has "no run belongs to the baseline 'shrot'"
expect 0 run --quiet; out_has "0 stages computed, 0 cached; 0 runs done now, 4 before"; err_empty
test "$(calls)" -eq 5 || fail "the second run called a stage"
sed '/stages computed/,$d; /^  cost/,$d' "$tmp/out" | cmp -s - first || fail "another table"
test -s first || fail "no table"
expect 0 "$program" plan m.manifest --plugin-path "$plugins" --dry-run; out_has "stages: 0 to do, 8 cached"
outputs pauserec-store > reference

# One thread or two, one store or another: the same bytes.
for threads in 1 2; do
  expect 0 run --store "s$threads" --out "o$threads" --threads $threads
  outputs "s$threads" | cmp -s - reference || fail "other outputs with $threads threads"
done
PAUSEREC_STORE=$tmp/s1 expect 0 run --out o3; out_has "0 stages computed, 5 cached; 4 runs done now"
expect 0 run --store s1 --out o4 --only arm=long --only seed=2; out_has "2 cached; 1 run done now"

# Ctrl-C in the middle of a stage: 130, one report, nothing half-written; then it goes on.
rm -f tally
expect 130 run --store s5 --out o5 --set walk.signal_at=6; err_has "cancelled; what is done is kept"
test ! -e o5/results.h5 -a -z "$(below s5/tmp o5/runs)" -a -n "$(below s5/scratch)" || fail "Ctrl-C left: $(find s5/tmp o5)"
expect 130 run --store s5 --out o5 --set walk.signal_at=6 --set walk.signals=2 # goes on at 4; the second Ctrl-C is at once
expect 0 run --store s5 --out o5
grep -q '^walk:4' tally || fail "did not go on from the checkpoint: $(cat tally)"
outputs s5 | cmp -s - reference || fail "other outputs after Ctrl-C"
test -z "$(below s5/tmp s5/scratch)" || fail "leftovers: $(below s5/tmp s5/scratch)"

# Two at once on one store: every stage once.
rm -f tally
run --store s6 --out o6a > a.out 2> a.err & first=$!
run --store s6 --out o6b > b.out 2> b.err & second=$!
wait $first || fail "first of two: $(cat a.err)"
wait $second || fail "second of two: $(cat b.err)"
test "$(sort tally | uniq -c | awk '{ print $1 $2 }' | tr '\n' ' ')" = "1seed:0 4walk:0 " || fail "computed twice: $(cat tally)"
outputs s6 | cmp -s - reference || fail "other outputs of two at once"

# A full disk: a limit on the size of files fails in the same way, first in a stage and then in the results.
cat > big.manifest <<'END'
[stage seed]
uses = probe-seed
n = 1000000
[stage walk]
uses = probe-walk
[arm a]
pipeline = seed; walk
END
limited () { (ulimit -f "$1"; shift; "$program" run "$@" --plugin-path "$plugins"); }
expect 6 limited 100 big.manifest --store s7 --out o7; err_has "stage 'seed'"; err_has "cannot write"
test -z "$(below s7/tmp o7/runs)" || fail "a full disk left: $(below s7/tmp o7/runs)"
expect 6 limited 4 m.manifest --store s1 --out o7b; err_has "o7b/plan.json"
expect 0 "$program" plan m.manifest --plugin-path "$plugins" --store s1 --out o7b
expect 6 limited 4 m.manifest --store s1 --out o7b; err_has "short, seed 1"; err_has "o7b/runs/short-s1"
test -z "$(below o7b/runs)" || fail "a full disk left: $(below o7b/runs)"
expect 0 "$program" run big.manifest --plugin-path "$plugins" --store s7 --out o7

# Failure of a stage: its own code, told once; the rest of the experiment is done.
cp m.manifest f.manifest
echo "walk.fail = true" >> f.manifest
expect 5 "$program" run f.manifest --plugin-path "$plugins" --store s1 --out o8
err_has "long, seed 1: stage 'walk': stumbled"; out_has "short"; out_has "2 failed"

# `run` passes over what failed by itself, `retry --failed` does that alone again, and `retry` what nobody began too.
failing () { local command=$1; shift; "$program" "$command" f.manifest --plugin-path "$plugins" --store s11 --out o11 "$@"; }
rm -f tally
expect 5 failing run --only arm=long --only seed=1
expect 0 failing run --only arm=short --only seed=1
test "$(grep -c walk tally)" -eq 2 || fail "not two walks: $(cat tally)"
expect 5 failing run --only arm=long --only seed=1; err_has "stumbled"; err_has "found by long, seed 1"
test "$(grep -c walk tally)" -eq 2 || fail "run tried again what had failed: $(cat tally)"
expect 5 failing retry --failed; err_has "stumbled"; out_has "1 before, 1 failed"
test "$(grep -c walk tally)" -eq 3 || fail "retry --failed did not do one run: $(cat tally)"
expect 5 failing retry; out_has "1 run done now, 1 before, 2 failed"
test "$(grep -c walk tally)" -eq 6 || fail "retry did not do three runs: $(cat tally)"
expect 2 failing run --failed; err_has "belongs to \`pauserec retry\`"
expect 2 run --store "$PR_SOURCE_DIR" --out o9; err_has "is no store"
: > file
expect 6 run --store s1 --out file; err_has "'file/runs'"
expect 2 run --set walk.stepps=3; err_has "did you mean 'steps'"
if test "$(id -u)" -ne 0; then # what root cannot see, check-store does as an ordinary user
  chmod -R a-w s1
  expect 6 run --store s1 --out o10 --set walk.steps=5; err_has "is that folder writable?"
  chmod -R u+w s1
fi
finish
