"""Service keys: what they grant, what is kept of them, and that they end at once."""

import pytest
from pytest_django import DjangoAssertNumQueries

from access import service_keys
from access.models import ServiceKey

pytestmark = pytest.mark.django_db


def test_a_key_acts_for_every_listener_and_does_not_operate() -> None:
    caller = service_keys.caller_of(service_keys.issue("web shop"))

    assert caller is not None
    assert caller.kind == "service"
    assert caller.name == f"service:{ServiceKey.objects.get().prefix}"
    assert caller.may_act_for("101")
    assert not caller.operates


def test_the_scope_operate_adds_the_right_to_operate() -> None:
    caller = service_keys.caller_of(service_keys.issue("deploy", ["operate"]))

    assert caller is not None
    assert caller.operates
    assert caller.scopes == {"serve", "operate"}


def test_an_unknown_scope_is_refused_and_makes_no_key() -> None:
    with pytest.raises(ValueError, match="admin"):
        service_keys.issue("x", ["admin"])

    assert not ServiceKey.objects.exists()


def test_a_check_costs_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    key = service_keys.issue("web shop")

    with django_assert_num_queries(1):
        service_keys.caller_of(key)


def test_the_secret_is_nowhere_in_the_table() -> None:
    key = service_keys.issue("web shop")

    row = ServiceKey.objects.values_list().get()

    assert key.split("_", 2)[2] not in str(row)


def test_a_revoked_key_fails_from_the_next_request_on() -> None:
    key = service_keys.issue("web shop")
    prefix = ServiceKey.objects.get().prefix

    assert service_keys.revoke(prefix) is True
    assert service_keys.caller_of(key) is None
    assert service_keys.revoke(prefix) is False


def test_revoking_an_unknown_key_says_so() -> None:
    with pytest.raises(service_keys.UnknownKey):
        service_keys.revoke("000000000000")


def test_a_wrong_secret_and_an_unknown_prefix_are_nobody() -> None:
    key = service_keys.issue("web shop")
    prefix = ServiceKey.objects.get().prefix

    assert service_keys.caller_of(f"mrs_{prefix}_{'A' * 43}") is None
    assert service_keys.caller_of(key.replace(prefix, "0" * 12)) is None


@pytest.mark.parametrize(
    "text", ["", "mrs_", "mrs__", "mrs_' OR 1=1 --_x", "mrs_" + "a" * 10_000, "mrs_é_é"]
)
def test_a_malformed_key_is_nobody_and_asks_the_database_nothing(
    text: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert service_keys.caller_of(text) is None
