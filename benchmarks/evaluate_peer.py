"""What ``manage.py evaluate --json`` prints, for a recommender of another library.

    python -m benchmarks.evaluate_peer --train TRAIN --test TEST --algorithm implicit_als
    python -m benchmarks.evaluate_peer --train FILE --split 0.2 --seed 1 --algorithm implicit_als

The files are read, the cut is made, the test is opened after the fit, and every figure is measured,
by the same code.
"""

import argparse
import json
import sys
import time

import benchmarks.without_state  # noqa: F401 - first: models need the settings
from benchmarks import peers
from recommendations.engine.cutting import Cut, cut, split
from recommendations.engine.evaluation import evaluate
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Parameters, Recipe
from recommendations.engine.trial import Trial
from recommendations.engine.trials import KS, MOST_USERS
from recommendations.loading.judgement_files import (
    held_out_of,
    read_catalogue,
    read_judgements,
    world_of,
)
from recommendations.loading.row_errors import RowError
from recommendations.training.evaluating import Fitted, Report, report_on

LENGTHS = (10, 20)


def main() -> None:
    """Train and ask, print one line of JSON."""
    options = _arguments()
    try:
        report = evaluated(options)
    except peers.MissingLibrary as error:
        sys.exit(f"{options.algorithm} {error}")
    print(json.dumps(report.as_dict()))


def evaluated(options: argparse.Namespace) -> Report:
    """The report of one peer. Raises MissingLibrary."""
    catalogue = read_catalogue(options.songs, _tell) if options.songs else {}
    world = world_of(read_judgements(options.train, _tell), catalogue)
    if options.test is None:
        parted = split(world.interactions, options.split, seed=options.seed)
        fitted = _fitted(options.algorithm, parted.train, options.seed)
        return report_on(fitted, parted.train, parted.held_out, ks=LENGTHS, seed=options.seed)
    fitted = _fitted(options.algorithm, world.interactions, options.seed)
    held_out = held_out_of(read_judgements(options.test, _tell), world)
    return report_on(fitted, world.interactions, held_out, ks=LENGTHS, seed=options.seed)


def _fitted(name: str, train: Interactions, seed: int) -> Fitted:
    """The peer with the best of its choices, trained on everything."""
    started = time.perf_counter()
    parameters = tuned(name, train, seed)
    chosen = time.perf_counter()
    model = peers.fit(name, train, parameters, seed)
    return Fitted(
        model=model,
        algorithm=name,
        parameters=parameters,
        tune_seconds=chosen - started,
        fit_seconds=time.perf_counter() - chosen,
        reason=f"of {len(peers.PEERS[name].choices)} choices",
    )


def tuned(name: str, train: Interactions, seed: int) -> Parameters:
    """The choice that ranks best on a cut of the training data, of equals the first."""
    choices = peers.PEERS[name].choices
    if len(choices) == 1:
        return choices[0]
    parted = cut(train, seed=seed)
    return max(choices, key=lambda choice: _score(name, parted, choice, seed))


def _score(name: str, parted: Cut, choice: Parameters, seed: int) -> float:
    """What ours are chosen by."""
    model = peers.fit(name, parted.train, choice, seed)
    found = evaluate(
        model,
        parted.train,
        parted.held_out,
        ks=KS,
        seed=seed,
        intervals=False,
        most_users=MOST_USERS,
    )
    trial = Trial(Recipe(name, choice, seed), found.metrics, judges=found.judges)
    return trial.score if trial.measured else 0.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True)
    test = parser.add_mutually_exclusive_group(required=True)
    test.add_argument("--test")
    test.add_argument("--split", type=float)
    parser.add_argument("--algorithm", required=True, choices=sorted(peers.PEERS))
    parser.add_argument("--songs")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _tell(error: RowError) -> None:
    print(error, file=sys.stderr)


if __name__ == "__main__":
    main()
