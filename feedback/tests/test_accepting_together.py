"""Likes that threads accept at the same time: one commit, and each answer as if it were alone."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from access import callers
from feedback import outbox, outbox_rows
from feedback.clock import now_us
from feedback.models import DeadLetter, OutboxEvent, OutboxSequence
from feedback.outbox import Accepted, Refused, Wish, accept
from feedback.reasons import Refusal
from recommendations.models import Song

pytestmark = pytest.mark.django_db(transaction=True)

APP = callers.service("app", frozenset())
Answers = list[Accepted | Refused]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Crowd:
    """Threads that ask while the commit of a first one is held up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pool = ThreadPoolExecutor(20)
        self._arrived, self._go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(outbox, "now_us", self._clock)

    def _clock(self) -> int:
        self._arrived.set()
        assert self._go_on.wait(10)
        return now_us()

    def asks(self, *requests: list[Wish]) -> list["Future[Answers]"]:
        """The answers to come of requests of one moment; the first has a commit of its own."""
        begun = [self._pool.submit(_accept, [like("first")])]
        assert self._arrived.wait(10)
        for request in requests:
            begun.append(self._pool.submit(_accept, request))
            # One after another, so that their order is known.
            until(lambda: len(outbox._group._waiting) == len(begun) - 1)
        self._go_on.set()
        self._pool.shutdown()
        return begun[1:]


def _accept(wishes: list[Wish]) -> Answers:
    try:
        return accept(APP, wishes)
    finally:
        connection.close()


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Crowd:
    Song.objects.bulk_create(Song(song_id=name, title=name) for name in ("a", "b", "first"))
    return Crowd(monkeypatch)


def like(song_id: str = "a", user_id: str = "u", **more: Any) -> Wish:
    return Wish(user_id, song_id, **({"action": "like"} | more))


def commits() -> int:
    """Rows of one commit have one time."""
    return OutboxEvent.objects.values("recorded_at").distinct().count()


def test_all_are_kept_in_one_commit_in_the_order_in_which_they_came(crowd: Crowd) -> None:
    answers = crowd.asks(*([like(user_id=f"u{n}")] for n in range(8)))

    ids = [answer.event_id for each in answers for answer in each.result()]
    rows = OutboxEvent.objects.exclude(song_id="first").order_by("seq")
    assert [row.event_id.hex for row in rows] == ids
    assert [row.user_id for row in rows] == [f"u{n}" for n in range(8)]
    assert commits() == 2
    assert OutboxSequence.objects.get().last_seq == rows[7].seq


def test_one_wish_sent_by_many_is_kept_once_and_all_get_the_same_answer(crowd: Crowd) -> None:
    answers = crowd.asks(*([like(client_id="tap-1")] for _ in range(5)))

    assert len({answer.event_id for each in answers for answer in each.result()}) == 1
    assert OutboxEvent.objects.filter(song_id="a").count() == 1


def test_one_id_for_two_things_is_a_conflict_of_the_second(crowd: Crowd) -> None:
    first, second = crowd.asks(
        [like(client_id="1")], [like("b"), like(client_id="1", action="dislike"), like("b")]
    )

    assert [type(answer) for answer in first.result()] == [Accepted]
    refused = second.result()[1]
    assert isinstance(refused, Refused)
    assert refused.reason == Refusal.ID_CONFLICT
    assert [type(answer) for answer in second.result()] == [Accepted, Refused, Accepted]
    assert json.loads(bytes(DeadLetter.objects.get().raw))["action"] == "dislike"


def test_what_is_refused_to_one_is_kept_of_the_others(crowd: Crowd) -> None:
    answers = crowd.asks([like()], [like("nowhere")], [like("b")])

    assert [type(each.result()[0]) for each in answers] == [Accepted, Refused, Accepted]
    assert OutboxEvent.objects.count() == 3


def test_what_cannot_be_written_at_all_takes_no_other_along(crowd: Crowd) -> None:
    # Half of a surrogate pair: no database takes it. Views refuse it long before.
    good, bad, also_good = crowd.asks([like()], [like(user_id="\ud800")], [like("b")])

    assert isinstance(bad.exception(), ValueError)
    assert isinstance(good.result()[0], Accepted)
    assert isinstance(also_good.result()[0], Accepted)
    assert sorted(OutboxEvent.objects.values_list("song_id", flat=True)) == ["a", "b", "first"]


def test_when_the_database_refuses_the_commit_nobody_is_told_that_it_is_kept(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = outbox_rows.write

    def full(rows: Any) -> None:
        write(rows)
        if len(rows) > 1:
            raise OperationalError("database or disk is full")

    monkeypatch.setattr(outbox_rows, "write", full)
    answers = crowd.asks([like()], [like("b")])

    assert [type(each.exception()) for each in answers] == [OperationalError] * 2
    assert [row.song_id for row in OutboxEvent.objects.all()] == ["first"]


def test_inside_somebodys_transaction_nobody_else_depends_on_its_commit(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "now_us", now_us)
    # As a leader it would hand answers to others that its transaction may still take back.
    monkeypatch.setattr(outbox._group, "submit", pytest.fail)

    with transaction.atomic():
        assert isinstance(accept(APP, [like()])[0], Accepted)
        transaction.set_rollback(True)

    assert not OutboxEvent.objects.exists()
