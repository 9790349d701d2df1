"""After a failover: the server that was the first still answers, and takes no writes any more."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import close_old_connections, connection
from django.test import Client
from psycopg.sql import SQL, Identifier

from access import service_keys
from feedback import outages
from feedback.consuming.loop import consume
from feedback.log import OutboxLog
from feedback.models import DeadLetter
from feedback.relay import relay
from feedback.tests.paths import patience, profile, say
from feedback.tests.processes import database_url
from recommendations.models import Song

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="about servers"),
]

LIKE = "/api/v1/users/u/likes/b"


@pytest.fixture(autouse=True)
def _ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "RETRY_SECONDS", 0.0)
    Song.objects.bulk_create(Song(song_id=name, title=name) for name in "ab")


@pytest.fixture
def takes_writes() -> Iterator[Callable[[bool], None]]:
    """Says whether connections that are opened from now on may write. Open ones stay as they are,
    as after a failover: they lead to the server that they led to before.
    """
    with psycopg.connect(database_url(), autocommit=True) as admin:
        name = Identifier(connection.settings_dict["NAME"])
        setting = SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")

        def say_so(whether: bool) -> None:
            admin.execute(setting.format(name, SQL("off" if whether else "on")))

        yield say_so
        say_so(True)
        connection.close()


def fail_over(takes_writes: Callable[[bool], None], *, at_turn: int) -> Callable[[], bool]:
    """What a loop asks at each turn: at that one, new connections lead to a server that writes."""
    takes_writes(False)
    connection.close()
    turns = 0

    def turn() -> bool:
        nonlocal turns
        turns += 1
        if turns == at_turn:
            takes_writes(True)
        return False

    return turn


def test_the_consumer_waits_and_goes_on_at_the_server_that_takes_writes(
    takes_writes: Callable[[bool], None], caplog: pytest.LogCaptureFixture
) -> None:
    say("u", "a")
    turn = fail_over(takes_writes, at_turn=4)

    with caplog.at_level(logging.WARNING):
        consume(OutboxLog(), once=True, should_stop=patience(turn))

    assert profile("u") == {"a": 1}
    assert not DeadLetter.objects.exists()
    assert "read-only transaction; nothing is lost, trying again" in caplog.text
    assert "back after" in caplog.text


def test_the_relay_waits_and_goes_on_at_the_server_that_takes_writes(
    takes_writes: Callable[[bool], None], caplog: pytest.LogCaptureFixture
) -> None:
    turn = fail_over(takes_writes, at_turn=4)

    def should_stop() -> bool:
        return turn() or "back after" in caplog.text

    with caplog.at_level(logging.WARNING):
        relay(once=False, should_stop=patience(should_stop))

    assert "read-only transaction; nothing is lost, trying again" in caplog.text


def test_a_request_is_told_to_come_again_and_its_connection_is_opened_anew(
    takes_writes: Callable[[bool], None],
) -> None:
    key = service_keys.issue("test")
    takes_writes(False)
    connection.close()

    refused = put_like(key)
    takes_writes(True)
    accepted = put_like(key)

    assert refused.status_code == 503
    assert int(refused["Retry-After"]) > 0
    assert json.loads(refused.content)["code"] == "busy"
    assert accepted.status_code == 202


def put_like(key: str) -> Any:
    answer = Client().put(
        LIKE, {"action": "like"}, "application/json", headers={"authorization": f"Bearer {key}"}
    )
    # As a server does between two requests; Django's test client leaves it out.
    close_old_connections()
    return answer
