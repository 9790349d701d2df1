"""How many recommendation requests a CPU-second of the web process answers, and how fast.

    python -m benchmarks.serving [--songs F --interactions F] [--algorithm NAME] [--json]

Starts granian with one worker on a database of its own, asks for recommendations of listener
after listener over kept-alive connections with a service key, and divides the requests by the
CPU time that the worker's processes took meanwhile. In the same run, as the yardstick: /healthz,
which is the web server, Django and the middleware without a recommendation.
"""

import argparse
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.installation import ROOT, Installation, Web

FIXTURES = ROOT / "fixtures"
CLIENTS = 4
LENGTH = re.compile(rb"content-length: (\d+)\r", re.IGNORECASE)
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Row:
    """One route's figures. Milliseconds are as the client sees them, over loopback."""

    route: str
    requests: int
    requests_per_cpu_second: float
    requests_per_second: float
    p50_ms: float
    p99_ms: float


def main() -> None:
    options = parsed()
    with tempfile.TemporaryDirectory(prefix="musicrec-bench-") as folder:
        here = Installation(Path(folder))
        try:
            print_rows(measure(here, options), as_json=options.json, at_least=options.at_least)
        finally:
            here.stop()


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--songs", default=str(FIXTURES / "songs.csv"))
    parser.add_argument("--interactions", default=str(FIXTURES / "interactions.csv"))
    parser.add_argument("--algorithm", default="local_ridge")
    parser.add_argument("--requests", type=int, default=6_000)
    parser.add_argument("--at-least", type=float, help="fail below so many requests per CPU-second")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(here: Installation, options: argparse.Namespace) -> list[Row]:
    prepare(here, options)
    web = here.start_web()
    key = here.manage("issue_token", "--service", "benchmark")
    users = [row[0] for row in here.query("SELECT user_id FROM listener ORDER BY id")]
    # Every request another user, seeded; each user again only after all the others.
    order = random.Random(1).sample(users, len(users))
    paths = [
        f"/api/v1/users/{order[n % len(order)]}/recommendations" for n in range(options.requests)
    ]
    ask(web, key, paths[:500])
    return [
        timed(web, key, "recommendations", paths),
        timed(web, key, "healthz", ["/healthz"] * options.requests),
    ]


def prepare(here: Installation, options: argparse.Namespace) -> None:
    here.manage("migrate", "--verbosity", "0")
    environment = here.environment
    for arguments in (
        ["loadcsv", "--songs", options.songs, "--interactions", options.interactions],
        ["retrain", "--algorithm", options.algorithm],
    ):
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        subprocess.run(command, env=environment, check=True, stdout=sys.stderr)


def timed(web: Web, key: str, route: str, paths: list[str]) -> Row:
    before, began = cpu_seconds(), time.perf_counter()
    latencies = sorted(ask(web, key, paths))
    wall, cpu = time.perf_counter() - began, cpu_seconds() - before
    return Row(
        route=route,
        requests=len(paths),
        requests_per_cpu_second=round(len(paths) / cpu, 1),
        requests_per_second=round(len(paths) / wall, 1),
        p50_ms=round(1_000 * latencies[len(latencies) // 2], 2),
        p99_ms=round(1_000 * latencies[len(latencies) * 99 // 100], 2),
    )


def ask(web: Web, key: str, paths: list[str]) -> list[float]:
    """Ask for all paths over a few kept-alive connections; the seconds that each took."""
    parts = [paths[n::CLIENTS] for n in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        return [
            s for part in pool.map(lambda part: ask_in_turn(web, key, part), parts) for s in part
        ]


def ask_in_turn(web: Web, key: str, paths: list[str]) -> list[float]:
    """One kept-alive connection, read by hand: a client library takes as much CPU as the server."""
    host, port = web.address.removeprefix("http://").split(":")
    head = f"Host: {host}:{port}\r\nAuthorization: Bearer {key}\r\n\r\n"
    seconds = []
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for path in paths:
            request = f"GET {path} HTTP/1.1\r\n{head}".encode()
            began = time.perf_counter()
            connection.sendall(request)
            answer = received(connection)
            seconds.append(time.perf_counter() - began)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"{path} answered {answer[:300]!r}")
    return seconds


def received(connection: socket.socket) -> bytes:
    """One whole answer: to the end of its head, then as many bytes as its length says."""
    answer = connection.recv(65_536)
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += connection.recv(65_536)
    length = int(LENGTH.search(answer, 0, end + 2).group(1))  # type: ignore[union-attr]
    while len(answer) < end + 4 + length:
        answer += connection.recv(65_536)
    return answer


def cpu_seconds() -> float:
    """CPU time so far of granian and its workers, which are this process's descendants."""
    ours = {os.getpid()}
    total = 0.0
    for pid, parent, ticks in sorted(processes()):
        if parent in ours:
            ours.add(pid)
            total += ticks / TICKS_A_SECOND
    return total


def processes() -> list[tuple[int, int, int]]:
    """(process id, parent's, CPU ticks) of every process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        found.append((int(stat.parent.name), int(fields[1]), int(fields[11]) + int(fields[12])))
    return found


def print_rows(rows: list[Row], *, as_json: bool, at_least: float | None) -> None:
    if as_json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        print("| route | requests | per CPU-second | per second | p50 ms | p99 ms |")
        print("|---|---|---|---|---|---|")
        for row in rows:
            print(
                f"| {row.route} | {row.requests:,} | {row.requests_per_cpu_second:,.0f} "
                f"| {row.requests_per_second:,.0f} | {row.p50_ms} | {row.p99_ms} |"
            )
    if at_least is not None and rows[0].requests_per_cpu_second < at_least:
        raise SystemExit(f"below {at_least:,.0f} requests per CPU-second")


if __name__ == "__main__":
    main()
