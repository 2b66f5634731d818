"""Results of pauserec as pandas data frames: the one Python module that knows the HDF5 schema (framework/results/results.h).

    import pauserec_results
    results = pauserec_results.load("pauserec-results/beauty-pause/results.h5")
    results.metrics[results.metrics.metric == "ndcg_10"].groupby("arm").value.agg(["mean", "std"])

Needs h5py, numpy and pandas (Debian: python3-h5py python3-pandas).
"""
import hashlib
from dataclasses import dataclass, field

import h5py
import numpy as np
import pandas as pd

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


def effects(results, metric, baseline=None, draws=10000, seed=0):
    """Mean, sd over seeds, and relative difference to the baseline with its paired bootstrap 95 % interval, a row an arm."""
    baseline = baseline or results.baseline
    users = results.per_user[metric].groupby(level=["arm", "user"], sort=False).mean().unstack("arm")
    users = users[[arm for arm in results.runs.arm.unique() if arm in users]].dropna()
    values = users.to_numpy()
    rng = np.random.default_rng(seed)
    means = np.stack([values[rng.integers(0, len(values), len(values))].mean(axis=0) for _ in range(draws)])
    by_seed = results.per_user[metric].groupby(level=["arm", "seed"], sort=False).mean()
    frame = pd.DataFrame(index=users.columns)
    frame["mean"] = values.mean(axis=0)
    frame["sd"] = by_seed.groupby(level="arm").std().reindex(frame.index)
    frame["low"], frame["high"] = np.quantile(means, [0.025, 0.975], axis=0)
    if baseline in users:
        base = users.columns.get_loc(baseline)
        frame["difference"] = frame["mean"] / frame["mean"].iloc[base] - 1
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = means / means[:, [base]] - 1
        frame["difference_low"], frame["difference_high"] = np.quantile(ratio, [0.025, 0.975], axis=0)
    return frame


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
