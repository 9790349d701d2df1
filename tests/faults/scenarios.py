"""All faults, by number. A new one is a function in the file of its family and an entry here."""

from typing import Final

from tests.faults import killed_processes
from tests.faults.scenario import ALL, Scenario

SCENARIOS: Final = (
    Scenario(
        1,
        "consumer killed (kill -9) in mid-batch",
        "nothing lost, twice or wrong; resumes in 3 s embedded, in 12 s in a group",
        killed_processes.consumer_in_mid_batch,
        ALL,
    ),
    Scenario(
        2,
        "API killed (kill -9) in mid-request",
        "every 2xx has its effect once, an unanswered request at most once",
        killed_processes.api_in_mid_request,
    ),
    Scenario(
        37,
        "SIGTERM under load, to each process",
        "ends in 10 s with exit code 0, nothing lost",
        killed_processes.asked_to_end_under_load,
    ),
)
