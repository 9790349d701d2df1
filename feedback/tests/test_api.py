"""The routes that take likes: what is kept, what is refused and how, and for whom."""

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client

from access import listener_tokens, service_keys
from feedback.api import views
from feedback.models import OutboxEvent
from recommendations import forgotten
from recommendations.models import Song
from recommendations.profiles import Judgement, merge_judgements

pytestmark = pytest.mark.django_db

LIKE = "/api/v1/users/101/likes/3"


@pytest.fixture(autouse=True)
def _catalogue() -> None:
    cache.clear()
    Song.objects.bulk_create(Song(song_id=name, title=name) for name in ("3", "4", "x y"))


@pytest.fixture
def service() -> dict[str, str]:
    return {"authorization": f"Bearer {service_keys.issue('app')}"}


@pytest.fixture
def call(client: Client, service: dict[str, str]) -> Any:
    """Make a request with a service key (or other headers) and a JSON body."""

    def call(method: str, address: str, body: Any = None, **headers: str) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        return client.generic(
            method, address, content, "application/json", headers={**service, **headers}
        )

    return call


def kept() -> list[tuple[str, str, str]]:
    rows = OutboxEvent.objects.order_by("seq").values_list("payload", flat=True)
    events = [json.loads(bytes(row)) for row in rows]
    return [(event["user_id"], event["song_id"], event["action"]) for event in events]


def test_a_like_a_dislike_and_a_withdrawal_are_kept_in_their_order(call: Any) -> None:
    answers = [
        call("PUT", LIKE, {"action": "like"}),
        call("PUT", LIKE, {"action": "dislike"}),
        call("DELETE", LIKE),
    ]

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert kept() == [("101", "3", "like"), ("101", "3", "dislike"), ("101", "3", "unlike")]
    body = answers[0].json()
    assert body["status"] == "accepted"
    assert OutboxEvent.objects.filter(event_id=body["event_id"]).exists()


def test_ids_with_spaces_come_out_of_the_address_as_they_are(call: Any) -> None:
    assert call("PUT", "/api/v1/users/Zo%C3%AB/likes/x%20y", {"action": "like"}).status_code == 202
    assert kept() == [("Zoë", "x y", "like")]


def test_an_unknown_song_is_404_and_nothing_is_kept(call: Any) -> None:
    assert call("PUT", "/api/v1/users/101/likes/77", {"action": "like"}).status_code == 404
    assert call("DELETE", "/api/v1/users/101/likes/77").status_code == 404
    assert kept() == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"action"}),
        ({"action": "unlike"}, {"action"}),
        ({"action": 1}, {"action"}),
        ({"action": "like", "user_id": "102", "seq": 1}, {"user_id", "seq"}),
        ([], {"body"}),
        ("like", {"body"}),
        (None, {"body"}),
    ],
)
def test_a_bad_body_names_every_wrong_field(call: Any, body: Any, fields: set[str]) -> None:
    answer = call("PUT", LIKE, body)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    if body is not None:
        assert {error["field"] for error in answer.json()["errors"]} == fields
    assert kept() == []


@pytest.mark.parametrize("wrong", ["u" * 65, "a%00b", "a%0Ab", "%7F"])
def test_an_address_with_what_cannot_be_an_id_is_not_there(call: Any, wrong: str) -> None:
    for address in (f"/api/v1/users/{wrong}/likes/3", f"/api/v1/users/u/likes/{wrong}"):
        for method, body in (("PUT", {"action": "like"}), ("DELETE", None)):
            answer = call(method, address, body)
            assert answer.status_code == 404
            assert answer["Content-Type"] == "application/problem+json"


def test_the_same_idempotency_key_gets_the_first_answer(call: Any) -> None:
    first = call("PUT", LIKE, {"action": "like"}, **{"idempotency-key": "tap-1"})
    again = call("PUT", LIKE, {"action": "like"}, **{"idempotency-key": "tap-1"})

    assert again.json() == first.json()
    assert len(kept()) == 1


def test_an_idempotency_key_used_for_something_else_is_a_conflict(call: Any) -> None:
    call("PUT", LIKE, {"action": "like"}, **{"idempotency-key": "tap-1"})

    answer = call("DELETE", LIKE, **{"idempotency-key": "tap-1"})

    assert answer.status_code == 409
    assert answer.json()["code"] == "id_conflict"
    assert call("PUT", LIKE, {"action": "like"}, **{"idempotency-key": ""}).status_code == 400


def test_a_word_that_could_not_be_the_last_is_a_conflict_that_says_so(call: Any) -> None:
    merge_judgements([Judgement("1", "3", 1, 2**60, "00" * 16)])

    answer = call("PUT", "/api/v1/users/1/likes/3", {"action": "dislike"})

    assert answer.status_code == 409
    assert answer.json()["code"] == "held_ahead"
    assert "a day ahead" in answer.json()["detail"]
    row = {"user_id": "1", "song_id": "3", "action": "like"}
    [result] = call("POST", "/api/v1/feedback", [row]).json()["results"]
    assert "a day ahead" in result["errors"]["song_id"][0]
    assert kept() == []


