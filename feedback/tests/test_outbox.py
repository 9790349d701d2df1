"""Accepting a like: the order that it is given, repeats, and what is refused."""

import json
from typing import Any

import pytest
from django.db import OperationalError

from access import callers
from feedback import outbox, outbox_rows
from feedback.events import LAST_SEQ
from feedback.models import AppliedEvent, DeadLetter, OutboxEvent, OutboxSequence
from feedback.outbox import MAX_HELD_AHEAD_US, Accepted, Refused, Wish, accept
from feedback.reasons import Reason, Refusal
from recommendations.models import Song
from recommendations.profiles import Judgement, merge_judgements

pytestmark = pytest.mark.django_db

APP = callers.service("app", frozenset())
NOON_US = 1_782_907_200_000_000


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.us = NOON_US

    def __call__(self) -> int:
        return self.us


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(outbox, "now_us", clock)
    return clock


@pytest.fixture(autouse=True)
def songs() -> None:
    Song.objects.bulk_create(Song(song_id=name, title=name) for name in "abc")


def like(song_id: str = "a", user_id: str = "u", **more: Any) -> Wish:
    return Wish(user_id, song_id, **({"action": "like"} | more))


def payloads() -> list[dict[str, Any]]:
    rows = OutboxEvent.objects.order_by("seq").values_list("payload", flat=True)
    return [json.loads(bytes(row)) for row in rows]


def seqs() -> list[int]:
    return list(OutboxEvent.objects.order_by("seq").values_list("seq", flat=True))


def test_an_accepted_like_stands_in_the_outbox_as_it_will_be_sent() -> None:
    [answer] = accept(APP, [like()])

    assert isinstance(answer, Accepted)
    [payload] = payloads()
    assert payload.pop("event_id").replace("-", "") == answer.event_id
    assert payload == {
        "v": 1,
        "user_id": "u",
        "song_id": "a",
        "action": "like",
        "occurred_at": "2026-07-01T12:00:00.000000Z",
        "seq": NOON_US,
    }


def test_rows_of_one_batch_are_ordered_as_they_stand() -> None:
    accept(APP, [like("a"), like("b"), like("c")])

    assert seqs() == [NOON_US, NOON_US + 1, NOON_US + 2]
    assert [payload["song_id"] for payload in payloads()] == ["a", "b", "c"]


def test_a_clock_that_is_set_back_does_not_make_a_later_word_earlier(clock: Clock) -> None:
    accept(APP, [like()])
    clock.us -= 3_600_000_000

    accept(APP, [like(action="unlike")])

    assert seqs() == [NOON_US, NOON_US + 1]


def test_the_order_survives_an_outbox_that_was_emptied(clock: Clock) -> None:
    accept(APP, [like()])
    OutboxEvent.objects.all().delete()
    clock.us -= 3_600_000_000

    accept(APP, [like()])

    assert seqs() == [NOON_US + 1]


def test_a_new_word_is_later_than_what_the_profile_holds() -> None:
    # A backup of the outbox was restored beside a profile that had gone on.
    ahead = NOON_US + 3_600_000_000
    merge_judgements([Judgement("u", "a", 1, ahead, "00" * 16)])

    accept(APP, [like(action="unlike"), like("b")])

    assert seqs() == [ahead + 1, ahead + 2]


def test_a_profile_that_no_clock_of_ours_can_have_written_is_not_followed() -> None:
    far = NOON_US + MAX_HELD_AHEAD_US
    for user_id, held in (("u", far), ("v", 2**63 - 1)):
        merge_judgements([Judgement(user_id, "a", 1, held, "00" * 16)])

    answers = accept(APP, [like(), like(user_id="v"), like("b"), like(occurred_at_us=NOON_US)])

    assert [getattr(answer, "reason", "kept") for answer in answers] == [
        "held_ahead",
        "held_ahead",
        "kept",
        "kept",
    ]
    assert seqs() == [NOON_US, NOON_US + 1]
    assert OutboxSequence.objects.get().last_seq == NOON_US + 1


def test_what_this_clock_wrote_before_it_was_set_back_is_followed_however_far(
    clock: Clock,
) -> None:
    clock.us += 365 * MAX_HELD_AHEAD_US
    accept(APP, [like()])
    ahead = clock.us
    merge_judgements([Judgement("u", "a", 1, ahead, "00" * 16)])
    clock.us = NOON_US

    accept(APP, [like(action="unlike")])

    assert seqs() == [ahead, ahead + 1]


def test_no_seq_is_issued_past_the_last_one_that_can_be_read() -> None:
    OutboxSequence.objects.update_or_create(defaults={"last_seq": LAST_SEQ})

    [refused] = accept(APP, [like()])

    assert isinstance(refused, Refused)
    assert refused.reason == Refusal.HELD_AHEAD


