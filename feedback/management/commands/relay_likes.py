"""``manage.py relay_likes``: the process between the outbox and Kafka."""

import gc
from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from feedback.lasting import leave_out_what_is_loaded
from feedback.log import LogUnavailable
from feedback.relay import relay
from feedback.stopping import stop_on_signals
from recommendations.sealing import DatabaseMoved, told_if_sealed


class Command(BaseCommand):
    """Publish likes until SIGTERM or Ctrl-C, which end it after the batch in hand."""

    help = (
        "Publish accepted likes from the outbox to Kafka until told to stop."
        " Example: KAFKA_BOOTSTRAP_SERVERS=localhost:9092 manage.py relay_likes --once --json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the flags."""
        parser.add_argument("--once", action="store_true", help="stop after what is due now")
        parser.add_argument("--json", action="store_true", help="print the count as JSON")

    def handle(self, *, once: bool, json: bool, **options: Any) -> str:
        """Run the loop and say what was done."""
        if not settings.KAFKA_BOOTSTRAP_SERVERS:
            raise CommandError(
                "KAFKA_BOOTSTRAP_SERVERS is not set: there is nowhere to send likes to."
                " Without Kafka consume_likes reads the outbox itself."
            )
        if not once:
            leave_out_what_is_loaded()
            # A full collection every few minutes at 200 likes a second, of what is under way alone.
            gc.set_threshold(700, 10, 3)
        try:
            with told_if_sealed(), stop_on_signals() as should_stop:
                sent = relay(once=once, should_stop=should_stop)
        except (LogUnavailable, DatabaseMoved) as error:
            raise CommandError(f"{error}") from error
        return orjson.dumps({"sent": sent}).decode() if json else f"sent {sent}"
