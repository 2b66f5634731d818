"""Called by check-analysis with a results.h5, the file of one run, and the tables of arms and of stages that the program makes
of the former: assertions on what the module makes of them."""
import json
import os
import sys
from csv import DictReader

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["PR_SOURCE_DIR"], "analysis"))

import h5py
import numpy as np
import pandas as pd
import pauserec_results

merged, run, csv, stage_csv = sys.argv[1:]
results = pauserec_results.load(merged)
assert results.experiment == "tiny" and results.metric == "hit_10" and results.baseline == "base"
assert results.manifest.startswith("[experiment]")
assert list(results.runs.arm) == ["base", "base", "pause"] and list(results.runs.seed) == [1, 2, 1]
assert len(results.metrics) == 9 and set(results.metrics.metric) == {"oracle_hit_10", "hit_10", "coverage_10"}
assert set(results.metrics.stage) == {"lm-base", "metrics"}
assert results.cost.train_tokens.sum() == 3600 and results.cost.wall_seconds.dtype == np.float64
assert results.per_user.index.names == ["arm", "seed", "user"]
assert results.per_user.loc[("pause", 1), "hit_10"].isna().sum() == 1
loss = results.curves[(results.curves.arm == "pause") & (results.curves.series == "loss")]
assert list(loss.value) == [4, 3, 2] and list(loss.stage.unique()) == ["lm-base"]
codebook = results.tables["codebook"]
assert len(codebook) == 6 and list(codebook.columns) == ["arm", "seed", "stage", "level", "used"]
assert '"program"' in results.provenance["base", 2]

frame = pauserec_results.effects(results, "hit_10", draws=500)
assert list(frame.index) == ["base", "pause"]
# In seed 1, which both have, 60 and 100 of 299 users.
assert abs(frame.difference["pause"] - 2 / 3) < 1e-6 and np.isnan(frame.difference["base"])
assert frame.difference_low["pause"] < 2 / 3 < frame.difference_high["pause"]
assert frame.paired_seeds["pause"] == 1 and frame.paired_users["pause"] == 299 and frame.better_seeds["pause"] == 1
assert np.isnan(frame.sd["pause"]) and abs(frame.sd["base"] - np.sqrt(200) / 299) < 1e-6
# The same numbers as the program's, to the digits that it prints.
costs = pauserec_results.arm_costs(results)
with open(csv, newline="") as file:
    rows = {row["arm"]: row for row in DictReader(file) if row["metric"] == "hit_10"}
names = [name for name in costs if name != "seeds"]
row = {name: float(rows["pause"][name] or "nan") for name in frame}
exact = ["seeds", "mean", "difference", "paired_seeds", "better_seeds", "paired_users", "detectable"]
assert all(np.isclose(frame[name]["pause"], row[name], rtol=1e-6) for name in exact), (frame.loc["pause"], row)
assert all(abs(frame[name]["pause"] - row[name]) < 0.2 for name in ["difference_low", "difference_high"])  # of other draws
assert abs(frame.p["pause"] - row["p"]) < 0.01 and np.isclose(frame.sd["base"], float(rows["base"]["sd"]))
assert list(rows) == list(costs.index) == ["base", "pause"] and set(names) <= set(rows["base"]) and len(names) == 14
for arm, row in rows.items():
    assert int(row["seeds"]) == costs.seeds[arm]
    for name in names:
        if row[name] == "":
            assert np.isnan(costs[name][arm]), name
        else:
            assert np.isclose(costs[name][arm], float(row[name]), rtol=1e-9, atol=0), name
assert costs.training_tokens["base"] == 1200 and costs.training_wall_seconds["pause"] == 2
assert costs.user_ms["base"] == 5 and costs.user_ms_ratio["pause"] == 1 and np.isnan(costs.user_ms_ratio["base"])
stages = pauserec_results.stage_costs(results)
with open(stage_csv, newline="") as file:
    rows = list(DictReader(file))
assert [(row["arm"], row["stage"]) for row in rows] == list(stages.index)
for row, (_, stage) in zip(rows, stages.iterrows()):
    assert row["part"] == stage.part and set(stages) <= set(row)
    assert all(np.isclose(float(row[name]), stage[name], rtol=1e-9, atol=0) for name in stages if name != "part")

