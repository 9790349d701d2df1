"""What the API has promised: the half of the truth that does not lie in the database."""

import json
import threading
import uuid
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

Pair = tuple[str, str]

VALUES: Final = {"like": 1, "dislike": -1, "unlike": 0}


@dataclass(frozen=True, slots=True)
class Said:
    """One word of one user on one song.

    event_id: 32 hex digits where it was acknowledged; empty where no answer came, so that it may
        have had its effect once or not at all.
    """

    user_id: str
    song_id: str
    action: str
    event_id: str = ""

    @property
    def pair(self) -> Pair:
        """The user and the song."""
        return self.user_id, self.song_id

    @property
    def value(self) -> int:
        """What stands in the profile when this is the last word."""
        return VALUES[self.action]


class Journal:
    """Words in the order in which they were acknowledged, from any number of threads.

    That order is the order of the words of a pair only while one client at a time speaks for a
    user, and waits for each answer: the load generator gives every client users of its own.

    file: where each word is written too, a line of JSON each, for whoever looks later.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._said: list[Said] = []
        self._file = file.open("a", buffering=1) if file else None

    @classmethod
    def read(cls, file: Path) -> "Journal":
        """The journal that was written to a file; a last line that was cut off is no word."""
        found = cls()
        for line in file.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                found._said.append(Said(**json.loads(line)))
        return found

    def acknowledged(self, event_id: str, user_id: str, song_id: str, action: str) -> None:
        """The API, or a broker, has taken it."""
        self._write(Said(user_id, song_id, action, uuid.UUID(event_id).hex))

    def unanswered(self, user_id: str, song_id: str, action: str) -> None:
        """It was sent, the connection ended, and it was not said again."""
        self._write(Said(user_id, song_id, action))

    def words(self) -> list[Said]:
        """All of them, in order."""
        with self._lock:
            return list(self._said)

    def ids(self) -> list[str]:
        """The event ids of what was acknowledged, in order."""
        return [said.event_id for said in self.words() if said.event_id]

    def without(self, event_ids: Collection[str]) -> "Journal":
        """The journal as it would be, had these never been said."""
        left = Journal()
        left._said = [said for said in self.words() if said.event_id not in event_ids]
        return left

    def extend(self, words: Iterable[Said]) -> None:
        """Words of one answer: their order is that of the rows."""
        for said in words:
            self._write(said)

    def __len__(self) -> int:
        """How many were acknowledged."""
        with self._lock:
            return sum(1 for said in self._said if said.event_id)

    def _write(self, said: Said) -> None:
        with self._lock:
            self._said.append(said)
            if self._file is not None:
                self._file.write(json.dumps(asdict(said)) + "\n")
