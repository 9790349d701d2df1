"""Every error of the API has one shape, names all that is wrong, and tells nothing more."""

import json
import sqlite3

import pytest
from django.db import IntegrityError, InterfaceError, InternalError, OperationalError
from django.test import Client

from feedback.group_commit import NeverTried
from musicrec.problems import MOST_ERRORS, exception_handler, field_errors, is_api
from recommendations import sealing


@pytest.mark.parametrize("route", ["/api/anything", "/api/plain"])
@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_every_fault_is_a_problem_that_tells_nothing_of_the_inside(
    web: Client, route: str, status: int
) -> None:
    answer = web.get(route, {"fault": str(status)}, headers={"x-request-id": "given-id"})

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body.keys() == {"type", "title", "status", "code", "detail", "request_id"}
    assert body["status"] == status
    assert body["request_id"] == "given-id"
    for inside in ("Traceback", "secret", "table x", "ours", "matches", "locked"):
        assert inside not in answer.content.decode()


@pytest.mark.parametrize("route", ["/api/anything", "/api/plain", "/page"])
def test_a_locked_database_is_a_503_that_says_when_to_come_back(web: Client, route: str) -> None:
    answer = web.get(route, {"fault": "503"})

    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1


def driver_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("said by SQLite")
    error.sqlite_errorcode = code
    return error


class ServerError(Exception):
    """An error of Postgres, told by its code."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "cause", "is_known"),
    [
        (OperationalError(), driver_error(sqlite3.SQLITE_BUSY), True),
        (OperationalError(), driver_error(sqlite3.SQLITE_FULL), True),
        (OperationalError(), ServerError("55P03"), True),
        (OperationalError(), ServerError("53100"), True),
        (InternalError(), ServerError("25006"), True),
        (NeverTried(), None, True),
        (OperationalError(), driver_error(sqlite3.SQLITE_IOERR), False),
        (OperationalError(), ServerError("57P01"), False),
        (OperationalError("server closed the connection unexpectedly"), None, False),
        (OperationalError("the database does not answer"), None, False),
        (InterfaceError("connection already closed"), None, False),
    ],
)
def test_a_503_says_that_nothing_was_stored_only_where_that_is_known(
    error: Exception, cause: Exception | None, *, is_known: bool
) -> None:
    error.__cause__ = cause

    answer = exception_handler(error, {})

    body = json.loads(answer.content)
    assert (answer.status_code, body["code"], answer["Retry-After"]) == (503, "busy", "2")
    assert ("nothing was stored" in body["detail"]) is is_known
    assert ("may have been" in body["detail"]) is not is_known
    assert ("Idempotency-Key" in body["detail"]) is not is_known


def test_people_get_pages_for_their_errors(web: Client) -> None:
    for address, status in (("/nowhere", 404), ("/page?fault=500", 500), ("/page?fault=403", 403)):
        answer = web.get(address)
        assert answer.status_code == status
        assert answer["Content-Type"].startswith("text/html")
        assert b"Traceback" not in answer.content


def test_an_unknown_address_under_the_api_is_a_problem(web: Client) -> None:
    answer = web.get("/api/v1/nowhere")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_method_that_a_route_has_not_is_a_405_that_names_those_it_has(web: Client) -> None:
    answer = web.delete("/api/anything")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET, POST, PUT" in answer["Allow"]


def test_a_format_that_we_do_not_speak_is_a_406(web: Client) -> None:
    answer = web.get("/api/anything", headers={"accept": "application/xml"})

    assert (answer.status_code, answer["Content-Type"]) == (406, "application/problem+json")


def test_a_browser_gets_json_too(web: Client) -> None:
    answer = web.get("/api/anything", headers={"accept": "text/html,*/*;q=0.8"})

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


def test_a_body_that_is_not_json_is_a_415(web: Client) -> None:
    answer = web.post("/api/anything", "a=1", content_type="application/x-www-form-urlencoded")

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_host_that_is_not_ours_is_a_problem(web: Client) -> None:
    answer = web.get("/api/anything", headers={"host": "evil.example"})

    assert (answer.status_code, answer.json()["title"]) == (400, "Bad Request")


def test_all_wrong_values_are_named_at_once_with_the_path_to_each(web: Client) -> None:
    body = {
        "likes": [{"song_id": "1", "action": "like"}, {"song_id": "12345", "action": "love"}],
        "numbers": [1, "x"],
    }

    answer = web.put("/api/anything", json.dumps(body), content_type="application/json")

    assert answer.status_code == 400
    assert {(error["field"], error["code"]) for error in answer.json()["errors"]} == {
        ("user_id", "required"),
        ("likes.1.song_id", "max_length"),
        ("likes.1.action", "invalid_choice"),
        ("numbers.1", "invalid"),
    }


def test_a_message_about_the_whole_has_an_empty_field(web: Client) -> None:
    answer = web.put("/api/anything", "[]", content_type="application/json")

    assert [error["field"] for error in answer.json()["errors"]] == [""]


def test_ten_thousand_wrong_values_are_not_all_sent_back(web: Client) -> None:
    body = {"user_id": "1", "likes": [{}] * 5_000}

    answer = web.put("/api/anything", json.dumps(body), content_type="application/json")

    assert len(answer.json()["errors"]) == MOST_ERRORS
    assert answer.json()["detail"].startswith("10000 values are not valid")


def test_nested_details_are_flattened() -> None:
    detail = {"a": {"b": ["one", "two"]}, "non_field_errors": ["three"], "c": [{}, {"d": ["four"]}]}

    assert [(error["field"], error["detail"]) for error in field_errors(detail)] == [
        ("a.b", "one"),
        ("a.b", "two"),
        ("", "three"),
        ("c.1.d", "four"),
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/songs", True),
        ("/recommend/101", True),
        ("/like", True),
        ("/like/", True),
        ("/metrics", True),
        ("/", False),
        ("/likes-page", False),
        ("/admin/", False),
    ],
)
def test_which_addresses_are_for_programs(path: str, expected: bool) -> None:
    assert is_api(path) is expected


def test_a_session_that_the_database_cannot_save_is_busy_too(
    web: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("musicrec.page_middleware.Sessions.process_request", locked)

    assert web.get("/page").status_code == 503


@pytest.mark.parametrize(
    ("text", "status"),
    [(sealing.message("likes at db:5432"), 503), ("UNIQUE constraint failed: song.song_id", 500)],
)
def test_a_database_that_was_moved_takes_no_session(
    web: Client, monkeypatch: pytest.MonkeyPatch, text: str, status: int
) -> None:
    def refuse(*_: object) -> None:
        raise IntegrityError(text)

    monkeypatch.setattr("musicrec.page_middleware.Sessions.process_request", refuse)

    assert web.get("/page").status_code == status


def test_a_database_that_was_moved_is_a_503_that_says_what_to_do_and_not_where_it_is() -> None:
    answer = exception_handler(IntegrityError(sealing.message("likes at db:5432")), {})

    assert answer.status_code == 503
    assert json.loads(answer.content)["code"] == "database_moved"
    assert "set DATABASE_URL" in json.loads(answer.content)["detail"]
    assert "db:5432" not in answer.content.decode()
