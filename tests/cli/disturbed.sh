# disturbed.sh - a quick sweep that tests disturb, and what it must say afterwards; sourced after lib.sh.  Works in $tmp.
cp "$PR_BUILD_DIR/tests/runtime/.libs/probe.so" "$tmp/"
digests=$PR_BUILD_DIR/tests/faults/digests
export PR_TEST_TALLY=$tmp/tally PR_TEST_HOLD=$tmp/hold ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
cd "$tmp" || exit 1
chmod 755 "$tmp"

# Four runs; a test may write another before it calls anything.
cat > m.manifest <<'END'
[experiment]
name = probe
seeds = 1;2
metric = hit_10
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

# sweep NAME ARGUMENT...: the experiment with its store and results in a folder of that name.
sweep () {
  local at=$1
  shift
  "$program" run m.manifest --plugin-path "$tmp/plugins" --quiet --store "$at/store" --out "$at/out" "$@"
}
mkdir plugins
ln probe.so plugins/

# What does not depend on the clock: outputs of stages, digests of results, the table.
says () {
  (cd "$1/store" && find objects -type f ! -name entry.json ! -name 'record.*' -exec sha256sum {} + | sort -k 2)
  "$digests" "$1"/out/runs/*.h5
  "$program" compare "$1/out" --format csv | cut -d , -f 1-10
}
# same NAME: it says the same as the reference.
same () {
  says "$1" > said 2>&1
  cmp -s said reference.said || { fail "$1: other results:"; diff said reference.said; }
}
# clean NAME: nothing that was begun and given up is left; tidy: nor are temporary files, which only a kill may leave.
clean () {
  local left
  left=$(find "$1"/store/tmp "$1"/store/scratch "$1"/store/corrupt "$1"/out/failed -mindepth 1)
  test -z "$left" || fail "$1: left behind: $left"
}
tidy () {
  clean "$1"
  test -z "$(find "$1" -name '.*.??????')" || fail "$1: left behind: $(find "$1" -name '.*.??????')"
}
# until_true COMMAND...: wait for what must come.
until_true () {
  local end=$((SECONDS + 120))
  until "$@"; do
    test $SECONDS -lt $end || { fail "never: $*"; return 1; }
    sleep 0.02
  done
}
# N runs have come to where they are held.
held () { test "$(cat tally 2> /dev/null | grep -c hold)" -ge "$1"; }
# No process works with the store of NAME any more; one that is dead but unburied does not.
idle () { ! "$program" gc --store "$1/store" | grep -q "a run uses the store"; }
# undisturbed RUNS: the sweep that all others must equal.
undisturbed () {
  expect 0 sweep reference; out_has "; $1 runs done now, 0 before"
  says reference > reference.said
  test "$(grep -c '\.h5 ' reference.said)" -eq "$1" || fail "reference: $(cat reference.said)"
}