def test_an_event_with_a_time_of_its_own_goes_out_without_seq() -> None:
    accept(APP, [like(occurred_at_us=NOON_US - 1)])

    [payload] = payloads()
    assert "seq" not in payload
    assert payload["occurred_at"] == "2026-07-01T11:59:59.999999Z"


def test_a_repeat_gets_the_first_answer_and_no_second_row(clock: Clock) -> None:
    first = accept(APP, [like(client_id="tap-1")])
    clock.us += 60_000_000

    assert accept(APP, [like(client_id="tap-1")]) == first
    assert OutboxEvent.objects.count() == 1


def test_a_repeat_in_the_same_batch_is_one_row() -> None:
    one, two = accept(APP, [like(client_id="tap-1"), like(client_id="tap-1")])

    assert one == two
    assert OutboxEvent.objects.count() == 1


def test_a_repeat_is_known_after_its_row_has_left_the_outbox() -> None:
    [first] = accept(APP, [like(client_id="tap-1")])
    OutboxEvent.objects.all().delete()
    AppliedEvent.objects.create(
        event_id=first.event_id, content=like().content, applied_at="2026-07-01T12:00:00Z"
    )

    assert accept(APP, [like(client_id="tap-1")]) == [first]
    assert OutboxEvent.objects.count() == 0


def test_the_same_id_from_another_caller_or_for_another_user_is_another_event() -> None:
    other = callers.service("other", frozenset())

    accept(APP, [like(client_id="1"), like(client_id="1", user_id="v")])
    accept(other, [like(client_id="1")])

    assert OutboxEvent.objects.count() == 3


def test_the_same_id_with_another_content_is_a_conflict_and_a_dead_letter() -> None:
    accept(APP, [like(client_id="1")])

    [refused] = accept(APP, [like(client_id="1", action="dislike")])
    accept(APP, [like(client_id="1", action="dislike")])

    assert isinstance(refused, Refused)
    assert refused.reason == Refusal.ID_CONFLICT
    assert OutboxEvent.objects.count() == 1
    letter = DeadLetter.objects.get()
    assert (letter.source, letter.reason) == ("api", Reason.ID_CONFLICT)
    assert json.loads(bytes(letter.raw))["action"] == "dislike"


def test_unknown_songs_are_refused_and_good_rows_beside_them_kept() -> None:
    answers = accept(APP, [like("a"), like("nowhere"), like("b")])

    assert [type(answer) for answer in answers] == [Accepted, Refused, Accepted]
    assert [payload["song_id"] for payload in payloads()] == ["a", "b"]


def test_what_was_never_liked_can_be_withdrawn() -> None:
    [answer] = accept(APP, [like(action="unlike")])

    assert isinstance(answer, Accepted)


def test_a_like_of_a_song_that_has_gone_can_be_withdrawn_but_not_made_again() -> None:
    merge_judgements([Judgement("u", "gone", 1, 1, "00" * 16)])

    withdrawn, liked = accept(APP, [like("gone", action="unlike"), like("gone")])

    assert isinstance(withdrawn, Accepted)
    assert isinstance(liked, Refused)


def test_nothing_is_kept_when_the_database_refuses_the_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_args: object) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(outbox, "keep", full)
    with pytest.raises(OperationalError):
        accept(APP, [like()])

    assert OutboxEvent.objects.count() == 0
    assert not OutboxSequence.objects.filter(last_seq__gt=0).exists()


def test_a_batch_of_a_thousand_costs_few_queries(django_assert_max_num_queries: Any) -> None:
    accept(APP, [like()])
    with django_assert_max_num_queries(30):
        accept(APP, [like(user_id=f"u{i}", client_id=str(i)) for i in range(1_000)])

    assert OutboxEvent.objects.count() == 1_001


def test_batches_of_all_sizes_share_a_few_statements_as_each_connection_keeps_them() -> None:
    sizes = [{len(piece) for piece in outbox_rows.pieces(range(size))} for size in range(1, 1_001)]

    assert set().union(*sizes) == {128, 64, 32, *range(1, 17)}


@pytest.mark.parametrize("size", [1, 15, 16, 17, 31, 32, 127, 128, 129, 255, 1_000])
def test_of_a_batch_of_any_size_every_row_is_accepted_in_its_order(size: int) -> None:
    users = [f"u{number}" for number in range(size)]

    answers = accept(APP, [like(user_id=user) for user in users])

    assert len(answers) == size
    assert [payload["user_id"] for payload in payloads()] == users


def test_an_acceptance_waits_for_its_turn_before_backlogs() -> None:
    # Behind them a like would wait for one batch after the other of a draining backlog.
    assert outbox._group._turn.keywords == {"before_backlogs": True}  # type: ignore[attr-defined]