one = pauserec_results.load(run)
assert list(one.runs.arm) == ["pause"] and len(one.per_user) == 300 and len(one.metrics) == 3

# Plain h5py reads the file too, and a changed byte is noticed.
with h5py.File(merged, "r") as file:
    assert file["metrics"]["value"].shape == (9,) and file.userblock_size == 512
    # Nothing in the file tells when it was written.
    assert all(h5py.h5g.get_objinfo(file[name].id).mtime == 0 for name in ["metrics", "runs", "per_user/hit_10"])
try:
    import tables
except ImportError:
    print("SKIP: check_analysis: PyTables is not installed")
else:
    with tables.open_file(merged) as file, h5py.File(merged, "r") as same:
        assert file.root.metrics.nrows == 9 and file.root.metrics.read_where("value == 0.5")["metric"][0] == b"coverage_10"
        # Every leaf of the file, values and all.
        leaves = [node._v_pathname for node in file.walk_nodes("/", "Leaf")]
        found = []
        same.visititems(lambda name, item: found.append("/" + name) if isinstance(item, h5py.Dataset) else None)
        assert sorted(leaves) == sorted(found) and len(leaves) > 10
        for path in leaves:
            ours, theirs = same[path][()], file.get_node(path).read()
            if isinstance(ours, np.ndarray) and ours.dtype.names:
                assert ours.dtype.names == theirs.dtype.names and all(
                    np.array_equal(ours[name], theirs[name], equal_nan=ours[name].dtype.kind == "f") for name in ours.dtype.names
                ), path
            elif isinstance(ours, np.ndarray):
                assert np.array_equal(ours, theirs, equal_nan=True), path
        assert file.root.runs_detail.r0.curves.lm_base._v_attrs.stage in (b"lm-base", "lm-base")
# The recipe of HACKING.md.
frame = pd.DataFrame.from_records(h5py.File(merged)["metrics"][:])
assert list(frame) == ["arm", "seed", "stage", "metric", "value"] and len(frame) == 9
with open(run, "r+b") as file:
    file.seek(2000)
    byte = file.read(1)
    file.seek(2000)
    file.write(bytes([byte[0] ^ 1]))
try:
    pauserec_results.load(run)
except ValueError as error:
    assert "damaged" in str(error)
else:
    raise AssertionError("a changed byte went unnoticed")


# By hand -------------------------------------------------------------------------------------------------------------

nan = np.nan
holm = pauserec_results.holm(pd.Series([0.01, 0.04, 0.03, nan, 0.5]))
assert np.allclose(holm, [0.04, 0.09, 0.09, nan, 0.5], equal_nan=True), holm
assert list(pauserec_results.holm(pd.Series([0.6, 0.7]))) == [1, 1]
costs = pd.DataFrame({"quality": [0.5, 0.4, 0.6, 0.6, nan, 0.6, 0.7], "cost": [1, 2, 3, 3, 0, 4, nan]})
assert list(pauserec_results.pareto(costs, "quality", "cost")) == [True, False, True, True, False, False, False]


def made(runs, cost=(), stages=None, curves=(), tables=None, metrics=()):
    """Results of RUNS (arm, seed, one value a user)."""
    index = [(arm, seed, user) for arm, seed, values in runs for user in range(len(values))]
    values = np.array([value for _, _, values in runs for value in values], dtype=np.float32)
    scores = [(arm, seed, "metrics", "hit_10", np.nanmean(values)) for arm, seed, values in runs if np.isfinite(values).any()]
    counters = pauserec_results.COUNTERS + ["wall_seconds", "cpu_seconds", "peak_rss_bytes"]
    costs = pd.DataFrame(cost, columns=["arm", "seed", "stage", "key", "infer_users", "infer_seconds"])
    return pauserec_results.Results(
        experiment="made", metric="hit_10", baseline="base", manifest="",
        runs=pd.DataFrame([(arm, seed, len(values)) for arm, seed, values in runs], columns=["arm", "seed", "n_users"]),
        metrics=pd.DataFrame(scores + list(metrics), columns=["arm", "seed", "stage", "metric", "value"]),
        cost=costs.reindex(columns=list(costs) + [name for name in counters if name not in costs], fill_value=0.0),
        per_user=pd.DataFrame({"hit_10": values}, index=pd.MultiIndex.from_tuples(index, names=["arm", "seed", "user"])),
        curves=pd.DataFrame(curves, columns=["arm", "seed", "stage", "series", "step", "value"]),
        tables=tables or {},
        provenance={(arm, seed): json.dumps({"stages": (stages or {}).get(arm, {})}) for arm, seed, _ in runs},
    )


