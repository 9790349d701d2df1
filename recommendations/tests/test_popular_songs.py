"""The most liked songs, counted in the profiles where no model can tell them."""

import socket

import pytest
from django.core.cache import cache
from django.test import override_settings

from recommendations import popular_songs
from recommendations.serving import Wanted, recommend_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_without_a_model_and_with_redis_away_there_are_popular_songs(
    town: None, closed_port: int
) -> None:
    away = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://127.0.0.1:{closed_port}/0",
    }
    with override_settings(CACHES={"default": away}):
        answer = recommend_for("nobody", Wanted(limit=1))

    assert [result["song"]["song_id"] for result in answer["results"]] == ["r3"]


def test_a_redis_that_goes_away_in_between_costs_no_answer(
    town: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(cache, "set", away)

    songs = popular_songs.without_model(None, None, ())

    assert next(songs)[0]["song_id"] == "r3"
