"""Where a word stands in a log says nothing of when it was said: no position is a time."""

import itertools
import json
import uuid
from typing import Any, Final

import pytest

from feedback import dead_letters
from feedback.applying import apply
from feedback.clock import now_us
from feedback.events import LAST_SEQ, Event, Record, parse
from feedback.fields import as_rfc_3339
from feedback.models import AppliedEvent, DeadLetter
from feedback.rebuilding.rebuild import rebuild
from feedback.tests.paths import Path, profile
from recommendations.models import Interaction, Song

pytestmark = pytest.mark.django_db

NOW_US: Final = 1_782_907_200_000_000
HOUR_US: Final = 3_600_000_000
# Each but the first is a later place than any before it, and the numbers of the last ones would
# beat every time.
PLACES: Final[tuple[dict[str, Any], ...]] = (
    {"topic": "likes", "epoch": 0, "partition": 0, "offset": 0},
    {"topic": "likes", "epoch": 0, "partition": 0, "offset": 7},
    {"topic": "likes", "epoch": 0, "partition": 7, "offset": 0},
    {"topic": "likes", "epoch": 7, "partition": 0, "offset": 0},
    {"topic": "likes", "epoch": 7, "partition": 7, "offset": 2**62},
    {"seq": 1},
    {"seq": LAST_SEQ},
)
# Of one pair and one moment each, said in the three ways in which a time comes.
FORMS: Final[dict[str, Any]] = {
    "a seq": lambda at: {"seq": at},
    "a time of its own": lambda at: {"occurred_at": as_rfc_3339(at)},
    "the record's time": lambda _: {},
}


def word(action: str, place: dict[str, Any], at: int, form: str, number: int) -> Record:
    event_id = str(uuid.UUID(int=number))
    said = {"v": 1, "event_id": event_id, "user_id": "u", "song_id": "a", "action": action}
    return Record(json.dumps(said | FORMS[form](at)).encode(), at, "ab" * 16, b"u", **place)


def all_outcomes(one: Record, other: Record) -> list[dict[str, int]]:
    """What becomes of the pair when both come in one batch or in two, in either order."""
    outcomes = []
    for first, second in ((one, other), (other, one)):
        for batches in ([[first, second]], [[first], [second]]):
            Interaction.objects.all().delete()
            AppliedEvent.objects.all().delete()
            for batch in batches:
                apply(batch)
            outcomes.append(profile("u"))
    return outcomes


@pytest.mark.parametrize("form", FORMS)
def test_an_event_has_one_order_key_wherever_it_stands(form: str) -> None:
    events = [parse(word("like", place, NOW_US, form, 1)) for place in PLACES]

    assert all(isinstance(event, Event) and event.order_key == NOW_US for event in events)
    assert len(set(events)) == 1


@pytest.mark.parametrize("form", FORMS)
def test_the_later_word_wins_whichever_place_it_stands_at(songs: None, form: str) -> None:
    for early, late in itertools.permutations(PLACES, 2):
        # The ids the other way round, so that they do not decide either.
        earlier = word("like", early, NOW_US - 1, form, 9)
        later = word("dislike", late, NOW_US, form, 1)

        assert all_outcomes(earlier, later) == [{"a": -1}] * 4, (early, late)


def test_words_of_one_moment_are_told_apart_by_their_ids_not_by_their_places(songs: None) -> None:
    for low, high in itertools.permutations(PLACES, 2):
        first = word("like", low, NOW_US, "a seq", 1)
        second = word("dislike", high, NOW_US, "a seq", 9)

        assert all_outcomes(first, second) == [{"a": -1}] * 4, (low, high)


def test_a_rebuild_and_a_replay_go_by_the_times_too(path: Path) -> None:
    now = now_us()

    def publish(song_id: str, action: str, at: int) -> None:
        said = {"v": 1, "user_id": "u", "song_id": song_id, "action": action, "seq": at}
        path.publish(json.dumps(said).encode(), time_us=at)

    # What was said first stands behind the other in the log, and waits as a letter of the same.
    for song_id in ("a", "new"):
        publish(song_id, "dislike", now)
        publish(song_id, "like", now - HOUR_US)
    path.drain()
    Song.objects.create(song_id="new", title="New")
    for letter in DeadLetter.objects.order_by("id"):
        dead_letters.replay(DeadLetter.objects.filter(id=letter.id))

    assert profile("u") == {"a": -1, "new": -1}
    assert rebuild().differences.count == 0
