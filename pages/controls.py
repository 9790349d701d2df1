"""What the listener sets above the list: kept in the page's address, and carried over a like."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from recommendations.api.queries import Wrong, genres, number

LONGEST_GENRE: Final = 200
# The places of the slider; at 0 the order is the model's own.
NOVELTIES: Final = {
    -1.0: "most familiar",
    -0.5: "familiar",
    0.0: "balanced",
    0.5: "adventurous",
    1.0: "most adventurous",
}
_NOVELTY = number(min(NOVELTIES), max(NOVELTIES))


@dataclass(frozen=True, slots=True)
class Controls:
    """genre: empty for all. novelty: one of NOVELTIES."""

    genre: str = ""
    novelty: float = 0.0

    @classmethod
    def of(cls, params: Mapping[str, str]) -> "Controls":
        """As an address or a form has them. What is none of a control's values leaves it alone."""
        return cls(_genre(params.get("genre", "")), _nearest(params.get("novelty", "")))

    @property
    def carried(self) -> dict[str, str]:
        """Those that are set, as an address or a form gives them."""
        said = {"genre": self.genre, "novelty": f"{self.novelty:g}" if self.novelty else ""}
        return {name: value for name, value in said.items() if value}

    @property
    def query(self) -> str:
        """The end of an address that keeps them."""
        return f"?{urlencode(self.carried)}" if self.carried else ""

    @property
    def novelty_in_words(self) -> str:
        """What the slider says of its place."""
        return NOVELTIES[self.novelty]

    @property
    def novelties(self) -> dict[str, str]:
        """The words of each place of the slider."""
        return {f"{place:g}": words for place, words in NOVELTIES.items()}


def _genre(text: str) -> str:
    try:
        return genres([text.strip()[:LONGEST_GENRE]]) or ""
    except Wrong:
        return ""


def _nearest(text: str) -> float:
    try:
        value: float = _NOVELTY([text])
    except Wrong:
        return 0.0
    return min(NOVELTIES, key=lambda place: abs(place - value))
