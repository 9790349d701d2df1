"""``manage.py export_user``: everything that is held of one user, as JSON."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from feedback.forgetting.exporting import export


class Command(BaseCommand):
    """Write one JSON object to standard output, whatever its size."""

    help = (
        "Print everything that is held of a user as JSON: profile, events, dead letters, sessions."
        " Example: manage.py export_user 101 > 101.json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the argument."""
        parser.add_argument("user_id", metavar="USER", help="whose data, by the user id")
        parser.add_argument("--json", action="store_true", help="it is JSON without this, too")

    def handle(self, *, user_id: str, **options: Any) -> None:
        """Print it piece by piece."""
        is_nothing = True
        for piece in export(user_id):
            self.stdout.write(piece.decode(), ending="")
            is_nothing = False
        if is_nothing:
            raise CommandError(f"nothing is held of {user_id!a}")
        self.stdout.write()
