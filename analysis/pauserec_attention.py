"""What probe-attention says, as data frames and figures: where pauses look.  Knows the frames of pauserec_results.Results."""
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import PowerNorm

import pauserec_plots as plots
import pauserec_results

# Numbers of classes as in the plugin's README: the parts share out all positions, views overlap.
PARTS = ["instruction", "separator", "relevant", "other", "tags", "pauses", "decoded", "self"]
VIEWS = ["border", "item_first", "item_last", "oldest", "newest", "same_code"]
CLASSES = PARTS + VIEWS
COLOURS = dict(zip(PARTS, ["#0072B2", "#56B4E9", "#D55E00", "#E6C9A8", "#8A8A8A", "#009E73", "#CC79A7", "#D5D5D5"]))
CLAIM = ["entropy", "instruction", "border", "relevant", "same_code", "selectivity", "newest"]


def frames(results):
    """mass, entropy and cases: the plugin's tables, each probe once, with columns probe, seed, query_name and (of classes) name;
    empty where no stage looked."""
    found = {name: results.tables.get("attention_" + name, pd.DataFrame()) for name in ["mass", "entropy", "cases"]}
    names = results.tables.get("attention_queries", pd.DataFrame())
    for name, frame in found.items():
        if not len(frame) or not len(names):
            found[name] = pd.DataFrame()
            continue
        keys = ["arm", "seed", "stage", "query"]
        labels = [query_name(row.kind, row.number) for row in names.itertuples()]
        frame = frame.merge(names[keys].assign(query_name=labels), on=keys)
        frame = pauserec_results.distinct(results, frame)
        probes = list(map(pauserec_results.titled, frame.stage, frame.variant))
        frame = frame.drop(columns=["arm", "stage", "variant"])
        frame.insert(0, "probe", probes)
        if "class" in frame:
            frame["name"] = [CLASSES[int(number)] for number in frame["class"]]
        found[name] = frame
    return found


def query_name(kind, number):
    return {0: f"pause {number:.0f}", 1: "</think>", 2: f"code {number:.0f}"}[int(kind)]


def overall(frame):
    """Rows of the mean over all layers and heads."""
    return frame[(frame.layer == -1) & (frame["head"] == -1)]


def over_seeds(frame, by, columns):
    """Means of COLUMNS over seeds, in the order of rows."""
    return frame.groupby(["probe", *by, "query", "query_name"], sort=False)[columns].mean().reset_index()


def stacked_masses(mass, probes):
    """A panel a probe: what each query spends on the parts."""
    table = over_seeds(overall(mass), ["name"], ["mass"])
    figure, axes = plots.panels(len(probes), columns=2, width=4.6, height=3)
    for axis, probe in zip(axes, probes):
        mine = table[table.probe == probe]
        queries = list(dict.fromkeys(mine.sort_values("query", kind="stable").query_name))
        left = np.zeros(len(queries))
        for part in PARTS:
            values = mine[mine.name == part].set_index("query_name").mass.reindex(queries).to_numpy()
            axis.bar(range(len(queries)), values, bottom=left, color=COLOURS[part], label=part, width=0.8)
            left += values
        axis.set_xticks(range(len(queries)), queries, rotation=45, ha="right")
        axis.set_ylim(0, 1)
        axis.set_title(probe)
        axis.grid(axis="x", visible=False)
    axes[0].set_ylabel("mass of attention")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, 0), ncol=4)


def lift_lines(mass, probes, classes):
    """A panel a probe: lift of CLASSES by query with two standard errors over users (of the mean seed); 1 is a line."""
    table = over_seeds(overall(mass), ["name"], ["lift", "lift_se"])
    looks = plots.looks(classes)
    figure, axes = plots.panels(len(probes), columns=2, width=4.6, height=3)
    for axis, probe in zip(axes, probes):
        mine = table[(table.probe == probe) & table.name.isin(classes)]
        for i, name in enumerate(classes):
            line = mine[mine.name == name].sort_values("query")
            axis.errorbar(line["query"], line.lift, 2 * line.lift_se, marker=plots.MARKERS[i], markersize=3.5, linewidth=1.2,
                          label=name.replace("_", " "), **looks[name])
        labels = mine.drop_duplicates("query").sort_values("query")
        axis.set_xticks(labels["query"], labels.query_name, rotation=45, ha="right")
        axis.axhline(1, color=plots.BASELINE, linewidth=0.8)
        axis.set_ylim(bottom=0)
        axis.set_title(probe)
    axes[0].set_ylabel("lift (mass / share of positions)")
    plots.legend_below(figure, axes[0])


def breadth_lines(entropy, probes):
    """Positions looked at, a line a probe: mean over heads of exp (entropy)."""
    table = over_seeds(overall(entropy), [], ["effective", "keys"])
    figure, (axis,) = plots.panels(1, width=6, height=3)
    for probe, look in plots.looks(probes).items():
        line = table[table.probe == probe].sort_values("query")
        axis.plot(line["query"], line.effective, marker="o", markersize=4, label=probe, **look)
    longest = table.sort_values("query").drop_duplicates("query")
    axis.set_xticks(longest["query"], longest.query_name, rotation=45, ha="right")
    axis.set_ylabel(f"positions looked at\n(of {table['keys'].mean():.0f})")
    axis.set_ylim(bottom=0)
    plots.legend_below(figure, axis)


