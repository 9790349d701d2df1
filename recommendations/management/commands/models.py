"""manage.py models: the published versions, and which one is live."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from recommendations.model_store import BrokenArtifact
from recommendations.models import ModelVersion
from recommendations.training import report_words, versions


class Command(BaseCommand):
    help = (
        "List the published models, newest first, or make one live. "
        "Examples: manage.py models --activate 20261101T120000-7, manage.py models --rollback"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        switch = parser.add_mutually_exclusive_group()
        switch.add_argument("--activate", metavar="VERSION", help="make this version live")
        switch.add_argument(
            "--rollback",
            action="store_true",
            help="make the version live that was live before the present one",
        )
        parser.add_argument("--json", action="store_true", help="print the list as JSON")

    def handle(self, *, activate: str | None, rollback: bool, **options: Any) -> str:
        if activate is not None:
            make_live(activate)
        elif rollback:
            self._roll_back()
        rows = [described(row) for row in newest_first()]
        if options["json"]:
            return json.dumps(rows)
        return "\n".join(in_words(row) for row in rows) or "no model yet: manage.py retrain"

    def _roll_back(self) -> None:
        """Go back by one version, and name those that were passed over."""
        try:
            done = versions.roll_back()
        except versions.NothingBefore as error:
            raise CommandError(f"{error}: the present one serves on") from error
        for version in done.unreadable:
            self.stderr.write(f"{version} cannot be read and was passed over")


def make_live(version: str) -> None:
    """Activate a version, or end with one line that says why not."""
    try:
        versions.activate(version)
    except ModelVersion.DoesNotExist as error:
        raise CommandError(f"no version {version}; `manage.py models` lists them") from error
    except BrokenArtifact as error:
        raise CommandError(f"not made live, the one before serves on: {error}") from error


def newest_first() -> list[ModelVersion]:
    """All versions with their trainings."""
    return list(ModelVersion.objects.select_related("training_run").order_by("-pk"))


def described(row: ModelVersion) -> dict[str, Any]:
    """One version as JSON shows it."""
    run = row.training_run
    return {
        "version": row.version,
        "algorithm": row.algorithm,
        "live": row.is_live,
        "created_at": row.created_at.isoformat(),
        "parameters": run.parameters,
        "ndcg@10": run.metrics.get("winner", {}).get("ndcg@10"),
        "report": run.metrics.get("report", {}),
        "reason": run.reason,
    }


def in_words(row: dict[str, Any]) -> str:
    """One version as a line."""
    quality, lists = row["ndcg@10"], report_words.in_one_line(row["report"])
    return (
        f"{'live' if row['live'] else '    '}  {row['version']}  {row['algorithm']}"
        + (f"  NDCG@10 {quality:.4f}" if quality is not None else "")
        + (f"  {lists}" if lists else "")
        + f"  {row['reason']}"
    )
