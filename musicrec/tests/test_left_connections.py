"""Threads come and go; their connections to the database must not stay."""

import gc
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, connections

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_collection() -> Iterator[None]:
    """A collection would find what is left, if it came; here it does not come."""
    gc.disable()
    yield
    gc.enable()


def in_a_thread(act: Callable[[], Any]) -> Any:
    """What a thread of its own answers, once it has ended."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(act()))
    thread.start()
    thread.join(10)
    return answers[0]


def connected() -> Any:
    """This thread's connection, as its driver made it."""
    connection.ensure_connection()
    return connection.connection


def is_open(made: Any) -> bool:
    try:
        made.cursor().execute("SELECT 1")
    except (sqlite3.ProgrammingError, psycopg.OperationalError):
        return False
    return True


def test_what_a_thread_leaves_is_closed_when_the_next_one_connects() -> None:
    left = in_a_thread(connected)
    assert is_open(left)

    in_a_thread(connected)

    assert not is_open(left)


def test_however_many_threads_come_and_go_only_the_last_leaves_a_connection() -> None:
    made = [in_a_thread(connected) for _ in range(20)]

    assert [is_open(each) for each in made] == [False] * 19 + [True]


def test_one_that_ended_within_a_transaction_is_closed_too() -> None:
    def begin() -> Any:
        connection.set_autocommit(False)
        connection.cursor().execute("SELECT 1")
        return connection.connection

    left = in_a_thread(begin)
    in_a_thread(connected)

    assert not is_open(left)


def test_those_of_threads_that_go_on_stay_open() -> None:
    own, done = connected(), threading.Event()
    ready: list[Any] = []

    def stay() -> None:
        ready.append(connected())
        done.wait(10)
        ready.append(is_open(ready[0]))
        connections.close_all()

    thread = threading.Thread(target=stay)
    thread.start()
    try:
        for _ in range(3):
            in_a_thread(connected)
    finally:
        done.set()
        thread.join(10)

    assert ready[1]
    assert is_open(own)
