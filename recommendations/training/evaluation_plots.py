"""Plots of what ``manage.py evaluate`` found, several algorithms beside one another.

Each is drawn from the figures of ``evaluate --json`` alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recommendations.drawing import REFERENCE, SERIES, figure, label_ends, styled, write
from recommendations.engine.group_accuracy import SIZE_NAMES
from recommendations.training.evaluating import Report

LONGEST_NAME = 30

Look = Mapping[str, Any]
Rows = Mapping[str, Mapping[str, Any]]


def write_plots(reports: Sequence[Report], folder: Path) -> list[Path]:
    """One SVG file for each plot whose figures the reports have; the files that were written."""
    folder.mkdir(parents=True, exist_ok=True)
    looks = _looks(reports)
    with styled():
        drawings = {
            "accuracy": _accuracy(reports, looks),
            "recall": _recall(reports, looks),
            "exposure": _exposure(reports, looks),
            "profile": _by_profile(reports, looks),
            "genre": _by_genre(reports, looks),
        }
    found = []
    for name, drawing in drawings.items():
        if drawing is not None:
            found.append(folder / f"{name}.svg")
            write(drawing, found[-1])
    return found


def _looks(reports: Sequence[Report]) -> list[Look]:
    """Popularity is what the others are held against; they have the series' colours in turn."""
    others = [report for report in reports if report.name != "popularity"]
    return [
        SERIES[others.index(report) % len(SERIES)] if report in others else REFERENCE
        for report in reports
    ]


def _accuracy(reports: Sequence[Report], looks: Sequence[Look]) -> Figure | None:
    """A row a model: NDCG and recall with their intervals."""
    names = _shown_metrics(reports)
    if not names:
        return None
    drawing, panels = figure(
        "How well hidden likes are foretold",
        f"all songs ranked for {reports[0].users:,} users; bars are 95 % intervals over users",
        inches=(7.6, 1.7 + 0.42 * len(reports)),
        columns=len(names),
    )
    order = sorted(range(len(reports)), key=lambda at: reports[at].metrics[names[0]])
    for axes, name in zip(panels, names, strict=True):
        for place, at in enumerate(order):
            value, (low, high) = reports[at].metrics[name], reports[at].intervals[name]
            _whiskers(axes, [value], [place], [(low, high)], looks[at])
            axes.text(value, place + 0.2, _share(value), ha="center", va="bottom", fontsize=9)
        axes.set_xlabel(f"{_titled(name)} (0 to 1)")
        axes.set_xlim(0, 1.15 * max(each.intervals[name][1] for each in reports) or 1.0)
        axes.set_ylim(-0.5, len(reports) - 0.3)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.grid(visible=False, axis="y")
    panels[0].set_yticks(range(len(order)), [reports[at].name for at in order])
    return drawing


def _recall(reports: Sequence[Report], looks: Sequence[Look]) -> Figure | None:
    """recall@k over k."""
    curves = [report.report["curves"]["recall"] for report in reports]
    if not all(curves):
        return None
    drawing, [axes] = figure(
        "How many hidden likes a list of each length holds",
        f"recall@k, a mean over {reports[0].users:,} users",
    )
    for curve, look in zip(curves, looks, strict=True):
        axes.plot(range(1, len(curve) + 1), curve, **{**look, "marker": ""})
    length = len(curves[0])
    axes.set_xlim(0, length)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(_percent)
    axes.set_xlabel("length of the list, k songs")
    axes.set_ylabel("hidden likes among them, %")
    label_ends(axes, _ends(reports, looks, [(length, curve[-1]) for curve in curves]))
    return drawing


def _exposure(reports: Sequence[Report], looks: Sequence[Look]) -> Figure | None:
    """Lorenz curves from the most listed song on, with those of likes and of equal shares."""
    curves = [report.report["curves"]["exposure"] for report in reports]
    if not all(curves):
        return None
    drawing, [axes] = figure(
        "How few songs fill the lists",
        f"first 20 songs of {reports[0].users:,} users; the nearer to the corner, "
        "the more everyone is shown the same",
        inches=(7.6, 5.2),
    )
    shares = np.linspace(0, 100, len(curves[0]))
    for report, curve, look in sorted(
        zip(reports, curves, looks, strict=True), key=lambda each: -each[0].report["gini@20"]
    ):
        covered, gini = report.report["coverage@20"], report.report["gini@20"]
        label = f"{report.name}: {100 * covered:.0f} % of the songs, Gini {gini:.2f}"
        axes.plot(shares, _from_the_top(curve), label=label, **{**look, "marker": ""})
    if likes := reports[0].report["curves"]["likes"]:
        label = f"the users' own likes: Gini {reports[0].report['gini_of_likes']:.2f}"
        axes.plot(shares, _from_the_top(likes), label=label, color="#222222", linewidth=1)
    axes.plot([0, 100], [0, 100], color="#999999", linewidth=0.8)
    axes.text(
        25, 26.5, "all songs alike", rotation=45, transform_rotates_text=True, color="#666666",
        fontsize=9, ha="center", rotation_mode="anchor",
    )  # fmt: skip
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 102)
    axes.set_xlabel("songs, the most listed first, % of the catalogue")
    axes.set_ylabel("places in lists that they have, %")
    axes.legend(loc="lower right", fontsize=9.5)
    return drawing


