"""Whether choosing and training by itself keeps to its budget, whatever the budget and the data.

    python -m benchmarks.budget fixtures --budgets 2,5,10,20
    python -m benchmarks.budget DATA/amazon-cds --budgets 10,20,40,80,160
    python -m benchmarks.budget 50000000 --budgets 900        made-up likes

What ``retrain`` does with MODEL_ALGORITHM=auto, each in a process of its own: tune, compare, decide
and train on all data. Spent is the part of the budget that this took, over 1 where it overran; the
aim is at most 1.2. With --again the recipe that was chosen is live and is chosen against, as in
every training but the first. Peak MB is that of the process, the data included.
"""

import argparse
import json
import multiprocessing
import time
from pathlib import Path
from typing import Any

import benchmarks.without_state  # noqa: F401 - first: models need the settings
from benchmarks.accuracy import file_of
from benchmarks.scale.one_size import SIZES, peak_mb
from benchmarks.synthetic import made
from recommendations.engine import algorithms
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Recipe
from recommendations.engine.selection import choose
from recommendations.loading.judgement_files import read_catalogue, read_judgements, world_of

SERVING_MICROSECONDS = 1_500.0
_TITLES = ("data", "budget s", "spent", "tune s", "fit s", "peak MB", "tried; left out", "recipe")


def main() -> None:
    """Print a row for each budget, or two with --again."""
    options = _arguments()
    print("| " + " | ".join(_TITLES) + " |\n|---|" + "---:|" * 5 + "---|---|", flush=True)
    # Begun anew and not forked, so that nothing of one is in the memory of the next.
    processes = multiprocessing.get_context("spawn")
    for budget in options.budgets:
        pool = processes.Pool(1)
        rows = pool.apply(_measured, (options.data, budget, options.again))
        # Not ended by a signal, so that it clears its folder away.
        pool.close()
        pool.join()
        for row in rows:
            print(json.dumps(row) if options.json else _line(row), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="a folder of data, or how many likes to make up")
    parser.add_argument("--budgets", type=_numbers, required=True, help="seconds, by commas")
    parser.add_argument(
        "--again", action="store_true", help="once more, what was chosen being live"
    )
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _measured(data: str, budget: float, again: bool) -> list[dict[str, Any]]:
    world = _world(data)
    first = _trained(world, budget, None)
    rows = [first]
    if again:
        rows.append(_trained(world, budget, Recipe(first["algorithm"], first["parameters"])))
    return [{"data": Path(data).name, "budget_seconds": budget, **row} for row in rows]


def _world(data: str) -> Interactions:
    """The likes of a folder, or so many made-up ones."""
    if data.isdigit():
        likes = int(data)
        users, songs = SIZES.get(likes, (likes // 50, max(400, likes // 500)))
        return made(users=users, songs=songs, likes=likes).interactions
    folder = Path(data)
    file = file_of(folder, "interactions") or file_of(folder, "interactions_train")
    songs_file = file_of(folder, "songs")
    if file is None:
        raise SystemExit(f"{folder} has no interactions.csv, nor interactions_train.csv")
    catalogue = read_catalogue(songs_file, _left_out) if songs_file else None
    return world_of(read_judgements(file, _left_out), catalogue).interactions


def _left_out(_error: object) -> None:
    """Bad rows are ``loadcsv``'s to report; here they are left out."""


def _trained(world: Interactions, budget: float, live: Recipe | None) -> dict[str, Any]:
    """Choose and train; what it took."""
    started = time.perf_counter()
    choice = choose(
        world,
        budget_seconds=budget,
        live=live,
        last=[live] if live else [],
        serving_microseconds=SERVING_MICROSECONDS,
    )
    tuned = time.perf_counter()
    algorithms.fit(choice.recipe, world)
    ended = time.perf_counter()
    measured = sum(trial.measured for trial in choice.trials)
    return {
        "live": live is not None,
        "spent": round((ended - started) / budget, 3),
        "tune_seconds": round(tuned - started, 2),
        "fit_seconds": round(ended - tuned, 2),
        "peak_mb": peak_mb(),
        "tried": measured,
        "left_out": len(choice.trials) - measured,
        "algorithm": choice.recipe.algorithm,
        "parameters": choice.recipe.parameters,
    }


def _line(row: dict[str, Any]) -> str:
    """A row of the table."""
    parts = [part for part, *_ in row["parameters"].get("parts", [])]
    cells = [
        row["data"] + (" again" if row["live"] else ""),
        f"{row['budget_seconds']:,g}",
        f"{row['spent']:.2f}",
        f"{row['tune_seconds']:,.1f}",
        f"{row['fit_seconds']:,.1f}",
        f"{row['peak_mb']:,}",
        f"{row['tried']}; {row['left_out']}",
        row["algorithm"] + (f" ({' + '.join(parts)})" if parts else ""),
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
