"""How the notebooks draw: colours that everybody tells apart, names that fit, labels that do not overlap."""
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, StrMethodFormatter
from pauserec_results import short_names

# Okabe and Ito: distinct under every common colour blindness. Black is the baseline's.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F"]
STYLES = ["-", "--", ":", "-."]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*", "<"]
BASELINE = "#000000"
GREY = "#8A8A8A"

SERIES = {  # axis labels of series whose name does not say all
    "loss": "loss (nats a token)",
    "valid_loss": "validation loss (nats a token)",
    "lr": "learning rate",
    "grad_norm": "norm of the gradient",
    "reward": "reward (mean of roll-outs)",
    "kl": "KL to the reference (nats)",
    "ndcg_10": "validation NDCG@10",
}
FIRST = ["loss", "valid_loss", "ndcg_10", "reward", "lr"]


def setup():
    plt.rcParams.update(
        {
            "figure.dpi": 100,
            "font.size": 9,
            "axes.titlesize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#E4E4E4",
            "grid.linewidth": 0.6,
            "axes.axisbelow": True,
            "legend.frameon": False,
            "legend.fontsize": 8,
        }
    )
    if "text.parse_math" in plt.rcParams:  # what people call their arms is text
        plt.rcParams["text.parse_math"] = False
    pd.set_option("display.float_format", "{:,.4g}".format, "display.max_rows", 500, "display.max_columns", 50)


def looks(names, baseline=None):
    """name -> keyword arguments of Axes.plot: colour, and a line style that differs where colours repeat."""
    others = [name for name in dict.fromkeys(names) if name != baseline]
    found = {
        name: {"color": COLOURS[i % len(COLOURS)], "linestyle": STYLES[i // len(COLOURS) % len(STYLES)]}
        for i, name in enumerate(others)
    }
    return {baseline: {"color": BASELINE, "linestyle": "-"}, **found} if baseline in list(names) else found


def panels(n, columns=3, width=3.6, height=2.6):
    """A figure of N panels, a list of them; the places that are left over are empty.  Sizes in inches, of one panel."""
    height = max(height, 2.1)
    columns = max(1, min(n, columns))
    rows = max(1, -(-n // columns))
    figure, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows), squeeze=False, layout="constrained")
    for axis in axes.flat[n:]:
        axis.set_axis_off()
    return figure, list(axes.flat[:n])


def rows_named_once(axes, columns):
    """The names of rows beside the first of COLUMNS panels only."""
    for i, axis in enumerate(axes):
        if i % columns:
            axis.set_yticklabels([])


def legend_below(figure, axis):
    """One legend for all panels, under them; none for a single name."""
    handles, labels = axis.get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, 0), ncol=min(3, len(labels)))


def percent_axis(axis, ends):
    """X axis in percent around 0: linear, or logarithmic on both sides where a few arms would push all others together."""
    ends = np.abs(np.asarray(ends, float))
    ends = ends[np.isfinite(ends)]
    most = ends.max(initial=1)
    if most > 60 and most > 3 * np.median(ends):
        axis.set_xscale("symlog", linthresh=10, linscale=1)
        ticks = [t for t in [-100, -10, 0, 10, 100, 1000, 10000] if -120 <= t <= 1.5 * most]
        axis.set_xticks(ticks, [f"{t:+d}" if t else "0" for t in ticks])
        axis.minorticks_off()
        axis.set_xlim(*(1.3 * end for end in axis.get_xlim()))


