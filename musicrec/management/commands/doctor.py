"""``manage.py doctor``: what is fine here, what is not, and what to do about it."""

import argparse
import json
import sys
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

from musicrec.examination import examine
from musicrec.log_lines import redacted

MARKS: Final = {"ok": "ok     ", "degraded": "look   ", "broken": "BROKEN "}


class Command(BaseCommand):
    """Prints a line a finding. Changes nothing."""

    help = "Check this installation: settings, folders, database, model, Kafka, Redis, processes."
    # It reports what the checks find instead of dying of it.
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The example keeps its lines."""
        return super().create_parser(
            prog_name,
            subcommand,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=(
                "exit codes: 0 nothing is broken, 1 something is\n\n"
                "example:\n"
                "  manage.py doctor --json | jq '.findings[] | select(.state == \"broken\")'\n"
            ),
            **kwargs,
        )

    def add_arguments(self, parser: CommandParser) -> None:
        """How to print."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, json: bool, **options: Any) -> None:
        """Look at everything; exit with 1 if something is broken."""
        findings = []
        for found in examine():
            findings.append(found)
            if not json:
                self.stdout.write(_line(found.state, found.name, found.detail, found.inside))
                if found.state != "ok" and found.advice:
                    self.stdout.write(f"{'':23}-> {found.advice}")
        broken = any(found.state == "broken" for found in findings)
        if json:
            self.stdout.write(_as_json(findings, broken=broken))
        else:
            self.stdout.write("Whether every like had its effect: manage.py verify_likes")
        if broken:
            sys.exit(1)


def _line(state: str, name: str, detail: str, inside: str) -> str:
    return redacted(f"{MARKS[state]} {name:<14} {detail}{f' ({inside})' if inside else ''}")


def _as_json(findings: list[Any], *, broken: bool) -> str:
    rows = [
        {
            "name": found.name,
            "state": found.state,
            "detail": found.detail,
            "inside": redacted(found.inside),
            "advice": found.advice,
        }
        for found in findings
    ]
    return json.dumps({"broken": broken, "findings": rows})
