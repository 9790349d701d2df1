"""manage.py evaluate: hold the engine against a published split, in memory."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from recommendations.engine.algorithms import ALGORITHMS, UnknownAlgorithm, must_exist
from recommendations.engine.cutting import HeldOut, split
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Recipe, TrainingFailed
from recommendations.loading.csv_rows import UnreadableFile
from recommendations.loading.judgement_files import (
    Catalogue,
    World,
    held_out_of,
    read_catalogue,
    read_judgements,
    world_of,
)
from recommendations.loading.row_errors import ErrorLog, RowError
from recommendations.training.evaluating import Report, evaluate_procedure
from recommendations.training.training_bar import training_bar

REJECTS = 3
INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Choose, tune and train on one file of judgements, rank all songs for the users of "
        "another, and say how well that foretold their likes. Nothing touches the database. Exit "
        "code: 0 done, 3 done but for rejected rows, 1 failed, 2 wrong usage. Example: "
        "manage.py evaluate --train train.csv.gz --test test.csv.gz --algorithm local_ridge --json"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--train", metavar="FILE", required=True, help="judgements, .gz or -")
        test = parser.add_mutually_exclusive_group(required=True)
        test.add_argument("--test", metavar="FILE", help="judgements to foretell")
        test.add_argument(
            "--split", type=_share, metavar="SHARE", help="hide this share of each user's rows"
        )
        parser.add_argument(
            "--songs", metavar="FILE", help="the catalogue: songs, artists and genres"
        )
        parser.add_argument(
            "--algorithm", default="auto", help=f"auto or one of {', '.join(ALGORITHMS)}"
        )
        parser.add_argument(
            "--k", type=_lengths, default=[10, 20], metavar="10,20", help="lengths of lists"
        )
        parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
        parser.add_argument(
            "--budget-seconds",
            type=float,
            default=settings.TRAINING_BUDGET_SECONDS,
            help="for tuning and training (TRAINING_BUDGET_SECONDS)",
        )
        parser.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *, train: str, test: str | None, algorithm: str, **options: Any) -> None:
        _check_usage(train, test, options["songs"], algorithm, options["seed"])
        self._errors = ErrorLog(self._tell)
        try:
            report = self._evaluate(train, test, algorithm, options)
        except (UnreadableFile, TrainingFailed) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stderr.write("stopped")
            sys.exit(INTERRUPTED)
        self.stdout.write(json.dumps(report.as_dict()) if options["json"] else in_words(report))
        if self._errors.by_code:
            self.stderr.write(f"rejected rows: {self._errors.summary()}")
            sys.exit(REJECTS)

    def _evaluate(
        self, train: str, test: str | None, algorithm: str, options: dict[str, Any]
    ) -> Report:
        catalogue = self._catalogue(options["songs"])
        world = world_of(read_judgements(train, self._reject(train)), catalogue)
        with training_bar() as progress:
            interactions, read_test = self._parts(world, test, options["split"], options["seed"])
            return evaluate_procedure(
                interactions,
                read_test,
                algorithm=algorithm,
                ks=options["k"],
                budget_seconds=options["budget_seconds"],
                seed=options["seed"],
                progress=progress,
            )

    def _parts(
        self, world: World, test: str | None, share: float | None, seed: int
    ) -> tuple[Interactions, Any]:
        """What to train on, and how to get at what to foretell."""
        if test is None:
            parted = split(world.interactions, share or 0.0, seed=seed)
            return parted.train, lambda: parted.held_out
        file = test

        def read_test() -> HeldOut:
            return held_out_of(read_judgements(file, self._reject(file)), world)

        return world.interactions, read_test

    def _catalogue(self, name: str | None) -> Catalogue:
        return read_catalogue(name, self._reject(name)) if name else {}

    def _tell(self, line: str) -> None:
        with tqdm.external_write_mode():  # above the progress bar, not through it
            self.stderr.write(line, style_func=str)

    def _reject(self, file: str) -> Any:
        def reject(error: RowError) -> None:
            self._errors.add(file, error)

        return reject


def in_words(report: Report) -> str:
    """The report as a table for a person."""
    lines = [
        Recipe(report.algorithm, report.parameters).in_words(),
        report.reason,
        f"{report.users:,} users, at most {report.peak_rss_mb:,.0f} MB of memory",
        f"tuned in {report.tune_seconds:.1f} s, then fitted in {report.fit_seconds:.1f} s",
        *_score_time(report.score_microseconds),
        "",
    ]
    for name, value in report.metrics.items():
        low, high = report.intervals[name]
        lines.append(f"{name:30} {value:8.4f}   95 % {low:.4f} to {high:.4f}")
    lines += ["", *(f"{name.replace('_', ' ')}: {n:,}" for name, n in report.counts.items())]
    return "\n".join(lines)


def _score_time(microseconds: dict[str, float]) -> list[str]:
    """What one user costs, where anybody was asked."""
    if not microseconds:
        return []
    p50, p99 = microseconds["p50"], microseconds["p99"]
    return [f"one user's 100 best songs take {p50:,.0f} µs on one thread (p99 {p99:,.0f} µs)"]


def _check_usage(
    train: str, test: str | None, songs: str | None, algorithm: str, seed: int
) -> None:
    """What would otherwise come out after minutes of training. Opens no file."""
    if algorithm != "auto":
        try:
            must_exist(algorithm)
        except UnknownAlgorithm as error:
            raise CommandError(str(error), returncode=2) from error
    if seed < 0:
        raise CommandError("--seed is 0 or more", returncode=2)
    files = [name for name in (train, test, songs) if name]
    if len(set(files)) < len(files):
        raise CommandError("two of the files are the same input", returncode=2)
    for name in files:
        if name != "-" and not Path(name).exists():
            raise CommandError(f"there is no file {name}")


def _share(argument: str) -> float:
    """A share between 0 and 1."""
    try:
        share = float(argument)
    except ValueError:
        share = -1.0
    if not 0.0 < share < 1.0:
        raise argparse.ArgumentTypeError(f"{argument!r} is not between 0 and 1")
    return share


def _lengths(argument: str) -> list[int]:
    """Lengths of lists, as 10,20."""
    parts = argument.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"{argument!r} is not a list of lengths such as 10,20")
    return [int(part) for part in parts]
