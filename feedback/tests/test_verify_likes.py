"""The command verify_likes: what it prints, and how it ends."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from feedback.management.commands import verify_likes
from feedback.models import OutboxEvent
from feedback.tests.paths import say
from feedback.tests.test_verifying import apply_all, let_a_like_wait
from feedback.verifying.meanings import MEANINGS, Code
from recommendations.models import Interaction

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("songs")]


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("verify_likes", *arguments, stdout=out, stderr=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


@pytest.fixture
def lost(songs: None) -> None:
    """Two likes that are in no profile."""
    say("ü", "a")
    say("v", "a")
    apply_all()
    Interaction.objects.all().delete()


def test_nothing_wrong_is_one_line_and_exit_code_0() -> None:
    say("u", "a")
    apply_all()

    code, text = run()

    assert code == 0
    assert re.fullmatch(r"nothing is wrong: 1 words, .*; [0-9.]+ s\n", text)


def test_what_is_wrong_is_told_with_examples_and_what_to_do(lost: None) -> None:
    code, text = run("--limit", "1")

    assert code == 3
    lines = text.splitlines()
    assert lines[0].startswith("WRONG not_in_profile: likes have had their effect")
    assert lines[0].endswith("(2)")
    assert f"seq {OutboxEvent.objects.order_by('seq')[0].seq} event" in lines[1]
    assert lines[2].strip() == "… and 1 more"
    assert lines[3].strip().startswith("-> have them applied once more")
    assert lines[-1].startswith("1 kind of thing is wrong: 0 words, ")
    assert r"user '\xfc' song 'a'" in lines[1]


def test_one_that_could_not_look_does_not_say_that_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(**_: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(verify_likes, "verify", away)

    # For manage.py, which ends with 1 and says what to do.
    with pytest.raises(OperationalError):
        run()


def test_what_only_deserves_a_look_is_exit_code_0() -> None:
    say("u", "a")
    let_a_like_wait()

    code, text = run()

    assert code == 0
    assert text.startswith("look  waiting: ")
    assert "the oldest for 60 minutes; not sent to Kafka are 1" in text


def test_as_json_it_says_the_same(lost: None) -> None:
    code, text = run("--json", "--limit", "1")

    said = json.loads(text)
    assert (code, said["wrong"]) == (3, True)
    [finding] = said["findings"]
    assert (finding["code"], finding["level"], finding["count"]) == ("not_in_profile", "wrong", 2)
    assert len(finding["examples"]) == 1
    assert said["looked_at"]["outbox"] == 2


def test_it_writes_nothing(lost: None) -> None:
    with connection.execute_wrapper(refuse_writes):
        assert run()[0] == 3


def refuse_writes(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    assert not re.match(r"\s*(INSERT|UPDATE|DELETE|CREATE|DROP)", sql), sql
    return execute(sql, params, many, context)


@pytest.mark.parametrize("arguments", [["--limit", "-1"], ["--limit", "many"], ["--nonsense"]])
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)


def test_ctrl_c_ends_it_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verify_likes, "verify", interrupted)

    assert run() == (130, "stopped; nothing was changed\n")


def test_an_old_key_is_to_come_back_where_it_signs_nothing() -> None:
    advice = MEANINGS[Code.FORGET_KEY_GONE].advice

    assert "FORGOTTEN_KEYS" in advice
    assert "SECRET_KEY_FALLBACKS" not in advice


def test_every_code_is_in_the_document() -> None:
    document = (Path(__file__).parents[2] / "docs" / "feedback.md").read_text()
    checking = document.partition("## Checking it")[2].partition("\n## ")[0]

    assert set(re.findall(r"`([a-z_]+)`", checking)) >= {code.value for code in Code}
