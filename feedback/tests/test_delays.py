"""The histogram of how long likes take: what counts, and that it never stands in a like's way."""

import json
from typing import Any

import pytest
from django.db import OperationalError

from feedback import dead_letters
from feedback.clock import now_us
from feedback.consuming import delays
from feedback.consuming.delays import BUCKETS_SECONDS, ENDED, Delays, all_delays, fold_ended
from feedback.consuming.presence import Presence
from feedback.events import Event
from feedback.models import LikeDelay, OutboxEvent
from feedback.outbox import Accepted
from feedback.tests.paths import Path, profile, say
from feedback.tests.processes import run
from recommendations.models import Song

pytestmark = pytest.mark.django_db

NOW = 1_782_907_200_000_000


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delays, "now_us", lambda: NOW)


def said(seconds_ago: float, *, issued: bool = True) -> Event:
    key = NOW - round(seconds_ago * 1_000_000)
    return Event("0" * 32, "u", "a", 1, key, b"", issued=issued)


def counted() -> dict[str, int]:
    """The buckets that hold something."""
    counts, _ = all_delays()
    names = [*map(str, BUCKETS_SECONDS), "more"]
    return {name: count for name, count in zip(names, counts, strict=True) if count}


@pytest.mark.usefixtures("frozen")
def test_each_event_counts_in_the_bucket_of_its_delay() -> None:
    mine = Delays("machine-0")

    mine.count([said(seconds) for seconds in (0, 0.005, 0.006, 0.3, 0.3, 700)])
    mine.count([said(-5), said(3, issued=False)])
    mine.flush()

    # A clock that is ahead of ours counts as no delay; what has no seq of an outbox, not at all.
    assert counted() == {"0.005": 3, "0.01": 1, "0.5": 2, "more": 1}
    assert all_delays()[1] == pytest.approx(700.611)


@pytest.mark.usefixtures("frozen")
def test_a_consumer_goes_on_with_its_row_and_all_rows_are_added_up() -> None:
    for name in ("machine-0", "machine-1", "machine-0"):
        mine = Delays(name)
        mine.count([said(1)])
        mine.flush()
        mine.flush()

    assert counted() == {"1.0": 3}
    assert LikeDelay.objects.count() == 2


@pytest.mark.usefixtures("frozen")
def test_a_row_with_the_buckets_of_another_release_begins_anew() -> None:
    LikeDelay.objects.create(consumer="machine-0", counts=[5, 5], seconds=9.0)
    assert counted() == {}
    mine = Delays("machine-0")

    mine.count([said(1)])
    mine.flush()

    assert (counted(), all_delays()[1]) == ({"1.0": 1}, 1.0)


@pytest.mark.usefixtures("frozen")
def test_rows_of_consumers_that_are_no_more_become_one_and_no_total_goes_back() -> None:
    Presence("running").renew()
    for name in ("running", "ended", "killed"):
        mine = Delays(name)
        # No binary fraction: added up in another order, they differ in the last bit.
        mine.count([said(0.1), said(0.7)])
        mine.flush()
    before = all_delays()

    assert fold_ended() == 2
    assert set(LikeDelay.objects.values_list("consumer", flat=True)) == {"running", ENDED}
    assert all_delays()[0] == before[0]
    assert before[1] <= all_delays()[1] == pytest.approx(before[1])
    assert fold_ended() == 0


@pytest.mark.usefixtures("frozen")
def test_a_consumer_whose_row_was_added_to_the_rest_begins_another() -> None:
    mine = Delays("machine-0")
    for _ in range(2):
        mine.count([said(1)])
        mine.flush()
        fold_ended()

    assert counted() == {"1.0": 2}
    assert LikeDelay.objects.get().consumer == ENDED


def test_the_sum_of_delays_does_not_become_less_by_a_rounding() -> None:
    # Half a bit of 1.0 each: all three are more than 1.0, and 1.0 with one of them is 1.0.
    Presence("running").renew()
    for name, seconds in (("ended", 1.0), ("killed", 2.0**-53), ("running", 2.0**-53)):
        counts = [1] * (len(BUCKETS_SECONDS) + 1)
        LikeDelay.objects.create(consumer=name, counts=counts, seconds=seconds)
    before = all_delays()[1]

    fold_ended()

    assert before > 1.0
    assert all_delays()[1] >= before


@pytest.mark.usefixtures("frozen")
def test_rows_with_other_buckets_go_and_count_for_nothing() -> None:
    LikeDelay.objects.create(consumer="machine-0", counts=[5, 5], seconds=9.0)

    assert fold_ended() == 1
    assert counted() == {}
    assert all_delays()[1] == pytest.approx(0)


@pytest.mark.usefixtures("frozen")
def test_what_cannot_be_stored_is_stored_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, store = Delays("machine-0"), Delays._store

    def locked(_: Delays) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(Delays, "_store", locked)
    mine.count([said(1)])
    mine.flush()
    monkeypatch.setattr(Delays, "_store", store)
    mine.count([said(1)])
    mine.flush()

    assert counted() == {"1.0": 2}


def test_it_is_stored_every_two_seconds_and_not_at_each_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    monkeypatch.setattr("feedback.consuming.delays.time.monotonic", lambda: clock[0])
    mine = Delays("machine-0")
    seen = []
    for clock[0] in (100.5, 101.9, 102.0, 103.9, 104.1):
        mine.count([said(1)])
        mine.flush_if_due()
        seen.append(sum(all_delays()[0]))

    assert seen == [0, 0, 3, 3, 5]


def test_only_first_effects_of_what_our_outbox_accepted_live_count(path: Path) -> None:
    mine = Delays("machine-0")
    before = now_us()
    first = say("u", "a")
    say("u", "b", "dislike")
    say("v", "a", occurred_at_us=NOW - 9_000_000)
    path.publish(json.dumps({"user_id": "w", "song_id": "a"}).encode())
    path.publish(json.dumps({"user_id": "w", "song_id": "late"}).encode())
    assert isinstance(first, Accepted)
    path.drain(delays=mine)
    path.publish(bytes(OutboxEvent.objects.get(event_id=first.event_id).payload))
    Song.objects.create(song_id="late", title="Late")
    path.drain(delays=mine)
    dead_letters.replay_for_songs()

    mine.flush()

    counts, seconds = all_delays()
    assert profile("w") == {"a": 1, "late": 1}
    assert sum(counts) == 2
    assert 0 < seconds < 2 * (now_us() - before) / 1_000_000


def test_a_like_has_its_effect_though_nothing_can_be_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("disk full")

    monkeypatch.setattr(LikeDelay.objects, "select_for_update", away)
    monkeypatch.setattr(delays, "FLUSH_SECONDS", 0.0)
    say("u", "a")

    path.drain(delays=Delays("machine-0"))

    assert profile("u") == {"a": 1}
    assert not LikeDelay.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_process_stores_what_it_counted_when_it_ends() -> None:
    Song.objects.create(song_id="a", title="a")
    for user in "uvw":
        say(user, "a")

    code, text = run("consume_likes", "--once")

    assert code == 0, text
    assert sum(LikeDelay.objects.get().counts) == 3
