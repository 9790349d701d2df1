"""The stop when nearly all would be put aside: where it comes, and that nothing is lost by it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from feedback import applying, dead_letters, letters, log, outages
from feedback.clock import as_datetime, now_us
from feedback.consuming import loop, poison
from feedback.consuming.poison import Limits, Poisoned, PoisonGuard, remember
from feedback.events import Record, Rejection, parse
from feedback.kafka import member
from feedback.letters import Letter
from feedback.log import OutboxLog
from feedback.models import ConsumerOffset, ConsumerStop, DeadLetter, OutboxEvent
from feedback.reasons import Reason
from feedback.tests.paths import EmbeddedPath, KafkaPath, Path, patience, say
from feedback.tests.processes import run
from recommendations.models import Interaction, Song

pytestmark = pytest.mark.django_db

LIMITS = Limits(in_a_row=20, share=0.1, window=200)
GOOD, BAD = ".", "x"


class Reading:
    """A guard that is shown batches of good and bad records, as a consumer would."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._guard = PoisonGuard(limits)
        self._number = 0

    def read(self, batch: str) -> None:
        """Read a record a character. At a stop it is stored, as the consumer does."""
        records = [self._record() for _ in batch]
        put_aside = [
            Letter(record, record.own_id, Reason.BAD_JSON, "")
            for record, kind in zip(records, batch, strict=True)
            if kind == BAD
        ]
        try:
            self._guard.judge(records, put_aside)
        except Poisoned as error:
            remember(error.stop)
            raise
        self._guard.passed()

    def stops_at(self, batch: str) -> bool:
        try:
            self.read(batch)
        except Poisoned:
            return True
        return False

    def _record(self) -> Record:
        self._number += 1
        return Record(b"", 0, f"{self._number:032x}", seq=self._number)


@pytest.mark.parametrize("batches", [[20, 1], [21], [1] * 21, [13, 8]])
def test_so_many_in_a_row_are_borne_and_not_one_more(batches: list[int]) -> None:
    reading = Reading()

    stops = [reading.stops_at(BAD * number) for number in batches]

    assert stops == [False] * (len(batches) - 1) + [True]


def test_a_row_in_the_middle_of_a_batch_counts() -> None:
    assert Reading().stops_at(GOOD + BAD * 21 + GOOD)


def test_a_good_one_in_between_begins_the_row_anew() -> None:
    reading = Reading(Limits(20, 0, 200))

    assert not any(reading.stops_at(BAD * 20 + GOOD) for _ in range(10))


def test_a_share_of_the_last_ones_is_borne_and_not_one_more() -> None:
    reading = Reading()

    reading.read((GOOD * 9 + BAD) * 20)

    assert not reading.stops_at(GOOD * 9 + BAD)
    # The first of the last ones, a good one, makes room for a bad one.
    assert reading.stops_at(BAD)
    assert "0.1 of the last 200" in ConsumerStop.objects.get().message


def test_a_few_bad_ones_at_the_start_of_a_small_log_are_borne() -> None:
    reading = Reading()

    assert not reading.stops_at((BAD + GOOD) * 20)
    assert reading.stops_at(BAD)


@pytest.mark.parametrize("limits", [Limits(0, 0, 200), Limits(0, 0.1, 0), poison.NO_LIMITS])
def test_without_limits_nothing_stops(limits: Limits) -> None:
    reading = Reading(limits)

    assert not any(reading.stops_at(BAD * 50) for _ in range(10))


def test_the_next_one_stops_again_without_moving_as_long_as_it_goes_on() -> None:
    with pytest.raises(Poisoned):
        Reading().read(BAD * 21)
    first = ConsumerStop.objects.values().get()

    for batch in (BAD, BAD * 21, BAD * 5 + GOOD, (BAD + GOOD) * 5):
        assert Reading().stops_at(batch), batch

    last = ConsumerStop.objects.values().get()
    assert {**last, "message": ""} == {**first, "message": ""}


def test_with_good_records_it_goes_on_and_the_stop_is_over() -> None:
    with pytest.raises(Poisoned):
        Reading().read(BAD * 21)

    mended = Reading()
    mended.read(GOOD)

    assert not ConsumerStop.objects.exists()
    # The share of before is remembered all the same: one good record is no mended deploy.
    assert mended.stops_at(BAD * 5)


