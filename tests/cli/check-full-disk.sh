#!/bin/bash
# A disk that is full for one kind of file after the other, however it says so: told once and clearly, nothing
# half-written counts as done, and with room again the same command ends as if nothing had been.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/disturbed.sh"
full_disk=$PR_BUILD_DIR/tests/faults/.libs/full-disk.so

undisturbed 4

# full CALL AFTER MATCH WHAT: the error names WHAT; then there is room again.
full () {
  rm -rf full
  expect 6 env PR_FULL_CALL=$1 PR_FULL_AFTER=$2 PR_FULL_MATCH="$3" LD_PRELOAD="$full_disk" "$program" run m.manifest \
    --plugin-path plugins --quiet --store full/store --out full/out
  err_has "$4"
  err_has "No space left on device"
  test -z "$(find full -name '.*.??????')" || fail "$*: left $(find full -name '.*.??????')"
  test -z "$(find full/store/tmp -mindepth 1 2> /dev/null)" || fail "$*: left $(find full/store/tmp)"
  for file in full/out/runs/*.h5; do
    test ! -e "$file" || "$digests" "$file" > /dev/null || fail "$*: half a result"
  done
  test "$3" = .results.h5. -o ! -e full/out/results.h5 -o -n "$(ls full/out/runs 2> /dev/null)" || fail "$*: results of nothing"
  expect 0 sweep full
  same full
  tidy full
}
for call in "write 0" "write 30" "fsync 0" "close 0" "create 0"; do
  full $call /out/runs/. "short, seed 1: cannot"
  full $call .entry.json. "stage 'seed'"
done
full write 0 /out/runs/. "out/runs/short-s1-"
full write 9 /out/runs/.long-s2 "long, seed 2: cannot write"
full write 1 .results.h5. "out/results.h5"
full fsync 0 .results.h5. "out/results.h5"
full write 1 .plan.json. "out/plan.json"
full write 1 /bytes/ "stage 'seed'"
full write 1 /path/ "stage 'walk'"
full close 0 .record. "record."
full write 1 /scratch/ "scratch/"
full fsync 0 /scratch/ "scratch/"
full create 0 /scratch/ "scratch"
full create 0 /objects/ "objects"
full create 0 /store/locks/ "store/locks"
full create 0 /out/locks/ "out/locks"
full write 0 .store.json. "store.json"
full write 0 /refs/. "refs/"
# What nothing depends on: the run goes on without.
rm -rf full
expect 0 env PR_FULL_MATCH=.jsonl LD_PRELOAD="$full_disk" "$program" run m.manifest --plugin-path plugins --quiet \
  --store full/store --out full/out
same full
expect 0 sweep full; out_has "4 before"
finish
