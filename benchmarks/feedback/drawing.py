"""Latency plots as SVG, written by hand: no library is needed to draw a few lines."""

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

from benchmarks.feedback.figures import Plot
from benchmarks.http_load import percentile_ms

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 60
# Each "nine" more has the same width, so that the slow few can be seen.
PERCENTILES = (0.0, 50.0, 90.0, 99.0, 99.9)
COLOURS = ("#1f6fb4", "#c8501e", "#2e8540", "#7b3fa0")
STEPS = 160
FONT = 'font-family="sans-serif" font-size="13"'


def write_plots(plots: Sequence[Plot], folder: Path) -> None:
    """One file a plot."""
    folder.mkdir(parents=True, exist_ok=True)
    for plot in plots:
        (folder / f"{plot.name}.svg").write_text(drawn(plot), encoding="utf-8")


def drawn(plot: Plot) -> str:
    """The picture: percentiles to the right, milliseconds upwards, both in powers of ten."""
    curves = {name: _points(seconds) for name, seconds in plot.curves.items()}
    values = [ms for points in curves.values() for _, ms in points]
    low = 10.0 ** math.floor(math.log10(min(values)))
    high = 10.0 ** math.ceil(math.log10(max(values)))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(WIDTH / 2, 26, plot.title, "middle", 'font-size="16" font-weight="bold"'),
        *_grid(low, high),
    ]
    for index, (name, points) in enumerate(curves.items()):
        parts += _curve(index, name, points, low, high)
    return "\n".join([*parts, "</svg>\n"])


def _points(seconds: Sequence[float]) -> list[tuple[float, float]]:
    """(percentile, milliseconds), as far as there are enough values to tell."""
    furthest = _nines(100 * (1 - 1 / max(len(seconds), 2)))
    last = min(furthest, _nines(PERCENTILES[-1]))
    percents = [100 * (1 - 10 ** -(last * step / STEPS)) for step in range(STEPS + 1)]
    return [(percent, max(percentile_ms(seconds, percent), 0.01)) for percent in percents]


def _nines(percent: float) -> float:
    return -math.log10(1 - percent / 100)


def _x(percent: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * _nines(percent) / _nines(PERCENTILES[-1])


def _y(ms: float, low: float, high: float) -> float:
    share = math.log10(ms / low) / math.log10(high / low)
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _grid(low: float, high: float) -> list[str]:
    bottom = HEIGHT - BOTTOM
    parts = []
    for percent in PERCENTILES:
        x = _x(percent)
        parts.append(_line(x, TOP, x, bottom))
        parts.append(_text(x, bottom + 20, f"{percent:g} %", "middle"))
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        y = _y(10.0**power, low, high)
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 8, y + 4, f"{10.0**power:g}", "end"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, bottom + 44, "so many of the likes …", "middle"))
    turned = f'transform="rotate(-90 18 {(TOP + bottom) / 2:.0f})"'
    parts.append(_text(18, (TOP + bottom) / 2, "… took at most, milliseconds", "middle", turned))
    return parts


def _curve(
    index: int, name: str, points: Sequence[tuple[float, float]], low: float, high: float
) -> list[str]:
    colour = COLOURS[index % len(COLOURS)]
    path = " ".join(f"{_x(percent):.1f},{_y(ms, low, high):.1f}" for percent, ms in points)
    y = TOP + 16 + 20 * index
    sample = f'x1="{LEFT + 12}" y1="{y - 4}" x2="{LEFT + 36}" y2="{y - 4}"'
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        f'<line {sample} stroke="{colour}" stroke-width="3"/>',
        _text(LEFT + 44, y, name, "start"),
    ]


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="#ddd"/>'


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(text)}</text>'
