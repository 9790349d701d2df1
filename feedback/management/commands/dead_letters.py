"""``manage.py dead_letters``: see what could not be applied, try it again, or give it up."""

from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from feedback.dead_letters import discard, replay
from feedback.models import DeadLetter
from feedback.reasons import Reason

SHOWN_BYTES = 2_000
LISTED = 50


class Command(BaseCommand):
    """List, show, replay and discard dead letters."""

    help = (
        "Look at messages that could not be applied, apply them again, or give them up."
        " Without a word they are listed. Example:"
        " manage.py dead_letters list --reason unknown_song;"
        " manage.py dead_letters replay --reason unknown_song; manage.py dead_letters show 17"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the four words and their flags."""
        words = parser.add_subparsers(dest="word", metavar="list|show|replay|discard")
        listing = words.add_parser("list", help="the newest ones, one a line (the default)")
        _add_filters(listing)
        listing.add_argument("--state", choices=DeadLetter.State.values, default="open")
        listing.add_argument("--limit", type=int, default=LISTED)
        show = words.add_parser("show", help="all of one")
        show.add_argument("ids", type=int, nargs=1, metavar="ID")
        for word, meaning in (("replay", "apply again"), ("discard", "give up for good")):
            act = words.add_parser(word, help=meaning)
            act.add_argument("ids", type=int, nargs="*", metavar="ID")
            _add_filters(act)
            act.add_argument("--all", action="store_true", help="every open one")
        for each in words.choices.values():
            each.add_argument("--json", action="store_true", help="print JSON")
        # Flags belong behind a word: in front of "discard" they would be read and not obeyed.
        parser.set_defaults(word="list", reason=None, state="open", limit=LISTED, json=False)

    def handle(self, *, word: str, json: bool, **options: Any) -> str:
        """Do what the word says."""
        if word == "list":
            found = _chosen(options).filter(state=options["state"]).order_by("-id")
            rows = [_summary(row) for row in found[: options["limit"]]]
            return _json(rows) if json else "\n".join(map(_line, rows)) or "none"
        if word == "show":
            return _show(options["ids"][0], as_json=json)
        if not (options["ids"] or options["reason"] or options["all"]):
            raise CommandError(f"say which to {word}: their numbers, --reason, or --all")
        if word == "discard":
            count = discard(_chosen(options))
            return _json({"discarded": count}) if json else f"discarded {count}"
        tally = replay(_chosen(options))
        counts = {"applied": tally.applied, "repeated": tally.repeated, "still_dead": tally.dead}
        words = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())
        return _json(counts) if json else words


def _add_filters(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", choices=Reason.values, help="only of this reason")


def _chosen(options: dict[str, Any]) -> QuerySet[DeadLetter]:
    letters = DeadLetter.objects.all()
    if options.get("ids"):
        letters = letters.filter(id__in=options["ids"])
    if options["reason"]:
        letters = letters.filter(reason=options["reason"])
    return letters


def _summary(row: DeadLetter) -> dict[str, Any]:
    return {
        "id": row.pk,
        "reason": row.reason,
        "state": row.state,
        "created_at": row.created_at.isoformat(timespec="seconds"),
        "source": row.source,
        "user_id": row.user_id,
        "song_id": row.song_id,
        "error": row.error,
    }


def _line(row: dict[str, Any]) -> str:
    # As Python writes text: what others have sent must not move the cursor of a terminal.
    who = f"{row['user_id']!a} {row['song_id']!a} " if row["user_id"] else ""
    return f"{row['id']} {row['created_at']} {row['reason']} {who}{row['error']!a}"


def _show(letter_id: int, *, as_json: bool) -> str:
    row = DeadLetter.objects.filter(id=letter_id).first()
    if row is None:
        raise CommandError(f"there is no dead letter {letter_id}")
    details = _summary(row) | {
        "event_id": str(row.event_id),
        "topic": row.topic,
        "partition": row.partition,
        "offset": row.offset,
        "epoch": row.epoch,
        "seq": row.seq,
        "record_time_us": row.record_time_us,
        "bytes": len(row.raw),
        # Bytes one to one as characters, so that nothing of them is lost or interpreted.
        "raw": bytes(row.raw)[:SHOWN_BYTES].decode("latin-1"),
    }
    if as_json:
        return _json(details)
    return "\n".join(f"{name}: {value!a}" for name, value in details.items() if value is not None)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
