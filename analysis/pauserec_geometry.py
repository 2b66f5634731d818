"""What probe-geometry and geometry_every say, as data frames and figures: how far words and semantic ids are apart.  Knows the
frames of pauserec_results.Results."""
import json

import pandas as pd
import pauserec_plots as plots
import pauserec_results

SPACES = {"embedding": "rows of the embedding", "hidden": "last hidden states"}
ALONE = ["centroid_distance", "probe_accuracy", "mixing"]  # a number of both kinds
GROUPED = {"cosine": ["between", "text", "sid"], "norm": ["text", "sid"], "rank": ["text", "sid"]}
MEASURES = ALONE + [f"{name}_{kind}" for name, kinds in GROUPED.items() for kind in kinds]
NO_DIFFERENCE = {"centroid_distance": 0, "probe_accuracy": 0.5, "mixing": 1}  # where words and ids are alike
TITLES = {
    "centroid_distance": "distance of centres / spread",
    "probe_accuracy": "linear probe (accuracy)",
    "mixing": "neighbours of the other kind / chance",
    "cosine": "mean cosine",
    "norm": "mean length",
    "rank": "directions (participation ratio)",
}
KINDS = {"between": plots.BASELINE, "text": plots.COLOURS[0], "sid": plots.COLOURS[1]}


def probes(results):
    """The model that every probe-geometry looked into, once: arm, seed, stage (the probe's), checkpoint.  In the order of
    pipelines; a checkpoint is named after the stage that made it."""
    variants = {(row.arm, row.stage): row.variant for row in pauserec_results.variants(results).itertuples()}
    pipelines = results.cost.groupby(["arm", "seed"], sort=False)
    rows = []
    for (arm, seed), pipeline in pipelines:
        stages = json.loads(results.provenance.get((arm, seed), "{}")).get("stages", {})
        order = list(pipeline.stage)
        for stage, key in zip(pipeline.stage, pipeline.key):
            if stages.get(stage, {}).get("stage") != "probe-geometry":
                continue
            maker = stages[stage]["inputs"]["lm"].rsplit(".", 1)[0]
            name = pauserec_results.titled(maker, variants.get((arm, maker), ""))
            rows.append((arm, seed, stage, name, key, order.index(maker)))
    frame = pd.DataFrame(rows, columns=["arm", "seed", "stage", "checkpoint", "key", "place"]).drop_duplicates("key")
    frame["place"] = frame.groupby("checkpoint").place.transform("min")
    return frame.sort_values("place", kind="stable").drop(columns=["key", "place"]).reset_index(drop=True)


def measures(results):
    """checkpoint, seed, space, measure, value of every probe."""
    frame = probes(results).merge(results.metrics, on=["arm", "seed", "stage"])
    frame[["space", "measure"]] = frame.metric.str.split("_", n=1, expand=True).reindex(columns=[0, 1])
    known = frame.space.isin(SPACES) & frame.measure.isin(MEASURES)
    return frame.loc[known, ["checkpoint", "seed", "space", "measure", "value"]].reset_index(drop=True)


def projections(results):
    """checkpoint, seed, space, x, y, kind, token of every point."""
    columns = ["checkpoint", "seed", "space", "x", "y", "kind", "token"]
    found = [
        probes(results).merge(results.tables[f"{space}_projection"], on=["arm", "seed", "stage"]).assign(space=space)
        for space in SPACES
        if f"{space}_projection" in results.tables
    ]
    return pd.concat(found)[columns].reset_index(drop=True) if found else pd.DataFrame(columns=columns)


def curves(results):
    """pauserec_results.curves() of trainings with geometry_every: training, measure, seed, step, value."""
    frame = pauserec_results.curves(results)
    frame = frame[frame.series.isin([f"embedding_{name}" for name in MEASURES])].copy()
    frame["measure"] = frame.series.str.removeprefix("embedding_")
    frame["training"] = list(map(pauserec_results.titled, frame.stage, frame.variant))
    return frame[["training", "measure", "seed", "step", "value"]]


