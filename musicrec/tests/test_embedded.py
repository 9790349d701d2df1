"""What stands in where no address is set."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from musicrec.embedded import secret_key_of

SQLITE = "django.db.backends.sqlite3"


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    key = secret_key_of("", SQLITE, tmp_path)

    assert len(key) > 60
    assert secret_key_of("", SQLITE, tmp_path) == key
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_an_empty_key_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("\n")

    key = secret_key_of("", SQLITE, tmp_path)

    assert len(key) > 60
    assert (tmp_path / "secret_key").read_text() == key


@pytest.mark.parametrize("left", [None, ""])
def test_all_who_ask_at_once_get_the_same_whole_key(tmp_path: Path, left: str | None) -> None:
    if left is not None:
        (tmp_path / "secret_key").write_text(left)
    together = threading.Barrier(8)

    def ask(_: int) -> str:
        together.wait(10)
        return secret_key_of("", SQLITE, tmp_path)

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(ask, range(8)))

    assert keys == {(tmp_path / "secret_key").read_text()}
    assert "" not in keys


def test_a_key_that_is_given_is_taken_and_a_server_database_needs_one(tmp_path: Path) -> None:
    assert secret_key_of("given", SQLITE, tmp_path) == "given"
    with pytest.raises(SystemExit, match="SECRET_KEY is not set"):
        secret_key_of("", "django.db.backends.postgresql", tmp_path)
    assert not list(tmp_path.iterdir())
