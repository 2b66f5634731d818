#!/bin/bash
# `status`: what it says of sweeps that were planned, go on, were killed, failed, are damaged or done; and whose machine's
# clock goes backwards.
. "$(dirname "$0")/lib.sh"
plugins=$PR_BUILD_DIR/tests/runtime/.libs
clock_back=$PR_BUILD_DIR/tests/engines/.libs/clock-back.so
unset PAUSEREC_STORE
cd "$tmp" || exit 1

cat > m.manifest <<'MANIFEST'
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
MANIFEST
out=pauserec-results/probe
run () { "$program" run m.manifest --plugin-path "$plugins" "$@"; }
status () { "$program" status "$@"; }
outputs () { (cd "$1" && find objects -name end -exec sha256sum {} + | sort -k 2); }

# until_says TEXT: ask until `status` says so.
until_says () {
  for ((i = 0; i < 2000; i++)); do
    status > "$tmp/out" 2> "$tmp/err" < /dev/null
    grep -qF -e "$1" "$tmp/out" && return
  done
  fail "never said '$1':"
  cat "$tmp/out" "$tmp/err"
}

# Nothing there, or nothing planned.
expect 2 status; err_has "no sweep here"
expect 2 status m.manifest; err_has "\`pauserec plan MANIFEST\`"
expect 2 status --out none; err_has "'none' has no plan.json"
expect 2 status none; err_has "none"
mkdir empty
expect 2 status empty; err_has "no plan.json"
expect 2 status --format xml m.manifest; err_has "text and csv"
expect 2 status --format csv --follow m.manifest; err_has "--follow shows text"

# Planned: everything is missing, and the command that does it is told.
expect 0 "$program" plan m.manifest --plugin-path "$plugins"
expect 0 status; err_empty; out_has "probe: 4 runs: 4 missing"; out_has "  short  s1  missing"
out_has "what is missing: pauserec run $tmp/m.manifest --plugin-path $plugins"
expect 0 status m.manifest; out_has "what is missing: pauserec run m.manifest "
expect 0 status "$out"; out_has "4 missing"
expect 0 env -C "$out" "$program" status; out_has "4 missing"; out_has "--out . --store $tmp/pauserec-store"
mkdir -p pauserec-results/other && cp "$out/plan.json" pauserec-results/other
expect 2 status; err_has "which sweep?"; err_has "pauserec-results/other"
rm -r pauserec-results/other

# Looking on until somebody has seen enough: no error.  A pipe says when it has begun.
mkfifo looking
"$program" status --follow > looking 2> follow.err & follower=$!
exec 4< looking
read -r line <&4
test "$line" = "probe: 4 runs: 4 missing" || fail "--follow begins with '$line'"
kill -INT $follower
cat <&4 > follow.out
exec 4<&-
wait $follower || fail "status $? of --follow after Ctrl-C"
grep -q '^what is missing: ' follow.out || fail "--follow does not end with what is next: $(cat follow.out)"

# It goes on: stage `seed` waits until somebody reads this pipe, which nobody does.
mkfifo tally
PR_TEST_TALLY=$tmp/tally setsid "$program" run m.manifest --plugin-path "$plugins" --jobs 2 > run.out 2> run.err &
victim=$!
until_says "running   1/2 seed"; out_has "probe: 4 runs: 1 running, 3 missing"; out_has "  short  s1  running   1/2 seed"
grep -q "what is missing" out && fail "told to start what goes on"
expect 0 status --format csv
out_has 'arm,seed,state,begun,stage,node,nodes,done,total,stage_eta_seconds,eta_seconds,text,run_key,file'
out_has '"short",1,running,0,"seed",1,2,,,,,,"'; out_has '"long",2,missing,0,,,2,,,,,,"'
# Killed with all that it started: what it was at is known, nothing else is lost, and nothing goes on.
kill -9 $victim
wait $victim 2> /dev/null
until_says "missing   1/2 seed  interrupted"; out_has "probe: 4 runs: 4 missing"; out_has "what is missing"
expect 0 status --format csv; out_has '"short",1,missing,1,"seed",1,2,,,,,"interrupted","'
# A progress file that was torn, and spoilt.
log=$(ls "$out"/progress/short-s1-*.jsonl)
printf '{"time":"2026' >> "$log"
expect 0 status; out_has "missing   1/2 seed  interrupted"
head -c 300000 /dev/zero | tr '\0' x >> "$log"
expect 0 status; err_empty; out_has "  short  s1  missing"
rm tally
export PR_TEST_TALLY=$tmp/tally

# Looking on while it is done, without a terminal: a line a change, and how it ended.
"$program" status --follow > looking 2> follow.err & follower=$!
exec 4< looking
read -r line <&4
test "$line" = "probe: 4 runs: 4 missing" || fail "--follow begins with '$line'"
expect 0 run
cat <&4 > follow.out
exec 4<&-
wait $follower || fail "status $? of --follow"
test ! -s follow.err || fail "--follow: $(cat follow.err)"
for one in "short  s1" "short  s2" "long   s1" "long   s2"; do
  test "$(grep -cFx "  $one  done" follow.out)" -eq 2 || fail "--follow does not say twice that $one is done: $(cat follow.out)"
done
expect 0 status --verify; err_empty; out_has "probe: 4 runs: 4 done"; out_has "results: $out/results.h5"
grep -q "what is" out && fail "told to do what is done"
expect 0 status --format csv; out_has ".h5\""; grep -q '^"long",2,done,0,' out || fail "csv: $(cat out)"

