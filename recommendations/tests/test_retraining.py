"""A retraining, from the database to the live version."""

import json
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from recommendations import model_store
from recommendations.engine import selection
from recommendations.leases import Hold, lease
from recommendations.models import Lease, ModelVersion, Song, TrainingRun
from recommendations.serving.answers import recommend_for
from recommendations.serving.ordering import Wanted
from recommendations.tests import casts
from recommendations.training import one_at_a_time, versions
from recommendations.training.retraining import retrain

pytestmark = pytest.mark.django_db


def test_the_first_training_goes_live_and_serves(town: None) -> None:
    outcome = retrain()

    live = ModelVersion.objects.get(is_live=True)
    assert outcome.status == "live"
    assert live.version == outcome.version
    assert live.training_run.watermark["songs"] == 9
    assert recommend_for("rocker0", Wanted())["model"]["version"] == outcome.version


def test_a_pinned_algorithm_is_the_one_that_goes_live(town: None, settings: Any) -> None:
    retrain()
    settings.MODEL_ALGORITHM = "svd"

    outcome = retrain()

    assert (outcome.algorithm, outcome.status) == ("svd", "live")
    assert recommend_for("rocker0", Wanted())["model"]["algorithm"] == "svd"


def upgrade(monkeypatch: pytest.MonkeyPatch, version: Path) -> None:
    monkeypatch.setattr(model_store, "FORMAT", model_store.FORMAT + 1)


def flip_a_bit(monkeypatch: pytest.MonkeyPatch, version: Path) -> None:
    file = version / "songs.like_counts.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"x")


@pytest.mark.parametrize("spoil", [upgrade, flip_a_bit])
def test_a_live_version_that_cannot_be_read_is_replaced_without_any_change_whatever_the_gate_says(
    town: None,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    spoil: Callable[[pytest.MonkeyPatch, Path], None],
) -> None:
    settings.MODEL_ALGORITHM = "popularity"
    old = retrain().version
    assert old is not None
    spoil(monkeypatch, Path(settings.MODEL_DIR) / old)
    choose = selection.choose
    monkeypatch.setattr(
        selection, "choose", lambda *args, **kwargs: replace(choose(*args, **kwargs), promote=False)
    )

    outcome = retrain(only_if_changed=True)

    assert outcome.status == "live"
    assert "artifact cannot be read" in outcome.reason
    assert ModelVersion.objects.get(is_live=True).version == outcome.version != old
    assert retrain(only_if_changed=True).status == "unchanged"


def test_unchanged_data_are_not_trained_on_again(town: None) -> None:
    retrain()

    assert retrain(only_if_changed=True).status == "unchanged"
    casts.judge("rocker0", {"r1": 1})
    assert retrain(only_if_changed=True).version is not None
    assert TrainingRun.objects.count() == 2


def test_while_one_trains_another_does_not(town: None) -> None:
    with lease(one_at_a_time.LEASE, renew=False):
        assert retrain().status == "skipped"
    assert TrainingRun.objects.count() == 0


def test_the_lease_of_a_trainer_that_died_here_does_not_stop_the_next(town: None) -> None:
    Lease.objects.create(
        name=one_at_a_time.LEASE,
        # This process's id, but of one that started before it: the id was given out again.
        holder=f"{socket.gethostname()[:64]}:{os.getpid()}:1:dead",
        expires_at=datetime.now(UTC) + timedelta(minutes=15),
    )
    TrainingRun.objects.create(started_at=casts.MOMENT)

    assert retrain().version is not None
    assert TrainingRun.objects.order_by("pk")[0].status == TrainingRun.Status.FAILED


def test_a_training_that_fails_is_recorded_and_the_live_model_stays(
    live: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_store, "publish", full)
    with pytest.raises(CommandError, match="could not be stored"):
        call_command("retrain")

    run = TrainingRun.objects.latest("pk")
    assert run.status == TrainingRun.Status.FAILED
    assert "No space left" in run.reason
    assert ModelVersion.objects.get(is_live=True).version == live


@pytest.mark.parametrize("songs", [False, True])
def test_data_with_nothing_to_learn_from_still_give_a_model(db: None, songs: bool) -> None:
    if songs:
        casts.make_songs()
        casts.judge("1", {"r1": -1})

    outcome = retrain()

    assert outcome.status == "live"
    assert recommend_for("1", Wanted())["strategy"] == "popular"


