"""What this process has answered, in the text format of Prometheus.

Counted in memory, so each web process has numbers of its own, under its own ``process`` label: a
scrape reaches one of them. Sum over ``process`` to see all. What comes from the database (the
live model, the backlog, dead letters) is the same whichever process answers.
"""

import os
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

BUCKETS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

Labels = tuple[str, str, int]  # method, route, status


class RequestHistogram:
    """How many requests of each route took how long. Safe to feed from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Labels, list[int]] = {}
        self._seconds: dict[Labels, float] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. ``route`` is a pattern, never an address: labels must stay few."""
        labels = (method if method in _METHODS else "OTHER", route, status)
        bucket = bisect_left(BUCKETS_SECONDS, seconds)
        with self._lock:
            counts = self._counts.get(labels)
            if counts is None:
                counts = self._counts[labels] = [0] * (len(BUCKETS_SECONDS) + 1)
                self._seconds[labels] = 0.0
            counts[bucket] += 1
            self._seconds[labels] += seconds

    def lines(self) -> Iterator[str]:
        """The histogram as text, line by line."""
        with self._lock:
            rows = [
                (labels, list(counts), self._seconds[labels])
                for labels, counts in sorted(self._counts.items())
            ]
        yield from family("musicrec_request_seconds", "histogram", "Time to answer a request.")
        for (method, route, status), counts, seconds in rows:
            labels = {"method": method, "route": route, "status": status, "process": os.getpid()}
            yield from histogram(
                "musicrec_request_seconds", labels, BUCKETS_SECONDS, counts, seconds
            )


requests: Final = RequestHistogram()


def family(name: str, kind: str, what: str) -> Iterator[str]:
    """The two lines before the samples of one metric."""
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"


def histogram(
    name: str,
    labels: dict[str, object],
    bounds: Sequence[float],
    counts: Sequence[int],
    seconds: float,
) -> Iterator[str]:
    """The samples of one histogram, whose buckets are cumulative in this format.

    counts: of each bucket alone, one more than there are bounds. seconds: the sum of all.
    """
    total = 0
    for bound, count in zip((*bounds, "+Inf"), counts, strict=True):
        total += count
        yield sample(f"{name}_bucket", {**labels, "le": bound}, total)
    yield sample(f"{name}_sum", labels, round(seconds, 6))
    yield sample(f"{name}_count", labels, total)


def sample(name: str, labels: dict[str, object], value: float) -> str:
    """One line: name, labels, value."""
    inner = ",".join(f'{key}="{_escaped(str(text))}"' for key, text in labels.items())
    return f"{name}{{{inner}}} {value}" if inner else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
