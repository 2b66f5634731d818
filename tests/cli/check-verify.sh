#!/bin/bash
# `pauserec verify`: what it says of sound files, of damaged ones, and of what is none; and the schema that it prints.
. "$(dirname "$0")/lib.sh"
cat > "$tmp/small.manifest" <<'END'
[experiment]
name = small
seeds = 1;2
metric = ndcg_10
baseline = popularity
[stage world]
uses = synthetic-world
n_users = 60
[stage metrics]
uses = rank-metrics
[arm popularity]
pipeline = world; popularity; metrics
[arm oracle]
pipeline = world; metrics
END
expect 0 "$program" run "$tmp/small.manifest" --quiet --store "$tmp/store" --out "$tmp/results"
merged=$tmp/results/results.h5
one=$(find "$tmp/results/runs" -name 'popularity-s1-*.h5')
expect 0 "$program" verify "$merged" "$one"; err_empty
out_has "$merged: sound (experiment, 4 runs, 60 users, "; out_has "$one: sound (run, 1 run, 60 users, "
expect 0 "$program" verify "$tmp/results"; out_has "$merged: sound"
expect 0 "$program" verify "$tmp/results/runs/"*.h5
test "$(wc -l < "$tmp/out")" -eq 4 || fail "not a line a file"

# One sound file among others is told; the faults are told together.
cp "$one" "$tmp/changed.h5"
printf 'X' | dd of="$tmp/changed.h5" bs=1 seek=3000 conv=notrunc 2> /dev/null
head -c 5000 "$one" > "$tmp/short.h5"
expect 4 "$program" verify "$tmp/changed.h5" "$one" "$tmp/short.h5"
out_has "$one: sound"; err_has "$tmp/changed.h5: damaged"; err_has "$tmp/short.h5: damaged"
: > "$tmp/empty.h5"
expect 4 "$program" verify "$tmp/empty.h5"; err_has "$tmp/empty.h5: not a results file"
sed 's#pauserec-results/2#pauserec-results/1#' "$one" > "$tmp/older.h5"
expect 4 "$program" verify "$tmp/older.h5"; err_has "pauserec-results/1"; err_has "run the experiment again"
expect 6 "$program" verify "$tmp/nowhere.h5"; err_has "$tmp/nowhere.h5"
mkdir "$tmp/folder"
expect 6 "$program" verify "$tmp/folder"; err_has "$tmp/folder/results.h5"
expect 2 "$program" verify; err_has "too few arguments"
expect 2 "$program" verify --schema "$one"; err_has "--schema checks no file"

# A damaged run file is named and written again, without computing anything.
cp "$tmp/changed.h5" "$one"
expect 0 "$program" run "$tmp/small.manifest" --quiet --store "$tmp/store" --out "$tmp/results"
grep -qF "$one" "$tmp/out" "$tmp/err" || fail "the damaged file is not named: $(cat "$tmp/out" "$tmp/err")"
expect 0 "$program" verify "$one" "$merged"

# HACKING.md has the schema word for word.
expect 0 "$program" verify --schema; err_empty; out_has "/per_user/<metric>"
sed -n '/^Schema pauserec-results/,/^```$/p' "$PR_SOURCE_DIR/HACKING.md" | sed '$d' > "$tmp/documented"
diff "$tmp/documented" "$tmp/out" > "$tmp/diff" || { fail "HACKING.md does not have what verify --schema prints:"; cat "$tmp/diff"; }
finish
