"""Likes as clients send them: one by one over HTTP, and in batches."""

import json
from pathlib import Path
from statistics import median

from benchmarks.feedback.commits import bare_commits, outbox_commits
from benchmarks.feedback.figures import Figure, Plot, Results, spread
from benchmarks.feedback.stands import ACTIONS, Stand, stand
from benchmarks.http_load import Call, Timing, ask
from benchmarks.serving import cpu_seconds

CLIENTS = (1, 32)
BATCH, BATCH_CLIENTS = 1_000, 4
WARM_UP = 500


def measure(results: Results, likes: int, *, on_postgres: bool) -> None:
    """Single likes of one and of many clients, beside bare commits, and the batch route."""
    with stand(on_postgres=on_postgres) as here:
        where = "Postgres" if on_postgres else "SQLite"
        ask(here.web.address, here.like_calls(WARM_UP), max(CLIENTS))
        bare = _Bare(here.here.folder / "musicrec.sqlite3")
        timings = {}
        for clients in CLIENTS:
            if not on_postgres:
                bare.measure()
            before = cpu_seconds()
            timings[clients] = ask(here.web.address, here.like_calls(likes), clients)
            cpu_us = 1e6 * (cpu_seconds() - before) / likes
            results.figures.append(_single(where, clients, timings[clients], cpu_us))
            if not on_postgres:
                bare.measure()
                results.figures.append(_floor(here, where, likes, clients))
        if not on_postgres:
            results.figures += bare.figures() + bare.ratios(timings)
        results.figures.append(_batches(here, where, events=max(20_000, 4 * likes)))
        curves = {_clients(n): each.latencies for n, each in timings.items()}
        results.plots.append(
            Plot(f"likes-{where.lower()}", f"Acknowledging one like over HTTP, {where}", curves)
        )


class _Bare:
    """Bare commits of the same minutes: before and after each run of likes, and their medians."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._plain: list[float] = []
        self._outbox: dict[int, list[float]] = {clients: [] for clients in CLIENTS}

    def measure(self) -> None:
        """All of them, once."""
        self._plain.append(bare_commits(self._database))
        for clients, rates in self._outbox.items():
            rates.append(outbox_commits(self._database, clients))

    def figures(self) -> list[Figure]:
        """What SQLite alone commits."""
        plain, outbox = "one row and one index", "the outbox's row and its indexes"
        return [
            self._figure("bare_commits", plain, median(self._plain)),
            *(
                self._figure(
                    f"outbox_commits_{clients}", f"{outbox}, {_clients(clients)}", median(rates)
                )
                for clients, rates in self._outbox.items()
            ),
        ]

    def ratios(self, timings: dict[int, Timing]) -> list[Figure]:
        """The likes as shares of the commits that as many connections make."""
        return [
            Figure(
                f"likes_{clients}_share",
                f"single likes, {_clients(clients)}, beside as many bare connections",
                "SQLite",
                100 * timing.per_second / median(self._outbox[clients]),
                "%",
                f"of the outbox's row; {100 * timing.per_second / median(self._plain):.0f} % of"
                " the plain row of one connection",
            )
            for clients, timing in timings.items()
        ]

    def _figure(self, key: str, what: str, rate: float) -> Figure:
        return Figure(key, f"bare single commits, FULL, {what}", "SQLite alone", rate, "a second")


def _floor(here: Stand, where: str, count: int, clients: int) -> Figure:
    """What the same web process answers where there is nothing to do, and no database in it."""
    timing = ask(here.web.address, [Call("GET", "/healthz", here.key)] * count, clients)
    name = f"answers to /healthz, {_clients(clients)}"
    return Figure(f"floor_{clients}", name, where, timing.per_second, "a second")


def _single(where: str, clients: int, timing: Timing, cpu_us: float) -> Figure:
    client_us = 1e6 * timing.cpu / len(timing.latencies)
    return Figure(
        f"likes_{clients}_{where.lower()}",
        f"single likes, {_clients(clients)}",
        where,
        timing.per_second,
        "a second",
        f"{spread(timing.latencies)}; CPU {cpu_us:.0f} µs a like, the clients {client_us:.0f} µs",
    )


def _clients(count: int) -> str:
    return f"{count} client{'s' * (count > 1)}"


def _batches(here: Stand, where: str, *, events: int) -> Figure:
    timing = ask(here.web.address, batch_calls(here, events), BATCH_CLIENTS)
    return Figure(
        f"batch_{where.lower()}",
        f"likes by the batch route, {BATCH:,} a request, {BATCH_CLIENTS} clients",
        where,
        events / timing.wall,
        "events a second",
        f"a request: {spread(timing.latencies)}",
    )


def batch_calls(here: Stand, events: int) -> list[Call]:
    """Requests of the batch route that bring so many events."""
    return [
        Call("POST", "/api/v1/feedback", here.key, json.dumps(_events(here, min(BATCH, left))))
        for left in range(events, 0, -BATCH)
    ]


def _events(here: Stand, count: int) -> list[dict[str, str]]:
    return [
        {
            "user_id": here.rng.choice(here.users),
            "song_id": here.rng.choice(here.songs),
            "action": here.rng.choice(ACTIONS),
        }
        for _ in range(count)
    ]
