"""Shifts the clock of a process of the project, before anything else is imported.

Python runs a module of this name, found on PYTHONPATH, at the start of every process. FAULTS_CLOCK
names a file that holds the seconds by which the clock is wrong, as a double; it may be rewritten
at any time, and the clock is then set forward or back under a running process. Only what asks for
the time of day is shifted: waits and timeouts go by the monotonic clock, as on a real machine, and
the database has its own.
"""

import mmap
import os
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

from django.utils import timezone


def _shift(file: Path) -> None:
    with file.open("rb") as opened:
        wrong = mmap.mmap(opened.fileno(), 8, prot=mmap.PROT_READ)
    real, real_ns = time.time, time.time_ns

    def seconds() -> float:
        return float(struct.unpack_from("<d", wrong)[0])

    time.time = lambda: real() + seconds()
    time.time_ns = lambda: real_ns() + int(seconds() * 1e9)
    timezone.now = lambda: datetime.fromtimestamp(real() + seconds(), UTC)


if "FAULTS_CLOCK" in os.environ:
    _shift(Path(os.environ["FAULTS_CLOCK"]))
