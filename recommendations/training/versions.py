"""Which published version is live, which was before it, and which are kept."""

import logging
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from recommendations import model_store
from recommendations.model_store import BrokenArtifact
from recommendations.models import ModelVersion

logger = logging.getLogger(__name__)

KEPT_VERSIONS = 5


class NothingBefore(Exception):
    """No version that was live before can be made live again, and why."""


@dataclass(frozen=True)
class RolledBack:
    """Which version is live again, and which ones could not be read on the way to it."""

    version: str
    unreadable: tuple[str, ...]


def live_version() -> ModelVersion | None:
    """The version that serves, None before the first training."""
    return ModelVersion.objects.filter(is_live=True).select_related("training_run").first()


def activate(version: str) -> None:
    """Make a version live, after reading it whole.

    Raises BrokenArtifact, or ModelVersion.DoesNotExist.
    """
    ModelVersion.objects.get(version=version)
    model_store.load(version)
    with transaction.atomic():
        make_live(version)


def roll_back() -> RolledBack:
    """Make the version live that was live before the present one, the last that can be read.

    What it takes the place of counts as never made live, so that a second rollback goes further
    back and not forth again. Raises NothingBefore.
    """
    broken: list[str] = []
    for version in _live_before().values_list("version", flat=True):
        try:
            model_store.load(version)
        except BrokenArtifact as error:
            logger.warning("not rolled back to %s: %s", version, error)
            broken.append(version)
            continue
        _return_to(version)
        return RolledBack(version, tuple(broken))
    unreadable = f"; {', '.join(broken)} cannot be read" if broken else ""
    raise NothingBefore(f"no version was live before the present one{unreadable}")


def make_live(version: str) -> None:
    """Switch the one live mark, inside the caller's transaction.

    Raises ModelVersion.DoesNotExist where the version was cleared away meanwhile; the caller's
    transaction then leaves the mark where it was.
    """
    _switch(version)
    ModelVersion.objects.filter(version=version).update(activated_at=timezone.now())


def take_place_of(refreshed: str, version: str) -> bool:
    """Make a version live in place of the one that it was made from, if that is live.

    Inside the caller's transaction. The other one counts as never made live, so that a rollback
    goes past all refreshes to the recipe before. Raises ModelVersion.DoesNotExist.
    """
    _lock()
    if not ModelVersion.objects.filter(version=refreshed, is_live=True).exists():
        return False
    make_live(version)
    ModelVersion.objects.filter(version=refreshed).update(activated_at=None)
    return True


def prune() -> None:
    """Keep the newest few, the live one and the one before it; the trainings of others stay."""
    newest = ModelVersion.objects.order_by("-pk").values_list("pk", flat=True)[:KEPT_VERSIONS]
    before = _live_before().values_list("pk", flat=True)[:1]
    for old in ModelVersion.objects.filter(is_live=False).exclude(pk__in=[*newest, *before]):
        old.delete()
        model_store.remove(old.version)


def _live_before() -> QuerySet[ModelVersion]:
    """Versions that were live, the last first."""
    return ModelVersion.objects.filter(is_live=False, activated_at__isnull=False).order_by(
        "-activated_at", "-pk"
    )


@transaction.atomic
def _return_to(version: str) -> None:
    """Make it live as of when it first was, and forget that the present one ever was."""
    _lock()
    ModelVersion.objects.filter(is_live=True).update(activated_at=None)
    _switch(version)


def _switch(version: str) -> None:
    _lock()
    ModelVersion.objects.filter(is_live=True).exclude(version=version).update(is_live=False)
    if not ModelVersion.objects.filter(version=version).update(is_live=True):
        raise ModelVersion.DoesNotExist(version)


def _lock() -> None:
    # Locked in one order, so that of two switches at once the second waits for the first.
    list(ModelVersion.objects.select_for_update().order_by("pk"))
