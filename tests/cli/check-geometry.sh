#!/bin/bash
# probe-geometry from a manifest to a notebook: every checkpoint once, curves along training, and what the notebook shows is what
# the results say.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/notebooks.sh"

{ cat <<'END'
[experiment]
name = geometry
seeds = 1;2
metric = ndcg_10
baseline = next-item
END
small_model 120 80
cat <<'END'

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
} > "$tmp/geometry.manifest"
expect 0 "$program" run "$tmp/geometry.manifest" --quiet --store "$tmp/store" --out "$tmp/results"
expect 0 "$program" export "$tmp/results" --out "$tmp/csv"

# A model without semantic ids: nothing runs.
sed 's/^in.lm = ground.lm$/in.lm = base.lm/' "$tmp/geometry.manifest" > "$tmp/words.manifest"
expect 2 "$program" run "$tmp/words.manifest" --quiet --store "$tmp/fresh" --out "$tmp/words" --only arm=next-item
err_has "stage 'look-ground': the model of stage 'base' has no semantic ids"
test -z "$(find "$tmp/fresh" -name entry.json 2> /dev/null)" || fail "something ran before the refusal"

need_notebooks
execute geometry "$tmp/results/results.h5" || { fail "the notebook failed"; finish; }

judge "$tmp/executed/geometry.ipynb" "$tmp/csv/metrics.csv" <<'PYTHON' || fail "the notebook shows something else than it should"
import csv, re, sys
import shown
text, tables, images = shown.outputs(sys.argv[1])
names = ["ground", "sft", "pause-sft: k = 1", "pause-sft: k = 3"]
assert text.startswith(f"geometry: 4 checkpoints probed: {'; '.join(names)} (2 seeds)\n"), text
assert text.count("\n") == 2 and "probe-rationale-effect" in text, text
# Two spaces at the checkpoints, the curves, two spaces in two dimensions.
assert images == 5
(rows,) = tables
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
        assert abs(float(cell) - mean) <= 1e-3 * abs(mean) + 1e-12, (space, row, values)
        seen += 1
assert seen == 2 * 10 * 4, seen
# A model that was not trained between two probes is as it was: looking changes nothing.
assert said["pause[pause-sft.k=1]", "look-ground", "embedding_mixing"] == said["next-item", "look-ground", "embedding_mixing"]
PYTHON
finish
