"""What was measured, as rows of a table, as JSON, and as curves for plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.http_load import percentile_ms


@dataclass(frozen=True)
class Figure:
    """One measured value. name: for programs; beside: what else is to be known of it."""

    name: str
    what: str
    where: str
    value: float
    unit: str
    beside: str = ""

    def row(self) -> str:
        """As a row of the table."""
        value = f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.1f}"
        return f"| {self.what} | {self.where} | {value} {self.unit} | {self.beside} |"


HEAD = "| what | where | measured | |\n|---|---|---:|---|"


@dataclass(frozen=True)
class Plot:
    """Latencies of some runs, to be drawn as one picture; seconds by the run's name."""

    name: str
    title: str
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass
class Results:
    """All that one benchmark found."""

    figures: list[Figure] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)


def spread(seconds: Sequence[float]) -> str:
    """The usual percentiles in words."""
    parts = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    return ", ".join(f"{name} {percentile_ms(seconds, p):.1f}" for name, p in parts.items()) + " ms"