# Only seed 2 is in both: differences 0, 1, 0, 1 to a mean of 0.5.
base = [("base", 1, [0, 0, 0, 0]), ("base", 2, [1, 0, 1, 0])]
arm = [("arm", 2, [1, 1, 1, 1]), ("arm", 3, [0, 0, 0, 0])]
frame = pauserec_results.effects(made(base + arm), "hit_10")
assert list(frame.index) == ["base", "arm"] and list(frame["mean"]) == [0.25, 0.5] and list(frame.seeds) == [2, 2]
row = frame.loc["arm"]
assert row.difference == 1 and (row.paired_seeds, row.better_seeds, row.paired_users) == (1, 1, 4), row
# Two users differ: of their four signs two give a sum as large. (1.959964 + 0.841621) sd / sqrt 4 / 0.5, sd = 0.577350.
assert abs(row.p - 0.5) < 0.03 and row.p_holm == row.p and abs(row.detectable - 1.617496) < 1e-5, row
assert np.isnan(frame.p["base"]) and np.isnan(frame.difference["base"])
assert frame.low["arm"] == 0.5 == frame.high["arm"]  # every user has 1 and 0
# A second arm raises what is detectable, (2.241403 + 0.841621) instead; a user who is undefined once is no pair; a seed on
# which both are equal is not better; who reports nothing is not compared.
more = [("more", 1, [nan, 0, 0, 0]), ("more", 2, [1, 1, 1, 0]), ("none", 1, [nan] * 4)]
frame = pauserec_results.effects(made(base + arm + more), "hit_10")
assert abs(frame.detectable["arm"] - 1.779985) < 1e-5 and frame.p.count() == 2, frame
row = frame.loc["more"]
assert (row.paired_seeds, row.better_seeds, row.paired_users) == (2, 1, 3) and row.difference == 1, row
assert frame.loc["none", ["mean", "low", "difference", "p"]].isna().all() and frame.seeds["none"] == 0
assert frame.p_holm["more"] == min(1, 2 * frame.p[["arm", "more"]].min()) or frame.p_holm["more"] == 1
# Nothing differs: p is 1 and nothing is needed to see it.
frame = pauserec_results.effects(made(base + [("arm", 1, [0, 0, 0, 0]), ("arm", 2, [1, 0, 1, 0])]), "hit_10")
assert frame.p["arm"] == 1 and frame.difference["arm"] == 0 == frame.detectable["arm"] and frame.better_seeds["arm"] == 0
# Many users, of whom all gain: no draw reaches that.
users = [("base", 1, [1.0] * 40), ("arm", 1, [2.0] * 40)]
frame = pauserec_results.effects(made(users), "hit_10", draws=999)
assert frame.p["arm"] == 0.001 and frame.difference_low["arm"] == 1 == frame.difference_high["arm"]
assert np.isnan(pauserec_results.effects(made(users), "hit_10", baseline="gone").difference).all()
assert pauserec_results.main_baseline(made(arm)) == "arm" and pauserec_results.main_metrics(made(users)) == ["hit_10"]
assert pauserec_results.main_metrics(made([("base", 1, [nan, nan])])) == []


def said(stage, **values):
    return {"stage": stage, "parameters": {key: {"value": value, "origin": "default"} for key, value in values.items()}}


