"""pauserec_claims on results whose truth is known: users who gain, lose, and do not differ; questions that are answered in one way only."""
import sys

import numpy as np
import pandas as pd

sys.path.insert(0, sys.argv[1])
import pauserec_claims as claims
import pauserec_results
from pauserec_results import Results

USERS, SEEDS = 400, [1, 2]
rng = np.random.default_rng(5)


def results(levels, metrics=(), questions=None, users=None):
    """LEVELS: arm -> share of users hit; arms draw from the same users, so that differences are paired."""
    runs = pd.DataFrame([(arm, seed, "", "", USERS) for arm in levels for seed in SEEDS], columns=["arm", "seed", "digest", "run_key", "n_users"])
    draw = rng.random(USERS)
    frames = {}
    for arm, level in levels.items():
        for seed in SEEDS:
            hit = (draw < level).astype(float)
            frames[arm, seed] = pd.DataFrame({name: hit for name in claims.METRICS}).assign(**(users or {}).get(arm, {}))
    per_user = pd.concat(frames, names=["arm", "seed", "user"])
    columns = ["arm", "seed", "stage", "metric", "value"]
    cost = pd.DataFrame([(arm, seed, stage) for arm in levels for seed in SEEDS for stage in ["train", "recommend"]], columns=["arm", "seed", "stage"])
    for name in ["wall_seconds", "cpu_seconds", "peak_rss_bytes"] + pauserec_results.COUNTERS:
        cost[name] = 0.0
    answers = cost.stage == "recommend"
    cost["flops"] = cost.arm.map({"onerec-think": 4.0, "pause": 1.0}).fillna(2.0)
    cost["cpu_seconds"] = cost.arm.map({"onerec-think": 2.0, "pause": 3.0}).fillna(2.0)
    cost.loc[answers, "infer_users"], cost.loc[answers, "infer_seconds"] = 10.0, cost.arm.map({"onerec-think": 1.0, "pause": 0.8}).fillna(1.0)
    tables = {} if questions is None else {"questions": questions}
    return Results("x", "ndcg_10", "next-item", "", runs, pd.DataFrame(metrics, columns=columns), cost, per_user, pd.DataFrame(), tables)


def verdicts(frame, claim, what):
    rows = frame[frame.claim.str.startswith(claim) & frame.what.str.contains(what, regex=False)]
    assert len(rows), (claim, what, frame[["claim", "what"]].to_string())
    return set(rows.verdict)


# What interval gives which verdict.
assert claims.verdict(0.1, 0.2) == claims.HOLDS
assert claims.verdict(-0.2, -0.1) == claims.FAILS
assert claims.verdict(-0.1, 0.1) == claims.verdict(np.nan, np.nan) == claims.UNDECIDED

# Pauses are ahead, CoT with RL is behind, the control is the same.
found = claims.evaluate({("toy", "main"): results({"next-item": 0.3, "extra-epochs": 0.4, "onerec-think": 0.2, "pause": 0.4})})
assert verdicts(found, "Pauses beat next-item", "pause vs next-item") == {claims.HOLDS}
assert verdicts(found, "... and next-item", "pause vs extra-epochs") == {claims.UNDECIDED}
assert verdicts(found, "Pauses beat OneRec", "pause vs onerec-think") == {claims.HOLDS}
assert verdicts(found, "RL recovers", "onerec-think vs next-item") == {claims.FAILS}
row = found[found.what == "pause vs next-item, hit_10"].iloc[0]
assert row.low < row.ours < row.high and row.seeds == 2 and row.unit == "%"

# A count that falls by half of what the paper says holds, one that rises does not, one between is undecided.
assert verdicts(found, "Pauses cost less", "training flops") == {claims.HOLDS}
assert verdicts(found, "Pauses cost less", "training cpu seconds") == {claims.FAILS}
assert verdicts(found, "Pauses answer faster", "user ms") == {claims.UNDECIDED}
assert abs(found[found.what.str.contains("training flops")].ours.iloc[0] + 75) < 1e-9

# "Worse" is asked the other way round.
found = claims.evaluate({("toy", "x"): results({"next-item": 0.4, "cot": 0.3, "cot-filtered": 0.5})})
assert verdicts(found, "Every CoT", "cot vs next-item") == {claims.HOLDS}
assert verdicts(found, "Every CoT", "cot-filtered vs next-item") == {claims.FAILS}

# Knowledge that is picked and not said: a gap of 1 after CoT, none before; brands at chance, categories known.
rows = []
for arm in ["cpt", "next-item", "cot"]:
    for seed in SEEDS:
        for item in range(60):
            for kind in [0, 1, 2]:
                right = kind != 1 or item % 6 == 0
                rows.append((arm, seed, kind, item, float(right and arm != "cot"), float(right), item % 6))
table = pd.DataFrame(rows, columns=["arm", "seed", "kind", "item", "free_right", "scored_right", "truth"])
found = claims.evaluate({("toy", "v"): results({"cpt": 0.1, "next-item": 0.1, "cot": 0.1}, questions=table)})
assert verdicts(found, "CoT SFT weakens", "gap of sid_category: cot less next-item") == {claims.HOLDS}
assert verdicts(found, "CPT grounds", "sid_category") == {claims.HOLDS}
assert verdicts(found, "CPT grounds", "sid_brand") == {claims.HOLDS}
gap = found[found.what.str.startswith("gap of title_category: cot less next-item")].ours.iloc[0]
assert abs(gap - 1) < 1e-12, gap

# A rationale that moves log p by 0.01 nats is weak, by 1 not; noise around the threshold decides nothing.
for size, sd, said in [(0.01, 0.01, claims.HOLDS), (1.0, 0.1, claims.FAILS), (0.1, 1.0, claims.UNDECIDED)]:
    users = {"cot": {"gold_vs_own_log_p": size + sd * rng.standard_normal(USERS)}}
    found = claims.evaluate({("toy", "g"): results({"cot": 0.1}, users=users)})
    assert verdicts(found, "A rationale moves", "gold_vs_own_log_p") == {said}, (size, said)

# Geometry: seed by seed.
metrics = [(arm, seed, "geometry", "embedding_centroid_distance", value + 0.01 * seed) for arm, value in [("cpt", 1.0), ("next-item", 2.0), ("cot", 1.5)] for seed in SEEDS]
found = claims.evaluate({("toy", "g"): results({"cpt": 0.1, "next-item": 0.1, "cot": 0.1}, metrics=metrics)})
assert verdicts(found, "Text and SID", "next-item less cpt") == {claims.HOLDS}
assert verdicts(found, "Text and SID", "cot less next-item") == {claims.FAILS}

# Results that lack the arms say nothing, and say it in order.
empty = claims.evaluate({("toy", ""): results({"popularity": 0.1})})
assert list(empty.columns) == claims.COLUMNS and len(empty) == 0 and len(claims.summary(empty)) == 0
print("claims are judged as they should be")
