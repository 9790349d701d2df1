"""How much songs that few have judged are lent (new_songs.py), found by hiding some of them.

On the training side of the cut one liked song in twenty is made new: half of those lose every
judgement, the others all but a few. The models of the recipe that was chosen are fitted on what
remains, once, and lent more or less. What is to gain is NDCG@10 + NDCG@100 over all that was taken
from the users who choose: what the cut holds back, and their likes of the songs made new. New
songs and others thus compete for the same places, at the rate at which they are liked.

The same is lent to the models of the cut as it is, where no song was made new, and must not cost
them more than 0.3 % of NDCG@10, of NDCG@100 or of the AUC. There, as in all trials, songs that
nobody has judged are not ranked; where songs are made new they are, and are never right: in a
catalogue full of songs that nobody likes, little is lent.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from recommendations.engine import algorithms
from recommendations.engine.blend_training import blend_of, blend_recipe, parts_of
from recommendations.engine.cutting import Cut, HeldOut
from recommendations.engine.evaluation import ENOUGH_JUDGES, Evaluation, evaluate
from recommendations.engine.interactions import BoolArray, Interactions, Traits
from recommendations.engine.model import Model, Parameters, Progress, Recipe, TrainingFailed
from recommendations.engine.new_songs import LENDING, lend
from recommendations.engine.trial import Trial
from recommendations.engine.trials import KS, Trials

HIDDEN_SHARE: Final = 0.05
LEAST_HIDDEN: Final = 10
# What a song of the second half keeps, one of these drawn for each.
KEPT_JUDGEMENTS: Final = (1, 2, 4, 8)
MOST_USERS: Final = 2_000
NOTHING: Final[Parameters] = {"rare": 0.0, "same_artist": 0.0, "same_genre": 0.0}
# Where the search starts: at the first of these that costs little.
STARTS: Final[Sequence[Parameters]] = (
    {"rare": 3.0, "same_artist": 0.3, "same_genre": 0.03},
    {"rare": 1.0, "same_artist": 0.0, "same_genre": 0.0},
)
AXES: Final[dict[str, Sequence[float]]] = {
    "same_artist": (0.0, 0.1, 0.3, 1.0, 3.0),
    "same_genre": (0.0, 0.01, 0.03, 0.1, 0.3),
    "rare": (1.0, 3.0, 10.0, 30.0),
}
LEAST_GAIN: Final = 0.003
MOST_LOST: Final = 0.003
USUAL_STEPS: Final = 12  # for a progress bar


def try_new_songs(
    trials: Trials, best: Trial | None, *, seed: int, progress: Progress | None = None
) -> Trial | None:
    """The trial of the same recipe with what new songs are best lent; ``best`` where it is that.

    Nothing is spent where songs have no artists and no genres, or where the time is too short.
    """
    traits = trials.cut.train.traits
    if best is None or traits is None or not any(map(_lends, _parts(best.recipe))):
        return best
    ends, bare = trials.budget.ends_before(best), lending(best.recipe, NOTHING)
    # A recipe that lends already was tried as it is: what it would be without is still to be made.
    needed = trials.budget.new_song_seconds(best.fit_seconds) + trials.missing_seconds(_parts(bare))
    if time.perf_counter() + needed > ends:
        return best
    try:
        bench = _Bench(trials, bare, seed)
    except TrainingFailed:  # where some songs were made new, too little is left
        return best
    axes, own = _axes(best.recipe, traits), _lent_by(best.recipe)
    found = _Search(bench, ends, progress).walk(axes, own)
    if found is None or _lends_just(best.recipe, found):
        return best
    recipe = lending(best.recipe, found)
    return trials.run_made(recipe, bench.model(found), best.fit_seconds)


def lending(recipe: Recipe, given: Parameters) -> Recipe:
    """The recipe with this lent to new songs, in every part that can."""
    if parts := parts_of(recipe):
        weights = [weight for *_, weight in recipe.parameters["parts"]]
        lent = [lending(part, given) for part in parts]
        return blend_recipe(list(zip(lent, weights, strict=True)), recipe.seed)
    own = LENDING.get(recipe.algorithm, {})
    return replace(recipe, parameters=recipe.parameters | {name: given[name] for name in own})


def made_new(cut: Cut, seed: int) -> Cut:
    """The cut with some liked songs made new, which is foretold too, of the users who are asked.

    One in twenty, and at least ten, but never more than a quarter of them.
    """
    train, held_out = cut.train, cut.held_out
    drawn = np.random.default_rng(seed)
    liked = np.flatnonzero(train.like_counts)
    most = min(max(LEAST_HIDDEN, round(HIDDEN_SHARE * len(liked))), len(liked) // 4)
    hidden = drawn.permutation(liked)[:most]
    keeps = np.full(train.n_songs, len(train))
    keeps[hidden] = np.where(np.arange(most) % 2 == 0, 0, drawn.choice(KEPT_JUDGEMENTS, most))
    taken = _places(train, drawn) >= keeps[train.songs]
    asked = taken & np.isin(train.users, held_out.users)
    foretold = HeldOut(
        np.concatenate([held_out.users, train.users[asked]]),
        np.concatenate([held_out.songs, train.songs[asked]]),
        np.concatenate([held_out.values, train.values[asked]]),
    )
    return Cut(train.where(~taken), foretold, "new songs")


def _places(train: Interactions, drawn: np.random.Generator) -> npt.NDArray[np.int64]:
    """The place of each judgement among those of its song, in an order that is drawn: (n,).

    The same however the judgements were ordered.
    """
    order = np.lexsort((train.users, train.songs))
    songs = train.songs[order]
    order = order[np.lexsort((drawn.random(len(order)), songs))]
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order)) - np.searchsorted(songs, songs)
    return places


_Double = npt.NDArray[np.float64]


class _Bench:
    """The parts of a recipe that lends nothing, fitted with songs made new and on the cut as it is.

    What may be lent is worked into their weights afterwards, which takes no training.
    """

    def __init__(self, trials: Trials, recipe: Recipe, seed: int) -> None:
        self._recipe, self._seed, self._cut = recipe, seed, trials.cut
        self._judged = trials.judged
        self._made = made_new(trials.cut, seed)
        self._as_is = [trials.made(part) for part in _parts(recipe)]
        self._new = [algorithms.fit(part, self._made.train) for part in _parts(recipe)]

    def model(self, given: Parameters) -> Model:
        """The recipe's model with this lent, on the cut as it is."""
        return self._lent(self._as_is, given, self._cut.train)

    def with_new(self, given: Parameters) -> float:
        """What lending this much reaches where songs were made new."""
        model = self._lent(self._new, given, self._made.train)
        metrics = self._asked(model, self._made, None).metrics
        return metrics["ndcg@10"] + metrics["ndcg@100"]

    def as_is(self, given: Parameters) -> Evaluation:
        """What it reaches on the cut as it is."""
        return self._asked(self.model(given), self._cut, self._judged)

    def _lent(self, parts: Sequence[Model], given: Parameters, train: Interactions) -> Model:
        models = [lend(model, train, given) for model in parts]
        if not parts_of(self._recipe):
            return models[0]
        weights = [weight for *_, weight in self._recipe.parameters["parts"]]
        return blend_of(models, weights, train, self._recipe.seed)

    def _asked(self, model: Model, data: Cut, ranked: BoolArray | None) -> Evaluation:
        return evaluate(
            model,
            data.train,
            data.held_out,
            ks=KS,
            seed=self._seed,
            intervals=False,
            most_users=MOST_USERS,
            ranked=ranked,
        )