def effect_rows(axis, frame, names, baseline):
    """Relative differences of effects() to BASELINE: a row an arm, the interval as a line, the minimum detectable effect as
    a grey bar around 0; a filled dot has p_holm below 0.05."""
    places = np.arange(len(frame))[::-1]
    percent = 100 * frame[["difference", "difference_low", "difference_high", "detectable"]]
    reach = percent.detectable.fillna(0)
    axis.barh(places, 2 * reach, left=-reach, height=0.62, color="#DCDCDC", zorder=1)
    known = percent.difference_low.notna().to_numpy()
    low, high = percent.difference_low[known], percent.difference_high[known]
    axis.hlines(places[known], low, high, color=COLOURS[0], linewidth=1.6, zorder=3)
    sure = (frame.p_holm < 0.05).to_numpy()
    for chosen, fill in [(sure, COLOURS[0]), (~sure, "white")]:
        axis.plot(percent.difference[chosen], places[chosen], "o", color=fill, markeredgecolor=COLOURS[0], markersize=5, zorder=4)
    axis.axvline(0, color=BASELINE, linewidth=0.9, zorder=2)
    axis.set_yticks(places, [names[arm] for arm in frame.index])
    axis.set_ylim(-0.6, len(frame) - 0.4)
    axis.grid(axis="y", visible=False)
    percent_axis(axis, percent.to_numpy().ravel())
    axis.set_xlabel(f"% against {names[baseline]}")


def stack(heights, width=7.2):
    """A figure of panels under one another, of these HEIGHTS in inches."""
    figure, axes = plt.subplots(
        len(heights), 1, figsize=(width, sum(heights)), squeeze=False, layout="constrained", height_ratios=heights
    )
    return figure, list(axes.flat)


def claim_rows(axis, claim, frame):
    """Findings of one claim of pauserec_claims.evaluate(), relative differences in per cent: a row each, the interval as a
    line; a filled dot where it does not hold 0."""
    places = np.arange(len(frame))[::-1]
    axis.hlines(places, frame.low, frame.high, color=COLOURS[0], linewidth=1.6, zorder=3)
    sure = ((frame.low > 0) | (frame.high < 0)).to_numpy()
    for chosen, fill in [(sure, COLOURS[0]), (~sure, "white")]:
        axis.plot(frame.ours[chosen], places[chosen], "o", color=fill, markeredgecolor=COLOURS[0], markersize=5, zorder=4)
    axis.axvline(0, color=BASELINE, linewidth=0.9, zorder=2)
    axis.set_yticks(places, [f"{data}: {what}" for data, what in zip(frame.data, frame.what)])
    axis.set_ylim(-0.6, len(frame) - 0.4)
    axis.grid(axis="y", visible=False)
    percent_axis(axis, frame[["ours", "low", "high"]].to_numpy().ravel())
    axis.set_title(claim, loc="left", fontsize=9)
    axis.set_xlabel("%")


def margin_labels(axis, points):
    """Names of points (x, y, name, colour) in the right margin, in the order of y, each with a thin line to its point."""
    height = axis.figure.get_size_inches()[1] / axis.get_subplotspec().get_gridspec().nrows * 0.75
    gap = 1.25 * 8 / 72 / height
    axis.autoscale_view()
    to_axes = axis.transData + axis.transAxes.inverted()
    points = sorted(points, key=lambda point: to_axes.transform(point[:2])[1])
    places = spread([to_axes.transform(point[:2])[1] for point in points], gap)
    for (x, y, name, colour), place in zip(points, places):
        axis.annotate(
            name, (x, y), (1.04, place), textcoords="axes fraction", fontsize=8, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.6, "shrinkB": 3, "relpos": (0, 0.5)},
        )


def spread(places, gap):
    """Rising PLACES in 0 .. 1, moved as little as needs be until neighbours are GAP apart, within bounds where they fit."""
    blocks = []  # places that touch: [sum of wanted starts, how many]; member i stands i gaps above the start
    for place in places:
        blocks.append([place, 1])
        while len(blocks) > 1 and blocks[-1][0] / blocks[-1][1] < blocks[-2][0] / blocks[-2][1] + gap * blocks[-2][1]:
            total, n = blocks.pop()
            blocks[-1][0] += total - n * gap * blocks[-1][1]
            blocks[-1][1] += n
    found = [start / n + gap * i for start, n in blocks for i in range(n)]
    top = max(1, gap * (len(found) - 1))
    return [min(max(place, gap * i), top - gap * (len(found) - 1 - i)) for i, place in enumerate(found)]


