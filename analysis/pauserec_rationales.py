"""What results say of the worth of rationales: the probes of probe-rationale-sensitivity, and models that learnt from spoilt
ones.  Knows the frames of pauserec_results.Results, not the file that they come from."""
import re

import pandas as pd
import pauserec_results
import pauserec_statistics

MEASURE = r"log_p|hit_\d+|ndcg_\d+|top_\d+_changed|kendall_\d+|overlap_\d+"
DIFFERENCE = re.compile(rf"(?P<thought>[a-z_]+?)(?:_(?P<strength>\d+))?_vs_(?P<reference>own|gold|intact)_(?P<measure>{MEASURE})")
LEVEL = re.compile(r"(?P<thought>own|none|other|gold|intact)_(?P<measure>log_p|hit_\d+|ndcg_\d+)")
ORDER = ["own", "none", "other", "gold", "intact", "paraphrase", "shuffle_words", "drop_words", "wrong_category", "other_user", "empty"]
COLUMNS = ["arm", "thought", "strength", "reference", "measure", "label"]


def probed(results, pattern):
    """What PATTERN finds among the metrics of single users, a row an arm: COLUMNS and n, mean, low, high, p of
    pauserec_statistics.from_zero().  Values are averaged over seeds; a user counts who has one in all of the arm's seeds."""
    rows, series = [], {}
    for name in results.per_user:
        match = pattern.fullmatch(name)
        if match is None:
            continue
        for arm in results.per_user[name].index.unique("arm"):
            means = pauserec_results.user_means(results, name, arm)
            if means is None:
                continue
            said = match.groupdict()
            said["label"] = said["thought"].replace("_", "-") + (f" {said['strength']} %" if said.get("strength") else "")
            rows.append({"arm": arm, **said, "name": name})
            series[arm, name] = means[0]
    if not rows:
        return pd.DataFrame(columns=COLUMNS + ["n", "mean", "low", "high", "p"])
    frame = pd.DataFrame(rows).reindex(columns=COLUMNS + ["name"])
    said = pauserec_statistics.from_zero(series)
    frame = frame.join(said, on=["arm", "name"]).drop(columns="name")
    frame["strength"] = pd.to_numeric(frame.strength)
    place = frame.thought.map({name: i for i, name in enumerate(ORDER)}).fillna(len(ORDER))
    return frame.assign(place=place).sort_values(["place", "strength"], kind="stable").drop(columns="place").reset_index(drop=True)


def differences(results):
    """Differences that the probes report: none, other and gold against own or gold, perturbed rationales against intact."""
    return probed(results, DIFFERENCE)


def levels(results):
    """log p, Hit and NDCG below own, no, another user's, the gold and the intact rationale."""
    return probed(results, LEVEL)


def measures(frame, changes=False):
    """Measures of differences() in the order in which they are shown: hits, gains and log p, or what says that lists change."""
    found = list(dict.fromkeys(frame.measure))
    kinds = ["top", "kendall", "overlap"] if changes else ["hit", "ndcg", "log"]
    return [name for kind in kinds for name in found if name.startswith(kind)]


def trained_on_spoilt(results):
    """Arms whose rationales were spoilt before training: arm, corruption, share of the rationales.  An arm that has rationales
    and spoils none has corruption "none" and share 0."""
    kinds = pauserec_results.parameters(results, "rationale-distillation", "corruption").rename(columns={"value": "corruption"})
    shares = pauserec_results.parameters(results, "rationale-distillation", "share").rename(columns={"value": "share"})
    targets = pauserec_results.parameters(results, "rationale-distillation", "targets").rename(columns={"value": "targets"})
    if not len(kinds):
        return pd.DataFrame(columns=["arm", "corruption", "share"])
    frame = kinds.merge(shares).merge(targets)
    frame = frame[~frame.targets.isin(["valid", "test"])].drop_duplicates("arm", keep="last")
    frame.loc[frame.corruption == "none", "share"] = 0.0
    return frame[["arm", "corruption", "share"]].reset_index(drop=True)


def signed(frame):
    """Rows of differences() as a table, measure after measure: mean with its interval and p."""
    place = {name: i for i, name in enumerate(measures(frame))}
    frame = frame.sort_values("measure", key=lambda column: column.map(place), kind="stable")
    table = frame[["mean", "low", "high", "p", "n"]].copy()
    table["n"] = table.n.astype(int)
    return table.set_index(pd.MultiIndex.from_frame(frame[["measure", "arm", "label"]])).rename_axis(["measure", "arm", "thought"])
