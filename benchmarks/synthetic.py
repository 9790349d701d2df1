"""Made-up listening at any size: power laws of users and songs, and a taste that is known.

    python -m benchmarks.synthetic FOLDER --users 20000 --songs 2000 --likes 1000000
    python -m benchmarks.accuracy FOLDER

Writes songs.csv, interactions_train.csv and interactions_test.csv: a published split, as
``benchmarks.accuracy`` and ``manage.py evaluate`` read it. ``made`` gives the same in arrays, 50
million likes in well under a minute.

Songs belong to artists, artists to scenes, scenes to genres. A user has a few scenes and a few
artists of them; each like comes from one of these artists, from one of these scenes, from a genre
of theirs, or from anywhere, with the shares of ``tastes.SOURCES``. Within each, what is popular is
drawn the more often. Nobody likes a song twice. So the chance of each song is known for each user,
and ranking by it is as good as any model can be on average: ``World.chances``.
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.tastes import chances, draw, shares
from recommendations.engine.cutting import HeldOut
from recommendations.engine.interactions import FloatArray, IntArray, Interactions

SONGS_A_SCENE: Final = 100
SONGS_AN_ARTIST: Final = 8
SCENES_A_GENRE: Final = 25
# P(likes > d) ~ d^-tail.
TAIL: Final = 1.5
MOST_LIKES: Final = 5_000
MOST_ASKED: Final = 10_000
_FIRST_SECOND: Final = 1_600_000_000
_SECONDS: Final = 100_000_000
_WRITTEN_AT_ONCE: Final = 1_000_000

_Long = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Catalogue:
    """Who plays what. Places are positions in this order; a song's row is a shuffled place.

    artists: where each artist's places start, int32 (n_artists + 1,); scenes the same over places,
    scene_artists over artists. genres: over scenes, (n_genres + 1,). rows: of each place.
    """

    artists: IntArray
    scenes: IntArray
    scene_artists: IntArray
    genres: IntArray
    rows: IntArray


@dataclass(frozen=True)
class World:
    """What was made. held_out: further likes of at most 10,000 users, none of them in training."""

    interactions: Interactions
    held_out: HeldOut
    catalogue: Catalogue
    seed: int

    def chances(self, users: IntArray) -> FloatArray:
        """How likely each song is to be the next like of each user: float32 (users, n_songs)."""
        found = np.zeros((len(users), self.interactions.n_songs), np.float32)
        offsets = self.interactions.likes.indptr
        for at, user in enumerate(users):
            chances(
                np.uint64(self.seed),
                int(user),
                int(offsets[user + 1] - offsets[user]),
                self.catalogue.artists,
                self.catalogue.scenes,
                self.catalogue.scene_artists,
                self.catalogue.genres,
                self.catalogue.rows,
                self._everywhere,
                found[at],
            )
        return found

    @cached_property
    def _everywhere(self) -> FloatArray:
        """The chance of each place for a like from anywhere, float32 (n_songs,)."""
        scenes = np.zeros(len(self.catalogue.scenes) - 1, np.float32)
        shares(0, len(scenes), 1.0, scenes)
        found = np.zeros(len(self.catalogue.rows), np.float32)
        for at, share in enumerate(scenes):
            start, stop = self.catalogue.scenes[at : at + 2]
            shares(start, stop, float(share), found)
        return found


def made(*, users: int, songs: int, likes: int, seed: int = 0) -> World:
    """A world of exactly so many users, songs and training likes; all of it comes from the seed.

    Raises ValueError where so few users or songs cannot have so many likes.
    """
    rng = np.random.default_rng(seed)
    catalogue = _catalogue(songs, rng)
    degrees = _degrees(users, likes, min(MOST_LIKES, songs // 4), rng)
    hidden = _hidden(degrees, rng)
    starts = np.concatenate([[0], np.cumsum(degrees + hidden)])
    found = np.empty(starts[-1], np.int32)
    draw(
        np.uint64(seed),
        starts,
        degrees,
        catalogue.artists,
        catalogue.scenes,
        catalogue.scene_artists,
        catalogue.genres,
        catalogue.rows,
        found,
    )
    owners = np.repeat(np.arange(users, dtype=np.int32), degrees + hidden)
    # The last that a user came to are the ones held back.
    late = np.repeat(starts[1:] - hidden, degrees + hidden) <= np.arange(len(found))
    held = HeldOut(owners[late], found[late], np.ones(int(late.sum()), np.int8))
    times = (rng.integers(_SECONDS, size=likes, dtype=np.int64) + _FIRST_SECOND) * 1_000_000
    train = Interactions(owners[~late], found[~late], np.ones(likes, np.int8), times, users, songs)
    return World(train, held, catalogue, seed)


def write(world: World, folder: Path) -> None:
    """songs.csv and a split of interactions, as loadcsv and evaluate read them."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_songs(world.catalogue, folder / "songs.csv")
    train, held = world.interactions, world.held_out
    _write_likes(folder / "interactions_train.csv", train.users, train.songs, train.times)
    late = np.full(len(held.users), (_FIRST_SECOND + _SECONDS) * 1_000_000)
    _write_likes(folder / "interactions_test.csv", held.users, held.songs, late)


