"""manage.py evaluate: hold the engine against a published split, in memory."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from recommendations.engine.algorithms import ALGORITHMS, UnknownAlgorithm, must_exist
from recommendations.engine.cutting import HeldOut, split
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import TrainingFailed
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
from recommendations.training.evaluating import Report, evaluate_procedures
from recommendations.training.evaluation_words import in_words
from recommendations.training.training_bar import training_bar

REJECTS = 3
INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Choose, tune and train on one file of judgements, rank all songs for the users of "
        "another, and say how well that foretold their likes. Nothing touches the database. Exit "
        "code: 0 done, 3 done but for rejected rows, 1 failed, 2 wrong usage. Example: "
        "manage.py evaluate --train train.csv.gz --test test.csv.gz --algorithm popularity,auto "
        "--plots plots"
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
            "--songs",
            metavar="FILE",
            help="the catalogue: songs, artists and genres, which give figures by genre",
        )
        parser.add_argument(
            "--algorithm",
            type=_names,
            default=["auto"],
            metavar="NAMES",
            help=f"auto or one of {', '.join(ALGORITHMS)}; or several, as popularity,auto, each "
            "with the whole budget",
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
        parser.add_argument(
            "--plots",
            type=Path,
            metavar="FOLDER",
            help="draw the figures there as SVG, beside those of popularity",
        )
        parser.add_argument(
            "--json", action="store_true", help="print one line of JSON for each algorithm"
        )

    def handle(
        self, *, train: str, test: str | None, algorithm: Sequence[str], **options: Any
    ) -> None:
        _check_usage(train, test, options["songs"], algorithm, options["seed"])
        self._errors = ErrorLog(self._tell)
        plots: Path | None = options["plots"]
        if plots and plots.exists() and not plots.is_dir():
            raise CommandError(f"--plots {plots} is not a folder", returncode=2)
        # Popularity is what every plot is held against.
        beside = ["popularity"] if plots and "popularity" not in algorithm else []
        try:
            reports = self._evaluate(train, test, [*algorithm, *beside], options)
        except (UnreadableFile, TrainingFailed) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stderr.write("stopped")
            sys.exit(INTERRUPTED)
        self._print(reports[: len(algorithm)], as_json=options["json"])
        if plots:
            self._draw(reports, plots)
        if self._errors.by_code:
            self.stderr.write(f"rejected rows: {self._errors.summary()}")
            sys.exit(REJECTS)

    def _print(self, reports: Sequence[Report], *, as_json: bool) -> None:
        said = [json.dumps(each.as_dict()) for each in reports] if as_json else in_words(reports)
        self.stdout.write("\n".join(said))

    def _draw(self, reports: Sequence[Report], folder: Path) -> None:
        # Imported here: drawing takes longer to load than most evaluations need it.
        from recommendations.training.evaluation_plots import write_plots

        try:
            files = write_plots(reports, folder)
        except OSError as error:
            raise CommandError(f"cannot draw into {folder}: {error.strerror}") from error
        self.stderr.write(f"drawn: {', '.join(map(str, files))}", style_func=str)

    def _evaluate(
        self, train: str, test: str | None, names: Sequence[str], options: dict[str, Any]
    ) -> list[Report]:
        catalogue = self._catalogue(options["songs"])
        world = world_of(read_judgements(train, self._reject(train)), catalogue)
        with training_bar() as progress:
            interactions, read_test = self._parts(world, test, options["split"], options["seed"])
            return evaluate_procedures(
                interactions,
                read_test,
                names=names,
                genre_names=world.genre_names,
                ks=options["k"],
                budget_seconds=options["budget_seconds"],
                serving_microseconds=settings.SERVING_BUDGET_MICROSECONDS,
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


def _check_usage(
    train: str, test: str | None, songs: str | None, algorithms: Sequence[str], seed: int
) -> None:
    """What would otherwise come out after minutes of training. Opens no file."""
    for algorithm in algorithms:
        try:
            must_exist(algorithm if algorithm != "auto" else "popularity")
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


def _names(argument: str) -> list[str]:
    """Algorithms, as popularity,auto, each of them once."""
    return list(dict.fromkeys(name.strip() for name in argument.split(",")))


def _lengths(argument: str) -> list[int]:
    """Lengths of lists, as 10,20."""
    parts = argument.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"{argument!r} is not a list of lengths such as 10,20")
    return [int(part) for part in parts]