@pytest.mark.parametrize("limits", [LIMITS, Limits(20, 0, 200), Limits(20, 0, 0)])
def test_a_mended_program_meets_bad_messages_now_and_then_and_goes_on(limits: Limits) -> None:
    with pytest.raises(Poisoned):
        Reading(limits).read(BAD * 21)

    mended = Reading(limits)

    # It begins with one, as any batch may, and half of the bearable share follows.
    assert not any(mended.stops_at(BAD + GOOD * 19) for _ in range(20))
    assert mended.stops_at(BAD * 21)


def test_the_share_is_taken_up_as_well() -> None:
    reading = Reading()
    while not reading.stops_at((BAD + GOOD) * 5):
        pass

    assert ConsumerStop.objects.get().recent_dead == 25
    assert Reading().stops_at(BAD + GOOD)
    assert not Reading().stops_at(GOOD * 20 + BAD)


def test_a_stop_of_another_consumer_in_the_meantime_stays() -> None:
    with pytest.raises(Poisoned):
        Reading().read(BAD * 21)
    taken_up = PoisonGuard(LIMITS)
    taken_up._take_up()
    ConsumerStop.objects.all().delete()
    with pytest.raises(Poisoned):
        Reading().read(BAD * 21)

    taken_up.judge([Record(b"", 0, "")], [])

    assert ConsumerStop.objects.exists()


# --- What a consumer makes of it, along both ways ---------------------------------------------


