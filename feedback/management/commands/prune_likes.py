"""``manage.py prune_likes``: delete what of the like path may go, now."""

from dataclasses import asdict
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from feedback.retention import Pruned, keep_old_profiles, prune
from recommendations.leases import LeaseTaken


class Command(BaseCommand):
    """Does by hand what the Celery worker does by the hour and the day."""

    help = (
        "Delete rows of the outbox a day after their effect, applied ids and settled dead letters"
        " that no log can bring again, and traces of consumers that are no more."
        " Example: manage.py prune_likes --json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the flag."""
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")

    def handle(self, *, json: bool, **options: Any) -> str:
        """Prune, and say what went."""
        kept = keep_old_profiles()
        try:
            pruned = prune()
        except LeaseTaken as error:
            raise CommandError(f"{error}: it prunes already") from error
        if json:
            return orjson.dumps(asdict(pruned) | {"kept_in_base": kept}).decode()
        return _in_words(pruned, kept)


def _in_words(pruned: Pruned, kept: int) -> str:
    words = (
        f"deleted {pruned.outbox:,} rows of the outbox, {pruned.applied_event:,} applied ids,"
        f" {pruned.dead_letter:,} settled dead letters and {pruned.lease:,} leases that had ended;"
        f" added up the delays that {pruned.like_delay:,} ended consumers had counted;"
        f" kept {kept:,} profile rows in the base"
    )
    if pruned.untraced:
        words += (
            f"\n{pruned.untraced:,} rows of the outbox are marked as done and stand nowhere as"
            " applied: they stay; manage.py verify_likes says more"
        )
    return words
