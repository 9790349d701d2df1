"""Forgetting while likes come in and are applied: real processes, and threads that accept."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from feedback import outbox_rows
from feedback.forgetting.deletion import forget
from feedback.models import OutboxEvent
from feedback.outbox import Accepted
from feedback.outbox_rows import look_up
from feedback.tests.paths import profile, say
from feedback.tests.processes import Running, run, wait_for
from feedback.tests.test_forgetting import ANN, places_that_name
from recommendations.models import Song

pytestmark = pytest.mark.django_db(transaction=True)

FORGETTINGS = 3
# Two writers without a pause leave a consumer on SQLite no turn at all.
PAUSE_SECONDS = 0.004


class Voice(threading.Thread):
    """Likes one song after the other, as a request of its own each, until it is told to stop."""

    def __init__(self, user_id: str) -> None:
        super().__init__(daemon=True)
        self.user_id = user_id
        self.said: list[str] = []
        self.failure: Exception | None = None
        self._ending = threading.Event()

    def run(self) -> None:
        try:
            while not self._ending.wait(PAUSE_SECONDS):
                song_id = f"{self.user_id[:3]}-{len(self.said) % 500}"
                answer = say(self.user_id, song_id)
                assert isinstance(answer, Accepted)
                self.said.append(song_id)
        except Exception as error:  # noqa: BLE001 - told by the test
            self.failure = error
        finally:
            connection.close()

    def end(self) -> None:
        self._ending.set()
        self.join(20)
        assert not self.is_alive()
        assert self.failure is None, self.failure


@contextmanager
def running(*commands: str) -> Iterator[None]:
    """The processes between the outbox and the profiles."""
    processes = [Running(command) for command in commands]
    try:
        yield
    finally:
        codes = [process.stop() for process in processes]
        assert [code for code, _ in codes] == [0] * len(commands), codes


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def commands(request: pytest.FixtureRequest) -> tuple[str, ...]:
    if request.param == "embedded":
        return ("consume_likes",)
    request.getfixturevalue("likes_topic")
    return ("relay_likes", "consume_likes")


def test_whoever_is_forgotten_amid_a_stream_of_likes_leaves_nothing(
    commands: tuple[str, ...],
) -> None:
    for user in ("ann", "bob"):
        Song.objects.bulk_create(Song(song_id=f"{user}-{n}", title="t") for n in range(500))
    voices = [Voice(ANN), Voice("bob")]
    barriers = []
    with running(*commands):
        for voice in voices:
            voice.start()
        for _ in range(FORGETTINGS):
            # In the midst of it: some of hers are due, some are in the profile.
            heard = len(voices[0].said)
            wait_for(lambda: len(voices[0].said) > heard + 20, 60, "more likes")  # noqa: B023
            wait_for(lambda: profile(ANN) or not voices[0].is_alive(), 60, "an effect")
            barriers.append(forget(ANN).barrier)
        for voice in voices:
            voice.end()
        last = forget(ANN)
    for command in commands:
        code, text = run(command, "--once")
        assert code == 0, text

    assert barriers == sorted(set(barriers))
    assert barriers[-1] < last.barrier
    assert places_that_name(ANN) == []
    assert profile("bob") == dict.fromkeys(voices[1].said, 1)
    assert not OutboxEvent.objects.filter(applied_at=None).exists()


def test_a_like_that_is_being_accepted_lies_before_the_forgetting_and_is_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Song.objects.create(song_id="a", title="a")
    inside, go_on = threading.Event(), threading.Event()

    def slowly(pairs: Any) -> Any:
        inside.set()
        assert go_on.wait(20)
        return look_up(pairs)

    monkeypatch.setattr(outbox_rows, "look_up", slowly)
    accepting = in_a_thread(lambda: say(ANN, "a"))
    assert inside.wait(20)
    forgetting = in_a_thread(lambda: forget(ANN))

    # Long enough for a forgetting that waits for nobody.
    forgetting.join(0.5)
    waited = forgetting.is_alive()
    go_on.set()
    accepting.join(20)
    forgetting.join(20)

    assert waited
    assert not OutboxEvent.objects.exists()


def in_a_thread(work: Callable[[], object]) -> threading.Thread:
    def run_and_close() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run_and_close, daemon=True)
    thread.start()
    return thread
