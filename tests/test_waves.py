"""Requests that come in waves: between two of them the web server ends its threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.installation import Installation, Web
from tests.ports import free_port

THREADS: Final = 8
# So many of the threads must have been at work for a wave to tell anything.
MANY: Final = THREADS // 2 + 1


class Server:
    """A web server of one worker, whose threads end after five seconds with nothing to do."""

    def __init__(self, here: Installation) -> None:
        port = str(free_port())
        flags = ("--blocking-threads", str(THREADS), "--blocking-threads-idle-timeout", "5")
        where = ("--interface", "wsgi", "--port", port, *flags)
        child = here.start_module("web", "granian", *where, "musicrec.wsgi:application")
        self._leader = child.process.pid
        self.web = Web(f"http://127.0.0.1:{port}")

    def threads(self) -> int:
        return len(list((self._worker() / "task").iterdir()))

    def connections(self) -> int:
        """How often the worker has the database open."""
        count = 0
        for file in (self._worker() / "fd").iterdir():
            with suppress(FileNotFoundError):
                count += file.readlink().name == "musicrec.sqlite3"
        return count

    def wave(self) -> None:
        """Ask so much at the same time that most of the threads are wanted."""
        with ThreadPoolExecutor(4 * THREADS) as crowd:
            list(crowd.map(lambda _: self.web.is_ready(), range(6 * THREADS)))

    def _worker(self) -> Path:
        children = Path(f"/proc/{self._leader}/task/{self._leader}/children").read_text()
        return Path(f"/proc/{children.split()[0]}")


def test_what_one_wave_opened_is_closed_in_the_next(
    installations: Callable[..., Installation],
) -> None:
    here = installations()
    here.manage("migrate", "--verbosity", "0")
    server = Server(here)
    here.wait_for(server.web.is_ready, "the web process to be ready")
    before = server.threads()

    server.wave()
    assert MANY <= server.connections() <= THREADS
    here.wait_for(lambda: server.threads() <= before, "the threads to end")
    server.wave()

    assert MANY <= server.connections() <= THREADS
