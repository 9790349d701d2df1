"""A blend: several models' scores added up, each with one constant weight.

s_j(S) = Σ_m c_m f_mj(S). The c_m are constants of the artifact and nothing is normalised for a
request, so that what a judgement adds to the sum is the sum of what it adds to each part, and
reasons stay exact. Item models are added up when they are trained, into one.

Ranked are the songs that the item models put first; the factors, which are dear to multiply,
score only those. Past them the order is the item models' own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recommendations.engine import ials, item_model, svd
from recommendations.engine.ials import IALS
from recommendations.engine.interactions import BoolArray, FloatArray, IntArray, Profile
from recommendations.engine.item_model import ItemModel
from recommendations.engine.model import Arrays, BrokenModel, Model, NoKnownSongs
from recommendations.engine.ranking import Ranking, best_rows, masked
from recommendations.engine.stored import checked
from recommendations.engine.svd import SVD

CANDIDATES: Final = 500
_LOADERS: Final[dict[str, Callable[[Arrays], IALS | SVD]]] = {
    "ials": ials.load,
    "svd": partial(svd.load, "svd"),
    "vbmf": partial(svd.load, "vbmf"),
}

Dear = IALS | SVD
T = TypeVar("T")


@dataclass(frozen=True)
class Blend(Model):
    """Models over the same songs.

    items: the item models, their weights already in it. dear: those that score by factors.
    weights: c of each of them, float64 (len(dear),).
    """

    items: ItemModel
    dear: tuple[Dear, ...]
    weights: npt.NDArray[np.float64]
    algorithm: str = field(default="blend", init=False)

    @property
    def n_songs(self) -> int:
        """How many songs it ranks."""
        return self.items.n_songs

    def scores(self, profile: Profile) -> FloatArray:
        """The sum of all parts, float32 (n_songs,). Raises NoKnownSongs where no part knows any."""
        scores, known = self._of_items(profile)
        for model, weight in self._weighted():
            try:
                scores += weight * model.scores(profile)
                known = True
            except NoKnownSongs:
                scores += weight * model.empty_scores()
        if not known:
            raise NoKnownSongs
        return scores

    def ranking(self, profile: Profile) -> Ranking:
        """The item models' first songs in the order of all parts. Raises NoKnownSongs."""
        cheap, known = self._of_items(profile)
        rest = []
        for model, weight in self._weighted():
            try:
                rest.append((model.folded(profile), weight))
                known = True
            except NoKnownSongs:
                rest.append((model.empty_scores().__getitem__, weight))
        if not known:
            raise NoKnownSongs
        return _Shortlisted(cheap, rest)

    def score_block(
        self, likes: sparse.csr_array, dislikes: sparse.csr_array
    ) -> tuple[FloatArray, BoolArray]:
        """``scores`` for many profiles."""
        scores, known = self.items.score_block(likes, dislikes)
        for model, weight in self._weighted():
            found, has = model.score_block(likes, dislikes)
            found[~has] = model.empty_scores()
            found *= weight
            scores += found
            known |= has
        return scores, known

    def candidate_block(
        self, likes: sparse.csr_array, dislikes: sparse.csr_array
    ) -> BoolArray | None:
        """Which songs of many profiles are scored by all parts when served: (b, n_songs)."""
        if self.n_songs <= CANDIDATES or not self.dear:
            return None
        cheap, _ = self.items.score_block(likes, dislikes)
        candidates = np.zeros(cheap.shape, np.bool_)
        for at, row in enumerate(cheap):
            for judged in (likes, dislikes):
                row[judged.indices[judged.indptr[at] : judged.indptr[at + 1]]] = -np.inf
            candidates[at, best_rows(row, CANDIDATES)] = True
        return candidates

    def removal_effects(self, profile: Profile, song: int) -> npt.NDArray[np.float64]:
        """By how much the song's score falls without each judgement: (m,)."""
        return self.effects_on(profile, np.array([song], np.int32))[:, 0]

    def effects_on(self, profile: Profile, songs: IntArray) -> npt.NDArray[np.float64]:
        """The sum of the parts' effects, each with its weight: (m, len(songs))."""
        effects = self.items.effects_on(profile, songs)
        for model, weight in self._weighted():
            effects += weight * model.effects_on(profile, songs)
        return effects

    def empty_scores(self) -> FloatArray:
        """The sum of the parts' scores for an empty profile."""
        scores = np.array(self.items.empty_scores())
        for model, weight in self._weighted():
            scores += weight * model.empty_scores()
        return scores

    def similar(self, song: int, k: int) -> tuple[IntArray, FloatArray]:
        """The songs most alike, as the item models have it."""
        return self.items.similar(song, k)

    def arrays(self) -> Arrays:
        """The arrays of all parts, each under its part's name."""
        found: Arrays = {"weights": self.weights}
        parts = [("items", self.items), *((_name(at, m), m) for at, m in enumerate(self.dear))]
        for part, model in parts:
            found |= {f"{part}.{name}": array for name, array in model.arrays().items()}
        return found

    def _weighted(self) -> Sequence[tuple[Dear, np.float32]]:
        return list(zip(self.dear, self.weights.astype(np.float32), strict=True))

    def _of_items(self, profile: Profile) -> tuple[FloatArray, bool]:
        try:
            return self.items.scores(profile), True
        except NoKnownSongs:
            return np.array(self.items.empty_scores()), False


