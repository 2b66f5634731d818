#!/bin/bash
# probe-geometry from a manifest to a notebook: every checkpoint once, curves along training, and what the notebook shows is what
# the results say.
. "$(dirname "$0")/lib.sh"
notebooks=$PR_SOURCE_DIR/analysis

cat > "$tmp/geometry.manifest" <<'END'
[experiment]
name = geometry
seeds = 1;2
metric = ndcg_10
baseline = next-item

[stage world]
uses = synthetic-world
n_users = 120
n_items = 80
n_categories = 6
n_brands = 4

[stage embed]
uses = item-embedder
dims = 16

[stage sids]
uses = sid-quantizer
sizes = 8,8
collisions = digit

[stage base]
uses = lm-pretrain
vocab = 400
layers = 1
hidden = 32
heads = 1
kv_heads = 1
ffn = 64
epochs = 1

[stage ground]
uses = sid-grounding
epochs = 2
lr = 1e-3
geometry_every = 1

[stage look-ground]
uses = probe-geometry
in.lm = ground.lm
points = 40

[stage sft]
uses = next-item-sft
epochs = 2
lr = 1e-3
geometry_every = 1

[stage look-sft]
uses = probe-geometry
in.lm = sft.lm
points = 40

[stage look-pause]
uses = probe-geometry
points = 40

[stage pause-sft]
epochs = 1

[stage metrics]
uses = rank-metrics

[arm next-item]
pipeline = world; embed; sids; base; ground; look-ground; sft; look-sft; recommend; metrics

[arm pause]
pipeline = world; embed; sids; base; ground; look-ground; sft; pause-sft; look-pause; recommend; metrics
pause-sft.k = 1; 3
END
expect 0 "$program" run "$tmp/geometry.manifest" --quiet --store "$tmp/store" --out "$tmp/results"
expect 0 "$program" export "$tmp/results" --out "$tmp/csv"

# A model without semantic ids: nothing runs.
sed 's/^in.lm = ground.lm$/in.lm = base.lm/' "$tmp/geometry.manifest" > "$tmp/words.manifest"
expect 2 "$program" run "$tmp/words.manifest" --quiet --store "$tmp/fresh" --out "$tmp/words" --only arm=next-item
err_has "stage 'look-ground': the model of stage 'base' has no semantic ids"
test -z "$(find "$tmp/fresh" -name entry.json 2> /dev/null)" || fail "something ran before the refusal"

test -x /usr/bin/jupyter-nbconvert && /usr/bin/python3 -c 'import h5py, pandas, matplotlib, ipykernel' 2> /dev/null || {
  test $failures -eq 0 || finish
  echo "no jupyter-nbconvert with h5py, pandas, matplotlib and ipykernel: apt-get install jupyter-nbconvert python3-ipykernel python3-h5py python3-pandas python3-matplotlib"
  exit 77
}
cp "$notebooks/geometry.ipynb" "$tmp/"
env -u MPLBACKEND PAUSEREC_RESULTS="$tmp/results/results.h5" PYTHONPATH="$notebooks" PYTHONDONTWRITEBYTECODE=1 HOME="$tmp" \
  PATH=/usr/bin:/bin jupyter-nbconvert --to notebook --execute --output-dir "$tmp/executed" "$tmp/geometry.ipynb" > "$tmp/log" 2>&1 \
  || { fail "the notebook failed:"; cat "$tmp/log"; finish; }

/usr/bin/python3 - "$tmp/executed/geometry.ipynb" "$tmp/csv/metrics.csv" <<'PYTHON' || fail "the notebook shows something else than it should"
import csv, html, json, re, sys
cells = json.load(open(sys.argv[1]))["cells"]
found = [output for cell in cells for output in cell.get("outputs", [])]
bad = [output for output in found if output.get("name") == "stderr" or output["output_type"] == "error"]
assert not bad, bad
text = "".join("".join(output["text"]) for output in found if "text" in output)
names = ["ground", "sft", "pause-sft: k = 1", "pause-sft: k = 3"]
assert text.startswith(f"geometry: 4 checkpoints probed: {'; '.join(names)} (2 seeds)\n"), text
assert text.count("\n") == 2 and "probe-rationale-effect" in text, text
# Two spaces at the checkpoints, the curves, two spaces in two dimensions.
assert sum("image/png" in output.get("data", {}) for output in found) == 5
(table,) = ["".join(output["data"]["text/html"]) for output in found if "text/html" in output.get("data", {})]
lines = re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.S)
rows = [[html.unescape(cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.S)] for line in lines]
assert rows[0][-4:] == names, rows[0]
with open(sys.argv[2], newline="") as file:
    said = {}
    for row in csv.DictReader(file):
        said.setdefault((row["arm"], row["stage"], row["metric"]), []).append(row["value"])
wanted = [("next-item", "look-ground"), ("next-item", "look-sft"), ("pause[pause-sft.k=1]", "look-pause"), ("pause[pause-sft.k=3]", "look-pause")]
space, seen = None, 0
for row in rows:
    space = next((cell for cell in row if cell in ("embedding", "hidden")), space)
    if len(row) < 5 or space is None or not re.fullmatch(r"[a-z_]+", row[-5]):
        continue
    for cell, (arm, stage) in zip(row[-4:], wanted):
        values = [float(value) for value in said[arm, stage, f"{space}_{row[-5]}"]]
        assert len(values) == 2
        mean = sum(values) / 2
        assert abs(float(cell.replace(",", "")) - mean) <= 1e-3 * abs(mean) + 1e-12, (space, row, values)
        seen += 1
assert seen == 2 * 10 * 4, seen
# A model that was not trained between two probes is as it was: looking changes nothing.
assert said["pause[pause-sft.k=1]", "look-ground", "embedding_mixing"] == said["next-item", "look-ground", "embedding_mixing"]
PYTHON
finish