def test_of_a_user_forgotten_up_to_a_time_ahead_nothing_is_kept_and_the_answer_says_why(
    call: Any,
) -> None:
    forgotten.mark("1", 2**60)

    answer = call("PUT", "/api/v1/users/1/likes/3", {"action": "like"})

    assert answer.status_code == 409
    assert answer.json()["code"] == "forgotten_ahead"
    assert "forgotten up to a time that lies ahead" in answer.json()["detail"]
    row = {"user_id": "1", "song_id": "3", "action": "like"}
    [result] = call("POST", "/api/v1/feedback", [row]).json()["results"]
    assert "counts again once" in result["errors"]["user_id"][0]
    assert kept() == []


def test_a_batch_keeps_its_good_rows_and_names_its_bad_ones(call: Any) -> None:
    rows = [
        {"user_id": "1", "song_id": "3", "action": "like", "event_id": "phone-7"},
        {"user_id": 1, "song_id": "", "action": "love", "mood": "good"},
        {"user_id": "1", "song_id": "77", "action": "like"},
        "like",
        {"user_id": "1", "song_id": "4", "action": "unlike", "occurred_at": "soon"},
        {
            "user_id": "1",
            "song_id": "4",
            "action": "dislike",
            "occurred_at": "2026-01-01T00:00:00Z",
        },
        {"user_id": "1", "song_id": "4", "action": "like", "event_id": "phone-7"},
    ]

    answer = call("POST", "/api/v1/feedback", rows)

    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["rejected"]) == (2, 5)
    assert [row["index"] for row in body["results"]] == list(range(7))
    errors = [set(row.get("errors", ())) for row in body["results"]]
    assert errors == [
        set(),
        {"user_id", "song_id", "action", "mood"},
        {"song_id"},
        {""},
        {"occurred_at"},
        set(),
        {"event_id"},
    ]
    assert kept() == [("1", "3", "like"), ("1", "4", "dislike")]


def test_a_batch_may_be_empty_and_have_a_thousand_events_but_no_more(call: Any) -> None:
    event = {"user_id": "1", "song_id": "3", "action": "like"}

    assert call("POST", "/api/v1/feedback", []).json()["results"] == []
    assert call("POST", "/api/v1/feedback", [event] * 1_000).json()["accepted"] == 1_000
    assert call("POST", "/api/v1/feedback", [event] * 1_001).status_code == 400
    assert call("POST", "/api/v1/feedback", event).status_code == 400


def test_a_listener_speaks_for_itself_alone(client: Client) -> None:
    headers = {"authorization": f"Bearer {listener_tokens.issue('101', 60)}"}
    body = json.dumps({"action": "like"}).encode()
    rows = [{"user_id": user, "song_id": "3", "action": "like"} for user in ("101", "102")]

    def put(address: str) -> int:
        answer = client.put(address, body, content_type="application/json", headers=headers)
        return answer.status_code

    assert put(LIKE) == 202
    assert put("/api/v1/users/102/likes/3") == 404
    batch = client.post(
        "/api/v1/feedback", json.dumps(rows), content_type="application/json", headers=headers
    )
    assert [row["status"] for row in batch.json()["results"]] == ["accepted", "rejected"]
    assert {user for user, _, _ in kept()} == {"101"}


@pytest.mark.parametrize(
    "ids", [{"user_id": 101, "song_id": 3}, {"user_id": "101", "song_id": "3"}]
)
def test_the_seeds_clients_like_with_numbers_or_text(
    client: Client, settings: Any, ids: dict[str, Any]
) -> None:
    settings.SEED_ROUTES_OPEN = True

    answer = client.post("/like", json.dumps(ids), content_type="application/json")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json().keys() == {"status", "message"}
    assert kept() == [("101", "3", "like")]


def test_the_seeds_route_names_what_is_wrong(client: Client, settings: Any) -> None:
    settings.SEED_ROUTES_OPEN = True

    def post(body: Any) -> int:
        return client.post("/like", json.dumps(body), content_type="application/json").status_code

    assert post({"user_id": 101}) == 400
    assert post({"user_id": 101.5, "song_id": 3}) == 400
    assert post({"user_id": 101, "song_id": 3, "action": "dislike"}) == 400
    assert post({"user_id": 101, "song_id": 77}) == 404
    assert kept() == []


def test_a_database_that_cannot_take_it_is_503_and_never_a_2xx(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(views, "accept", full)

    for answer in (
        call("PUT", LIKE, {"action": "like"}),
        call("DELETE", LIKE),
        call("POST", "/api/v1/feedback", [{"user_id": "1", "song_id": "3", "action": "like"}]),
    ):
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
    assert kept() == []
