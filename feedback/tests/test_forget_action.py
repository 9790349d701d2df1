"""Forgetting in the admin: asked first, by whoever may, and as whole as everywhere."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from feedback.models import OutboxEvent
from feedback.tests.paths import EmbeddedPath, profile, say
from recommendations import forgotten
from recommendations.models import Listener

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("songs")]

LISTENERS = "/admin/recommendations/listener/"
ANN = '<b>"ann"</b>'


@pytest.fixture(autouse=True)
def _listeners(songs: None) -> None:
    for user_id in (ANN, "bob"):
        say(user_id, "a")
    EmbeddedPath().drain()


def staff(*permissions: str) -> Client:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def choose(client: Client, **more: str) -> Any:
    chosen = str(Listener.objects.get(user_id=ANN).pk)
    return client.post(LISTENERS, {"action": "forget", "_selected_action": chosen, **more})


def test_the_action_asks_before_it_forgets() -> None:
    page = choose(staff("view_listener", "delete_listener"))

    assert page.status_code == 200
    text = page.content.decode()
    assert "&lt;b&gt;&quot;ann&quot;&lt;/b&gt;" in text
    assert ANN not in text
    assert "bob" not in text
    assert profile(ANN) == {"a": 1}


def test_after_the_answer_the_chosen_ones_are_gone_and_nobody_else() -> None:
    answer = choose(staff("view_listener", "delete_listener"), post="yes")

    assert answer.status_code == 302
    assert list(Listener.objects.values_list("user_id", flat=True)) == ["bob"]
    assert list(OutboxEvent.objects.values_list("user_id", flat=True)) == ["bob"]
    assert set(forgotten.barriers([ANN, "bob"])) == {ANN}


def test_whoever_may_only_look_can_forget_nobody() -> None:
    client = staff("view_listener")

    assert 'value="forget"' not in client.get(LISTENERS).content.decode()
    choose(client, post="yes")

    assert profile(ANN) == {"a": 1}


def test_a_ledger_that_cannot_be_written_is_told(settings: Any, tmp_path: Path) -> None:
    settings.FORGOTTEN_LEDGER = tmp_path / "missing" / "ledger"
    client = staff("view_listener", "delete_listener")

    choose(client, post="yes")

    assert "0 of 1 were forgotten" in client.get(LISTENERS).content.decode()
    assert profile(ANN) == {"a": 1}
