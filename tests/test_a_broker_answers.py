"""Telling from outside whether a real Kafka broker answers, hangs or is away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import require
from musicrec.reachability import kafka_fault
from tests.kafka.broker import Broker, can_start

pytestmark = pytest.mark.kafka


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test's own, which it may pause and kill."""
    require(can_start(), "Kafka (java and mvn)")
    broker = Broker(tmp_path / "kafka")
    broker.start()
    yield broker
    broker.kill()


def test_a_broker_that_answers_hangs_and_is_away_is_told_apart_in_time(broker: Broker) -> None:
    # The port opens before the broker is ready for questions.
    assert kafka_fault([broker.address], 20.0) is None

    broker.pause()
    assert "timed out" in (kafka_fault([broker.address], 0.8) or "")
    broker.resume()
    assert kafka_fault([broker.address], 20.0) is None

    broker.kill()
    assert "refused" in (kafka_fault([broker.address], 0.8) or "")
