#!/bin/bash
# The tables of the paper: every manifest of experiments/paper is sound, all of them run on a tiny world, and the claims are
# asked of what comes out.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/notebooks.sh"
paper=$PR_SOURCE_DIR/experiments/paper

# Data sets from files need some.
printf '{"item": "a", "title": "A", "brand": "B", "categories": ["c"]}\n' > "$tmp/items.jsonl"
printf 'user\titem\torder\nu\ta\t0\n' > "$tmp/interactions.tsv"
for manifest in "$paper"/*/*.manifest; do
  files=()
  case $manifest in */world/*) ;; *) files=(--set "data.items=$tmp/items.jsonl" --set "data.interactions=$tmp/interactions.tsv") ;; esac
  expect 0 "$program" check "$manifest" "${files[@]}"
  out_has "sound"
done
tables=$(ls "$paper"/*.arms | wc -l)
test "$(ls "$paper"/*/*.manifest | wc -l)" -eq $((4 * tables)) || fail "not every table has a manifest for each of the four data sets"

tiny=(--set 'experiment.seeds=1;2' --set data.n_users=80 --set data.n_items=60 --set data.n_categories=5 --set data.n_brands=4
  --set sids.sizes=8,8 --set embed.dims=16 --set base.vocab=400 --set base.layers=1 --set base.hidden=32 --set base.heads=1
  --set base.kv_heads=1 --set base.ffn=64 --set base.epochs=1 --set ground.epochs=1 --set sft.epochs=1)
# What only some tables use may be set only there.
settings () {
  case $1 in
    main) echo sasrec.epochs=1 sasrec-ce.epochs=1 gru4rec.epochs=1 tiger.epochs=1 tiger.hidden=32 tiger.ffn=32 ;;
    verbalization) echo ask-items.questions=40 ask-titles.questions=40 ;;
    geometry) echo geometry.users=40 effect.users=40 ;;
    rationales) echo sensitivity.users=40 ;;
    attention) echo attention.users=40 ;;
    *) ;;
  esac
  for stage in extra-epochs cot pause-sft filler cot-input-only latent; do echo "$stage.epochs=1"; done
  echo rl-cot.max_steps=2 rl-cot.group=2 rl-cot.batch_size=4
}
for arms in "$paper"/*.arms; do
  table=$(basename "$arms" .arms)
  more=()
  for setting in $(settings "$table"); do more+=(--set "$setting"); done
  expect 0 "$program" run "$paper/world/$table.manifest" --quiet --jobs 2 --threads 1 --store "$tmp/store" --out "$tmp/out-$table" "${tiny[@]}" "${more[@]}"
done
test $failures -eq 0 || finish

/usr/bin/python3 -c 'import h5py, pandas' 2> /dev/null || {
  echo "SKIP: no h5py or pandas for the claims"
  finish
}
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$PR_SOURCE_DIR/analysis" "$tmp"/out-* <<'PYTHON' || fail "the claims are not asked of the tables"
import sys

sys.path.insert(0, sys.argv[1])
import pauserec_claims as claims

collected = claims.collect(sys.argv[2] + "/results.h5")
assert len(collected) == len(sys.argv) - 2, list(collected)
frame = claims.evaluate(collected)
missing = {claim for claim, _, _ in claims.CLAIMS} - set(frame.claim)
# A model that was hardly trained may hit nothing after its thoughts, and then there is nothing to be relative to.
assert missing <= {"Pauses beat OneRec-Think (CoT + RL)"}, missing
assert frame.ours.notna().all() and set(frame.seeds) == {2}
text = claims.markdown(frame)
assert all(f"### {claim}" in text for claim in set(frame.claim))
PYTHON

test -x /usr/bin/jupyter-nbconvert && /usr/bin/python3 -c 'import matplotlib, ipykernel' 2> /dev/null || {
  echo "SKIP: no jupyter-nbconvert with matplotlib and ipykernel for the notebook"
  finish
}
execute paper-claims "$tmp/out-main/results.h5" || { fail "the notebook failed"; finish; }
judge "$tmp/executed/paper-claims.ipynb" <<'PYTHON' || fail "paper-claims.ipynb shows something else than it should"
import sys
import shown

text, tables, images = shown.outputs(sys.argv[1])
assert "world main: 20 runs, 10 arms, 2 seeds" in text and "world attention: 6 runs" in text, text
said = "".join(cell for table in tables for row in table for cell in row)
assert "Every CoT-SFT variant is worse" in said and "undecided at this scale" in said
assert images == 1
PYTHON
finish
