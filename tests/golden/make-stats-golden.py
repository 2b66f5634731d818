#!/usr/bin/env python3
"""Golden values for the statistics of framework/results from numpy, scipy and exact arithmetic.

    make-stats-golden.py OUT

Written: OUT/stats.json.  p-values of sign flips by all 2^n flips in rational numbers, so that ties are ties; Holm's
procedure as he states it, rejection by rejection; quantiles and detectable effects from scipy's normal distribution;
the bootstrap of shares from the binomial distribution that it is; and a small experiment with missing seeds and
undefined users, from its raw numbers.  Made with numpy 1.24 and scipy 1.10.
"""
import itertools
import json
import os
import sys
from fractions import Fraction

import numpy as np
from scipy import stats

DRAWS = 10000


def exact_p(values):
    """Two-sided: the share of all 2^n flips whose |sum| is at least the observed one."""
    values = [Fraction(v) for v in values]
    observed = abs(sum(values))
    extreme = sum(abs(sum(s * v for s, v in zip(signs, values))) >= observed
                  for signs in itertools.product([1, -1], repeat=len(values)))
    return extreme / 2 ** len(values)


def holm(p):
    """The least alpha at which Holm's procedure rejects each: found among the candidates k p, by running it."""
    known = [i for i, value in enumerate(p) if value is not None]

    def rejected(alpha):
        out = set()
        for k, i in enumerate(sorted(known, key=lambda j: p[j])):
            if p[i] > alpha / (len(known) - k) * (1 + 1e-12):
                break
            out.add(i)
        return out

    candidates = sorted({min(1.0, k * p[i]) for i in known for k in range(1, len(known) + 1)} | {1.0})
    return [None if value is None else next((a for a in candidates if i in rejected(a)), 1.0) for i, value in enumerate(p)]


def share_bounds(n, ones, q):
    """Where a quantile over DRAWS bootstrap shares of ONES of N may lie: four standard errors of its order, and a step."""
    error = 4 * np.sqrt(q * (1 - q) / DRAWS)
    low, high = stats.binom.ppf([q - error, q + error], n, ones / n)
    return [float(low) / n, float(high) / n]


def flips():
    rng = np.random.default_rng(1)
    decimal = ["0.1", "0.2", "0.3", "-0.1", "-0.2", "0.7", "0.4", "-0.3", "0.6", "-0.5"]
    tenths = ["0.1"] * 7 + ["-0.1"] * 3  # only ties
    cases = [decimal, tenths, ["0.1", "0.2", "-0.3", "0.3", "-0.2", "0.1", "0.6", "-0.6", "0.7", "0.1"], ["0"] * 10,
             ["1"] + ["0"] * 9, ["1", "1", "1", "1", "1", "-1", "0", "0", "0", "0"]]
    cases += [[repr(float(x)) for x in rng.normal(0.4, 1, 10)] for _ in range(3)]
    return [{"values": [float(v) for v in case], "p": exact_p(case)} for case in cases]


def experiment():
    rng = np.random.default_rng(7)
    n = 12
    gains = [0.0, 1.0, 0.6309, 0.5, 0.4307, 0.3869]  # ndcg of one target
    base = {seed: rng.choice(gains, n) for seed in [1, 2, 3]}
    arms = {
        "base": base,
        "ahead": {s: np.clip(v + rng.uniform(0.02, 0.4, n), 0, 2) for s, v in base.items()},
        "behind": {s: v - rng.uniform(0.02, 0.4, n) for s, v in base.items()},
        "equal": {s: v.copy() for s, v in base.items()},
        "partial": {s: rng.choice(gains, n) for s in [2, 3, 4]},
        "noisy": {1: rng.choice(gains, n)},
    }
    arms = {arm: {s: v.astype(np.float32) for s, v in seeds.items()} for arm, seeds in arms.items()}
    for seeds in arms.values():
        for values in seeds.values():
            values[0] = np.nan
    arms["noisy"][1][5] = np.nan
    arms["partial"][3][7] = np.nan
    expected, p = {}, []
    for arm in list(arms)[1:]:
        seeds = sorted(set(arms[arm]) & set(base))
        x = np.array([arms[arm][s] for s in seeds], dtype=np.float64)
        b = np.array([arms["base"][s] for s in seeds], dtype=np.float64)
        keep = ~np.isnan(x).any(axis=0) & ~np.isnan(b).any(axis=0)
        x, b = x[:, keep], b[:, keep]
        d = (x - b).mean(axis=0)
        total = [sum(Fraction(float(v)) for v in column) for column in (x - b).T]
        expected[arm] = {
            "difference": d.mean() / b.mean(),
            "p": exact_p(total),
            "errors": d.std(ddof=1) / np.sqrt(len(d)) / b.mean(),
            "paired_users": int(keep.sum()),
            "paired_seeds": len(seeds),
            "better_seeds": int((x.mean(axis=1) > b.mean(axis=1)).sum()),
        }
        p.append(expected[arm]["p"])
    z = stats.norm.ppf(1 - 0.05 / len(p) / 2) + stats.norm.ppf(0.8)
    for row, adjusted in zip(expected.values(), holm(p)):
        row["p_holm"] = adjusted
        row["detectable"] = z * row.pop("errors")
        row["verdict"] = "not significant" if adjusted > 0.05 else "better" if row["difference"] > 0 else "worse"
    values = [{"arm": arm, "seed": s, "values": [None if np.isnan(x) else float(x) for x in v]}
              for arm, seeds in arms.items() for s, v in seeds.items()]
    return {"runs": values, "expected": expected}


def main():
    p_values = [[0.01, 0.04, 0.03, 0.005], [0.02, None, 0.02, 0.5, 1.0], [0.9, 0.8], [0.04], [None], [0.0001] * 5,
                [0.012, 0.013, 0.014, 0.015]]
    golden = {
        "draws": DRAWS,
        "quantiles": [[q, float(stats.norm.ppf(q))] for q in [1e-12, 0.001, 0.025, 0.2, 0.5, 0.8, 0.975, 0.99875, 1 - 1e-9]],
        "holm": [{"p": p, "adjusted": holm(p)} for p in p_values],
        "flips": flips(),
        "detectable": [{"alpha": a, "power": w, "errors": float(stats.norm.isf(a / 2) + stats.norm.isf(1 - w))}
                       for a, w in [(0.05, 0.8), (0.05 / 20, 0.8), (0.01, 0.9)]],
        "shares": [{"n": n, "ones": k, "low": share_bounds(n, k, 0.025), "high": share_bounds(n, k, 0.975)}
                   for n, k in [(50, 20), (333, 10), (2000, 740)]],
        "experiment": experiment(),
    }
    with open(os.path.join(sys.argv[1], "stats.json"), "w") as file:
        json.dump(golden, file, indent=1)
        file.write("\n")


main()
