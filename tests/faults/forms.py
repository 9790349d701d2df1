"""How much of each fault: a short form for every run of the tests, the full one, and a long one."""

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True)
class Form:
    """Counts and times of all scenarios, in one place.

    slack: by how much times may miss their limit, for a machine that does other things beside;
        what is lost, or happens twice, has no slack.
    at_once: how many scenarios run side by side; more than one only with slack.
    """

    name: str
    slack: float
    at_once: int
    consumer_kills: int
    consumer_events: int
    api_kills: int
    load_seconds: float
    outage_seconds: float
    hang_seconds: float
    backlog: int
    permutations: int
    joins: int
    terminations: int
    restores: int
    session_seconds: float
    max_poll_seconds: float
    poison: int
    poison_backlog: int
    poison_losses: int
    poison_restarts: int
    letters: int
    clock_pairs: int
    clock_rounds: int
    full_disk_seconds: float
    lock_timeout_seconds: float
    short_lock_seconds: float
    long_lock_seconds: float
    drained: int
    redis_seconds: float
    retrain_seconds: int
    soak_minutes: float

    @property
    def settings(self) -> dict[str, str]:
        """The settings that shorten what a fault would otherwise have to wait for."""
        return {
            "LIKES_SESSION_SECONDS": str(self.session_seconds),
            "LIKES_MAX_POLL_SECONDS": str(self.max_poll_seconds),
        }


SHORT: Final = Form(
    name="short",
    slack=4.0,
    at_once=2,
    consumer_kills=4,
    consumer_events=3_000,
    api_kills=4,
    load_seconds=2.0,
    outage_seconds=3.0,
    hang_seconds=5.0,
    backlog=6_000,
    permutations=300,
    joins=2,
    terminations=1,
    restores=1,
    session_seconds=2.0,
    max_poll_seconds=3.0,
    poison=1_000,
    poison_backlog=2_000,
    poison_losses=1,
    poison_restarts=1,
    letters=300,
    clock_pairs=200,
    clock_rounds=1,
    full_disk_seconds=0.5,
    lock_timeout_seconds=1.0,
    short_lock_seconds=0.5,
    long_lock_seconds=2.0,
    drained=6_000,
    redis_seconds=1.0,
    retrain_seconds=1,
    soak_minutes=0.0,
)
FULL: Final = Form(
    name="full",
    slack=1.0,
    at_once=1,
    consumer_kills=40,
    consumer_events=30_000,
    api_kills=200,
    load_seconds=30.0,
    outage_seconds=60.0,
    hang_seconds=30.0,
    backlog=30_000,
    permutations=1_000,
    joins=20,
    terminations=10,
    restores=3,
    session_seconds=6.0,
    max_poll_seconds=60.0,
    poison=10_000,
    poison_backlog=20_000,
    poison_losses=2,
    poison_restarts=5,
    letters=3_000,
    clock_pairs=1_000,
    clock_rounds=10,
    full_disk_seconds=20.0,
    lock_timeout_seconds=20.0,
    short_lock_seconds=3.0,
    long_lock_seconds=30.0,
    drained=150_000,
    redis_seconds=60.0,
    retrain_seconds=10,
    soak_minutes=0.0,
)
LONG: Final = replace(
    FULL, name="long", consumer_kills=500, consumer_events=300_000, soak_minutes=20.0
)
FORMS: Final = {form.name: form for form in (SHORT, FULL, LONG)}
