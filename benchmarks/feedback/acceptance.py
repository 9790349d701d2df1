"""Likes as clients send them: one by one over HTTP, and in batches."""

import json
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
        bare = [] if on_postgres else [_bare(here)]
        timings = {}
        for clients in CLIENTS:
            before = cpu_seconds()
            timings[clients] = ask(here.web.address, here.like_calls(likes), clients)
            cpu_us = 1e6 * (cpu_seconds() - before) / likes
            results.figures.append(_single(where, clients, timings[clients], cpu_us))
            if not on_postgres:
                bare.append(_bare(here))
                results.figures.append(_floor(here, where, likes, clients))
        if bare:
            results.figures += _ratios(bare, timings)
        results.figures.append(_batches(here, where, events=max(20_000, 4 * likes)))
        curves = {f"{n} client{'s' * (n > 1)}": each.latencies for n, each in timings.items()}
        results.plots.append(
            Plot(f"likes-{where.lower()}", f"Acknowledging one like over HTTP, {where}", curves)
        )


def _bare(here: Stand) -> tuple[float, float]:
    database = here.here.folder / "musicrec.sqlite3"
    return bare_commits(database), outbox_commits(database)


def _floor(here: Stand, where: str, count: int, clients: int) -> Figure:
    """What the same web process answers where there is nothing to do, and no database in it."""
    timing = ask(here.web.address, [Call("GET", "/healthz", here.key)] * count, clients)
    name = f"answers to /healthz, {clients} client{'s' * (clients > 1)}"
    return Figure(f"floor_{clients}", name, where, timing.per_second, "a second")


def _single(where: str, clients: int, timing: Timing, cpu_us: float) -> Figure:
    client_us = 1e6 * timing.cpu / len(timing.latencies)
    return Figure(
        f"likes_{clients}_{where.lower()}",
        f"single likes, {clients} client{'s' * (clients > 1)}",
        where,
        timing.per_second,
        "a second",
        f"{spread(timing.latencies)}; CPU {cpu_us:.0f} µs a like, the clients {client_us:.0f} µs",
    )


def _ratios(bare: list[tuple[float, float]], timings: dict[int, Timing]) -> list[Figure]:
    """The bare commits of the same minutes (medians), and the likes as shares of them."""
    plain, outbox = (median(each[which] for each in bare) for which in (0, 1))
    plain_name = "bare single commits, FULL, one row and one index"
    outbox_name = "bare single commits, FULL, the outbox's row and its indexes"
    return [
        Figure("bare_commits", plain_name, "SQLite alone", plain, "a second"),
        Figure("outbox_commits", outbox_name, "SQLite alone", outbox, "a second"),
        *(
            Figure(
                f"likes_{clients}_share",
                f"single likes, {clients} client{'s' * (clients > 1)}, beside bare commits",
                "SQLite",
                100 * timing.per_second / outbox,
                "%",
                f"of the outbox's row; {100 * timing.per_second / plain:.0f} % of the plain row",
            )
            for clients, timing in timings.items()
        ),
    ]


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
