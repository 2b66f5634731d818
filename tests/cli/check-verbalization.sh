#!/bin/bash
# The probe of verbalization from a manifest to a notebook: what the stage says of each checkpoint is what the notebook shows.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/notebooks.sh"

{ cat <<'END'
[experiment]
name = ask
seeds = 1;2
baseline = next-item
END
small_model 100 60
cat <<'END'

[stage ground]
uses = sid-grounding
brand = true
epochs = 4
lr = 5e-3

[stage sft]
uses = next-item-sft
epochs = 1

[stage ask]
uses = probe-verbalization

[stage ask-titles]
uses = probe-verbalization
sid_category = false
sid_brand = false

[arm base]
pipeline = world; base; ask-titles

[arm cpt]
pipeline = world; embed; sids; base; ground; ask

[arm next-item]
pipeline = world; embed; sids; base; ground; sft; ask
END
} > "$tmp/ask.manifest"

# A model without SIDs is not asked about them: nothing runs.
sed 's/^pipeline = world; base; ask-titles$/pipeline = world; base; ask/' "$tmp/ask.manifest" > "$tmp/early.manifest"
expect 2 "$program" run "$tmp/early.manifest" --quiet --store "$tmp/early-store" --out "$tmp/early" --only arm=base
err_has "stage 'ask': the model of stage 'base' has no semantic ids in its vocabulary"
test -z "$(find "$tmp/early-store" -name entry.json 2> /dev/null)" || fail "something ran in spite of the error"

expect 0 "$program" run "$tmp/ask.manifest" --quiet --store "$tmp/store" --out "$tmp/results"
expect 0 "$program" verify "$tmp/results"
expect 0 "$program" export "$tmp/results" --out "$tmp/csv"

need_notebooks
execute verbalization "$tmp/results/results.h5" || { fail "the notebook failed"; finish; }

judge "$tmp/executed/verbalization.ipynb" "$tmp/csv/metrics.csv" <<'PYTHON' || fail "the notebook shows something else than it should"
import csv, sys
import shown
text, (changes, table), images = shown.outputs(sys.argv[1])
assert text == "ask: 3 checkpoints asked: base; cpt; next-item\n2 seeds, 60 items\ngap against next-item\n", text
assert images == 2
said = {}
with open(sys.argv[2], newline="") as file:
    for row in csv.DictReader(file):
        if row["value"]:
            said.setdefault((row["arm"], row["metric"]), []).append(float(row["value"]))
def mean(arm, name):
    values = said[arm, name]
    assert len(values) == 2, (arm, name, values)
    return sum(values) / 2
KINDS = ["sid_category", "sid_brand", "title_category"]
COLUMNS = [c for c in table[0] if c]
def by_row(table, n):
    """(checkpoint, kind) -> numbers; the checkpoint stands in the first row of its group only."""
    rows, checkpoint = {}, None
    for row in table:
        if len(row) == n + 2 and row[1] in KINDS:
            checkpoint = row[0]
        if len(row) >= n + 1 and row[-n - 1] in KINDS:
            rows[checkpoint, row[-n - 1]] = [float(cell) for cell in row[-n:]]
    return rows
shown = by_row(table, len(COLUMNS))
assert set(shown) == {("base", "title_category")} | {(arm, kind) for arm in ["cpt", "next-item"] for kind in KINDS}, set(shown)
for (arm, kind), numbers in shown.items():
    row = dict(zip(COLUMNS, numbers))
    assert row["items"] == 60, row
    for ours, theirs in [("written", "accuracy_free"), ("scored", "accuracy_scored"), ("gap", "gap"), ("mrr", "mrr"),
                         ("malformed", "malformed"), ("chance", "chance")]:
        assert abs(row[ours] - mean(arm, f"{theirs}_{kind}")) < 6e-5 + 1e-3 * abs(row[ours]), (arm, kind, ours, row)
    for name in ["written", "scored", "gap"]:
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"], (arm, kind, name, row)
wider = by_row(changes, 6)
assert set(wider) == {("base", "title_category")} | {("cpt", kind) for kind in KINDS}, set(wider)
for (arm, kind), (items, ours, low, high, p, p_holm) in wider.items():
    theirs = mean(arm, f"gap_{kind}") - mean("next-item", f"gap_{kind}")
    assert items == 60 and abs(ours - theirs) < 6e-5 + 1e-3 * abs(ours), (arm, kind, ours, theirs)
    assert low <= ours <= high and 0 < p <= p_holm <= 1, (low, ours, high, p, p_holm)
PYTHON
finish
