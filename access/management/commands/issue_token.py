"""``manage.py issue_token``: make, list and revoke what callers of the API show."""

import argparse
import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from access import listener_tokens, service_keys
from access.callers import OPERATE, SCOPES
from access.models import ServiceKey


class Command(BaseCommand):
    """Prints the credential alone, so that ``TOKEN=$(manage.py issue_token …)`` works."""

    help = (
        "Make a credential for the API and print it. A service key is shown this once: only a hash"
        " of it is stored. Use it as 'Authorization: Bearer …'."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Examples keep their lines."""
        return super().create_parser(
            prog_name,
            subcommand,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=(
                "examples:\n"
                "  manage.py issue_token --service shop   a program that acts for any user\n"
                "  manage.py issue_token --service ops --scope operate\n"
                "  manage.py issue_token --listener 101 --ttl-seconds 3600\n"
                "  manage.py issue_token --list\n"
                "  manage.py issue_token --revoke 4f1c09ab22de\n"
            ),
            **kwargs,
        )

    def add_arguments(self, parser: CommandParser) -> None:
        """One of four things to do."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--service", metavar="NAME", help="make a service key for this program")
        what.add_argument("--listener", metavar="USER_ID", help="sign a token for this user")
        what.add_argument(
            "--revoke", metavar="PREFIX", help="end a service key at once (mrs_PREFIX_…)"
        )
        what.add_argument("--list", action="store_true", help="show all service keys")
        parser.add_argument("--scope", choices=SCOPES, help="operate adds models and training")
        parser.add_argument(
            "--ttl-seconds",
            type=int,
            help=f"life of a listener token, {settings.LISTENER_TOKEN_TTL_SECONDS} unless given",
        )
        parser.add_argument("--json", action="store_true", help="with --list: as JSON")

    def handle(
        self,
        *,
        service: str | None,
        listener: str | None,
        revoke: str | None,
        scope: str | None,
        ttl_seconds: int | None,
        json: bool,
        **options: Any,
    ) -> str:
        """Do it, or exit with 2 for options that do not go together."""
        if scope and service is None:
            raise CommandError("--scope goes with --service", returncode=2)
        if ttl_seconds is not None and listener is None:
            raise CommandError("--ttl-seconds goes with --listener", returncode=2)
        if service is not None:
            return _issue_key(service, scope)
        if listener is not None:
            return _issue_token(listener, ttl_seconds)
        if revoke is not None:
            return _revoke(revoke)
        return _listed(as_json=json)


def _issue_key(name: str, scope: str | None) -> str:
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise CommandError("--service: a name has 1 to 100 printable characters", returncode=2)
    return service_keys.issue(name, [OPERATE] if scope == OPERATE else [])


def _issue_token(user_id: str, ttl_seconds: int | None) -> str:
    ttl = settings.LISTENER_TOKEN_TTL_SECONDS if ttl_seconds is None else ttl_seconds
    try:
        return listener_tokens.issue(user_id, ttl)
    except ValueError as error:
        raise CommandError(str(error), returncode=2) from error


def _revoke(given: str) -> str:
    # Whoever pastes the whole key means its prefix.
    prefix = given.removeprefix(service_keys.START).partition("_")[0]
    try:
        ended = service_keys.revoke(prefix)
    except service_keys.UnknownKey as error:
        raise CommandError(f"there is no service key {prefix}: see --list") from error
    return f"revoked {prefix}" if ended else f"{prefix} was revoked before"


def _listed(*, as_json: bool) -> str:
    keys = ServiceKey.objects.order_by("created_at", "prefix")
    if as_json:
        rows = keys.values("prefix", "name", "scopes", "created_at", "revoked_at")
        return json.dumps(list(rows), default=lambda time: time.isoformat())
    lines = [
        f"{key.prefix}  {key.scopes:<13}  {key.created_at:%Y-%m-%d}  "
        f"{f'revoked {key.revoked_at:%Y-%m-%d}' if key.revoked_at else 'valid':<18}  {key.name}"
        for key in keys
    ]
    return "\n".join(lines) or "there are no service keys"
