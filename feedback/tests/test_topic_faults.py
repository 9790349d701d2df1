"""What is said about a topic that somebody else has made."""

import pytest

from feedback.kafka.clients import TOPIC_CONFIGS
from feedback.kafka.topic_faults import faults

GOOD = TOPIC_CONFIGS | {"retention.bytes": "-1"}


@pytest.mark.parametrize(
    "changed", [{}, {"retention.ms": "2592000001"}, {"retention.ms": "2678400000"}]
)
def test_a_topic_that_keeps_what_it_must_has_no_faults(changed: dict[str, str]) -> None:
    assert faults(GOOD | changed) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("cleanup.policy", "compact", "cleanup.policy is compact:"),
        ("cleanup.policy", "compact,delete", "cleanup.policy is compact,delete:"),
        ("retention.ms", "604800000", "records are kept for 7 days, "),
        ("retention.ms", "2591999999", "records are kept for "),
        ("retention.ms", "0", "records are kept for 0 h,"),
        ("retention.ms", "2678400001", "records are kept for 31 days: receipts"),
        ("retention.ms", "7776000000", "records are kept for 90 days: receipts"),
        ("retention.ms", "-1", "records are kept for ever: receipts"),
        ("retention.bytes", "1073741824", "a partition keeps 1073741824 bytes"),
    ],
)
def test_each_fault_is_told(name: str, value: str, said: str) -> None:
    [fault] = faults(GOOD | {name: value})

    assert fault.startswith(said)


def test_what_a_broker_does_not_tell_is_no_fault() -> None:
    assert faults({}) == []
