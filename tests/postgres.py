"""A real Postgres server for tests, of its own folder and port.

python -m tests.postgres COMMAND …     runs a command with DATABASE_URL set to one
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port


def programs() -> Path | None:
    """The folder of the server's programs; Debian keeps them off the PATH."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    found = packaged or ([Path(on_path).resolve()] if on_path else [])
    return found[-1].parent if found else None


@contextmanager
def server(where: Path) -> Iterator[str]:
    """Start a server and give the address of an empty database; end it after."""
    # The server refuses to run as root: there, it runs as the account that the package made.
    user = "postgres" if os.geteuid() == 0 else None
    # Short, for the socket's path; and not below a folder that only root may enter.
    folder = Path(tempfile.mkdtemp(prefix="musicrec-postgres-"))
    if user:
        shutil.chown(folder, user)
    port = free_port()

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [where / program, *arguments],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "musicrec", "--no-sync")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    run(
        "pg_ctl",
        "-D",
        str(folder / "data"),
        "-w",
        "-l",
        str(folder / "log"),
        "-o",
        options,
        "start",
    )
    try:
        yield f"postgres://musicrec@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", str(folder / "data"), "-w", "-m", "fast", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def main(command: list[str]) -> int:
    """Run a command on a server of its own and return its exit code."""
    where = programs()
    if where is None:
        sys.exit("Postgres (the program initdb) is not there")
    with server(where) as address:
        environment = {"DATABASE_URL": address, "SECRET_KEY": secrets.token_urlsafe(50)}
        return subprocess.run(command, env=os.environ | environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