def band(axis, frame, look, label=None):
    """One series of pauserec_results.over_seeds(): mean as a line, the seeds' range as a band; few points get markers."""
    marker = {"marker": "o", "markersize": 3} if len(frame) <= 25 else {}
    axis.plot(frame.step, frame.value, label=label, linewidth=1.3, **marker, **look)
    if (frame.high > frame.low).any():
        axis.fill_between(frame.step, frame.low, frame.high, color=look["color"], alpha=0.18, linewidth=0)


def score_rows(axis, frame, names, baseline, rows, metric):
    """Scores of effects(): a row an arm, its interval, its seeds as dots; dotted what an oracle expects."""
    places = dict(zip(frame.index, np.arange(len(frame))[::-1]))
    for arm, place in places.items():
        colour = BASELINE if arm == baseline else COLOURS[0]
        if np.isfinite(frame.low[arm]):
            axis.hlines(place, frame.low[arm], frame.high[arm], color=colour, linewidth=1.6)
        seeds = rows[(rows.arm == arm) & (rows.metric == metric)].value
        if len(seeds) > 1:
            axis.plot(seeds, [place - 0.28] * len(seeds), ".", color=colour, markersize=3.5)
        axis.plot(frame["mean"][arm], place, "s" if arm == baseline else "o", color=colour, markersize=5)
    best = rows[rows.metric == f"oracle_{metric}"].value.mean()
    if np.isfinite(best):
        axis.axvline(best, color=GREY, linestyle=":", linewidth=1.2)
    axis.set_yticks(list(places.values()), [names[arm] for arm in places])
    axis.set_ylim(-0.6, len(places) - 0.4)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel(metric)


def front(axis, frame, cost, on_front, names, baseline):
    """Scores of FRAME (mean, low, high) against COST, logarithmic beyond a factor of ten, with names in the margin and the
    front as a line."""
    frame = frame[(frame[cost] > 0) & frame["mean"].notna()]
    points = []
    for arm, row in frame.iterrows():
        colour = BASELINE if arm == baseline else COLOURS[0] if on_front[arm] else GREY
        if np.isfinite(row.low):
            axis.vlines(row[cost], row.low, row.high, color=colour, linewidth=0.8, alpha=0.5)
        marker, fill = "s" if arm == baseline else "o", colour if on_front[arm] else "white"
        axis.plot(row[cost], row["mean"], marker, color=fill, markeredgecolor=colour, markersize=6, zorder=4)
        points.append((row[cost], row["mean"], names[arm], colour))
    best = frame[on_front.reindex(frame.index)].sort_values(cost)
    axis.step(best[cost], best["mean"], where="post", color=COLOURS[0], linewidth=1, zorder=2)
    if frame[cost].max() > 10 * frame[cost].min():
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_major_formatter(EngFormatter(sep=" ") if cost.endswith("flops") else StrMethodFormatter("{x:,g}"))
    margin_labels(axis, points)


def stacked_rows(axis, amounts, names, most=7):
    """AMOUNTS (index arm, stage) as a bar an arm, the stages that amount to most in colours."""
    largest = amounts.groupby(level="stage", sort=False).sum().nlargest(most)
    shown = [stage for stage in amounts.index.get_level_values("stage").unique() if largest.get(stage, 0) > 0]
    table = amounts.unstack("stage").reindex(list(names)).fillna(0)
    table["other stages"] = table.drop(columns=shown).sum(axis=1)
    places, left = np.arange(len(table))[::-1], np.zeros(len(table))
    for stage, colour in zip(shown + ["other stages"], COLOURS[: len(shown)] + ["#C4C4C4"]):
        axis.barh(places, table[stage], left=left, color=colour, height=0.7, label=stage, edgecolor="white", linewidth=0.5)
        left += table[stage].to_numpy()
    axis.set_yticks(places, [names[arm] for arm in table.index])
    axis.set_ylim(-0.6, len(table) - 0.4)
    axis.grid(axis="y", visible=False)
    axis.xaxis.set_major_formatter(EngFormatter(sep=" ") if amounts.max() >= 1e6 else StrMethodFormatter("{x:,g}"))


