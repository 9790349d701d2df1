"""A disk that is soon full, and has room again when one says so.

A small file system in memory where this process may mount one. Elsewhere, as in most containers, a
limit on the size of files: the kernel refuses to let the database grow, and nothing else differs.
"""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

SIZE_BYTES: Final = 48 << 20
# What is left when it counts as filled: some dozens of likes.
LEFT_BYTES: Final = 128 << 10
CHUNK: Final = b"\0" * (64 << 10)


class Disk(Protocol):
    """What holds the state of an installation. kind: how it is made full, for the table."""

    kind: str

    def fill(self) -> None:
        """Leave nearly no room; what is written from now on takes the rest.

        To be called again when processes have been started since.
        """

    def make_room(self) -> None:
        """Let there be room again."""


@contextmanager
def small_disk(folder: Path, processes: Callable[[], Sequence[int]]) -> Iterator[Disk]:
    """Make a folder whose disk can be filled. processes: the ids of those that write to it."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    if not mounted:
        yield _Limit(folder, processes)
        return
    try:
        yield _Tmpfs(folder)
    finally:
        # Lazily: after a failure some process may still be there.
        subprocess.run(["umount", "-l", str(folder)], check=True)


class _Tmpfs:
    kind = "a tmpfs"

    def __init__(self, folder: Path) -> None:
        self._folder, self._ballast = folder, folder / "ballast"

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as out:
            while shutil.disk_usage(self._folder).free > LEFT_BYTES:
                out.write(CHUNK)

    def make_room(self) -> None:
        self._ballast.unlink()


class _Limit:
    kind = "a limit on the size of files"

    def __init__(self, folder: Path, processes: Callable[[], Sequence[int]]) -> None:
        self._folder, self._processes = folder, processes
        self._bytes = 0

    def fill(self) -> None:
        # Of the two files of SQLite the journal is the smaller one: it cannot grow any more, and
        # nothing of it can be moved into the database.
        [journal] = self._folder.glob("*-wal")
        self._bytes = self._bytes or journal.stat().st_size
        self._set(self._bytes)

    def make_room(self) -> None:
        self._set(resource.RLIM_INFINITY)

    def _set(self, limit: int) -> None:
        for process in self._processes():
            resource.prlimit(process, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def with_children(leaders: Sequence[int]) -> list[int]:
    """The processes of these sessions: a web server has workers that no one else knows of."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) in leaders:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found
