"""The live artifact, measured on what was said since it was trained."""

import pytest

from recommendations import model_store
from recommendations.models import Song, TrainingRun
from recommendations.tests import casts
from recommendations.training import live_artifact, snapshot
from recommendations.training.live_artifact import measured_since
from recommendations.training.retraining import retrain
from recommendations.training.versions import live_version

pytestmark = pytest.mark.django_db

LATER = 1_700_000_000_000_001


@pytest.fixture(autouse=True)
def _three_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_artifact, "ENOUGH_USERS", 3)


def like_the_missing_song(listeners: int) -> None:
    """Rockers like the one rock song that each of them lacks, after the training."""
    for n in range(listeners):
        casts.judge(f"rocker{n}", {casts.ROCK[n]: 1}, at=LATER)


def test_it_is_asked_about_later_likes_with_the_profiles_of_before(live: str) -> None:
    like_the_missing_song(3)

    found = measured_since(live_version(), snapshot.take())

    assert found is not None
    assert (found["version"], found["users"]) == (live, 3)
    # Who likes all rock but one song gets that one first.
    assert (found["metrics"]["ndcg@10"], found["intervals"]["ndcg@10"]) == (1.0, [1.0, 1.0])


def test_a_song_that_came_later_is_a_miss(live: str) -> None:
    Song.objects.create(song_id="a", title="Later")
    like_the_missing_song(3)
    casts.judge("jazzer7", {"a": 1}, at=LATER)

    found = measured_since(live_version(), snapshot.take())

    assert found is not None
    assert (found["users"], found["metrics"]["ndcg@10"]) == (4, 0.75)
    assert found["counts"]["test_likes_outside_catalogue"] == 1


def test_too_few_listeners_say_nothing(live: str) -> None:
    like_the_missing_song(2)
    casts.judge("jazzer1", {"r1": -1}, at=LATER)

    assert measured_since(live_version(), snapshot.take()) is None


def test_a_watermark_of_before_it_held_a_time_is_passed_over(live: str) -> None:
    like_the_missing_song(3)
    TrainingRun.objects.update(watermark=snapshot.current_watermark())

    assert measured_since(live_version(), snapshot.take()) is None


def test_an_artifact_that_cannot_be_read_is_passed_over(live: str) -> None:
    like_the_missing_song(3)
    model_store.remove(live)

    assert measured_since(live_version(), snapshot.take()) is None


def test_the_training_notes_it(live: str) -> None:
    like_the_missing_song(3)

    retrain()

    noted = TrainingRun.objects.latest("pk").metrics["live_since"]
    assert (noted["version"], noted["users"]) == (live, 3)
