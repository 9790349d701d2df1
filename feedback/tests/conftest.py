"""The fixture that runs a test along both ways of a like."""

from collections.abc import Iterator
from typing import Any

import pytest

from feedback.tests.paths import EmbeddedPath, KafkaPath, Path
from recommendations.models import Song


@pytest.fixture
def songs(db: Any) -> None:
    """A catalogue of the songs a, b and c."""
    Song.objects.bulk_create(Song(song_id=name, title=name) for name in "abc")


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def path(request: pytest.FixtureRequest, songs: None) -> Iterator[Path]:
    """A way for likes to take, with the songs a, b and c at its end."""
    if request.param == "kafka":
        request.getfixturevalue("likes_topic")
    made: Path = KafkaPath() if request.param == "kafka" else EmbeddedPath()
    yield made
    made.close()
