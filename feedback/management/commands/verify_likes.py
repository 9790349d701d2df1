"""``manage.py verify_likes``: whether all that was written down about likes agrees."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from feedback.verifying.findings import Finding
from feedback.verifying.meanings import Level
from feedback.verifying.verification import Progress, Report, verify

WRONG: Final = 3
INTERRUPTED: Final = 130
MARKS: Final = {Level.WRONG: "WRONG", Level.LOOK: "look "}


class Command(BaseCommand):
    """Prints what is wrong, where, and what to do. Changes nothing."""

    help = (
        "Hold outbox, applied ids, profiles, dead letters, forget markers and positions in Kafka"
        " against one another, as they stand at one moment, while everything runs. Exit code:"
        " 0 nothing is wrong, 1 it could not look, 2 wrong usage, 3 something is wrong. Example:"
        " manage.py verify_likes --json | jq '.findings[] | select(.level == \"wrong\")'"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the flags."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--deep",
            action="store_true",
            help="also make the profiles anew beside the live ones, and compare",
        )
        parser.add_argument(
            "--limit", type=_limit, default=5, metavar="N", help="examples of each finding (5)"
        )

    def handle(self, *, json: bool, deep: bool, limit: int, **options: Any) -> None:
        """Look, say, and exit with 3 if something is wrong."""
        try:
            with _bar() as progress:
                report = verify(limit=limit, deep=deep, progress=progress)
        except KeyboardInterrupt:
            self.stderr.write("stopped; nothing was changed")
            sys.exit(INTERRUPTED)
        self.stdout.write(_as_json(report) if json else _in_words(report))
        if report.is_wrong:
            sys.exit(WRONG)


def _limit(argument: str) -> int:
    """How many examples, 0 or more."""
    if not argument.isdecimal():
        raise argparse.ArgumentTypeError(f"{argument!r} is not a number of examples")
    return int(argument)


def _in_words(report: Report) -> str:
    lines = [line for finding in report.findings for line in _lines(finding)]
    sizes = ", ".join(
        f"{count:,} {what.replace('_', ' ')}" for what, count in report.looked_at.items()
    )
    wrong = sum(finding.level is Level.WRONG for finding in report.findings)
    verdict = {0: "nothing is wrong", 1: "1 kind of thing is wrong"}.get(
        wrong, f"{wrong} kinds of things are wrong"
    )
    return "\n".join([*lines, f"{verdict}: {sizes}; {report.seconds:.1f} s"])


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{MARKS[finding.level]} {finding.code}: {finding.words} ({finding.count:,})"
    for example in finding.examples:
        yield f"        {example}"
    if finding.count > len(finding.examples) > 0:
        yield f"        … and {finding.count - len(finding.examples):,} more"
    yield f"     -> {finding.advice}"


def _as_json(report: Report) -> str:
    findings = [
        {
            "code": finding.code,
            "level": finding.level,
            "words": finding.words,
            "count": finding.count,
            "examples": finding.examples,
            "advice": finding.advice,
        }
        for finding in report.findings
    ]
    return json.dumps(
        {
            "wrong": report.is_wrong,
            "findings": findings,
            "looked_at": report.looked_at,
            "seconds": round(report.seconds, 3),
        }
    )


@contextmanager
def _bar() -> Iterator[Progress]:
    """A bar over the rows that are read one by one; on a terminal, for work of over a second."""
    shape = "{desc}: {percentage:3.0f}% {bar} {elapsed}<{remaining} {rate_fmt}"
    with tqdm(disable=None, delay=1, leave=False, bar_format=shape, unit=" rows", total=1) as bar:
        yield _BarProgress(bar)


class _BarProgress(Progress):
    def __init__(self, bar: "tqdm[Any]") -> None:
        self._bar = bar

    def begin(self, rows: int) -> None:
        self._bar.reset(total=rows)

    def check(self, name: str) -> None:
        self._bar.set_description_str(name)

    def advance(self, rows: int) -> None:
        self._bar.update(rows)

    def rebuilding(self, what: str, rows: int) -> None:
        self._bar.set_description_str(f"making profiles anew: {rows:,} of the {what}")
