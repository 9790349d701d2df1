"""Sharing a commit: who writes for whom, and what everybody hears of it. No database is needed."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import InternalError, OperationalError
from psycopg.errors import ReadOnlySqlTransaction
from pytest_django import Settings

from feedback import group_commit
from feedback.group_commit import GroupCommit, NeverTried, _Entry
from recommendations.database_away import is_read_only


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Database:
    """Writes what it is told to, or raises; a group that holds a request of ``held`` waits."""

    def __init__(self, most: int = 10) -> None:
        self.turns = threading.Lock()
        self.groups: list[list[str]] = []
        self.written: list[str] = []
        self.held: dict[str, threading.Event] = {}
        self.errors: dict[str, BaseException] = {}
        self.commits = GroupCommit(self.write, most, self.turn)
        self._pool = ThreadPoolExecutor(20)

    @contextmanager
    def turn(self) -> Iterator[None]:
        with self.turns:
            yield

    def write(self, requests: Sequence[str]) -> list[str]:
        assert self.turns.locked()
        self.groups.append(list(requests))
        for request in requests:
            if request in self.held:
                assert self.held[request].wait(10)
            if request in self.errors:
                raise self.errors[request]
        self.written += requests
        return [request.upper() for request in requests]

    def begin(self, request: str, size: int = 1) -> "Future[str]":
        return self._pool.submit(self.commits.submit, request, size)

    def waiting(self) -> int:
        return len(self.commits._waiting)

    @contextmanager
    def busy(self) -> Iterator["Future[str]"]:
        """The first request is being written meanwhile; what else comes has to wait."""
        self.held["first"] = threading.Event()
        first = self.begin("first")
        until(lambda: self.groups == [["first"]])
        yield first
        self.held["first"].set()

    def end(self) -> None:
        for each in self.held.values():
            each.set()
        self._pool.shutdown()

    def all_wait(self, *requests: str) -> list["Future[str]"]:
        begun = []
        for request in requests:
            begun.append(self.begin(request))
            until(lambda: self.waiting() == len(begun))
        return begun


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.end()


def test_one_alone_is_written_by_itself_at_once(database: Database) -> None:
    assert [database.commits.submit(name) for name in "ab"] == ["A", "B"]
    assert database.groups == [["a"], ["b"]]


def test_those_who_come_during_a_commit_share_the_next_and_each_gets_its_own_answer(
    database: Database,
) -> None:
    with database.busy() as first:
        others = database.all_wait("a", "b", "c")

    assert [each.result(10) for each in (first, *others)] == ["FIRST", "A", "B", "C"]
    assert database.groups == [["first"], ["a", "b", "c"]]


def test_those_who_come_while_the_leader_waits_for_its_turn_go_along(database: Database) -> None:
    with database.turns:
        all_of_them = database.all_wait("a", "b", "c")

    assert [each.result(10) for each in all_of_them] == ["A", "B", "C"]
    assert database.groups == [["a", "b", "c"]]


def test_a_turn_that_cannot_be_had_is_the_leaders_error_and_the_next_one_is_led() -> None:
    database = Database()
    refusals = [OSError("no turn")]

    @contextmanager
    def turn() -> Iterator[None]:
        with database.turns:
            if refusals:
                raise refusals.pop()
            yield

    database.commits = GroupCommit(database.write, 1, turn)
    with database.turns:
        leader, other = database.all_wait("a", "b")

    assert isinstance(leader.exception(10), OSError)
    assert other.result(10) == "B"


def test_a_group_has_a_greatest_size_and_the_next_takes_the_rest() -> None:
    database = Database(most=2)
    with database.busy():
        others = database.all_wait("a", "b", "c")

    assert [each.result(10) for each in others] == ["A", "B", "C"]
    assert database.groups == [["first"], ["a", "b"], ["c"]]


def test_one_that_is_larger_than_a_group_is_written_alone() -> None:
    database = Database(most=2)
    with database.busy():
        large = database.begin("large", size=3)
        until(lambda: database.waiting() == 1)
        small = database.begin("small")
        until(lambda: database.waiting() == 2)

    assert (large.result(10), small.result(10)) == ("LARGE", "SMALL")
    assert database.groups == [["first"], ["large"], ["small"]]


def test_an_error_of_the_database_is_everybodys_and_nobody_is_tried_again(
    database: Database,
) -> None:
    database.errors["b"] = OperationalError("database or disk is full")
    with database.busy():
        others = database.all_wait("a", "b", "c")

    errors = [each.exception(10) for each in others]
    assert [(type(error), str(error)) for error in errors] == [
        (OperationalError, "database or disk is full")
    ] * 3
    # One each: an error grows where it is raised, and two threads would raise the same.
    assert len({id(error) for error in errors}) == 3
    assert database.groups == [["first"], ["a", "b", "c"]]
    assert database.written == ["first"]


def test_a_database_that_takes_no_writes_is_everybodys_too(database: Database) -> None:
    database.errors["b"] = InternalError("cannot execute INSERT in a read-only transaction")
    database.errors["b"].__cause__ = ReadOnlySqlTransaction()
    with database.busy():
        others = database.all_wait("a", "b")

    assert all(is_read_only(each.exception(10)) for each in others)
    assert database.groups == [["first"], ["a", "b"]]


def test_what_is_wrong_with_one_hurts_no_other(database: Database) -> None:
    database.errors["b"] = ValueError("cannot be written")
    with database.busy():
        others = database.all_wait("a", "b", "c")

    assert [others[0].result(10), others[2].result(10)] == ["A", "C"]
    assert isinstance(others[1].exception(10), ValueError)
    assert database.written == ["first", "a", "c"]


@pytest.mark.parametrize("error", [OperationalError(), ValueError(), KeyboardInterrupt()])
def test_whatever_ends_a_commit_the_next_one_is_led(
    database: Database, error: BaseException
) -> None:
    database.errors["first"] = error
    with database.busy() as first:
        others = database.all_wait("a", "b")

    assert type(first.exception(10)) is type(error)
    assert [each.result(10) for each in others] == ["A", "B"]
    assert database.commits.submit("c") == "C"


def test_nobody_takes_a_commit_that_was_broken_off_for_done(database: Database) -> None:
    database.errors["a"] = KeyboardInterrupt()
    with database.busy():
        leader, other = database.all_wait("a", "b")

    assert isinstance(leader.exception(10), KeyboardInterrupt)
    assert isinstance(other.exception(10), OperationalError)


def test_one_whose_turn_does_not_come_is_withdrawn(
    database: Database, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.LOCK_TIMEOUT_SECONDS = 0.01
    monkeypatch.setattr(group_commit, "MORE_SECONDS", 0.0)
    with database.busy() as first:
        late = database.begin("late")
        assert isinstance(late.exception(10), NeverTried)

    assert first.result(10) == "FIRST"
    assert database.commits.submit("next") == "NEXT"
    assert database.written == ["first", "next"]


def test_one_whose_leader_does_not_come_back_is_told_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = _Entry.wait

    def wait(entry: "_Entry[str, str]") -> bool:
        if entry.request != "taken":
            return patience(entry)
        until(lambda: ["hangs", "taken"] in database.groups)
        return False

    monkeypatch.setattr(_Entry, "wait", wait)
    database.held["hangs"] = threading.Event()
    with database.busy():
        _, taken = database.all_wait("hangs", "taken")

    assert str(taken.exception(10)) == "the database does not answer"
    assert not isinstance(taken.exception(10), NeverTried)
