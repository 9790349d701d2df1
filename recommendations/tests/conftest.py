"""Fixtures of the recommendations' tests: a model store of their own, and the cast."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache

from recommendations.serving import answers as serving
from recommendations.serving import similar
from recommendations.serving.live_model import LiveModel
from recommendations.tests import casts


@pytest.fixture(autouse=True)
def model_dir(tmp_path: Path, settings: object) -> Path:
    """A model store that is empty at the start of each test."""
    folder = tmp_path / "models"
    settings.MODEL_DIR = folder  # type: ignore[attr-defined]
    return folder


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveModel]:
    """A process that has served nothing yet."""
    live = LiveModel()
    monkeypatch.setattr(serving, "live_model", live)
    monkeypatch.setattr(similar, "live_model", live)
    cache.clear()
    yield live
    cache.clear()


@pytest.fixture
def town(db: None) -> None:
    """Songs and listeners of two tastes; no model yet."""
    casts.make_songs()
    casts.make_listeners()


@pytest.fixture
def live(town: None) -> str:
    """The town with a live model; the version's name."""
    return casts.publish("v1").version