# On a terminal: drawn in place and within the window, then told as ever.
if script --version > script.version 2>&1 && script -qec true script.log > /dev/null 2>&1 < /dev/null; then
  TERM=xterm script -qec "stty cols 20 rows 4; '$program' status --follow" script.log > drawn 2>&1 < /dev/null \
    || fail "status $? of --follow on a terminal"
  tr -d '\r' < drawn > lines
  grep -qF "$(printf '\033[3A')" lines || fail "not four lines drawn in place: $(cat -v drawn)"
  grep -qx "  and 2 more.*" lines || fail "not told what does not fit: $(cat -v drawn)"
  sed 's/\x1b.*//; /more/q' lines | grep -qE '^.{20}' && fail "lines too long: $(cat -v drawn)"
  grep -qF "results: $out/results.h5" lines || fail "not told how it ended: $(cat -v drawn)"
else
  echo "SKIP: no script(1) that has a terminal to give"
fi

# Damage: the length is looked at always, every byte with --verify.
result=$(ls "$out"/runs/short-s2-*.h5)
cp "$result" kept
size=$(stat -c %s "$result")
printf x | dd of="$result" bs=1 seek=$((size - 1)) conv=notrunc status=none
cmp -s kept "$result" && printf y | dd of="$result" bs=1 seek=$((size - 1)) conv=notrunc status=none
expect 0 status; out_has "4 done"
expect 0 status --verify; out_has "3 done, 1 missing"; out_has "damaged"; out_has "what is missing"
: > "$result"
expect 0 status; out_has "3 done, 1 missing"
cp kept "$result"
expect 0 status --verify; out_has "4 done"
cp "$out/plan.json" plan.kept
head -c 1000 plan.kept > "$out/plan.json"
expect 4 status "$out"; err_has "plan.json"
cp plan.kept "$out/plan.json"

# Failures: the reason, once.  One is the stage's, the other the machine's: its process was killed.
cat m.manifest - > f.manifest <<'MANIFEST'
walk.fail = true
[arm again]
pipeline = seed; walk
walk.steps = 20
walk.fail = true
[arm killed]
pipeline = seed; walk
walk.steps = 30
walk.kill_at = 5
MANIFEST
sed -i 's/^name = probe/name = bad/' f.manifest
expect 5 "$program" run f.manifest --plugin-path "$plugins" --only arm=short --only arm=long --only arm=again
expect 0 status f.manifest; out_has "bad: 8 runs: 2 done, 4 diverged, 2 missing"
out_has "  long    s1  diverged  2/2 walk  stumbled as it was told"; out_has "  again   s2  diverged  2/2 walk  as long s1"
test "$(grep -c "stumbled" out)" -eq 1 || fail "the reason is told more than once: $(cat out)"
out_has "what failed, once more: pauserec retry --failed f.manifest --plugin-path $plugins"
expect 6 "$program" run f.manifest --plugin-path "$plugins" --only arm=killed
expect 0 status f.manifest; out_has "bad: 8 runs: 2 done, 2 failed, 4 diverged"; out_has "its process was killed"
expect 0 status --follow f.manifest; out_has "bad: 8 runs: 2 done, 2 failed, 4 diverged"

# More than forty runs: arms that are done in a line each, unless all are asked for.
{
  sed 's/^seeds = .*/seeds = 1;2;3;4;5;6;7;8;9;10;11/; s/^name = probe/name = many/' m.manifest
  for arm in third fourth; do printf '[arm %s]\npipeline = seed; walk\nwalk.steps = %s\n' $arm ${#arm}; done
} > many.manifest
expect 0 "$program" run many.manifest --plugin-path "$plugins" --quiet --only arm=short --jobs 2
expect 0 status many.manifest; out_has "many: 44 runs: 11 done, 33 missing"
grep -qE '^  short +done: 11 runs$' out || fail "not folded: $(cat out)"
grep -qE '^  fourth +s11 +missing' out || fail "folded what is missing: $(cat out)"
expect 0 status many.manifest --all; test "$(grep -cE '^  short +s[0-9]+ +done$' out)" -eq 11 || fail "--all: $(cat out)"

# The clock of the day goes backwards at every look: the same bytes, and times that were measured with another clock.
if test -e "$clock_back"; then
  backwards () { LD_PRELOAD=$clock_back ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" "$@"; }
  expect 0 backwards "$program" run m.manifest --plugin-path "$plugins" --store s2 --out o2 --jobs 2
  outputs pauserec-store > reference
  outputs s2 > backwards
  grep -Ff <(cut -d ' ' -f 1 backwards) reference > /dev/null || fail "other outputs with a clock that goes backwards"
  test "$(wc -l < backwards)" -eq 4 || fail "not four outputs: $(cat backwards)"
  while read -r sum path; do
    grep -qF "$sum  $path" reference || fail "$path differs with a clock that goes backwards"
  done < backwards
  cat o2/progress/*.jsonl > all.jsonl
  sed -n 's/.*"time":"\([^"]*\)".*/\1/p' o2/progress/short-s2-*.jsonl > times
  sort -rc times && test "$(sort -u times | wc -l)" -gt 3 || fail "the clock did not go backwards: $(cat times)"
  grep -qE '"(elapsed|seconds|eta)":-' all.jsonl && fail "time went backwards: $(cat all.jsonl)"
  grep -q '"elapsed":' all.jsonl || fail "no elapsed: $(cat all.jsonl)"
  expect 0 backwards "$program" status m.manifest --out o2 --verify; out_has "probe: 4 runs: 4 done"; err_empty
  expect 0 backwards "$program" status m.manifest --out o2 --follow; out_has "probe: 4 runs: 4 done"; err_empty
else
  fail "no clock-back.so"
fi
finish
