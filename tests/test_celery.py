"""Beat, worker and Redis, all real: data that change are trained on, once, and served."""

from collections.abc import Callable

import pytest

from tests.installation import ROOT, Installation

pytestmark = pytest.mark.redis

INTERVAL_SECONDS = "2"
CELERY = ("celery", "-A", "musicrec")


def started(
    installations: Callable[..., Installation], redis_url: str, **settings: str
) -> Installation:
    """An installation with fixtures loaded, a worker and two beats, and no model yet."""
    here = installations(
        REDIS_URL=redis_url,
        # What is named goes live: whether a training is better is not what is asked here.
        MODEL_ALGORITHM="local_ridge",
        **settings,
    )
    here.manage("migrate", "--verbosity", "0")
    songs, likes = ROOT / "fixtures" / "songs.csv", ROOT / "fixtures" / "interactions.csv"
    here.manage("loadcsv", "--songs", str(songs), "--interactions", str(likes))
    here.start_module("worker", *CELERY, "worker", "--concurrency", "2", "--loglevel", "info")
    for name in ("beat-1", "beat-2"):
        schedule = str(here.folder / name)
        here.start_module(name, *CELERY, "beat", "--schedule", schedule, "--loglevel", "info")
    return here


@pytest.fixture
def worker(installations: Callable[..., Installation], redis_url: str) -> Installation:
    """Beats that ask for trainings all the time."""
    return started(installations, redis_url, RETRAIN_INTERVAL_SECONDS=INTERVAL_SECONDS)


def trainings(here: Installation) -> list[tuple[str]]:
    return here.query("SELECT status FROM training_run ORDER BY id")


def live(here: Installation) -> list[tuple[str]]:
    return here.query("SELECT version FROM model_version WHERE is_live")


def slots(here: Installation) -> int:
    """How many times a worker has been told to look."""
    log = (here.folder / "log" / "worker.log").read_text()
    return log.count("recommendations.retrain_if_changed[") // 2


def test_two_beats_train_once_for_each_change_and_all_web_workers_serve_it(
    worker: Installation,
) -> None:
    [(first,)] = worker.wait_for(lambda: live(worker), "the first model")
    web = worker.start_web().as_caller(worker.manage("issue_token", "--service", "tests"))
    served = web.call("GET", "/api/v1/users/101/recommendations")[1]["model"]["version"]
    asked = slots(worker)
    worker.wait_for(lambda: slots(worker) >= asked + 4, "two slots of two beats without a change")

    assert served == first
    assert trainings(worker) == [("live",)]

    song = web.call("GET", "/api/v1/users/101/recommendations")[1]["results"][0]["song"]
    web.call("PUT", f"/api/v1/users/101/likes/{song['song_id']}", {"action": "like"})
    worker.manage("consume_likes", "--once")
    worker.wait_for(lambda: len(trainings(worker)) > 1, "a training after the change")
    worker.wait_for(lambda: trainings(worker)[-1] != ("running",), "the training's end")
    asked = slots(worker)
    worker.wait_for(lambda: slots(worker) >= asked + 4, "two more slots")

    assert [status for (status,) in trainings(worker)] == ["live", "live"]
    [(second,)] = live(worker)
    assert second != first
    served = web.call("GET", "/api/v1/users/101/recommendations")[1]["model"]["version"]
    assert served == second


def test_an_operator_has_a_training_run_at_once(worker: Installation) -> None:
    worker.wait_for(lambda: live(worker), "the first model")
    web = worker.start_web()
    operator = web.as_caller(worker.manage("issue_token", "--service", "ops", "--scope", "operate"))

    status, answer = operator.call("POST", "/api/v1/models/retrain")

    assert (status, answer["status"]) == (202, "accepted")
    worker.wait_for(lambda: len(trainings(worker)) == 2, "the training that was asked for")


def test_between_trainings_beat_refreshes_what_is_live(
    installations: Callable[..., Installation], redis_url: str
) -> None:
    intervals = {"RETRAIN_INTERVAL_SECONDS": "3600", "REFRESH_INTERVAL_SECONDS": INTERVAL_SECONDS}
    here = started(installations, redis_url, **intervals)
    here.manage("retrain")
    [(first,)] = live(here)
    web = here.start_web().as_caller(here.manage("issue_token", "--service", "tests"))
    song = web.call("GET", "/api/v1/users/101/recommendations")[1]["results"][0]["song"]

    web.call("PUT", f"/api/v1/users/101/likes/{song['song_id']}", {"action": "like"})
    here.manage("consume_likes", "--once")

    here.wait_for(lambda: live(here) != [(first,)], "the refresh")
    [(_, reason)] = here.query("SELECT id, reason FROM training_run ORDER BY id DESC LIMIT 1")
    assert f"{first} refreshed" in reason
