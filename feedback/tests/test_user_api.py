"""The routes and commands about a user as a whole: the receipt, the export, and who gets them."""

import io
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from access import listener_tokens, service_keys
from access.listener_sessions import SESSION_KEY
from feedback.api import user_views
from feedback.forgetting.deletion import forget
from feedback.forgetting.exporting import export
from feedback.models import OutboxEvent
from feedback.tests.paths import EmbeddedPath, profile, say
from recommendations.models import BaseWord, ForgottenListener, Interaction, Listener

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("songs")]

ANN = "/api/v1/users/ann"


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    cache.clear()


@pytest.fixture
def service() -> Client:
    return Client(headers={"authorization": f"Bearer {service_keys.issue('app')}"})


def of_listener(user_id: str) -> Client:
    return Client(headers={"authorization": f"Bearer {listener_tokens.issue(user_id, 60)}"})


def drain() -> None:
    EmbeddedPath().drain()


def test_a_service_forgets_a_user_and_gets_a_receipt(service: Client) -> None:
    say("ann", "a")
    drain()

    answer = service.delete(ANN)

    assert answer.status_code == 200
    receipt = answer.json()
    assert receipt["deleted"]["user_profile"] == 1
    assert set(receipt) == {"user", "barrier", "forgotten_at", "deleted", "kafka_holds_until"}
    assert receipt["kafka_holds_until"] is None
    assert service.get(f"{ANN}/likes").status_code == 404


def test_a_listener_may_forget_themselves_and_nobody_else() -> None:
    say("ann", "a")
    drain()

    assert of_listener("bob").delete(ANN).status_code == 404
    assert profile("ann") == {"a": 1}
    assert of_listener("ann").delete(ANN).status_code == 200
    assert profile("ann") == {}


def test_the_token_of_a_forgotten_listener_is_that_of_a_new_one(service: Client) -> None:
    ann = of_listener("ann")
    ann.delete(ANN)

    answer = ann.put(f"{ANN}/likes/a", {"action": "like"}, content_type="application/json")

    assert answer.status_code == 202
    drain()
    assert profile("ann") == {"a": 1}


def test_a_word_from_before_the_forgetting_is_refused_row_by_row(service: Client) -> None:
    service.delete(ANN)
    row = {"user_id": "ann", "song_id": "a", "action": "like"}
    old = row | {"occurred_at": "2026-01-01T00:00:00Z"}

    answer = service.post("/api/v1/feedback", [old, row], content_type="application/json").json()

    assert (answer["accepted"], answer["rejected"]) == (1, 1)
    assert answer["results"][0]["errors"] == {
        "occurred_at": [
            "This lies before the user was forgotten: what was said until then has no effect."
        ]
    }


def test_without_a_ledger_nobody_is_forgotten(
    service: Client, settings: Any, tmp_path: Path
) -> None:
    say("ann", "a")
    settings.FORGOTTEN_LEDGER = tmp_path / "missing" / "ledger"

    answer = service.delete(ANN)

    assert answer.status_code == 503
    assert answer.json()["code"] == "ledger_unwritable"
    assert str(tmp_path) not in answer.content.decode()
    assert OutboxEvent.objects.exists()


def test_an_export_has_everything(service: Client) -> None:
    leave_everything()

    answer = service.get(f"{ANN}/export")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    found = answer.json()
    assert found["user_id"] == "ann"
    assert found["revision"] == 1
    assert [(w["song_id"], w["action"]) for w in found["profile"]] == [
        ("a", "like"),
        ("b", "withdrawn"),
    ]
    held = Interaction.objects.get(listener__user_id="ann", song_id="a")
    assert found["profile"][0]["order_key"] == held.order_key
    assert found["profile"][0]["event_id"] == str(held.event_id)
    assert [w["song_id"] for w in found["base"]] == ["a"]
    assert found["shadow"] == []
    assert [json.loads(row["payload"])["song_id"] for row in found["outbox"]] == [
        "a",
        "b",
        "b",
        "c",
    ]
    assert found["outbox"][-1]["applied_at"] is None
    assert len(found["applied_events"]) == 3
    assert {letter["reason"]: letter["raw"] for letter in found["dead_letters"]} == {
        "bad_text": '{"user_id":"ann","song_id":\\xff',
        "unknown_song": '{"user_id":"ann","song_id":"gone"}',
    }
    assert len(found["sessions"]) == 1
    assert (found["complete"], found["forgotten_up_to"]) == (True, None)
    # Only in what bob may see.
    assert "bob" not in answer.content.decode()


def leave_everything() -> None:
    say("ann", "a")
    say("ann", "b")
    say("ann", "b", "unlike")
    say("bob", "a")
    path = EmbeddedPath()
    path.publish(b'{"user_id":"ann","song_id":\xff')
    path.publish(b'{"user_id":"ann","song_id":"gone"}')
    path.publish(b'{"user_id":"bob","song_id":"gone"}')
    path.drain()
    names = ("listener_id", "song_id", "value", "order_key", "event_id", "updated_at")
    said = Interaction.objects.filter(song_id="a").values(*names)
    BaseWord.objects.bulk_create(BaseWord(**row) for row in said)
    say("ann", "c")
    session = SessionStore()
    session[SESSION_KEY] = "ann"
    session.save()


