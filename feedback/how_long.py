"""How long things of the like path are kept. Each figure leans on the ones above it."""

from datetime import timedelta
from typing import Final

# Of the topic. Longer than the time between two backups, so that a restored database finds what
# it lacks.
TOPIC: Final = timedelta(days=30)
# A broker deletes whole segments, so that a record may outlive the retention by one.
SEGMENT: Final = timedelta(days=1)
# When the receipt of a forgetting says that Kafka holds nothing any more: with a day in hand.
GONE_FROM_KAFKA: Final = TOPIC + SEGMENT + timedelta(days=1)
# A row of the outbox, after its effect: time to notice a broker that has forgotten its log.
OUTBOX: Final = timedelta(hours=24)
# Ids that had their effect, and letters that are settled. Longer than any record that bears them: a
# letter that was given up must be known for as long as a rebuild can read its message again. One in
# conflict is settled when it is put aside: nothing can ever be done with it.
APPLIED_IDS: Final = TOPIC + timedelta(days=7)
SETTLED_LETTERS: Final = APPLIED_IDS
# Of processes that were killed: time to see that they were there, and when.
ENDED_LEASES: Final = timedelta(days=1)
# Profiles are kept in the base so long after they were written, well before the topic drops their
# events; an event that is applied later than LATE after its record is kept at once.
PROFILES_UNKEPT: Final = TOPIC - timedelta(days=5)
LATE: Final = timedelta(days=4)