def curve_panels(stage, frame, over_seeds):
    """All series of one STAGE of curves(), a panel each, its variants in colours."""
    series = sorted(dict.fromkeys(frame.series), key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    # What is minimised: cross-entropy, but not where rewards are raised.
    titles = {**SERIES, **({"loss": "loss"} if "reward" in series else {})}
    variants = looks(frame.variant)
    figure, axes = panels(len(series), columns=4, width=3, height=2.4)
    for axis, name in zip(axes, series):
        for variant, curve in frame[frame.series == name].groupby("variant", sort=False):
            band(axis, over_seeds(curve), variants[variant], label=variant)
        axis.set_title(titles.get(name, name.replace("_", " ")))
        axis.set_xlabel("number" if name.endswith("_values") else "step")
        if name == "lr":
            axis.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    widest = max(axes, key=lambda axis: len(axis.get_legend_handles_labels()[1]))
    legend_below(figure, widest)
    figure.suptitle(stage, fontweight="bold")


def last_and_best(group, frame):
    """A row of a summary of curves of one (stage, variant, seed)."""
    row = dict(zip(["stage", "variant", "seed"], group))
    for name, of_series in frame.groupby("series", sort=False):
        curve = of_series.sort_values("step")
        if name == "loss":
            row["last loss"] = curve.value.tail(max(1, len(curve) // 10)).mean()
        elif name in ("valid_loss", "ndcg_10"):
            best = curve.loc[curve.value.idxmin() if name == "valid_loss" else curve.value.idxmax()]
            row[f"best {name}"], row["at step"] = best.value, best.step
    return row


def level_lines(axis, frame, column, quantizers):
    """COLUMN of levels of codebooks, a line a quantizer, seeds as a band."""
    for quantizer, look in looks(quantizers).items():
        levels = frame[(frame.quantizer == quantizer) & frame[column].notna()].groupby("level")[column].agg(["mean", "min", "max"])
        if len(levels):
            axis.plot(levels.index + 1, levels["mean"], marker="o", markersize=4, label=quantizer, **look)
            axis.fill_between(levels.index + 1, levels["min"], levels["max"], color=look["color"], alpha=0.18, linewidth=0)
    axis.set_xticks(sorted(frame.level.unique() + 1))
    axis.set_xlabel("level")


def usage_panels(usage, quantizers):
    """Items of the codes from the fullest to the emptiest: a panel a quantizer, a line a level, of the first seed."""
    figure, axes = panels(len(quantizers), width=4, height=2.8)
    for axis, quantizer in zip(axes, quantizers):
        mine = usage[usage.quantizer == quantizer]
        mine = mine[mine.seed == mine.seed.min()]
        levels = looks(sorted(mine.level.unique()))
        for level, histogram in mine.groupby("level"):
            histogram = histogram.sort_values("items", ascending=False)
            items = np.repeat(histogram["items"].to_numpy(), histogram.codes.to_numpy(int))
            axis.step(np.arange(1, len(items) + 1), items, where="mid", label=f"level {level + 1:.0f}", **levels[level])
            axis.axhline(items.mean(), color=levels[level]["color"], linestyle=":", linewidth=1)
        axis.set_ylim(bottom=0)
        axis.set_title(quantizer)
        axis.set_xlabel("code, fullest first")
        axis.set_ylabel("items")
        axis.legend()


def bucket_bars(buckets, quantizers):
    """How many ids hold how many items: bars side by side, means over seeds, the count on a logarithmic axis."""
    figure, (axis,) = panels(1, width=6, height=3)
    width = 0.8 / len(quantizers)
    for i, (quantizer, look) in enumerate(looks(quantizers).items()):
        mine = buckets[buckets.quantizer == quantizer]
        tuples = mine.groupby("items").tuples.sum() / max(mine.seed.nunique(), 1)
        axis.bar(tuples.index + (i + 0.5) * width - 0.4, tuples, width, color=look["color"], label=quantizer)
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axis.set_ylim(bottom=0.4 if buckets.seed.nunique() == 1 else 0.4 / buckets.seed.nunique())
    axis.set_xlabel("items that share an id")
    axis.set_ylabel("ids")
    axis.xaxis.get_major_locator().set_params(integer=True)
    legend_below(figure, axis)


def against_k(axis, frame):
    """FRAME (k, series, mean, low, high) against k: a line a series, beside one another where their k are equal."""
    shown = looks(frame.series)
    names = short_names(frame.series)
    values = sorted(frame.k.unique())
    places = {k: i for i, k in enumerate(values)}  # evenly spaced: 1, 3, 5, 10 would push the small ones together
    for i, (series, look) in enumerate(shown.items()):
        mine = frame[frame.series == series].sort_values("k")
        x = mine.k.map(places) + (i - (len(shown) - 1) / 2) * min(0.08, 0.7 / len(shown))
        errors = np.stack([mine["mean"] - mine.low, mine.high - mine["mean"]])
        marker = MARKERS[i % len(MARKERS)]
        axis.errorbar(x, mine["mean"], errors, marker=marker, markersize=4.5, linewidth=1.2, capsize=2, label=names[series], **look)
    axis.set_xticks(range(len(values)), [f"{k:g}" for k in values])
    axis.set_xlim(-0.6, len(values) - 0.4)
    axis.set_xlabel("k (pauses before the answer)")


def level_of(axis, mean, low, high, label):
    """A reference that has no x: a line with its interval; nothing if it is unknown."""
    if np.isfinite(mean):
        axis.axhline(mean, color=BASELINE, linewidth=1, label=label, zorder=1)
        axis.axhspan(low, high, color=BASELINE, alpha=0.08, linewidth=0, zorder=0)


def difference_rows(axis, frame, arms):
    """FRAME (arm, label, mean, low, high) as rows, a row a label in the order of FRAME, arms side by side in it; a line is the
    interval.  ARMS: arm -> look with its label."""
    labels = list(dict.fromkeys(frame.label))
    places = dict(zip(labels, range(len(labels) - 1, -1, -1)))
    for i, (arm, look) in enumerate(arms.items()):
        mine = frame[frame.arm == arm]
        y = mine.label.map(places) + (0 if len(arms) < 2 else 0.5 * (0.5 - i / (len(arms) - 1)))
        axis.hlines(y, mine.low, mine.high, color=look["color"], linewidth=1.6, zorder=3)
        axis.plot(mine["mean"], y, MARKERS[i % len(MARKERS)], color=look["color"], markersize=4.5, label=look["label"], zorder=4)
    axis.axvline(0, color=BASELINE, linewidth=0.9, zorder=2)
    axis.set_yticks(list(places.values()), labels)
    axis.set_ylim(-0.6, len(labels) - 0.4)
    axis.grid(axis="y", visible=False)
    axis.locator_params(axis="x", nbins=5)


def against_share(axis, frame, kinds):
    """FRAME (corruption, share, mean, low, high) against the share of rationales that were spoilt, a line a kind."""
    for i, (kind, look) in enumerate(looks(kinds).items()):
        mine = frame[frame.corruption == kind].sort_values("share")
        x = 100 * mine.share + (i - (len(kinds) - 1) / 2) * 0.8
        errors = np.stack([mine["mean"] - mine.low, mine.high - mine["mean"]])
        axis.errorbar(x, mine["mean"], errors, marker=MARKERS[i % len(MARKERS)], markersize=4, linewidth=1.2, capsize=2, label=kind, **look)
    axis.set_xlabel(f"rationales spoilt ({kinds[0]}) before training (%)" if len(kinds) == 1 else "rationales spoilt before training (%)")
