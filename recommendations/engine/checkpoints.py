"""What a long training has finished so far, kept so that a stopped one goes on from there."""

from dataclasses import dataclass
from typing import Protocol

from recommendations.engine.model import Arrays


class Checkpoints(Protocol):
    """Finished pieces of one training, by name.

    What it keeps belongs to one recipe and one state of the data: a training that asks for a name
    gets what it would work out itself, bit by bit.
    """

    def load(self, name: str) -> Arrays | None:
        """The piece, None where it is not there or cannot be read."""

    def save(self, name: str, arrays: Arrays) -> None:
        """Keep a piece; one of this name before it is replaced."""


class Forgetful:
    """Keeps nothing: every training begins at the beginning."""

    def load(self, name: str) -> Arrays | None:
        """Nothing."""
        return None

    def save(self, name: str, arrays: Arrays) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True)
class Within:
    """The pieces of a part of the training, under names of its own."""

    whole: Checkpoints
    part: str

    def load(self, name: str) -> Arrays | None:
        """The part's piece of this name."""
        return self.whole.load(f"{self.part}.{name}")

    def save(self, name: str, arrays: Arrays) -> None:
        """Keep it for the part."""
        self.whole.save(f"{self.part}.{name}", arrays)
