"""Checks of settings: what stops the start, and what is only warned about."""

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from musicrec import checks
from musicrec.disks import network_filesystem
from recommendations import forgotten_keys, forgotten_ledger
from recommendations.forgotten_ledger import Entry

GOOD_SECRET = "kP3v-9sLq0Zr7TgXw2Yb5NcMdHfJ1uAeRiOo6tQz8WxE4yUm"


def found() -> list[str | None]:
    """The ids of what our checks find."""
    messages = [*checks.settings_make_sense(), *checks.settings_fit_each_other()]
    return [message.id for message in messages]


def test_the_default_settings_have_nothing_to_be_said_about() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("LIKES_PARTITIONS", 0, "musicrec.E001"),
        ("LIKES_SESSION_SECONDS", 0.5, "musicrec.E001"),
        ("LIKES_MAX_POLL_SECONDS", 5.0, "musicrec.E001"),
        ("POISON_IN_A_ROW", -1, "musicrec.E001"),
        ("POISON_SHARE", 1.0, "musicrec.E001"),
        ("POISON_WINDOW", -1, "musicrec.E001"),
        ("TRUSTED_PROXIES", -1, "musicrec.E001"),
        ("LOCK_TIMEOUT_SECONDS", 0.0, "musicrec.E001"),
        ("LISTENER_TOKEN_TTL_SECONDS", 10**12, "musicrec.E001"),
        ("REQUESTS_PER_MINUTE", {"listener": -1}, "musicrec.E001"),
        ("MODEL_ALGORITHM", "magic", "musicrec.E002"),
        ("LIKES_TOPIC", "song likes", "musicrec.E003"),
        ("REDIS_URL", "localhost:6379", "musicrec.E004"),
        ("SECRET_KEY", "changeme", "musicrec.E005"),
        ("SECRET_KEY", "a" * 60, "musicrec.E005"),
        ("SECRET_KEY", "django-insecure-" + GOOD_SECRET, "musicrec.E005"),
    ],
)
def test_a_setting_that_cannot_work_stops_the_start(
    settings: Settings, name: str, value: object, code: str
) -> None:
    setattr(settings, name, value)

    assert found() == [code]
    with pytest.raises(SystemExit):
        checks.refuse_errors()


def test_a_weak_secret_is_left_to_whoever_debugs(settings: Settings) -> None:
    settings.DEBUG, settings.SECRET_KEY = True, "changeme"
    settings.ALLOWED_HOSTS = ["localhost"]

    assert found() == []


@pytest.mark.parametrize("name", ["SEED_ROUTES_OPEN", "DEMO", "DEBUG"])
def test_a_door_that_is_open_to_the_world_is_warned_about(settings: Settings, name: str) -> None:
    setattr(settings, name, True)
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    assert found() == []

    settings.ALLOWED_HOSTS = ["localhost", "music.example.org"]
    assert found() == ["musicrec.W001"]
    checks.refuse_errors()


def test_a_sqlite_file_on_a_network_disk_is_warned_about(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "network_filesystem", lambda _: "nfs4")

    expected = ["musicrec.W002"] if settings.DATABASES["default"]["ENGINE"].endswith("3") else []
    assert found() == expected


def test_the_deepest_mount_and_of_two_the_later_one_holds_a_file(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "disk / ext4 rw 0 0\n"
        "server:/home /home nfs4 rw 0 0\n"
        "disk2 /home/local ext4 rw 0 0\n"
        "server:/x /home/my\\040music cifs rw 0 0\n"
        "server:/y /srv nfs rw 0 0\n"
        "disk3 /srv xfs rw 0 0\n"
    )

    assert network_filesystem("/var/db.sqlite3", mounts) is None
    assert network_filesystem("/home/db.sqlite3", mounts) == "nfs4"
    assert network_filesystem("/home/local/db.sqlite3", mounts) is None
    assert network_filesystem("/home/my music/db.sqlite3", mounts) == "cifs"
    assert network_filesystem("/homes/db.sqlite3", mounts) is None
    assert network_filesystem("/srv/db.sqlite3", mounts) is None
    assert network_filesystem("/srv/db.sqlite3", tmp_path / "no such table") is None


def test_with_https_set_django_itself_has_no_warning_for_a_deployment(settings: Settings) -> None:
    # The values that musicrec/settings.py gives these where HTTPS=1.
    settings.SECRET_KEY = GOOD_SECRET + GOOD_SECRET
    settings.ALLOWED_HOSTS = ["music.example.org"]
    settings.SECURE_SSL_REDIRECT = True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 31_536_000

    call_command("check", deploy=True, fail_level="WARNING", stdout=StringIO(), stderr=StringIO())


def test_forgotten_users_whose_key_is_gone_are_warned_about(settings: Settings) -> None:
    old, digest = settings.SECRET_KEY, "0" * 64
    entry = Entry(digest, forgotten_keys.name(), 1, datetime(2026, 7, 1, tzinfo=UTC))
    forgotten_ledger.append(entry)
    forgotten_ledger.append(entry._replace(barrier=2))
    assert found() == []

    settings.SECRET_KEY = GOOD_SECRET
    assert found() == ["musicrec.W003"]
    assert str(checks.settings_fit_each_other()[0].msg).startswith("1 users who were forgotten")

    settings.FORGOTTEN_KEYS = [old]
    assert found() == []


def test_a_ledger_that_cannot_be_read_is_an_error(settings: Settings, tmp_path: Path) -> None:
    settings.FORGOTTEN_LEDGER = tmp_path

    assert found() == ["musicrec.E006"]
