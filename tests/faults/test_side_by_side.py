"""Scenarios side by side: which of them, and what is left when a run ends early."""

import threading
import time
from collections.abc import Callable

from tests.faults.scenario import EMBEDDED, Outcome, Scenario
from tests.faults.side_by_side import Run, side_by_side


def run_of(number: int, *, is_timed: bool = False) -> Run:
    return Scenario(number, "", "", lambda _world, _form: Outcome(), is_timed=is_timed), EMBEDDED


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_two_meet() -> None:
    meeting = threading.Barrier(2)
    runs = [run_of(1), run_of(2)]

    with side_by_side(runs, lambda *_: meeting.wait(10), at_once=2) as begun:
        assert {begun[run].result() for run in runs} == {0, 1}


def test_one_that_is_timed_begins_when_the_others_are_over() -> None:
    over: list[int] = []
    all_are_asked_for = threading.Event()
    runs = [run_of(1, is_timed=True), run_of(2), run_of(3, is_timed=True), run_of(4)]

    def do(scenario: Scenario, _transport: str) -> list[int]:
        all_are_asked_for.wait(10)
        before = list(over)
        over.append(scenario.number)
        return before

    with side_by_side(runs, do, at_once=2) as begun:
        until(begun[runs[0]].running)
        all_are_asked_for.set()
        assert sorted(begun[runs[0]].result()) == [2, 4]
        assert begun[runs[2]].result()[2:] == [1]


def test_one_at_a_time_they_keep_their_order() -> None:
    done: list[int] = []
    runs = [run_of(1), run_of(2, is_timed=True), run_of(3)]

    with side_by_side(runs, lambda scenario, _: done.append(scenario.number), at_once=1) as begun:
        begun[runs[-1]].result()

    assert done == [1, 2, 3]


def test_what_has_not_begun_when_the_run_ends_is_left() -> None:
    goes_on = threading.Event()
    done: list[int] = []
    runs = [run_of(1), run_of(2)]

    def do(scenario: Scenario, _transport: str) -> None:
        goes_on.wait(10)
        done.append(scenario.number)

    with side_by_side(runs, do, at_once=1) as begun:
        until(begun[runs[0]].running)
        begun[runs[1]].add_done_callback(lambda _: goes_on.set())

    assert done == [1]
