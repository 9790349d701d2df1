"""Whole installations to measure on: real processes, a real Postgres, a real Kafka."""

import csv
import random
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.http_load import Call
from benchmarks.serving import TICKS_A_SECOND, processes
from musicrec.supervision import Child
from musicrec.web_flags import WEB_FLAGS
from tests import postgres
from tests.installation import ROOT, Installation, Web
from tests.kafka.broker import Broker

FIXTURES = ROOT / "fixtures"
ACTIONS = ("like", "dislike", "unlike")


@dataclass(frozen=True)
class Stand:
    """An installation over the fixtures, its web process, and a service key for it."""

    here: Installation
    web: Web
    key: str
    songs: list[str]
    users: list[str]
    rng: random.Random

    def like_calls(self, count: int) -> list[Call]:
        """So many single likes of pairs drawn by chance."""
        return [self.like_call(self.rng.choice(self.users)) for _ in range(count)]

    def like_call(self, user_id: str) -> Call:
        """A like of a song drawn by chance."""
        path = f"/api/v1/users/{user_id}/likes/{self.rng.choice(self.songs)}"
        return Call("PUT", path, self.key, '{"action":"like"}')


def end(child: Child) -> None:
    """End a process in order and wait for it."""
    child.process.terminate()
    child.process.wait()


def cpu_seconds_of(child: Child) -> float:
    """CPU time so far of one process."""
    ticks = next(ticks for pid, _, ticks in processes() if pid == child.process.pid)
    return ticks / TICKS_A_SECOND


@contextmanager
def stand(
    *, on_postgres: bool = False, kafka: bool = False, trained: bool = False
) -> Iterator[Stand]:
    """An installation of its own with a web process; all of it ends and goes with the block."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="musicrec-bench-")))
        environment: dict[str, str] = {}
        if on_postgres:
            where = postgres.programs()
            assert where is not None
            environment["DATABASE_URL"] = stack.enter_context(postgres.server(where))
            environment["SECRET_KEY"] = secrets.token_urlsafe(50)
        if kafka:
            broker = Broker(folder / "broker")
            stack.callback(broker.kill)
            broker.start()
            environment["KAFKA_BOOTSTRAP_SERVERS"] = broker.address
        here = Installation(folder / "state", **environment)
        stack.callback(here.stop)
        yield _filled(here, trained=trained)


def _filled(here: Installation, *, trained: bool) -> Stand:
    files = {name: FIXTURES / f"{name}.csv" for name in ("songs", "interactions")}
    here.manage("migrate", "--verbosity", "0")
    here.manage(
        "loadcsv", "--songs", str(files["songs"]), "--interactions", str(files["interactions"])
    )
    if trained:
        here.manage("retrain", "--algorithm", "local_ridge")
    return Stand(
        here=here,
        web=here.start_web(*WEB_FLAGS),
        key=here.manage("issue_token", "--service", "benchmark"),
        songs=_column(files["songs"], "song_id"),
        users=_column(files["interactions"], "user_id"),
        rng=random.Random(1),
    )


def _column(file: Path, name: str) -> list[str]:
    """The different values of one column, in their order."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(dict.fromkeys(row[name] for row in csv.DictReader(lines)))
