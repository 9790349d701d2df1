"""Which model a process serves: the live one, whole, or the last one that was."""

from pathlib import Path

import pytest

from recommendations.serving.live_model import LiveModel
from recommendations.tests import casts

pytestmark = pytest.mark.django_db


def break_version(model_dir: Path, version: str) -> None:
    (model_dir / version / "manifest.json").write_text("{")


def test_there_is_none_before_the_first_training() -> None:
    assert LiveModel().at(None) is None


def test_another_live_version_is_served_from_the_next_request_on(town: None) -> None:
    live = LiveModel()
    casts.publish("v1")
    first = live.at("v1")
    casts.publish("v2")
    second = live.at("v2")

    assert first is not None and first.version == "v1"
    assert second is not None and second.version == "v2"
    assert live.at("v2") is second


def test_a_broken_version_is_refused_and_the_one_before_serves_on(
    town: None, model_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    live = LiveModel()
    casts.publish("v1")
    first = live.at("v1")
    casts.publish("v2")
    break_version(model_dir, "v2")

    assert live.at("v2") is first
    assert "v2" in caplog.text


def test_a_process_that_starts_on_a_broken_version_serves_the_last_good_one(
    town: None, model_dir: Path
) -> None:
    casts.publish("v1")
    casts.publish("v2")
    break_version(model_dir, "v2")

    stored = LiveModel().at("v2")

    assert stored is not None and stored.version == "v1"


def test_with_no_readable_version_there_is_none(town: None, model_dir: Path) -> None:
    casts.publish("v1")
    break_version(model_dir, "v1")
    live = LiveModel()

    assert live.at("v1") is None
    assert live.at("v1") is None


def test_nobody_waits_for_a_load_while_there_is_a_model_to_serve(town: None) -> None:
    live = LiveModel()
    casts.publish("v1")
    first = live.at("v1")
    casts.publish("v2")

    with live._loading:  # another thread is loading v2 at this moment
        assert live.at("v2") is first