class _Search:
    """The best of steps along one axis after the other that gain something and cost little."""

    def __init__(self, bench: _Bench, ends: float, progress: Progress | None) -> None:
        self._bench, self._ends, self._progress = bench, ends, progress
        self._asked = 0
        self._as_it_is = bench.as_is(NOTHING)
        self._best, self._reached = NOTHING, bench.with_new(NOTHING)

    def walk(self, axes: dict[str, Sequence[float]], own: Parameters) -> Parameters | None:
        """Up each axis, or else down; NOTHING where nothing gains, None where the time ran out.

        own: what is lent already, from where the search starts if that still gains.
        """
        idle = {name: 0.0 for name in AXES if name not in axes}
        starts = [start | idle for start in (own, *STARTS)]
        if not any(self._gains(start, errors=1.0) for start in starts if start != NOTHING):
            return None if time.perf_counter() > self._ends else NOTHING
        for name, values in axes.items():
            before = self._best
            here = before[name]
            self._step(name, [value for value in sorted(values) if value > here])
            if self._best is before:
                self._step(name, [value for value in sorted(values, reverse=True) if value < here])
        return self._best

    def _step(self, name: str, values: Sequence[float]) -> None:
        for value in values:
            if not self._gains(self._best | {name: value}, errors=0.0):
                break

    def _gains(self, given: Parameters, *, errors: float) -> bool:
        """Whether this is better than the best so far, which it then is.

        errors: by how many standard errors a loss has to be sure. To lend at all, one; to lend
        more, none: step by step all that is uncertain would be used up.
        """
        if time.perf_counter() > self._ends:
            return False
        self._asked += 1
        if self._progress:
            self._progress("what new songs are lent", min(1.0, self._asked / USUAL_STEPS))
        reached = self._bench.with_new(given)
        if reached <= self._reached * (1 + LEAST_GAIN) or self._costs(given, errors):
            return False
        self._best, self._reached = given, reached
        return True

    def _costs(self, given: Parameters, errors: float) -> bool:
        """Whether the cut as it is shows that something is lost."""
        after = self._bench.as_is(given)
        names = ["ndcg@10", "ndcg@100"] + ["auc"] * (after.judges >= ENOUGH_JUDGES)
        before = self._as_it_is.per_user
        return any(lost(before[name], after.per_user[name], errors=errors) for name in names)