@dataclass(frozen=True, slots=True)
class _Shortlisted:
    """A ranking in two steps: by the item models, then the first ones of that by all parts.

    cheap: the item models' scores of every song. rest: what the other parts say of some songs.
    """

    cheap: FloatArray
    rest: Sequence[tuple[Callable[[IntArray], FloatArray], np.float32]]

    def best(
        self, k: int, *, excluded: IntArray, allowed: BoolArray | None = None
    ) -> tuple[IntArray, FloatArray]:
        """The k best: the candidates in the order of all parts, then the item models' own."""
        rows = best_rows(masked(self.cheap, excluded, allowed), max(CANDIDATES, k))
        scores = self.cheap[rows]
        for ask, weight in self.rest:
            scores += weight * ask(rows)
        first = np.lexsort((rows[:CANDIDATES], -scores[:CANDIDATES]))
        order = np.concatenate([first, np.arange(len(first), len(rows))])[:k]
        return rows[order], scores[order]


def _name(at: int, model: Dear) -> str:
    return f"{at}-{model.algorithm}"


def load(arrays: Arrays) -> Blend:
    """The model of stored arrays, which may be read-only memory maps; raises BrokenModel."""
    parts: dict[str, Arrays] = {}
    for name, array in arrays.items():
        part, dot, rest = name.partition(".")
        if dot:
            parts.setdefault(part, {})[rest] = array
    weights = checked(arrays, "weights", np.float64, 1)
    items = _loaded("items", partial(item_model.load, "blend"), parts.pop("items", {}))
    dear: list[Dear] = []
    for at, name in enumerate(sorted(parts)):
        number, _, algorithm = name.partition("-")
        if number != str(at) or algorithm not in _LOADERS:
            raise BrokenModel(f"a blend has no part {name!r}")
        dear.append(_loaded(name, _LOADERS[algorithm], parts[name]))
        if dear[-1].n_songs != items.n_songs:
            raise BrokenModel(f"the part {name!r} ranks other songs than the item models")
    if (weights <= 0).any():
        raise BrokenModel("array 'weights' holds weights that are not over 0")
    if len(weights) != len(dear):
        raise BrokenModel(f"array 'weights' holds {len(weights)} weights for {len(dear)} parts")
    return Blend(items, tuple(dear), weights)


def _loaded(part: str, load_part: Callable[[Arrays], T], arrays: Arrays) -> T:
    try:
        return load_part(arrays)
    except BrokenModel as error:
        # The loader knows the array by its name within the part.
        raise BrokenModel(str(error).replace("array '", f"array '{part}.")) from error
