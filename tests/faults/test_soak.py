"""What the soak says of processes whose memory is known."""

import random
from collections.abc import Callable

import pytest

from tests.faults.scenario import Outcome
from tests.faults.soak import SAMPLE_SECONDS, Sample, look_for_leaks

MINUTES = 15


def judged(memory: Callable[[float], float], descriptors: Callable[[float], int]) -> list[str]:
    """What is found wrong, of MB and open descriptors after so many hours."""
    count = int(MINUTES * 60 / SAMPLE_SECONDS)
    hours = [number * SAMPLE_SECONDS / 3_600 for number in range(count)]
    samples = [Sample(hour * 3_600, memory(hour), descriptors(hour)) for hour in hours]
    outcome = Outcome()
    look_for_leaks(outcome, "web", samples)
    return outcome.failures


def test_a_process_that_breathes_and_does_not_grow_passes() -> None:
    dice = random.Random(38)

    assert not judged(lambda _: 240 + dice.gauss(0, 1), lambda _: 100 + dice.randint(0, 3))


@pytest.mark.parametrize("step", [0.01, 1.0])
def test_growth_is_seen_however_it_comes(step: float) -> None:
    dice = random.Random(38)

    found = judged(lambda hour: 240 + hour * 8 // step * step + dice.gauss(0, 0.1), lambda _: 100)

    assert len(found) == 1
    assert found[0].startswith("web grows by")


def test_ever_more_open_descriptors_are_seen() -> None:
    found = judged(lambda _: 240, lambda hour: 100 + int(hour * 20))

    assert len(found) == 1
    assert found[0].startswith("web descriptors more")
