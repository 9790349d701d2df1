"""The curve of ``benchmarks.scale`` as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes

from recommendations.drawing import REFERENCE, SERIES, figure, styled, write

_PANELS: Final = (
    ("seconds", "seconds of training", True),
    ("peak_mb", "peak MB, data included", True),
    ("recall@20", "recall@20", False),
)
_LOOKS: Final[dict[str, dict[str, Any]]] = {
    "local_ridge": dict(SERIES[0]),
    "ials": dict(SERIES[1]),
    "blend": dict(SERIES[2]),
    "popularity": dict(REFERENCE),
    "optimum": dict(SERIES[3]),
}
# A blend's own seconds are of weighing alone.
_NOT_SHOWN: Final = {("seconds", "blend")}


def write_plot(rows: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Time, memory and accuracy by likes, side by side; the file that was written."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "scale.svg"
    with styled():
        drawing, panels = figure(
            "Training from 100,000 to 50 million likes",
            "fifty likes a user, made up; optimum: ranked by the taste that they were made from",
            inches=(10.5, 4.4),
            columns=len(_PANELS),
            one_scale=False,
        )
        for axes, (name, title, powers) in zip(panels, _PANELS, strict=True):
            axes.set_title(title, loc="left", fontsize=10)
            axes.set_xlabel("likes")
            axes.set_xscale("log")
            if powers:
                axes.set_yscale("log")
            _lines(axes, rows, name)
            if not powers:
                # Room above for the names.
                axes.set_ylim(0, 1.5 * axes.get_ylim()[1])
            axes.legend(fontsize=8, loc="upper left")
    write(drawing, file)
    return file


def _lines(axes: Axes, rows: Sequence[dict[str, Any]], name: str) -> None:
    for model, look in _LOOKS.items():
        points = [
            (row["likes"], row[name]) for row in rows if row["model"] == model and name in row
        ]
        if points and (name, model) not in _NOT_SHOWN:
            axes.plot(*zip(*points, strict=True), label=model, **look)
