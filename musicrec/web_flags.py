"""How the web server is started on one machine: the same for the demonstration and benchmarks."""

from typing import Final

# Two workers, as a process computes on one core. Threads, as likes that come at the same time share
# a commit, and one that waits for the disk does not keep the next from being read.
THREADS: Final = "16"
WEB_FLAGS: Final = ("--workers", "2", "--blocking-threads", THREADS)
