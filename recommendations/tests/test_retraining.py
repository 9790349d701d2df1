"""A retraining, from the database to the live version."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from recommendations import model_store, retraining
from recommendations.leases import lease
from recommendations.models import Lease, ModelVersion, TrainingRun
from recommendations.retraining import retrain
from recommendations.serving import Wanted, recommend_for
from recommendations.tests import casts

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


def test_unchanged_data_are_not_trained_on_again(town: None) -> None:
    retrain()

    assert retrain(only_if_changed=True).status == "unchanged"
    casts.judge("rocker0", {"r1": 1})
    assert retrain(only_if_changed=True).version is not None
    assert TrainingRun.objects.count() == 2


def test_while_one_trains_another_does_not(town: None) -> None:
    with lease(retraining.LEASE, renew=False):
        assert retrain().status == "skipped"
    assert TrainingRun.objects.count() == 0


def test_the_lease_of_a_trainer_that_died_here_does_not_stop_the_next(town: None) -> None:
    import socket
    from datetime import UTC, datetime, timedelta

    Lease.objects.create(
        name=retraining.LEASE,
        holder=f"{socket.gethostname()[:64]}:{2**22 + 1}:dead",  # above the largest process id
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


def test_old_versions_are_cleared_away_but_never_the_live_one(town: None) -> None:
    first = retrain().version
    assert first is not None
    versions = [first]
    for _ in range(retraining.KEPT_VERSIONS + 1):
        ModelVersion.objects.update(is_live=False)
        ModelVersion.objects.filter(version=first).update(is_live=True)
        versions.append(retrain().version or "")

    kept = set(ModelVersion.objects.values_list("version", flat=True))
    assert versions[-1] in kept
    assert ModelVersion.objects.filter(is_live=True).exists()
    for version in kept:
        model_store.load(version)
    assert len(kept) <= retraining.KEPT_VERSIONS + 1


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
