"""A seeded load of likes over real HTTP, whose every promise goes into the journal.

Each client has a thread, a connection that it keeps, and users that nobody else speaks for, so
that the order of its answers is the order of what was said.
"""

import http.client
import json
import math
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

from tests.faults.journal import Journal, Said

TIMEOUT_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 0.02
GIVE_UP_SECONDS: Final = 30.0
BATCH: Final = 1_000
USERS_A_CLIENT: Final = 5
# What a connection that breaks, or a server that is gone, may raise.
BROKEN: Final = (OSError, http.client.HTTPException)


class Server(NamedTuple):
    """Where the API is and what opens it."""

    address: str
    credential: str


class Answer(NamedTuple):
    """One answered request: when it was sent (monotonic), how long it took and what it said.

    At a rate, when it was due: a server that stalls is not asked less.
    """

    at: float
    seconds: float
    status: int

    def since(self, due: float) -> "Answer":
        """The same answer to a request that was due earlier than it was sent."""
        return Answer(due, self.at + self.seconds - due, self.status)


class Load:
    """Clients that like, dislike and take back until the block ends.

    repeat: the share of requests with an Idempotency-Key; those are sent again until they are
        answered, the others are given up when their connection breaks.
    per_second: of all clients together; None is as fast as they can.
    """

    def __init__(
        self,
        server: Server,
        journal: Journal,
        songs: Sequence[str],
        *,
        seed: int,
        clients: int = 8,
        repeat: float = 0.5,
        per_second: float | None = None,
    ) -> None:
        self.answers: list[Answer] = []
        self.repeated = 0
        self.give_up_at = math.inf
        self._stopping = threading.Event()
        self._pause = clients / per_second if per_second else 0.0
        self._clients = [
            _Client(self, server, journal, songs, f"{seed}-{number}", repeat)
            for number in range(clients)
        ]
        self._threads = [
            # One after the other, not all at the same moments.
            threading.Thread(target=self._run, args=(client, self._pause * number / clients))
            for number, client in enumerate(self._clients)
        ]
        self._died: list[BaseException] = []

    def __enter__(self) -> Self:
        """Start the clients."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the answers that are still due, and fail if a client did."""
        # A request that is sent again waits for a server; after a failure there may never be one.
        self.give_up_at = time.monotonic() + (0 if error else GIVE_UP_SECONDS)
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self._died and error is None:
            raise self._died[0]

    @property
    def statuses(self) -> Counter[int]:
        """How many answers had which status."""
        return Counter(answer.status for answer in list(self.answers))

    @property
    def faults(self) -> int:
        """How many answers were 5xx."""
        return sum(count for status, count in self.statuses.items() if status >= 500)

    @property
    def slowest(self) -> float:
        """Seconds of the slowest answer."""
        return max((answer.seconds for answer in list(self.answers)), default=0.0)

    def quantile(self, share: float) -> float:
        """Seconds within which that share of the answers came."""
        return quantile(list(self.answers), share)

    def _run(self, client: "_Client", later: float) -> None:
        try:
            due = time.monotonic() + later
            while not self._stopping.wait(max(0.0, due - time.monotonic())):
                client.say_something(self._stopping, due if self._pause else None)
                due += self._pause
        except BaseException as error:
            self._died.append(error)
            raise
        finally:
            client.close()


def quantile(answers: Sequence["Answer"], share: float) -> float:
    """Seconds within which that share of the answers came; 0 of none."""
    found = sorted(answer.seconds for answer in answers)
    return found[min(int(share * len(found)), len(found) - 1)] if found else 0.0


class _Client:
    """One client: its own dice, users and connection."""

    def __init__(
        self,
        load: Load,
        server: Server,
        journal: Journal,
        songs: Sequence[str],
        name: str,
        repeat: float,
    ) -> None:
        self._load, self._journal, self._songs, self._repeat = load, journal, songs, repeat
        self._caller = Caller(server)
        self._random = random.Random(name)
        self._users = [f"u{name}-{number}" for number in range(USERS_A_CLIENT)]

    def say_something(self, stopping: threading.Event, due: float | None = None) -> None:
        """Say one word and wait for the answer; without a server, wait for one first."""
        said = draw(self._random, self._users, self._songs)
        key = f"{self._random.getrandbits(64)}" if self._random.random() < self._repeat else ""
        sent = False
        while sent or not stopping.is_set():
            if time.monotonic() > self._load.give_up_at:
                break
            try:
                answer, body = self._caller.say(said, key)
            except ConnectionRefusedError:
                # Nobody was there to hear it.
                time.sleep(AGAIN_SECONDS)
            except BROKEN:
                self._caller.close()
                sent = True
                if not key:
                    break
                self._load.repeated += 1
            else:
                self._load.answers.append(answer if due is None else answer.since(due))
                if answer.status == 202:
                    self._journal.acknowledged(body["event_id"], *_said(said))
                    return
                break
        if sent:
            self._journal.unanswered(*_said(said))

    def close(self) -> None:
        """Close the connection."""
        self._caller.close()


class Caller:
    """One connection to the API, kept as long as it lasts."""

    def __init__(self, server: Server) -> None:
        self._host = urlsplit(server.address).netloc
        self._headers = {
            "Authorization": f"Bearer {server.credential}",
            "Content-Type": "application/json",
        }
        self._connection: http.client.HTTPConnection | None = None

    def say(self, said: Said, key: str = "") -> tuple[Answer, Any]:
        """Send one word. Raises ConnectionRefusedError if it was not sent, else one of BROKEN."""
        path = f"/api/v1/users/{said.user_id}/likes/{said.song_id}"
        headers = {"Idempotency-Key": key} if key else {}
        if said.action == "unlike":
            return self.call("DELETE", path, headers=headers)
        return self.call("PUT", path, {"action": said.action}, headers=headers)

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[Answer, Any]:
        """One request and its answer."""
        at = time.monotonic()
        if self._connection is None:
            made = http.client.HTTPConnection(self._host, timeout=TIMEOUT_SECONDS)
            made.connect()
            self._connection = made
        data = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, data, self._headers | (headers or {}))
        answer = self._connection.getresponse()
        text = answer.read()
        return Answer(at, time.monotonic() - at, answer.status), json.loads(text or b"null")

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def say_in_batches(server: Server, journal: Journal, words: Sequence[Said]) -> None:
    """Say these words by the batch route, a thousand a request."""
    caller = Caller(server)
    for start in range(0, len(words), BATCH):
        some = words[start : start + BATCH]
        rows = [dict(zip(("user_id", "song_id", "action"), _said(w), strict=True)) for w in some]
        answer, body = caller.call("POST", "/api/v1/feedback", rows)
        if answer.status != 202 or body["rejected"]:
            raise AssertionError(f"the batch was answered {answer.status}: {body}")
        journal.extend(
            Said(*_said(word), uuid.UUID(result["event_id"]).hex)
            for word, result in zip(some, body["results"], strict=True)
        )
    caller.close()


def draw(dice: random.Random, users: Sequence[str], songs: Sequence[str]) -> Said:
    """A word that anybody of these might say."""
    action = dice.choice(("like", "like", "dislike", "unlike"))
    return Said(dice.choice(users), dice.choice(songs), action)


def _said(said: Said) -> tuple[str, str, str]:
    return said.user_id, said.song_id, said.action
