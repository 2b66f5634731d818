"""The claims of the paper (arXiv 2606.14142), asked of results: what the paper says, what we find, and whether it holds.

    python3 analysis/pauserec_claims.py pauserec-results/paper-world-*      # a table in Markdown

Knows the frames of pauserec_results.Results, not the files that they come from.  Criteria were fixed before the results were
looked at: a claim that one thing is above another *holds* if the 95 % interval of the difference lies above 0, *does not hold* if it
lies below, and is *undecided at this scale* otherwise.  Intervals are over users (or questions), values averaged over seeds first;
they are not corrected for the number of claims.
"""
import glob
import os
import re
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pauserec_results
import pauserec_statistics

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided at this scale"
METRICS = ["hit_5", "hit_10", "ndcg_5", "ndcg_10"]
COLUMNS = ["claim", "paper", "data", "what", "ours", "low", "high", "unit", "seeds", "verdict"]
NAME = re.compile(r"paper-(?P<data>[a-z0-9]+)-(?P<table>[a-z]+)")
WEAK = 0.1  # nats: a rationale that adds less than this to log p of the target moves the prediction weakly


@dataclass
class Finding:
    """One row.  OURS with its interval LOW .. HIGH is in UNIT ("%": relative difference; "": as it is)."""

    what: str
    ours: float
    low: float = np.nan
    high: float = np.nan
    unit: str = ""
    verdict: str = ""
    seeds: int = 0


def verdict(low, high, above=0.0):
    """What an interval says of "more than ABOVE"."""
    if not np.isfinite([low, high]).all():
        return UNDECIDED
    return HOLDS if low > above else FAILS if high < above else UNDECIDED


# Measures -------------------------------------------------------------------------------------------------------------


def has(results, *arms):
    return set(arms) <= set(results.runs.arm)


def seeds(results, *arms):
    """Seeds that all ARMS have."""
    found = [set(results.runs.seed[results.runs.arm == arm]) for arm in arms]
    return len(set.intersection(*found)) if found else 0


def against(results, arm, base, metric):
    """ARM against BASE on a metric of users, in per cent, or None."""
    if not has(results, arm, base) or metric not in results.per_user:
        return None
    row = _effects(results, metric, base).loc[arm]
    if not np.isfinite(row.difference):
        return None
    values = 100 * row[["difference", "difference_low", "difference_high"]]
    return Finding(f"{arm} vs {base}, {metric}", *values, "%", verdict(*values[1:]), seeds(results, arm, base))


_known = {}


def _effects(results, metric, base):
    key = id(results), metric, base
    if key not in _known:
        _known[key] = pauserec_statistics.effects(results, metric, base)
    return _known[key]


def of_users(results, arm, metric, sign=1, above=0.0):
    """Mean over users of a metric of ARM, times SIGN, or None."""
    if metric not in results.per_user or not has(results, arm):
        return None
    means = pauserec_results.user_means(results, metric, arm)
    if means is None:
        return None
    values, n_seeds = means
    row = pauserec_statistics.from_zero({metric: sign * values}).iloc[0]
    name = f"{arm}: {'minus ' if sign < 0 else ''}{metric}"
    return Finding(name, row["mean"], row.low, row.high, "", verdict(row.low, row.high, above), n_seeds)


KINDS = ["sid_category", "sid_brand", "title_category"]


def questions(results, arm, kind, column):
    """Answers of ARM's probe of verbalization, item by item, averaged over seeds: right (1) or wrong (0); None without any."""
    table = results.tables.get("questions")
    if table is None or not has(results, arm):
        return None
    rows = table[(table.arm == arm) & (table.kind == KINDS.index(kind))]
    if column == "gap":
        values = rows.scored_right - rows.free_right
    elif column == "above_chance":
        # Right beyond what always giving the answer that is right most often would be.
        share = rows.groupby("seed").truth.transform(lambda truth: (truth == truth.mode().iloc[0]).astype(float))
        values = rows.scored_right - share
    else:
        values = rows[column]
    return values.groupby([rows.item, rows.seed]).mean() if len(rows) else None


def said(name, series, n_seeds, above=0.0):
    """The mean of SERIES (item, seed), items resampled, or None."""
    if series is None or not len(series):
        return None
    by_item = series.groupby(level=0).mean().to_numpy(float)
    row = pauserec_statistics.from_zero({name: by_item}).iloc[0]
    return Finding(name, row["mean"], row.low, row.high, "", verdict(row.low, row.high, above), n_seeds)


def over_seeds(results, name, first, second):
    """Metric NAME of arm FIRST less that of SECOND, seed by seed; the interval is that of t over seeds, NaN of one seed."""
    rows = results.metrics[results.metrics.metric == name]
    table = rows.pivot_table(index="seed", columns="arm", values="value", aggfunc="last")
    if first not in table or second not in table:
        return None
    d = (table[first] - table[second]).dropna()
    if not len(d):
        return None
    half = np.nan
    if len(d) > 1:
        t = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}.get(len(d), 2.0)
        half = t * d.std(ddof=1) / np.sqrt(len(d))
    low, high = d.mean() - half, d.mean() + half
    return Finding(f"{name}: {first} less {second}", d.mean(), low, high, "", verdict(low, high), len(d))


