"""``manage.py consume_likes``: the process between the log and the profiles."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from feedback.applying import Tally
from feedback.consuming import consume
from feedback.delays import Delays
from feedback.log import LogUnavailable, open_log
from feedback.members import MemberSlot
from feedback.poison import Poisoned
from feedback.presence import Presence
from feedback.stopping import stop_on_signals
from recommendations.forgotten_ledger import LedgerUnreadable


class Command(BaseCommand):
    """Apply likes until SIGTERM or Ctrl-C, which end it after the batch in hand."""

    help = (
        "Apply likes to user profiles until told to stop: from Kafka where KAFKA_BOOTSTRAP_SERVERS"
        " is set, else from the outbox. Ends with 1 when nearly everything would be put aside."
        " Example: manage.py consume_likes --once --json"
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

    def handle(self, *, once: bool, json: bool, accept_poison: bool, **options: Any) -> str:
        """Run the loop and say what was done."""
        try:
            with stop_on_signals() as should_stop:
                tally = _consume(once=once, should_stop=should_stop, accept_poison=accept_poison)
        except (LogUnavailable, LedgerUnreadable, Poisoned) as error:
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
