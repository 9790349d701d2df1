"""How fast a backlog goes from the outbox to Kafka and into the profiles, and who waits for it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from benchmarks.feedback.acceptance import BATCH_CLIENTS, batch_calls
from benchmarks.feedback.figures import Figure, Plot, Results, spread
from benchmarks.feedback.stands import Stand, cpu_seconds_of, end, stand
from benchmarks.http_load import ask, begin, gathered

LIKES_A_SECOND = 200
CONNECTIONS = 8
# Long enough for every backlog here, and for a machine that does other things too.
PATIENCE_SECONDS = 300.0


def measure(results: Results, events: int, seconds: int, *, kafka: bool) -> None:
    """A backlog drained alone, and one of ``seconds`` and more beside single likes."""
    where = "SQLite, Kafka" if kafka else "SQLite, embedded"
    with stand(kafka=kafka) as here:
        backlog = _Backlog(here)
        backlog.fill(events)
        if kafka:
            here.here.start("relay", "relay_likes")
            rate = backlog.sent()
            name = "relay: from the outbox to Kafka, acks=all"
            results.figures.append(Figure("relay", name, where, rate, "events a second"))
        consumer = here.here.start("consumer", "consume_likes")
        backlog.wait_for_the_first()
        before = cpu_seconds_of(consumer)
        rate = backlog.applied()
        cpu_us = 1e6 * (cpu_seconds_of(consumer) - before) / events
        label = "kafka" if kafka else "embedded"
        results.figures.append(
            Figure(
                f"drain_{label}",
                "drain of a backlog, FULL",
                where,
                rate,
                "events a second",
                f"the consumer's CPU {cpu_us:.0f} µs an event",
            )
        )
        end(consumer)
        _beside(results, here, where, label, round(rate * seconds), seconds, kafka=kafka)


def _beside(
    results: Results, here: Stand, where: str, label: str, events: int, seconds: int, *, kafka: bool
) -> None:
    """Single likes at a rate, first by themselves, then while a consumer drains at full speed."""
    count = LIKES_A_SECOND * seconds
    address = here.web.address
    alone = ask(address, here.like_calls(count), CONNECTIONS, rate=LIKES_A_SECOND)
    backlog = _Backlog(here)
    backlog.fill(events)
    if kafka:
        backlog.sent()
    here.here.start("consumer again", "consume_likes")
    backlog.wait_for_the_first()
    loading = begin(address, here.like_calls(count), CONNECTIONS, rate=LIKES_A_SECOND)
    backlog.applied()
    timing = gathered(loading)
    first, last = backlog.drained_from_to()
    pairs = zip(timing.latencies, timing.ended, strict=True)
    beside = [latency for latency, ended in pairs if first <= ended - latency and ended <= last]
    if not beside:
        raise SystemExit("the backlog was drained before the first like came: take a larger one")
    results.figures.append(
        Figure(
            f"beside_drain_{label}",
            f"p99 of a single like at {LIKES_A_SECOND} a second beside a drain at full speed",
            where,
            1_000 * sorted(beside)[len(beside) * 99 // 100],
            "ms",
            f"{spread(beside)} of {len(beside):,} likes; without it {spread(alone.latencies)}",
        )
    )
    curves = {"beside the drain": beside, "nothing beside": alone.latencies}
    title = f"One like of {LIKES_A_SECOND} a second, {where}"
    results.plots.append(Plot(f"beside-drain-{label}", title, curves))


class _Backlog:
    """Events of one filling, as the database shows them."""

    def __init__(self, here: Stand) -> None:
        self._here = here
        self._after = self._last_seq()
        self._up_to = self._after

    def fill(self, events: int) -> None:
        """Accept so many, by the batch route, while nobody reads."""
        ask(self._here.web.address, batch_calls(self._here, events), BATCH_CLIENTS)
        self._up_to = self._last_seq()

    def sent(self) -> float:
        """Wait until a relay has sent all; events a second."""
        self._wait("sent_at IS NULL AND applied_at IS NULL")
        stamps = self._stamps("sent_at")
        # The stamp comes after the sending: the first batch was sent before the first stamp.
        return _rate(stamps, without=0)

    def applied(self) -> float:
        """Wait until a consumer has applied all; events a second."""
        self._wait("applied_at IS NULL")
        # The stamp comes before the writing: the last batch was written after the last stamp.
        return _rate(self._stamps("applied_at"), without=-1)

    def drained_from_to(self) -> tuple[float, float]:
        """When the first and the last batch were applied, by time.time()."""
        stamps = self._stamps("applied_at")
        return stamps[0][0], stamps[-1][0]

    def _stamps(self, column: str) -> list[tuple[float, int]]:
        """Times of batches, and how many events each had."""
        stamps = (
            f"SELECT {column}, count(*) FROM outbox WHERE seq > ? AND seq <= ?"  # noqa: S608
            f" AND {column} NOT NULL GROUP BY 1 ORDER BY 1"
        )
        rows = self._here.here.query(stamps, self._after, self._up_to)
        return [(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp(), n) for at, n in rows]

    def wait_for_the_first(self) -> None:
        """Wait until a consumer has begun."""
        one = "SELECT 1 FROM outbox WHERE applied_at NOT NULL AND seq > ? AND seq <= ? LIMIT 1"
        self._poll(lambda: bool(self._here.here.query(one, self._after, self._up_to)))

    def _wait(self, condition: str) -> None:
        """Wait until no event of the backlog is so."""
        one = f"SELECT 1 FROM outbox WHERE {condition} AND seq <= ? LIMIT 1"  # noqa: S608 - constants
        self._poll(lambda: not self._here.here.query(one, self._up_to))

    def _poll(self, done: Callable[[], bool]) -> None:
        """Ask now and then, not to be in the way."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not done():
            if time.monotonic() > deadline:
                raise SystemExit(f"the backlog was not done in {PATIENCE_SECONDS:.0f} s")
            time.sleep(0.05)

    def _last_seq(self) -> int:
        [(last,)] = self._here.here.query("SELECT coalesce(max(seq), 0) FROM outbox")
        return int(last)


def _rate(stamps: list[tuple[float, int]], *, without: int) -> float:
    total = sum(count for _, count in stamps) - stamps[without][1]
    return total / (stamps[-1][0] - stamps[0][0])
