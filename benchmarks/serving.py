"""How many recommendation requests a CPU-second of the web process answers, and how fast.

    python -m benchmarks.serving [--songs F --interactions F] [--algorithm NAME] [--json]

Starts granian with one worker, of as many threads as the demonstration's, on a database of its
own, asks for recommendations of listener after listener over kept-alive connections, and divides
the requests by the CPU time that the worker's processes took meanwhile. In the same run, as the
yardstick: /healthz, which is the web server, Django and the middleware without a recommendation.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.http_load import Call, ask_here
from musicrec.web_flags import THREADS
from tests.installation import ROOT, Installation, Web

FIXTURES = ROOT / "fixtures"
CONNECTIONS = 4
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
    """The route with either kind of credential, and /healthz beside it."""
    prepare(here, options)
    web = here.start_web("--blocking-threads", THREADS)
    key = here.manage("issue_token", "--service", "benchmark")
    users = [row[0] for row in here.query("SELECT user_id FROM listener ORDER BY id")]
    # Every request another user, seeded; each user again only after all the others.
    order = random.Random(1).sample(users, len(users))
    order *= -(-options.requests // len(order))
    order = order[: options.requests]
    tokens = dict(zip(users, listener_tokens(here, users), strict=True))
    path = "/api/v1/users/{}/recommendations"
    keyed = [Call("GET", path.format(user), key) for user in order]
    ask_here(web.address, keyed[:500], CONNECTIONS)
    alone = here.start_web("--blocking-threads", "1")
    ask_here(alone.address, keyed[:500], CONNECTIONS)
    return [
        timed(web, "recommendations, service key", keyed),
        timed(alone, "the same, one thread a worker", keyed),
        timed(
            web,
            "recommendations, a token a listener",
            [Call("GET", path.format(user), tokens[user]) for user in order],
        ),
        timed(web, "healthz", [Call("GET", "/healthz", key)] * options.requests),
    ]


def listener_tokens(here: Installation, users: list[str]) -> list[str]:
    """A token of each listener, all from one process of the installation."""
    code = (
        "import sys, json; from access.listener_tokens import issue; print(json.dumps(["
        "issue(user, 3600) for user in json.loads(sys.stdin.read())]))"
    )
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "-c", code]
    done = subprocess.run(
        command,
        env=here.environment,
        input=json.dumps(users),
        capture_output=True,
        text=True,
        check=True,
    )
    tokens: list[str] = json.loads(done.stdout)
    return tokens


def prepare(here: Installation, options: argparse.Namespace) -> None:
    here.manage("migrate", "--verbosity", "0")
    environment = here.environment
    for arguments in (
        ["loadcsv", "--songs", options.songs, "--interactions", options.interactions],
        ["retrain", "--algorithm", options.algorithm],
    ):
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        subprocess.run(command, env=environment, check=True, stdout=sys.stderr)


def timed(web: Web, route: str, calls: list[Call]) -> Row:
    """Make all calls and divide them by the time that passed and the CPU time of the server."""
    before = cpu_seconds()
    took = ask_here(web.address, calls, CONNECTIONS)
    cpu = cpu_seconds() - before
    return Row(
        route=route,
        requests=len(calls),
        requests_per_cpu_second=round(len(calls) / cpu, 1),
        requests_per_second=round(took.per_second, 1),
        p50_ms=round(took.percentile(50), 2),
        p99_ms=round(took.percentile(99), 2),
    )


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
