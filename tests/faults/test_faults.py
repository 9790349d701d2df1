"""The short form of every fault, along every way that a like can take."""

import pytest

from conftest import require
from tests import postgres
from tests.faults.conftest import OutcomeOf
from tests.faults.scenario import EMBEDDED, KAFKA, POSTGRES, Scenario
from tests.faults.scenarios import SCENARIOS
from tests.kafka.broker import can_start

MARKS = {
    EMBEDDED: (),
    KAFKA: (pytest.mark.kafka,),
    POSTGRES: (pytest.mark.kafka, pytest.mark.postgres),
}


def every_fault() -> list[object]:
    return [
        pytest.param(
            scenario,
            transport,
            id=f"{scenario.number}-{scenario.run.__name__}-{transport}",
            marks=MARKS[transport],
        )
        for scenario in SCENARIOS
        for transport in scenario.transports
        if transport in scenario.in_short
    ]


@pytest.mark.parametrize(("scenario", "transport"), every_fault())
def test_a_fault_costs_no_like(scenario: Scenario, transport: str, outcome_of: OutcomeOf) -> None:
    if transport != EMBEDDED:
        require(can_start(), "Apache Kafka (Java 17 or newer, and mvn)")
    if transport == POSTGRES:
        require(postgres.programs() is not None, "Postgres (the program initdb)")

    outcome = outcome_of(scenario, transport)

    print(outcome.seen)
    assert outcome.failures == []
