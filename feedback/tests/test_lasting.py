"""The collector, in a process that has left out what was loaded."""

import subprocess
import sys

WORK = """
import gc
from feedback.lasting import leave_out_what_is_loaded

loaded = [[] for _ in range(200_000)]
{begin}
gc.set_threshold(700, 10, 10)
before = gc.get_stats()[2]["collections"]
for _ in range(200):
    some = [[] for _ in range(1_000)]
print(gc.get_stats()[2]["collections"] - before)
"""


def full_collections(begin: str) -> int:
    """How many come while some work is done, after so many objects were loaded."""
    # In a process of its own: what is left out stays so, and the tests have much loaded.
    command = [sys.executable, "-c", WORK.format(begin=begin)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


def test_full_collections_come_with_the_work_and_not_with_what_was_loaded() -> None:
    assert full_collections("leave_out_what_is_loaded()") >= 1
    assert full_collections("gc.collect(); gc.freeze()") == 0
