"""One point of the curve, in a process of its own: make the data, train, rank, serve.

    python -m benchmarks.scale.one_size 5000000 --checkpoints /tmp/pieces

Prints one line of JSON for each model, as it is finished. With --checkpoints a training that was
stopped goes on where it was when the same is begun again; its line then has ``resumed`` and no
seconds, which would be those of the rest alone.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.synthetic import World, made
from recommendations.engine import algorithms
from recommendations.engine.blend_training import blend_of
from recommendations.engine.checkpoints import Checkpoints, Forgetful, Within
from recommendations.engine.cutting import HeldOut
from recommendations.engine.evaluation import evaluate
from recommendations.engine.metrics import ranking_metrics
from recommendations.engine.model import Arrays, Model, Progress, Recipe
from recommendations.engine.ranking import ranks_of
from recommendations.engine.score_time import score_microseconds
from recommendations.training.checkpoint_files import CheckpointFiles
from recommendations.training.training_bar import training_bar

# Likes to (users, songs): fifty likes a user, a catalogue that grows more slowly.
SIZES: Final = {
    100_000: (2_000, 2_000),
    1_000_000: (20_000, 10_000),
    5_000_000: (100_000, 30_000),
    10_000_000: (200_000, 50_000),
    25_000_000: (500_000, 75_000),
    50_000_000: (1_000_000, 100_000),
}
MODELS: Final = ("popularity", "optimum", "local_ridge", "ials", "blend")
METRICS: Final = ("recall@20", "ndcg@10")
MOST_ASKED: Final = 10_000
# For whom the planted chances are worked out song by song.
_MOST_TOLD: Final = 2_000
RECIPES: Final = {
    "local_ridge": Recipe("local_ridge", {}),
    "ials": Recipe("ials", {"factors": 128}),
}
_WEIGHTS: Final = {"local_ridge": 1.0, "ials": 0.7}


@dataclass
class Clock:
    """What passed since it was made, and since each report of progress.

    phases: seconds by the name of a phase, in the order in which they were.
    """

    seconds: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)
    phases: dict[str, float] = field(default_factory=dict)

    def taken(self) -> dict[str, float]:
        """Seconds and processor seconds so far."""
        wall, cpu = time.perf_counter() - self.seconds, time.process_time() - self.cpu
        return {"seconds": round(wall, 2), "cpu_seconds": round(cpu, 2)}

    def watched(self, shown: Progress) -> Progress:
        """Pass progress on, and note how far in time each phase of the training reached."""

        def report(what: str, share: float) -> None:
            phase = what
            if what == "local_ridge":
                phase = "neighbours" if share <= 0.5 else "weights"
            self.phases[phase] = time.perf_counter() - self.seconds
            shown(what, share)

        return report

    def lengths(self) -> dict[str, float]:
        """The seconds of each phase: from the end of the one before to its own."""
        ends = [0.0, *self.phases.values()]
        return {
            name: round(end - start, 2)
            for name, start, end in zip(self.phases, ends, self.phases.values(), strict=False)
        }


@dataclass
class Watched:
    """Checkpoints, and whether any was there."""

    kept: Checkpoints
    found: bool = False

    def load(self, name: str) -> Arrays | None:
        """The piece, if it is there."""
        piece = self.kept.load(name)
        self.found = self.found or piece is not None
        return piece

    def save(self, name: str, arrays: Arrays) -> None:
        """Keep it."""
        self.kept.save(name, arrays)


def main() -> None:
    """Measure what is asked for."""
    options = _arguments()
    clock = Clock()
    users, songs = SIZES.get(options.likes, (options.likes // 50, max(400, options.likes // 500)))
    world = made(users=users, songs=songs, likes=options.likes)
    sizes = {"likes": options.likes, "users": users, "songs": songs}
    print(json.dumps({**sizes, "model": "data", **clock.taken(), "peak_mb": peak_mb()}), flush=True)
    kept: Checkpoints = Forgetful()
    if options.checkpoints is not None:
        kept = CheckpointFiles(options.checkpoints)
    for row in _rows(world, options.models.split(","), kept):
        print(json.dumps({**sizes, **row}), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("likes", type=int)
    parser.add_argument("--models", default=",".join(MODELS), help=f"of {','.join(MODELS)}")
    parser.add_argument("--checkpoints", type=Path, help="a folder to go on from and add to")
    return parser.parse_args()


def _rows(world: World, models: list[str], kept: Checkpoints) -> Iterator[dict[str, Any]]:
    """A row for each model asked for; parts of a blend are trained whether asked for or not."""
    if "popularity" in models:
        popularity = algorithms.fit(Recipe("popularity", {}), world.interactions)
        yield {"model": "popularity", **_reached(popularity, world)}
    if "optimum" in models:
        yield {"model": "optimum", **_optimum(world)}
    trained: list[Model] = []
    for name, recipe in RECIPES.items():
        if name in models or "blend" in models:
            model, row = _trained(recipe, world, Within(kept, name))
            trained.append(model)
            yield row
    if "blend" in models:
        clock = Clock()
        blend = blend_of(trained, list(_WEIGHTS.values()), world.interactions, 0)
        yield {"model": "blend", **clock.taken(), "peak_mb": peak_mb(), **_served(blend, world)}


def _trained(recipe: Recipe, world: World, kept: Checkpoints) -> tuple[Model, dict[str, Any]]:
    """A model and its row."""
    clock, watched = Clock(), Watched(kept)
    with training_bar() as shown:
        model = algorithms.fit(recipe, world.interactions, clock.watched(shown), watched)
    taken = {**clock.taken(), "phases": clock.lengths()}
    costs: dict[str, Any] = {"resumed": True} if watched.found else taken
    costs["peak_mb"] = peak_mb()
    # Known for the next who asks whether it may be begun at all.
    costs["projected_seconds"] = round(algorithms.projected_seconds(recipe, world.interactions), 1)
    return model, {"model": recipe.algorithm, **costs, **_served(model, world)}


def _served(model: Model, world: World) -> dict[str, Any]:
    """What it reaches, and how long one user's fold-in and exact best 100 songs take."""
    asked = np.unique(world.held_out.users)
    times = score_microseconds(model, world.interactions, asked, seed=0)
    return {**_reached(model, world), "score_microseconds": times}


