"""A strict reader of Prometheus' text format, for tests: version 0.0.4, as a scraper reads it."""

import re
from typing import Final

HEADER: Final = re.compile(r"# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)")
SAMPLE: Final = re.compile(
    r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*=\"(?:\\[\\\"n]|[^\\\"\n])*\",?)*)\})?"
    r" (\S+)"
)
LABEL: Final = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)=\"((?:\\[\\\"n]|[^\\\"\n])*)\"")

Labels = frozenset[tuple[str, str]]


def read(text: str) -> dict[str, dict[Labels, float]]:
    """The samples by name and labels. Fails the test where a scraper would refuse the text."""
    assert text.endswith("\n")
    kinds: dict[str, str] = {}
    helped: set[str] = set()
    samples: dict[str, dict[Labels, float]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            header = HEADER.fullmatch(line)
            assert header, line
            what, name, rest = header.groups()
            known = helped if what == "HELP" else kinds
            assert name not in known, f"{what} {name} twice"
            assert name not in samples, f"{what} {name} after its samples"
            helped.add(name) if what == "HELP" else kinds.update({name: rest})
            continue
        found = SAMPLE.fullmatch(line)
        assert found, line
        name, inner, value = found.groups()
        family = re.sub("_(bucket|sum|count)$", "", name)
        family = family if kinds.get(family) == "histogram" else name
        assert family in kinds, f"{name} without TYPE"
        assert family in helped, f"{name} without HELP"
        labels = frozenset(LABEL.findall(inner or ""))
        series = samples.setdefault(name, {})
        assert labels not in series, f"{line} twice"
        series[labels] = float(value)
    for name, kind in kinds.items():
        assert kind in {"gauge", "counter", "histogram"}
        assert (kind == "counter") == name.endswith("_total")
        if kind == "histogram":
            _check_histogram(name, samples)
    return samples


def _check_histogram(name: str, samples: dict[str, dict[Labels, float]]) -> None:
    """Buckets that only grow, up to the count, each with a bound of its own."""
    buckets: dict[Labels, list[tuple[float, float]]] = {}
    for labels, value in samples.get(f"{name}_bucket", {}).items():
        rest = dict(labels)
        bound = float(rest.pop("le"))
        buckets.setdefault(frozenset(rest.items()), []).append((bound, value))
    assert buckets.keys() == samples.get(f"{name}_count", {}).keys()
    assert buckets.keys() == samples.get(f"{name}_sum", {}).keys()
    for labels, found in buckets.items():
        values = [value for _, value in sorted(found)]
        assert values == sorted(values)
        assert max(found) == (float("inf"), samples[f"{name}_count"][labels])
