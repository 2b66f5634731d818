#!/bin/bash
# The main job on a tiny world: same bytes for any number of threads and after any kill, no work twice, and each fault
# of the machine or the manifest gives one error, the right status, and nothing that a later run takes for whole.
. "$(dirname "$0")/lib.sh"
command -v python3 > /dev/null && python=python3
test -x /usr/bin/python3 && python=/usr/bin/python3

cat > "$tmp/tiny.manifest" <<'END'
[experiment]
name = tiny
seeds = 1
metric = ndcg_10
baseline = next-item
[stage world]
uses = synthetic-world
n_items = 60
n_categories = 6
n_brands = 4
n_users = 150
documents_per_rule = 6
[stage embed]
uses = item-embedder
dims = 12
[stage sids]
uses = sid-quantizer
sizes = 8,8
[stage base]
uses = lm-pretrain
vocab = 400
layers = 2
hidden = 32
heads = 2
kv_heads = 1
head_dim = 16
ffn = 64
[stage ground]
uses = sid-grounding
epochs = 1
lr = 1e-3
[stage sft]
uses = next-item-sft
targets = all-prefixes
epochs = 2
lr = 1e-3
checkpoint_steps = 3
[stage pause-pretrain]
in.lm = ground.lm
epochs = 1
[stage pause-sft]
epochs = 1
lr = 1e-3
checkpoint_steps = 2
[stage metrics]
uses = rank-metrics
[arm next-item]
pipeline = world; embed; sids; base; ground; sft; recommend; metrics
[arm pause]
pipeline = world; embed; sids; base; ground; sft; pause-pretrain; pause-sft; recommend; metrics
END

# run NAME ARGUMENT...: the experiment with store and results of that name.
run () {
  local at=$1
  shift
  "$program" run "$tmp/tiny.manifest" --quiet --store "$tmp/$at/store" --out "$tmp/$at/out" "$@"
}

# Every output of every stage, by content; what depends on the clock is in record.* and entry.json.
contents () {
  (cd "$tmp/$1/store/objects" && find . -type f ! -name entry.json ! -name 'record.*' -exec sha256sum {} + | sort -k 2)
}
digests () {
  "${python:-false}" - "$tmp/$1/out/results.h5" 2> /dev/null <<'END'
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    for row in f["runs"][...]:
        print(row["arm"].decode(), row["seed"], row["digest"].decode())
END
}
same () {
  contents "$1" > "$tmp/$1.sums"
  test -s "$tmp/$1.sums" || fail "$1: nothing in the store"
  cmp -s "$tmp/one.sums" "$tmp/$1.sums" || { fail "$1: other bytes than one thread"; diff "$tmp/one.sums" "$tmp/$1.sums"; }
  digests "$1" > "$tmp/$1.digests"
  cmp -s "$tmp/one.digests" "$tmp/$1.digests" || { fail "$1: other digests"; diff "$tmp/one.digests" "$tmp/$1.digests"; }
}

expect 0 run one --threads 1; out_has "ndcg_10"; out_has "pause"; out_has "results.h5"; err_empty
contents one > "$tmp/one.sums"
digests one > "$tmp/one.digests"
test -s "$tmp/one.digests" || echo "SKIP: digests of results: no python3 with h5py"

# Any number of threads.
expect 0 run two --threads 2; same two
expect 0 run three --threads 3; same three

# No work twice; and from the store alone when the results are gone.
expect 0 run one; out_has "0 stages computed"
rm -r "$tmp/one/out"
expect 0 run one; out_has "0 stages computed"; same one

# begin NAME: the experiment in the background, its process in $victim; wait_for NAME PATTERN: until such a file exists.
begin () {
  rm -rf "$tmp/$1"
  setsid "$program" run "$tmp/tiny.manifest" --quiet --store "$tmp/$1/store" --out "$tmp/$1/out" > "$tmp/out" 2> "$tmp/err" &
  victim=$!
}
wait_for () {
  while kill -0 $victim 2> /dev/null && ! compgen -G "$tmp/$1/$2" > /dev/null; do :; done
  kill -0 $victim 2> /dev/null || fail "the run ended before it made $2"
}

# Killed with -9 while a stage fills its folder, and at the first and a later checkpoint; then the same command again.
n=0
for file in 'store/tmp/*/embeddings' 'store/scratch/*/*' 'store/objects/*/*/pause'; do
  n=$((n + 1))
  begin kill$n
  wait_for kill$n "$file"
  kill -9 $victim
  wait $victim 2> /dev/null
  test ! -e "$tmp/kill$n/out/results.h5" || fail "killed at $file, but there are results"
  expect 0 run kill$n --threads 2; same kill$n
done

# Ctrl-C: status 130, one message, and the rest is done by the same command.
begin int
wait_for int 'store/scratch/*/*'
kill -INT $victim
wait $victim
status=$?
test $status -eq 130 || fail "interrupted run left with status $status"
err_has "cancelled"
test ! -e "$tmp/int/out/results.h5" || fail "an interrupted run left results"
expect 0 run int; same int

# A stage's output damaged behind our back: found, moved aside, made again.
victim=$(find "$tmp/int/store/objects" -name model.safetensors | sort | head -n 1)
chmod u+w "$victim"
printf 'x' | dd of="$victim" bs=1 seek=5000 conv=notrunc 2> /dev/null
rm -r "$tmp/int/out"
expect 0 run int; same int

# A disk that is full (files may not grow past 20 kB): IO error, and nothing that counts as done.
expect 6 bash -c 'ulimit -f 20; trap "" XFSZ; exec "$@"' - "$program" run "$tmp/tiny.manifest" --quiet \
  --store "$tmp/full/store" --out "$tmp/full/out"
err_has "pauserec: error: "
expect 0 run full; same full

finish
