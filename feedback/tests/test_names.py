"""What Kafka's group knows a consumer by: kept over restarts, and nobody else's."""

import re
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from feedback.consuming import presence
from feedback.kafka.names import MemberSlot


@pytest.fixture(autouse=True)
def state(tmp_path: Path, settings: Any) -> Path:
    settings.STATE_DIR = tmp_path / "one"
    return tmp_path


def name_of_a_consumer() -> str:
    with closing(MemberSlot()) as slot:
        return slot.name


def test_who_is_started_again_has_the_name_of_before() -> None:
    assert name_of_a_consumer() == name_of_a_consumer()


def test_those_who_run_at_once_have_different_names() -> None:
    with closing(MemberSlot()) as first, closing(MemberSlot()) as second:
        assert first.name != second.name


def test_two_state_folders_on_one_machine_have_different_names(state: Path, settings: Any) -> None:
    one = name_of_a_consumer()
    settings.STATE_DIR = state / "two"

    assert name_of_a_consumer() != one


def test_another_way_to_the_same_folder_makes_no_other_name(state: Path, settings: Any) -> None:
    one = name_of_a_consumer()
    settings.STATE_DIR = state / "two" / ".." / "one"

    assert name_of_a_consumer() == one


def test_machines_whose_long_names_differ_at_the_end_have_different_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = set()
    for pod in ("x2x4z", "9qk7w"):
        monkeypatch.setattr(socket, "gethostname", lambda pod=pod: f"{'recommender-' * 5}{pod}")
        names.add(name_of_a_consumer())

    assert len(names) == 2
    # And whole in the lease, by whose beginning consumers are found.
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        assert len(f"{presence.PREFIX}-{name}") <= 64
