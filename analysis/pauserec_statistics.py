"""What can be said of arms against arms: the numbers of `pauserec compare`.  Knows the frames of pauserec_results.Results, not
the file that they come from."""
from statistics import NormalDist

import numpy as np
import pandas as pd

ALPHA, POWER = 0.05, 0.8
COLUMNS = ["seeds", "mean", "sd", "low", "high", "difference", "difference_low", "difference_high"]
COLUMNS += ["paired_seeds", "better_seeds", "paired_users", "p", "p_holm", "detectable"]


def effects(results, metric, baseline=None, draws=10000, seed=0):
    """Arms against the baseline, a row an arm; NaN where there is nothing to say.

    mean, sd: over the arm's seeds; low, high: 95 % bootstrap interval of the mean over users (averaged over seeds).
    The rest is paired: about the seeds that both arms have, and the users for whom both are defined in all of these.
    difference (relative to the baseline: 0.01 is 1 %) with its 95 % bootstrap interval; paired_seeds, and better_seeds of
    them in which the arm is ahead; p of the sign-flip permutation test, (1 + #) / (1 + draws), and p_holm, adjusted over the
    arms; detectable: the minimum detectable effect, the true relative difference that a two-sided test at 0.05 / number of
    arms finds with a power of 80 %.  Of a metric that is not known by user there are mean, sd and difference only.
    """
    scores = _scores(results, metric)
    baseline = baseline or results.baseline
    arms = pd.Index(results.runs.arm.unique(), name="arm")
    frame = pd.DataFrame(np.nan, index=arms, columns=COLUMNS)
    frame["seeds"] = scores.groupby(level="arm").size().reindex(arms, fill_value=0)
    frame["mean"] = scores.groupby(level="arm").mean().reindex(arms)
    frame["sd"] = scores.groupby(level="arm").std().reindex(arms)
    if metric not in results.per_user:
        base = frame["mean"].get(baseline, np.nan)
        frame.loc[arms != baseline, "difference"] = frame["mean"] / base - 1 if base else np.nan
        return frame
    series, differences = _pair(_by_seed(results, metric, baseline), baseline, frame)
    rng = np.random.default_rng(seed)
    sampled = _bootstrap(series, draws, rng)
    for arm, part in series:
        if part == "own":
            frame.loc[arm, ["low", "high"]] = _interval(sampled[arm, "own"])
        elif part == "base":
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = sampled[arm, "arm"] / sampled[arm, "base"] - 1
            frame.loc[arm, ["difference_low", "difference_high"]] = _interval(ratio)
    for arm, p in _sign_flip(differences, draws, rng).items():
        frame.loc[arm, "p"] = p
    frame["p_holm"] = holm(frame.p)
    # So far standard errors: times what power asks for, now that the number of comparisons is known.
    frame["detectable"] *= standard_errors(ALPHA / max(frame.p.count(), 1), POWER)
    return frame


def from_zero(series, draws=10000, seed=0):
    """Whether values of users are about 0: SERIES, name -> one value a user, NaN where undefined; a row a name.

    n: users that have a value; mean; low, high: 95 % bootstrap interval over users; p of the sign-flip permutation test.
    """
    rng = np.random.default_rng(seed)
    sampled = _bootstrap(series, draws, rng)
    known = {name: values[np.isfinite(values)] for name, values in series.items()}
    p = _sign_flip(known, draws, rng)
    rows = [(len(values), values.mean(), *_interval(sampled[name]), p[name]) for name, values in known.items()]
    index = pd.MultiIndex.from_tuples(known) if known and isinstance(next(iter(known)), tuple) else list(known)
    return pd.DataFrame(rows, columns=["n", "mean", "low", "high", "p"], index=index)


def standard_errors(alpha, power):
    """How many standard errors a true effect must measure for a two-sided test at ALPHA to find it with POWER."""
    return NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(power)


def holm(p):
    """P-values adjusted for their number (Holm); NaN stay and do not count."""
    ranked = p.dropna().sort_values(kind="stable")
    factors = np.arange(len(ranked), 0, -1)
    return (ranked * factors).cummax().clip(upper=1).reindex(p.index)


def pareto(frame, quality, cost):
    """Which rows no other row beats: none is at least as good for at most the cost, and better in one of the two."""
    q, c = frame[quality].to_numpy(float), frame[cost].to_numpy(float)
    with np.errstate(invalid="ignore"):
        no_worse = (q[:, None] >= q) & (c[:, None] <= c)
        better = (q[:, None] > q) | (c[:, None] < c)
    return pd.Series(np.isfinite(q) & np.isfinite(c) & ~(no_worse & better).any(axis=0), index=frame.index)


