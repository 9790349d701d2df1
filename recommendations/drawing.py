"""How plots look here, and how one becomes an SVG file that is the same each time it is made.

The one place that imports matplotlib. Only commands and benchmarks draw, and import this when they
do: processes that serve never need it.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final
from warnings import catch_warnings, filterwarnings

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Told apart without colour too: each series has a shade, a dash and a mark of its own.
# Colours are of Okabe & Ito 2008, which also the colour-blind tell apart.
SERIES: Final[Sequence[dict[str, Any]]] = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    {"color": "#009E73", "linestyle": "-.", "marker": "^"},
    {"color": "#7B3FA0", "linestyle": (0, (5, 1, 1, 1, 1, 1)), "marker": "v"},
    {"color": "#E69F00", "linestyle": (0, (1, 1)), "marker": "P"},
)
# For what the others are held against.
REFERENCE: Final[dict[str, Any]] = {"color": "#6f6f6f", "linestyle": ":", "marker": "D"}
_INK, _FAINT = "#222222", "#dddddd"
# Text stays text. It is laid out as wide as DejaVu Sans is; where that is missing, Verdana is alike
# and others are narrower, so that nothing is cut off.
_FONTS: Final = "'DejaVu Sans', Verdana, Helvetica, Arial, sans-serif"
_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "musicrec",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": _FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "lines.linewidth": 2.0,
    "lines.markersize": 6,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "figure.facecolor": "white",
}
_TITLE_INCHES = 0.8


def styled() -> AbstractContextManager[None]:
    """Within it, whatever is drawn looks as plots do here."""
    return rc_context(_STYLE)


def figure(
    title: str,
    beneath: str,
    *,
    inches: tuple[float, float] = (7.6, 4.6),
    columns: int = 1,
    one_scale: bool = True,
) -> tuple[Figure, list[Axes]]:
    """An empty plot under a title and a line that says what is shown, with axes side by side.

    one_scale: whether what is side by side is measured by the same numbers.
    To be called, and drawn into, where it is ``styled``.
    """
    drawing = Figure(figsize=inches)
    # Not the layout engine's own titles: these begin at the left edge of the picture.
    top = 1 - _TITLE_INCHES / inches[1]
    drawing.set_layout_engine("constrained", rect=(0.01, 0.01, 0.98, top - 0.02), wspace=0.06)
    drawing.text(0.02, 1 - 0.3 / inches[1], title, fontsize=13, fontweight="bold")
    drawing.text(0.02, 1 - 0.58 / inches[1], beneath, fontsize=9.5, color="#555555")
    axes = drawing.subplots(1, columns, squeeze=False, sharey=one_scale and columns > 1)
    return drawing, list(axes[0])


def write(drawing: Figure, file: Path) -> None:
    """As SVG, without a date or a version, so that the same figures make the same file."""
    with styled(), catch_warnings():
        # Text stays text: whoever looks at it has fonts for scripts that ours lacks.
        filterwarnings("ignore", message="Glyph .* missing from font")
        drawing.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.read_text(encoding="utf-8").replace("'DejaVu Sans'", _FONTS)
    lines = (line.rstrip() for line in text.splitlines())
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Name lines at their right ends, (x, y, name, colour) each, moved apart where too near.

    The limits and scales of the axes must be set before.
    """
    axes.get_ylim()  # brings limits that follow the data up to date
    height = axes.transData + axes.transAxes.inverted()
    above = -float("inf")
    for x, y, name, colour in sorted(ends, key=lambda end: end[1]):
        above = max(float(height.transform((x, y))[1]), above + 0.06)
        axes.annotate(
            name,
            (x, above),
            xycoords=("data", "axes fraction"),
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )
