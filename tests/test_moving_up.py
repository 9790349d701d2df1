"""A whole installation moves from SQLite to Postgres and Kafka, every part a process of its own."""

import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import psycopg.conninfo
import pytest
from kafka import KafkaConsumer, TopicPartition

from recommendations import sealing
from tests.installation import ROOT, Installation, Web
from tests.kafka.broker import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

LISTENER = "101"


def likes(web: Web, user_id: str) -> dict[str, str]:
    status, answer = web.call("GET", f"/api/v1/users/{user_id}/likes?limit=100")
    return {r["song"]["song_id"]: r["action"] for r in answer["results"]} if status == 200 else {}


def recommended(web: Web) -> Any:
    status, answer = web.call("GET", f"/api/v1/users/{LISTENER}/recommendations?limit=10")
    assert status == 200
    return rounded(answer["results"]), answer["model"]["version"], answer["strategy"]


def rounded(value: Any) -> Any:
    """The same with four digits after the point: a sum differs by the order of a profile's rows."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value


def say(web: Web, user_id: str, song_id: str, action: str = "like") -> tuple[int, Any]:
    return web.call("PUT", f"/api/v1/users/{user_id}/likes/{song_id}", {"action": action})


def refusal(here: Installation, *arguments: str) -> tuple[int, str]:
    """The exit code of a command that must end by itself, and its last words."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=here.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.strip().splitlines()[-1]


def on_the_topic(broker: Broker, topic: str) -> int:
    """How many records it holds."""
    reader = KafkaConsumer(bootstrap_servers=broker.address)
    partitions = [TopicPartition(topic, n) for n in reader.partitions_for_topic(topic) or ()]
    count = sum(int(end) for end in reader.end_offsets(partitions, 5_000).values())
    reader.close()
    return count


def seal_of(postgres_url: str) -> str:
    """What a command says that still has the old setting."""
    there = psycopg.conninfo.conninfo_to_dict(postgres_url)
    return sealing.message(f"{there['dbname']} at {there['host']}:{there['port']}")


def settings_after(old: Installation, postgres_url: str, broker: Broker) -> dict[str, str]:
    """What every process of the new installation is started with, as move_to tells it."""
    own = f"moved-{uuid.uuid4().hex}"
    return {
        "DATABASE_URL": postgres_url,
        "KAFKA_BOOTSTRAP_SERVERS": broker.address,
        "SECRET_KEY": (old.folder / "secret_key").read_text(),
        "MODEL_DIR": str(old.folder / "models"),
        "FORGOTTEN_LEDGER": str(old.folder / "forgotten.jsonl"),
        "LIKES_TOPIC": own,
        "LIKES_GROUP": own,
    }


def expect_refusals(old: Installation, app: Web, seal: str) -> None:
    """Nothing writes to the old side any more, and each says why; a client is told no address."""
    status, problem = say(app, "newcomer", "6")
    assert (status, problem["code"]) == (503, "database_moved")
    assert "was moved to a server; set DATABASE_URL" in problem["detail"]
    for command in (("consume_likes",), ("loadcsv", "--songs", "fixtures/songs.csv"), ("demo",)):
        assert refusal(old, *command) == (1, f"CommandError: {seal}")


def expect_agreement(new: Installation, postgres_url: str, *, rows: int) -> None:
    """Outbox, applied ids, profiles and offsets agree, and no seq was issued twice."""
    new.manage("verify_likes")
    with psycopg.connect(postgres_url) as there:
        row = there.execute("SELECT count(*), count(DISTINCT seq) FROM outbox").fetchone()
        last = there.execute("SELECT max(seq) = (SELECT last_seq FROM outbox_sequence) FROM outbox")
        assert (row, last.fetchone()) == ((rows, rows), (True,))


def test_what_was_said_goes_along_once_and_new_words_win(
    installations: Callable[..., Installation],
    trained: Path,
    postgres_url: str,
    kafka_broker: Broker,
) -> None:
    old = installations(trained)
    listener = old.manage("issue_token", "--listener", LISTENER)
    app = old.manage("issue_token", "--service", "app")
    old_web = old.start_web()
    for song in ("1", "2", "3"):
        assert say(old_web.as_caller(listener), LISTENER, song)[0] == 202
    old.manage("consume_likes", "--once")
    before = likes(old_web.as_caller(listener), LISTENER), recommended(old_web.as_caller(listener))
    for song in ("4", "5"):
        assert say(old_web.as_caller(app), "newcomer", song)[0] == 202

    told = old.manage("move_to", postgres_url)

    moved = settings_after(old, postgres_url, kafka_broker)
    assert "every value compared" in told
    assert moved["SECRET_KEY"] not in told
    expect_refusals(old, old_web.as_caller(app), seal_of(postgres_url))

    new = installations(**moved)
    web = new.start_web()
    my_web = web.as_caller(listener)
    assert (likes(my_web, LISTENER), recommended(my_web)) == before
    new.manage("relay_likes", "--once")
    # What had its effect on the old side is not published at all.
    assert on_the_topic(kafka_broker, moved["LIKES_TOPIC"]) == 2
    assert new.manage("consume_likes", "--once") == "applied 2, repeated 0, dead-lettered 0"
    assert likes(web.as_caller(app), "newcomer") == {"4": "like", "5": "like"}

    assert say(my_web, LISTENER, "1", "dislike")[0] == 202
    new.manage("relay_likes", "--once")
    assert new.manage("consume_likes", "--once") == "applied 1, repeated 0, dead-lettered 0"
    assert likes(my_web, LISTENER)["1"] == "dislike"
    expect_agreement(new, postgres_url, rows=6)
