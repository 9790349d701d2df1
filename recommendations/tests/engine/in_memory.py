"""What trainings keep, in memory."""

from dataclasses import dataclass, field

from recommendations.engine.checkpoints import Checkpoints
from recommendations.engine.model import Arrays


@dataclass
class Kept(Checkpoints):
    """Checkpoints in memory, and the names of what was saved."""

    pieces: dict[str, Arrays] = field(default_factory=dict)
    saved: list[str] = field(default_factory=list)

    def load(self, name: str) -> Arrays | None:
        return self.pieces.get(name)

    def save(self, name: str, arrays: Arrays) -> None:
        # Copies: the training goes on with the same memory.
        self.pieces[name] = {each: array.copy() for each, array in arrays.items()}
        self.saved.append(name)
