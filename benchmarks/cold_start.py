"""What new songs and new users get: two tables for a folder of data.

    python -m benchmarks.cold_start fixtures
    python -m benchmarks.cold_start fixtures --without-artists
    python -m benchmarks.cold_start DATA/cm100k --algorithm auto --budget-seconds 60

The folder holds songs.csv and interactions.csv, or interactions_train.csv (.gz too).

New songs: one liked song in twenty is hidden from the training entirely, and all songs are ranked
for the users who like the hidden ones. The recipe is chosen on what remains; "before" is the same
with nothing lent to new songs (docs/engine.md, "New and rare songs"). "Other songs beside them" is
NDCG@10 on a fifth of each user's judgements of the other songs, while the new ones compete with
them and count as wrong; "as it is" is that of all songs where none was made new.

New users: one user in ten with six likes or more is hidden whole, then folded in with 1, 2 and 5
likes and asked about the rest. Figures are means over the seeds, and so are the ends of their 95 %
intervals, which are drawn over users.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

import numpy as np

import benchmarks.without_state  # noqa: F401 - first: models need the settings
from benchmarks.accuracy import file_of
from recommendations.engine import algorithms
from recommendations.engine.bootstrap import mean_intervals
from recommendations.engine.cutting import HeldOut, split
from recommendations.engine.evaluation import Evaluation, Judged, evaluate
from recommendations.engine.interactions import BoolArray, IntArray, Interactions
from recommendations.engine.model import Recipe
from recommendations.engine.popularity import Popularity
from recommendations.engine.selection import choose
from recommendations.engine.trying_new_songs import NOTHING, lending
from recommendations.loading.judgement_files import (
    read_catalogue,
    read_judgements,
    world_of,
)

HIDDEN_SHARE: Final = 0.05
NEW_USER_SHARE: Final = 0.1
LIKES: Final = (1, 2, 5)
MOST_USERS: Final = 5_000
TEST_SHARE: Final = 0.2

Figure = tuple[float, float, float]  # the mean, and the ends of its interval
Row = dict[str, Figure]
Rows = dict[str, Row]


@dataclass(frozen=True)
class Asked:
    """The recipe of one training and what is asked of it: by the names of the rows."""

    songs: Rows
    users: Rows
    recipe: Recipe


def main() -> None:
    """Measure once a seed and print both tables."""
    options = _arguments()
    world = _world(options.folder, artists=not options.without_artists)
    measured = [
        _measured(world, options.algorithm, options.budget_seconds, int(seed))
        for seed in options.seeds.split(",")
    ]
    songs, users = (
        _means([getattr(each, kind) for each in measured]) for kind in ("songs", "users")
    )
    if options.json:
        recipes = [each.recipe.in_words() for each in measured]
        print(json.dumps({"recipes": recipes, "songs": songs, "users": users}))
        return
    for each in measured:
        print(each.recipe.in_words())
    for title, rows in (("new songs", songs), ("new users", users)):
        print(f"\n{_markdown(title, rows)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--algorithm", default="local_ridge", help="auto or a name")
    parser.add_argument("--budget-seconds", type=float, default=60.0, help="of each choice")
    parser.add_argument("--seeds", default="1,2,3", help="of what is hidden and of all draws")
    parser.add_argument("--without-artists", action="store_true", help="genres alone are known")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _world(folder: Path, *, artists: bool) -> Interactions:
    whole = file_of(folder, "interactions") or file_of(folder, "interactions_train")
    songs = file_of(folder, "songs")
    if whole is None or songs is None:
        raise SystemExit(f"{folder} needs songs.csv and interactions.csv or interactions_train.csv")
    catalogue = read_catalogue(songs, _left_out)
    if not artists:
        catalogue = {song: ("", genre) for song, (_, genre) in catalogue.items()}
    return world_of(read_judgements(whole, _left_out), catalogue).interactions


def _left_out(_error: object) -> None:
    """Bad rows are ``loadcsv``'s to report; here they are left out."""


def _measured(world: Interactions, algorithm: str, budget_seconds: float, seed: int) -> Asked:
    drawn = np.random.default_rng(seed)
    liked = np.flatnonzero(world.like_counts)
    hidden = drawn.permutation(liked)[: max(1, round(HIDDEN_SHARE * len(liked)))]
    few = world.where(~np.isin(world.songs, hidden))
    recipe = choose(few, algorithm=algorithm, budget_seconds=budget_seconds, seed=seed).recipe
    return Asked(
        _new_songs(world, few, hidden, recipe, seed), _new_users(world, recipe, drawn, seed), recipe
    )


def _new_songs(
    world: Interactions, few: Interactions, hidden: IntArray, recipe: Recipe, seed: int
) -> Rows:
    """What is reached on the hidden songs, and without hiding any."""
    asked = _about_new(world, few, hidden)
    recipes = {"before": lending(recipe, NOTHING), "after": recipe}
    models: dict[str, Judged] = {
        "popularity": algorithms.fit(Recipe("popularity", {}), few),
        "popularity of the artist": _artists_popularity(few),
        **{name: algorithms.fit(given, few) for name, given in recipes.items()},
    }
    rows: Rows = {}
    for name, model in models.items():
        found = evaluate(model, few, asked, seed=seed, most_users=MOST_USERS)
        rows[name] = _figures(found, {"recall@20": "Recall@20", "ndcg@20": "NDCG@20"})
        rows[name]["lists with a new song"] = _listed(found, hidden, seed)
        rows[name]["new songs alone, AUC"] = _figures(found, {"auc": ""})[""]
    parted = split(world, TEST_SHARE, seed=seed)
    known = ~np.isin(parted.train.songs, hidden)
    for title, train in (
        ("other songs beside them, NDCG@10", parted.train.where(known)),
        ("as it is, NDCG@10", parted.train),
    ):
        held = _of_others(parted.held_out, hidden) if train is not parted.train else parted.held_out
        for name, given in recipes.items():
            fitted = algorithms.fit(given, train)
            found = evaluate(fitted, train, held, seed=seed, most_users=MOST_USERS)
            rows[name] |= _figures(found, {"ndcg@10": title})
    return rows


