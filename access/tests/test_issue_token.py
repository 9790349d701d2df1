"""``manage.py issue_token``: what it prints, what it keeps, what it refuses."""

import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from access import listener_tokens, service_keys
from access.models import ServiceKey

pytestmark = pytest.mark.django_db


def issue_token(*arguments: str) -> str:
    out = StringIO()
    call_command("issue_token", *arguments, stdout=out)
    return out.getvalue()


def test_a_service_key_is_printed_alone() -> None:
    printed = issue_token("--service", "shop")

    assert printed.count("\n") == 1
    caller = service_keys.caller_of(printed.strip())
    assert caller is not None
    assert caller.scopes == {"serve"}


def test_the_scope_operate_is_asked_for_by_name() -> None:
    caller = service_keys.caller_of(issue_token("--service", "ops", "--scope", "operate").strip())

    assert caller is not None
    assert caller.operates


def test_a_listener_token_is_printed_alone() -> None:
    printed = issue_token("--listener", "101", "--ttl-seconds", "60")

    caller = listener_tokens.caller_of(printed.strip())
    assert caller is not None
    assert caller.user_id == "101"


def test_a_key_is_revoked_by_its_prefix_or_by_itself() -> None:
    first, second = (issue_token("--service", name).strip() for name in ("shop", "radio"))

    issue_token("--revoke", first.split("_")[1])
    issue_token("--revoke", second)

    assert service_keys.caller_of(first) is None
    assert service_keys.caller_of(second) is None
    assert "before" in issue_token("--revoke", second)


def test_the_list_shows_no_secret() -> None:
    key = issue_token("--service", "shop").strip()
    _, prefix, secret = key.split("_", 2)

    text, rows = issue_token("--list"), json.loads(issue_token("--list", "--json"))

    assert prefix in text
    assert "shop" in text
    assert secret not in text
    assert rows[0].keys() == {"prefix", "name", "scopes", "created_at", "revoked_at"}


@pytest.mark.parametrize(
    ("arguments", "returncode"),
    [
        (("--service", ""), 2),
        (("--service", "two\nlines"), 2),
        (("--listener", ""), 2),
        (("--listener", "101", "--ttl-seconds", "0"), 2),
        (("--listener", "101", "--scope", "operate"), 2),
        (("--service", "x", "--ttl-seconds", "5"), 2),
        (("--revoke", "000000000000"), 1),
    ],
)
def test_what_cannot_be_done_says_why(arguments: tuple[str, ...], returncode: int) -> None:
    with pytest.raises(CommandError) as refused:
        issue_token(*arguments)

    assert refused.value.returncode == returncode
    assert not ServiceKey.objects.exists()


def test_the_admin_shows_keys_and_revokes_them() -> None:
    key = service_keys.issue("shop")
    prefix = ServiceKey.objects.get().prefix
    admin = Client()
    admin.force_login(User.objects.create_superuser("root"))

    assert b"shop" in admin.get("/admin/access/servicekey/").content
    assert admin.get("/admin/access/servicekey/add/").status_code == 403
    admin.post("/admin/access/servicekey/", {"action": "revoke", "_selected_action": [prefix]})

    assert service_keys.caller_of(key) is None
