#!/bin/bash
# `gc`: says what no sweep needs, removes it if asked to, and never what a sweep needs or somebody works with.
. "$(dirname "$0")/lib.sh"
plugins=$PR_BUILD_DIR/tests/runtime/.libs
kill_at=$PR_BUILD_DIR/tests/faults/.libs/kill-at.so
export PR_TEST_TALLY=$tmp/tally PR_TEST_HOLD=$tmp/hold
cd "$tmp" || exit 1

cat > m.manifest <<'END'
[experiment]
name = probe
seeds = 1;2
metric = hit_10
[stage seed]
uses = probe-seed
[stage walk]
uses = probe-walk
[arm a]
pipeline = seed; walk
END
run () { "$program" run m.manifest --plugin-path "$plugins" --quiet --store s "$@"; }
gc () { "$program" gc --store s "$@"; }
entries () { (cd "$1" && find objects -name entry.json | sort); }

expect 2 gc; err_has "there is no store 's'"
expect 0 run --out a
expect 0 run --out b --set walk.steps=9
entries s > all
test "$(wc -l < all)" -eq 5 || fail "entries: $(cat all)"

# Everything is needed; a dry run changes nothing and says so.
expect 0 gc; out_has "nothing is there that no sweep needs"; out_has "needed: 5 entries"; out_has "$tmp/a: 3 entries"; err_empty
expect 0 gc --delete; out_has "nothing is there"
entries s | cmp -s all - || fail "gc removed what is needed"

# A sweep that was moved is known again by its new folder, or by what the user says.
mv b moved
expect 0 gc; out_has "$tmp/b: no sweep there any more"; out_has "by --delete: 1 reference, 2 entries"; out_has "probe-walk"
expect 0 gc --keep moved; out_has "$tmp/moved: 3 entries"; out_has "by --delete: 1 reference, "
expect 2 gc --keep nowhere; err_has "nowhere"
expect 2 gc --keep s; err_has "'s' has no plan.json"
entries s | cmp -s all - || fail "a dry run removed something"

# Somebody works with it: gc leaves at once; a dry run is fine.
: > hold
rm -f tally
run --out c --set walk.steps=11 --set walk.hold_at=3 > c.out 2> c.err & running=$!
until grep -qs hold tally || ! kill -0 $running; do :; done
expect 6 gc --delete; err_has "is in use; nothing was removed"
expect 0 gc; out_has "a run uses the store now"
entries s | cmp -s all - || fail "removed during a run"
rm hold
wait $running || fail "the run beside gc: $(cat c.err)"

# Killed in the middle, it goes on the next time, and what is needed is whole.
cp -a s before
preloaded () { env LD_PRELOAD="$kill_at" ASAN_OPTIONS=verify_asan_link_order=0 "$@" "$program" gc --store s --delete > out; }
preloaded PR_KILL_CALLS="$tmp/calls" || fail "gc with kill-at.so"
calls=$(od -An -td4 calls | tr -d ' ')
test "$calls" -gt 15 || fail "only $calls calls"
entries s > needed
test "$(wc -l < needed)" -eq 5 || fail "entries: $(cat needed)"
for ((n = 1; n <= calls; n += 3)); do
  rm -rf s
  cp -a before s
  preloaded PR_KILL_AT=$n 2> /dev/null
  status=$?
  test $status -eq 137 || fail "not killed at call $n of $calls: $status"
  expect 0 gc --delete
  entries s | cmp -s needed - || fail "killed at call $n of $calls: $(entries s | diff needed -)"
done
test -z "$(find s/tmp s/scratch -mindepth 1)" || fail "left: $(find s/tmp s/scratch -mindepth 1)"

# What is left is sound, what went is computed again, and both have the same bytes as before.
contents () { (cd "$1" && find objects -type f ! -name entry.json ! -name 'record.*' -exec sha256sum {} + | sort -k 2); }
rm -f tally
expect 0 run --out a; out_has "0 stages computed, 0 cached; 0 runs done now, 2 before"
rm -r a/runs a/results.h5
expect 0 run --out a; out_has "0 stages computed, 3 cached; 2 runs done now"
rm -r moved
expect 0 run --out b --set walk.steps=9; out_has "2 stages computed, 1 cached"
contents before > sums
contents s | cmp -s sums - || fail "other bytes: $(contents s | diff sums -)"

# Without knowing what is needed nothing goes.
cp b/plan.json plan
echo "{" > b/plan.json
expect 4 gc --delete; err_has "b/plan.json"; err_has "nothing goes"
cp plan b/plan.json
for ref in s/refs/*; do cp "$ref" ref; echo "{" > "$ref"; expect 4 gc --delete; err_has "$ref"; cp ref "$ref"; done
contents s | cmp -s sums - || fail "removed without knowing what is needed"

# What pauserec did not make stays.
mkdir s/objects/thesis; : > s/objects/thesis/chapter; ln -s "$tmp/a" s/scratch/link; : > "s/$(printf 'a\nb')"
rm -r b
expect 0 gc --delete; out_has "left alone"; out_has "  objects/thesis"; out_has "  scratch/link"; out_has '  a\nb'; out_has "removed: "
test -e s/objects/thesis/chapter -a -e a/plan.json -a -L s/scratch/link || fail "foreign files are gone"
expect 0 run --out a; out_has "2 before"

# Of a store that is not ours we can look at what goes, and a sweep that we cannot look into keeps what it has.
chmod 755 "$tmp"
unprivileged () { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
if test "$(id -u)" -ne 0 || ! unprivileged "$program" gc --help > /dev/null 2>&1; then
  echo "SKIP: stores of somebody else: needs root, setpriv and a build that others can read"
  finish
fi
expect 0 run --out b --set walk.steps=9
rm -r b
expect 0 unprivileged "$program" gc --store s; out_has "by --delete: 1 reference, 2 entries"
expect 6 unprivileged "$program" gc --store s --delete; err_has "store.lock"
mkdir private
expect 0 run --out private/b --set walk.steps=9
chmod 700 private
expect 6 unprivileged "$program" gc --store s; err_has "private/b/plan.json': Permission denied"
finish
