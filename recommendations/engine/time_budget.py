"""What trying, deciding and training will still take, held against what is left of the time.

Fitting takes what each algorithm projects from the size of the data, times how much longer than
projected its last fit took; asking takes as long as the last one did. A candidate is only tried if
what must follow, should it be chosen, fits in as well.
"""

import time
from collections.abc import Sequence
from typing import Final

from recommendations.engine import algorithms
from recommendations.engine.blend_training import parts_of
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Recipe
from recommendations.engine.trial import Trial

# What finding a blend's weights and asking it take, in askings of one candidate.
BLEND_ASKS: Final = 4
# What finding out how much new songs are lent takes, beside fitting the chosen recipe once.
NEW_SONG_ASKS: Final = 10
NEW_SONG_SECONDS: Final = 6e-4  # a song: working what is lent into the weights, time after time
# The final training is on all data, longer than that on the cut: what asking again must leave of
# the budget, in what is projected.
SLACK: Final = 1.3


class TimeBudget:
    """The time until an instant, and what is known of how long things take.

    ends: of ``time.perf_counter``. train: what candidates are fitted on. done: the trials so far,
    a list that grows. deciding_asks: what asking the deciding users about a candidate takes, in
    askings of those who choose.
    """

    def __init__(
        self, ends: float, train: Interactions, done: Sequence[Trial], *, deciding_asks: float
    ) -> None:
        self.ends = ends
        self.asking_seconds = 0.0
        self._train, self._done, self._deciding_asks = train, done, deciding_asks
        # How much longer than projected each algorithm's last fit took.
        self._slowness: dict[str, float] = {}

    def learn(self, recipe: Recipe, projected: float, seconds: float) -> None:
        """Take note that fitting took so long, where so much was projected."""
        if projected > 0:
            before = self._slowness.get(recipe.algorithm, 1.0)
            self._slowness[recipe.algorithm] = before * seconds / projected

    def projected(self, recipe: Recipe) -> float:
        """Seconds that fitting will take; of a blend, its parts that were not tried yet."""
        if parts := parts_of(recipe):
            tried = [each.recipe for each in self._done]
            return sum(self.projected(part) for part in parts if part not in tried)
        seconds = algorithms.projected_seconds(recipe, self._train)
        return seconds * self._slowness.get(recipe.algorithm, 1.0)

    def fit_seconds(self, *recipes: Recipe) -> float:
        """What fitting each of these took, or may take, together."""
        return sum(map(self._fit_seconds, recipes))

    def new_song_seconds(self, fit_seconds: float) -> float:
        """What finding out how much new songs are lent takes; 0 where they have no traits."""
        if self._train.traits is None:
            return 0.0
        working = NEW_SONG_SECONDS * self._train.n_songs
        return fit_seconds + NEW_SONG_ASKS * self.asking_seconds + working

    def after_blend(self, parts: Sequence[Recipe]) -> float:
        """Seconds of what follows if a blend of these is taken: deciding, and training it."""
        fitting = self.fit_seconds(*parts)
        return self._deciding + fitting + self.new_song_seconds(fitting)

    def after_single(self, longest: float, blended: float | None) -> float:
        """Seconds of what follows a single model's trial, whichever is taken then.

        longest: what fitting it, or the best so far, takes. blended: what fitting all that a
        blend may take of what was tried, if there will be one; its weights are found before.
        """
        alone = self._deciding + longest + self.new_song_seconds(longest)
        if blended is None:
            return alone
        return max(alone, self._deciding + blended) + BLEND_ASKS * self.asking_seconds

    def too_short_for(
        self, fitting: float, afterwards: float, *, deciding: bool, ends: float | None
    ) -> str:
        """Why a trial does not fit into the time left, in words; empty if it does.

        deciding: the deciding users are asked about it too. ends: an instant by which the trial
        itself, without what follows, has to be over.
        """
        trying = fitting + self.asking_seconds + self._deciding * deciding
        now = time.perf_counter()
        bounds = [(trying + afterwards, self.ends - now)]
        if ends is not None:
            bounds.append((trying, ends - now))
        for needed, left in bounds:
            if needed > left:
                why = f"needs about {needed:.0f} s, {max(0.0, left):.0f} s of the training budget"
                return f"{why} are left"
        return ""

    def ends_before(self, chosen: Trial) -> float:
        """The instant by which all but deciding about the chosen and training it has to be over."""
        return self.ends - self._deciding - chosen.fit_seconds

    def can_repeat(self, parts: Sequence[Recipe]) -> bool:
        """Whether a blend's parts can be fitted on another cut before it has to be tried."""
        # Each part is scaled and asked; then the weights are found, and the blend is tried.
        asking = (2 * len(parts) + BLEND_ASKS) * self.asking_seconds
        return self._fits(self.fit_seconds(*parts) + asking + self.after_blend(parts))

    def can_decide_again(self, recipes: Sequence[Recipe], chosen: Recipe) -> bool:
        """Whether these can be fitted and asked about on another cut before the final training."""
        return self._fits(self.fit_seconds(*recipes, chosen) + self._deciding * len(recipes))

    @property
    def _deciding(self) -> float:
        """Seconds of asking the deciding users about one candidate."""
        return self._deciding_asks * self.asking_seconds

    def _fits(self, seconds: float) -> bool:
        """Whether what may be left undone leaves time for all that may not."""
        return SLACK * seconds < self.ends - time.perf_counter()

    def _fit_seconds(self, recipe: Recipe) -> float:
        for trial in self._done:
            if trial.recipe == recipe and trial.measured:
                return trial.fit_seconds
        return self.projected(recipe)
