"""manage.py retrain: train a model from the present profiles and publish it."""

import json
import sys
from dataclasses import asdict
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from recommendations.engine import algorithms
from recommendations.engine.model import TrainingFailed
from recommendations.model_store import BrokenArtifact
from recommendations.training import report_words
from recommendations.training.one_at_a_time import Outcome
from recommendations.training.refreshing import refresh
from recommendations.training.retraining import retrain
from recommendations.training.training_bar import training_bar

# As shells count a process that Ctrl-C ended.
INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Train on all songs and likes, choose on a held-out cut, publish the best, and make it "
        "live unless users who had no part in the choice fare worse by it. "
        "Example: manage.py retrain --algorithm svd --json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        names = ["auto", *algorithms.ALGORITHMS]
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--algorithm", choices=names, help="instead of MODEL_ALGORITHM")
        which.add_argument(
            "--refresh",
            action="store_true",
            help="choose nothing: the live model's recipe, solving again what moved since",
        )
        parser.add_argument(
            "--if-changed", action="store_true", help="only if songs or profiles changed"
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *, algorithm: str | None, if_changed: bool, **options: Any) -> str:
        train = refresh if options["refresh"] else partial(retrain, algorithm=algorithm)
        try:
            with training_bar() as progress:
                outcome = train(only_if_changed=if_changed, progress=progress)
        except TrainingFailed as error:
            raise CommandError(f"nothing was trained, the live model serves on: {error}") from error
        except KeyboardInterrupt:
            kept = "What its final training had finished is kept for the next"
            self.stderr.write(
                "stopped: nothing was published, the live model serves on. "
                f"{'' if options['refresh'] else kept}".strip()
            )
            sys.exit(INTERRUPTED)
        except BrokenArtifact as error:
            raise CommandError(f"what was written does not read back: {error}") from error
        except OSError as error:
            raise CommandError(f"the model could not be stored: {error}") from error
        return as_json(outcome) if options["json"] else in_words(outcome)


def as_json(outcome: Outcome) -> str:
    """One line of JSON: version, algorithm, metrics, seconds, live or not and why."""
    return json.dumps({**asdict(outcome), "live": outcome.status == "live"})


def in_words(outcome: Outcome) -> str:
    """The outcome as a sentence for a person, and what the model's lists are like."""
    if outcome.version is None:
        return f"{outcome.status}: {outcome.reason}"
    report = (outcome.metrics or {}).get("report", {})
    lists, genres = report_words.in_one_line(report), report_words.genres_in_one_line(report)
    said = (
        f"{outcome.version} ({outcome.algorithm}) is {outcome.status} "
        f"after {outcome.seconds:.1f} s: {outcome.reason}"
    )
    lines = [said]
    if lists:
        lines.append(f"lists of {report['listeners']:,} listeners: {lists}")
    if genres:
        lines.append(f"NDCG@10 by genre: {genres}")
    return "\n".join(lines)
