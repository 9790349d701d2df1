"""A refresh, from the database to the live version."""

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from recommendations import forgotten, model_store
from recommendations.engine import algorithms, selection
from recommendations.engine.model import Recipe
from recommendations.leases import Hold, lease
from recommendations.models import ForgottenListener, ModelVersion, Song, TrainingRun
from recommendations.serving.answers import recommend_for
from recommendations.serving.ordering import Wanted
from recommendations.tasks import refresh_if_changed, retrain_if_changed
from recommendations.tests import casts
from recommendations.training import one_at_a_time, snapshot, solved_songs, versions
from recommendations.training.recipes import last_recipes, recipe_of
from recommendations.training.refreshing import refresh
from recommendations.training.retraining import data_changed, retrain

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    """Where a training leaves what the next refresh goes on from."""
    settings.STATE_DIR = tmp_path
    settings.MODEL_ALGORITHM = "local_ridge"
    settings.TRAINING_BUDGET_SECONDS = 3
    return tmp_path / "solved"


def add_song() -> None:
    """A song that comes after the training, and that those like who like rock."""
    Song.objects.create(song_id="r5", title="Rock r5", artist="Band 5", genre="Rock")
    for n in range(6):
        casts.judge(f"rocker{n}", {"r5": 1})


def solved_again(version: str | None) -> list[int]:
    """How many songs the training of the version solved again."""
    run = TrainingRun.objects.get(model_version__version=version)
    found: list[int] = run.metrics["solved_again"]
    return found


def test_a_refresh_goes_live_by_the_live_recipe_and_knows_new_songs(town: None) -> None:
    casts.publish("v1")
    first = refresh()
    add_song()
    assert "r5" not in [each["song"]["song_id"] for each in shown("rocker9")]

    outcome = refresh()

    assert outcome.status == "live" and outcome.version != first.version
    live = ModelVersion.objects.get(is_live=True)
    assert live.version == outcome.version
    was = ModelVersion.objects.get(version=first.version)
    assert recipe_of(live) == recipe_of(was)
    assert f"{first.version} refreshed" in outcome.reason
    # Rock and the song without a like: nothing came near jazz.
    assert 1 < solved_again(outcome.version)[0] < 7
    assert "r5" in [each["song"]["song_id"] for each in shown("rocker9")]
    stored = model_store.load(live.version)
    assert stored.manifest["metrics"]["solved_again"] == solved_again(live.version)


def shown(user_id: str) -> list[dict[str, Any]]:
    """The list of a user."""
    results: list[dict[str, Any]] = recommend_for(user_id, Wanted())["results"]
    return results


def test_nothing_is_solved_where_nothing_changed_and_asked_nothing_is_done(town: None) -> None:
    first = retrain()

    assert refresh(only_if_changed=True).status == "unchanged"
    outcome = refresh()

    assert outcome.status == "live"
    assert solved_again(outcome.version) == [0]
    before, after = (model_store.load(str(each)).model for each in (first.version, outcome.version))
    for name, array in before.arrays().items():
        assert (after.arrays()[name] == array).all(), name


def test_one_refresh_follows_another(town: None) -> None:
    retrain()
    add_song()
    refresh()
    casts.judge("rocker7", {"r5": 1})

    outcome = refresh(only_if_changed=True)

    assert outcome.status == "live"
    assert solved_again(outcome.version)[0] >= 1
    assert refresh(only_if_changed=True).status == "unchanged"


def test_without_a_live_model_there_is_nothing_to_refresh(town: None) -> None:
    outcome = refresh()

    assert (outcome.status, outcome.version) == ("skipped", None)
    assert "train one first" in outcome.reason
    assert TrainingRun.objects.count() == 0


def test_while_one_trains_another_does_not_refresh(town: None) -> None:
    retrain()
    with lease(one_at_a_time.LEASE, renew=False):
        assert refresh().status == "skipped"


def left_in(folder: Path) -> Path:
    """The one folder of what a training left."""
    [found] = folder.iterdir()
    return found


def lose(folder: Path) -> None:
    (left_in(folder) / "songs.npz").unlink()


def damage(folder: Path) -> None:
    file = left_in(folder) / "songs.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x40
    file.write_bytes(content)


def damage_about(folder: Path) -> None:
    (left_in(folder) / "about.npz").write_bytes(b"PK")


