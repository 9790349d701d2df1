"""What the server is set to, and what our connections make of it."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="about Postgres's own settings"),
]


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def set_to() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        return str(cursor.fetchone()[0])


@pytest.fixture(params=["DATABASE", "ROLE"])
def set_default(request: pytest.FixtureRequest) -> Iterator[Callable[[str], None]]:
    """Sets what a new connection begins with, by the database's default or the role's."""
    name = connection.settings_dict["NAME" if request.param == "DATABASE" else "USER"]
    whose = f"ALTER {request.param} {connection.ops.quote_name(name)}"

    def default(value: str) -> None:
        execute(f"{whose} SET synchronous_commit = {value}")
        connection.close()

    yield default
    execute(f"{whose} RESET synchronous_commit")
    connection.close()


@pytest.mark.parametrize("value", ["off", "local"])
def test_a_default_by_which_a_commit_can_be_lost_is_raised(
    set_default: Callable[[str], None], value: str
) -> None:
    set_default(value)

    assert set_to() == "on"


@pytest.mark.parametrize("value", ["on", "remote_write", "remote_apply"])
def test_what_waits_for_the_disk_stays_as_it_is(
    set_default: Callable[[str], None], value: str
) -> None:
    set_default(value)

    assert set_to() == value