# Stages are found by their id, whatever manifests call them; the last one that pauses counts.
think = "pause-sft"
stages = {
    "base": {"sids": said("sid-quantizer", method="rkmeans")},
    "short[think.k=1,x.n=2]": {"sids": said("sid-quantizer", method="rkmeans"), "think": said(think, k="1", init="mean")},
    "short[think.k=3,x.n=2]": {"sids": said("sid-quantizer", method="rkmeans"), "think": said(think, k="3", init="mean")},
    "two[b.lr=0.1,a.k=7]": {"sids": said("sid-quantizer", method="random"), "b": said("latent-sft", k="2"), "a": said(think, k="7")},
}
runs = [(arm, 1, [0.0, 1.0]) for arm in stages]
cost = [(arm, 1, "sids", "random" if "two" in arm else "shared", 0, 0) for arm in stages]
cost += [("base", 1, "answer", "x", 100, 0.5)]
cost += [("short[think.k=1,x.n=2]", 1, "think", "k1", 0, 0), ("short[think.k=3,x.n=2]", 1, "think", "k3", 0, 0)]
cost += [("two[b.lr=0.1,a.k=7]", 1, "b", "b", 0, 0), ("two[b.lr=0.1,a.k=7]", 1, "a", "a", 0, 0)]
curve = [(arm, 1, "sids", "objective_0", step, value) for arm in stages for step, value in [(0, 4.0), (1, 2.0)]]
codebook = pd.DataFrame([(arm, 1, "sids", 0, 8, 6.0) for arm in stages], columns=["arm", "seed", "stage", "level", "size", "used"])
usage = pd.DataFrame([(arm, 1, "sids", 0, 0, 2.0) for arm in stages], columns=["arm", "seed", "stage", "level", "items", "codes"])
rate = [(arm, 1, stage, "collision_rate", 0.25) for arm in stages for stage in ["sids", "think"]]
results = made(runs, cost, stages, curve, {"codebook": codebook, "usage": usage}, rate)
frame = pauserec_results.parameters(results, think, "k")
assert list(frame.arm) == list(stages)[1:] and list(frame.stage) == ["think", "think", "a"] and list(frame.value) == [1, 3, 7]
assert list(pauserec_results.parameters(results, think, "init").value) == ["mean", "mean"]
assert len(pauserec_results.parameters(results, "nothing", "k")) == 0 == len(pauserec_results.parameters(results, think, "nothing"))
frame = pauserec_results.pauses(results)
assert list(frame.k) == [1, 3, 7] and list(frame.series) == ["short[x.n=2]"] * 2 + ["two[b.lr=0.1]"], frame
assert len(pauserec_results.pauses(made(users))) == 0
assert pauserec_results.short_names(stages) == dict(zip(stages, ["base", "short, k=1, n=2", "short, k=3, n=2", "two, lr=0.1, k=7"]))
assert list(pauserec_results.short_names(["a[x.k=1]", "a[y.k=1]"]).values()) == ["a[x.k=1]", "a[y.k=1]"]
latency = pauserec_results.latency(results)
assert latency["base", 1] == 5 and latency.isna().sum() == 3
# A stage that runs share says its curve once; what tells it from others of its name stands beside it.
frame = pauserec_results.curves(results)
assert len(frame) == 4 and set(frame.variant) == {"method = rkmeans", "method = random"}, frame
thinking = pauserec_results.distinct(results, pd.DataFrame([(arm, 1, "think") for arm in stages], columns=["arm", "seed", "stage"]))
assert list(thinking.variant) == ["k = 1", "k = 3"]
found = pauserec_results.codebooks(results)
assert list(found["codebook"].quantizer) == ["sids: method = rkmeans", "sids: method = random"]
assert list(found["codebook"].dead) == [2, 2] and len(found["usage"]) == 2 and len(found["buckets"]) == 0
assert list(found["rates"].collision_rate) == [0.25, 0.25]
assert all(len(frame) == 0 for frame in pauserec_results.codebooks(made(users)).values())
# Two seeds of four steps, two points: means of neighbours, then over seeds.
series = pd.DataFrame({"seed": [1] * 4 + [2] * 4, "step": [1, 2, 3, 4] * 2, "value": [4, 2, 2, 0, 8, 6, 4, 2.0]})
frame = pauserec_results.over_seeds(series, points=2)
assert frame.values.tolist() == [[1.5, 5, 3, 7], [3.5, 2, 1, 3]], frame
assert pauserec_results.over_seeds(series).step.tolist() == [1, 2, 3, 4]
