"""What must not get much worse: short runs of benchmarks, held to about a third of their figure.

    python -m benchmarks.gates

A third, because machines differ and are shared; docs/benchmarks.md has the figures themselves.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Gate:
    """One benchmark, the figure of it that is held, and its floor."""

    name: str
    arguments: tuple[str, ...]
    figure: Callable[[Any], float]
    floor: float


def named(rows: list[dict[str, Any]], key: str, value: str) -> dict[str, Any]:
    """The row of a benchmark's output that has this name."""
    return next(row for row in rows if row[key] == value)


def beyond_popularity(rows: list[dict[str, Any]]) -> float:
    """How many times popularity's NDCG@10 the engine's is."""
    ours, popular = (named(rows, "algorithm", name) for name in ("local_ridge", "popularity"))
    return float(ours["metrics"]["ndcg@10"] / popular["metrics"]["ndcg@10"])


GATES = (
    Gate(
        "loadcsv, rows a second",
        ("benchmarks.load", "--rows", "200000", "--json"),
        lambda rows: float(named(rows, "name", "loadcsv")["rows_per_second"]),
        20_000,
    ),
    Gate(
        "recommendations, requests a CPU-second",
        ("benchmarks.serving", "--requests", "3000", "--json"),
        lambda rows: float(
            named(rows, "route", "recommendations, service key")["requests_per_cpu_second"]
        ),
        350,
    ),
    Gate(
        "likes of 32 clients, a second",
        ("benchmarks.feedback", "--parts", "likes", "--likes", "2000", "--json"),
        lambda figures: float(named(figures, "name", "likes_32_sqlite")["value"]),
        500,
    ),
    Gate(
        "local ridge on the fixtures, times popularity's NDCG@10",
        (
            "benchmarks.accuracy",
            "fixtures",
            "--algorithms",
            "popularity,local_ridge",
            "--seeds",
            "1",
            "--json",
        ),
        beyond_popularity,
        1.5,
    ),
)


def main() -> None:
    """Run all gates and fail if any is below its floor."""
    below = [gate.name for gate in GATES if not passes(gate)]
    if below:
        raise SystemExit(f"below the floor: {'; '.join(below)}")


def passes(gate: Gate) -> bool:
    """Run one benchmark, print its figure, and say whether it reaches the floor."""
    command = [sys.executable, "-m", *gate.arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figure = gate.figure(json.loads(done.stdout.strip().splitlines()[-1]))
    print(f"{gate.name}: {figure:,.2f} (at least {gate.floor:,.2f})", flush=True)
    return figure >= gate.floor


if __name__ == "__main__":
    main()
