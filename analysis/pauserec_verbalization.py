"""What probe-verbalization says, as data frames and figures: does a model say what it knows?  Knows the frames of
pauserec_results.Results."""
import numpy as np
import pandas as pd

import pauserec_plots as plots
import pauserec_results
import pauserec_statistics

KINDS = ["sid_category", "sid_brand", "title_category"]  # numbers of kinds as in the plugin's README
TITLES = {"sid_category": "category of a SID", "sid_brand": "brand of a SID", "title_category": "category behind a title"}
WAYS = {"free_right": "written", "scored_right": "scored"}


def questions(results):
    """The table `questions` with columns checkpoint and name (of the kind), in the order of runs; empty where nobody asked.

    A checkpoint is named by its arm; if an arm asks several, by the stage that asks.
    """
    frame = results.tables.get("questions", pd.DataFrame())
    if not {"kind", "item", *WAYS} <= set(frame):
        return pd.DataFrame()
    if frame.groupby("arm").stage.nunique().max() == 1:
        frame = frame.assign(checkpoint=frame.arm.map(pauserec_results.short_names(results.runs.arm)))
    else:
        frame = pauserec_results.distinct(results, frame)
        frame = frame.assign(checkpoint=list(map(pauserec_results.titled, frame.stage, frame.variant)))
    return frame.assign(name=[KINDS[int(kind)] for kind in frame.kind], gap=frame.scored_right - frame.free_right)


def shares(frame):
    """Rows of checkpoint and name: written, scored and gap, each with a 95 % bootstrap interval over items (paired for the
    gap), `malformed`, `mrr`, `chance` (always the answer that is right most often) and the number of items."""
    rows = {}
    for key, mine in frame.groupby(["checkpoint", "name"], sort=False):
        by_item = mine.groupby("item")[[*WAYS, "gap"]].mean()  # over the seeds that asked about it
        row = {"items": len(by_item)}
        for column, label in [*WAYS.items(), ("gap", "gap")]:
            found = pauserec_statistics.from_zero({column: by_item[column].to_numpy(float)}).iloc[0]
            row.update({label: found["mean"], f"{label}_low": found.low, f"{label}_high": found.high})
        row["mrr"] = (1 / mine["rank"]).mean()
        row["malformed"] = (mine.said < 0).mean()
        row["chance"] = mine.groupby("seed").truth.agg(lambda truth: truth.value_counts().iloc[0] / len(truth)).mean()
        rows[key] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["checkpoint", "kind"])


def changes(frame, reference):
    """How much wider the gap of a checkpoint is than that of REFERENCE, about the same items and seeds: mean, low, high (95 %
    bootstrap over items), p of the sign-flip permutation test and p_holm, adjusted over all rows."""
    groups = frame.groupby(["checkpoint", "name"], sort=False)
    gaps = {key: mine.groupby(["item", "seed"]).gap.mean() for key, mine in groups}
    series = {}
    for (checkpoint, name), gap in gaps.items():
        if checkpoint == reference or (reference, name) not in gaps:
            continue
        both = (gap - gaps[reference, name]).dropna()
        if len(both):
            series[checkpoint, name] = both.groupby(level="item").mean().to_numpy(float)
    if not series:
        return pd.DataFrame()
    found = pauserec_statistics.from_zero(series).rename(columns={"n": "items"}).rename_axis(["checkpoint", "kind"])
    return found.assign(p_holm=pauserec_statistics.holm(found.p))


def reference_of(frame, baseline):
    """The checkpoint that others are compared with: BASELINE if it was asked, otherwise the first that answers a kind."""
    names = list(dict.fromkeys(frame.checkpoint))
    return baseline if baseline in names else max(names, key=lambda name: frame[frame.checkpoint == name].name.nunique())


def accuracy_panels(table):
    """A panel a kind: both accuracies of every checkpoint with their intervals, and chance as a dotted line."""
    kinds = [kind for kind in KINDS if kind in table.index.get_level_values("kind")]
    names = list(dict.fromkeys(table.index.get_level_values("checkpoint")))
    figure, axes = plots.panels(len(kinds), columns=3, width=3.8, height=max(2.1, 0.34 * len(names) + 1))
    places = {name: len(names) - 1 - i for i, name in enumerate(names)}
    for axis, kind in zip(axes, kinds):
        mine = table.xs(kind, level="kind")
        y = mine.index.map(places).to_numpy(float)
        axis.hlines(y, mine.written, mine.scored, color="#DCDCDC", linewidth=4, zorder=1)
        for i, label in enumerate(WAYS.values()):
            errors = np.abs(np.stack([mine[label] - mine[f"{label}_low"], mine[f"{label}_high"] - mine[label]]))
            axis.errorbar(mine[label], y + 0.09 - 0.18 * i, xerr=errors, fmt=plots.MARKERS[i], color=plots.COLOURS[i],
                          markersize=5, capsize=2, linewidth=1.2, label=label, zorder=3)
        axis.axvline(mine.chance.mean(), color=plots.GREY, linestyle=":", linewidth=1, label="chance")
        axis.set_yticks(list(places.values()), list(places))
        axis.set_ylim(-0.6, len(names) - 0.4)
        axis.set_xlim(-0.03, 1.03)
        axis.grid(axis="y", visible=False)
        axis.set_title(TITLES[kind])
        axis.set_xlabel("share of questions that are right")
    plots.rows_named_once(axes, 3)
    plots.legend_below(figure, axes[0])


def gap_panel(table):
    """The gap of every checkpoint, a colour a kind."""
    kinds = [kind for kind in KINDS if kind in table.index.get_level_values("kind")]
    names = list(dict.fromkeys(table.index.get_level_values("checkpoint")))
    figure, (axis,) = plots.panels(1, width=max(5.0, 0.9 * len(names) + 1), height=3)
    for i, kind in enumerate(kinds):
        mine = table.xs(kind, level="kind")
        x = np.array([names.index(name) for name in mine.index]) + (i - (len(kinds) - 1) / 2) * 0.16
        errors = np.abs(np.stack([mine.gap - mine.gap_low, mine.gap_high - mine.gap]))
        axis.errorbar(x, mine.gap, errors, fmt=plots.MARKERS[i], color=plots.COLOURS[i], markersize=5, capsize=2, linewidth=1.2,
                      label=TITLES[kind])
    axis.axhline(0, color=plots.BASELINE, linewidth=0.8)
    axis.set_xticks(range(len(names)), names, rotation=25 if len(names) > 4 else 0, ha="right" if len(names) > 4 else "center")
    axis.set_xlim(-0.6, len(names) - 0.4)
    axis.grid(axis="x", visible=False)
    axis.set_ylabel("gap: scored less written")
    plots.legend_below(figure, axis)
