"""``manage.py alive PROCESS``: the health check of a process that serves no requests."""

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from musicrec.signs_of_life import FAULTS


class Command(BaseCommand):
    """Exits with 0 or 1. Changes nothing."""

    help = "Say whether the consumer, the relay or beat of this machine goes on with its work."
    # It is asked often, and is not what finds faults of settings.
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The example keeps its lines."""
        return super().create_parser(
            prog_name,
            subcommand,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=(
                "exit codes: 0 it does, 1 it has not been seen lately\n\n"
                "example:\n"
                "  manage.py alive consumer || systemctl restart musicrec-consumer\n"
            ),
            **kwargs,
        )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which process."""
        parser.add_argument("process", choices=sorted(FAULTS), help="the process to ask for")

    def handle(self, *, process: str, **options: Any) -> str:
        """Look once; exit with 1 where the process has not been seen."""
        try:
            fault = FAULTS[process]()
        except DatabaseError as error:
            fault = f"the database does not answer: {error}"
        if fault is not None:
            sys.exit(f"{process}: {fault}")
        return f"{process} runs"
