"""All faults, by number. A new one is a function in the file of its family and an entry here."""

from typing import Final

from tests.faults import (
    broker_faults,
    busy_database,
    full_disk,
    groups,
    killed_processes,
    order_and_repetition,
    poison,
    restoring,
)
from tests.faults.scenario import ALL, EMBEDDED, GROUPS, KAFKA, POSTGRES, THROUGH_KAFKA, Scenario

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
        in_short=(EMBEDDED,),
    ),
    Scenario(
        3,
        "broker down at start",
        "API ready in 3 s; likes 202, p99 of 50 ms; /readyz says degraded",
        broker_faults.down_at_start,
        THROUGH_KAFKA,
        hurts_broker=True,
    ),
    Scenario(
        4,
        "broker down in use",
        "no 5xx; within 2 s of its return the backlog drains at 2,000 events/s",
        broker_faults.down_in_use,
        THROUGH_KAFKA,
        hurts_broker=True,
    ),
    Scenario(
        5,
        "broker hangs (SIGSTOP)",
        "no request over 2 s; nothing twice after it goes on",
        broker_faults.hangs,
        THROUGH_KAFKA,
        hurts_broker=True,
    ),
    Scenario(
        6,
        "broker forgets its log",
        "noticed as a new epoch; what had no effect is published again, nothing lost",
        broker_faults.forgets,
        THROUGH_KAFKA,
        hurts_broker=True,
    ),
    Scenario(
        7,
        "the same event 2 times, 100 times, twice in a batch",
        "one row, one effect",
        order_and_repetition.the_same_event_again,
        in_short=(KAFKA,),
    ),
    Scenario(
        8,
        "like, dislike and unlike out of order, from outbox, other producers and files",
        "the greatest (order key, event id) wins in all permutations",
        order_and_repetition.out_of_order,
        in_short=(KAFKA,),
    ),
    Scenario(
        9,
        "poison of every kind among good events",
        "a dead letter each, with the reason of its kind; no good event waits for over 1 s",
        poison.poison_among_good,
        ALL,
        in_short=(EMBEDDED, POSTGRES),
    ),
    Scenario(
        10,
        "everything is poison: the catalogue is gone, then half of it",
        "the consumer stops with exit code 1 after at most 1,000; a restart does not eat on;"
        " with the catalogue back all is applied",
        poison.everything_is_poison,
        ALL,
        in_short=(KAFKA,),
    ),
    Scenario(
        13,
        "a second consumer joins and leaves",
        "no gap, nothing twice",
        groups.joins_and_leaves,
        GROUPS,
        in_short=(POSTGRES,),
    ),
    Scenario(
        14,
        "a batch takes longer than the group allows",
        "thrown out of the group, the processes live and come back",
        groups.slower_than_the_group_allows,
        GROUPS,
    ),
    Scenario(
        15,
        "disk full, every process started anew on it",
        "503 and never a false 2xx, integrity_check ok, goes on by itself when there is room",
        full_disk.full_disk,
        in_short=(KAFKA,),
    ),
    Scenario(
        16,
        "database locked by somebody else, for less than one waits and for longer",
        "no error; then 503 with Retry-After; the consumer goes on, no dead letter",
        busy_database.locked,
        ALL,
        in_short=(EMBEDDED, POSTGRES),
    ),
    Scenario(
        24,
        "restore from an old backup",
        "what is in Kafka catches up, nothing twice, new likes beat old ones; the rest is named",
        restoring.an_old_backup,
        ALL,
    ),
    Scenario(
        37,
        "SIGTERM under load, to each process",
        "ends in 10 s with exit code 0, nothing lost",
        killed_processes.asked_to_end_under_load,
        in_short=(KAFKA,),
    ),
)
