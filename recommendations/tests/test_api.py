"""The reading routes of the API over HTTP."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from access import listener_tokens, service_keys
from recommendations.models import ModelVersion, Song
from recommendations.serving.answers import recommend_for
from recommendations.serving.ordering import Wanted
from recommendations.tests import casts

pytestmark = pytest.mark.django_db

NO_NOVELTY = ["", "x", "1.01", "-1.01", "nan", "inf", "-inf", "0_1", "٠", f"0.{'0' * 40}1", "0,5"]


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


@pytest.fixture
def service(client: Client) -> Client:
    """A program that may ask for any listener."""
    return Client(headers=bearer(service_keys.issue("shop")))


@pytest.fixture
def operator(client: Client) -> Client:
    """A program that may also change models."""
    return Client(headers=bearer(service_keys.issue("ops", ["operate"])))


def get(client: Client, address: str, status: int = 200) -> Any:
    answer = client.get(address)
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_listener_gets_the_list_that_the_engine_makes(live: str) -> None:
    client = Client(headers=bearer(listener_tokens.issue("rocker0", 60)))

    answer = get(client, "/api/v1/users/rocker0/recommendations?limit=2&genre=rock")

    expected = recommend_for("rocker0", Wanted(limit=2, genre="rock"))
    assert answer.pop("generated_at")
    assert expected.pop("generated_at")
    assert answer == expected


def test_an_unknown_user_gets_popular_songs_and_has_no_profile(live: str, service: Client) -> None:
    assert get(service, "/api/v1/users/nobody/recommendations")["strategy"] == "popular"
    get(service, "/api/v1/users/nobody/likes", status=404)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=abc", "limit"),
        ("limit=1000000000", "limit"),
        ("limit=1&limit=2", "limit"),
        ("max_per_artist=0", "max_per_artist"),
        ("novelty=0&novelty=1", "novelty"),
        ("limt=3", "limt"),
        ("genre=a%00b", "genre"),
        (f"genre={'|'.join(['rock'] * 21)}", "genre"),
        (f"exclude={'x' * 65}", "exclude"),
        (f"exclude=r1,{'x' * 65}", "exclude"),
    ],
)
def test_a_wrong_parameter_is_named(live: str, service: Client, query: str, field: str) -> None:
    answer = get(service, f"/api/v1/users/rocker0/recommendations?{query}", status=400)

    assert field in str(answer["errors"])


def test_songs_to_leave_out_are_listed_with_commas_however_long_the_list_is(
    live: str, service: Client
) -> None:
    Song.objects.create(song_id="a,b", title="Comma", artist="A", genre="Rock")
    casts.judge("fan", {"a,b": 1})
    casts.publish("v2")
    long_list = ",".join(["a,b", *casts.ROCK, *(f"no-such-song-{n}" for n in range(20))])
    address = "/api/v1/users/nobody/recommendations?genre=rock&exclude="

    assert get(service, address + long_list)["results"][0]["song"]["song_id"] == "a,b"
    rest = get(service, f"{address}a,b&exclude={','.join(casts.ROCK)}")["results"]
    assert rest == []


def test_all_wrong_parameters_are_named_at_once(live: str, service: Client) -> None:
    answer = get(
        service, "/api/v1/users/rocker0/recommendations?limit=x&max_per_artist=y", status=400
    )

    assert len(answer["errors"]) == 2


def post(client: Client, body: Any, status: int = 200) -> Any:
    answer = client.post("/api/v1/recommendations", body, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def test_posted_likes_get_a_personal_list_and_numbers_count_as_ids(
    live: str, service: Client
) -> None:
    answer = post(service, {"likes": ["r2", "r3", 7], "dislikes": ["j1"], "limit": 3})

    assert answer["user_id"] is None
    assert answer["strategy"] == "personalised"
    assert "j1" not in {result["song"]["song_id"] for result in answer["results"]}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"likes": "r1"},
        {"likes": [True]},
        {"likes": [1.5]},
        {"likes": [{}]},
        {"likes": ["x"] * 1_001},
        {"likes": ["a\0b"]},
        {"dislikes": ["a\nb"]},
        {"exclude": [""]},
        {"artist": "a\0b"},
        {"unknown": 1},
        {"limit": "3"},
        {"limit": True},
        {"genre": 3},
        {"novelty": "0.5"},
        {"novelty": True},
        {"novelty": None},
        {"novelty": 1.01},
        {"novelty": -2},
        {"novelty": 10**19},
    ],
)
def test_a_wrong_body_is_refused_with_its_field(live: str, service: Client, body: Any) -> None:
    assert post(service, body, status=400)["errors"]


@pytest.mark.parametrize("wrong", NO_NOVELTY)
def test_a_novelty_that_is_none_is_told_its_range(live: str, service: Client, wrong: str) -> None:
    answer = get(service, f"/api/v1/users/rocker0/recommendations?novelty={wrong}", status=400)

    detail = "must be a number from -1 to 1"
    assert answer["errors"] == [{"field": "novelty", "code": "invalid", "detail": detail}]


@pytest.mark.parametrize(("text", "novelty"), [("-1", -1), ("0", 0), (".5", 0.5), ("1", 1)])
def test_every_list_takes_a_novelty_and_names_it(
    live: str, service: Client, text: str, novelty: float
) -> None:
    posted = post(service, {"likes": ["r2"], "novelty": novelty})

    assert posted["novelty"] == novelty
    for address in ("users/rocker0/recommendations", "songs/popular"):
        assert get(service, f"/api/v1/{address}?novelty={text}")["novelty"] == novelty


def test_the_profile_comes_newest_first_in_pages(live: str, service: Client) -> None:
    for n, song in enumerate(casts.ROCK):
        casts.judge("1", {song: 1 if n else -1}, at=1_700_000_000_000_000 + n)
    first = get(service, "/api/v1/users/1/likes?limit=3")
    parts = urlsplit(first["next"])
    second = get(service, f"{parts.path}?{parts.query}")

    pages = first["results"] + second["results"]
    assert [row["song"]["song_id"] for row in pages] == ["r4", "r3", "r2", "r1"]
    assert [row["action"] for row in pages] == ["like", "like", "like", "dislike"]
    assert pages[0]["updated_at"] == "2023-11-14T22:13:20.000003Z"
    assert second["next"] is None


def test_a_withdrawn_like_is_not_in_the_profile(live: str, service: Client) -> None:
    casts.judge("1", {"r1": 1}, at=1)
    casts.judge("1", {"r1": 0}, at=2)

    assert get(service, "/api/v1/users/1/likes")["results"] == []


@pytest.mark.parametrize("cursor", ["abc", "%00", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "x" * 999])
def test_a_cursor_that_is_not_ours_is_refused(live: str, service: Client, cursor: str) -> None:
    get(service, f"/api/v1/users/rocker0/likes?cursor={cursor}", status=400)


def test_songs_are_searched_filtered_and_paged(live: str, service: Client) -> None:
    found = get(service, "/api/v1/songs?search=ROCK")["results"]
    blues = get(service, "/api/v1/songs?genre=blues&limit=3")
    parts = urlsplit(blues["next"])
    rest = get(service, f"{parts.path}?{parts.query}")

    assert [song["song_id"] for song in found] == casts.ROCK
    assert [song["song_id"] for song in blues["results"] + rest["results"]] == casts.JAZZ
    assert get(service, "/api/v1/songs?artist=band%20true")["results"] == found[:2]
    assert get(service, "/api/v1/songs?genre=lue")["results"] == []


def test_songs_of_several_genres_are_paged_as_of_one(live: str, service: Client) -> None:
    first = get(service, f"/api/v1/songs?genre=rock%7CBlues{'%7Cx' * 18}&limit=6")
    parts = urlsplit(first["next"])
    rest = get(service, f"{parts.path}?{parts.query}")

    listed = [song["song_id"] for song in first["results"] + rest["results"]]
    assert (listed, rest["next"]) == ([*casts.ROCK, *casts.JAZZ], None)
    get(service, f"/api/v1/songs?genre=rock{'%7Cx' * 20}", status=400)


def test_a_song_is_found_by_its_id(live: str, service: Client) -> None:
    song = {"song_id": "r1", "title": "Rock r1", "artist": "Band True", "genre": "Rock"}

    assert get(service, "/api/v1/songs/r1") == song
    get(service, "/api/v1/songs/unknown", status=404)


@pytest.mark.parametrize("wrong", ["a%00b", "%0A", "x" * 65, "%ED%A0%80%00"])
@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/users/{}/recommendations",
        "/api/v1/users/{}/likes",
        "/api/v1/users/{}/similar-users",
        "/api/v1/songs/{}",
        "/api/v1/songs/{}/similar",
        "/recommend/{}",
    ],
)
def test_what_cannot_be_an_id_is_not_there(service: Client, address: str, wrong: str) -> None:
    assert get(service, address.format(wrong), status=404)["code"] == "not_found"


def test_a_version_that_cannot_be_one_is_not_there(operator: Client) -> None:
    assert operator.post("/api/v1/models/a%00b/activate").status_code == 404


def test_similar_songs_are_those_that_the_same_listeners_like(live: str, service: Client) -> None:
    answer = get(service, "/api/v1/songs/r1/similar?limit=3")

    assert answer["strategy"] == "similar"
    assert {result["song"]["song_id"] for result in answer["results"]} == {"r2", "r3", "r4"}


def test_a_song_that_no_one_likes_has_its_artists_songs_as_similar(
    live: str, service: Client
) -> None:
    answer = get(service, "/api/v1/songs/new/similar")

    assert answer["strategy"] == "same_artist_or_genre"
    assert {result["song"]["song_id"] for result in answer["results"]} == set(casts.JAZZ)


def test_popular_songs_take_the_same_filters(live: str, service: Client) -> None:
    answer = get(service, "/api/v1/songs/popular?genre=jazz&limit=2")

    assert [result["song"]["song_id"] for result in answer["results"]] == ["j1", "j2"]


def test_neighbours_are_ranked_by_the_cosine_of_likes(live: str, service: Client) -> None:
    answer = get(service, "/api/v1/users/rocker0/similar-users?limit=3")

    # rocker4 and rocker8 like the same three songs; any other rocker shares two of three.
    assert [(r["user_id"], r["common_likes"]) for r in answer["results"]] == [
        ("rocker4", 3),
        ("rocker8", 3),
        ("rocker1", 2),
    ]
    assert answer["results"][0]["similarity"] == pytest.approx(1)
    get(service, "/api/v1/users/nobody/similar-users", status=404)


def test_a_listener_may_not_ask_who_the_others_are(live: str) -> None:
    client = Client(headers=bearer(listener_tokens.issue("rocker0", 60)))

    get(client, "/api/v1/users/rocker0/similar-users", status=404)


def test_operators_list_and_activate_models(live: str, operator: Client, model_dir: Any) -> None:
    casts.publish("v2")
    listed = get(operator, "/api/v1/models?limit=1")
    answer = operator.post("/api/v1/models/v1/activate")

    assert [row["version"] for row in listed["results"]] == ["v2"]
    assert listed["next"]
    assert answer.json()["live"] is True
    assert ModelVersion.objects.get(is_live=True).version == "v1"
    assert operator.post("/api/v1/models/none/activate").status_code == 404
    (model_dir / "v2" / "manifest.json").unlink()
    assert operator.post("/api/v1/models/v2/activate").status_code == 409


def test_models_are_for_operators_only(live: str, service: Client) -> None:
    get(service, "/api/v1/models", status=403)
    assert service.post("/api/v1/models/retrain").status_code == 403
    assert service.post("/api/v1/models/v1/activate").status_code == 403


def test_the_seeds_route_gives_plain_integer_ids_as_numbers(
    live: str, client: Client, settings: Any
) -> None:
    settings.SEED_ROUTES_OPEN = True
    Song.objects.create(song_id="7", title="Seven", artist="A", genre="")
    for n in range(12):
        casts.judge(f"fan{n}", {"7": 1})
    casts.publish("v2")

    answer = get(client, "/recommend/12345")

    assert answer["recommended_song_id"] == 7
    assert answer["song_info"] == {"song_id": 7, "title": "Seven", "artist": "A", "genre": ""}
    assert 0 <= answer["predicted_like_score"] <= 1


def test_the_seeds_route_keeps_other_ids_as_strings(
    live: str, client: Client, settings: Any
) -> None:
    settings.SEED_ROUTES_OPEN = True

    assert get(client, "/recommend/rocker0")["recommended_song_id"] == "r1"


def test_with_nothing_left_to_recommend_the_seeds_route_says_so(
    client: Client, settings: Any
) -> None:
    settings.SEED_ROUTES_OPEN = True

    get(client, "/recommend/1", status=404)
