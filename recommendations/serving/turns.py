"""One request of a process at a time where taking turns is cheaper than sharing.

Threads of one interpreter do not compute at once. Where several try, each numpy call and each
read of SQLite hands the interpreter over and waits to have it back: four threads that recommend
took twice the CPU of one. A process that needs more than one core needs more workers instead.
"""

import threading
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Final

from django.db import connection

# Reentrant: a request that has the turn for all of its work takes it again for its arithmetic.
ARITHMETIC: Final = threading.RLock()


@cache
def whole_request() -> AbstractContextManager[object]:
    """The turn for a request that only reads and computes, its reads included.

    A read of SQLite is computing, and never waits for a writer (WAL). One of a server is mostly
    waiting, which threads do well at once.
    """
    return ARITHMETIC if connection.vendor == "sqlite" else nullcontext()
