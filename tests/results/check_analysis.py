"""Called by check-analysis with a results.h5, the file of one run, and the tables of arms and of stages that the program makes
of the former: assertions on what the module makes of them."""
import os
import sys
from csv import DictReader

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["PR_SOURCE_DIR"], "analysis"))

import h5py
import numpy as np
import pandas
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
assert abs(frame.difference["pause"] - 1) < 1e-6 and frame.difference["base"] == 0
assert frame.difference_low["pause"] < 1 < frame.difference_high["pause"]
assert np.isnan(frame.sd["pause"]) and abs(frame.sd["base"] - np.sqrt(200) / 299) < 1e-6
# The same numbers as the program's, to the digits that it prints.
costs = pauserec_results.arm_costs(results)
with open(csv, newline="") as file:
    rows = {row["arm"]: row for row in DictReader(file) if row["metric"] == "hit_10"}
names = [name for name in costs if name != "seeds"]
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
frame = pandas.DataFrame.from_records(h5py.File(merged)["metrics"][:])
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
