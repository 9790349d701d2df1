"""Real services and whole installations for the tests that span the apps."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import require
from tests import postgres
from tests.installation import ROOT, Installation
from tests.ports import free_port


@pytest.fixture
def installations(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Make installations; their processes end with the test."""
    made: list[Installation] = []

    def make(copy_of: Path | None = None, **environment: str) -> Installation:
        folder = tmp_path / f"state{len(made)}"
        if copy_of is not None:
            shutil.copytree(copy_of, folder)
        made.append(Installation(folder, **environment))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with the fixtures loaded and a live model: made once, copied by each test."""
    folder = tmp_path_factory.mktemp("trained") / "state"
    # Which model is live is not asked by those who take it: the search need not be long.
    here = Installation(folder, TRAINING_BUDGET_SECONDS="15")
    songs, likes = ROOT / "fixtures" / "songs.csv", ROOT / "fixtures" / "interactions.csv"
    here.manage("migrate", "--verbosity", "0")
    here.manage("loadcsv", "--songs", str(songs), "--interactions", str(likes))
    here.manage("retrain")
    return here.folder


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The address of an empty database on a real Postgres server."""
    where = postgres.programs()
    require(where is not None, "Postgres (the program initdb)")
    assert where is not None
    with postgres.server(where) as address:
        yield address


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Redis, one for the test session."""
    server = shutil.which("redis-server")
    require(server is not None, "Redis (the program redis-server)")
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    process = subprocess.Popen(
        [
            str(server),
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(folder),
            "--save",
            "",
        ],
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert time.monotonic() < deadline, "Redis did not start"
            time.sleep(0.02)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(10)