def _reached(model: Model, world: World) -> dict[str, Any]:
    found = evaluate(
        model,
        world.interactions,
        world.held_out,
        ks=(10, 20),
        intervals=False,
        most_users=MOST_ASKED,
    )
    return {"asked": found.users, **{name: round(found.metrics[name], 4) for name in METRICS}}


def _optimum(world: World) -> dict[str, Any]:
    """What ranking by the planted chances reaches, for some of those who are asked."""
    users = np.unique(world.held_out.users)
    users = np.sort(np.random.default_rng(0).permutation(users)[:_MOST_TOLD])
    likes, held = world.interactions.likes, _by_user(world.held_out)

    def told(user: int) -> dict[str, float]:
        chances = world.chances(np.array([user], np.int32))[0]
        chances[likes.indices[likes.indptr[user] : likes.indptr[user + 1]]] = -np.inf
        songs = held[user]
        return ranking_metrics(ranks_of(chances, songs), len(songs), (10, 20))

    with ThreadPoolExecutor() as pool:
        rows = list(pool.map(told, users.tolist()))
    means = {name: round(float(np.mean([row[name] for row in rows])), 4) for name in METRICS}
    return {"asked": len(rows), **means}


def _by_user(held: HeldOut) -> dict[int, Any]:
    """The songs held back of each user."""
    order = np.argsort(held.users, kind="stable")
    users, starts = np.unique(held.users[order], return_index=True)
    return dict(zip(users.tolist(), np.split(held.songs[order], starts[1:]), strict=True))


def peak_mb() -> int:
    """The most memory that this process has held so far, in units of 10⁶ bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // 1_000_000


if __name__ == "__main__":
    main()
