"""What each control of a list does to accuracy, coverage, popularity and variety: one table.

    python -m benchmarks.controls fixtures
    python -m benchmarks.controls DATA/cm100k --algorithm auto --budget-seconds 60

The folder holds songs.csv and interactions.csv (.gz too), of which 20 % of each user's rows are
hidden by the seed, or interactions_train.csv and interactions_test.csv. One model is trained;
every control then asks it for the lists of the same users through the code that serves them.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

import benchmarks.without_state  # noqa: F401 - first: models need the settings
from benchmarks.accuracy import file_of
from recommendations.engine import algorithms
from recommendations.engine.bootstrap import mean_intervals
from recommendations.engine.cutting import HeldOut, split
from recommendations.engine.interactions import IntArray, Interactions, Profile
from recommendations.engine.metrics import percentiles, ranking_metrics
from recommendations.engine.selection import choose
from recommendations.loading.csv_rows import CsvRows, open_csv
from recommendations.loading.judgement_files import (
    held_out_of,
    read_judgements,
    world_of,
)
from recommendations.loading.song_rows import REQUIRED, SongRow, song_rows
from recommendations.model_store import StoredModel
from recommendations.serving.ordering import Wanted, order_for
from recommendations.song_index import SongIndex, genres_of

LENGTH = 20
TEXT_LIMIT = 2_000
NOVELTIES = (-1.0, -0.5, 0.5, 1.0)


@dataclass(frozen=True)
class Listener:
    """A user of the test: the profile, the hidden likes by row, and the list without controls."""

    profile: Profile
    liked_later: frozenset[int]
    misses: int  # hidden likes of songs outside the catalogue
    plain: IntArray


@dataclass(frozen=True)
class Town:
    """The model as it would be served, its songs by row, and who is asked."""

    stored: StoredModel
    songs: Sequence[SongRow]
    listeners: Sequence[Listener]


@dataclass(frozen=True)
class Control:
    """A control of the table, and what it makes a listener ask for."""

    name: str
    wanted: Callable[[Town, Listener], Wanted]


def main() -> None:
    """Train one model and print what every control does to its lists."""
    options = _arguments()
    town = _town(options)
    rows = [measured(town, control) for control in controls(town)]
    if options.json:
        print(json.dumps({"recipe": _recipe(town), "rows": rows}))
        return
    print(f"{_recipe(town)}, {len(town.listeners):,} users, lists of {LENGTH}\n")
    print("| asked | NDCG@10 | recall@20 | coverage@20 | popularity | artists | µs |")
    print("|---|" + "---:|" * 6)
    for row in rows:
        print(_line(row))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--algorithm", default="local_ridge", help="auto or a name")
    parser.add_argument("--budget-seconds", type=float, default=60.0, help="of tuning and training")
    parser.add_argument("--users", type=int, default=5_000, help="at most so many are asked")
    parser.add_argument("--seed", type=int, default=1, help="of the split and of all draws")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def controls(town: Town) -> list[Control]:
    """The rows of the table; genres and artists only where the catalogue has them."""
    found = [Control("nothing", lambda _town, _listener: Wanted(LENGTH))]
    found += [Control(f"novelty {n:g}", _asking(novelty=n)) for n in NOVELTIES]
    if any(song.artist for song in town.songs):
        found += [Control(f"max_per_artist {n}", _asking(max_per_artist=n)) for n in (3, 2, 1)]
        found += [
            Control("max_per_artist 2, novelty 0.5", _asking(max_per_artist=2, novelty=0.5)),
            Control("artist: the most liked one", _own_artist),
        ]
    if any(song.genre for song in town.songs):
        found.append(Control("genre: the most liked one", _own_genre))
    return [*found, Control("exclude: the first 20", _next_list)]


def _asking(**wanted: Any) -> Callable[[Town, Listener], Wanted]:
    return lambda _town, _listener: Wanted(LENGTH, **wanted)


def _own_artist(town: Town, listener: Listener) -> Wanted:
    names = [town.songs[row].artist for row in listener.profile.liked if town.songs[row].artist]
    return Wanted(LENGTH, artist=_most_frequent(names))


def _own_genre(town: Town, listener: Listener) -> Wanted:
    names = chain.from_iterable(genres_of(town.songs[r].genre) for r in listener.profile.liked)
    return Wanted(LENGTH, genre=_most_frequent(list(names)))


def _next_list(town: Town, listener: Listener) -> Wanted:
    return Wanted(LENGTH, exclude=tuple(town.songs[row].song_id for row in listener.plain))


def _most_frequent(names: Sequence[str]) -> str | None:
    """Of equals the first by name, None where there is none."""
    counted = Counter(names)
    return min(counted, key=lambda name: (-counted[name], name), default=None)


def measured(town: Town, control: Control) -> dict[str, Any]:
    """The row of one control."""
    asked = [control.wanted(town, listener) for listener in town.listeners]
    lists, taken = [], []
    for listener, wanted in zip(town.listeners, asked, strict=True):
        started = time.perf_counter()
        lists.append(_list(town.stored, listener.profile, wanted))
        taken.append(1e6 * (time.perf_counter() - started))
    per_user = [_worth(*pair) for pair in zip(town.listeners, lists, strict=True)]
    ndcg = np.array([worth["ndcg@10"] for worth in per_user])
    popular = percentiles(town.stored.songs.like_counts)
    return {
        "asked": control.name,
        "ndcg@10": float(ndcg.mean()),
        "interval": mean_intervals({"ndcg@10": ndcg}, seed=1)["ndcg@10"],
        "recall@20": fmean(worth["recall@20"] for worth in per_user),
        "coverage@20": len(np.unique(np.concatenate(lists))) / len(town.songs),
        "popularity": fmean(float(popular[rows].mean()) for rows in lists if len(rows)),
        "artists": _artists(town, lists),
        "median_us": float(np.median(taken)),
    }


def _list(stored: StoredModel, profile: Profile, wanted: Wanted) -> IntArray:
    """The rows of one list, as an answer would hold them."""
    _, pages = order_for(stored, profile, wanted)
    return np.array([row for row, _ in islice(chain.from_iterable(pages), wanted.limit)], np.int32)


def _worth(listener: Listener, rows: IntArray) -> dict[str, float]:
    """What the list is worth to its listener; a hidden like that is not in it is a miss."""
    places = [place for place, row in enumerate(rows.tolist(), 1) if row in listener.liked_later]
    hidden = len(listener.liked_later) + listener.misses
    return ranking_metrics(np.array(places, np.int64), hidden, (10, LENGTH))


def _artists(town: Town, lists: Sequence[IntArray]) -> float | None:
    """Different artists in the place of songs, a mean over lists; None where none has a name."""
    artist_of = town.stored.songs.artist_of
    named = [of[of >= 0] for rows in lists if len(of := artist_of[rows])]
    shares = [len(np.unique(of)) / len(of) for of in named if len(of)]
    return fmean(shares) if shares else None


def _town(options: argparse.Namespace) -> Town:
    """Read the folder, train, and find out who is to be asked."""
    songs, train, held_out = _world(options.folder, options.seed)
    recipe = choose(
        train, algorithm=options.algorithm, budget_seconds=options.budget_seconds, seed=options.seed
    ).recipe
    model = algorithms.fit(recipe, train)
    named = [(song.song_id, song.artist, song.genre) for song in songs]
    index = SongIndex.build(named, train.like_counts)
    stored = StoredModel("measured", recipe, model, index, {"n_listeners": train.n_users})
    return Town(stored, songs, _listeners(stored, train, held_out, options.users, options.seed))


def _world(folder: Path, seed: int) -> tuple[list[SongRow], Interactions, HeldOut]:
    """The songs by row, what to train on, and what is hidden."""
    whole, parts = file_of(folder, "interactions"), file_of(folder, "interactions_train")
    known = {song.song_id: song for song in _songs(file_of(folder, "songs"))}
    if not whole and not parts:
        raise SystemExit(f"{folder} has neither interactions.csv nor interactions_train.csv")
    catalogue = {song_id: (song.artist, song.genre) for song_id, song in known.items()}
    world = world_of(read_judgements(whole or parts or "", _left_out), catalogue)
    songs = [known.get(song_id, SongRow(song_id, "", "", "")) for song_id in world.songs]
    if whole:
        parted = split(world.interactions, 0.2, seed=seed)
        return songs, parted.train, parted.held_out
    test = file_of(folder, "interactions_test")
    if test is None:
        raise SystemExit(f"{folder} has interactions_train.csv, but no interactions_test.csv")
    return songs, world.interactions, held_out_of(read_judgements(test, _left_out), world)


def _songs(name: str | None) -> list[SongRow]:
    if name is None:
        return []
    with open_csv(name) as source:
        rows = CsvRows(source, REQUIRED, multiline_limit=TEXT_LIMIT, reject=_left_out)
        return list(song_rows(rows, reject=_left_out))


def _left_out(_error: object) -> None:
    """Bad rows are ``loadcsv``'s to report; here they are left out."""


