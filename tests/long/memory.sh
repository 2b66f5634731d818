#!/bin/bash
# The small tests under valgrind: no invalid access, no value read before it was written, nothing lost.
. "$(dirname "$0")/../cli/lib.sh"

command -v valgrind > /dev/null || { echo "SKIP: no valgrind: apt-get install valgrind"; finish; }
grep -q __asan_init "$PR_BUILD_DIR/.libs/libpauserec.so" && { echo "SKIP: a build with sanitizers"; finish; }
test -n "${LONG_PROGRAMS:-}" || fail "no programs: run me by make check-long"
cd "$PR_BUILD_DIR" || exit 1
for test in $LONG_PROGRAMS; do
  CK_TIMEOUT_MULTIPLIER=100 ./libtool --mode=execute valgrind -q --error-exitcode=99 --leak-check=full \
    --show-leak-kinds=definite --errors-for-leak-kinds=definite "$test" > "$tmp/out" 2>&1 || { fail "$test"; cat "$tmp/out"; }
  grep -a '^[0-9]*%: Checks' "$tmp/out" | sed "s|^|$test: |"
done
finish
