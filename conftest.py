"""Fixtures that tests of several apps share."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.broker import Broker, can_start


def require(available: bool, service: str) -> None:
    """Skip where a service is missing; fail where REQUIRE_SERVICES=1 says it must be there."""
    if available:
        return
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"{service} is required (REQUIRE_SERVICES=1) and not there")
    pytest.skip(f"{service} is not there")


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real Kafka for the whole run. A test that hurts its broker starts one of its own."""
    require(can_start(), "Apache Kafka (Java 17 or newer, and mvn)")
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def likes_topic(kafka_broker: Broker, settings: Any) -> str:
    """Settings that name the broker, with a topic and a group that no other test uses."""
    settings.KAFKA_BOOTSTRAP_SERVERS = [kafka_broker.address]
    settings.LIKES_TOPIC = f"song_likes_{uuid.uuid4().hex}"
    settings.LIKES_GROUP = f"musicrec_{uuid.uuid4().hex}"
    return str(settings.LIKES_TOPIC)


@pytest.fixture(autouse=True)
def _ledger_of_its_own(settings: Any) -> None:
    """Whom one test forgets, the next must not find in the ledger."""
    settings.FORGOTTEN_LEDGER = Path(settings.STATE_DIR) / f"forgotten-{uuid.uuid4().hex}.jsonl"
