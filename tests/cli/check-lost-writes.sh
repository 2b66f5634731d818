#!/bin/bash
# A disk that loses, changes or refuses a write to results.h5: one IO error and the old file, or the right bytes.
. "$(dirname "$0")/lib.sh"
lose=$PR_BUILD_DIR/tests/results/.libs/lose-write.so
test -e "$lose" || { echo "no $lose"; exit 1; }
cat > "$tmp/small.manifest" <<'END'
[experiment]
name = small
seeds = 1..3
[stage world]
uses = synthetic-world
n_users = 50
[stage metrics]
uses = rank-metrics
[arm popularity]
pipeline = world; popularity; metrics
END
expect 0 "$program" run "$tmp/small.manifest" --quiet --store "$tmp/store" --out "$tmp/out.d" --only seed=1
cp "$tmp/out.d/results.h5" "$tmp/old.h5"
expect 0 "$program" run "$tmp/small.manifest" --quiet --store "$tmp/store" --out "$tmp/out.d"
cp "$tmp/out.d/results.h5" "$tmp/new.h5"

# merge_with VARIABLE=VALUE...: merge over the old file; its status.
merge_with () {
  cp "$tmp/old.h5" "$tmp/out.d/results.h5"
  env "$@" LD_PRELOAD="$lose" ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
    "$program" merge "$tmp/out.d" > "$tmp/out" 2> "$tmp/err" < /dev/null
}
merge_with "PR_LOSE_COUNT=$tmp/count" || { fail "merging with lose-write.so"; cat "$tmp/err"; }
writes=$(cat "$tmp/count")
test "$writes" -ge 20 || { fail "only $writes writes"; finish; }
caught=0
for how in drop flip; do
  for ((n = 1; n <= writes; n += 1 + writes / 40)); do
    merge_with "PR_LOSE_AT=$n" "PR_LOSE_HOW=$how"
    status=$?
    if test $status -eq 0; then
      # What was lost had no meaning (zeros into a hole), or was written again.
      cmp -s "$tmp/out.d/results.h5" "$tmp/new.h5" || expect 0 "$program" verify "$tmp/out.d"
    else
      test $status -eq 6 || { fail "$how $n: status $status"; cat "$tmp/err"; }
      err_has "results.h5"
      cmp -s "$tmp/out.d/results.h5" "$tmp/old.h5" || fail "$how $n: the old results are not what they were"
      caught=$((caught + 1))
    fi
    test -z "$(find "$tmp/out.d" -maxdepth 1 -name '.*part*')" || fail "$how $n: a temporary file stays"
  done
done
test $caught -ge 20 || fail "only $caught lost writes were noticed"
echo "$writes writes; $caught losses noticed"

# Full at several sizes.
size=$(($(stat -c %s "$tmp/new.h5") / 1024))
for ((room = 2; room < size; room += 1 + size / 9)); do
  cp "$tmp/old.h5" "$tmp/out.d/results.h5"
  expect 6 bash -c "ulimit -f $room; trap '' XFSZ; exec \"\$@\"" - "$program" merge "$tmp/out.d"
  err_has "results.h5"
  cmp -s "$tmp/out.d/results.h5" "$tmp/old.h5" || fail "full at $room KiB: the old results are not what they were"
done
expect 0 "$program" merge "$tmp/out.d"
cmp -s "$tmp/out.d/results.h5" "$tmp/new.h5" || fail "merged again: other bytes"
finish