def _catalogue(songs: int, rng: np.random.Generator) -> Catalogue:
    """Scenes and artists of uneven sizes; places shuffled into rows, so that rows tell nothing."""
    scenes = _cuts(songs, max(1, songs // SONGS_A_SCENE), rng)
    within = [
        start + _cuts(stop - start, max(1, (stop - start) // SONGS_AN_ARTIST), rng)[:-1]
        for start, stop in pairwise(scenes)
    ]
    artists = np.append(np.concatenate(within), songs).astype(np.int32)
    n_scenes = len(scenes) - 1
    return Catalogue(
        artists=artists,
        scenes=scenes,
        scene_artists=np.searchsorted(artists, scenes).astype(np.int32),
        genres=_cuts(n_scenes, max(1, n_scenes // SCENES_A_GENRE), rng),
        rows=rng.permutation(songs).astype(np.int32),
    )


def _cuts(total: int, parts: int, rng: np.random.Generator) -> IntArray:
    """Where uneven parts start, none of them empty: int32 (parts + 1,), the last is the total."""
    shares = rng.lognormal(sigma=0.7, size=parts)
    ends = np.floor(np.cumsum(shares / shares.sum()) * (total - parts)).astype(np.int32)
    ends[-1] = total - parts
    return np.concatenate([[0], ends + np.arange(1, parts + 1)]).astype(np.int32)


def _degrees(users: int, likes: int, most: int, rng: np.random.Generator) -> _Long:
    """How many likes each user has: a power law, at least 1 and at most ``most``, of this sum."""
    if not users <= likes <= users * most / 2:
        raise ValueError(f"{likes} likes need at least 1 and at most {most // 2} for each user")
    pulls = rng.random(users) ** (-1 / TAIL)
    low, high = 0.0, 2.0 * likes / users
    for _ in range(60):
        middle = (low + high) / 2
        over = np.clip(middle * pulls, 1, most).astype(np.int64).sum() > likes
        low, high = (low, middle) if over else (middle, high)
    degrees = np.clip(low * pulls, 1, most).astype(np.int64)
    # What rounding left over, fewer than there are users: one more each, for those of fewest.
    missing = likes - int(degrees.sum())
    degrees[np.argsort(degrees, kind="stable")[:missing]] += 1
    return degrees


def _hidden(degrees: _Long, rng: np.random.Generator) -> _Long:
    """How many further likes are held back: a quarter, of 10,000 users who have 4 or more."""
    able = np.flatnonzero(degrees >= 4)
    asked = rng.permutation(able)[:MOST_ASKED]
    hidden = np.zeros(len(degrees), np.int64)
    hidden[asked] = degrees[asked] // 4
    return hidden


def _write_songs(catalogue: Catalogue, file: Path) -> None:
    places = np.argsort(catalogue.rows)
    artist = np.searchsorted(catalogue.artists, places, side="right") - 1
    scene = np.searchsorted(catalogue.scenes, places, side="right") - 1
    genre = np.searchsorted(catalogue.genres, scene, side="right") - 1
    with file.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["song_id", "title", "artist", "genre"])
        rows.writerows(
            [song, f"Song {song}", f"Artist {a}", f"Genre {g}"]
            for song, (a, g) in enumerate(zip(artist, genre, strict=True))
        )


def _write_likes(file: Path, users: IntArray, songs: IntArray, times: _Long) -> None:
    file.write_text("user_id,song_id,like,timestamp\n", encoding="utf-8")
    for start in range(0, len(users), _WRITTEN_AT_ONCE):
        span = slice(start, start + _WRITTEN_AT_ONCE)
        columns = {"u": users[span], "s": songs[span], "like": 1, "t": times[span] // 1_000_000}
        pd.DataFrame(columns).to_csv(file, mode="a", header=False, index=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a world and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--songs", type=int, default=2_000)
    parser.add_argument("--likes", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        world = made(
            users=options.users, songs=options.songs, likes=options.likes, seed=options.seed
        )
    except ValueError as error:
        parser.error(str(error))
    write(world, options.folder)


if __name__ == "__main__":
    main()
