"""How fast an installation moves from SQLite to Postgres: python -m benchmarks.moving [--rows N]

Invents so many interactions, loads them, moves them to a server of its own, and prints the figures.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import postgres

ROOT = Path(__file__).resolve().parents[1]
USERS, SONGS = 20_000, 5_000


def main() -> None:
    """Load, move, say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="interactions (1,000,000)")
    rows = parser.parse_args().rows
    where = postgres.programs()
    if where is None:
        sys.exit("Postgres (the program initdb) is not there")
    with tempfile.TemporaryDirectory() as name, postgres.server(where) as address:
        folder = Path(name)
        songs, interactions = write_files(folder, rows)
        manage(folder, "migrate", "--verbosity", "0")
        manage(folder, "loadcsv", "--songs", str(songs), "--interactions", str(interactions))
        loaded = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        moved = json.loads(manage(folder, "move_to", address, "--json"))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(
            f"{moved['rows']['user_profile']:,} interactions, {moved['total']:,} rows in all:"
            f" {moved['seconds']:.1f} s, {moved['total'] / moved['seconds']:,.0f} rows/s,"
            f" copied and compared; memory {'at most ' * (peak == loaded)}{peak / 1024:.0f} MB"
        )


def write_files(folder: Path, rows: int) -> tuple[Path, Path]:
    """Two CSV files with so many different pairs of user and song."""
    chance = random.Random(20260701)
    songs, interactions = folder / "songs.csv", folder / "interactions.csv"
    with songs.open("w") as out:
        out.write("song_id,title,artist,genre\n")
        out.writelines(f"{n},Song {n},Artist {n % 700},pop\n" for n in range(SONGS))
    with interactions.open("w") as out:
        out.write("user_id,song_id,like,timestamp\n")
        for pair in chance.sample(range(USERS * SONGS), rows):
            out.write(f"{pair // SONGS},{pair % SONGS},{chance.randrange(2)},1750000000\n")
    return songs, interactions


def manage(folder: Path, *arguments: str) -> str:
    """What a command says on the installation in this folder."""
    environment = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "SECRET_KEY"}}
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=environment | {"STATE_DIR": str(folder / "var")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main()
