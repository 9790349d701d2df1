"""How long after a like the recommendations show it, over HTTP, embedded and through Kafka.

    python -m benchmarks.visibility [--likes N] [--json]

Web, consumer and (with Kafka) relay are processes of their own over the fixtures. A like is sent by
PUT; from the moment of sending, recommendations are asked for until the liked song has left
them. One like at a time, so this is the delay of an idle system; the time of the last GET is in it.
"""

import argparse
import json
import random
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.serving import FIXTURES
from tests.installation import Installation, Web
from tests.kafka.broker import Broker, can_start

POLL_SECONDS = 0.002
GIVE_UP_SECONDS = 30.0


@dataclass(frozen=True)
class Row:
    """One transport's delays in milliseconds, from the sending of the like."""

    transport: str
    likes: int
    acknowledged_p50_ms: float
    visible_p50_ms: float
    visible_p99_ms: float
    visible_max_ms: float


def main() -> None:
    """Measure both transports and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--likes", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="musicrec-bench-") as folder:
        rows = [measured(Path(folder) / "embedded", "embedded", {}, options.likes)]
        if can_start():
            rows.append(through_kafka(Path(folder), options.likes))
    print_rows(rows, as_json=options.json)


def through_kafka(folder: Path, likes: int) -> Row:
    """The same with a real broker between outbox and consumer."""
    broker = Broker(folder / "broker")
    broker.start()
    try:
        environment = {"KAFKA_BOOTSTRAP_SERVERS": broker.address}
        return measured(folder / "kafka", "Kafka", environment, likes)
    finally:
        broker.kill()


def measured(folder: Path, transport: str, environment: dict[str, str], likes: int) -> Row:
    """Prepare an installation, start its processes and time its likes."""
    here = Installation(folder, **environment)
    try:
        web = started(here, kafka=bool(environment))
        # The first like of all also waits for group and connections to form.
        timed_like(web, "101")
        users = [row[0] for row in here.query("SELECT user_id FROM listener ORDER BY id")]
        times = [timed_like(web, user) for user in random.Random(1).choices(users, k=likes)]
    finally:
        here.stop()
    acknowledged = sorted(1_000 * first for first, _ in times)
    visible = sorted(1_000 * last for _, last in times)
    return Row(
        transport=transport,
        likes=likes,
        acknowledged_p50_ms=round(acknowledged[likes // 2], 1),
        visible_p50_ms=round(visible[likes // 2], 1),
        visible_p99_ms=round(visible[likes * 99 // 100], 1),
        visible_max_ms=round(visible[-1], 1),
    )


def started(here: Installation, *, kafka: bool) -> Web:
    """The web process of a trained installation, with its consumer and relay."""
    here.manage("migrate", "--verbosity", "0")
    files = ("--songs", str(FIXTURES / "songs.csv"))
    here.manage("loadcsv", *files, "--interactions", str(FIXTURES / "interactions.csv"))
    here.manage("retrain", "--algorithm", "local_ridge")
    here.start("consumer", "consume_likes")
    if kafka:
        here.start("relay", "relay_likes")
    return here.start_web().as_caller(here.manage("issue_token", "--service", "benchmark"))


def timed_like(web: Web, user_id: str) -> tuple[float, float]:
    """Seconds until the like of the best song was acknowledged, and until the list lost it."""
    address = f"/api/v1/users/{user_id}"
    best = first_song(web, address)
    began = time.perf_counter()
    status, answer = web.call("PUT", f"{address}/likes/{best}", {"action": "like"})
    acknowledged = time.perf_counter() - began
    if status != 202:
        raise SystemExit(f"the like answered {status}: {answer}")
    while first_song(web, address) == best:
        if time.perf_counter() - began > GIVE_UP_SECONDS:
            raise SystemExit(f"the like of {best} by {user_id} did not show")
        time.sleep(POLL_SECONDS)
    return acknowledged, time.perf_counter() - began


def first_song(web: Web, address: str) -> str:
    """The id of the song that is recommended first."""
    _, answer = web.call("GET", f"{address}/recommendations?limit=1")
    return str(answer["results"][0]["song"]["song_id"])


def print_rows(rows: list[Row], *, as_json: bool) -> None:
    """As a table for people or JSON for programs."""
    if as_json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    print("| transport | likes | acknowledged p50 ms | visible p50 ms | p99 ms | max ms |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(str(value) for value in asdict(row).values()) + " |")


if __name__ == "__main__":
    main()