def test_old_versions_are_cleared_away_but_never_the_live_one(
    town: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = retrain().version
    refuse_all(monkeypatch)
    for _ in range(versions.KEPT_VERSIONS + 1):
        assert retrain().status == "refused"

    kept = set(ModelVersion.objects.values_list("version", flat=True))
    assert first in kept
    assert len(kept) == versions.KEPT_VERSIONS + 1
    for version in kept:
        model_store.load(version)


def refuse_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no challenger pass, whatever it scores."""
    choose = selection.choose

    def refusing(*args: Any, **kwargs: Any) -> selection.Choice:
        return replace(choose(*args, **kwargs), promote=False)

    monkeypatch.setattr(selection, "choose", refusing)


def test_a_version_that_was_cleared_away_meanwhile_leaves_the_live_one_live(
    live: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    casts.publish("v2", live=False)

    def cleared(version: str) -> None:
        ModelVersion.objects.filter(version=version).delete()

    monkeypatch.setattr(model_store, "load", cleared)
    with pytest.raises(ModelVersion.DoesNotExist):
        versions.activate("v2")
    assert ModelVersion.objects.get(is_live=True).version == live


def test_a_trainer_that_lost_its_lease_publishes_but_does_not_go_live(
    live: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = selection.choose

    def slow(*args: Any, **kwargs: Any) -> selection.Choice:
        monkeypatch.setattr(Hold, "valid", False)
        return choose(*args, **kwargs)

    monkeypatch.setattr(selection, "choose", slow)
    outcome = retrain()

    assert (outcome.status, "lease ran out" in outcome.reason) == ("refused", True)
    assert ModelVersion.objects.get(is_live=True).version == live


def test_a_corrected_genre_and_another_algorithm_are_changes(town: None, settings: Any) -> None:
    retrain()
    Song.objects.filter(song_id="r1").update(genre="Folk")
    assert retrain(only_if_changed=True).version is not None
    assert retrain(only_if_changed=True).status == "unchanged"

    settings.MODEL_ALGORITHM = "svd"
    assert retrain(only_if_changed=True).algorithm == "svd"


def test_what_decided_is_kept_with_the_training_also_where_it_refused(town: None) -> None:
    live = retrain(algorithm="local_ridge")
    refused = TrainingRun.objects.get(
        model_version__version=retrain(algorithm="popularity").version
    )

    decided = refused.metrics["promotion"]
    [guard] = decided["guards"]
    assert refused.status == TrainingRun.Status.REFUSED
    assert (guard["against"], guard["algorithm"], guard["passed"]) == ("live", "local_ridge", False)
    assert guard["interval"][0] <= guard["delta"] <= guard["interval"][1]
    assert decided["underpowered"] is True
    assert "against live local_ridge" in refused.reason
    assert live.metrics is not None
    assert [each["against"] for each in live.metrics["promotion"]["guards"]] == ["popularity"]


def test_recipes_that_went_live_are_held_against_the_next_challenger(
    town: None, settings: Any
) -> None:
    retrain(algorithm="local_ridge")
    settings.MODEL_ALGORITHM = "popularity"
    retrain()
    settings.MODEL_ALGORITHM = "auto"

    outcome = retrain()

    assert outcome.metrics is not None
    guards = {each["against"]: each for each in outcome.metrics["promotion"]["guards"]}
    assert guards["live"]["algorithm"] == "popularity"
    assert guards["best of the last"]["algorithm"] == "local_ridge"


def test_an_algorithm_asked_for_by_hand_is_refused_where_the_live_one_does_better(
    town: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = retrain(algorithm="local_ridge")

    outcome = retrain(algorithm="popularity")

    assert outcome.status == "refused"
    assert ModelVersion.objects.get(is_live=True).version == live.version


def test_what_a_killed_trainer_left_in_the_store_is_swept_away(town: None, model_dir: Path) -> None:
    (model_dir / ".20260101T000000-1-abc").mkdir(parents=True)

    outcome = retrain()

    assert [path.name for path in model_dir.iterdir()] == [outcome.version]


def test_ctrl_c_ends_a_training_in_one_line(
    live: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(selection, "choose", interrupted)
    with pytest.raises(SystemExit) as ended:
        call_command("retrain")

    assert ended.value.code == 130
    [said] = capsys.readouterr().err.splitlines()
    assert "the live model serves on" in said
    assert "kept for the next" in said
    assert TrainingRun.objects.latest("pk").status == TrainingRun.Status.FAILED


def test_an_older_version_can_be_made_live_again(town: None) -> None:
    first, second = retrain().version, retrain().version
    assert second is not None
    out = StringIO()
    call_command("models", activate=first, stdout=out)

    assert recommend_for("rocker0", Wanted())["model"]["version"] == first
    assert out.getvalue().splitlines()[1].startswith("live")


def test_a_broken_or_unknown_version_is_not_made_live(live: str, model_dir: object) -> None:
    casts.publish("v2", live=False)
    model_store.remove("v2")

    with pytest.raises(CommandError, match="not made live"):
        call_command("models", activate="v2")
    with pytest.raises(CommandError, match="no version v3"):
        call_command("models", activate="v3")
    assert ModelVersion.objects.get(is_live=True).version == live


def test_the_command_prints_what_scripts_read(town: None) -> None:
    out = StringIO()
    call_command("retrain", json=True, stdout=out)

    printed = json.loads(out.getvalue())
    assert printed.keys() >= {"version", "algorithm", "metrics", "seconds", "live", "reason"}
    assert printed["live"] is True


def test_recommend_prints_what_the_api_answers(live: str) -> None:
    out = StringIO()
    call_command("recommend", "rocker0", json=True, stdout=out)
    answer = json.loads(out.getvalue())
    words = StringIO()
    call_command("recommend", "rocker0", stdout=words)

    assert answer["results"] == recommend_for("rocker0", Wanted())["results"]
    assert "Rock r1 by Band True" in words.getvalue()


def test_recommend_takes_the_novelty_that_the_api_takes(live: str) -> None:
    out = StringIO()
    call_command("recommend", "rocker0", "--novelty", "-.5", "--json", stdout=out)

    assert json.loads(out.getvalue())["novelty"] == -0.5
    with pytest.raises(CommandError, match=r"'2' must be a number from -1 to 1"):
        call_command("recommend", "rocker0", "--novelty", "2")
