"""How long a rebuild of the profiles takes, and for how long it keeps a like waiting.

    python -m benchmarks.rebuild [--rows 1000000] [--likes 50000] [--json]

SQLite without Kafka: so many loaded judgements and applied likes are rebuilt twice, once sound and
once with a tenth of the rows damaged. Beside it likes are accepted one by one, as the API does it.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.load import PROJECT, empty_database, run, write_files

MANAGE = [sys.executable, str(PROJECT / "manage.py")]


@dataclass
class Row:
    """One rebuild. like_…_ms: how long likes took to be accepted while it ran."""

    profiles: str
    rows: int
    differences: int
    seconds: float
    longest_alone_ms: float
    peak_mb: float
    like_p50_ms: float
    like_max_ms: float


def main() -> None:
    """Prepare a database, rebuild it sound and damaged, print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--likes", type=int, default=50_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", choices=("prepare", "damage"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        in_django(options)
        return
    rows = measured(options)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    print("| profiles | rows | differ | s | alone: max ms | peak MB | a like: p50 ms | max ms |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(str(value) for value in asdict(row).values()) + " |")


def measured(options: argparse.Namespace) -> list[Row]:
    """Both rebuilds of one database."""
    with tempfile.TemporaryDirectory(prefix="musicrec-bench-") as name:
        folder = Path(name)
        write_files(folder, options.rows)
        environment = empty_database(folder / "state", folder / "songs.csv")
        load = [*MANAGE, "loadcsv", "--interactions", str(folder / "interactions.csv")]
        run(load, environment)
        child = [sys.executable, "-m", "benchmarks.rebuild", "--likes", str(options.likes)]
        run([*child, "--child", "prepare"], environment)
        run([*MANAGE, "consume_likes", "--once"], environment)
        sound = rebuilt("sound", environment, options.rows)
        run([*child, "--child", "damage"], environment)
        return [sound, rebuilt("a tenth damaged", environment, options.rows)]


def rebuilt(profiles: str, environment: dict[str, str], rows: int) -> Row:
    """One rebuild in a process of its own, and likes beside it."""
    os.environ.update(environment)
    command = [*MANAGE, "consume_likes", "--rebuild", "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    waits = sorted(likes_beside(process))
    out, _ = process.communicate()
    report: dict[str, Any] = json.loads(out)
    found = report["differences"]
    return Row(
        profiles,
        rows,
        found["changed"] + found["missing"] + found["surplus"],
        round(report["seconds"], 1),
        round(1_000 * report["longest_alone_seconds"]),
        round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        round(1_000 * waits[len(waits) // 2], 1),
        round(1_000 * waits[-1], 1),
    )


def likes_beside(process: "subprocess.Popen[str]") -> list[float]:
    """Seconds that each like took to be accepted, one after another while the process runs."""
    import django

    django.setup()
    from access import callers
    from feedback.outbox import Wish, accept

    caller = callers.service("benchmark", frozenset())
    waits: list[float] = []
    while process.poll() is None:
        start = time.perf_counter()
        accept(caller, [Wish(f"beside{len(waits)}", "1", "like")])
        waits.append(time.perf_counter() - start)
        time.sleep(0.005)
    return waits


def in_django(options: argparse.Namespace) -> None:
    """Have likes accepted, or damage every tenth profile row; in a process of its own."""
    import django

    django.setup()
    from access import callers
    from feedback.outbox import Wish, accept
    from recommendations.models import Interaction

    if options.child == "damage":
        Interaction.objects.extra(where=["id %% 10 = 0"]).update(value=0)
        return
    caller = callers.service("benchmark", frozenset())
    for start in range(0, options.likes, 1_000):
        wishes = [Wish(str(n % 20_000), str(n % 900), "like") for n in range(start, start + 1_000)]
        accept(caller, wishes)


if __name__ == "__main__":
    main()
