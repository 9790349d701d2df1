"""How fast loadcsv fills SQLite, beside sqlite3's own .import and Django's bulk_create.

    python -m benchmarks.load [--rows 1000000] [--json]

Each fills a database of its own, in a process of its own, from the same invented file, in which
listeners come in no order, as in a log by time. Tables, indexes and durability are the same for
all but the bare ``.import``, which fills one table of text without an index. Only loadcsv checks
its rows, lets the latest word win and can be killed and run again.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SONGS, ROWS_PER_LISTENER = 20_000, 50
BEGIN, YEAR = datetime(2025, 1, 1), timedelta(days=365)  # noqa: DTZ001 - written as UTC

SETTINGS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8192;"
BARE = """{settings}
CREATE TABLE raw (user_id TEXT, song_id TEXT, "like" TEXT, timestamp TEXT);
.import --csv --skip 1 {file} raw
"""
INTO_TABLES = """
BEGIN;
INSERT INTO listener (user_id, revision) SELECT DISTINCT user_id, 1 FROM raw;
INSERT INTO user_profile (listener_id, song_id, value, order_key, event_id, updated_at)
SELECT listener.id, song_id, 2 * "like" - 1, unixepoch(timestamp) * 1000000,
    lower(hex(randomblob(16))), datetime() FROM raw JOIN listener USING (user_id) WHERE true
ON CONFLICT DO NOTHING;
DROP TABLE raw;
COMMIT;
"""
BULK_CREATE = """
import csv, datetime, sys, uuid
import django
django.setup()
from django.utils import timezone
from recommendations.models import Interaction, Listener
now, ids, rows = timezone.now(), {}, []
def flush():
    missing = sorted({row["user_id"] for row in rows} - ids.keys())
    Listener.objects.bulk_create([Listener(user_id=user) for user in missing])
    ids.update(Listener.objects.filter(user_id__in=missing).values_list("user_id", "id"))
    Interaction.objects.bulk_create([
        Interaction(
            listener_id=ids[row["user_id"]], song_id=row["song_id"], value=2 * int(row["like"]) - 1,
            order_key=int(datetime.datetime.fromisoformat(row["timestamp"]).timestamp() * 1e6),
            event_id=uuid.uuid4(), updated_at=now,
        ) for row in rows
    ], ignore_conflicts=True)
    rows.clear()
with open(sys.argv[1], newline="") as file:
    for row in csv.DictReader(file):
        rows.append(row)
        if len(rows) == 10_000:
            flush()
    flush()
"""


@dataclass
class Measured:
    """One way of loading: rows a second, by the clock and by the processor, and peak memory."""

    name: str
    rows_per_second: float
    rows_per_cpu_second: float
    peak_mb: float


def write_files(folder: Path, rows: int) -> None:
    """songs.csv and interactions.csv: few songs have most of the rows, one row in five dislikes."""
    draw = random.Random(1)
    with (folder / "songs.csv").open("w") as out:
        out.write("song_id,title,artist,genre\n")
        out.writelines(f"{n},Song {n},Artist {n // 8},rock|pop\n" for n in range(SONGS))
    listeners = max(rows // ROWS_PER_LISTENER, 1)
    with (folder / "interactions.csv").open("w") as out:
        out.write("user_id,song_id,like,timestamp\n")
        for n in range(rows):
            listener, song = draw.randrange(listeners), int(SONGS * draw.random() ** 2)
            at = BEGIN + n * YEAR / rows
            out.write(f"{listener},{song},{int(draw.random() < 0.8)},{at:%Y-%m-%dT%H:%M:%SZ}\n")


def empty_database(folder: Path, songs: Path) -> dict[str, str]:
    """Make a state folder that holds the songs; returns the environment that uses it."""
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment = {
        **kept,
        "STATE_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "musicrec.settings",
        "PYTHONPATH": str(PROJECT),
    }
    for command in (["migrate", "-v0"], ["loadcsv", "--songs", str(songs)]):
        run([sys.executable, str(PROJECT / "manage.py"), *command], environment)
    return environment


def run(command: Sequence[str], environment: dict[str, str], script: str = "") -> None:
    """Run a command to its good end."""
    subprocess.run(
        command, env=environment, input=script, text=True, check=True, stdout=subprocess.DEVNULL
    )


def measure(
    name: str, rows: int, command: Sequence[str], environment: dict[str, str], script: str = ""
) -> Measured:
    """Run a command as a child and take its time, its processor time and its peak memory."""
    started = time.monotonic()
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdin
        child.stdin.write(script)
        child.stdin.close()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    if child.returncode:
        sys.exit(f"{name} ended with exit code {child.returncode}")
    processor = usage.ru_utime + usage.ru_stime
    return Measured(name, rows / seconds, rows / processor, usage.ru_maxrss / 1024)


def compare(folder: Path, rows: int) -> list[Measured]:
    """Every way of loading that this machine has, loadcsv first."""
    write_files(folder, rows)
    songs, file = folder / "songs.csv", folder / "interactions.csv"
    manage = [sys.executable, str(PROJECT / "manage.py"), "loadcsv", "--interactions", str(file)]
    own = empty_database(folder / "own", songs)
    results = [
        measure("loadcsv", rows, manage, own),
        measure("loadcsv, the same file again", rows, manage, own),
    ]
    django = [sys.executable, "-c", BULK_CREATE, str(file)]
    results.append(
        measure("Django bulk_create", rows, django, empty_database(folder / "django", songs))
    )
    if shutil.which("sqlite3"):
        for name, script in (
            ("sqlite3 .import, then INSERT … SELECT", BARE + INTO_TABLES),
            ("sqlite3 .import into one bare table", BARE),
        ):
            environment = empty_database(folder / name, songs)
            database = folder / name / "musicrec.sqlite3"
            text = script.format(settings=SETTINGS, file=file)
            results.append(measure(name, rows, ["sqlite3", str(database)], environment, text))
    return results


def as_table(results: Sequence[Measured]) -> str:
    """A Markdown table; "beside loadcsv" is the ratio of rows a second."""
    lines = [
        "| | rows/s | rows/CPU-s | peak MB | beside loadcsv |",
        "|---|---:|---:|---:|---:|",
    ]
    for each in results:
        ratio = each.rows_per_second / results[0].rows_per_second
        lines.append(
            f"| {each.name} | {each.rows_per_second:,.0f} | {each.rows_per_cpu_second:,.0f} "
            f"| {each.peak_mb:,.0f} | {ratio:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="musicrec-load-") as folder:
        results = compare(Path(folder), arguments.rows)
    print(json.dumps([asdict(each) for each in results]) if arguments.json else as_table(results))


if __name__ == "__main__":
    main()
