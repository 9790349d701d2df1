"""/metrics: who may read it, and that it is the text that Prometheus reads."""

import re
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from access import listener_tokens, service_keys
from feedback.consuming.delays import Delays
from feedback.events import Event
from feedback.models import ConsumerOffset, ConsumerStop, DeadLetter, OutboxEvent
from musicrec import metrics, shared_numbers
from musicrec.metrics import RequestHistogram, sample
from musicrec.remembered import Remembered
from musicrec.tests import exposition
from recommendations.models import Lease, ModelVersion, TrainingRun


@pytest.mark.django_db
def test_services_and_staff_may_read_it_and_nobody_else(client: Client) -> None:
    def status(token: str) -> int:
        return client.get("/metrics", headers={"authorization": f"Bearer {token}"}).status_code

    assert client.get("/metrics").status_code == 401
    assert status(listener_tokens.issue("101", 60)) == 403
    assert status(service_keys.issue("prometheus")) == 200

    client.force_login(User.objects.create_user("root", is_staff=True))
    assert client.get("/metrics").status_code == 200


@pytest.mark.django_db
def test_it_is_text_for_prometheus_with_the_model_the_backlog_and_the_leases(
    client: Client,
) -> None:
    run = TrainingRun.objects.create(started_at=timezone.now())
    ModelVersion.objects.create(
        version="v1", training_run=run, algorithm="ials", created_at=timezone.now(), is_live=True
    )
    expiry = timezone.now() + timedelta(seconds=5)
    Lease.objects.create(name="likes-relay", holder="x", expires_at=expiry)
    client.get("/healthz")

    answer = client.get(
        "/metrics",
        headers={
            "authorization": f"Bearer {service_keys.issue('prometheus')}",
            "accept": "text/plain;version=0.0.4",
        },
    )

    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    text = answer.content.decode()
    exposition.read(text)
    assert 'musicrec_model_info{version="v1",algorithm="ials"} 1' in text
    assert "musicrec_outbox_waiting 0" in text
    assert 'musicrec_lease_held{name="likes-relay"} 1' in text
    assert 'route="/healthz"' in text


def test_buckets_add_up_to_the_count() -> None:
    histogram = RequestHistogram()
    for seconds in (0.0005, 0.001, 0.003, 60.0):
        histogram.observe("GET", "/x", 200, seconds)

    values = {
        re.search('le="([^"]+)"', line).group(1): int(line.rpartition(" ")[2])  # type: ignore[union-attr]
        for line in histogram.lines()
        if "_bucket" in line
    }

    assert (values["0.001"], values["0.0025"], values["0.005"], values["5.0"]) == (2, 2, 3, 3)
    assert values["+Inf"] == 4
    assert any(line.endswith(" 60.0045") for line in histogram.lines() if "_sum" in line)


def test_labels_are_escaped() -> None:
    assert sample("x", {"a": 'b"c\\d\ne'}, 1) == 'x{a="b\\"c\\\\d\\ne"} 1'