def ratio(results, arm, base, column, paper):
    """Cost of ARM over that of BASE.  A count has no interval: the claim holds if the cost falls by at least half of what the
    PAPER reports, does not hold if it does not fall."""
    if not has(results, arm, base):
        return None
    costs = pauserec_results.arm_costs(results, base)
    if not (np.isfinite(costs[column]).all() if column in costs else False) or not costs.loc[base, column] > 0:
        return None
    value = 100 * (costs.loc[arm, column] / costs.loc[base, column] - 1)
    said = HOLDS if value <= paper / 2 else FAILS if value >= 0 else UNDECIDED
    return Finding(f"{arm} vs {base}, {column.replace('_', ' ')}", value, unit="%", verdict=said, seeds=seeds(results, arm, base))


# Claims ---------------------------------------------------------------------------------------------------------------


def better_everywhere(results, arm, base):
    return [against(results, arm, base, metric) for metric in METRICS]


def cpt_category_only(results):
    found = []
    for kind in ["sid_category", "sid_brand"]:
        name = f"cpt: {kind}, scored right above the most frequent answer"
        finding = said(name, questions(results, "cpt", kind, "above_chance"), seeds(results, "cpt"))
        if finding is not None and kind == "sid_brand":
            # Nothing finer than the category: the claim wants this one at chance.
            finding.verdict = {HOLDS: FAILS, FAILS: HOLDS}.get(finding.verdict, HOLDS)
        found.append(finding)
    return found


def cot_is_worse(results):
    found = []
    for arm in ["cot", "cot-filtered"]:
        for base in ["next-item", "extra-epochs"]:
            finding = against(results, arm, base, "ndcg_10")
            if finding is not None:
                finding.verdict = {HOLDS: FAILS, FAILS: HOLDS}.get(finding.verdict, finding.verdict)
            found.append(finding)
    return found


def rl_recovers(results):
    return [against(results, "onerec-think", base, "ndcg_10") for base in ["cot", "next-item"]]


def weakened_verbalization(results):
    found = []
    # The claim is about the first of these; the others stand beside it and are not judged.
    for arm, base in [("cot", "next-item"), ("onerec-think", "next-item"), ("pause", "next-item"), ("next-item", "cpt"), ("cot", "cpt")]:
        for kind in KINDS:
            after, before = questions(results, arm, kind, "gap"), questions(results, base, kind, "gap")
            if after is None or before is None:
                continue
            finding = said(f"gap of {kind}: {arm} less {base}", (after - before).dropna(), seeds(results, arm, base))
            if finding is not None and (arm, base) != ("cot", "next-item"):
                finding.verdict = ""
            found.append(finding)
    return found


def misalignment(results):
    found = []
    for name in ["embedding_centroid_distance", "hidden_centroid_distance"]:
        for first, second in [("next-item", "cpt"), ("cot", "next-item"), ("pause", "next-item")]:
            found.append(over_seeds(results, name, first, second))
    return found


def weak_rationales(results):
    found = []
    for arm in ["cot", "onerec-think"]:
        # What gold adds to no rationale, to another user's, and to what the model writes itself.
        for metric, sign in [("none_vs_gold_log_p", -1), ("other_vs_gold_log_p", -1), ("gold_vs_own_log_p", 1)]:
            finding = of_users(results, arm, metric, sign)
            if finding is not None:
                low, high = finding.low, finding.high
                weak = low > -WEAK and high < WEAK
                strong = low > WEAK or high < -WEAK
                finding.verdict = HOLDS if weak else FAILS if strong else UNDECIDED
            found.append(finding)
    return found


def sensitive(results):
    found = []
    for arm in ["cot", "onerec-think"]:
        names = [name for name in results.per_user if re.fullmatch(r"[a-z_]+(_\d+)?_vs_intact_ndcg_10", name)]
        for name in names:
            found.append(of_users(results, arm, name, -1))
    return found


def training_cost(results):
    return [ratio(results, "pause", "onerec-think", name, -64.9) for name in ["training_flops", "training_cpu_seconds"]]


def latency(results):
    return [ratio(results, "pause", "onerec-think", name, -71.3) for name in ["user_ms", "user_flops"]]


def start(results):
    found = []
    for init in ["text-mean", "sid-mean", "mean", "normal"]:
        arm = f"untrained[pause-sft.init={init}]"
        found += [against(results, "pause", arm, metric) for metric in ["hit_5", "ndcg_5"]]
    return found


def number(results):
    return [against(results, "pause[pause-sft.k=5]", f"pause[pause-sft.k={k}]", "ndcg_10") for k in [1, 3, 10]]


def attention(results):
    return [
        of_users(results, "pause", "entropy_difference", -1),
        of_users(results, "pause", "border_difference", -1),
        of_users(results, "pause", "instruction_difference", -1),
        of_users(results, "pause", "selectivity_difference"),
        of_users(results, "pause", "relevant_difference"),
    ]


