"""Over HTTP: what users get of whom little is known, and who gets songs that nobody has liked."""

from typing import Any

import pytest
from django.test import Client

from access import service_keys
from recommendations.engine.algorithms import ALGORITHMS
from recommendations.engine.model import Parameters, Recipe
from recommendations.models import Song
from recommendations.tests import casts
from recommendations.tests.engine.worlds import fans
from recommendations.training.retraining import retrain

pytestmark = pytest.mark.django_db

SMALL: dict[str, Parameters] = {
    "svd": {"epochs": 30, "factors": 4, "negatives": 0},
    "ials": {"factors": 4},
    "blend": {"parts": [["local_ridge", {}, 1.0], ["ials", {"factors": 4}, 0.5]]},
}
# The second of the songs of artist 3, of genre 0; nobody judges it.
NEW = 16


@pytest.fixture
def service(client: Client) -> Client:
    """A program that may ask for any listener."""
    return Client(headers={"Authorization": f"Bearer {service_keys.issue('shop')}"})


def get(client: Client, address: str) -> Any:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(answer: Any) -> list[str]:
    return [result["song"]["song_id"] for result in answer["results"]]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_like_gets_a_list_of_ones_own(town: None, service: Client, algorithm: str) -> None:
    for n in range(10):  # of likes alone judged_knn and svd learn too little
        casts.judge(f"rocker{n}", {casts.JAZZ[n % 4]: -1})
    for n in range(8):
        casts.judge(f"jazzer{n}", {casts.ROCK[n % 4]: -1})
    casts.publish("v1", Recipe(algorithm, SMALL.get(algorithm, {})))
    casts.judge("newcomer", {"j1": 1})

    answer = get(service, "/api/v1/users/newcomer/recommendations?limit=8")
    others = get(service, "/api/v1/users/nobody/recommendations?limit=9")

    assert others["strategy"] == "popular"
    assert "j1" not in ids(answer)
    if algorithm == "popularity":
        assert answer["strategy"] == "popular"
        return
    assert answer["strategy"] == "personalised"
    popular_rest = [song for song in ids(others) if song != "j1"]
    own, shared = (
        sum(each.index(song) for song in casts.JAZZ[1:]) for each in (ids(answer), popular_rest)
    )
    assert own < shared
    named = {reason["song_id"] for result in answer["results"] for reason in result["reasons"]}
    assert named == {"j1"}


@pytest.mark.parametrize("trained", [True, False])
def test_whoever_likes_nothing_gets_popular_songs_of_the_genres_asked_for(
    town: None, service: Client, trained: bool
) -> None:
    if trained:
        casts.publish("v1")
    Song.objects.create(song_id="f1", title="Folk", artist="", genre="Folk")
    casts.judge("folk", {"f1": 1, "j1": 1})
    if trained:
        casts.publish("v2")

    for address in ("/api/v1/users/nobody/recommendations", "/api/v1/songs/popular"):
        several = get(service, f"{address}?genre=folk|Blues")
        one = get(service, f"{address}?genre=jazz&limit=3")
        none = get(service, f"{address}?genre=polka")
        assert {answer["strategy"] for answer in (several, one, none)} == {"popular"}
        assert ids(several) == ["j1", "j2", "j3", "j4", "f1"]
        assert ids(one) == ["j1", "j2", "j3"]
        assert ids(none) == []


def make_fans() -> None:
    """Artists with five songs each, who have fans, into the database."""
    world = fans(users=100)
    traits = world.traits
    assert traits is not None
    Song.objects.bulk_create(
        Song(
            song_id=f"s{song}",
            title=f"Song {song}",
            artist=f"Artist {traits.artists[song]}",
            genre=f"Genre {traits.genres[[song]].indices[0]}",
        )
        for song in range(world.n_songs)
    )
    for user in range(world.n_users):
        mine = (world.users == user) & (world.songs != NEW)
        said = zip(world.songs[mine].tolist(), world.values[mine].tolist(), strict=True)
        casts.judge(f"u{user}", {f"s{song}": value for song, value in said})


def test_a_song_that_nobody_has_liked_is_recommended_to_fans_of_its_artist_with_a_true_reason(
    service: Client,
) -> None:
    make_fans()
    casts.judge("fan", {"s15": 1, "s17": 1, "s18": 1, "s0": 1})

    outcome = retrain(algorithm="item_knn")

    assert outcome.status == "live"
    assert outcome.parameters is not None
    assert outcome.parameters["rare"] > 0
    answer = get(service, "/api/v1/users/fan/recommendations?limit=10")
    [new] = [result for result in answer["results"] if result["song"]["song_id"] == f"s{NEW}"]
    assert answer["strategy"] == "personalised"
    assert new["reasons"][0]["song_id"] in ("s15", "s17", "s18")
    for reason in new["reasons"]:
        rest = [song for song in ("s15", "s17", "s18", "s0") if song != reason["song_id"]]
        body = {"likes": rest, "limit": 100}
        again = service.post("/api/v1/recommendations", body, "application/json").json()["results"]
        [after] = [each["score"] for each in again if each["song"]["song_id"] == f"s{NEW}"]
        assert new["score"] - after == pytest.approx(reason["drop"], abs=1e-4)


def test_whoever_likes_nothing_but_a_new_song_gets_its_artists_songs(service: Client) -> None:
    make_fans()
    retrain(algorithm="item_knn")
    casts.judge("newcomer", {f"s{NEW}": 1})

    answer = get(service, "/api/v1/users/newcomer/recommendations?limit=4")

    assert answer["strategy"] == "personalised"
    assert set(ids(answer)) == {"s15", "s17", "s18", "s19"}
    assert all(result["reasons"][0]["song_id"] == f"s{NEW}" for result in answer["results"])
