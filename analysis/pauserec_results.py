"""Results of pauserec as pandas data frames: the one Python module that knows the HDF5 schema (framework/results/results.h).

    import pauserec_results
    results = pauserec_results.load("pauserec-results/beauty-pause/results.h5")
    results.metrics[results.metrics.metric == "ndcg_10"].groupby("arm").value.agg(["mean", "std"])

Needs h5py, numpy and pandas (Debian: python3-h5py python3-pandas).
"""
import hashlib
import json
import os
import re
from dataclasses import dataclass, field

import h5py
import numpy as np
import pandas as pd

from pauserec_statistics import effects, holm, pareto  # noqa: F401 - part of this module for its users

SCHEMA = "pauserec-results/2"
SEAL_BLOCK = 512


@dataclass
class Results:
    """What one file says.  Frames have the columns arm and seed first, whether the file holds one run or many."""

    experiment: str
    metric: str  # that the manifest is about; "" in the file of one run
    baseline: str
    manifest: str
    runs: pd.DataFrame  # arm, seed, digest, run_key, n_users (and file, of many runs)
    metrics: pd.DataFrame  # arm, seed, stage, metric, value
    cost: pd.DataFrame  # arm, seed, stage, key, wall_seconds, ..., train_tokens, ..., infer_seconds
    per_user: pd.DataFrame  # index arm, seed, user; one column a metric, NaN where undefined
    curves: pd.DataFrame  # arm, seed, stage, series, step, value
    tables: dict = field(default_factory=dict)  # name -> arm, seed, stage and the table's columns
    rankings: dict = field(default_factory=dict)  # (arm, seed) -> items [n_users, K], -1 where there are fewer
    provenance: dict = field(default_factory=dict)  # (arm, seed) -> JSON text


def verify(path):
    """Raise ValueError unless the file is sealed and as it was written."""
    digest, length = hashlib.sha256(), SEAL_BLOCK
    with open(path, "rb") as file:
        seal = file.read(SEAL_BLOCK)
        while block := file.read(1 << 20):
            digest.update(block)
            length += len(block)
    if not seal.startswith(f"{SCHEMA}\n".encode()):
        raise ValueError(f"{path}: not a results file of pauserec ({SCHEMA})")
    expected = f"{SCHEMA}\nsha256 {digest.hexdigest()}\nbytes {length}\nkind ".encode()
    if not seal.startswith(expected):
        raise ValueError(f"{path}: damaged or changed since it was written")


def load(path):
    """Read a results.h5, or the file of one run."""
    verify(path)
    with h5py.File(path, "r") as file:
        runs = _runs(file)
        one = file.attrs["kind"] == b"run" or file.attrs["kind"] == "run"
        results = Results(
            experiment=_text(file.attrs["experiment"]),
            metric="" if one else _text(file.attrs["metric"]),
            baseline="" if one else _text(file.attrs["baseline"]),
            manifest=_text(file["manifest"][()]),
            runs=runs,
            metrics=_frame(file["metrics"]),
            cost=_frame(file["cost"]),
            per_user=_per_user(file, runs),
            curves=pd.DataFrame(),
        )
        details = [file if one else file[f"runs_detail/r{i}"] for i in range(len(runs))]
        for (arm, seed), detail in zip(runs[["arm", "seed"]].itertuples(index=False), details):
            if "ranking" in detail:
                results.rankings[arm, seed] = detail["ranking/items"][:]
            results.provenance[arm, seed] = _text(detail["provenance"][()])
        results.curves = _curves(runs, details)
        results.tables = _tables(runs, details)
    return results


def open_named(variable="PAUSEREC_RESULTS"):
    """The results that the environment variable names, by default ./results.h5; read once, however often notebooks ask."""
    path = os.environ.get(variable, "results.h5")
    stamp = (os.path.abspath(path), os.stat(path).st_mtime_ns)
    if stamp not in _opened:
        _opened.clear()
        _opened[stamp] = load(path)
    return _opened[stamp]


_opened = {}


def main_baseline(results):
    """The manifest's baseline if it has results, otherwise the first arm."""
    return results.baseline if results.baseline in set(results.runs.arm) else results.runs.arm.iloc[0]


def main_metrics(results):
    """What `pauserec compare` shows: hit and ndcg at 5 and 10 and hit_10 of every group of users; otherwise the first metric
    that there is.  The manifest's metric comes first.  Empty if nothing is known of single users."""
    defined = [name for name in results.per_user if results.per_user[name].notna().any()]
    usual = [name for name in ["hit_5", "hit_10", "ndcg_5", "ndcg_10"] if name in defined]
    usual = [results.metric] * (results.metric in defined) + [name for name in usual if name != results.metric]
    usual += [name for name in defined if name.startswith("hit_10_") and "__" not in name and name not in usual]
    return usual or defined[:1]


