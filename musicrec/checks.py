"""Settings that cannot work, or do not fit each other, as Django system checks.

Errors stop every command, and the web process before its first request.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution

from access.listener_tokens import MAX_TTL_SECONDS
from musicrec.disks import network_filesystem
from recommendations import forgotten_keys, forgotten_ledger
from recommendations.engine.algorithms import ALGORITHMS

SHORTEST_SECRET: Final = 32
LOOPBACK: Final = {"localhost", "127.0.0.1", "[::1]", "::1"}
TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")

AT_LEAST: Final = {
    "LIKES_PARTITIONS": 1,
    "LIKES_SESSION_SECONDS": 1,
    "POISON_IN_A_ROW": 0,
    "POISON_SHARE": 0,
    "POISON_WINDOW": 0,
    "RETRAIN_INTERVAL_SECONDS": 1,
    "REFRESH_INTERVAL_SECONDS": 0,
    "TRAINING_LEASE_SECONDS": 1,
    "TRAINING_BUDGET_SECONDS": 1,
    "SERVING_BUDGET_MICROSECONDS": 1,
    "LISTENER_TOKEN_TTL_SECONDS": 1,
    "PASSWORD_RESET_TIMEOUT": 1,
    "TRUSTED_PROXIES": 0,
    # 0 would be no wait at all on SQLite, and on Postgres one without end.
    "LOCK_TIMEOUT_SECONDS": 1,
}


@register
def settings_make_sense(**_: Any) -> list[CheckMessage]:
    """What is wrong with a setting by itself."""
    return [*_numbers(), *_names(), *_secret()]


@register
def settings_fit_each_other(**_: Any) -> list[CheckMessage]:
    """What is wrong with settings taken together, or with the machine that they are for."""
    return [*_open_doors(), *_database(), *_ledger()]


def refuse_errors() -> None:
    """End the process where a setting makes no sense: for the web, which runs no command."""
    errors = [message for message in settings_make_sense() if message.is_serious()]
    if errors:
        sys.exit("\n".join(f"{error.msg}\n  {error.hint}" for error in errors))


def _numbers() -> Iterator[CheckMessage]:
    for name, least in AT_LEAST.items():
        if getattr(settings, name) < least:
            yield Error(
                f"{name} is below {least}", hint=f"set it to {least} or more", id="musicrec.E001"
            )
    for kind, limit in settings.REQUESTS_PER_MINUTE.items():
        if limit < 0:
            yield Error(
                f"{kind.upper()}_REQUESTS_PER_MINUTE is negative",
                hint="0 means no limit",
                id="musicrec.E001",
            )
    if settings.LIKES_MAX_POLL_SECONDS < settings.LIKES_SESSION_SECONDS:
        yield Error(
            "LIKES_MAX_POLL_SECONDS is below LIKES_SESSION_SECONDS, which Kafka's client refuses",
            hint="a batch must be allowed to take as long as a session",
            id="musicrec.E001",
        )
    if settings.POISON_SHARE >= 1:
        yield Error(
            "POISON_SHARE is 1 or more, which no share can exceed",
            hint="set it below 1; 0 means no limit",
            id="musicrec.E001",
        )
    if settings.LISTENER_TOKEN_TTL_SECONDS > MAX_TTL_SECONDS:
        yield Error(
            "LISTENER_TOKEN_TTL_SECONDS is more than ten years",
            hint=f"set it to {MAX_TTL_SECONDS} or less",
            id="musicrec.E001",
        )


def _names() -> Iterator[CheckMessage]:
    if settings.MODEL_ALGORITHM not in ("auto", *ALGORITHMS):
        yield Error(
            f"MODEL_ALGORITHM is {settings.MODEL_ALGORITHM!r}, which nothing here is called",
            hint=f"set it to auto or one of {', '.join(ALGORITHMS)}",
            id="musicrec.E002",
        )
    if not TOPIC.fullmatch(settings.LIKES_TOPIC):
        yield Error(
            f"LIKES_TOPIC is {settings.LIKES_TOPIC!r}, which Kafka refuses as a name",
            hint="letters, digits, dot, underscore and hyphen, at most 249",
            id="musicrec.E003",
        )
    if settings.REDIS_URL and not settings.REDIS_URL.startswith(
        ("redis://", "rediss://", "unix://")
    ):
        yield Error(
            "REDIS_URL is not an address of Redis",
            hint="redis://host:6379/0, or rediss:// or unix://",
            id="musicrec.E004",
        )


def _secret() -> Iterator[CheckMessage]:
    short = len(settings.SECRET_KEY) < SHORTEST_SECRET or len(set(settings.SECRET_KEY)) < 5
    guessable = short or settings.SECRET_KEY.startswith("django-insecure-")
    if guessable and not settings.DEBUG:
        yield Error(
            "SECRET_KEY can be guessed, and who has it can sign tokens for any listener",
            hint='python -c "import secrets; print(secrets.token_urlsafe(50))" makes one',
            id="musicrec.E005",
        )


def _open_doors() -> Iterator[CheckMessage]:
    public = sorted(set(settings.ALLOWED_HOSTS) - LOOPBACK)
    for name, what in (
        ("SEED_ROUTES_OPEN", "anyone may like and be recommended songs as any listener"),
        ("DEMO", "anyone may choose to be any listener"),
        ("DEBUG", "errors show the inside of the server"),
    ):
        if public and getattr(settings, name):
            yield Caution(
                f"{name} is on and ALLOWED_HOSTS has {', '.join(public)}: {what}",
                hint=f"turn {name} off, or leave ALLOWED_HOSTS to this machine",
                id="musicrec.W001",
            )


def _database() -> Iterator[CheckMessage]:
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        return
    kind = network_filesystem(database["NAME"])
    if kind:
        yield Caution(
            f"the SQLite file {database['NAME']} lies on a network disk ({kind})",
            hint="put it on a local disk (STATE_DIR), or use Postgres (DATABASE_URL): locks of a"
            " network disk do not hold, and an acknowledged like may be lost",
            id="musicrec.W002",
        )


def _ledger() -> Iterator[CheckMessage]:
    """Of the ledger, not of the table: checks run where there is no database yet."""
    try:
        entries = forgotten_ledger.read()
    except forgotten_ledger.LedgerUnreadable as error:
        yield Error(
            str(error),
            hint="correct the path or the file's rights: without it nothing is applied or loaded",
            id="musicrec.E006",
        )
        return
    lost = forgotten_keys.lost(name for _, name in {entry[:2] for entry in entries})
    if lost:
        yield Caution(
            f"{lost} users who were forgotten cannot be told any more: the SECRET_KEY of then is"
            " neither in SECRET_KEY_FALLBACKS nor in FORGOTTEN_KEYS",
            hint=forgotten_keys.ADVICE,
            id="musicrec.W003",
        )
