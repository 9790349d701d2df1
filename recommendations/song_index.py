"""Which song stands in which row of a model, and the rows of each genre and artist."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine.interactions import IntArray, Traits
from recommendations.engine.model import Arrays

Strings = npt.NDArray[np.str_]


class BrokenIndex(Exception):
    """The stored arrays do not fit together."""


@dataclass(frozen=True)
class SongIndex:
    """The songs of a model, as they were when it was trained.

    song_ids: (n,). like_counts: likes of each song then, int64 (n,). artists: distinct names and
    the number of each song's, int32 (n,), -1 for none. genres: distinct names with the rows of
    name g in ``genre_rows[genre_starts[g]:genre_starts[g + 1]]``. Names are case-folded.
    """

    song_ids: Strings
    like_counts: npt.NDArray[np.int64]
    artist_names: Strings
    artist_of: IntArray
    genre_names: Strings
    genre_starts: IntArray
    genre_rows: IntArray

    def __len__(self) -> int:
        return len(self.song_ids)

    @classmethod
    def build(
        cls, songs: Sequence[tuple[str, str, str]], like_counts: npt.NDArray[np.int64]
    ) -> "SongIndex":
        """Index songs given as (song_id, artist, genre) in the order of their rows."""
        artists = [fold(artist) for _, artist, _ in songs]
        artist_names = sorted({name for name in artists if name})
        number_of = {name: number for number, name in enumerate(artist_names)}
        rows_of: dict[str, list[int]] = {}
        for row, (_, _, genre) in enumerate(songs):
            for name in genres_of(genre):
                rows_of.setdefault(name, []).append(row)
        genre_names = sorted(rows_of)
        sizes = [len(rows_of[name]) for name in genre_names]
        return cls(
            song_ids=strings(song_id for song_id, _, _ in songs),
            like_counts=like_counts,
            artist_names=strings(artist_names),
            artist_of=np.array([number_of.get(name, -1) for name in artists], np.int32),
            genre_names=strings(genre_names),
            genre_starts=np.cumsum([0, *sizes], dtype=np.int32),
            genre_rows=np.array([row for g in genre_names for row in rows_of[g]], np.int32),
        )

    @cached_property
    def names(self) -> list[str]:
        """The song ids as a list of plain strings: one of them is read far more often than all."""
        return list(self.song_ids.tolist())

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {song_id: row for row, song_id in enumerate(self.names)}

    def row(self, song_id: str) -> int | None:
        """The row of one song, None where the model does not know it."""
        return self._row_of.get(song_id)

    def rows(self, song_ids: Iterable[str]) -> IntArray:
        """The rows of the songs that the model knows, in the order given."""
        find = self._row_of.get
        return np.array([row for s in song_ids if (row := find(s)) is not None], np.int32)

    def rows_of_genre(self, genre: str) -> IntArray:
        """The rows of all songs of a genre, or of any of several that are separated by |."""
        numbers = [number_in(self.genre_names, name) for name in genres_of(genre)]
        spans = [
            self.genre_rows[self.genre_starts[number] : self.genre_starts[number + 1]]
            for number in numbers
            if number is not None
        ]
        return np.unique(np.concatenate([np.empty(0, np.int32), *spans]))

    def rows_of_artist(self, artist: str) -> IntArray:
        """The rows of all songs of an artist; none for an artist who has no song."""
        number = number_in(self.artist_names, fold(artist))
        if number is None:
            return np.empty(0, np.int32)
        return np.flatnonzero(self.artist_of == number).astype(np.int32)

    def traits(self) -> Traits | None:
        """Artists and genres as the engine takes them; None where no song has either."""
        if not len(self.artist_names) and not len(self.genre_names):
            return None
        ones, shape = np.ones(len(self.genre_rows), np.float32), (len(self), len(self.genre_names))
        genres = sparse.csc_array((ones, self.genre_rows, self.genre_starts), shape=shape)
        return Traits(self.artist_of, genres.tocsr())

    def arrays(self) -> Arrays:
        """All arrays by name, for the model store."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def load(cls, arrays: Arrays) -> "SongIndex":
        """Make the index again. Raises BrokenIndex where the arrays do not fit together."""
        missing = cls.__dataclass_fields__.keys() - arrays.keys()
        if missing:
            raise BrokenIndex(f"the song index lacks {', '.join(sorted(missing))}")
        index = cls(**{name: arrays[name] for name in cls.__dataclass_fields__})
        index._check()
        return index

    def _check(self) -> None:
        n = len(self.song_ids)
        fits: dict[str, Any] = {
            "like_counts": self.like_counts.shape == (n,)
            and self.like_counts.dtype == np.int64
            and self.like_counts.min(initial=0) >= 0,
            "artist_names": is_sorted(self.artist_names),
            "genre_names": is_sorted(self.genre_names),
            "artist_of": self.artist_of.shape == (n,)
            and within(self.artist_of, -1, len(self.artist_names)),
            "genre_starts": self.genre_starts.shape == (len(self.genre_names) + 1,)
            and self.genre_starts.dtype == np.int32
            and self.genre_starts[0] == 0
            and bool(np.all(np.diff(self.genre_starts) >= 0))
            and self.genre_starts[-1] == len(self.genre_rows),
            "genre_rows": self.genre_rows.ndim == 1 and within(self.genre_rows, 0, n),
            "song_ids": is_text(self.song_ids) and len(self._row_of) == n,
        }
        wrong = [name for name, fit in fits.items() if not fit]
        if wrong:
            raise BrokenIndex(f"the song index does not fit together: {', '.join(wrong)}")


def fold(name: str) -> str:
    """A name as filters compare it: case and outer spaces do not matter."""
    return name.strip().casefold()


def genres_of(genre: str) -> list[str]:
    """The distinct folded names in a song's genre field, where | separates several."""
    return sorted({name for part in genre.split("|") if (name := fold(part))})


def strings(values: Iterable[str]) -> Strings:
    """A fixed-width array of strings, also where there are none: never of objects (no pickle)."""
    return np.array(list(values), np.str_)


def number_in(names: Strings, name: str) -> int | None:
    """The place of a name among sorted names."""
    at = int(np.searchsorted(names, name))
    return at if at < len(names) and names[at] == name else None


def is_text(names: Strings) -> bool:
    """Whether it is a row of texts."""
    return names.ndim == 1 and names.dtype.kind == "U"


def is_sorted(names: Strings) -> bool:
    """Whether it is a row of different texts in their order, as a search by halves needs them."""
    return is_text(names) and bool(np.all(names[:-1] < names[1:]))


def within(values: IntArray, low: int, high: int) -> bool:
    """Whether all values are integers from low up to, not including, high."""
    return values.dtype == np.int32 and bool(np.all((values >= low) & (values < high)))