def _by_profile(reports: Sequence[Report], looks: Sequence[Look]) -> Figure | None:
    """NDCG@10 by how many likes are known of the user."""
    tables = _tables(reports, "profile")
    names = [name for name in SIZE_NAMES if any(name in table for table in tables)]
    if not names:
        return None
    drawing, [axes] = figure(
        "How much a longer profile helps",
        "NDCG@10 by the likes that are known of the user; bars are 95 % intervals over users",
    )
    for at, (table, look) in enumerate(zip(tables, looks, strict=True)):
        places = np.arange(len(names)) + _beside(at, len(tables), 0.08)
        values, spans = _column(table, names)
        axes.plot(places, values, **{**look, "marker": ""}, alpha=0.6, linewidth=1.2)
        for place, value, (low, high) in zip(places, values, spans, strict=True):
            axes.vlines(place, low, high, color=look["color"], linewidth=2)
            axes.plot([place], [value], marker=look["marker"], color=look["color"])
    axes.set_xlim(-0.4, len(names) - 0.7)
    axes.set_ylim(bottom=0)
    users = {name: table[name]["users"] for table in tables for name in table}
    axes.set_xticks(range(len(names)), [f"{name}\n{users[name]:,} users" for name in names])
    axes.set_ylabel("NDCG@10 (0 to 1)")
    axes.grid(visible=False, axis="x")
    right = len(names) - 0.75
    ends = [(right, _column(table, names)[0][-1]) for table in tables]
    label_ends(axes, _ends(reports, looks, ends))
    return drawing


def _by_genre(reports: Sequence[Report], looks: Sequence[Look]) -> Figure | None:
    """NDCG@10 of the likes of each genre, the largest genre at the top."""
    tables = _tables(reports, "genre")
    names = list(tables[0]) if tables else []
    if not names:
        return None
    drawing, [axes] = figure(
        "For which genres the lists are good",
        "NDCG@10 of hidden likes of the genre alone; bars are 95 % intervals over users",
        inches=(7.6, 2.0 + 0.36 * len(names)),
    )
    for at, (report, table, look) in enumerate(zip(reports, tables, looks, strict=True)):
        places = np.arange(len(names)) + _beside(at, len(tables), 0.2)
        values, spans = _column(table, names)
        _whiskers(axes, values, places, spans, look, label=report.name)
    likes = [tables[0][name]["likes"] for name in names]
    axes.set_yticks(
        range(len(names)),
        [f"{_short(name)} ({count:,} likes)" for name, count in zip(names, likes, strict=True)],
        parse_math=False,  # dollar signs in a name make no formula
    )
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("NDCG@10 (0 to 1)")
    axes.grid(visible=False, axis="y")
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=3, fontsize=9.5, handlelength=1.5
    )
    return drawing


def _whiskers(
    axes: Axes,
    values: Sequence[float],
    places: Any,
    spans: Sequence[tuple[float, float]],
    look: Look,
    label: str | None = None,
) -> None:
    """Marks with their intervals as bars, lying."""
    lows, highs = zip(*spans, strict=True)
    axes.hlines(places, lows, highs, color=look["color"], linewidth=2)
    mark = {"marker": look["marker"], "color": look["color"], "linestyle": ""}
    axes.plot(values, places, label=label, clip_on=False, **mark)


def _tables(reports: Sequence[Report], kind: str) -> list[Rows]:
    """The rows of each report by the group's name."""
    rows = [report.report["accuracy"][kind] for report in reports]
    return [{row["group"]: row for row in table} for table in rows]


def _column(table: Rows, names: Sequence[str]) -> tuple[list[float], list[tuple[float, float]]]:
    """NDCG@10 of each group with its interval; nothing to see of a group that is missing."""
    void = float("nan")
    missing = {"ndcg@10": void, "intervals": {"ndcg@10": (void, void)}}
    rows = [table.get(name, missing) for name in names]
    return [row["ndcg@10"] for row in rows], [tuple(row["intervals"]["ndcg@10"]) for row in rows]


def _shown_metrics(reports: Sequence[Report]) -> list[str]:
    """NDCG@10 and recall@20, or the first NDCG and the last recall of other lengths."""
    known = [name for name in reports[0].metrics if all(name in each.metrics for each in reports)]
    ndcg = [name for name in known if name.startswith("ndcg@")]
    recall = [name for name in known if name.startswith("recall@")]
    if not ndcg or not recall:
        return []
    return [
        "ndcg@10" if "ndcg@10" in ndcg else ndcg[0],
        "recall@20" if "recall@20" in recall else recall[-1],
    ]


def _ends(
    reports: Sequence[Report], looks: Sequence[Look], points: Sequence[tuple[float, float]]
) -> list[tuple[float, float, str, str]]:
    """What to write at the ends of lines."""
    return [
        (x, y, report.name, look["color"])
        for report, look, (x, y) in zip(reports, looks, points, strict=True)
        if not np.isnan(y)
    ]


def _from_the_top(lorenz: Sequence[float]) -> Any:
    """The curve with the most listed songs first, in %."""
    return 100 * (1 - np.array(lorenz)[::-1])


def _beside(at: int, of: int, width: float) -> float:
    """How far marks of one place stand apart."""
    return (at - (of - 1) / 2) * width


def _percent(value: float, _place: object) -> str:
    return f"{100 * value:.0f}"


def _share(value: float) -> str:
    """A number from 0 to 1, as .123."""
    return f"{value:.3f}".removeprefix("0")


def _short(name: str) -> str:
    """A name that leaves room for the plot beside it."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…"


def _titled(name: str) -> str:
    return name.replace("ndcg", "NDCG")
