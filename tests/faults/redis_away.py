"""Redis dies, hangs, comes back empty and is emptied: requests go on, and so do trainings."""

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Final, Self

from tests.faults.forms import Form
from tests.faults.load import Answer, Caller
from tests.faults.scenario import Outcome
from tests.faults.world import World
from tests.redis_server import RedisServer

USERS: Final = 20
WORDS: Final = 2_000
LIKES_PER_SECOND: Final = 50.0
AFTER_ITS_RETURN_SECONDS: Final = 60.0
LIVE: Final = "SELECT version FROM model_version WHERE is_live"


def away_and_back(world: World, form: Form) -> Outcome:
    """Do each of it to a Redis under likes, lists and trainings."""
    outcome, redis = Outcome(), RedisServer(world.here.folder / "redis")
    redis.start()
    try:
        _prepare(world, form, redis)
        with world.load(per_second=LIKES_PER_SECOND) as load, _Readers(world) as readers:
            for name, harm, mend in (
                ("killed", redis.kill, redis.start),
                ("hanging", redis.pause, redis.resume),
                ("emptied", redis.empty, lambda: None),
            ):
                harm()
                world.pass_time(form.redis_seconds)
                mend()
                limit = form.retrain_seconds + AFTER_ITS_RETURN_SECONDS
                seconds = _seconds_to_next_training(world)
                outcome.at_most(f"trained after {name}", seconds, limit)
        outcome.note("lists", len(readers.answers))
        outcome.note("slowest list", max(answer.seconds for answer in readers.answers), "s")
        outcome.require(set(load.statuses) == {202}, f"likes: {load.statuses}")
        outcome.require(readers.statuses.keys() == {200}, f"lists: {readers.statuses}")
        outcome.require(not readers.not_of_a_model, f"{readers.not_of_a_model} were of no model")
        outcome.take(world.settle())
    finally:
        redis.kill()
    return outcome


def _prepare(world: World, form: Form, redis: RedisServer) -> None:
    """A model that is live, web workers that count requests in Redis, a worker and a beat."""
    world.here.environment |= {
        "REDIS_URL": redis.url,
        "SERVICE_REQUESTS_PER_MINUTE": "1000000",
        "MODEL_ALGORITHM": "local_ridge",
        "RETRAIN_INTERVAL_SECONDS": str(form.retrain_seconds),
    }
    world.start_all()
    world.say(WORDS)
    world.wait(lambda: not world.waiting(), "something to learn from")
    world.start_module("worker", "celery", "-A", "musicrec", "worker", "--concurrency", "1")
    world.start_module("beat", "celery", "-A", "musicrec", "beat")
    world.wait(lambda: world.database.query(LIVE), "a first model")


def _seconds_to_next_training(world: World) -> float:
    """Until a training is done that had not begun by now; likes come in all the time."""
    started = time.monotonic()
    begun = world.database.number("SELECT MAX(id) FROM training_run")
    newer = f"SELECT COUNT(*) FROM training_run WHERE status = 'live' AND id > {begun}"  # noqa: S608
    world.wait(lambda: world.database.number(newer), "a training", 2 * AFTER_ITS_RETURN_SECONDS)
    return time.monotonic() - started


class _Readers:
    """A client that asks for one list after the other until the block ends."""

    def __init__(self, world: World) -> None:
        self.answers: list[Answer] = []
        self.not_of_a_model = 0
        self._caller = Caller(world.server)
        self._users = sorted({said.user_id for said in world.journal.words()})[:USERS]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._caller.close()

    @property
    def statuses(self) -> Counter[int]:
        """How many answers had which status."""
        return Counter(answer.status for answer in self.answers)

    def _ask(self) -> None:
        while not self._stopping.wait(0.02):
            user = self._users[len(self.answers) % len(self._users)]
            answer, body = self._caller.call("GET", f"/api/v1/users/{user}/recommendations?limit=5")
            self.answers.append(answer)
            if answer.status != 200 or body["strategy"] != "personalised" or not body["model"]:
                self.not_of_a_model += 1
