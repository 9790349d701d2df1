"""``manage.py move_to URL``: from SQLite to a Postgres, with all that was ever said."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from musicrec.move_target import EXAMPLE, CannotMove, WrongAddress
from musicrec.moving import NOT_MOVED, Moved, NotSealed, check_source, move_to, rows_to_move
from recommendations import sealing
from recommendations.loading.loads import lean_process

USAGE = 2
INTERRUPTED = 130  # as a shell reports a command that was ended by Ctrl-C


class Command(BaseCommand):
    """Copies, compares row by row, commits, and seals the old database."""

    help = (
        "Copy this SQLite installation to an empty Postgres, compare both row by row, and seal the"
        " old database. Nobody can write while it runs; nothing is kept unless all of it agrees."
    )
    # The checks look at what an installation needs to run; this one is about to end.
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The example keeps its lines."""
        return super().create_parser(
            prog_name,
            subcommand,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=(
                "Arguments can be seen by whoever is on this machine: set PGPASSWORD or write\n"
                "~/.pgpass instead of giving the password in the address.\n\n"
                "exit codes: 0 moved, 1 failed, 2 wrong usage\n\n"
                "examples:\n"
                "  manage.py move_to postgres://musicrec@db:5432/musicrec\n"
                "  manage.py move_to --unseal     # use the old database again\n"
            ),
            **kwargs,
        )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the flags."""
        parser.add_argument("url", nargs="?", metavar="URL", help=EXAMPLE)
        parser.add_argument(
            "--unseal", action="store_true", help="let the old database be used again"
        )
        parser.add_argument("--json", action="store_true", help="end with one line of JSON")

    def handle(self, *, url: str | None, unseal: bool, json: bool, **options: Any) -> None:
        """Do one of the two and say what is to be done next."""
        if bool(url) == unseal:
            raise CommandError("give the URL of an empty Postgres, or --unseal", returncode=USAGE)
        if url is None:
            self._unseal()
            return
        started = time.monotonic()
        try:
            check_source()
            with lean_process(), _bar() as on_progress:
                moved = move_to(url, on_progress)
        except CannotMove as error:
            code = USAGE if isinstance(error, WrongAddress) else 1
            raise CommandError(f"{error}; nothing was moved", returncode=code) from error
        except KeyboardInterrupt:
            self.stderr.write("stopped; nothing was moved", style_func=str)
            sys.exit(INTERRUPTED)
        except NotSealed as error:
            raise CommandError(_NOT_SEALED.format(error=error)) from error
        self._report(moved, time.monotonic() - started, as_json=json)

    def _unseal(self) -> None:
        if not sealing.unseal():
            raise CommandError("this database is not sealed")
        self.stdout.write("the old database takes writes again; the copy is not told of them")

    def _report(self, moved: Moved, seconds: float, *, as_json: bool) -> None:
        if as_json:
            figures = {"total": moved.total, "seconds": round(seconds, 3)}
            self.stdout.write(json.dumps(asdict(moved) | figures))
            return
        again = ", over a copy that an earlier move had left" if moved.again else ""
        left = ", ".join(sorted(model._meta.db_table for model in NOT_MOVED))
        rate = moved.total / max(seconds, 0.001)
        self.stdout.write(
            f"moved {moved.total:,} rows of {len(moved.rows)} tables in {seconds:.1f} s"
            f" ({rate:,.0f} rows/s), every value compared{again}; not moved: {left}\n"
            "the old database is sealed: processes that still use it are refused\n"
            f"{_next_steps()}"
        )


_NOT_SEALED = (
    "THE OLD DATABASE IS NOT SEALED ({error}). The copy is whole and committed. Start nothing with"
    " the old setting, and run the same command again before the copy is used: it replaces it"
)


def _next_steps() -> str:
    """What every process of the new installation needs; the secret key itself is not printed."""
    key = "the SECRET_KEY that is set here"
    if not os.environ.get("SECRET_KEY"):
        key = f'SECRET_KEY="$(cat {settings.STATE_DIR / "secret_key"})"'
    return (
        "now start every process with\n"
        "  DATABASE_URL       the address that you gave\n"
        f"  SECRET_KEY         {key}: tokens, and who was forgotten, hold only with it\n"
        f"  MODEL_DIR          {settings.MODEL_DIR}: models stay where they are; copy the folder\n"
        "                     for other machines, or train there\n"
        f"  FORGOTTEN_LEDGER   {settings.FORGOTTEN_LEDGER}: keep it, and take it along"
    )


@contextmanager
def _bar() -> Iterator[Callable[[int], None]]:
    """A progress bar with rate and remaining time, on a terminal only."""
    total = 2 * rows_to_move()  # each row is copied and compared
    with tqdm(desc="moving", total=total, unit=" rows", disable=None, delay=0.5) as bar:

        def advance(rows: int) -> None:
            bar.update(rows)

        yield advance