def strong_baseline(results):
    return [against(results, "sasrec-ce", arm, "ndcg_10") for arm in ["pause", "onerec-think", "next-item", "sasrec"]]


CLAIMS = [
    ("CPT grounds SIDs at category level only", "stated, not quantified", cpt_category_only),
    ("Every CoT-SFT variant is worse than next-item SFT", "stated, not quantified", cot_is_worse),
    ("RL recovers what CoT SFT costs", "stated, not quantified", rl_recovers),
    ("CoT SFT weakens verbalization: the gap between scored and free answers grows", "stated, not quantified", weakened_verbalization),
    ("Text and SID embeddings move apart during training", "stated, not quantified", misalignment),
    (f"A rationale moves the prediction only weakly (less than {WEAK} nats)", "a theoretical argument", weak_rationales),
    ("Perturbing the gold rationale costs accuracy (drop of NDCG@10)", "stated, not quantified", sensitive),
    ("Pauses beat next-item SFT", "12 of 12, at most +8.85 %", lambda r: better_everywhere(r, "pause", "next-item")),
    ("... and next-item SFT that trains as long (our control)", "not measured", lambda r: better_everywhere(r, "pause", "extra-epochs")),
    ("Pauses beat OneRec-Think (CoT + RL)", "10 of 12, at most +6.22 %", lambda r: better_everywhere(r, "pause", "onerec-think")),
    ("Pauses cost less to train than OneRec-Think", "-64.9 % GPU-hours (Beauty)", training_cost),
    ("Pauses answer faster than OneRec-Think", "-71.3 % a sample (Beauty)", latency),
    ("Pre-training e_pause beats other starts", "+1.6 % Hit@5, +1.5 % NDCG@5 over the text mean", start),
    ("k = 5 is best", "best or tied on 9 of 12", number),
    ("Early pauses look broadly, late ones at relevant SIDs", "single cases", attention),
    ("SASRec with full cross-entropy is ahead (a trap, no claim of the paper)", "published .0539 against .0471 NDCG@10", strong_baseline),
]


def evaluate(collected):
    """COLLECTED, (data, table) -> Results, as a frame with COLUMNS, claim by claim and data set by data set.  A claim is asked of every
    table that has what it needs, and of the first one only."""
    rows = []
    for claim, paper, ask in CLAIMS:
        done = set()
        for (data, _), results in collected.items():
            for finding in ask(results) if len(results.runs) else []:
                if finding is None or (data, finding.what) in done:
                    continue
                done.add((data, finding.what))
                rows.append([claim, paper, data, *(getattr(finding, name) for name in COLUMNS[3:])])
    return pd.DataFrame(rows, columns=COLUMNS)


def collect(path):
    """(data, table) -> Results: the results file at PATH and, if its experiment is one of experiments/paper, those of the others
    that lie in folders beside its own."""
    first = pauserec_results.load(path)
    named = NAME.fullmatch(first.experiment)
    if named is None:
        return {(first.experiment, ""): first}
    collected = {}
    beside = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(path))), "*", "results.h5")
    for other in sorted(glob.glob(beside)):
        results = pauserec_results.load(other)
        match = NAME.fullmatch(results.experiment)
        if match is not None:
            collected[match["data"], match["table"]] = results
    return collected


def summary(frame):
    """Claims by data sets: how many findings hold, do not hold, are undecided."""
    known = frame[frame.verdict != ""]
    counts = known.groupby(["claim", "data", "verdict"], sort=False).size().unstack("verdict", fill_value=0)
    return counts.reindex(columns=[HOLDS, FAILS, UNDECIDED], fill_value=0)


def shown(row):
    """OURS as text."""
    digits = 1 if row.unit == "%" else 3
    text = f"{row.ours:+.{digits}f}{' %' if row.unit else ''}"
    return text, f"{row.low:+.{digits}f} .. {row.high:+.{digits}f}" if np.isfinite([row.low, row.high]).all() else "-"


def markdown(frame):
    lines = []
    for claim, rows in frame.groupby("claim", sort=False):
        lines += [f"### {claim}", "", f"Paper: {rows.paper.iloc[0]}.", "", "| data | | ours | 95 % interval | seeds | |", "|---|---|---|---|---|---|"]
        for row in rows.itertuples():
            lines.append(f"| {row.data} | {row.what} | {' | '.join(shown(row))} | {row.seeds} | {'*' + row.verdict + '*' if row.verdict else ''} |")
        lines.append("")
    return "\n".join(lines)


def main():
    collected = {}
    for folder in sys.argv[1:]:
        path = os.path.join(folder, "results.h5") if os.path.isdir(folder) else folder
        results = pauserec_results.load(path)
        match = NAME.fullmatch(results.experiment)
        collected[(match["data"], match["table"]) if match else (results.experiment, "")] = results
    print(markdown(evaluate(collected)))


if __name__ == "__main__":
    main()