def _about_new(world: Interactions, few: Interactions, hidden: IntArray) -> HeldOut:
    """The likes of hidden songs, and that their users do not like the other hidden ones.

    So that the AUC tells how well a user's new songs are told from other new songs.
    """
    liked = world.likes[:, hidden].toarray() > 0
    known = np.flatnonzero(liked.any(axis=1) & (np.diff(few.likes.indptr) > 0))
    users = np.repeat(known, len(hidden)).astype(np.int32)
    songs = np.tile(hidden, len(known)).astype(np.int32)
    return HeldOut(users, songs, np.where(liked[known].ravel(), 1, -1).astype(np.int8))


def _of_others(held_out: HeldOut, hidden: IntArray) -> HeldOut:
    """The judgements of songs that are not hidden."""
    known = ~np.isin(held_out.songs, hidden)
    return HeldOut(held_out.users[known], held_out.songs[known], held_out.values[known])


def _artists_popularity(few: Interactions) -> Popularity:
    """A song's likes; of a song without any, the mean of its artist's other songs."""
    counts = few.like_counts.astype(np.float64)
    artists = few.traits.artists if few.traits else np.full(few.n_songs, -1)
    liked = (counts > 0) & (artists >= 0)
    sums = np.bincount(artists[liked], counts[liked], minlength=int(artists.max(initial=-1)) + 2)
    songs = np.bincount(artists[liked], minlength=len(sums))
    means = np.append(sums[:-1] / np.maximum(1, songs[:-1]), 0.0)
    return Popularity(np.where(counts > 0, counts, means[artists]).astype(np.float32))


def _listed(found: Evaluation, hidden: IntArray, seed: int) -> Figure:
    """The share of the lists of 20 in which there is a hidden song."""
    return _share(np.asarray(np.isin(found.answers.lists, hidden).any(axis=1)), seed)


def _share(mask: BoolArray, seed: int) -> Figure:
    """What part of the users it is true of."""
    values = np.asarray(mask, np.float64)
    return (float(np.mean(values)), *mean_intervals({"": values}, seed=seed)[""])


def _new_users(world: Interactions, recipe: Recipe, drawn: np.random.Generator, seed: int) -> Rows:
    """What users get of whom a training knew nothing, by how many likes they have said."""
    able = np.flatnonzero(np.diff(world.likes.indptr) > max(LIKES))
    strangers = drawn.permutation(able)[: max(1, round(NEW_USER_SHARE * len(able)))]
    theirs = np.isin(world.users, strangers)
    train = world.where(~theirs)
    model, popularity = (algorithms.fit(each, train) for each in (recipe, Recipe("popularity", {})))
    places = _places(world, drawn)
    rows: Rows = {}
    for n in LIKES:
        said = theirs & (world.values > 0) & (places < n)
        seen = world.where(~theirs | said)
        # The same songs are asked about however many were said.
        rest = theirs & (world.values > 0) & (places >= max(LIKES))
        held = HeldOut(world.users[rest], world.songs[rest], world.values[rest])
        for name, each in (("popularity", popularity), ("folded in", model)):
            found = evaluate(each, seen, held, seed=seed)
            row = _figures(found, {"ndcg@10": "NDCG@10", "recall@20": "Recall@20"})
            own = found.answers.known & (name != "popularity")
            row["lists of their own"] = _share(own, seed)
            rows[f"{name}, {n} like{'s' if n > 1 else ''}"] = row
    return rows


def _places(world: Interactions, drawn: np.random.Generator) -> IntArray:
    """The place of each like among its user's, in an order that is drawn: (n,)."""
    order = np.lexsort((drawn.random(len(world)), world.values < 0, world.users))
    users = world.users[order]
    places = np.empty(len(world), np.int32)
    places[order] = np.arange(len(world)) - np.searchsorted(users, users)
    return places


def _figures(found: Evaluation, names: dict[str, str]) -> Row:
    return {
        title: (found.metrics[name], *found.intervals[name])
        for name, title in names.items()
        if name in found.metrics
    }


def _means(measured: Sequence[Rows]) -> Rows:
    """The means of each figure and of the ends of its interval."""
    return {
        name: {title: _mean([rows[name][title] for rows in measured]) for title in row}
        for name, row in measured[0].items()
    }


def _mean(figures: Sequence[Figure]) -> Figure:
    means, lows, highs = zip(*figures, strict=True)
    return fmean(means), fmean(lows), fmean(highs)


def _markdown(title: str, rows: Rows) -> str:
    titles = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [f"| {title} | {' | '.join(titles)} |", "|---|" + "---:|" * len(titles)]
    for name, row in rows.items():
        cells = [_cell(row[each]) if each in row else "" for each in titles]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figure: Figure) -> str:
    mean, low, high = (f"{value:.4f}".removeprefix("0") for value in figure)
    return f"{mean} ({low}–{high})"


if __name__ == "__main__":
    main()
