#!/bin/bash
# Probes of rationales from a manifest to a notebook: what a sweep says of them is what the notebook shows.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/notebooks.sh"

{ cat <<'END'
[experiment]
name = quality
seeds = 1;2
metric = ndcg_10
baseline = clean
END
small_model 120 80
cat <<'END'

[stage ground]
uses = sid-grounding
epochs = 1

[stage sft]
uses = next-item-sft
epochs = 1

[stage rationales]
uses = rationale-distillation

[stage cot]
uses = explicit-cot
epochs = 3
lr = 5e-3
too_long = cut
valid_users = 0

[stage metrics]
uses = rank-metrics

[stage gold]
uses = rationale-distillation
targets = test

[stage effect]
uses = probe-rationale-effect
users = 50
malformed = close

[stage sensitivity]
uses = probe-rationale-sensitivity
users = 50
drop_percent = 50

[arm clean]
pipeline = world; embed; sids; base; ground; sft; rationales; cot; recommend; metrics; gold; effect; sensitivity

[arm empty]
pipeline = world; embed; sids; base; ground; sft; rationales; cot; recommend; metrics
rationales.corruption = empty
rationales.share = 0.5; 1
END
} > "$tmp/quality.manifest"
expect 0 "$program" run "$tmp/quality.manifest" --quiet --store "$tmp/store" --out "$tmp/results"
expect 0 "$program" export "$tmp/results" --out "$tmp/csv"

# What is to be predicted is no rationale to learn from: nothing runs.
sed '/^targets = test$/d; s/^uses = rationale-distillation$/&\ntargets = test/' "$tmp/quality.manifest" > "$tmp/leak.manifest"
expect 2 "$program" run "$tmp/leak.manifest" --quiet --store "$tmp/store" --out "$tmp/leak" --only arm=clean
err_has "stage 'cot': the rationales of stage 'rationales' are those of test targets"

need_notebooks
execute rationale-quality "$tmp/results/results.h5" || { fail "the notebook failed"; finish; }

judge "$tmp/executed/rationale-quality.ipynb" "$tmp/csv/metrics.csv" <<'PYTHON' || fail "the notebook shows something else than it should"
import csv, re, sys
import shown
text, tables, images = shown.outputs(sys.argv[1])
assert text == "the effect of rationales: clean, 50 users\nperturbed gold rationales: clean, 50 users\n", text
assert images == 4
with open(sys.argv[2], newline="") as file:
    said = {}
    for row in csv.DictReader(file):
        if row["arm"] == "clean" and row["value"]:
            said.setdefault(row["metric"], []).append(float(row["value"]))
def mean(name):
    assert len(said[name]) == 2, name
    return sum(said[name]) / 2
def cell(table, wanted, place):
    """The number at PLACE from the end of the row that ends its index with WANTED, of the group above it."""
    group = None
    for row in table:
        group = next((c for c in row if re.fullmatch(r"log_p|hit_10|ndcg_10", c)), group)
        if group == wanted[0] and wanted[1] in row:
            return float(row[place])
    raise AssertionError((wanted, table))
# Levels, differences of the effect, lists, differences of perturbed ones.
assert len(tables) == 4, [table[0] for table in tables]
for thought in ["none", "other", "gold"]:
    for measure in ["log_p", "hit_10", "ndcg_10"]:
        ours = cell(tables[1], (measure, f"{thought} vs own"), -5)
        assert abs(ours - mean(f"{thought}_vs_own_{measure}")) < 6e-5 + 1e-3 * abs(ours), (thought, measure, ours)
for label, name in [("drop-words 50 %", "drop_words_50"), ("shuffle-words 25 %", "shuffle_words_25"), ("wrong-category", "wrong_category")]:
    for measure in ["log_p", "hit_10", "ndcg_10"]:
        ours = cell(tables[3], (measure, label), -6)
        assert abs(ours - mean(f"{name}_vs_intact_{measure}")) < 6e-5 + 1e-3 * abs(ours), (name, measure, ours)
        low, high, p, n = (cell(tables[3], (measure, label), place) for place in (-4, -3, -2, -1))
        assert low <= ours <= high and 0 < p <= 1 and n == 50, (low, ours, high, p, n)
assert any("kendall_10" in row for row in tables[2]), tables[2][0]
PYTHON
finish