def head_panels(mass, probe, classes):
    """Mass of CLASSES by layer and head, in the first pause and in the last, means over seeds."""
    mine = mass[(mass.probe == probe) & (mass["head"] >= 0) & mass.query_name.str.startswith("pause")]
    first, last = mine["query"].min(), mine["query"].max()
    figure, axes = plots.panels(2 * len(classes), columns=len(classes), width=2.8, height=2.3)
    for column, name in enumerate(classes):
        top = mine[(mine.name == name) & mine["query"].isin([first, last])].mass.max()
        for row, query in enumerate([first, last]):
            axis = axes[row * len(classes) + column]
            grid = mine[(mine.name == name) & (mine["query"] == query)].pivot_table(index="layer", columns="head", values="mass")
            image = axis.imshow(grid, cmap="viridis", vmin=0, vmax=max(top, 1e-9), aspect="auto", interpolation="nearest")
            axis.set_xticks(*ticks(grid.shape[1]))
            axis.set_yticks(*ticks(grid.shape[0]))
            axis.grid(visible=False)
            axis.set_title(f"{name.replace('_', ' ')}, pause {query + 1:.0f}")
            axis.set_xlabel("head" if row else "")
            axis.set_ylabel("layer" if column == 0 else "")
        figure.colorbar(image, ax=[axes[column], axes[len(classes) + column]], shrink=0.8)
    figure.suptitle(probe, fontweight="bold")


def ticks(n):
    """At most nine places of N, numbered from 1, for an axis."""
    places = range(0, n, max(1, -(-n // 9)))
    return list(places), [str(i + 1) for i in places]


def case_map(axis, case):
    """One user: queries by positions.  A purchase is named once, under its first code, with a star if it is relevant."""
    grid = case.pivot_table(index="query", columns="position", values="weight").sort_index()
    keys = case[case["query"] == case["query"].max()].set_index("position").sort_index()
    image = axis.imshow(grid, cmap="magma_r", norm=PowerNorm(0.5, vmin=0), aspect="auto", interpolation="nearest")
    labels = {position: label(keys, position) for position in keys.index}
    shown = {position: text for position, text in labels.items() if text}
    axis.set_xticks(list(shown), [text for text, _ in shown.values()], rotation=90, fontsize=7)
    for tick, (_, colour) in zip(axis.get_xticklabels(), shown.values()):
        tick.set_color(colour)
    axis.set_yticks(range(len(grid)), case.drop_duplicates("query").sort_values("query").query_name, fontsize=8)
    axis.grid(visible=False)
    axis.figure.colorbar(image, ax=axis, pad=0.01, label="weight")


def label(keys, position):
    """Text and colour for a position where something begins, None elsewhere."""
    key, before = keys.loc[position], keys.loc[position - 1] if position - 1 in keys.index else None
    name = PARTS[int(key["class"])]
    if key.place >= 0:
        star, colour = ("* ", COLOURS["relevant"]) if name == "relevant" else ("", "#555555")
        return (f"{star}item {key['item']:.0f}", colour) if key.level == 0 else None
    if name == "self":
        return ("itself", "#555555")
    if name == "separator" or (before is not None and before["class"] == key["class"] and name == "instruction"):
        return None
    return (name.rstrip("s") if name in ("tags", "pauses") else name, COLOURS[name] if name != "separator" else "#555555")


def case_figures(cases, probe, most=3):
    """Maps of the first users of PROBE, of its first seed, means over all heads; the users shown."""
    mine = overall(cases[cases.probe == probe])
    mine = mine[mine.seed == mine.seed.min()]
    users = list(dict.fromkeys(mine.user))[:most]
    for user in users:
        case = mine[mine.user == user]
        width = min(14, 3 + 0.13 * case.position.nunique())
        figure, axis = plt.subplots(figsize=(width, 1 + 0.28 * case["query"].nunique()), layout="constrained")
        case_map(axis, case)
        axis.set_title(f"{probe}: user {user:.0f}")
    return users


def differences(results, baseline):
    """What the last pause does otherwise than the first, by arm: mean over users and seeds with its 95 % interval over users."""
    rows = []
    for name in CLAIM:
        values = {when: f"{name}_{when}" for when in ["first", "last", "difference"]}
        if values["difference"] not in results.per_user:
            continue
        of_arm = pauserec_results.effects(results, values["difference"], baseline)
        means = {when: pauserec_results.effects(results, values[when], baseline)["mean"] for when in ["first", "last"]}
        for arm, row in of_arm.dropna(subset=["mean"]).iterrows():
            rows.append((arm, name, means["first"][arm], means["last"][arm], row["mean"], row.low, row.high))
    columns = ["arm", "measure", "first pause", "last pause", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns).sort_values("arm", kind="stable").set_index(["arm", "measure"])
