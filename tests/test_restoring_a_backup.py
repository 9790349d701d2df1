"""A backup from before a forgetting is put back: whoever was forgotten stays forgotten."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.installation import Installation

ANN = "ann-of-the-green-gables"
SONGS = "song_id,title,artist,genre\n1,One,A,x\n2,Two,B,x\n"
LIKES = f"user_id,song_id,like,timestamp\n{ANN},1,1,2026-01-01\n{ANN},2,1,\nbob,1,1,2026-01-01\n"


@pytest.fixture
def here(installations: Callable[..., Installation], tmp_path: Path) -> Installation:
    """An installation of its own with two songs and two listeners, on SQLite."""
    made = installations(DATABASE_URL="", FORGOTTEN_LEDGER=str(tmp_path / "ledger"))
    (tmp_path / "songs.csv").write_text(SONGS)
    (tmp_path / "likes.csv").write_text(LIKES)
    made.manage("migrate", "--verbosity", "0")
    load(made, tmp_path)
    return made


def load(here: Installation, folder: Path) -> None:
    songs, likes = str(folder / "songs.csv"), str(folder / "likes.csv")
    here.manage("loadcsv", "--songs", songs, "--interactions", likes)


def listeners(here: Installation) -> list[str]:
    return [user_id for (user_id,) in here.query("SELECT user_id FROM listener ORDER BY user_id")]


def back_up(here: Installation, to: Path) -> None:
    """As docs/operations.md says: by SQLite's own backup."""
    with sqlite3.connect(here.folder / "musicrec.sqlite3") as source, sqlite3.connect(to) as copy:
        source.backup(copy)
    source.close()
    copy.close()


def restore(here: Installation, backup: Path) -> None:
    database = here.folder / "musicrec.sqlite3"
    for end in ("-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    database.write_bytes(backup.read_bytes())


def test_neither_the_backup_nor_the_file_brings_a_forgotten_user_back(
    here: Installation, tmp_path: Path
) -> None:
    back_up(here, tmp_path / "backup")
    here.manage("delete_user", ANN, "--yes")
    assert listeners(here) == ["bob"]

    restore(here, tmp_path / "backup")
    assert listeners(here) == [ANN, "bob"]
    here.manage("consume_likes", "--once")
    assert listeners(here) == ["bob"]

    load(here, tmp_path)
    assert listeners(here) == ["bob"]
    assert '"wrong": false' in here.manage("verify_likes", "--json")


def test_the_web_process_forgets_again_when_it_starts(here: Installation, tmp_path: Path) -> None:
    back_up(here, tmp_path / "backup")
    here.manage("delete_user", ANN, "--yes")
    restore(here, tmp_path / "backup")

    here.start_web()

    assert listeners(here) == ["bob"]


def test_another_machine_takes_the_ledger_from_a_file(here: Installation, tmp_path: Path) -> None:
    back_up(here, tmp_path / "backup")
    here.manage("delete_user", ANN, "--yes")
    elsewhere = (tmp_path / "ledger").rename(tmp_path / "ledger of another machine")
    restore(here, tmp_path / "backup")

    here.manage("consume_likes", "--once")
    assert listeners(here) == [ANN, "bob"]
    text = here.manage("delete_user", "--from-ledger", str(elsewhere))

    assert "listener 1, profile_base 2, user_profile 2" in text
    assert listeners(here) == ["bob"]


def test_no_byte_of_a_forgotten_user_stays_in_the_files(here: Installation, tmp_path: Path) -> None:
    here.manage("retrain", "--algorithm", "svd")
    here.manage("delete_user", ANN, "--yes")

    files = [file for file in tmp_path.rglob("*") if file.is_file() and file.suffix != ".csv"]
    names = {file.name for file in files}
    assert {"musicrec.sqlite3", "ledger", "manifest.json"} <= names
    assert [file for file in files if ANN.encode() in file.read_bytes()] == []
