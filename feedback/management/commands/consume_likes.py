"""``manage.py consume_likes``: the process between the log and the profiles."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from feedback.applying import Tally
from feedback.consuming.delays import Delays
from feedback.consuming.loop import consume
from feedback.consuming.opening import open_log
from feedback.consuming.poison import Poisoned
from feedback.consuming.presence import Presence
from feedback.kafka.names import MemberSlot
from feedback.log import LogUnavailable
from feedback.rebuilding.history import HistoryMissing
from feedback.rebuilding.rebuild import RebuildGaveUp, differences, rebuild
from feedback.rebuilding.report import in_words
from feedback.stopping import stop_on_signals
from recommendations.forgotten_ledger import LedgerUnreadable
from recommendations.leases import LeaseTaken
from recommendations.sealing import DatabaseMoved, told_if_sealed


class Command(BaseCommand):
    """Apply likes until SIGTERM or Ctrl-C, which end it after the batch in hand."""

    help = (
        "Apply likes to user profiles until told to stop: from Kafka where KAFKA_BOOTSTRAP_SERVERS"
        " is set, else from the outbox. Ends with 1 when nearly everything would be put aside."
        " Examples: manage.py consume_likes --once --json;"
        " manage.py consume_likes --rebuild --dry-run; manage.py consume_likes --rebuild"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the flags."""
        parser.add_argument("--once", action="store_true", help="stop after what is there now")
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")
        parser.add_argument(
            "--accept-poison",
            action="store_true",
            help="put aside as much as there is, for a log that truly is full of rubbish",
        )
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="make the profiles anew from what was loaded and the whole log, beside all that"
            " runs, and end",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="with --rebuild: only say what would change"
        )

    def handle(self, *, once: bool, json: bool, accept_poison: bool, **options: Any) -> str:
        """Run the loop, or rebuild, and say what was done."""
        if options["dry_run"] and not options["rebuild"]:
            raise CommandError("--dry-run goes with --rebuild", returncode=2)
        if options["rebuild"] and (once or accept_poison):
            raise CommandError(
                "--rebuild goes with neither --once nor --accept-poison", returncode=2
            )
        if options["rebuild"]:
            return _rebuild(dry_run=options["dry_run"], as_json=json)
        try:
            with told_if_sealed(), stop_on_signals() as should_stop:
                tally = _consume(once=once, should_stop=should_stop, accept_poison=accept_poison)
        except (LogUnavailable, LedgerUnreadable, Poisoned, DatabaseMoved) as error:
            raise CommandError(f"{error}") from error
        if json:
            return orjson.dumps(asdict(tally)).decode()
        counts = f"applied {tally.applied}, repeated {tally.repeated}, dead-lettered {tally.dead}"
        return f"{counts}, forgotten {tally.forgotten}" if tally.forgotten else counts


def _consume(*, once: bool, should_stop: Callable[[], bool], accept_poison: bool) -> Tally:
    with closing(MemberSlot()) as slot, closing(open_log(slot.name)) as log:
        presence, delays = Presence(slot.name), Delays(slot.name)
        try:
            return consume(
                log,
                once=once,
                should_stop=should_stop,
                presence=presence,
                delays=delays,
                accept_poison=accept_poison,
            )
        finally:
            delays.flush()
            presence.end()


def _rebuild(*, dry_run: bool, as_json: bool) -> str:
    try:
        with (
            told_if_sealed(),
            tqdm(desc="reading", unit=" records", disable=None, delay=1, leave=False) as bar,
        ):
            progress = _shown_by(bar)
            rebuilt = (differences if dry_run else rebuild)(progress=progress)
    except (
        HistoryMissing,
        LeaseTaken,
        LedgerUnreadable,
        LogUnavailable,
        RebuildGaveUp,
        DatabaseMoved,
    ) as error:
        raise CommandError(f"not rebuilt: {error}") from error
    if as_json:
        return orjson.dumps(asdict(rebuilt) | {"dry_run": dry_run}).decode()
    return in_words(rebuilt, dry_run=dry_run)


def _shown_by(bar: "tqdm[Any]") -> Callable[[str, int], object]:
    def progress(what: str, count: int) -> None:
        bar.set_description_str(f"reading the {what}", refresh=False)
        bar.update(count - bar.n)

    return progress
