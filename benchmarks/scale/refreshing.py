"""What a refresh costs and keeps beside a whole training, by how much was said since the last one.

    python -m benchmarks.scale.refreshing 5000000
    python -m benchmarks.scale.refreshing 50000000 --models local_ridge --shares 0.0001,0.001,0.003

On made-up likes (benchmarks/synthetic.py). A share of them, drawn, came after the last training,
and so did one song of a thousand with all of its likes. ``stale`` is the model of before,
``refreshed`` what a refresh makes of it, ``whole`` a training from the beginning. Again: the part
of the songs that was solved again. Seconds: of the fit alone, sketches included; what both read is
the same. New songs: recall@20 of held-back likes of songs that came since. Prints a table.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.scale.one_size import MOST_ASKED, RECIPES, SIZES, Clock
from benchmarks.synthetic import World, made
from recommendations.engine import algorithms
from recommendations.engine.checkpoints import Checkpoints
from recommendations.engine.cutting import HeldOut
from recommendations.engine.earlier import SONGS, Earlier
from recommendations.engine.evaluation import evaluate
from recommendations.engine.interactions import BoolArray, Interactions
from recommendations.engine.like_sketches import changed_likes, sketches
from recommendations.engine.model import Arrays, Model, Recipe

SHARES: Final = (0.0001, 0.001, 0.003, 0.01)
_NEW_SONGS: Final = 0.001
_TITLES: Final = ("model", "new likes", "", "again", "seconds", "recall@20", "NDCG@10", "new songs")


@dataclass
class Left(Checkpoints):
    """What a training left, in memory. Pieces to go on from after a stop are not kept."""

    pieces: dict[str, Arrays] = field(default_factory=dict)

    def load(self, name: str) -> Arrays | None:
        """What was left under the name."""
        return self.pieces.get(name)

    def save(self, name: str, arrays: Arrays) -> None:
        """Keep it where it is the songs' solutions."""
        if name == SONGS:
            self.pieces[name] = arrays


def main() -> None:
    """Print a row for each model, share and way."""
    options = _arguments()
    users, songs = SIZES.get(options.likes, (options.likes // 50, max(400, options.likes // 500)))
    world = made(users=users, songs=songs, likes=options.likes)
    print("| " + " | ".join(_TITLES) + " |\n|---|---:|---|" + "---:|" * 5, flush=True)
    for name in options.models.split(","):
        for row in _rows(RECIPES[name], world, options.shares):
            print("| " + " | ".join(row) + " |", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("likes", type=int)
    parser.add_argument("--models", default="local_ridge,ials")
    parser.add_argument("--shares", type=_shares, default=SHARES, help="of the likes, by commas")
    return parser.parse_args()


def _shares(text: str) -> tuple[float, ...]:
    return tuple(float(share) for share in text.split(","))


def _rows(recipe: Recipe, world: World, shares: tuple[float, ...]) -> Iterator[list[str]]:
    now, rng = world.interactions, np.random.default_rng(0)
    new_songs = rng.random(now.n_songs) < _NEW_SONGS
    lots = rng.random(len(now))
    clock = Clock()
    whole = algorithms.fit(recipe, now)
    took = clock.taken()["seconds"]
    yield [
        recipe.algorithm,
        "",
        "whole",
        "100 %",
        f"{took:.1f}",
        *_reached(whole, world, new_songs),
    ]
    for share in shares:
        then, left = now.where((lots >= share) & ~new_songs[now.songs]), Left()
        stale = algorithms.fit(recipe, then, checkpoints=left)
        earlier, seconds = _looked_at(left, then, now)
        clock = Clock()
        model = algorithms.fit(recipe, now, earlier=earlier)
        seconds += clock.taken()["seconds"]
        again = earlier.solved_again[0] / now.n_songs
        said = [recipe.algorithm, f"{share:.2%}"]
        yield [*said, "stale", "0 %", "0", *_reached(stale, world, new_songs)]
        reached = _reached(model, world, new_songs)
        yield [*said, "refreshed", f"{again:.1%}", f"{seconds:.1f}", *reached]


def _looked_at(left: Left, then: Interactions, now: Interactions) -> tuple[Earlier, float]:
    """What a refresh goes on from, and in how many seconds it is seen what changed."""
    keys = np.arange(now.n_users, dtype=np.int64)
    before = sketches(then.likes, keys)
    clock = Clock()
    changed = changed_likes(sketches(now.likes, keys), before)
    seconds = clock.taken()["seconds"]
    return Earlier(left, np.arange(now.n_songs, dtype=np.int32), changed), seconds


def _reached(model: Model, world: World, new_songs: BoolArray) -> list[str]:
    """recall@20 and NDCG@10 of all held-back likes, and recall@20 of those of new songs."""
    held = world.held_out
    of_new = new_songs[held.songs]
    some = HeldOut(held.users[of_new], held.songs[of_new], held.values[of_new])
    found = [
        evaluate(
            model, world.interactions, each, ks=(10, 20), intervals=False, most_users=MOST_ASKED
        )
        for each in (held, some)
    ]
    figures = [found[0].metrics[name] for name in ("recall@20", "ndcg@10")]
    figures.append(found[1].metrics["recall@20"])
    return [f"{figure:.4f}".removeprefix("0") for figure in figures]


if __name__ == "__main__":
    main()
