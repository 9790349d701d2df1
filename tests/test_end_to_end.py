"""From CSV files to a changed recommendation over HTTP, every part a process of its own."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.installation import ROOT, Installation, Web
from tests.kafka.broker import Broker

FIXTURES = ROOT / "fixtures"
LISTENER = "101"


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def here(
    request: pytest.FixtureRequest, installations: Callable[..., Installation], trained: Path
) -> Installation:
    """Loaded from CSV and trained by the commands; here with the processes of its transport."""
    environment: dict[str, str] = {}
    if request.param == "kafka":
        environment["KAFKA_BOOTSTRAP_SERVERS"] = request.getfixturevalue("kafka_broker").address
        # A topic and group of the test's own: the broker is that of all tests.
        own = f"end-to-end-{uuid.uuid4().hex}"
        environment |= {"LIKES_TOPIC": own, "LIKES_GROUP": own}
    here = installations(trained, SEED_ROUTES_OPEN="1", **environment)
    here.start("consumer", "consume_likes")
    if request.param == "kafka":
        here.start("relay", "relay_likes")
    return here


@pytest.mark.kafka
@pytest.mark.redis
@pytest.mark.postgres
def test_the_same_on_servers_with_nothing_but_three_addresses_set(
    installations: Callable[..., Installation],
    kafka_broker: Broker,
    redis_url: str,
    postgres_url: str,
) -> None:
    own = f"servers-{uuid.uuid4().hex}"
    here = installations(
        DATABASE_URL=postgres_url,
        REDIS_URL=redis_url,
        KAFKA_BOOTSTRAP_SERVERS=kafka_broker.address,
        SECRET_KEY=own * 2,
        LIKES_TOPIC=own,
        LIKES_GROUP=own,
        RETRAIN_INTERVAL_SECONDS="2",
        # A listener who asks all the while may ask so often only.
        TRAINING_BUDGET_SECONDS="10",
    )
    here.manage("migrate", "--verbosity", "0")
    songs, likes = FIXTURES / "songs.csv", FIXTURES / "interactions.csv"
    here.manage("loadcsv", "--songs", str(songs), "--interactions", str(likes))
    here.start_module("worker", "celery", "-A", "musicrec", "worker", "--concurrency", "1")
    here.start_module("beat", "celery", "-A", "musicrec", "beat")
    here.start("consumer", "consume_likes")
    here.start("relay", "relay_likes")
    web = here.start_web().as_caller(here.manage("issue_token", "--listener", LISTENER))
    here.wait_for(
        lambda: recommended(web)["strategy"] == "personalised", "the worker's first model"
    )
    song = ids(recommended(web))[0]

    status, _ = web.call("PUT", f"/api/v1/users/{LISTENER}/likes/{song}", {"action": "like"})

    assert status == 202
    here.wait_for(lambda: profile(web).get(song) == "like", "the like to reach the profile")
    assert song not in ids(recommended(web))


def recommended(web: Web) -> dict[str, Any]:
    status, answer = web.call("GET", f"/api/v1/users/{LISTENER}/recommendations?limit=10")
    assert status == 200
    return dict(answer)


def ids(answer: dict[str, Any]) -> list[str]:
    return [result["song"]["song_id"] for result in answer["results"]]


def profile(web: Web) -> dict[str, str]:
    _, answer = web.call("GET", f"/api/v1/users/{LISTENER}/likes?limit=100")
    return {row["song"]["song_id"]: row["action"] for row in answer["results"]}


def test_a_like_over_http_changes_the_next_recommendations_and_an_unlike_brings_them_back(
    here: Installation,
) -> None:
    web = here.start_web().as_caller(here.manage("issue_token", "--listener", LISTENER))
    before = recommended(web)
    song = ids(before)[0]
    assert before["strategy"] == "personalised"
    assert before["results"][0]["reasons"]

    status, answer = web.call("PUT", f"/api/v1/users/{LISTENER}/likes/{song}", {"action": "like"})
    assert (status, answer["status"]) == (202, "accepted")
    here.wait_for(lambda: profile(web).get(song) == "like", "the like to reach the profile")
    after = recommended(web)
    assert song not in ids(after)
    assert [r["score"] for r in after["results"]] != [r["score"] for r in before["results"][1:]]
    assert after["model"] == before["model"]

    status, _ = web.call("DELETE", f"/api/v1/users/{LISTENER}/likes/{song}")
    assert status == 202
    here.wait_for(lambda: song not in profile(web), "the like to be withdrawn")
    assert recommended(web)["results"] == before["results"]


def test_the_seeds_clients_ask_and_like_as_they_always_did(here: Installation) -> None:
    web = here.start_web()
    status, answer = web.call("GET", f"/recommend/{LISTENER}")
    song = answer["recommended_song_id"]
    assert status == 200
    assert isinstance(song, int)
    assert 0 <= answer["predicted_like_score"] <= 1
    assert answer["song_info"].keys() == {"song_id", "title", "artist", "genre"}

    status, answer = web.call("POST", "/like", {"user_id": int(LISTENER), "song_id": song})
    assert (status, answer["status"]) == (200, "ok")
    here.wait_for(
        lambda: web.call("GET", f"/recommend/{LISTENER}")[1]["recommended_song_id"] != song,
        "the song to leave the recommendations",
    )


def test_a_batch_is_applied_and_its_bad_rows_are_named(here: Installation) -> None:
    web = here.start_web().as_caller(here.manage("issue_token", "--service", "tests"))
    rows = [
        {"user_id": LISTENER, "song_id": "1", "action": "like"},
        {"user_id": LISTENER, "song_id": "no such song", "action": "like"},
        {"user_id": LISTENER, "song_id": "2", "action": "adore"},
        {"user_id": LISTENER, "song_id": "3", "action": "dislike"},
    ]

    status, answer = web.call("POST", "/api/v1/feedback", rows)

    assert (status, answer["accepted"], answer["rejected"]) == (202, 2, 2)
    assert [row["index"] for row in answer["results"]] == [0, 1, 2, 3]
    here.wait_for(
        lambda: (profile(web).get("1"), profile(web).get("3")) == ("like", "dislike"),
        "both good rows to be applied",
    )
