"""The browser sessions that speak for a listener, and how they stop doing so.

A session's row names its listener inside its signed data, where no query finds it; so all rows are
read. They are those of people who have signed in to the pages, far fewer than there are listeners.
"""

from collections.abc import Callable, Iterator
from typing import Final

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

# What the pages write into a session: whose it is, and until when in seconds since 1970; None for
# a listener that was chosen, not signed in as.
SESSION_KEY: Final = "listener"
UNTIL_KEY: Final = "listener_until"


def with_a_listener() -> Iterator[tuple[Session, str]]:
    """Every session that speaks for a listener, expired ones too, with the user id."""
    for session in Session.objects.iterator(chunk_size=1_000):
        user_id = session.get_decoded().get(SESSION_KEY)
        if isinstance(user_id, str):
            yield session, user_id


def of(user_id: str) -> list[Session]:
    """The sessions that speak for this listener."""
    return [session for session, whose in with_a_listener() if whose == user_id]


def part(is_theirs: Callable[[str], bool]) -> int:
    """Let the sessions of these listeners speak for nobody; return how many.

    What else is in them stays: a member of staff may have looked at that listener's page.
    """
    # Read to the end first: writing while a query is read shows some rows twice.
    theirs = [session for session, user_id in with_a_listener() if is_theirs(user_id)]
    for session in theirs:
        store = SessionStore(session.session_key)
        store.pop(SESSION_KEY, None)
        store.pop(UNTIL_KEY, None)
        if store.keys():
            store.save()
        else:
            store.delete()
    return len(theirs)
