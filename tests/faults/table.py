"""What was seen, as a Markdown table, and its place in a document."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.scenario import ALL

HEADING: Final = "## What was seen\n"
HEAD: Final = (
    "| # | fault | passes when | transport | seen | seconds | |\n|---:|---|---|---|---|---:|---|"
)


@dataclass(frozen=True)
class Row:
    """One scenario along one transport."""

    number: int
    fault: str
    passes: str
    transport: str
    seen: dict[str, str]
    failures: list[str]
    seconds: float

    @property
    def line(self) -> str:
        """As a row of a Markdown table."""
        seen = ", ".join(f"{name} {figure}" for name, figure in self.seen.items())
        result = "; ".join(self.failures).replace("\n", " ") or "passed"
        cells = (self.number, self.fault, self.passes, self.transport, seen, round(self.seconds))
        return "| " + " | ".join(str(cell) for cell in cells) + f" | {result} |"


def renew(document: Path, rows: Iterable[Row]) -> None:
    """Put the rows into the table under the document's heading; others there stay."""
    before, heading, after = document.read_text().partition(HEADING)
    if not heading:
        raise ValueError(f"{document} has no heading {HEADING.strip()!r}")
    text, _, old = after.partition(HEAD)
    lines = {_key(line): line for line in old.splitlines() if line}
    lines |= {_key(row.line): row.line for row in rows}
    table = "\n".join(lines[key] for key in sorted(lines))
    document.write_text(f"{before}{HEADING}{text}{HEAD}\n{table}\n")


def _key(line: str) -> tuple[int, int]:
    cells = [cell.strip() for cell in line.split("|")]
    return int(cells[1]), ALL.index(cells[4])