COUNTERS = ["train_tokens", "infer_tokens", "generated_tokens", "optimizer_steps", "flops", "infer_users", "infer_seconds"]


def stage_costs(results):
    """What every stage of every arm costs: means over the runs of the arm, of the memory the largest.

    Index arm, stage, in the order of pipelines.  `part` is "inference" for stages that answer users and "training" for all
    others.  A stage that was taken from the store costs what it cost when it ran.
    """
    cost = results.cost
    keys = [cost.arm, cost.stage]
    runs = results.runs.groupby("arm", sort=False).size()
    sums = cost[COUNTERS + ["wall_seconds", "cpu_seconds"]].groupby(keys, sort=False).sum()
    frame = sums.div(runs.reindex(sums.index.get_level_values("arm")).to_numpy(), axis=0)
    frame["peak_rss_bytes"] = cost.peak_rss_bytes.astype(float).groupby(keys, sort=False).max()
    frame.insert(0, "part", np.where(frame.infer_users > 0, "inference", "training"))
    return frame


def arm_costs(results, baseline=None):
    """What an arm costs, a row an arm: the columns of `pauserec compare --format csv`.

    training_*: sums over the stages that answer nobody; user_*: of those that answer users, for each user.  The ratios are
    to the baseline.  A stage that several arms share counts in each.
    """
    stages = stage_costs(results)
    runs = results.runs.groupby("arm", sort=False).size()
    parts = {}
    for part in ["training", "inference"]:
        rows = stages[stages.part == part].drop(columns="part").groupby(level="arm", sort=False)
        parts[part] = rows.sum().reindex(runs.index, fill_value=0.0)
        parts[part]["peak_rss_bytes"] = rows.peak_rss_bytes.max().reindex(runs.index, fill_value=0.0)
    training, inference = parts["training"], parts["inference"]
    users = inference.infer_users.replace(0, np.nan)
    frame = pd.DataFrame(
        {
            "seeds": runs,
            "training_tokens": training.train_tokens,
            "training_read_tokens": training.infer_tokens,
            "training_generated_tokens": training.generated_tokens,
            "training_steps": training.optimizer_steps,
            "training_flops": training.flops,
            "training_flops_ratio": np.nan,
            "training_wall_seconds": training.wall_seconds,
            "training_cpu_seconds": training.cpu_seconds,
            "training_peak_bytes": training.peak_rss_bytes,
            "user_read_tokens": inference.infer_tokens / users,
            "user_generated_tokens": inference.generated_tokens / users,
            "user_flops": inference.flops / users,
            "user_ms": 1000 * inference.infer_seconds / users,
            "user_ms_ratio": np.nan,
        }
    )
    baseline = baseline or results.baseline
    for name in ["training_flops", "user_ms"]:
        if baseline in frame.index and frame.loc[baseline, name] > 0:
            others = frame.index != baseline
            frame.loc[others, name + "_ratio"] = frame[name][others] / frame.loc[baseline, name]
    return frame


def latency(results):
    """Milliseconds a user of every run, index arm, seed; NaN where nobody was answered."""
    sums = results.cost.groupby(["arm", "seed"], sort=False)[["infer_seconds", "infer_users"]].sum()
    index = pd.MultiIndex.from_frame(results.runs[["arm", "seed"]])
    return (1000 * sums.infer_seconds / sums.infer_users).reindex(index)


def parameters(results, stage, key):
    """The resolved value of a parameter wherever it occurs: arm, seed, stage (its name in the manifest), value.

    STAGE is the id of the stage, as in `uses`; the rows of a run are in the order of its pipeline.  Numbers are numbers if
    all values are.
    """
    described = _described_stages(results)
    rows = [
        (arm, seed, name, described[arm, seed][name]["parameters"][key]["value"])
        for arm, seed, name in results.cost[["arm", "seed", "stage"]].itertuples(index=False)
        if described[arm, seed].get(name, {}).get("stage") == stage and key in described[arm, seed][name]["parameters"]
    ]
    frame = pd.DataFrame(rows, columns=["arm", "seed", "stage", "value"])
    try:
        frame["value"] = pd.to_numeric(frame.value)
    except ValueError:
        pass
    return frame


