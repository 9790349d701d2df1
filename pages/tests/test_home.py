"""The first page, as a browser without scripts sees it."""

import re
import time
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from access import listener_tokens
from access.throttles import CallerThrottle
from feedback.consuming.presence import Presence
from feedback.event_notes import event_of
from feedback.models import AppliedEvent, OutboxEvent
from pages import present_listener, views
from pages.controls import Controls
from recommendations import forgotten
from recommendations.models import Lease, Song
from recommendations.profiles import Judgement, merge_judgements
from recommendations.serving.answers import recommend_for
from recommendations.serving.ordering import Wanted
from recommendations.tests import casts

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def town(tmp_path: Any, settings: Any) -> None:
    """Songs, listeners and a live model; nobody consumes, so no page waits for an effect."""
    settings.MODEL_DIR = tmp_path / "models"
    casts.make_songs()
    casts.make_listeners()
    casts.publish("v1")


@pytest.fixture(autouse=True)
def nothing_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request of an earlier test counts, and no full minute comes in between."""
    cache.clear()
    monkeypatch.setattr(CallerThrottle, "_away_until", 0.0)
    monkeypatch.setattr(CallerThrottle, "clock", staticmethod(lambda: 1_750_000_000.0))


def text(answer: "HttpResponse | Any") -> str:
    return unescape(answer.content.decode())


def signed_in(user_id: str) -> Client:
    client = Client()
    client.post("/sign-in", {"token": listener_tokens.issue(user_id, 60)})
    return client


def forget() -> None:
    forgotten.mark("rocker0", 2**60)


def hold_a_word() -> None:
    merge_judgements([Judgement("rocker0", "r1", 1, 2**60, "00" * 16)])


def test_a_stranger_is_asked_for_a_token_and_shown_no_listener() -> None:
    page = text(Client().get("/"))

    assert 'name="token"' in page
    assert "rocker0" not in page


def test_a_listener_signs_in_with_a_token_and_sees_the_list_with_reasons() -> None:
    page = text(signed_in("rocker0").get("/"))

    assert "For listener rocker0" in page
    assert "Rock r1" in page
    assert "because of" in page
    assert "v1 (local_ridge), strategy personalised" in page


def test_a_bad_token_signs_nobody_in() -> None:
    client = Client()
    page = text(client.post("/sign-in", {"token": "mrl_forged"}, follow=True))

    assert "not valid" in page
    assert "listener" not in client.session


def test_only_staff_and_demonstrations_choose_any_listener(settings: Any) -> None:
    stranger = signed_in("rocker0")
    refused = text(stranger.post("/choose", {"user_id": "jazzer0"}, follow=True))
    settings.DEMO = True
    chosen = text(Client().post("/choose", {"user_id": "jazzer0"}, follow=True))

    assert "Only staff" in refused
    assert "For listener jazzer0" in chosen


def test_staff_choose_a_listener() -> None:
    staff = Client()
    staff.force_login(get_user_model().objects.create_user("boss", is_staff=True))

    assert "For listener jazzer0" in text(
        staff.post("/choose", {"user_id": "jazzer0"}, follow=True)
    )


def test_a_session_ends_with_the_token_that_it_was_made_by(monkeypatch: pytest.MonkeyPatch) -> None:
    client, now = signed_in("rocker0"), time.time()

    monkeypatch.setattr(present_listener, "clock", lambda: now + 30)
    assert "For listener rocker0" in text(client.get("/"))

    monkeypatch.setattr(present_listener, "clock", lambda: now + 61)
    assert 'name="token"' in text(client.get("/"))
    client.post("/opinion", {"song_id": "r1", "action": "like"})
    assert not OutboxEvent.objects.exists()


def test_who_may_no_longer_choose_is_no_longer_whom_they_chose(settings: Any) -> None:
    boss = get_user_model().objects.create_user("boss", is_staff=True)
    staff, visitor = Client(), Client()
    staff.force_login(boss)
    staff.post("/choose", {"user_id": "jazzer0"})
    settings.DEMO = True
    visitor.post("/choose", {"user_id": "jazzer0"})
    assert "For listener jazzer0" in text(visitor.get("/"))

    settings.DEMO = False
    get_user_model().objects.update(is_staff=False)

    for client in (staff, visitor):
        assert "jazzer0" not in text(client.get("/"))
        client.post("/opinion", {"song_id": "r1", "action": "like"})
    assert not OutboxEvent.objects.exists()


def test_a_like_goes_into_the_outbox_of_the_sessions_listener() -> None:
    client = signed_in("rocker0")
    answer = client.post("/opinion", {"song_id": "r1", "action": "like"})
    page = text(client.get("/"))

    event = OutboxEvent.objects.get()
    assert event_of(answer) == str(event.event_id)
    assert (event.user_id, event.song_id) == ("rocker0", "r1")
    assert "as soon as the consumer runs" in page


def test_a_page_waits_for_the_effect_of_a_like_while_a_consumer_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def consume(_seconds: float) -> None:
        AppliedEvent.objects.create(
            event_id=OutboxEvent.objects.get().event_id, applied_at=timezone.now()
        )

    monkeypatch.setattr(views, "EFFECT_SECONDS", 60.0)
    monkeypatch.setattr(time, "sleep", consume)
    Presence("machine-0").renew()

    page = signed_in("rocker0").post("/opinion", {"song_id": "r1", "action": "like"}, follow=True)

    assert "as soon as the consumer runs" not in text(page)


def test_a_page_does_not_wait_where_no_consumer_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(_seconds: float) -> None:
        pytest.fail("the page waits")

    monkeypatch.setattr(views, "EFFECT_SECONDS", 60.0)
    monkeypatch.setattr(time, "sleep", sleep)
    Presence("machine-0").renew()
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    page = signed_in("rocker0").post("/opinion", {"song_id": "r1", "action": "like"}, follow=True)

    assert "as soon as the consumer runs" in text(page)
    assert OutboxEvent.objects.exists()


def test_a_listener_past_its_limit_is_told_so_on_a_page(settings: Any) -> None:
    settings.REQUESTS_PER_MINUTE = {"listener": 2, "anonymous": 0}
    client, other = signed_in("rocker0"), signed_in("jazzer0")
    like = {"song_id": "r1", "action": "like"}

    answers = [client.post("/opinion", like) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert 1 <= int(answers[2]["Retry-After"]) <= 60
    assert "Too many requests" in text(answers[2])
    assert OutboxEvent.objects.count() == 2
    assert other.post("/opinion", like).status_code == 302
    assert client.get("/").status_code == 200
    assert client.post("/sign-out").status_code == 302


def test_a_strangers_attempts_to_sign_in_are_limited_by_its_address(settings: Any) -> None:
    settings.REQUESTS_PER_MINUTE = {"listener": 0, "anonymous": 2}

    answers = [Client().post("/sign-in", {"token": "mrl_forged"}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [302, 302, 429]


@pytest.mark.parametrize(
    "form", [{}, {"song_id": "unknown", "action": "like"}, {"song_id": "r1", "action": "love"}]
)
def test_an_opinion_on_nothing_is_refused(form: dict[str, str]) -> None:
    page = text(signed_in("rocker0").post("/opinion", form, follow=True))

    assert "no such song or action" in page
    assert not OutboxEvent.objects.exists()


@pytest.mark.parametrize(
    ("ahead", "said"), [(forget, "still to come"), (hold_a_word, "a word from the future")]
)
def test_an_opinion_that_cannot_be_kept_says_why(ahead: Callable[[], None], said: str) -> None:
    ahead()

    page = text(
        signed_in("rocker0").post("/opinion", {"song_id": "r1", "action": "like"}, follow=True)
    )

    assert said in page
    assert not OutboxEvent.objects.exists()


def test_a_stranger_has_no_opinion() -> None:
    Client().post("/opinion", {"song_id": "r1", "action": "like"})

    assert not OutboxEvent.objects.exists()


def test_forms_without_the_csrf_token_are_refused() -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post("/choose", {"user_id": "rocker0"}).status_code == 403


def test_a_genre_filter_is_kept_over_a_like() -> None:
    client = signed_in("rocker0")
    answer = client.post("/opinion", {"song_id": "j1", "action": "like", "genre": "jazz & blues"})

    assert answer["Location"] == "/?genre=jazz+%26+blues"
    assert "Rock r1" not in text(client.get("/?genre=jazz")).split('id="profile"')[0]


def test_the_slider_s_novelty_orders_the_list_and_is_kept_over_a_like() -> None:
    client = signed_in("newcomer")
    page = text(client.get("/?novelty=1"))
    turned = recommend_for("newcomer", Wanted(limit=20, max_per_artist=3, novelty=1.0))
    answer = client.post("/opinion", {"song_id": "j1", "action": "like", "novelty": "1"})

    listed = re.findall(r"<strong>(.*?)</strong>", page)
    assert listed == [result["song"]["title"] for result in turned["results"]]
    assert listed != re.findall(r"<strong>(.*?)</strong>", text(client.get("/")))
    assert 'aria-valuetext="most adventurous"' in page
    assert '<input type="hidden" name="novelty" value="1">' in page
    assert answer["Location"] == "/?novelty=1"


@pytest.mark.parametrize(
    ("said", "stands"),
    [("", 0.0), ("nan", 0.0), ("2", 0.0), ("far", 0.0), ("0.3", 0.5), ("-0.9", -1.0), ("-0", 0.0)],
)
def test_the_slider_stands_at_the_nearest_of_its_places(said: str, stands: float) -> None:
    assert Controls.of({"novelty": said}) == Controls(novelty=stands)
    assert f'step="0.5" value="{stands:g}"' in text(signed_in("rocker0").get(f"/?novelty={said}"))


def test_more_genres_than_may_be_asked_for_are_as_none() -> None:
    assert Controls.of({"genre": " rock|jazz "}) == Controls(genre="rock|jazz")
    assert Controls.of({"genre": "|".join(["rock"] * 21)}) == Controls()


def test_markup_in_titles_is_text() -> None:
    Song.objects.filter(song_id="r1").update(title="<script>alert(1)</script>")

    assert "<script>" not in signed_in("rocker0").get("/").content.decode()


def test_leaving_ends_the_listener() -> None:
    client = signed_in("rocker0")
    client.post("/sign-out")

    assert "For listener" not in text(client.get("/"))
