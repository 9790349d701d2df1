"""The services of all scenarios of a test run."""

from collections.abc import Iterator

import pytest

from tests.faults.services import Services


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Started when first needed, ended with the run."""
    with Services(tmp_path_factory.mktemp("faults")) as found:
        yield found
