"""Whether nothing is left of those who were forgotten, and nothing can bring them back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from feedback.events import parse
from feedback.forgetting import unsaid
from feedback.letters import as_record
from feedback.models import DeadLetter, OutboxEvent
from feedback.verifying.findings import ROWS_A_READ, Finding, Look
from feedback.verifying.letter_checks import pages
from feedback.verifying.meanings import Code
from recommendations import forgotten, forgotten_keys, forgotten_ledger
from recommendations.models import BaseWord, ForgottenListener, Interaction, Listener, ShadowWord

WORDS: Final[tuple[type[Interaction | BaseWord | ShadowWord], ...]] = (
    Interaction,
    BaseWord,
    ShadowWord,
)
IN_PROGRESS: Final = timedelta(minutes=1)


def forgotten_are_gone(look: Look) -> Iterator[Finding]:
    """No row of a forgotten user is of the time up to the marker."""
    cases = look.cases()
    listeners = Listener.objects.order_by("user_id").values_list("user_id", flat=True)
    for user_id, barrier in forgotten.among(listeners.iterator(ROWS_A_READ)):
        for words in WORDS:
            found = words._default_manager.filter(listener__user_id=user_id, order_key__lte=barrier)
            for row_id in found.values_list("id", flat=True):
                cases.add(f"{words._meta.db_table} id {row_id}")
    users = OutboxEvent.objects.order_by("user_id").values_list("user_id", flat=True).distinct()
    for user_id, barrier in forgotten.among(users.iterator(ROWS_A_READ)):
        for seq in _outbox_up_to(user_id, barrier):
            cases.add(f"outbox seq {seq}")
    if forgotten.anybody():
        for letters in pages(DeadLetter.objects.all()):
            said = [(record, parse(record)) for record in map(as_record, letters)]
            for at in sorted(unsaid.among(said)):
                cases.add(f"dead_letter id {letters[at].pk}")
    yield from cases.found(Code.FORGOTTEN_STAYS)


def markers_can_be_used(look: Look) -> Iterator[Finding]:
    """Each marker was made with a secret key that is still set."""
    cases = look.cases()
    lost = ForgottenListener.objects.exclude(key_name__in=forgotten_keys.names())
    for marker in lost.iterator():
        cases.add(f"key {marker.key_name} forgotten at {marker.forgotten_at:%Y-%m-%d %H:%M}")
    yield from cases.found(Code.FORGET_KEY_GONE)


def ledger_is_obeyed(look: Look) -> Iterator[Finding]:
    """Each line of the ledger is in the database; the newest may be of a forgetting in progress."""
    cases = look.cases()
    try:
        entries = forgotten_ledger.read()
    except forgotten_ledger.LedgerUnreadable:
        return  # nothing is applied then, and every process says why
    here = dict(ForgottenListener.objects.values_list("digest", "barrier")) if entries else {}
    for entry in entries:
        is_new = entry.forgotten_at > look.now - IN_PROGRESS
        if entry.barrier > here.get(entry.digest, -1) and not is_new:
            cases.add(f"{entry.digest[:8]}… forgotten at {entry.forgotten_at:%Y-%m-%d %H:%M}")
    yield from cases.found(Code.FORGET_MARKER_LOST)


def _outbox_up_to(user_id: str, barrier: int) -> Iterator[int]:
    rows = OutboxEvent.objects.filter(user_id=user_id, seq__lte=barrier)
    return rows.values_list("seq", flat=True).iterator()
