"""The ledger of the forgotten: what is in it is whole, whatever happened to the file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recommendations import forgotten, forgotten_ledger
from recommendations.forgotten_ledger import Entry, LedgerUnreadable, LedgerUnwritable
from recommendations.models import ForgottenListener

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def entry(number: int, barrier: int = 7) -> Entry:
    return Entry(f"{number:064x}", "0" * 16, barrier, NOON)


@pytest.fixture
def file(settings: Any, tmp_path: Path) -> Path:
    settings.FORGOTTEN_LEDGER = tmp_path / "ledger.jsonl"
    return tmp_path / "ledger.jsonl"


def test_what_was_written_is_read_again_in_its_order(file: Path) -> None:
    assert forgotten_ledger.read() == []

    forgotten_ledger.append(entry(1))
    forgotten_ledger.append(entry(2))

    assert forgotten_ledger.read() == [entry(1), entry(2)]
    assert forgotten_ledger.read_other(file) == [entry(1), entry(2)]


def test_only_its_owner_can_read_the_file(file: Path) -> None:
    forgotten_ledger.append(entry(1))

    assert file.stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_crash_cut_off_is_left_out_and_spoils_no_other(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    forgotten_ledger.append(entry(1))
    forgotten_ledger.append(entry(2))
    file.write_bytes(file.read_bytes()[:-20])

    assert forgotten_ledger.read() == [entry(1)]
    assert "line 2 is no entry" in caplog.text

    forgotten_ledger.append(entry(3))
    assert forgotten_ledger.read() == [entry(1), entry(3)]


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{}",
        b"\xff",
        b'{"digest":"ab","key_name":"0000000000000000","barrier":1,"forgotten_at":"2026-07-01T12:00:00Z"}',
        b'{"digest":1,"key_name":2,"barrier":3,"forgotten_at":4}',
    ],
)
def test_what_is_no_entry_is_none(file: Path, line: bytes) -> None:
    file.write_bytes(line + b"\n\n")

    assert forgotten_ledger.read() == []


def test_a_file_that_cannot_be_used_is_said_to_be_so(settings: Any, tmp_path: Path) -> None:
    settings.FORGOTTEN_LEDGER = tmp_path

    with pytest.raises(LedgerUnreadable, match="FORGOTTEN_LEDGER"):
        forgotten_ledger.read()
    with pytest.raises(LedgerUnwritable, match="FORGOTTEN_LEDGER"):
        forgotten_ledger.append(entry(1))


@pytest.mark.django_db
def test_the_table_learns_what_it_lacks_and_never_a_lower_barrier() -> None:
    assert forgotten.learn([entry(1, 5), entry(1, 9), entry(2, 4)]) == 2
    assert forgotten.learn([entry(1, 9), entry(2, 3)]) == 0
    assert forgotten.learn([entry(2, 6)]) == 1

    barriers = dict(ForgottenListener.objects.values_list("digest", "barrier"))
    assert barriers == {entry(1).digest: 9, entry(2).digest: 6}
    assert not ForgottenListener.objects.filter(finished=True).exists()