def _scores(results, metric):
    """The value of every run, of the last stage that reports it."""
    rows = results.metrics[results.metrics.metric == metric].dropna(subset=["value"])
    return rows.groupby(["arm", "seed"], sort=False).value.last()


def _by_seed(results, metric, baseline):
    """arm -> seed -> one value a user, of the runs that have the baseline's users and a value for some of them."""
    column = results.per_user[metric].to_numpy(float)
    runs = results.runs
    starts = np.concatenate([[0], np.cumsum(runs.n_users.to_numpy(int))])
    n = runs.n_users[runs.arm == baseline] if baseline in set(runs.arm) else runs.n_users
    values = {arm: {} for arm in runs.arm}
    for i, (arm, seed) in enumerate(runs[["arm", "seed"]].itertuples(index=False)):
        users = column[starts[i] : starts[i + 1]]
        if len(users) == n.iloc[0] and np.isfinite(users).any():
            values[arm][seed] = users
    return values


def _pair(values, baseline, frame):
    """What is to be resampled, (arm, "own" | "arm" | "base") -> one value a user, NaN where undefined; and arm -> paired
    differences of the users that have them.  Fills in FRAME what needs no draws."""
    series, differences = {}, {}
    for arm, of_seed in values.items():
        if of_seed:
            series[arm, "own"] = np.mean(list(of_seed.values()), axis=0)
        common = [seed for seed in of_seed if arm != baseline and seed in values.get(baseline, {})]
        if not common:
            continue
        mine, base = np.stack([of_seed[s] for s in common]), np.stack([values[baseline][s] for s in common])
        both = np.isfinite(mine + base).all(axis=0)
        if not both.any():
            continue
        series[arm, "arm"] = np.where(both, mine.mean(axis=0), np.nan)
        series[arm, "base"] = np.where(both, base.mean(axis=0), np.nan)
        d = differences[arm] = (series[arm, "arm"] - series[arm, "base"])[both]
        ahead = (mine - base)[:, both].sum(axis=1) > 0
        frame.loc[arm, ["paired_seeds", "better_seeds", "paired_users"]] = len(common), ahead.sum(), len(d)
        level = series[arm, "base"][both].mean()
        frame.loc[arm, "difference"] = d.mean() / level if level else np.nan
        if level and len(d) > 1:
            frame.loc[arm, "detectable"] = d.std(ddof=1) / np.sqrt(len(d)) / abs(level)
    return series, differences


DRAWS_AT_ONCE = 100


def _bootstrap(series, draws, rng):
    """Means of every series over draws of its users; series about the same users share their draws."""
    groups = {}
    for name, values in series.items():
        groups.setdefault(np.isfinite(values).tobytes(), []).append(name)
    means = {}
    for names in groups.values():
        values = np.stack([series[name] for name in names], axis=1)
        values = values[np.isfinite(values[:, 0])]
        n, found = len(values), []
        for start in range(0, draws, DRAWS_AT_ONCE) if n else []:
            drawn = rng.integers(0, n, (min(DRAWS_AT_ONCE, draws - start), n))
            found.append(np.stack([np.bincount(users, minlength=n) for users in drawn]).astype(float) @ values / n)
        found = np.concatenate(found) if found else np.full((draws, len(names)), np.nan)
        means.update(zip(names, found.T))
    return means


def _sign_flip(differences, draws, rng):
    """Two-sided p of every arm's paired differences: how often random signs give a sum as far from zero."""
    found = {}
    for arm, values in differences.items():
        observed = abs(values.sum()) - 1e-9 * np.abs(values).sum()  # sums that differ by rounding are equal
        reached = 0
        values = values[values != 0]  # the others change no sum
        for start in range(0, draws, DRAWS_AT_ONCE):
            flips = rng.integers(0, 2, (min(DRAWS_AT_ONCE, draws - start), len(values)), dtype=np.int8)
            reached += (np.abs(2 * (flips @ values) - values.sum()) >= observed).sum()
        found[arm] = (1 + reached) / (1 + draws)
    return found


def _interval(means):
    return np.quantile(means, [0.025, 0.975]) if np.isfinite(means).all() else (np.nan, np.nan)