def pauses(results):
    """How long every run pauses before it answers: arm, seed, k, series; without the runs that never pause.

    k is that of the last pause-sft or latent-sft of the pipeline.  series is the arm without the value of k, so that the
    values of one list are one series.
    """
    both = [parameters(results, stage, "k").assign(kind=stage) for stage in ["pause-sft", "latent-sft"]]
    frame = pd.concat([some for some in both if len(some)] or both[:1])
    place = {row: i for i, row in enumerate(results.cost[["arm", "seed", "stage"]].itertuples(index=False, name=None))}
    frame["place"] = [place[row] for row in frame[["arm", "seed", "stage"]].itertuples(index=False, name=None)]
    frame = frame.sort_values("place").drop_duplicates(["arm", "seed"], keep="last")
    series = [re.sub(rf"(?<=[\[,]){re.escape(row.stage)}\.k=[^,\]]*,?", "", row.arm) for row in frame.itertuples()]
    frame["series"] = [name.replace(",]", "]").replace("[]", "") for name in series]
    return frame.rename(columns={"value": "k"})[["arm", "seed", "k", "series"]].reset_index(drop=True)


def short_names(names):
    """name -> what to write: "pause[pause-sft.k=3]" becomes "pause, k=3" where that is still distinct."""
    names = list(dict.fromkeys(names))
    brief = [re.sub(r"\[(.*)\]$", lambda m: ", " + re.sub(r"(^|,)[^.,=]+\.", r"\1", m[1]).replace(",", ", "), n) for n in names]
    return dict(zip(names, brief if len(set(brief)) == len(names) else names))


def distinct(results, frame):
    """FRAME (arm, seed, stage, ...) without copies: a stage that several runs share says its things once.

    Adds the column `variant`: what tells the stage from others of its name, "" where there is one only; "k = 3" where
    parameters do, otherwise the arms that it serves.
    """
    keys = results.cost[["arm", "seed", "stage", "key"]]
    firsts = keys.drop_duplicates(["stage", "key"]).merge(variants(results), on=["arm", "stage"])
    return frame.merge(firsts.drop(columns="key"), on=["arm", "seed", "stage"])


def titled(stage, variant):
    """What to call a stage of distinct()."""
    return f"{stage}: {variant}" if variant else stage


def user_means(results, metric, arm):
    """Values of ARM's users, averaged over its seeds, NaN where one of these has none; and how many seeds these are.  None where no
    user has a value in all of them."""
    table = results.per_user[metric].xs(arm, level="arm").unstack("seed").dropna(axis=1, how="all")
    values = table.mean(axis=1, skipna=False).to_numpy(float)
    return (values, table.shape[1]) if np.isfinite(values).any() else None


def curves(results):
    """Every series once: stage, variant, series, seed, step, value (see distinct())."""
    return distinct(results, results.curves)[["stage", "variant", "series", "seed", "step", "value"]]


