"""Scenarios two at a time: much of each is waiting for sessions, brokers and locks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from tests.faults.scenario import Scenario

T = TypeVar("T")
Run = tuple[Scenario, str]


@contextmanager
def side_by_side(
    runs: Sequence[Run], do: Callable[[Scenario, str], T], at_once: int
) -> Iterator[Mapping[Run, "Future[T]"]]:
    """Do every scenario along its transport, so many at once; those with short times alone, last.

    What has not begun at the end of the block is left. The threads live until then: a process that
    a thread has started ends with it.
    """
    alone = [run for run in runs if at_once > 1 and run[0].is_timed]
    with ThreadPoolExecutor(at_once) as together, ThreadPoolExecutor(1) as single:
        begun = {run: together.submit(do, *run) for run in runs if run not in alone}
        others = list(begun.values())

        def do_alone(scenario: Scenario, transport: str) -> T:
            wait(others)
            return do(scenario, transport)

        begun |= {run: single.submit(do_alone, *run) for run in alone}
        try:
            yield begun
        finally:
            for future in begun.values():
                future.cancel()