@pytest.mark.parametrize("spoil", [lose, damage, damage_about])
def test_without_what_the_training_left_every_song_is_solved(
    town: None, folder: Path, spoil: Any
) -> None:
    retrain()
    add_song()
    spoil(folder)

    outcome = refresh()

    assert outcome.status == "live"
    assert solved_again(outcome.version) in ([], [10])
    assert "r5" in [each["song"]["song_id"] for each in shown("rocker9")]
    # And the next one goes on from this.
    casts.judge("rocker7", {"r5": 1})
    assert 0 < solved_again(refresh().version)[0] < 10


def test_whoever_was_forgotten_is_leant_on_by_no_song(town: None) -> None:
    retrain()
    forgotten.mark("somebody", 1)

    outcome = refresh()

    assert solved_again(outcome.version) == []
    assert "all solved" in outcome.reason


def test_what_is_left_of_a_format_of_before_is_not_read(
    town: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrain()
    monkeypatch.setattr(solved_songs, "FORMAT", solved_songs.FORMAT + 1)

    assert solved_again(refresh().version) == []


def test_another_live_recipe_is_not_mixed_with_what_was_left(town: None, settings: Any) -> None:
    casts.publish("v1")
    retrain()
    versions.activate("v1")

    outcome = refresh()

    live = ModelVersion.objects.get(is_live=True)
    assert recipe_of(live) == casts.RIDGE
    assert solved_again(outcome.version) == []
    assert solved_again(refresh().version) == [0]


def test_a_refused_training_leaves_what_belongs_to_the_live_one(town: None, folder: Path) -> None:
    retrain()
    left = (left_in(folder) / "songs.npz").read_bytes()

    assert retrain(algorithm="popularity").status == "refused"

    assert (left_in(folder) / "songs.npz").read_bytes() == left
    assert not list((folder.parent / "checkpoints").glob("*"))
    assert solved_again(refresh().version) == [0]


def test_a_refresh_is_no_training_for_beat_and_none_of_the_last_recipes(town: None) -> None:
    retrain()
    add_song()
    refresh()
    run = TrainingRun.objects.latest("pk")
    run.parameters = {"neighbours": 77}
    run.save()

    assert data_changed()
    assert [each.parameters.get("neighbours") for each in last_recipes()] != [77]
    assert len(last_recipes()) == 1
    run.parameters = TrainingRun.objects.earliest("pk").parameters
    run.save()
    assert retrain(only_if_changed=True).status == "live"
    assert not data_changed()


def test_where_beats_challenger_is_refused_the_live_recipe_learns_what_is_new(
    town: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    casts.publish("v1")
    choose = selection.choose
    refused = partial(replace, promote=False, reason="no better")
    monkeypatch.setattr(selection, "choose", lambda *a, **k: refused(choose(*a, **k)))
    add_song()

    assert retrain_if_changed()["status"] == "refused"

    live = ModelVersion.objects.get(is_live=True)
    assert recipe_of(live) == casts.RIDGE
    assert "r5" in [each["song"]["song_id"] for each in shown("rocker9")]
    assert retrain_if_changed()["status"] == "unchanged"
    assert ModelVersion.objects.count() == 3


def test_a_model_without_songs_of_its_own_to_solve_is_trained_whole(
    town: None, settings: Any
) -> None:
    settings.MODEL_ALGORITHM = "popularity"
    retrain()
    add_song()

    outcome = refresh()

    assert (outcome.status, outcome.algorithm) == ("live", "popularity")
    assert "by its recipe, popularity, on all data: 10 songs, all solved" in outcome.reason


def test_a_full_disk_costs_the_next_refresh_its_speed_and_nothing_else(
    town: None, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    retrain()
    rename = Path.rename

    def full(self: Path, target: Path) -> Path:
        if self.name == "songs.npz":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full)
    add_song()

    assert refresh().status == "live"
    assert "goes on from an earlier one" in caplog.text
    monkeypatch.undo()
    casts.judge("rocker7", {"r5": 1})

    assert refresh().status == "live"
    assert shown("rocker9")[0]["song"]["song_id"] in {"r5", *casts.ROCK}


def test_the_command_and_the_task_refresh(town: None) -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("retrain", "--refresh", "--algorithm", "svd")
    retrain()
    add_song()
    out = StringIO()

    call_command("retrain", "--refresh", "--json", stdout=out)

    said = json.loads(out.getvalue())
    assert said["live"] and said["metrics"]["songs"] == 10
    assert refresh_if_changed()["status"] == "unchanged"
    out = StringIO()
    call_command("retrain", "--refresh", "--if-changed", stdout=out)
    assert out.getvalue().startswith("unchanged")
    out = StringIO()
    call_command("models", stdout=out)
    assert "had moved and were solved again" in out.getvalue()


def test_songs_that_come_after_a_training_of_none_are_all_new(db: None) -> None:
    assert retrain().status == "live"
    casts.make_songs()
    casts.make_listeners()

    outcome = refresh()

    assert (outcome.status, outcome.algorithm) == ("live", "popularity")
    casts.publish("v1")
    assert refresh().status == "live"


def test_what_a_training_by_hand_was_refused_the_next_refresh_learns(town: None) -> None:
    retrain()
    add_song()
    assert retrain(algorithm="popularity").status == "refused"

    assert refresh(only_if_changed=True).status == "live"

    assert "r5" in [each["song"]["song_id"] for each in shown("rocker9")]


def test_a_rollback_goes_past_all_refreshes_to_the_recipe_before(
    town: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = casts.publish("v1").version
    casts.publish("v2", Recipe("popularity", {}))
    for n in range(versions.KEPT_VERSIONS + 2):
        casts.judge(f"late{n}", {"r1": 1})
        refresh()

    assert versions.roll_back().version == first


def test_an_operator_who_activates_another_version_meanwhile_has_the_last_word(
    town: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    casts.publish("v1")
    casts.publish("v2")
    fit = algorithms.fit

    def slow(*given: Any) -> Any:
        versions.activate("v1")
        return fit(*given)

    monkeypatch.setattr(algorithms, "fit", slow)

    outcome = refresh()

    assert outcome.status == "refused"
    assert "no longer the live version" in outcome.reason
    assert ModelVersion.objects.get(is_live=True).version == "v1"


def test_a_refresh_that_lost_its_lease_leaves_everything_as_it_was(
    town: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = retrain().version
    left = left_in(folder)
    monkeypatch.setattr(Hold, "valid", False)

    assert refresh().status == "refused"

    assert ModelVersion.objects.get(is_live=True).version == live
    assert left_in(folder) == left


def test_an_interruption_once_it_is_live_makes_it_no_failure(
    town: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(solved_songs, "keep", stopped)
    with pytest.raises(KeyboardInterrupt):
        retrain()

    assert TrainingRun.objects.get().status == TrainingRun.Status.LIVE


def test_a_refresh_that_died_leaves_nothing_for_another(town: None, folder: Path) -> None:
    retrain()
    dead = folder / ".20250101T000000-1"
    dead.mkdir()
    (dead / "part-7.songs.npz").write_bytes(b"of another time")

    refresh()

    assert [file.name for file in sorted(left_in(folder).iterdir())] == ["about.npz", "songs.npz"]


def test_songs_that_change_places_are_taken_for_themselves(town: None) -> None:
    casts.publish("v1")
    refresh()
    # Songs stand in the order of their likes: j1 goes from behind rock to the front.
    for n in (0, 4):
        casts.judge(f"jazzer{n}", {"j1": 1})

    outcome = refresh()

    assert solved_again(outcome.version) == [4]
    stored = model_store.load(str(outcome.version))
    assert stored.songs.row("j1") == 0
    whole = model_store.load(str(refresh(every_song=True).version)).model
    for name, array in whole.arrays().items():
        assert (stored.model.arrays()[name] == array).all(), name


def test_nobody_is_found_in_what_is_left_without_the_key_of_the_installation(
    town: None, settings: Any
) -> None:
    data = snapshot.take()
    settings.SECRET_KEY = "another one of thirty-two letters"

    assert not (snapshot.take().keys == data.keys).any()
    assert len(set(data.keys.tolist())) == data.interactions.n_users


def test_the_rows_of_who_is_being_forgotten_count_until_they_are_gone(town: None) -> None:
    before = snapshot.take().watermark
    forgotten.mark("somebody", 1)
    ForgottenListener.objects.update(finished=False)
    between = snapshot.take().watermark
    ForgottenListener.objects.update(finished=True)
    after = snapshot.take().watermark

    assert len({str(each["forgotten"]) for each in (before, between, after)}) == 3


def test_a_training_that_gave_way_is_made_up_for_before_the_next_refresh(
    town: None, settings: Any
) -> None:
    settings.RETRAIN_INTERVAL_SECONDS, settings.REFRESH_INTERVAL_SECONDS = 3_600, 600
    retrain()
    add_song()
    assert "trials" not in refresh_if_changed()["metrics"]
    TrainingRun.objects.update(started_at=timezone.now() - timedelta(seconds=4_201))

    assert "trials" in refresh_if_changed()["metrics"]
    assert refresh_if_changed()["status"] == "unchanged"
