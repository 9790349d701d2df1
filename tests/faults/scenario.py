"""What a fault is, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.faults.forms import Form
from tests.faults.oracle import Verdict
from tests.faults.world import World

# Where a scenario runs: without Kafka, through Kafka, and through Kafka into Postgres.
EMBEDDED: Final = "embedded"
KAFKA: Final = "kafka"
POSTGRES: Final = "postgres"
ALL: Final = (EMBEDDED, KAFKA, POSTGRES)
BOTH: Final = (EMBEDDED, KAFKA)
THROUGH_KAFKA: Final = (KAFKA,)
GROUPS: Final = (KAFKA, POSTGRES)


@dataclass
class Outcome:
    """What was seen (in words and figures, for the table) and what did not pass."""

    seen: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def note(self, what: str, figure: float | str, unit: str = "") -> None:
        """Add a figure to the table."""
        form = {float: ",.2f", int: ","}.get(type(figure), "")
        self.seen[what] = f"{figure:{form}} {unit}".strip()

    def require(self, holds: bool, otherwise: str) -> None:
        """Fail with these words unless it holds."""
        if not holds:
            self.failures.append(otherwise)

    def at_most(self, what: str, found: float, limit: float, unit: str = "s") -> None:
        """Note a figure, and fail where it is above its limit."""
        self.note(what, found, unit)
        self.require(found <= limit, f"{what}: {found:.3f} {unit}, {limit:g} are allowed")

    def at_least(self, what: str, found: float, limit: float, unit: str = "") -> None:
        """Note a figure, and fail where it is below its limit."""
        self.note(what, round(found), unit)
        self.require(found >= limit, f"{what}: {found:.0f} {unit}, {limit:g} are needed")

    def take(self, verdict: Verdict, *, dead: int = 0) -> None:
        """Note what the oracle says, and fail unless it is nothing. dead: expected dead letters."""
        for name in ("acknowledged", "unanswered", "lost", "twice", "wrong", "gaps", "repeated"):
            found = getattr(verdict, name)
            if found or name in ("acknowledged", "lost", "twice", "wrong"):
                self.note(name, found)
        self.require(verdict.acknowledged > 0, "nothing was acknowledged: nothing was tried")
        self.failures += verdict.problems
        if dead or verdict.dead:
            self.note("dead letters", verdict.dead)
            self.require(verdict.dead == dead, f"{verdict.dead} dead letters, not {dead}")


@dataclass(frozen=True)
class Scenario:
    """One fault of the list.

    run: does it to a fresh world, in a form, and says what it saw. passes: when it is survived.
    in_short: the transports of the short form, which every run of the tests has time for.
    is_soak: it takes as many minutes as the form gives it, or is left out.
    hurts_broker: it kills, stops or empties the broker, so it gets one that others do not use.
    is_timed: its times are so short that no other scenario may run beside it.
    """

    number: int
    fault: str
    passes: str
    run: Callable[[World, Form], Outcome]
    transports: tuple[str, ...] = BOTH
    in_short: tuple[str, ...] = BOTH
    is_soak: bool = False
    hurts_broker: bool = False
    is_timed: bool = False
