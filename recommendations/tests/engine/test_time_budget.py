"""What is left of the time is held against what must follow."""

from collections.abc import Callable

import pytest

from recommendations.engine import algorithms
from recommendations.engine.blend_training import blend_recipe
from recommendations.engine.interactions import Interactions
from recommendations.engine.model import Recipe
from recommendations.engine.time_budget import (
    BLEND_ASKS,
    NEW_SONG_ASKS,
    NEW_SONG_SECONDS,
    SLACK,
    TimeBudget,
)
from recommendations.engine.trial import Trial
from recommendations.tests.engine.worlds import fans, two_camps

PARTS = [Recipe("judged_knn", {}), Recipe("item_knn", {})]
NO_TRAITS = two_camps(users=20)
ENDS = 1_000.0

Left = Callable[[float], None]


@pytest.fixture(autouse=True)
def projections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fitting is projected to take 10 s."""
    monkeypatch.setattr(algorithms, "projected_seconds", lambda *_: 10.0)


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> Left:
    """So many seconds are left."""
    return lambda seconds: monkeypatch.setattr("time.perf_counter", lambda: ENDS - seconds)


def budget(*done: Trial, train: Interactions = NO_TRAITS) -> TimeBudget:
    """Asking those who choose takes 1 s, those who decide 2."""
    found = TimeBudget(ENDS, train, done, deciding_asks=2)
    found.asking_seconds = 1.0
    return found


def measured(recipe: Recipe, seconds: float) -> Trial:
    return Trial(recipe, {"ndcg@10": 0.1}, fit_seconds=seconds)


def test_a_projection_is_corrected_by_how_the_last_fits_of_that_algorithm_went() -> None:
    tried = budget()

    tried.learn(PARTS[0], 10.0, 15.0)
    assert [tried.projected(each) for each in PARTS] == [15.0, 10.0]
    tried.learn(PARTS[0], 15.0, 7.5)
    assert tried.projected(PARTS[0]) == 7.5
    tried.learn(PARTS[0], 0.0, 3.0)
    assert tried.projected(PARTS[0]) == 7.5


def test_what_was_fitted_takes_what_it_took_and_is_not_fitted_again_for_a_blend() -> None:
    left_out = Trial(PARTS[1], left_out="too long", fit_seconds=0.0)
    tried = budget(measured(PARTS[0], 4.0), left_out)
    new = Recipe("turbo_cf", {})

    assert tried.fit_seconds(*PARTS) == 14.0
    assert tried.projected(blend_recipe([(each, 1.0) for each in (*PARTS, new)], 0)) == 10.0


def test_a_trial_is_too_long_where_it_and_what_follows_do_not_fit(left: Left) -> None:
    tried = budget()
    # 10 s of fitting and 1 of asking, 2 more for the deciding users, 5 of what follows.
    for deciding, needed in ((False, 16), (True, 18)):
        left(needed + 0.01)
        assert not tried.too_short_for(10.0, 5.0, deciding=deciding, ends=None)
        left(needed - 0.01)
        told = tried.too_short_for(10.0, 5.0, deciding=deciding, ends=None)
        assert told == f"needs about {needed} s, {needed} s of the training budget are left"


def test_what_follows_may_come_after_the_trials_own_end(left: Left) -> None:
    tried = budget()
    left(16.01)

    assert not tried.too_short_for(10.0, 5.0, deciding=False, ends=ENDS - 5.0)
    assert tried.too_short_for(10.0, 5.0, deciding=False, ends=ENDS - 5.02)


def test_what_follows_is_deciding_and_the_longest_training() -> None:
    tried = budget()

    assert tried.after_single(7.0, None) == 2 + 7
    assert tried.after_single(7.0, 3.0) == 2 + 7 + BLEND_ASKS
    assert tried.after_single(7.0, 30.0) == 2 + 30 + BLEND_ASKS
    assert tried.after_blend(PARTS) == 2 + 20
    assert tried.ends_before(measured(PARTS[0], 4.0)) == ENDS - 2 - 4


def test_new_songs_take_time_where_they_have_artists_or_genres() -> None:
    world = fans()
    plain, with_traits = budget(), budget(train=world)
    lending = 7 + NEW_SONG_ASKS + NEW_SONG_SECONDS * world.n_songs

    assert plain.new_song_seconds(7.0) == 0
    assert with_traits.new_song_seconds(7.0) == pytest.approx(lending)
    assert with_traits.after_single(7.0, None) == pytest.approx(2 + 7 + lending)


def test_what_follows_has_its_time_before_anything_is_repeated(left: Left) -> None:
    tried = budget()
    # Two parts and 8 askings now; then two for the decision and two parts again, finally.
    repeating = 20 + 8 + 2 + 20
    # Three recipes of 10 s and two askings, and the one that is chosen.
    deciding = 3 * (10 + 2) + 10

    left(1.01 * SLACK * repeating)
    assert tried.can_repeat(PARTS)
    left(0.99 * SLACK * repeating)
    assert not tried.can_repeat(PARTS)
    left(1.01 * SLACK * deciding)
    assert tried.can_decide_again([*PARTS, PARTS[0]], PARTS[0])
    left(0.99 * SLACK * deciding)
    assert not tried.can_decide_again([*PARTS, PARTS[0]], PARTS[0])
