#!/bin/bash
# The main job on a tiny world: same bytes for any number of threads and after any kill, no work twice, and each fault
# of the machine or the manifest gives one error, the right status, and nothing that a later run takes for whole.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sweep.sh"

manifest=$tmp/tiny.manifest
cat > "$manifest" <<'END'
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

expect 0 sweep one --threads 1; out_has "ndcg_10"; out_has "pause"; out_has "results.h5"; err_empty
reference one

# Any number of threads.
expect 0 sweep two --threads 2; same two
expect 0 sweep three --threads 3; same three

# No work twice; and from the store alone when the results are gone.
expect 0 sweep one; out_has "0 stages computed"
rm -r "$tmp/one/out"
expect 0 sweep one; out_has "0 stages computed"; same one

# Killed with -9 while a stage fills its folder, and at the first and a later checkpoint; then the same command again.
n=0
for file in 'store/tmp/*/embeddings' 'store/scratch/*/*' 'store/objects/*/*/pause'; do
  n=$((n + 1))
  begin kill$n
  kill_at kill$n "$file"
  expect 0 sweep kill$n --threads 2; same kill$n
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
expect 0 sweep int; same int

# A stage's output damaged behind our back: found, moved aside, made again.
victim=$(find "$tmp/int/store/objects" -name model.safetensors | sort | head -n 1)
chmod u+w "$victim"
printf 'x' | dd of="$victim" bs=1 seek=5000 conv=notrunc 2> /dev/null
rm -r "$tmp/int/out"
expect 0 sweep int; same int

# A disk that is full (files may not grow past 20 kB): IO error, and nothing that counts as done.
expect 6 bash -c 'ulimit -f 20; trap "" XFSZ; exec "$@"' - "$program" run "$manifest" --quiet \
  --store "$tmp/full/store" --out "$tmp/full/out"
err_has "pauserec: error: "
expect 0 sweep full; same full

finish
