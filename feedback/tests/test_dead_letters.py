"""Looking after dead letters: by command and in the admin."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from feedback import admin as feedback_pages
from feedback.applying import apply
from feedback.events import Record
from feedback.models import AppliedEvent, DeadLetter, OutboxEvent
from feedback.tests.paths import profile, say
from recommendations import admin as pages
from recommendations.models import Song

pytestmark = pytest.mark.django_db

ADMIN = "/admin/feedback/deadletter/"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("dead_letters", *arguments, stdout=out)
    return out.getvalue().strip()


@pytest.fixture(autouse=True)
def letters(songs: None) -> dict[str, DeadLetter]:
    """One letter that waits for its song, and one that nothing will ever help."""
    waiting = b'{"user_id":"u","song_id":"new"}'
    broken = b'{"user_id":"\x1b[2J<b>'
    records = [
        Record(raw, 1_782_907_200_000_000, f"{n:032x}", seq=n)
        for n, raw in enumerate((waiting, broken), 1)
    ]
    apply(records)
    return {row.reason: row for row in DeadLetter.objects.all()}


def test_the_list_names_each_open_letter_without_its_control_characters(
    letters: dict[str, DeadLetter],
) -> None:
    text = run("list")

    assert f"{letters['unknown_song'].pk} " in text
    assert "bad_json" in text
    assert "\x1b" not in text
    listed = json.loads(run("list", "--json"))
    assert {row["reason"] for row in listed} == {"bad_json", "unknown_song"}
    assert run("list", "--state", "discarded") == "none"


def test_without_a_word_the_open_letters_are_listed() -> None:
    assert run() == run("list") != "none"
    with pytest.raises(CommandError):
        run("--reason", "bad_json", "discard", "--all")
    assert DeadLetter.objects.filter(state="open").count() == 2


def test_one_letter_is_shown_whole(letters: dict[str, DeadLetter]) -> None:
    shown = json.loads(run("show", str(letters["bad_json"].pk), "--json"))

    assert shown["raw"] == '{"user_id":"\x1b[2J<b>'
    assert shown["seq"] == 2
    assert "\x1b" not in run("show", str(letters["bad_json"].pk))
    with pytest.raises(CommandError, match="no dead letter 999"):
        run("show", "999")


def test_replay_applies_what_can_be_applied_by_now_and_leaves_the_rest_open() -> None:
    Song.objects.create(song_id="new", title="New")

    assert run("replay", "--all") == "applied 1, repeated 0, still dead 1"
    assert profile("u") == {"new": 1}
    states = dict(DeadLetter.objects.values_list("reason", "state"))
    assert states == {"unknown_song": "replayed", "bad_json": "open"}


def test_a_discarded_letter_is_not_replayed(letters: dict[str, DeadLetter]) -> None:
    Song.objects.create(song_id="new", title="New")

    assert run("discard", str(letters["unknown_song"].pk)) == "discarded 1"

    assert json.loads(run("replay", "--reason", "unknown_song", "--json"))["applied"] == 0
    assert AppliedEvent.objects.count() == 0


def test_without_naming_any_nothing_is_touched() -> None:
    with pytest.raises(CommandError, match="--all"):
        run("discard")

    assert DeadLetter.objects.filter(state="open").count() == 2


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_the_admin_replays_and_discards(staff: Client, letters: dict[str, DeadLetter]) -> None:
    Song.objects.create(song_id="new", title="New")
    for action, reason in (("replay", "unknown_song"), ("discard", "bad_json")):
        form = {"action": action, "_selected_action": letters[reason].pk}
        assert staff.post(ADMIN, form).status_code == 302

    states = dict(DeadLetter.objects.values_list("reason", "state"))
    assert states == {"unknown_song": "replayed", "bad_json": "discarded"}


def test_the_admin_shows_markup_as_text_and_lets_nobody_edit(
    staff: Client, letters: dict[str, DeadLetter]
) -> None:
    page = staff.get(f"{ADMIN}{letters['bad_json'].pk}/change/").content.decode()

    assert "&lt;b&gt;" in page
    assert "<b>" not in page.replace("<b></b>", "")
    assert staff.get(f"{ADMIN}add/").status_code == 403
    assert staff.post(f"{ADMIN}{letters['bad_json'].pk}/delete/").status_code == 403


def test_pages_of_this_app_count_and_forbid_as_those_of_the_catalogue() -> None:
    for page in (feedback_pages.OutboxAdmin, feedback_pages.DeadLetterAdmin):
        assert page.paginator is pages.CappedPaginator
        assert issubclass(page, pages.ReadOnly)


def test_lists_ask_few_questions_whatever_the_table_holds(
    staff: Client, django_assert_max_num_queries: Any
) -> None:
    say("u", "a")
    for address in (f"{ADMIN}?state__exact=open&q=u", "/admin/feedback/outboxevent/?q=u"):
        with django_assert_max_num_queries(6):
            assert staff.get(address).status_code == 200
    event = OutboxEvent.objects.get()
    assert (
        f"/{event.seq}/"
        in staff.get(f"/admin/feedback/outboxevent/?q={event.event_id}").content.decode()
    )
    assert f"/{event.seq}/" not in staff.get("/admin/feedback/outboxevent/?q=v").content.decode()
    seq = event.seq
    page = staff.get(f"/admin/feedback/outboxevent/{seq}/change/").content.decode()
    assert "&quot;action&quot;:&quot;like&quot;" in page
