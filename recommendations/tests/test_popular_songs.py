"""The most liked songs, counted in the profiles where no model can tell them."""

import socket
from typing import Any

import pytest
from django.core.cache import cache
from django.test import override_settings

from recommendations.models import Song
from recommendations.serving import popular_songs
from recommendations.serving.answers import popular, recommend_for
from recommendations.serving.ordering import Wanted
from recommendations.serving.similar import similar_songs
from recommendations.serving.song_info import songs_by_id
from recommendations.tests import casts

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


@pytest.fixture
def big_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the catalogue had far more songs than are counted: here, two."""
    monkeypatch.setattr(popular_songs, "COUNTED_SONGS", 2)


def ids(answer: dict[str, Any]) -> list[str]:
    return [result["song"]["song_id"] for result in answer["results"]]


def test_a_filter_finds_songs_below_the_most_liked_ones(town: None, big_catalogue: None) -> None:
    # The most liked are r3 and r4, neither of them by this band or of this genre.
    assert ids(popular(Wanted(artist="BAND TRUE"))) == ["r1", "r2"]
    assert ids(popular(Wanted(genre="blues"))) == ["j1", "j2"]


def test_of_several_genres_each_is_counted_once_however_they_are_combined(
    town: None, big_catalogue: None, django_assert_num_queries: Any
) -> None:
    for n in range(3):
        casts.judge(f"fan{n}", {"j1": 1})
    # Nine like j1 and eight r3, more than any other song of either genre.
    assert ids(popular(Wanted(genre="rock|jazz"))) == ["j1", "r3"]

    # The state, listeners and likes of a name that no song has, and the songs.
    with django_assert_num_queries(4):
        assert ids(popular(Wanted(genre="Jazz|nobody's|ROCK"))) == ["j1", "r3"]
    assert ids(popular(Wanted(genre="|"))) == []


def test_a_new_song_has_the_songs_of_its_artist_in_a_big_catalogue(
    live: str, big_catalogue: None
) -> None:
    Song.objects.create(song_id="r5", title="New", artist="band true", genre="")

    answer = similar_songs(songs_by_id(["r5"])["r5"], 10)

    assert answer["strategy"] == "same_artist_or_genre"
    assert ids(answer) == ["r1", "r2"]


def test_the_list_is_as_long_whatever_is_left_out(town: None, big_catalogue: None) -> None:
    casts.judge("fan", dict.fromkeys(casts.ROCK, 1))

    assert len(ids(recommend_for("fan", Wanted(exclude=("j1",))))) >= 2


def test_songs_are_read_as_far_as_they_are_taken(
    town: None, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(popular_songs, "SONGS_A_READ", 2)
    songs = popular_songs.without_model(None, None, ())

    # The count of listeners, the count of likes, two reads of two songs each.
    with django_assert_num_queries(4):
        taken = [next(songs)[0]["song_id"] for _ in range(3)]

    assert taken == ["r3", "r4", "r1"]
