"""Calls a web process as fast as it answers, or at a rate, and times every answer.

A process of its own (``ask`` starts it), with one thread on bare sockets: a client library, or
threads, would take as much of the two cores as the server that is measured.
"""

import json
import os
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, cast

from tests.installation import ROOT

LENGTH: Final = re.compile(rb"content-length: (\d+)\r", re.IGNORECASE)
# More connections than this at once, at a rate, means that the server does not keep up.
MOST_CONNECTIONS: Final = 400


@dataclass(frozen=True)
class Call:
    """One request; body: JSON text, "" for none."""

    method: str
    path: str
    credential: str
    body: str = ""

    def bytes(self) -> bytes:
        """As it is sent."""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Authorization: Bearer {self.credential}\r\n"
        if self.body:
            length = len(self.body.encode())
            head += f"Content-Type: application/json\r\nContent-Length: {length}\r\n"
        return f"{head}\r\n{self.body}".encode()


@dataclass(frozen=True)
class Timing:
    """What a run of calls took, all in seconds.

    latencies: of each call, from when it was sent, or at a rate from when it was due, so that a
        server that stalls is not asked less. ended: when each was answered, by time.time().
    wall: from the first call to the last answer. cpu: what the calling itself took.
    """

    wall: float
    cpu: float
    latencies: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.wall

    def percentile(self, percent: float) -> float:
        """Milliseconds that so many percent of the calls took at most."""
        return percentile_ms(self.latencies, percent)


def percentile_ms(seconds: Sequence[float], percent: float) -> float:
    """The nearest rank, in milliseconds; 100 is the maximum."""
    ranked = sorted(seconds)
    rank = min(int(len(ranked) * percent / 100), len(ranked) - 1)
    return 1_000 * ranked[rank]


def ask(
    address: str, calls: Sequence[Call], connections: int, *, rate: float | None = None
) -> Timing:
    """Make all calls from a process of its own; exits when an answer is no 2xx.

    connections: so many calls are under way at any time. With a rate (calls a second) a call is
    sent when it is due, over a connection that is free or a new one.
    """
    return gathered(begin(address, calls, connections, rate=rate))


def begin(
    address: str, calls: Sequence[Call], connections: int, *, rate: float | None = None
) -> subprocess.Popen[str]:
    """Begin to make the calls, for ``gathered``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.http_load"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    asked = {"address": address, "connections": connections, "rate": rate}
    json.dump(asked | {"calls": [asdict(call) for call in calls]}, process.stdin)
    process.stdin.close()
    process.stdin = None
    return process


def gathered(process: subprocess.Popen[str]) -> Timing:
    """Wait until all calls are answered."""
    printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit("a call failed")
    return Timing(**json.loads(printed))


def main() -> None:
    """Make the calls that the standard input names."""
    asked = json.load(sys.stdin)
    calls = [Call(**call) for call in asked["calls"]]
    made = ask_here(asked["address"], calls, asked["connections"], rate=asked["rate"])
    print(json.dumps(asdict(made)))


def ask_here(
    address: str, calls: Sequence[Call], connections: int, *, rate: float | None = None
) -> Timing:
    """``ask``, from this process."""
    host, port = address.removeprefix("http://").split(":")
    asking = _Asking((host, int(port)), [call.bytes() for call in calls])
    before, began = _own_cpu(), time.perf_counter()
    if rate is None:
        asking.all_at_once(connections)
    else:
        asking.at_a_rate(rate, connections)
    wall, cpu = time.perf_counter() - began, _own_cpu() - before
    asking.close()
    return Timing(wall, cpu, asking.latencies, asking.ended)


def _own_cpu() -> float:
    times = os.times()
    return times.user + times.system


class _Asking:
    """Connections, and which of them wait for an answer."""

    def __init__(self, address: tuple[str, int], requests: list[bytes]) -> None:
        self._address = address
        self._requests = requests
        self._next = 0
        self._selector = selectors.DefaultSelector()
        self._free: list[socket.socket] = []
        self.latencies: list[float] = []
        self.ended: list[float] = []

    def all_at_once(self, connections: int) -> None:
        """Keep so many calls under way until all are made."""
        for _ in range(min(connections, len(self._requests))):
            self._send(time.perf_counter())
        while self._selector.get_map():
            for _ in self._answers(None):
                if self._next < len(self._requests):
                    self._send(time.perf_counter())

    def at_a_rate(self, per_second: float, connections: int) -> None:
        """Make each call when it is due, however long the others take."""
        self._free = [self._connected() for _ in range(connections)]
        start = time.perf_counter()
        while self._next < len(self._requests) or self._selector.get_map():
            due = start + self._next / per_second
            wait = due - time.perf_counter()
            if self._next == len(self._requests):
                list(self._answers(None))
            elif wait <= 0:
                self._send(due)
            else:
                list(self._answers(wait))

    def close(self) -> None:
        """Close all connections."""
        for connection in self._free:
            connection.close()

    def _send(self, since: float) -> None:
        connection = self._free.pop() if self._free else self._connected()
        connection.sendall(self._requests[self._next])
        self._next += 1
        self._selector.register(connection, selectors.EVENT_READ, since)
        if len(self._selector.get_map()) > MOST_CONNECTIONS:
            raise SystemExit("the server does not keep up with the rate")

    def _answers(self, timeout: float | None) -> Any:
        for ready, _ in self._selector.select(timeout):
            connection = cast("socket.socket", ready.fileobj)
            receive(connection)
            self.latencies.append(time.perf_counter() - ready.data)
            self.ended.append(time.time())
            self._selector.unregister(connection)
            self._free.append(connection)
            yield

    def _connected(self) -> socket.socket:
        connection = socket.create_connection(self._address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def receive(connection: socket.socket) -> None:
    """One whole answer: to the end of its head, then as many bytes as its length says."""
    answer = connection.recv(65_536)
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += connection.recv(65_536)
    length = LENGTH.search(answer, 0, end + 2)
    if not answer.startswith(b"HTTP/1.1 2") or length is None:
        raise SystemExit(f"the server answered {answer[:300]!r}")
    missing = end + 4 + int(length.group(1)) - len(answer)
    while missing > 0:
        missing -= len(connection.recv(missing))


if __name__ == "__main__":
    main()