def over_seeds(frame, points=200):
    """One series of curves() for a plot: step, value (mean over seeds), low and high (least and largest seed).

    Averages neighbouring steps until at most POINTS are left.
    """
    width = max(1, -(-frame.step.nunique() // points))
    rank = frame.step.rank(method="dense").astype(int).sub(1) // width
    by_seed = frame.groupby([rank.rename("bin"), "seed"])[["step", "value"]].mean()
    bins = by_seed.groupby(level="bin")
    return pd.DataFrame(
        {"step": bins.step.mean(), "value": bins.value.mean(), "low": bins.value.min(), "high": bins.value.max()}
    ).reset_index(drop=True)


QUANTIZER_TABLES = ["codebook", "usage", "buckets"]
QUANTIZER_METRICS = ["collision_rate_before", "collision_rate", "largest_bucket_before", "largest_bucket", "shared_items"]


def codebooks(results):
    """What quantizers of items say of their codes, each once: quantizer, seed and the columns of the tables (sid-quantizer's
    README).

    "codebook": level, size, used, perplexity, unexplained, and `dead`: codes that no item has;
    "usage": level, items, codes: so many codes of the level hold so many items;
    "buckets": items, tuples: so many semantic ids hold so many items before the policy that tells items apart;
    "rates": metrics as columns: collision_rate_before, collision_rate, ....
    A frame is empty where the file says nothing of it.
    """
    frames = {name: results.tables.get(name, pd.DataFrame()) for name in QUANTIZER_TABLES}
    frames["codebook"] = frames["codebook"] if {"used", "size"} <= set(frames["codebook"]) else pd.DataFrame()
    stages = set(frames["codebook"].stage) if len(frames["codebook"]) else set()
    metrics = results.metrics
    frames["rates"] = metrics[metrics.metric.isin(QUANTIZER_METRICS)]
    for name, frame in frames.items():
        if not stages or not len(frame):
            frames[name] = pd.DataFrame()
            continue
        frame = distinct(results, frame[frame.stage.isin(stages)])
        labels = list(map(titled, frame.stage, frame.variant))
        frames[name] = frame.drop(columns=["arm", "stage", "variant"])
        frames[name].insert(0, "quantizer", labels)
    if len(frames["rates"]):
        frames["rates"] = frames["rates"].pivot_table(index=["quantizer", "seed"], columns="metric", values="value", sort=False)
        frames["rates"] = frames["rates"].reset_index().rename_axis(columns=None)
    if len(frames["codebook"]):
        frames["codebook"]["dead"] = frames["codebook"]["size"] - frames["codebook"].used
    return frames


def _described_stages(results):
    """(arm, seed) -> what provenance says of every stage, by its name in the manifest."""
    return {run: json.loads(text).get("stages", {}) for run, text in results.provenance.items()}


def variants(results):
    """arm, stage, variant (see distinct()) of every stage of every arm: arms of which a stage has any output in common share a
    variant of it."""
    groups = []  # (stage, keys, arms)
    for (stage, arm), keys in results.cost.groupby(["stage", "arm"], sort=False).key:
        mine = [group for group in groups if group[0] == stage and group[1] & set(keys)]
        joined = (stage, set(keys).union(*[g[1] for g in mine]), sum([g[2] for g in mine], []) + [arm])
        groups = [group for group in groups if group not in mine] + [joined]
    described = _described_stages(results)
    first = {arm: described[arm, seed] for arm, seed in reversed(list(described))}
    short = short_names(results.runs.arm)
    rows = []
    for stage in results.cost.stage.unique():
        alike = [group for group in groups if group[0] == stage]
        said = [
            {key: entry["value"] for key, entry in first[group[2][0]].get(stage, {}).get("parameters", {}).items()}
            for group in alike
        ]
        differing = [key for key in said[0] if len({values.get(key) for values in said}) > 1]
        names = [", ".join(f"{key} = {values.get(key)}" for key in differing) for values in said]
        if len(set(names)) < len(names) or len(differing) > 3:
            arms = [[short[arm] for arm in group[2]] for group in alike]
            names = ["; ".join(some[:3]) + (f" and {len(some) - 3} more" if len(some) > 3 else "") for some in arms]
        rows += [(arm, stage, name) for group, name in zip(alike, names) for arm in group[2]]
    return pd.DataFrame(rows, columns=["arm", "stage", "variant"])


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def _frame(table):
    rows = table[:]
    columns = {}
    for name in rows.dtype.names:
        column = rows[name]
        if column.dtype.kind == "S":
            columns[name] = np.char.decode(column, "utf-8").astype(object)
        else:
            columns[name] = column.astype(column.dtype.newbyteorder("="))
        if name == "seed":
            columns[name] = columns[name].astype(np.uint64)
    return pd.DataFrame(columns)


def _runs(file):
    if "runs" in file:
        return _frame(file["runs"])
    users = [len(values) for values in file["per_user"].values()] if "per_user" in file else []
    return pd.DataFrame(
        {
            "arm": [_text(file.attrs["arm"])],
            "seed": np.array([file.attrs["seed"]], dtype=np.uint64),
            "digest": [_text(file.attrs["digest"])],
            "run_key": [_text(file.attrs["run_key"])],
            "n_users": np.array([max(users, default=0)], dtype=np.uint64),
        }
    )


def _per_user(file, runs):
    metrics = {name: np.atleast_2d(values[:]) for name, values in file.get("per_user", {}).items()}
    frames = []
    for i, run in runs.iterrows():
        n = int(run.n_users)
        columns = {name: _padded(values[i], n) for name, values in metrics.items()}
        index = pd.MultiIndex.from_product([[run.arm], [run.seed], range(n)], names=["arm", "seed", "user"])
        frames.append(pd.DataFrame(columns, index=index))
    return pd.concat(frames)


def _padded(values, n):
    return np.concatenate([values[:n], np.full(max(n - len(values), 0), np.nan, dtype=values.dtype)])


def _stage_tables(runs, details, group):
    """Every table below GROUP as (arm, seed, stage, name, frame)."""
    for (arm, seed), detail in zip(runs[["arm", "seed"]].itertuples(index=False), details):
        for folder in detail.get(group, {}).values():
            stage = _text(folder.attrs["stage"])
            for name, table in folder.items():
                yield arm, seed, stage, name, _frame(table)


def _curves(runs, details):
    frames = [
        frame.assign(arm=arm, seed=seed, stage=stage, series=name)
        for arm, seed, stage, name, frame in _stage_tables(runs, details, "curves")
    ]
    columns = ["arm", "seed", "stage", "series", "step", "value"]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def _tables(runs, details):
    tables = {}
    for arm, seed, stage, name, frame in _stage_tables(runs, details, "tables"):
        for position, (column, value) in enumerate([("arm", arm), ("seed", seed), ("stage", stage)]):
            frame.insert(position, f"{column}_" if column in frame else column, value)
        tables.setdefault(name, []).append(frame)
    return {name: pd.concat(frames, ignore_index=True) for name, frames in tables.items()}
