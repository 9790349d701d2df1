"""Who was forgotten: kept as digests, so that the list of them names nobody.

A marker says: what this user said up to the barrier never was. Every writer of profiles asks here
in its own transaction, behind ``profiles.let_writers_in``, and drops what lies at or below it.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from recommendations import forgotten_keys
from recommendations.forgotten_ledger import Entry
from recommendations.models import ForgottenListener

_USERS_AT_A_TIME: Final = 9_000


def anybody() -> bool:
    """Whether there is any marker; nearly always there is none, and nothing more to look at."""
    # Every batch and every like asks. Through the ORM it would take five times as long.
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM forgotten_listener)")
        return bool(cursor.fetchone()[0])


def barriers(user_ids: Collection[str]) -> dict[str, int]:
    """The greatest order key that no longer counts, of those users who were ever forgotten."""
    if not user_ids or not anybody():
        return {}
    whose = {digest: user_id for user_id in user_ids for digest in forgotten_keys.digests(user_id)}
    found: dict[str, int] = {}
    wanted = list(whose)
    for start in range(0, len(wanted), 900):
        rows = ForgottenListener.objects.filter(digest__in=wanted[start : start + 900])
        for digest, barrier in rows.values_list("digest", "barrier"):
            user_id = whose[digest]
            found[user_id] = max(barrier, found.get(user_id, barrier))
    return found


def among(user_ids: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Of many users, those who were ever forgotten, each with the barrier; few at a time."""
    if not anybody():
        return
    chunk: list[str] = []
    for user_id in user_ids:
        chunk.append(user_id)
        if len(chunk) == _USERS_AT_A_TIME:
            yield from barriers(chunk).items()
            chunk = []
    yield from barriers(chunk).items()


def mark(user_id: str, barrier: int) -> Entry:
    """Write or raise the marker of a user, in the caller's transaction."""
    name, digest = forgotten_keys.name(), forgotten_keys.digest(user_id)
    marker = Entry(digest, name, barrier, timezone.now())
    ForgottenListener.objects.update_or_create(
        digest=marker.digest, defaults=_values(marker, finished=True)
    )
    return marker


def learn(entries: Iterable[Entry]) -> int:
    """Write the markers that are not here, or lower here; return how many.

    They are not finished: what is theirs may have to be deleted here.
    """
    latest: dict[str, Entry] = {}
    for entry in entries:
        known = latest.get(entry.digest)
        if known is None or entry.barrier > known.barrier:
            latest[entry.digest] = entry
    here = dict(ForgottenListener.objects.values_list("digest", "barrier")) if latest else {}
    missing = [entry for entry in latest.values() if entry.barrier > here.get(entry.digest, -1)]
    for entry in missing:
        values = _values(entry, finished=False)
        _, made = ForgottenListener.objects.get_or_create(digest=entry.digest, defaults=values)
        if not made:
            # Only upwards, also where somebody is forgotten again just now.
            lower = ForgottenListener.objects.filter(digest=entry.digest, barrier__lt=entry.barrier)
            lower.update(**values)
    return len(missing)


class Unfinished:
    """The markers whose users may still have rows here, as a question: is this one of them?"""

    def __init__(self) -> None:
        # Those of a key that is gone cannot be told whose they are; checks say so.
        rows = ForgottenListener.objects.filter(finished=False, key_name__in=forgotten_keys.names())
        self._barriers = dict(rows.values_list("digest", "barrier"))

    def __bool__(self) -> bool:
        return bool(self._barriers)

    def barrier(self, user_id: str) -> int | None:
        """Up to where the rows of this user go; None for whom no such marker is about."""
        found = [self._barriers.get(digest, -1) for digest in forgotten_keys.digests(user_id)]
        return max(found) if max(found) >= 0 else None

    def finish(self) -> None:
        """Note that all of their rows are deleted, in the caller's transaction."""
        for digest, barrier in self._barriers.items():
            # Not one that was raised meanwhile.
            rows = ForgottenListener.objects.filter(digest=digest, barrier=barrier)
            rows.update(finished=True)


def _values(marker: Entry, *, finished: bool) -> dict[str, Any]:
    return {
        "key_name": marker.key_name,
        "barrier": marker.barrier,
        "forgotten_at": marker.forgotten_at,
        "finished": finished,
    }
