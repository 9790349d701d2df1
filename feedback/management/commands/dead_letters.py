"""``manage.py dead_letters``: see what could not be applied, try it again, or give it up."""

import argparse
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Max, QuerySet
from tqdm import tqdm

from feedback.dead_letters import (
    NOT_REPLAYED,
    Count,
    counts,
    discard,
    not_replayable,
    replay,
    replayable,
)
from feedback.management.asking import INTERRUPTED, make_sure
from feedback.models import DeadLetter
from feedback.raw_text import as_text, in_brief
from feedback.reasons import Reason
from feedback.stopping import stop_on_signals

LISTED: Final = 50
SKIPPED: Final = 3
LARGEST_ID: Final = 2**63 - 1


class Command(BaseCommand):
    """List, count, show, replay and discard dead letters."""

    help = (
        "Look at messages that could not be applied, apply them again, or give them up."
        " Without a word the open ones are listed, the newest first. Exit code: 0 done, 1 failed,"
        " 2 wrong usage, 3 done but for letters that are not there, not open or in conflict."
        " Example: manage.py dead_letters list --reason unknown_song;"
        " manage.py dead_letters replay --reason unknown_song; manage.py dead_letters show 17"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the five words and their flags."""
        words = parser.add_subparsers(dest="word", metavar="list|summary|show|replay|discard")
        listing = _add_word(words, "list", "the newest ones, one a line (the default)")
        _add_filters(listing)
        listing.add_argument(
            "--state",
            choices=[*DeadLetter.State.values, "all"],
            default="open",
            help="only in this state (open)",
        )
        listing.add_argument(
            "--limit", type=_number, default=LISTED, metavar="N", help=f"at most so many ({LISTED})"
        )
        listing.add_argument("--before", type=_number, metavar="ID", help="go on below this one")
        _add_word(words, "summary", "how many there are, by state and reason")
        show = _add_word(words, "show", "all of one")
        show.add_argument("ids", type=_number, nargs=1, metavar="ID", help="its number")
        for word, meaning in (("replay", "apply again"), ("discard", "give up for good")):
            act = _add_word(words, word, f"{meaning}; only open ones")
            act.add_argument("ids", type=_number, nargs="*", metavar="ID", help="their numbers")
            _add_filters(act)
            act.add_argument("--all", action="store_true", help="every open one")
        words.choices["discard"].add_argument(
            "--yes", action="store_true", help="with --all: do not ask"
        )
        # Flags belong behind a word: in front of "discard" they would be read and not obeyed.
        parser.set_defaults(
            word="list", state="open", limit=LISTED, before=None, json=False, **_NO_FILTERS
        )

    def handle(self, *, word: str, json: bool, **options: Any) -> str:
        """Do what the word says."""
        if word == "list":
            return _list(options, as_json=json)
        if word == "summary":
            return _summary(counts(), as_json=json)
        if word == "show":
            return _show(options["ids"][0], as_json=json)
        letters = _chosen(word, options)
        if word == "discard" and options["all"] and not options["yes"]:
            letters = _confirmed(letters)
        skipped = _skipped(word, options["ids"])
        said, stopped = (_discard(letters), False) if word == "discard" else _replay(letters)
        if json:
            self.stdout.write(_json(said | {"skipped": skipped}))
        else:
            said_words = [f"{name.replace('_', ' ')} {count}" for name, count in said.items()]
            why = [NOT_REPLAYED] if "left_out" in said else []
            self.stdout.write("\n".join([", ".join(said_words), *skipped, *why]))
        if stopped:
            self.stderr.write("stopped; what was done stands, and the same command goes on")
            sys.exit(INTERRUPTED)
        if skipped:
            sys.exit(SKIPPED)
        return ""


def _number(argument: str) -> int:
    """A number from 1 on that a database can hold."""
    if not argument.isdecimal() or not 1 <= int(argument) <= LARGEST_ID:
        raise argparse.ArgumentTypeError(f"{argument!r} is not a number from 1 on")
    return int(argument)


def _add_word(words: Any, word: str, meaning: str) -> ArgumentParser:
    parser: ArgumentParser = words.add_parser(
        word, help=meaning, description=f"{meaning}.".capitalize(), epilog=_EXAMPLES[word]
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


_EXAMPLES: Final = {
    "list": "Example: manage.py dead_letters list --reason unknown_song --limit 10",
    "summary": "Example: manage.py dead_letters summary --json",
    "show": "Example: manage.py dead_letters show 17",
    "replay": "Examples: manage.py dead_letters replay 17 18;"
    " manage.py dead_letters replay --reason unknown_song --song 3",
    "discard": "Examples: manage.py dead_letters discard 17 18;"
    " manage.py dead_letters discard --all --yes",
}


# --- Which ones ---------------------------------------------------------------------------------

_NO_FILTERS: Final = {"reason": None, "user": None, "song": None}


def _add_filters(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", choices=Reason.values, help="only of this reason")
    parser.add_argument("--user", metavar="USER_ID", help="only of this user")
    parser.add_argument("--song", metavar="SONG_ID", help="only of this song")


def _filtered(options: dict[str, Any]) -> QuerySet[DeadLetter]:
    fields = {"reason": "reason", "user": "user_id", "song": "song_id"}
    wanted = {fields[name]: options[name] for name in fields if options[name] is not None}
    return DeadLetter.objects.filter(**wanted)


def _chosen(word: str, options: dict[str, Any]) -> QuerySet[DeadLetter]:
    """The letters that a command is to act on."""
    filters = any(options[name] is not None for name in _NO_FILTERS)
    ways = [bool(options["ids"]), filters, options["all"]]
    if not any(ways):
        raise CommandError(
            f"say which to {word}: their numbers, --reason, --user, --song, or --all", returncode=2
        )
    if sum(ways) > 1:
        raise CommandError("give numbers, or --reason, --user and --song, or --all", returncode=2)
    return DeadLetter.objects.filter(id__in=options["ids"]) if ways[0] else _filtered(options)


def _confirmed(letters: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
    """Those that somebody at the terminal has agreed to give up, and none that came since."""
    asked = letters.filter(state=DeadLetter.State.OPEN)
    last = asked.aggregate(last=Max("id"))["last"]
    if last is None:
        return asked.none()
    asked = asked.filter(id__lte=last)
    question = f"Give up {asked.count():,} dead letters, all that are open, for good?"
    make_sure(question, undone="nothing was discarded")
    return asked


def _skipped(word: str, ids: Sequence[int]) -> list[str]:
    """Why those of the numbers are left out that are, in words. A repetition is no reason."""
    found = DeadLetter.objects.filter(id__in=ids)
    states = dict(found.values_list("id", "state"))
    done = DeadLetter.State.REPLAYED if word == "replay" else DeadLetter.State.DISCARDED
    missing = [f"there is no dead letter {each}" for each in ids if each not in states]
    closed = [
        f"{each} was {states[each]}: only open letters can be {done}"
        for each in ids
        if states.get(each, done) not in (DeadLetter.State.OPEN, done)
    ]
    if word == "discard":
        return missing + closed
    never = found.filter(state=DeadLetter.State.OPEN, reason=Reason.ID_CONFLICT).order_by("id")
    return missing + closed + [f"{each} is of id_conflict" for (each,) in never.values_list("id")]


# --- What is done and said ----------------------------------------------------------------------


def _list(options: dict[str, Any], *, as_json: bool) -> str:
    found = _filtered(options).order_by("-id")
    if options["state"] != "all":
        found = found.filter(state=options["state"])
    if options["before"] is not None:
        found = found.filter(id__lt=options["before"])
    rows = [_row(row) for row in found.defer("raw", "key")[: options["limit"]]]
    if as_json:
        return _json(rows)
    lines = [_line(row) for row in rows]
    more = found.count() - len(rows)
    if more:
        lines.append(f"… and {more:,} more: --before {rows[-1]['id']}")
    return "\n".join(lines) or "none"


def _summary(found: Sequence[Count], *, as_json: bool) -> str:
    if as_json:
        return _json([asdict(each) for each in found])
    return (
        "\n".join(
            f"{each.state:<10}{each.reason:<16}{each.count:>9,}"
            f"  {each.oldest:%Y-%m-%d %H:%M} to {each.newest:%Y-%m-%d %H:%M}"
            for each in found
        )
        or "none"
    )


def _discard(letters: QuerySet[DeadLetter]) -> dict[str, int]:
    return {"discarded": discard(letters)}


def _replay(letters: QuerySet[DeadLetter]) -> tuple[dict[str, int], bool]:
    """What came of it, and whether it was stopped on the way."""
    shape = "{desc}: {percentage:3.0f}% {bar} {elapsed}<{remaining} {rate_fmt}"
    total, left_out = replayable(letters).count(), not_replayable(letters)
    with (
        tqdm(
            desc="replay", total=total, unit=" letters", bar_format=shape, disable=None, delay=1
        ) as bar,
        stop_on_signals() as should_stop,
    ):
        tally = replay(letters, should_stop=should_stop, advance=bar.update)
        stopped = should_stop()
    said = {"applied": tally.applied, "repeated": tally.repeated, "still_dead": tally.dead}
    rare = {"forgotten": tally.forgotten, "left_out": left_out}
    return said | {name: count for name, count in rare.items() if count}, stopped


def _row(row: DeadLetter) -> dict[str, Any]:
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
    details = _row(row) | {
        "resolved_at": row.resolved_at and row.resolved_at.isoformat(timespec="seconds"),
        "event_id": str(row.event_id),
        "topic": row.topic,
        "partition": row.partition,
        "offset": row.offset,
        "epoch": row.epoch,
        "seq": row.seq,
        "record_time_us": row.record_time_us,
        "bytes": len(row.raw),
    }
    messages = {"key": row.key, "raw": row.raw}
    if as_json:
        return _json(details | {name: _whole(value) for name, value in messages.items()})
    lines = [f"{name}: {value!a}" for name, value in details.items() if value is not None]
    lines += [f"{name}: {in_brief(value)}" for name, value in messages.items() if value is not None]
    return "\n".join(lines)


def _whole(raw: bytes | memoryview | None) -> str | None:
    return None if raw is None else as_text(raw)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
