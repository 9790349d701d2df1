"""All checks, of all tables as they stood at one moment, while everything runs."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.utils import timezone

from feedback.models import ConsumerOffset, DeadLetter, OutboxEvent
from feedback.verifying import (
    forgotten_checks,
    letter_checks,
    outbox_checks,
    profile_checks,
)
from feedback.verifying.deep_check import profiles_can_be_made_anew
from feedback.verifying.findings import Finding, Look
from feedback.verifying.meanings import Level
from recommendations.models import Interaction, Listener
from recommendations.one_moment import one_moment

Check = Callable[[Look], Iterator[Finding]]

# In the order of a like's way.
CHECKS: Final[tuple[Check, ...]] = (
    outbox_checks.sequence_leads,
    outbox_checks.waiting_is_short,
    outbox_checks.marks_have_an_effect,
    outbox_checks.effects_are_marked,
    outbox_checks.effects_stand,
    profile_checks.words_are_not_held_ahead,
    profile_checks.words_have_events,
    profile_checks.base_fits_profile,
    profile_checks.values_are_possible,
    profile_checks.listeners_are_there,
    letter_checks.replayed_letters_had_their_effect,
    letter_checks.open_letters_wait,
    forgotten_checks.forgotten_are_gone,
    forgotten_checks.markers_can_be_used,
    forgotten_checks.ledger_is_obeyed,
)


@dataclass(frozen=True)
class Report:
    """What was looked at, and what was found."""

    looked_at: dict[str, int]
    findings: list[Finding]
    seconds: float

    @property
    def is_wrong(self) -> bool:
        """Whether anything is wrong; what only deserves a look is not."""
        return any(finding.level is Level.WRONG for finding in self.findings)


class Progress:
    """Whom a verification tells how far it is; this one keeps it to itself."""

    def begin(self, rows: int) -> None:
        """So many rows will be read one by one."""

    def check(self, name: str) -> None:
        """The next check begins."""

    def advance(self, rows: int) -> None:
        """So many more were read."""

    def rebuilding(self, what: str, rows: int) -> None:
        """So many rows of the base, or records of the log, were read so far."""


def verify(*, limit: int, deep: bool = False, progress: Progress | None = None) -> Report:
    """Look at everything. Changes nothing and keeps no writer waiting.

    deep: also make the profiles anew beside the live ones, which takes as long as a rebuild.
    """
    progress = progress or Progress()
    started = time.monotonic()
    findings: list[Finding] = []
    with one_moment():
        look = Look(timezone.now(), limit, progress.advance)
        looked_at = _sizes()
        progress.begin(looked_at["words"] + looked_at["outbox"])
        for check in CHECKS:
            progress.check(check.__name__.replace("_", " "))
            findings += check(look)
        positions = list(ConsumerOffset.objects.filter(topic=settings.LIKES_TOPIC))
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        # Only here: an installation without Kafka need not wait for its client's import. And only
        # now: a broker that does not answer must not keep the database's moment open.
        from feedback.verifying.log_checks import positions_fit_the_log

        progress.check("positions fit the log")
        findings += positions_fit_the_log(look, positions)
    if deep:
        progress.check("profiles can be made anew")
        findings += profiles_can_be_made_anew(look, progress.rebuilding)
    return Report(looked_at, findings, time.monotonic() - started)


def _sizes() -> dict[str, int]:
    return {
        "words": Interaction.objects.count(),
        "listeners": Listener.objects.count(),
        "outbox": OutboxEvent.objects.count(),
        "waiting": OutboxEvent.objects.filter(applied_at=None).count(),
        "dead_letters": DeadLetter.objects.count(),
    }