def _listeners(
    stored: StoredModel, train: Interactions, held_out: HeldOut, most: int, seed: int
) -> list[Listener]:
    """Users with a profile and hidden likes, a seeded sample where there are many."""
    hidden: dict[int, list[int]] = {}
    for at in np.flatnonzero((held_out.values > 0) & (held_out.users < train.n_users)):
        hidden.setdefault(int(held_out.users[at]), []).append(int(held_out.songs[at]))
    users = sorted(hidden)
    if len(users) > most:
        users = sorted(np.random.default_rng(seed).choice(users, most, replace=False).tolist())
    found = []
    for user in users:
        profile = Profile(*(_row(matrix, user) for matrix in (train.likes, train.dislikes)))
        songs = [song for song in hidden[user] if song not in profile.judged]
        if songs and len(profile.judged):
            plain = _list(stored, profile, Wanted(LENGTH))
            inside = frozenset(song for song in songs if song >= 0)
            found.append(Listener(profile, inside, len(songs) - len(inside), plain))
    return found


def _row(matrix: Any, user: int) -> IntArray:
    """The songs of one user of a CSR matrix."""
    songs: IntArray = matrix.indices[matrix.indptr[user] : matrix.indptr[user + 1]].astype(np.int32)
    return songs


def _recipe(town: Town) -> str:
    return town.stored.recipe.algorithm


def _line(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    cells = [
        row["asked"],
        f"{row['ndcg@10']:.4f} ({low:.4f}–{high:.4f})",
        f"{row['recall@20']:.4f}",
        f"{row['coverage@20']:.3f}",
        f"{row['popularity']:.1f}",
        "" if row["artists"] is None else f"{row['artists']:.2f}",
        f"{row['median_us']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
