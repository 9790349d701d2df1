"""Latency plots as SVG: how many of the likes took at most how long, up to the slow few."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.feedback.figures import Plot
from benchmarks.http_load import percentile_ms
from recommendations.drawing import SERIES, figure, label_ends, styled, write

# Each "nine" more has the same width, so that the slow few can be seen.
PERCENTILES = (0.0, 50.0, 90.0, 99.0, 99.9)
STEPS = 160
# (percentile, milliseconds) along one curve.
Points = Sequence[tuple[float, float]]


def write_plots(plots: Sequence[Plot], folder: Path) -> None:
    """One file a plot."""
    folder.mkdir(parents=True, exist_ok=True)
    for plot in plots:
        curves = {name: _points(seconds) for name, seconds in plot.curves.items()}
        with styled():
            write(drawn(plot.title, curves), folder / f"{plot.name}.svg")


def drawn(title: str, curves: Mapping[str, Points]) -> Figure:
    """The picture: percentiles to the right, milliseconds upwards in powers of ten."""
    drawing, [axes] = figure(title, "each nine more has the same width: the slow few can be seen")
    ends = []
    for (name, points), look in zip(curves.items(), cycle(SERIES), strict=False):
        places = [_nines(percent) for percent, _ in points]
        axes.plot(places, [ms for _, ms in points], **{**look, "marker": ""})
        ends.append((places[-1], points[-1][1], name, look["color"]))
    axes.set_yscale("log")
    values = [ms for points in curves.values() for _, ms in points]
    axes.set_ylim(_power_of_ten(min(values), math.floor), _power_of_ten(max(values), math.ceil))
    axes.yaxis.set_major_formatter(lambda ms, _place: f"{ms:g}")
    axes.set_xlim(0, _nines(PERCENTILES[-1]))
    ticks = [f"{percent:g} %" for percent in PERCENTILES]
    axes.set_xticks([_nines(percent) for percent in PERCENTILES], ticks)
    axes.set_xlabel("so many of the likes …")
    axes.set_ylabel("… took at most, milliseconds")
    label_ends(axes, ends)
    return drawing


def _points(seconds: Sequence[float]) -> Points:
    """(percentile, milliseconds), as far as there are enough values to tell."""
    furthest = _nines(100 * (1 - 1 / max(len(seconds), 2)))
    last = min(furthest, _nines(PERCENTILES[-1]))
    percents = [100 * (1 - 10 ** -(last * step / STEPS)) for step in range(STEPS + 1)]
    return [(percent, max(percentile_ms(seconds, percent), 0.01)) for percent in percents]


def _nines(percent: float) -> float:
    return -math.log10(1 - percent / 100)


def _power_of_ten(ms: float, rounded: Callable[[float], int]) -> float:
    """The next one below (math.floor) or above (math.ceil)."""
    return 10.0 ** rounded(math.log10(ms))
