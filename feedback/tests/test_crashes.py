"""Processes that are stopped and multiplied. What kills and outages cost: tests/faults."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from access import callers
from feedback.applying import Tally
from feedback.fields import ACTIONS
from feedback.models import AppliedEvent, DeadLetter, OutboxEvent
from feedback.outbox import Wish, accept
from feedback.tests.processes import Running, run, wait_for
from recommendations.models import Interaction, Song

pytestmark = pytest.mark.django_db(transaction=True)

APP = callers.service("app", frozenset())
CONSUMER = ("consume_likes", "--json")
TRANSPORTS = ["embedded", pytest.param("kafka", marks=pytest.mark.kafka)]


@pytest.fixture
def _songs(transactional_db: None) -> None:
    Song.objects.bulk_create(Song(song_id=str(n), title=str(n)) for n in range(20))


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest, _songs: None) -> str:
    """The settings of one transport."""
    if request.param == "kafka":
        request.getfixturevalue("likes_topic")
    return str(request.param)


class Journal:
    """What was acknowledged, and what must have become of it: the judge of every crash."""

    def __init__(self) -> None:
        self.count = 0
        self.last_word: dict[tuple[str, str], int] = {}
        self._random = random.Random(20260701)  # noqa: S311 - a seeded choice, not a secret

    def say(self, count: int) -> None:
        """Have so many likes, dislikes and un-likes accepted, a thousand a commit."""
        for start in range(0, count, 1_000):
            wishes = [self._wish() for _ in range(min(1_000, count - start))]
            accept(APP, wishes)
            self.count += len(wishes)
            self.last_word |= {wish.pair: ACTIONS[wish.action] for wish in wishes}

    def all_applied(self) -> bool:
        """Whether everything that was said has had its effect."""
        return AppliedEvent.objects.count() >= self.count

    def check(self, *tallies: Tally) -> None:
        """Nothing lost, nothing twice, every last word in its profile, nothing put aside.

        Profiles and ids look the same after a second effect, so the consumers' own counts must add
        up: all of them must have ended in order.
        """
        assert sum(tally.applied for tally in tallies) == self.count
        assert sum(tally.dead for tally in tallies) == 0
        rows = Interaction.objects.values_list("listener__user_id", "song_id", "value")
        assert {(user, str(song)): value for user, song, value in rows} == self.last_word
        assert AppliedEvent.objects.count() == self.count
        assert not OutboxEvent.objects.filter(applied_at=None).exists()
        assert not DeadLetter.objects.exists()

    def _wish(self) -> Wish:
        user, song = self._random.randrange(50), self._random.randrange(20)
        return Wish(f"u{user}", str(song), self._random.choice(list(ACTIONS)))


def consumed(consumer: Running, *, stop: bool = False) -> Tally:
    """What a consumer that ends in order, or is told to, says that it has done."""
    code, text = consumer.stop() if stop else consumer.end()
    assert code == 0, text
    return Tally(**json.loads(next(line for line in text.splitlines() if line.startswith("{"))))


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def started() -> Iterator[list[Running]]:
    """Processes to be killed when the test is over, however it ends."""
    running: list[Running] = []
    yield running
    for each in running:
        if each.process.poll() is None:
            each.kill()


@pytest.mark.usefixtures("_songs")
def test_two_consumers_of_the_same_outbox_apply_everything_once(
    journal: Journal, started: list[Running]
) -> None:
    started += [Running(*CONSUMER), Running(*CONSUMER)]
    journal.say(6_000)

    wait_for(journal.all_applied, 30, "both consumers")

    journal.check(*[consumed(each, stop=True) for each in started])


def test_sigterm_ends_a_consumer_in_order(
    transport: str, journal: Journal, started: list[Running]
) -> None:
    consumer = Running("consume_likes")
    started.append(consumer)
    journal.say(50)
    if transport == "kafka":
        assert run("relay_likes", "--once")[0] == 0
    wait_for(journal.all_applied, 30, "all applied")

    code, text = consumer.stop()

    assert code == 0, text
    assert "applied 50, repeated 0, dead-lettered 0" in text
    journal.check(Tally(applied=50))


@pytest.mark.kafka
@pytest.mark.usefixtures("_songs", "likes_topic")
def test_a_relay_killed_in_mid_batch_publishes_everything_at_least_once(
    journal: Journal, started: list[Running]
) -> None:
    journal.say(10_000)
    sent = OutboxEvent.objects.exclude(sent_at=None)
    started.append(Running("relay_likes"))
    wait_for(lambda: sent.count() >= 1_000, 30, "the first relay")
    # It waits for the lease of the first, which ends with the first's life and five seconds more.
    started.append(Running("relay_likes"))
    started[0].kill()
    so_far = sent.count()
    wait_for(lambda: sent.count() > so_far, 30, "the second relay")
    started[1].kill()
    # As after a kill between the broker's word and the mark, which kills rarely hit.
    OutboxEvent.objects.filter(seq__in=list(sent.values_list("seq", flat=True)[:500])).update(
        sent_at=None
    )
    code, text = run("relay_likes", "--once")
    assert code == 0, text

    tally = consumed(Running(*CONSUMER, "--once"))

    assert tally.repeated >= 500
    journal.check(tally)


@pytest.mark.usefixtures("_songs")
def test_without_a_broker_the_commands_say_so(settings: Any) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = ["127.0.0.1:1"]
    Journal().say(1)

    for command in [Running("relay_likes", "--once"), Running("consume_likes", "--once")]:
        code, text = command.end()
        assert code == 1
        assert "Kafka" in text
        assert "Traceback" not in text


def test_without_kafka_in_the_settings_there_is_nothing_to_relay() -> None:
    code, text = run("relay_likes", "--once")

    assert code == 1
    assert "KAFKA_BOOTSTRAP_SERVERS is not set" in text
