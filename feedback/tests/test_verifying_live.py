"""verify_likes beside processes that are at work: what is on its way is no finding."""

import threading
from collections.abc import Iterator
from itertools import cycle

import pytest
from django.db import connection

from feedback.models import AppliedEvent, OutboxEvent
from feedback.outbox import Wish, accept
from feedback.tests.paths import APP
from feedback.tests.processes import Running, wait_for
from feedback.verifying.verification import verify
from recommendations.models import Song

pytestmark = pytest.mark.django_db(transaction=True)

TRANSPORTS = ["embedded", pytest.param("kafka", marks=pytest.mark.kafka)]
LOOKS = 6


@pytest.fixture(params=TRANSPORTS)
def processes(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[list[Running]]:
    """A consumer, with Kafka a relay, and ten songs to talk of."""
    Song.objects.bulk_create(Song(song_id=str(n), title=str(n)) for n in range(10))
    commands = ["consume_likes"]
    if request.param == "kafka":
        request.getfixturevalue("likes_topic")
        commands.append("relay_likes")
    started = [Running(command) for command in commands]
    yield started
    for each in started:
        each.kill()


def test_likes_on_their_way_are_no_findings(processes: list[Running]) -> None:
    over = threading.Event()

    def talk() -> None:
        for number, action in enumerate(cycle(["like", "dislike", "unlike"])):
            accept(APP, [Wish(f"u{(number + n) % 50}", str(n % 10), action) for n in range(2)])
            if over.is_set():
                break
        connection.close()

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        wait_for(AppliedEvent.objects.exists, 60, "the first like has its effect")
        before = AppliedEvent.objects.count()
        reports = [verify(limit=5) for _ in range(LOOKS)]
    finally:
        over.set()
        talker.join()

    assert [finding for report in reports for finding in report.findings] == []
    # They did look at something that moved.
    assert AppliedEvent.objects.count() > before
    assert any(report.looked_at["waiting"] for report in reports)
    wait_for(lambda: not OutboxEvent.objects.filter(applied_at=None).exists(), 60, "all is applied")
    assert verify(limit=5).findings == []