@pytest.fixture
def small(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits and batches that few records fill."""
    settings.POISON_IN_A_ROW, settings.POISON_SHARE, settings.POISON_WINDOW = 20, 0.1, 1_000
    for module in (log, member):
        monkeypatch.setattr(module, "BATCH_SIZE", 5)


@pytest.fixture
def bad_deploy(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A deploy that can read nothing; call it to mend it."""
    monkeypatch.setattr(
        applying,
        "parse",
        lambda record: Rejection(record.own_id, Reason.UNKNOWN_VERSION, "v: 1 is not known"),
    )
    return lambda: monkeypatch.setattr(applying, "parse", parse)


def like(user: object, song: str = "a") -> bytes:
    return json.dumps({"user_id": str(user), "song_id": song}).encode()


def read_up_to() -> int:
    """How many records of the log are done with."""
    if ConsumerOffset.objects.exists():
        return sum(ConsumerOffset.objects.values_list("next_offset", flat=True))
    return OutboxEvent.objects.exclude(applied_at=None).count()


@pytest.mark.usefixtures("small")
def test_a_bad_deploy_stops_and_the_mended_one_loses_nothing(
    path: Path, bad_deploy: Callable[[], None]
) -> None:
    for user in range(60):
        path.publish(like(user))

    for _ in range(4):
        with pytest.raises(Poisoned, match=r"more than 20 messages in a row.*--accept-poison"):
            path.drain()
        assert DeadLetter.objects.count() == read_up_to() == 20
        assert not Interaction.objects.exists()
    bad_deploy()
    tally = path.drain()

    assert (tally.applied, tally.dead) == (40, 0)
    assert not ConsumerStop.objects.exists()
    dead_letters.replay(DeadLetter.objects.all())
    assert Interaction.objects.count() == 60
    assert not DeadLetter.objects.filter(state="open").exists()


@pytest.mark.usefixtures("small")
def test_a_catalogue_that_comes_late_stops_and_goes_on_with_its_songs(path: Path) -> None:
    for user in range(60):
        path.publish(like(user, "late"))
    with pytest.raises(Poisoned, match="unknown_song"):
        path.drain()
    assert DeadLetter.objects.count() == read_up_to() == 20

    Song.objects.create(song_id="late", title="Late")
    path.drain()

    assert Interaction.objects.filter(value=1).count() == 60
    assert not ConsumerStop.objects.exists()


@pytest.mark.usefixtures("small")
def test_the_batch_that_crosses_the_limit_has_no_effect_at_all(
    path: Path, settings: Settings
) -> None:
    # More than 20 of 1,000, in a row or not.
    settings.POISON_IN_A_ROW, settings.POISON_SHARE = 0, 0.02
    for number in range(20):
        path.publish(b"nonsense %d" % number)
    for raw in (like("u"), b"{", b"[", like("v"), like("w")):
        path.publish(raw)

    with pytest.raises(Poisoned, match=r"more than 0\.02 of the last 1,000"):
        path.drain()

    assert DeadLetter.objects.count() == read_up_to() == 20
    assert not Interaction.objects.exists()


@pytest.mark.usefixtures("small")
def test_a_log_full_of_rubbish_can_be_accepted(path: Path) -> None:
    for number in range(60):
        path.publish(b"rubbish %d" % number)
    path.publish(like("u"))
    with pytest.raises(Poisoned):
        path.drain()

    tally = path.drain(accept_poison=True)

    assert (tally.dead, tally.applied) == (40, 1)
    assert DeadLetter.objects.count() == 60
    assert not ConsumerStop.objects.exists()


@pytest.mark.usefixtures("small")
def test_letters_that_are_read_again_are_no_news(path: Path) -> None:
    raw = [
        json.dumps({"event_id": f"00000000-0000-4000-8000-{n:012}", "user_id": "u"}).encode()
        for n in range(20)
    ]
    for _ in range(3):
        for each in raw:
            path.publish(each)

    assert path.drain().dead == 60
    assert DeadLetter.objects.count() == 20


@pytest.mark.usefixtures("songs", "small")
def test_replayed_letters_are_not_counted() -> None:
    for n in range(15):
        _waiting(n)
    loop.consume(OutboxLog(), once=True, should_stop=patience())

    for _ in range(5):
        dead_letters.replay(DeadLetter.objects.all())
    _waiting(15)

    loop.consume(OutboxLog(), once=True, should_stop=patience())
    assert DeadLetter.objects.count() == 16


@pytest.mark.usefixtures("songs", "small")
def test_a_stop_that_cannot_be_stored_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr("django.db.connection.close", lambda: None)
    refusals = iter([OperationalError("database is locked")] * 2)

    def locked(stop: ConsumerStop) -> None:
        for refusal in refusals:
            raise refusal
        remember(stop)

    monkeypatch.setattr(loop, "remember", locked)
    for n in range(21):
        _waiting(n)

    with pytest.raises(Poisoned):
        loop.consume(OutboxLog(), once=True, should_stop=patience())

    assert ConsumerStop.objects.exists()


def _waiting(number: int, raw: bytes = b"nonsense") -> None:
    """A row of the outbox that nobody can read."""
    OutboxEvent.objects.create(
        seq=number + 1,
        event_id=f"00000000-0000-4000-8000-{number:012}",
        user_id="u",
        song_id="",
        payload=raw,
        recorded_at=as_datetime(now_us()),
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kafka", [False, pytest.param(True, marks=pytest.mark.kafka)])
def test_the_process_ends_with_1_and_says_what_to_do(
    kafka: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_IN_A_ROW", "400")
    if kafka:
        request.getfixturevalue("likes_topic")
    path = KafkaPath() if kafka else EmbeddedPath()
    for n in range(700):
        path.publish(b"nonsense %d" % n)
    if isinstance(path, KafkaPath):
        path.flush()
    path.close()

    seen = set()
    for _ in range(2):
        code, text = run("consume_likes", "--once")
        assert code == 1, text
        assert "CommandError: more than 400 messages in a row would be put aside" in text
        assert "; in the last batch bad_json " in text
        assert "Traceback" not in text
        assert DeadLetter.objects.count() == read_up_to() <= 400
        seen.add(read_up_to())

    # The second has not moved.
    assert len(seen) == 1
    code, text = run("consume_likes", "--once", "--accept-poison")
    assert (code, DeadLetter.objects.count()) == (0, 700), text


# --- What the log of the process says ---------------------------------------------------------


@pytest.mark.usefixtures("songs")
def test_a_letter_is_logged_with_its_id_reason_and_place_and_nothing_of_what_it_says(
    caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    _waiting(7, b'{"v":"secret\\n","user_id":"secret"}')

    with django_capture_on_commit_callbacks(execute=True):
        loop.consume(OutboxLog(), once=True, should_stop=patience())

    assert caplog.messages == [
        "put aside event=00000000-0000-4000-8000-000000000007 reason=wrong_type place=outbox/8"
    ]


@pytest.mark.usefixtures("songs")
def test_a_flood_is_one_line_a_batch(
    caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    for n in range(30):
        _waiting(n, b"nonsense" if n % 3 else b"[]")

    with django_capture_on_commit_callbacks(execute=True):
        loop.consume(OutboxLog(), once=True, should_stop=patience())
        dead_letters.replay(DeadLetter.objects.all())

    [line] = caplog.messages
    assert line.startswith("put aside 30 messages: bad_json=20 not_an_object=10; the first: event=")
    assert line.count("event=") == letters.NAMED


@pytest.mark.usefixtures("songs")
def test_a_request_in_conflict_is_logged_by_its_id(
    caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        say("u", "a", client_id="tap")
        say("u", "b", client_id="tap")

    [line] = caplog.messages
    assert line.endswith("reason=id_conflict place=request")
