"""Whether the profiles are what a rebuild would make of them: the strictest and slowest check."""

from collections.abc import Callable, Iterator

from feedback.log import LogUnavailable
from feedback.rebuilding.history import HistoryMissing
from feedback.rebuilding.rebuild import RebuildGaveUp, differences
from feedback.verifying.findings import Cases, Finding, Look, pair_in_words
from feedback.verifying.meanings import Code
from recommendations.leases import LeaseTaken


def profiles_can_be_made_anew(
    look: Look, progress: Callable[[str, int], object]
) -> Iterator[Finding]:
    """Make the profiles anew beside the live ones, and compare. Not of the moment of the others.

    A rebuild looks at each profile that differs once more while nobody writes, so that likes on
    their way are no difference.
    """
    not_made = look.cases()
    try:
        found = differences(progress=progress).differences
    except (HistoryMissing, LeaseTaken, LogUnavailable, RebuildGaveUp) as error:
        not_made.add(str(error))
        yield from not_made.found(Code.NOT_REBUILT)
        return
    examples = [
        f"{pair_in_words(each.user_id, each.song_id)} is {_word(each.live)},"
        f" from base and log {_word(each.rebuilt)}"
        for each in found.examples[: look.limit]
    ]
    differing = Cases(look.limit, found.count, examples)
    yield from differing.found(Code.REBUILT_DIFFERS, listeners=f"{found.listeners:,}")


def _word(value: int | None) -> str:
    return {None: "nothing", 1: "like", 0: "withdrawn", -1: "dislike"}.get(value, str(value))
