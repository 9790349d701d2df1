"""A fresh installation with real processes, a journal of what it promised, and the oracle.

Web, consumers and relay are started, killed and asked to end as an operator would; nothing of the
project's own code runs in the process of the harness.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from musicrec.supervision import Child
from musicrec.web_flags import THREADS
from tests.faults import broker_log, load
from tests.faults.database import Database
from tests.faults.journal import Journal, Pair, Said
from tests.faults.load import Load, Server
from tests.faults.oracle import Verdict, judge
from tests.faults.template import SONGS, Template, environment
from tests.installation import Installation, Web
from tests.kafka.broker import Broker
from tests.ports import free_port

PATIENCE_SECONDS: Final = 60.0
# Every look opens a connection, on Postgres with a process of its own: more often would be load.
POLL_SECONDS: Final = 0.02
USERS_IN_BATCHES: Final = 50


@dataclass(frozen=True)
class Ended:
    """How a process ended that was asked to."""

    code: int
    seconds: float
    said: str


class World:
    """One installation, and all that is known of it.

    broker: where its likes go, or None for the outbox alone. It may be shared with other worlds:
        topic and group are this world's own.
    """

    def __init__(
        self, folder: Path, template: Template, broker: Broker | None, seed: int, **more: str
    ) -> None:
        self.url = template.copy(folder)
        self.seed, self.broker = seed, broker
        self.environment = environment(self.url, broker) | more
        self.here = Installation(folder, **self.environment)
        self.database = Database(folder / "musicrec.sqlite3", self.url)
        self.journal = Journal(folder / "journal.jsonl")
        self.server = Server(f"http://127.0.0.1:{free_port()}", template.credential)
        self.web = Web(self.server.address, template.credential)
        self._alive: list[Child] = []
        self._started = 0
        self.counted: list[int] = []

    @property
    def topic(self) -> str:
        """The topic of this world's likes."""
        return self.environment["LIKES_TOPIC"]

    @property
    def group(self) -> str:
        """The group of this world's consumers."""
        return self.environment["LIKES_GROUP"]

    # --- processes ---------------------------------------------------------------------------

    def leaders(self) -> list[int]:
        """The processes that run; each has a session of its own, with all that it started."""
        return [child.process.pid for child in self._alive]

    def start_web(self, *flags: str) -> Child:
        """Start the web process, always at the same address, and wait until it answers.

        flags: of granian, in the place of one worker with the usual threads.
        """
        where = ("--host", "127.0.0.1", "--port", self.server.address.rpartition(":")[2])
        child = self._begin(
            "web",
            "-m",
            "granian",
            "--interface",
            "wsgi",
            *where,
            *(flags or ("--blocking-threads", THREADS)),
            "musicrec.wsgi:application",
        )
        self.wait(self.web.is_ready, "the web process to be ready")
        return child

    def start_consumer(self) -> Child:
        """Start a consumer; it may not have begun to work yet."""
        return self._begin("consumer", *self._manage("consume_likes", "--json"))

    def start_relay(self) -> Child:
        """Start a relay; only for a world with a broker."""
        return self._begin("relay", *self._manage("relay_likes"))

    def start_module(self, name: str, *arguments: str) -> Child:
        """Start another process that is a Python module: celery."""
        return self._begin(name, "-m", *arguments)

    def start_all(self) -> dict[str, Child]:
        """Start one of each and wait until the web process answers."""
        found = {"consumer": self.start_consumer()}
        if self.broker is not None:
            found["relay"] = self.start_relay()
        return {"web": self.start_web(), **found}

    def kill(self, child: Child) -> None:
        """kill -9, with all that it started."""
        self._alive.remove(child)
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()

    def kill_worker(self, web: Child) -> None:
        """kill -9 to the worker of a web process alone, and see the process end with it."""
        self._alive.remove(web)
        pid = web.process.pid
        for worker in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(worker), signal.SIGKILL)
        web.process.wait(PATIENCE_SECONDS)

    def end(self, child: Child) -> Ended:
        """SIGTERM, and wait for its end."""
        child.process.terminate()
        return self.await_end(child)

    def await_end(self, child: Child) -> Ended:
        """Wait until it has ended."""
        self._alive.remove(child)
        started = time.monotonic()
        code = child.process.wait(PATIENCE_SECONDS)
        ended = Ended(code, time.monotonic() - started, child.last_words())
        for line in ended.said.splitlines():
            with suppress(ValueError, KeyError, TypeError):
                self.counted.append(json.loads(line)["applied"])
        return ended

    def bring_broker(self, *, up: bool = True) -> Broker:
        """The broker, running or not, whatever the scenario before has done to it."""
        assert self.broker is not None
        if not up:
            self.broker.kill()
        elif self.broker.is_running:
            self.broker.resume()
        else:
            self.broker.start()
        return self.broker

    def run(self, *arguments: str) -> str:
        """A command of manage.py, to its good end."""
        return self.here.manage(*arguments)

    # --- what is said ------------------------------------------------------------------------

    def load(self, **options: Any) -> Load:
        """Clients that like and dislike until the block ends (load.Load has the options)."""
        self._started += 1
        options = {"seed": self.seed + self._started} | options
        return Load(self.server, self.journal, SONGS, **options)

    def say(self, count: int) -> None:
        """Say so many words by the batch route."""
        self._started += 1
        dice = random.Random(self.seed + self._started)
        names = [f"b{self._started}-{number}" for number in range(USERS_IN_BATCHES)]
        self.say_these([load.draw(dice, names, SONGS) for _ in range(count)])

    def say_these(self, words: Sequence[Said]) -> None:
        """Say these words by the batch route, a thousand a request."""
        load.say_in_batches(self.server, self.journal, words)

    # --- what has come of it -------------------------------------------------------------------

    def applied(self) -> int:
        """How many events have had their effect."""
        return self.database.number("SELECT COUNT(*) FROM applied_event")

    def waiting(self) -> int:
        """How many rows of the outbox have had none."""
        return self.database.number("SELECT COUNT(*) FROM outbox WHERE applied_at IS NULL")

    def wait(
        self,
        holds: Callable[[], Any],
        what: str,
        seconds: float = PATIENCE_SECONDS,
        *,
        every: float = POLL_SECONDS,
    ) -> float:
        """Poll until it holds, and return the seconds that took.

        every: seconds between two polls; a question to the broker opens a connection each time.
        Fails when it does not in time, or when a process has ended that nobody killed.
        """
        started = time.monotonic()
        while not holds():
            self.check_alive()
            if time.monotonic() - started > seconds:
                raise AssertionError(f"waited {seconds} s for {what}\n{self._last_words()}")
            time.sleep(every)
        return time.monotonic() - started

    def await_answers(self, load: Load, count: int) -> None:
        """Wait until these clients have got so many answers more."""
        answered = len(load.answers) + count
        self.wait(lambda: len(load.answers) >= answered, "answers")

    def pass_time(self, seconds: float) -> None:
        """Let the world go on for so long."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= end, "the time to pass", seconds + 1)

    def check_alive(self) -> None:
        """Fail if a process has ended that nobody killed."""
        for child in self._alive:
            if child.process.poll() is not None:
                raise AssertionError(
                    f"{child.name} ended with {child.process.returncode}\n{child.last_words()}"
                )

    def logs(self) -> list[Path]:
        """What each process has written, also those that have ended."""
        return sorted((self.here.folder / "log").iterdir())

    def settle(
        self, *, forgotten: bool = False, finals: Mapping[Pair, int] | None = None
    ) -> Verdict:
        """Wait until all has had its effect, end what runs, and hold the journal against it.

        forgotten: the broker does not hold all that it ever held. finals: see ``judge``.
        """
        log, unrest = None, []
        try:
            log = self._come_to_rest(forgotten=forgotten)
        except AssertionError as error:
            # What the oracle says of the state as it is tells more than that it is not over.
            unrest = [str(error)]
        verdict = judge(self.journal, self.database, log=log, counted=self.counted, finals=finals)
        verdict.problems += unrest
        return verdict

    def _come_to_rest(self, *, forgotten: bool) -> list[str] | None:
        """Returns all records of the topic, where there is one that never forgot any."""
        self.wait(lambda: not self.waiting(), "every like to have its effect")
        self._end_in_order([each for each in self._alive if not each.name.startswith("consumer")])
        log = None
        if self.broker is not None and not forgotten:
            log = broker_log.records(self.broker.address, self.topic)
            self.wait(self._read_to_the_end, "the consumers to reach the end", every=0.1)
        self._end_in_order(list(self._alive))
        return log

    def stop(self) -> None:
        """End all processes that are still there."""
        for child in self._alive:
            with suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGCONT)
        self.here.stop()

    def _read_to_the_end(self) -> bool:
        assert self.broker is not None
        ends = broker_log.ends(self.broker.address, self.topic)
        reached: dict[int, int] = dict(
            self.database.query(
                f"SELECT partition, next_offset FROM consumer_offset WHERE topic = '{self.topic}'"  # noqa: S608
            )
        )
        return ends is not None and all(reached.get(n, 0) >= end for n, end in ends.items())

    def _end_in_order(self, children: list[Child]) -> None:
        for child in children:
            ended = self.end(child)
            if ended.code != 0:
                raise AssertionError(f"{child.name} ended with {ended.code}\n{ended.said}")

    def _begin(self, name: str, *arguments: str) -> Child:
        self._started += 1
        child = self.here.start_python(f"{name}-{self._started}", *arguments)
        self._alive.append(child)
        return child

    def _manage(self, *arguments: str) -> tuple[str, ...]:
        return (str(Path(__file__).parents[2] / "manage.py"), *arguments)

    def _last_words(self) -> str:
        return "\n".join(f"{child.name}:\n{child.last_words()}" for child in self._alive)
