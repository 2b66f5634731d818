#!/bin/bash
# The notebooks run from the first cell to the last on the quickstart's experiment, only smaller, and say what the program
# says. Results with nothing to show are in check-report.sh.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/notebooks.sh"

# Committed clean: no output, no count, nothing of the machine.
python3 - "$notebooks"/*.ipynb <<'PYTHON' || fail "a notebook is not committed clean"
import json, sys
for path in sys.argv[1:]:
    notebook = json.load(open(path))
    assert all(c["metadata"] == {} for c in notebook["cells"]), path
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in notebook["cells"] if c["cell_type"] == "code"), path
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert notebook["metadata"] == {"kernelspec": kernel, "language_info": {"name": "python"}}, path
PYTHON

need_notebooks

{ cat "$PR_SOURCE_DIR/experiments/quickstart/quickstart.manifest"
  cat <<'END'

[arm pauses]
pipeline = world; embed; sids; base; ground; sft; pause-pretrain; pause-sft; recommend; metrics; probe-attention
pause-sft.k = 1; 3

[arm random-ids]
pipeline = world; embed; sids; base; ground; sft; recommend; metrics
sids.method = random
END
} > "$tmp/small.manifest"
expect 0 "$program" run "$tmp/small.manifest" --quiet --store "$tmp/store" --out "$tmp/results" --set 'experiment.seeds=1;2' \
  --set world.n_users=120 --set world.n_items=80 --set world.n_categories=6 --set world.n_brands=4 --set sids.sizes=8,8 \
  --set embed.dims=16 --set base.vocab=400 --set base.layers=1 --set base.hidden=32 --set base.heads=1 --set base.kv_heads=1 \
  --set base.ffn=64 --set base.epochs=1 --set ground.epochs=1 --set sft.epochs=2 --set pause-sft.epochs=1
expect 0 "$program" compare "$tmp/results" --format csv
mv "$tmp/out" "$tmp/compare.csv"

for notebook in "$notebooks"/*.ipynb; do
  execute "$(basename "$notebook" .ipynb)" "$tmp/results/results.h5" &
  test "$(jobs -rp | wc -l)" -lt 2 || wait -n
done
wait
for notebook in "$notebooks"/*.ipynb; do
  test -s "$tmp/executed/${notebook##*/}" || fail "${notebook##*/} failed"
done
test $failures -eq 0 || finish

judge "$tmp/executed" "$tmp/compare.csv" <<'PYTHON' || fail "the notebooks show something else than they should"
import csv, sys
import shown

def outputs(name):
    return shown.outputs(f"{sys.argv[1]}/{name}.ipynb")

with open(sys.argv[2], newline="") as file:
    said = {(row["metric"], row["arm"]): row for row in csv.DictReader(file)}
arms = list(dict.fromkeys(arm for _, arm in said))
metrics = {metric for metric, _ in said}
assert "pauses[pause-sft.k=3]" in arms and len(arms) == 7

def by_metric(table, n, wanted):
    """Rows of a table with metric and arm before N cells: metric stands in the first row of its group only."""
    found, metric = {}, None
    for row in table:
        if len(row) == n + 2 and row[0] in metrics:
            metric = row[0]
        if len(row) >= n + 1 and row[-n - 1] in wanted:
            found[metric, row[-n - 1]] = row[-n:]
    assert set(found) == {(metric, arm) for metric in metrics for arm in wanted}, found
    assert next(iter(found))[0] == "ndcg_10"  # the manifest's metric comes first
    return [(said[key], row) for key, row in found.items()]

text, tables, images = outputs("ablation")
assert "quickstart: 14 runs, 7 arms, baseline next-item" in text and images == 2, (text, images)
for row, (seeds, mean, sd, low, high) in by_metric(tables[0], 5, arms):
    assert seeds == "2" == row["seeds"], row
    for ours, theirs in [(mean, row["mean"]), (sd, row["sd"])]:
        assert abs(float(ours) - float(theirs)) < 6e-5, (ours, theirs, row)
    # Intervals are of other draws.
    assert abs(float(low) - float(row["low"])) < 0.05 and abs(float(high) - float(row["high"])) < 0.05, row
others = [arm for arm in arms if arm != "next-item"]
for row, (difference, low, high, p, p_holm, mde, better) in by_metric(tables[1], 7, others):
    if row["difference"]:
        assert abs(float(difference) - 100 * float(row["difference"])) < 0.01 * max(1, abs(float(difference))), row
    if row["detectable"]:
        assert abs(float(mde) - 100 * float(row["detectable"])) <= 0.006 + 1e-3 * float(mde), (mde, row)
    assert better == f"{row['better_seeds']} of {row['paired_seeds']}" and 0 < float(p) <= float(p_holm) <= 1, (p, p_holm, better)

text, tables, images = outputs("cost")
assert images == 2 and "Left out, since they train nothing: popularity, oracle." in text, (text, images)
assert text.count("On the front of ndcg_10 against") == 3
names = tables[0][0][1:]
flops = dict(zip(names, next(row for row in tables[0] if row[0] == "training_flops")[1:]))
assert set(names) == {"pauses, k=1", "pauses, k=3", *arms} - {"pauses[pause-sft.k=1]", "pauses[pause-sft.k=3]"}
for name in ["next-item", "pause"]:
    theirs = float(said["ndcg_10", name]["training_flops"])
    assert abs(float(flops[name]) / theirs - 1) < 1e-3, (flops, theirs)

text, tables, images = outputs("curves")
assert "quickstart: 7 stages with curves, 2 seeds" in text and images == 7, (text, images)
assert any("k = 3" in row for row in tables[0]), tables[0]

text, tables, images = outputs("codebooks")
assert "2 quantizers: sids: method = rkmeans; sids: method = random" in text and images == 3, (text, images)
levels = [row[-6:] for row in tables[0] if len(row) >= 6 and row[-6] in ("0", "1")]
assert [row[1] for row in levels] == ["8"] * 4 and all(float(row[2]) + float(row[3]) == 8 for row in levels), levels
assert all(1 <= float(row[4]) <= float(row[2]) for row in levels)

text, tables, images = outputs("attention")
assert "2 models looked at: probe-attention: pauses, k=1; probe-attention: pauses, k=3" in text and images == 11, (text, images)
measures = ["entropy", "instruction", "border", "relevant", "same_code", "selectivity", "newest"]
claim = [row[-6:] for row in tables[0] if len(row) >= 6 and row[-6] in measures]
assert [row[0] for row in claim] == 2 * measures, claim
# With one pause the last is the first.
assert all(float(row[3]) == 0 for row in claim[:7]) and all(float(row[3]) != 0 for row in claim[7:]), claim

text, tables, images = outputs("pause-k")
assert "3 arms pause, k from 1 to 5" in text and images == 2, (text, images)
found = {row[-7]: row[-6] for row in tables[0] if len(row) >= 7 and row[-7] in ("1", "3", "5")}
for k, arm in [("1", "pauses[pause-sft.k=1]"), ("3", "pauses[pause-sft.k=3]"), ("5", "pause")]:
    assert abs(float(found[k]) - float(said["ndcg_10", arm]["mean"])) < 6e-5, (found, arm)
PYTHON
finish
