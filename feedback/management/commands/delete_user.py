"""``manage.py delete_user``: forget one user, or all whom a ledger says were forgotten."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from feedback.forgetting.deletion import Receipt, forget, obey
from feedback.management.asking import make_sure
from recommendations.forgotten_ledger import LedgerUnreadable, LedgerUnwritable, read_other
from recommendations.identifiers import RULE, is_identifier


class Command(BaseCommand):
    """Delete all that is held of a user, for good, and print the receipt."""

    help = (
        "Forget a user: delete everything that is held of them and keep what they said until now"
        " from ever coming back, from Kafka, files and backups included. It cannot be undone."
        " Examples: manage.py delete_user 101 --yes --json;"
        " manage.py delete_user --from-ledger /backups/forgotten.jsonl"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the argument and the flags."""
        parser.add_argument("user_id", nargs="?", metavar="USER", help="whom to forget")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--from-ledger",
            type=Path,
            metavar="FILE",
            help="forget whoever was forgotten before, after a restore where FORGOTTEN_LEDGER is"
            " not the newest",
        )
        parser.add_argument("--json", action="store_true", help="print the receipt as JSON")

    def handle(
        self, *, user_id: str | None, yes: bool, from_ledger: Path | None, json: bool, **_: Any
    ) -> str:
        """Forget, and say what that did."""
        try:
            if user_id is not None and from_ledger is None:
                return _one(user_id, sure=yes, as_json=json)
            if user_id is None and from_ledger is not None:
                return _from_ledger(from_ledger, as_json=json)
        except (LedgerUnreadable, LedgerUnwritable) as error:
            raise CommandError(str(error)) from error
        raise CommandError("give a user id, or --from-ledger FILE", returncode=2)


def _one(user_id: str, *, sure: bool, as_json: bool) -> str:
    if not is_identifier(user_id):
        raise CommandError(RULE, returncode=2)
    if not sure:
        question = f"Delete everything that is held of {user_id!a}, for good?"
        make_sure(question, undone="nothing was deleted")
    receipt = forget(user_id)
    return orjson.dumps(receipt.as_json()).decode() if as_json else _in_words(receipt)


def _from_ledger(file: Path, *, as_json: bool) -> str:
    entries = read_other(file)
    deleted = obey(entries)
    if as_json:
        said = {"entries": len(entries), "deleted": dict(sorted(deleted.items()))}
        return orjson.dumps(said).decode()
    return f"entries read: {len(entries):,}\n{_rows(deleted)}"


def _in_words(receipt: Receipt) -> str:
    lines = [
        f"forgotten at {receipt.forgotten_at:%Y-%m-%d %H:%M:%S} UTC as {receipt.user}",
        _rows(receipt.deleted),
    ]
    if receipt.kafka_holds_until is not None:
        lines.append(f"Kafka holds bytes of it until {receipt.kafka_holds_until:%Y-%m-%d} UTC")
    return "\n".join(lines)


def _rows(deleted: Mapping[str, int]) -> str:
    counts = ", ".join(f"{table} {rows}" for table, rows in sorted(deleted.items()) if rows)
    return f"deleted: {counts or 'there was nothing'}"
