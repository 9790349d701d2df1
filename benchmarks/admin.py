"""How long the admin's pages take with a million likes.

    python -m benchmarks.admin [--rows 1000000] [--json]

Fills a database of its own with invented likes by loadcsv, and takes each page as a browser would,
through all of Django but the network: the median of five.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.load import PROJECT, empty_database, run, write_files

LIKES, SONGS = "/admin/recommendations/interaction/", "/admin/recommendations/song/"
PAGES = {
    "likes": LIKES,
    "likes, page 50": f"{LIKES}?p=50",
    "likes of a user": f"{LIKES}?q=user:77",
    "likes of the most liked song": f"{LIKES}?q=song:0",
    "an id that nobody has": f"{LIKES}?q=nobody",
    "dislikes": f"{LIKES}?action=-1",
    "withdrawn, of which there are none": f"{LIKES}?action=0",
    "songs": SONGS,
    "songs by words of the title": f"{SONGS}?q=song+19999",
    "songs of a genre": f"{SONGS}?genre=pop",
    "listeners": "/admin/recommendations/listener/",
    "one listener": "/admin/recommendations/listener/?q=77",
    "training runs": "/admin/recommendations/trainingrun/",
    "model versions": "/admin/recommendations/modelversion/",
}
REPEATS = 5


def page_times() -> dict[str, float]:
    """Milliseconds of every page, on the database that the environment names."""
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("benchmark"))
    times = {}
    for name, address in PAGES.items():
        taken = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            response = client.get(address)
            taken.append(1_000 * (time.perf_counter() - started))
            assert response.status_code == 200, (name, response.status_code)
        times[name] = statistics.median(taken)
    return times


def main() -> None:
    """Build the database, measure in a process that uses it, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(page_times()))
        return
    with tempfile.TemporaryDirectory(prefix="musicrec-admin-") as folder:
        write_files(Path(folder), arguments.rows)
        environment = empty_database(Path(folder) / "state", Path(folder) / "songs.csv")
        manage = [sys.executable, str(PROJECT / "manage.py"), "loadcsv", "--interactions"]
        run([*manage, str(Path(folder) / "interactions.csv")], environment)
        measured = subprocess.run(
            [sys.executable, "-m", "benchmarks.admin", "--measure"],
            env=environment, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True,
        ).stdout  # fmt: skip
    times = json.loads(measured)
    if arguments.json:
        print(json.dumps(times))
    else:
        print("| page | ms |\n|---|---:|")
        print("\n".join(f"| {name} | {taken:.0f} |" for name, taken in times.items()))


if __name__ == "__main__":
    main()
