"""manage.py recommend: what the API would answer for a listener now."""

import json
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from recommendations.api.queries import RECOMMENDATIONS, Wrong
from recommendations.serving.answers import Answer, recommend_for
from recommendations.serving.ordering import Wanted


class Command(BaseCommand):
    help = "Print recommendations for a user. Example: manage.py recommend 101 --limit 5 --json"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user_id", metavar="USER", help="the user's id")
        parser.add_argument("--limit", type=int, default=10, choices=range(1, 101), metavar="N")
        parser.add_argument("--genre", help="only songs of this genre")
        parser.add_argument(
            "--novelty", type=_novelty, default=0.0, metavar="-1…1", help="familiar … adventurous"
        )
        parser.add_argument("--json", action="store_true", help="print the API's answer")

    def handle(self, *, user_id: str, limit: int, genre: str | None, **options: Any) -> str:
        wanted = Wanted(limit=limit, genre=genre, novelty=options["novelty"])
        answer = recommend_for(user_id, wanted)
        return json.dumps(answer) if options["json"] else in_words(answer)


def _novelty(argument: str) -> float:
    """A number as the API takes it."""
    try:
        novelty: float = RECOMMENDATIONS["novelty"]([argument])
    except Wrong as error:
        raise ArgumentTypeError(f"{argument!r} {error}") from error
    return novelty


def in_words(answer: Answer) -> str:
    """The answer as a table for a person."""
    model = answer["model"]
    lines = [
        f"{answer['strategy']}, by {model['algorithm']} {model['version'] or '(no model yet)'}"
    ]
    for result in answer["results"]:
        song = result["song"]
        reasons = ", ".join(
            f"{reason['title'] or reason['song_id']} {reason['share']:.0%}"
            for reason in result["reasons"]
        )
        lines.append(
            f"{result['rank']:3}  {result['score']:7.4f}  {song['title']} by {song['artist']}"
            + (f"  (because of {reasons})" if reasons else "")
        )
    return "\n".join(lines)