def table(frame):
    """Means of measures() over seeds: a row a space and measure, a column a checkpoint."""
    wide = frame.pivot_table(index=["space", "measure"], columns="checkpoint", values="value", sort=False, dropna=False)
    order = [(space, name) for space in SPACES for name in MEASURES if (space, name) in wide.index]
    return wide.reindex(order).reindex(columns=list(dict.fromkeys(frame.checkpoint)))


def _along(axis, frame, names, look, label):
    """One measure at every checkpoint: mean over seeds as dots, their range as a line."""
    by = frame.groupby("checkpoint").value.agg(["mean", "min", "max"]).reindex(names)
    places = range(len(names))
    axis.vlines(places, by["min"], by["max"], color=look, linewidth=1.2)
    axis.plot(places, by["mean"], "o-", color=look, markersize=4.5, linewidth=1, label=label)


def checkpoint_panels(frame, space):
    """A panel a measure of SPACE of measures(), checkpoints in the order of the pipeline along x; dotted where words and ids are
    alike."""
    mine = frame[(frame.space == space) & frame.value.notna()]
    names = list(dict.fromkeys(mine.checkpoint))
    figure, axes = plots.panels(len(TITLES), columns=3, width=3.6, height=2.5 + 0.035 * max(map(len, names)))
    for axis, (name, title) in zip(axes, TITLES.items()):
        for kind in GROUPED.get(name, [None]):
            measure = name if kind is None else f"{name}_{kind}"
            _along(axis, mine[mine.measure == measure], names, KINDS.get(kind, plots.BASELINE), kind)
        if name in NO_DIFFERENCE:
            axis.axhline(NO_DIFFERENCE[name], color=plots.GREY, linestyle=":", linewidth=1)
        axis.set_title(title)
        axis.set_xticks(range(len(names)), names, rotation=30 if max(map(len, names)) > 8 else 0, ha="right" if max(map(len, names)) > 8 else "center")
        axis.set_xlim(-0.5, len(names) - 0.5)
    plots.legend_below(figure, axes[list(TITLES).index("cosine")])
    figure.suptitle(SPACES[space], fontweight="bold")


def curve_panels(frame):
    """A panel a measure of curves(), a line a training."""
    names = [name for name in MEASURES if frame[frame.measure == name].value.notna().any()]
    looks = plots.looks(frame.training)
    figure, axes = plots.panels(len(names), columns=4, width=3, height=2.4)
    for axis, name in zip(axes, names):
        for training, curve in frame[(frame.measure == name) & frame.value.notna()].groupby("training", sort=False):
            plots.band(axis, pauserec_results.over_seeds(curve), looks[training], label=training)
        if name in NO_DIFFERENCE:
            axis.axhline(NO_DIFFERENCE[name], color=plots.GREY, linestyle=":", linewidth=1)
        axis.set_title(name.replace("_", " "))
        axis.set_xlabel("step")
    plots.legend_below(figure, axes[0])


def projection_panels(frame, space):
    """A panel a checkpoint of projections(), of its first seed: words, and the levels of SIDs."""
    mine = frame[frame.space == space]
    names = list(dict.fromkeys(mine.checkpoint))
    figure, axes = plots.panels(len(names), columns=4, width=3, height=3)
    for axis, name in zip(axes, names):
        points = mine[mine.checkpoint == name]
        points = points[points.seed == points.seed.min()]
        for kind in sorted(mine.kind.unique()):
            some = points[points.kind == kind]
            colour = plots.GREY if kind == 0 else plots.COLOURS[(int(kind) - 1) % len(plots.COLOURS)]
            label = "words" if kind == 0 else f"SID level {kind:.0f}"
            axis.plot(some.x, some.y, "o" if kind == 0 else "^", color=colour, markersize=3, alpha=0.6, markeredgewidth=0, label=label)
        axis.set_title(name)
        axis.set_xticklabels([])
        axis.set_yticklabels([])
    plots.legend_below(figure, axes[0])
    figure.suptitle(SPACES[space], fontweight="bold")