def lost(before: _Double, after: _Double, *, errors: float) -> bool:
    """Whether the users lost over 0.3 % of a metric, and so many standard errors.

    before, after: of the same users, (users,), NaN where it says nothing of one. The errors are
    those of the mean of the differences.
    """
    told = np.isfinite(before)
    differences = after[told] - before[told]
    uncertain = errors * differences.std() / np.sqrt(max(1, len(differences)))
    return bool(differences.mean() + uncertain < -MOST_LOST * before[told].mean())


def _axes(recipe: Recipe, traits: Traits) -> dict[str, Sequence[float]]:
    """What there is to search: without artists nothing is said of one's songs, nor of genres."""
    idle = set()
    if not any("same_artist" in LENDING.get(p.algorithm, {}) for p in _parts(recipe)):
        idle |= {"same_artist", "same_genre"}
    if traits.artists.max(initial=-1) < 0:
        idle.add("same_artist")
    if not traits.genres.nnz:
        idle.add("same_genre")
    return {name: values for name, values in AXES.items() if name not in idle}


def _lent_by(recipe: Recipe) -> Parameters:
    """What the recipe lends: the most of any part, where they differ."""
    parts = _parts(recipe)
    return {name: max(part.parameters.get(name, 0.0) for part in parts) for name in NOTHING}


def _lends_just(recipe: Recipe, given: Parameters) -> bool:
    """Whether every part that can lends this already."""
    return all(
        part.parameters.get(name, 0.0) == given[name]
        for part in _parts(recipe)
        for name in LENDING.get(part.algorithm, {})
    )


def _parts(recipe: Recipe) -> list[Recipe]:
    return parts_of(recipe) or [recipe]


def _lends(recipe: Recipe) -> bool:
    return recipe.algorithm in LENDING
