"""Connections to the database that a thread leaves behind when it ends.

The web server ends threads that have nothing to do and starts others when it needs them. Django
keeps a connection a thread, in a ring of references that only the rarest collection undoes
(wsgi.py): until then its descriptors, its memory and its place at the server belong to nobody.

They are closed before the next new thread connects, so that there are never more than there may be
threads. Not at the thread's own end: SQLite gives its functions back then, for which Python 3.11
would end the thread a second time and crash (https://github.com/python/cpython/issues/119585).
"""

import threading
from typing import Any, Final
from weakref import WeakKeyDictionary, ref

from django.db.backends.base.base import BaseDatabaseWrapper


class _Owner:
    """Stands for a thread, and goes with it."""


_thread: Final = threading.local()
_lock: Final = threading.Lock()
# Nothing is kept by standing here; a connection that is given up otherwise goes by itself.
_owners: Final[WeakKeyDictionary[BaseDatabaseWrapper, ref[_Owner]]] = WeakKeyDictionary()


def close_what_is_left(**_: Any) -> None:
    """Close the connections of threads that have ended, where this thread begins its first request.

    The receiver of Django's request_started. Of threads that begin together all wait for the first:
    SQLite cannot give back a descriptor while the process has another connection to the file.
    """
    if hasattr(_thread, "owner"):
        return
    _thread.owner = _Owner()
    with _lock:
        for left in [each for each, owner in _owners.items() if owner() is None]:
            del _owners[left]
            # It is of another thread, which does not come back.
            left.inc_thread_sharing()
            left.close()


def note_owner(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Note whose a new connection is; the receiver of Django's connection_created."""
    # In a thread that has no requests, this is its beginning.
    close_what_is_left()
    with _lock:
        _owners[connection] = ref(_thread.owner)
