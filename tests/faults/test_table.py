"""The table of what was seen, as it stands in the documents."""

from pathlib import Path

import pytest

from tests.faults.table import HEAD, HEADING, Row, renew


def row(number: int, transport: str, **seen: str) -> Row:
    return Row(number, "a fault", "it passes", transport, seen, [], 1.6)


def test_new_rows_take_the_place_of_old_ones_and_others_stay(tmp_path: Path) -> None:
    document = tmp_path / "faults.md"
    document.write_text(f"# Faults\n\n{HEADING}\nOn a machine.\n\n{HEAD}\n")
    renew(document, [row(10, "kafka", lost="0"), row(2, "kafka", lost="0")])
    before = document.read_text()

    renew(document, [row(2, "kafka", lost="7"), row(2, "embedded", lost="0")])

    assert document.read_text().splitlines()[:5] == before.splitlines()[:5]
    assert document.read_text().splitlines()[-3:] == [
        "| 2 | a fault | it passes | embedded | lost 0 | 2 | passed |",
        "| 2 | a fault | it passes | kafka | lost 7 | 2 | passed |",
        "| 10 | a fault | it passes | kafka | lost 0 | 2 | passed |",
    ]


def test_a_document_without_the_heading_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "other.md"
    document.write_text("# Other\n")

    with pytest.raises(ValueError, match="no heading"):
        renew(document, [row(1, "kafka")])
