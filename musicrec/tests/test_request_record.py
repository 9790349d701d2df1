"""Request ids, log lines, counts and headers: what every answer leaves behind."""

import logging
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from access import service_keys
from feedback.models import OutboxEvent
from musicrec import metrics, request_ids
from musicrec.log_lines import OneLine, logging_settings
from recommendations.models import Song


def test_a_sane_id_of_the_client_is_kept_and_any_other_replaced(web: Client) -> None:
    def id_for(offered: str) -> str:
        return web.get("/api/anything", headers={"x-request-id": offered})["X-Request-ID"]

    assert id_for("abc-DEF_123.4") == "abc-DEF_123.4"
    for bad in ("short", "x" * 65, "a b c d e f", "ab\ncdefgh", "<script>alert</script>", ""):
        assert re.fullmatch("[0-9a-f]{24}", id_for(bad)), bad


def test_an_id_ends_with_its_request(web: Client) -> None:
    web.get("/api/anything")

    assert request_ids.current() == ""


def test_answers_of_400_and_more_have_their_line_without_the_query(
    web: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "musicrec.requests"):
        web.get("/api/anything?fine=1")
        web.get("/api/nowhere?password=x")

    assert [record.getMessage().rpartition(" 404 ")[0] for record in caplog.records] == [
        "GET /api/nowhere"
    ]


def test_all_answers_have_a_line_where_that_is_asked_for(
    web: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.LOG_REQUESTS = True

    with caplog.at_level(logging.INFO, "musicrec.requests"):
        web.get("/api/anything")

    assert "GET /api/anything 200" in caplog.text


@pytest.mark.django_db
def test_the_line_of_an_accepted_like_names_its_event_and_nothing_of_what_was_sent(
    client: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.LOG_REQUESTS = True
    Song.objects.create(song_id="a", title="a")
    key = service_keys.issue("app")
    headers = {"authorization": f"Bearer {key}", "idempotency-key": "the-tap"}
    json: dict[str, Any] = {"content_type": "application/json", "headers": headers}

    with caplog.at_level(logging.INFO, "musicrec.requests"):
        like = client.put("/api/v1/users/u/likes/a", {"action": "like"}, **json)
        unlike = client.delete("/api/v1/users/v/likes/a", **json)
        seed = client.post("/like", {"user_id": "w", "song_id": "a"}, **json)
        client.put("/api/v1/users/u/likes/none", {"action": "like"}, **json)
        client.post("/api/v1/feedback", [{"user_id": "u"}], **json)

    lines = caplog.messages
    assert lines[0].endswith(f" ms event={like.json()['event_id']}")
    assert lines[1].endswith(f" ms event={unlike.json()['event_id']}")
    event_id = OutboxEvent.objects.get(user_id="w").event_id
    assert seed.status_code == 200
    assert lines[2].endswith(f" ms event={event_id}")
    assert [line.rpartition(" ")[2] for line in lines[3:]] == ["ms", "ms"]
    assert "the-tap" not in caplog.text
    assert key not in caplog.text


def test_requests_are_counted_by_route_and_status_not_by_address(
    web: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    histogram = metrics.RequestHistogram()
    monkeypatch.setattr(metrics, "requests", histogram)

    web.get("/api/anything?a=1")
    web.get("/api/nowhere/1")
    web.get("/api/nowhere/2")
    web.generic("BREW", "/api/anything")

    counts = [line for line in histogram.lines() if "_count{" in line]
    assert [re.sub(',process="\\d+"', "", line) for line in counts] == [
        'musicrec_request_seconds_count{method="GET",route="(none)",status="404"} 2',
        'musicrec_request_seconds_count{method="GET",route="/api/anything",status="200"} 1',
        'musicrec_request_seconds_count{method="OTHER",route="/api/anything",status="405"} 1',
    ]


def test_pages_may_load_only_what_is_ours_and_answers_nothing_at_all(web: Client) -> None:
    page, answer = web.get("/page"), web.get("/api/anything")

    assert page["Content-Security-Policy"].startswith("default-src 'self'")
    assert answer["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer["Cache-Control"] == "no-store"
    for response in (page, answer):
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"


def line(message: str, *arguments: object, error: BaseException | None = None) -> str:
    info = (type(error), error, None) if error else None
    record = logging.LogRecord("musicrec.x", logging.INFO, "", 0, message, arguments, info)
    return OneLine().format(record)


def test_a_line_says_when_how_bad_where_and_what() -> None:
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO musicrec\.x hello 1", line("hello %d", 1)
    )


def test_a_line_carries_the_id_of_its_request() -> None:
    request_ids.begin("some-request")
    try:
        assert " request=some-request " in line("hello")
    finally:
        request_ids.end()


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\x1b[31mb", "a\u2028b", "a\x85b", "a\ud800b"])
def test_what_a_client_wrote_cannot_begin_a_line_or_colour_the_terminal(text: str) -> None:
    formatted = line("search %s", text)

    assert len(formatted.splitlines()) == 1
    assert formatted.isprintable()
    assert "\\" in formatted


def test_a_traceback_stays_on_its_line() -> None:
    formatted = line("failed", error=ValueError("two\nlines"))

    assert len(formatted.splitlines()) == 1
    assert "ValueError: two\\nlines" in formatted


def test_a_wrong_host_is_one_short_line(web: Client, caplog: pytest.LogCaptureFixture) -> None:
    web.get("/api/anything", headers={"host": "evil.example"})

    said = [OneLine().format(record) for record in caplog.records if "evil" in record.getMessage()]
    assert said
    assert "Traceback" not in said[0]


def test_credentials_are_cut_out_of_lines() -> None:
    secret = "S" * 43
    formatted = line(
        "got %s and Authorization: Bearer %s and %s",
        f"mrs_0123456789ab_{secret}",
        secret,
        f"mrl_AAAAAGh4eHgxMDE.{secret}",
    )

    assert "mrs_0123456789ab_…" in formatted
    assert secret not in formatted


@pytest.mark.parametrize("before", ["", "/old"])
def test_a_login_link_that_was_not_reached_is_not_told(
    web: Client, settings: Settings, caplog: pytest.LogCaptureFixture, before: str
) -> None:
    settings.LOG_REQUESTS = True
    link = f"{before}/login/MQ/c0ffee-0123456789abcdef"

    with caplog.at_level(logging.INFO):
        web.get(link, headers={"host": "evil.example"})
        web.get(link)
        settings.SECURE_SSL_REDIRECT = True
        Client().get(link)

    statuses = [r.getMessage().split()[-3] for r in caplog.records if r.name.endswith("requests")]
    assert statuses == ["400", "404", "301"], caplog.text
    assert "c0ffee" not in caplog.text


def test_a_login_link_is_cut_out_of_lines_of_others() -> None:
    said = line("Internal Server Error: %s", "/login/MQ/c0ffee-0123456789abcdef")

    assert said.endswith("Internal Server Error: /login/…")
    assert line("at %s", "/admin/login/ again").endswith("/admin/login/ again")


def test_the_logging_settings_are_well_formed() -> None:
    import logging.config

    before = list(logging.getLogger().handlers)
    logging.config.dictConfig(logging_settings("INFO"))
    logging.getLogger().handlers[:] = before
