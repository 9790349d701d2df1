"""The services of all scenarios of a test run."""

from collections.abc import Callable, Iterator
from typing import cast

import pytest

from tests.faults.forms import SHORT
from tests.faults.scenario import EMBEDDED, Outcome, Scenario
from tests.faults.services import Services
from tests.faults.side_by_side import Run, side_by_side
from tests.kafka.broker import can_start

OutcomeOf = Callable[[Scenario, str], Outcome]


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Started when first needed, ended with the run."""
    with Services(tmp_path_factory.mktemp("faults")) as found:
        yield found


@pytest.fixture(scope="session")
def outcome_of(request: pytest.FixtureRequest, services: Services) -> Iterator[OutcomeOf]:
    """What comes of a fault; those of the next tests are done beside the one asked for."""
    asked = _asked(request.session)
    if can_start() and any(transport != EMBEDDED for _, transport in asked):
        services.lend(request.getfixturevalue("kafka_broker"))
    # Under xdist the tests are side by side already, and another worker has some of them.
    ahead = [] if hasattr(request.config, "workerinput") else asked

    def do(scenario: Scenario, transport: str) -> Outcome:
        return services.run(scenario, transport, SHORT)

    with side_by_side(ahead, do, SHORT.at_once) as begun:
        yield (
            lambda scenario, transport: (
                begun[scenario, transport].result() if ahead else do(scenario, transport)
            )
        )


def _asked(session: pytest.Session) -> list[Run]:
    """The faults of all tests that will ask for what comes of them."""
    items = [each for each in session.items if isinstance(each, pytest.Function)]
    found = [each.callspec.params for each in items if "outcome_of" in each.fixturenames]
    return [(cast("Scenario", each["scenario"]), str(each["transport"])) for each in found]
