#!/bin/bash
# `pauserec export`: every number of results.h5 comes back from the CSV.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sweep.sh"
cat > "$tmp/small.manifest" <<'END'
[experiment]
name = small
seeds = 1;2
metric = ndcg_10
baseline = popularity
[stage world]
uses = synthetic-world
n_users = 60
[stage embed]
uses = item-embedder
dims = 12
[stage sids]
uses = sid-quantizer
method = rqvae
rqvae_epochs = 3
sizes = 4,4
[stage metrics]
uses = rank-metrics
[arm popularity]
pipeline = world; popularity; metrics
[arm transitions]
pipeline = world; item-transitions; metrics
[arm codes]
pipeline = world; embed; sids; popularity; metrics
sids.sizes = 4,4; 8,4
END
expect 0 "$program" run "$tmp/small.manifest" --quiet --store "$tmp/store" --out "$tmp/results"
expect 0 "$program" export "$tmp/results" --out "$tmp/csv/deep"; err_empty
for name in runs metrics cost per_user curves; do
  out_has "$tmp/csv/deep/$name.csv"
  test -s "$tmp/csv/deep/$name.csv" || fail "no $name.csv"
done
test ! -e "$tmp/csv/deep/ranking.csv" || fail "rankings without --rankings"
ls "$tmp/csv/deep"/tables_*.csv > /dev/null 2>&1 || fail "no tables"
expect 0 "$program" export "$tmp/results/results.h5" --out "$tmp/csv" --rankings
out_has "$tmp/csv/ranking.csv"
test -z "$(find "$tmp/csv" -name '.*')" || fail "temporary files stay"

# Again, over what is there: the same bytes; and the file of one run.
(cd "$tmp/csv" && sha256sum ./*.csv) > "$tmp/sums"
echo old > "$tmp/csv/runs.csv"
expect 0 "$program" export "$tmp/results" --out "$tmp/csv" --rankings
(cd "$tmp/csv" && sha256sum ./*.csv) | cmp -s - "$tmp/sums" || fail "exported again: other bytes"
one=$(find "$tmp/results/runs" -name 'transitions-s2-*.h5')
expect 0 "$program" export "$one" --out "$tmp/one" --rankings
test "$(wc -l < "$tmp/one/runs.csv")" -eq 2 || fail "the file of one run is not one run"
(head -n 1 "$tmp/csv/per_user.csv"; grep '^transitions,2,' "$tmp/csv/per_user.csv") | cmp -s - "$tmp/one/per_user.csv" \
  || fail "users of one run differ from those of all"

# Faults.
expect 2 "$program" export "$tmp/results"; err_has "--out DIR is missing"
expect 2 "$program" export --out "$tmp/x"; err_has "too few arguments"
expect 6 "$program" export "$tmp/nowhere" --out "$tmp/x"; err_has "$tmp/nowhere"
echo file > "$tmp/file"
expect 6 "$program" export "$tmp/results" --out "$tmp/file/x"; err_has "cannot make folder '$tmp/file/x'"
head -c 5000 "$one" > "$tmp/short.h5"
expect 4 "$program" export "$tmp/short.h5" --out "$tmp/x"; err_has "$tmp/short.h5: damaged"
test ! -e "$tmp/x" || fail "a folder for results that cannot be read"
expect 6 bash -c 'ulimit -f 4; trap "" XFSZ; exec "$@"' - "$program" export "$tmp/results" --out "$tmp/csv" --rankings
err_has "$tmp/csv/"
(cd "$tmp/csv" && sha256sum ./per_user.csv ./ranking.csv) | cmp -s - <(grep -E 'per_user|ranking' "$tmp/sums") \
  || fail "a full disk changed files"
test -z "$(find "$tmp/csv" -name '.*')" || fail "a full disk leaves temporary files"

# What Python makes of it.
test -n "$python" || { echo "SKIP: what Python makes of the CSV: no python3 with h5py"; finish; }
expect 0 "$python" "$PR_SOURCE_DIR/tests/cli/check_export.py" "$tmp/results/results.h5" "$tmp/csv"
cat "$tmp/out"
finish