@pytest.fixture
def _kafka_answers(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A broker, as far as the page can see, with two partitions."""
    settings.KAFKA_BOOTSTRAP_SERVERS = ["kafka:9092"]
    monkeypatch.setattr(shared_numbers, "kafka_fault", lambda *_: None)
    monkeypatch.setattr("feedback.kafka.lag.LikesTopic", Topic)
    monkeypatch.setattr(shared_numbers, "_lags", Remembered(shared_numbers._ask_for_lags))


class Topic:
    """A topic whose partitions hold so many records."""

    def __init__(self, **_: Any) -> None:
        pass

    def spans(self) -> dict[int, tuple[int, int]]:
        return {0: (0, 70), 1: (0, 5)}

    def close(self) -> None:
        pass


def values(name: str) -> dict[str, float]:
    """A metric's values by its labels, as a scraper reads them."""
    series = exposition.read("\n".join(shared_numbers.shared_numbers()) + "\n").get(name, {})
    return {",".join(text for _, text in sorted(labels)): value for labels, value in series.items()}


def outbox_row(seq: int, minutes: int, *, sent: bool = False) -> None:
    OutboxEvent.objects.create(
        seq=seq,
        event_id=uuid.UUID(int=seq),
        user_id="u",
        song_id="a",
        payload=b"{}",
        recorded_at=timezone.now() - timedelta(minutes=minutes),
        sent_at=timezone.now() if sent else None,
    )


def letter(number: int, reason: str, state: str = "open") -> None:
    DeadLetter.objects.create(
        source="outbox",
        raw=b"",
        digest=str(number),
        record_time_us=0,
        event_id=uuid.UUID(int=number),
        reason=reason,
        error="",
        state=state,
        created_at=timezone.now(),
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("_kafka_answers")
def test_it_tells_what_waits_where_and_for_how_long() -> None:
    outbox_row(1, minutes=10, sent=True)
    outbox_row(2, minutes=5)
    outbox_row(3, minutes=1)
    ConsumerOffset.objects.create(topic="song_likes", partition=0, next_offset=60)

    assert values("musicrec_outbox_waiting") == {"": 3}
    assert values("musicrec_outbox_unsent") == {"": 2}
    assert values("musicrec_outbox_oldest_seconds")[""] == pytest.approx(600, abs=5)
    assert values("musicrec_outbox_oldest_unsent_seconds")[""] == pytest.approx(300, abs=5)
    assert values("musicrec_kafka_up") == {"": 1}
    assert values("musicrec_consumer_lag_events") == {"0": 10, "1": 5}


@pytest.mark.django_db
def test_without_a_broker_there_is_no_lag_and_without_kafka_no_word_of_it(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = []
    embedded = "\n".join(shared_numbers.shared_numbers())
    monkeypatch.setattr(shared_numbers, "_lags", Remembered(shared_numbers._ask_for_lags))
    settings.KAFKA_BOOTSTRAP_SERVERS = ["127.0.0.1:1"]

    assert "musicrec_outbox_waiting 0" in embedded
    for name in ("kafka", "lag", "unsent"):
        assert name not in embedded
    assert values("musicrec_kafka_up") == {"": 0}
    assert values("musicrec_consumer_lag_events") == {}


@pytest.mark.django_db
def test_it_counts_dead_letters_by_state_and_reason_and_tells_of_a_stop() -> None:
    assert values("musicrec_poison_stop") == {"": 0}
    for number, (reason, state) in enumerate(
        [("bad_json", "open"), ("bad_json", "open"), ("bad_json", "discarded"), ("bad_id", "open")]
    ):
        letter(number, reason, state)
    ConsumerStop.objects.create(
        stopped_at=timezone.now(), dead_in_a_row=1, recent_dead=1, recent=1, message=""
    )

    found = values("musicrec_dead_letters")

    assert found == {"bad_json,open": 2, "bad_json,discarded": 1, "bad_id,open": 1}
    assert values("musicrec_poison_stop") == {"": 1}


@pytest.mark.django_db
def test_the_delays_of_all_consumers_are_one_histogram_that_only_grows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("feedback.consuming.delays.now_us", lambda: 10_000_000)
    assert values("musicrec_like_to_visible_seconds_count") == {"": 0}
    for name in ("machine-0", "machine-1", "machine-0"):
        mine = Delays(name)
        # 20 ms and 2 s.
        for key in (9_980_000, 8_000_000):
            mine.count([Event("0" * 32, "u", "a", 1, key, b"", issued=True)])
        mine.flush()

    buckets = values("musicrec_like_to_visible_seconds_bucket")

    assert (buckets["0.01"], buckets["0.025"], buckets["1.0"], buckets["2.5"]) == (0, 3, 3, 6)
    assert values("musicrec_like_to_visible_seconds_count") == {"": buckets["+Inf"]} == {"": 6}
    assert values("musicrec_like_to_visible_seconds_sum")[""] == pytest.approx(6.06)


@pytest.mark.django_db
@pytest.mark.usefixtures("_kafka_answers")
def test_a_scrape_asks_few_questions_however_much_there_is(
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(1, 20):
        outbox_row(number, minutes=1)
        letter(number, "bad_json")
        Lease.objects.create(name=f"x{number}", holder="x", expires_at=timezone.now())
        ConsumerOffset.objects.create(topic="song_likes", partition=number, next_offset=1)

    with django_assert_max_num_queries(10):
        list(shared_numbers.shared_numbers())


@pytest.mark.django_db
def test_a_long_backlog_is_not_counted_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_numbers, "MOST_COUNTED", 2)
    for number in range(1, 5):
        outbox_row(number, minutes=1)

    assert values("musicrec_outbox_waiting") == {"": 2}


@pytest.mark.django_db
@pytest.mark.usefixtures("_kafka_answers")
def test_every_metric_is_on_the_page_for_operators() -> None:
    text = "\n".join([*metrics.requests.lines(), *shared_numbers.shared_numbers()])
    page = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text()

    told = set(re.findall(r"`(musicrec_[a-z_]+)`", page.partition("## Health")[2]))

    assert told == set(re.findall(r"# TYPE (\S+)", text))
