"""How soon a like is in the profile, and how fast a backlog drains: embedded and through Kafka.

    python -m benchmarks.feedback
    python -m benchmarks.feedback --transports embedded --likes 500 --json

Consumer and relay are processes of their own on a database of their own; likes are accepted here
as the API accepts them. The delay counts from before the accepting commit until another
connection reads the changed row of user_profile. Kafka is a real broker, fetched with Maven on
the first run (tests/kafka/start-kafka; Java 17 or newer).
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SONGS, USERS = 1_000, 500
# Between two likes: never in step with anybody's polling.
GAP_SECONDS = (0.01, 0.06)
PATIENCE_SECONDS = 120.0


def main() -> None:
    """Measure each transport in a folder of its own and print one table."""
    options = _arguments()
    if options.child:
        print(json.dumps(_measure(options)))
        return
    reports = {}
    for transport in options.transports.split(","):
        reports[transport] = _in_a_folder(transport, options)
        if not options.json:
            print(_lines(transport, reports[transport]), flush=True)
    if options.json:
        print(json.dumps(reports))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--transports", default="embedded,kafka")
    parser.add_argument("--likes", type=int, default=300, help="single likes, for the delay")
    parser.add_argument("--backlog", type=int, default=30_000, help="events, for the drain")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _in_a_folder(transport: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure in a process that has its own folder, database and, with Kafka, broker."""
    with TemporaryDirectory() as folder, _broker(transport, Path(folder)) as address:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "musicrec.settings",
            "STATE_DIR": folder,
            "DATABASE_URL": "",
            "KAFKA_BOOTSTRAP_SERVERS": address,
        }
        migrate = [sys.executable, str(ROOT / "manage.py"), "migrate", "-v0"]
        subprocess.run(migrate, env=environment, check=True)
        arguments = ["--child", "--likes", str(options.likes), "--backlog", str(options.backlog)]
        child = [sys.executable, "-m", "benchmarks.feedback", *arguments]
        done = subprocess.run(child, env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        report: dict[str, Any] = json.loads(done.stdout)
        return report


@contextmanager
def _broker(transport: str, folder: Path) -> Iterator[str]:
    if transport == "embedded":
        yield ""
        return
    from tests.kafka.broker import Broker

    broker = Broker(folder / "kafka")
    broker.start()
    try:
        yield broker.address
    finally:
        broker.kill()


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything about the transport that the settings of this process name."""
    import django

    django.setup()
    from django.conf import settings

    from recommendations.models import Song

    Song.objects.bulk_create(Song(song_id=str(n), title=str(n)) for n in range(SONGS))
    through_kafka = bool(settings.KAFKA_BOOTSTRAP_SERVERS)
    report: dict[str, Any] = {}
    commands = ["relay_likes"] * through_kafka + ["consume_likes"]
    with _running(commands):
        report["delay_ms"] = _delays(options.likes)
    _fill(options.backlog)
    if through_kafka:
        with _running(["relay_likes"]):
            report["relay_events_per_second"] = _rate(_sent, options.backlog)
    before = _applied()
    with _running(["consume_likes"]):
        report["drain_events_per_second"] = _rate(lambda: _applied() - before, options.backlog)
    return report


@contextmanager
def _running(commands: Sequence[str]) -> Iterator[None]:
    children = [
        # Their own words would stand among the figures.
        subprocess.Popen([sys.executable, ROOT / "manage.py", name], stdout=subprocess.DEVNULL)
        for name in commands
    ]
    try:
        yield
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.communicate()


def _delays(count: int) -> dict[str, float]:
    """Milliseconds from asking to the changed row, one like at a time."""
    rng = random.Random(1)
    _delay("warm", "0")
    _delay("warm", "1")
    found = []
    for number in range(count):
        time.sleep(rng.uniform(*GAP_SECONDS))
        found.append(1_000 * _delay(f"u{number}", str(rng.randrange(SONGS))))
    found.sort()
    shown = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(found[min(int(q * count), count - 1)], 1) for name, q in shown.items()}


def _delay(user_id: str, song_id: str) -> float:
    from access import callers
    from feedback.outbox import Wish, accept
    from recommendations.models import Interaction

    row = Interaction.objects.filter(listener__user_id=user_id, song_id=song_id)
    start = time.perf_counter()
    accept(callers.service("benchmark", frozenset()), [Wish(user_id, song_id, "like")])
    while not row.exists():
        time.sleep(0.0005)
        if time.perf_counter() - start > PATIENCE_SECONDS:
            sys.exit("the like never came: does the consumer run?")
    return time.perf_counter() - start


def _fill(count: int) -> None:
    """Accept a backlog while nobody reads."""
    from access import callers
    from feedback.outbox import Wish, accept

    rng = random.Random(2)
    caller = callers.service("benchmark", frozenset())
    for start in range(0, count, 1_000):
        accept(
            caller,
            [
                Wish(
                    f"u{rng.randrange(USERS)}",
                    str(rng.randrange(SONGS)),
                    rng.choice(["like", "dislike", "unlike"]),
                )
                for _ in range(min(1_000, count - start))
            ],
        )


def _rate(done: Callable[[], int], count: int) -> int:
    """Events a second, from the first that is seen to be done until all are."""
    while not (first := done()):
        time.sleep(0.005)
    start = time.perf_counter()
    while done() < count:
        time.sleep(0.005)
    return round((count - first) / (time.perf_counter() - start))


def _applied() -> int:
    from feedback.models import AppliedEvent

    return AppliedEvent.objects.count()


def _sent() -> int:
    from feedback.models import OutboxEvent

    return OutboxEvent.objects.filter(sent_at__isnull=False, applied_at=None).count()


def _lines(transport: str, report: dict[str, Any]) -> str:
    delay = ", ".join(f"{name} {value} ms" for name, value in report["delay_ms"].items())
    rates = ", ".join(
        f"{name.removesuffix('_events_per_second')} {value} events/s"
        for name, value in report.items()
        if name != "delay_ms"
    )
    return f"| {transport} | {delay} | {rates} |"


if __name__ == "__main__":
    main()
