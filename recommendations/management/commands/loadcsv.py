"""manage.py loadcsv: bring songs and judgements from files into the tables."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.utils import timezone
from tqdm import tqdm

from recommendations import forgotten, forgotten_ledger, sealing
from recommendations.loading.csv_rows import CsvSource, UnreadableFile, open_csv
from recommendations.loading.loads import Load, lean_process
from recommendations.loading.row_errors import ErrorLog, TooManyErrors
from recommendations.models import Song

REJECTS = 3
INTERRUPTED = 130  # as a shell reports a command that was ended by Ctrl-C


class Command(BaseCommand):
    help = (
        "Load songs and judgements from CSV files (.gz too, or - for standard input). Rows that "
        "cannot be loaded are reported and left out; loading a file again changes nothing. Exit "
        "code: 0 all loaded, 3 loaded but for rejected rows, 1 failed, 2 wrong usage. Example: "
        "manage.py loadcsv --songs songs.csv --interactions interactions.csv.gz --errors bad.jsonl"
    )

    # The checks of the settings bring in the web, Celery and the engine, 40 MB and a third of a
    # second, for nothing that a load uses; `manage.py check` and the servers run them.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--songs", metavar="FILE", help="song_id,title,artist,genre")
        parser.add_argument("--interactions", metavar="FILE", help="user_id,song_id,like,timestamp")
        parser.add_argument("--dry-run", action="store_true", help="check all rows, keep nothing")
        parser.add_argument("--errors", metavar="FILE", help="write every bad row as a JSON line")
        parser.add_argument(
            "--max-errors", type=_count, metavar="N", help="stop once more than N rows are bad"
        )
        parser.add_argument("--json", action="store_true", help="end with one line of JSON")

    def handle(self, *, songs: str | None, interactions: str | None, **options: Any) -> None:
        if not songs and not interactions:
            raise CommandError("give --songs FILE, --interactions FILE or both", returncode=2)
        if songs == interactions:
            raise CommandError("--songs and --interactions name the same input", returncode=2)
        _check_database()
        _learn_who_was_forgotten()
        started = time.monotonic()
        with _errors_file(options["errors"]) as kept, lean_process():
            errors = ErrorLog(self._tell, kept, options["max_errors"])
            load = Load(timezone.now(), errors, self._tell, dry_run=options["dry_run"])
            try:
                self._load(load, songs, interactions)
            except (UnreadableFile, TooManyErrors, DatabaseError) as error:
                raise CommandError(f"{error}; {_so_far(load)}") from error
            except KeyboardInterrupt:
                self._tell(f"stopped; {_so_far(load)}")
                sys.exit(INTERRUPTED)
        self._report(load, time.monotonic() - started, as_json=options["json"])

    def _load(self, load: Load, songs: str | None, interactions: str | None) -> None:
        with ExitStack() as stack:
            # Both are opened before either is loaded: a name mistyped is told at once.
            song_file, interaction_file = (
                stack.enter_context(open_csv(name)) if name else None
                for name in (songs, interactions)
            )
            if song_file:
                with _bar(song_file) as load.on_progress:
                    load.load_songs(song_file)
            if interaction_file:
                with _bar(interaction_file) as load.on_progress:
                    load.load_interactions(interaction_file)

    def _report(self, load: Load, seconds: float, *, as_json: bool) -> None:
        if load.errors.by_code:
            self._tell(f"rejected rows: {load.errors.summary()}")
        tallies = {"songs": asdict(load.songs), "interactions": asdict(load.interactions)}
        if as_json:
            self.stdout.write(json.dumps({**tallies, "seconds": round(seconds, 3)}))
        else:
            for name, tally in tallies.items():
                counts = ", ".join(f"{count:,} {what}" for what, count in tally.items())
                self.stdout.write(f"{name}: {counts}")
            kept = "nothing was kept (--dry-run)" if load.dry_run else "done"
            self.stdout.write(f"{kept}, {seconds:.1f} s")
        if load.errors.by_code:
            sys.exit(REJECTS)

    def _tell(self, line: str) -> None:
        with tqdm.external_write_mode():  # above the progress bar, not through it
            self.stderr.write(line, style_func=str)


def _check_database() -> None:
    try:
        tables = connection.introspection.table_names()
    except DatabaseError as error:
        raise CommandError(f"cannot use the database: {error}") from error
    if Song._meta.db_table not in tables:
        raise CommandError("the database has no tables yet: run manage.py migrate")
    try:
        sealing.refuse_if_sealed()
    except sealing.DatabaseMoved as error:
        raise CommandError(f"{error}") from error


def _learn_who_was_forgotten() -> None:
    """Have the markers that a restored database lacks, so that the file brings nobody back."""
    try:
        forgotten.learn(forgotten_ledger.read())
    except (forgotten_ledger.LedgerUnreadable, DatabaseError) as error:
        raise CommandError(str(error)) from error


def _count(argument: str) -> int:
    """A number of rows, 0 or more."""
    if not argument.isdecimal():
        raise argparse.ArgumentTypeError(f"{argument!r} is not a number of rows")
    return int(argument)


@contextmanager
def _errors_file(name: str | None) -> Iterator[TextIO | None]:
    try:
        file = Path(name).open("w", encoding="utf-8") if name else nullcontext()  # noqa: SIM115
    except OSError as error:
        raise CommandError(f"cannot write {name}: {error.strerror}") from error
    with file as opened:
        yield opened


def _so_far(load: Load) -> str:
    """What a load that ended early leaves behind, and what to do."""
    if load.dry_run:
        return "nothing was kept (--dry-run)"
    songs, judgements = (t.inserted + t.updated for t in (load.songs, load.interactions))
    return (
        f"{songs:,} songs and {judgements:,} interactions written until then are kept, "
        "and the same command again goes on from there"
    )


@contextmanager
def _bar(source: CsvSource) -> Iterator[Callable[[int, CsvSource], None]]:
    """A progress bar over the bytes of a file, with rows a second; on a terminal only."""
    shape = "{desc}: {percentage:3.0f}% {bar} {elapsed}<{remaining}{postfix}"
    if source.size is None:
        shape = "{desc}: {elapsed}{postfix}"
    name = Path(source.name).name
    with tqdm(desc=name, total=source.size, bar_format=shape, disable=None, delay=0.5) as bar:

        def advance(rows_read: int, source: CsvSource) -> None:
            rate = rows_read / max(bar.format_dict["elapsed"], 0.001)
            bar.set_postfix_str(f"{rows_read:,} rows, {rate:,.0f}/s", refresh=False)
            bar.update(source.position() - bar.n)

        yield advance
