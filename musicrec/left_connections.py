"""Connections to the database that a thread leaves behind when it ends.

The web server ends threads that have nothing to do and starts others when it needs them. Django
keeps a connection a thread, in a ring of references that only the rarest collection undoes
(wsgi.py): until then its descriptors, its memory and its place at the server belong to nobody.

They are closed when the next connection is made, so that there are about as many as there may be
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


def close_what_is_left(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Note whose a new connection is, and close those whose threads have ended.

    The receiver of Django's connection_created.
    """
    if not hasattr(_thread, "owner"):
        _thread.owner = _Owner()
    with _lock:
        _owners[connection] = ref(_thread.owner)
        left = [each for each, owner in _owners.items() if owner() is None]
        for each in left:
            del _owners[each]
    for each in left:
        # It is of another thread, which does not come back.
        each.inc_thread_sharing()
        each.close()