def test_an_export_is_for_the_listener_alone_and_of_nobody_unknown(service: Client) -> None:
    say("ann", "a")

    assert of_listener("ann").get(f"{ANN}/export").status_code == 200
    assert of_listener("bob").get(f"{ANN}/export").status_code == 404
    assert service.get("/api/v1/users/eve/export").status_code == 404
    service.delete(ANN)
    assert service.get(f"{ANN}/export").status_code == 404


def test_an_export_has_a_limit_and_says_when_it_is_met(
    service: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_everything()
    monkeypatch.setattr(user_views, "MOST_RAW_BYTES", 30)

    found = service.get(f"{ANN}/export").json()

    assert {letter["bytes"]: letter["raw"] for letter in found["dead_letters"]} == {
        28: '{"user_id":"ann","song_id":\\xff',
        34: None,
    }
    assert found["complete"] is False
    whole = json.loads(b"".join(export("ann")))
    assert whole["complete"] is True
    assert None not in [letter["raw"] for letter in whole["dead_letters"]]


def test_an_export_survives_times_that_are_none(service: Client) -> None:
    listener = Listener.objects.create(user_id="ann")
    Interaction.objects.create(
        listener=listener,
        song_id="a",
        value=1,
        order_key=2**63 - 1,
        event_id=uuid.uuid4(),
        updated_at="2026-01-01T00:00:00Z",
    )

    assert service.get(f"{ANN}/export").json()["profile"][0]["said_at"] is None


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_the_command_forgets_and_says_what_that_did() -> None:
    say("ann", "a")
    drain()

    text = command("delete_user", "ann", "--yes")
    assert "applied_event 1, listener 1, outbox 1, user_profile 1" in text
    assert "ann" not in text
    assert json.loads(command("delete_user", "ann", "--yes", "--json"))["deleted"]["listener"] == 0


@pytest.mark.parametrize(("answer", "goes"), [("y", True), ("n", False), ("", False)])
def test_the_command_asks_first(
    monkeypatch: pytest.MonkeyPatch, answer: str, *, goes: bool
) -> None:
    say("ann", "a")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda: answer)

    if goes:
        command("delete_user", "ann")
    else:
        with pytest.raises(CommandError, match="nothing was deleted"):
            command("delete_user", "ann")

    assert OutboxEvent.objects.exists() != goes


def test_where_nobody_can_answer_the_command_says_how_to_go_on() -> None:
    say("ann", "a")

    with pytest.raises(CommandError, match="nothing was deleted: give --yes where nobody can"):
        command("delete_user", "ann")

    assert OutboxEvent.objects.exists()


def test_ctrl_c_at_the_question_deletes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    say("ann", "a")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", interrupted)

    with pytest.raises(CommandError, match=r"^nothing was deleted$") as end:
        command("delete_user", "ann")

    assert end.value.returncode == 130
    assert OutboxEvent.objects.exists()


@pytest.mark.parametrize(
    "arguments", [(), ("ann", "--from-ledger", "file"), ("a\nb", "--yes"), ("x" * 65, "--yes")]
)
def test_the_command_used_wrongly_ends_with_2(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as raised:
        command("delete_user", *arguments)

    assert raised.value.returncode == 2


def test_the_command_takes_another_machines_ledger(settings: Any, tmp_path: Path) -> None:
    other = tmp_path / "other-machine.jsonl"
    ours, settings.FORGOTTEN_LEDGER = settings.FORGOTTEN_LEDGER, other
    forget("ann")
    settings.FORGOTTEN_LEDGER = ours
    # A backup of before the forgetting: ann's row is here, the marker is not.
    ForgottenListener.objects.all().delete()
    Listener.objects.create(user_id="ann")

    text = command("delete_user", "--from-ledger", str(other), "--json")

    assert json.loads(text)["deleted"]["listener"] == 1
    assert json.loads(text)["entries"] == 1
    assert ForgottenListener.objects.exists()
    again = command("delete_user", "--from-ledger", str(other))
    assert again == "entries read: 1\ndeleted: there was nothing\n"


def test_a_file_that_is_no_ledger_is_refused_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    songs = tmp_path / "songs.csv"
    songs.write_text("song_id,title\n1,One\n2,Two\n")

    with pytest.raises(CommandError, match=r"songs\.csv is no ledger: none of its 3 lines"):
        command("delete_user", "--from-ledger", str(songs))
    assert len(caplog.records) == 1
    with pytest.raises(CommandError, match="there is no file"):
        command("delete_user", "--from-ledger", str(tmp_path / "missing"))
    with pytest.raises(CommandError, match="Is a directory") as refused:
        command("delete_user", "--from-ledger", str(tmp_path))
    assert "FORGOTTEN_LEDGER" not in str(refused.value)


def test_the_ledger_of_a_machine_that_forgot_nobody_is_one_too(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    text = command("delete_user", "--from-ledger", str(tmp_path / "empty"))

    assert text.startswith("entries read: 0\n")


def test_the_export_command_prints_the_same_object() -> None:
    say("ann", "a")
    drain()

    assert json.loads(command("export_user", "ann"))["profile"][0]["song_id"] == "a"
    with pytest.raises(CommandError, match="nothing is held of 'eve'"):
        command("export_user", "eve")
