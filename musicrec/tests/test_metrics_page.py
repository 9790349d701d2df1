"""/metrics: who may read it, and that it is the text that Prometheus reads."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from access import listener_tokens, service_keys
from musicrec.metrics import RequestHistogram, sample
from recommendations.models import Lease, ModelVersion, TrainingRun

LINE = re.compile(r'[a-z_]+(\{([a-z]+="(\\.|[^"\\])*",?)*\})? (\d|\.|e|-|\+)+')


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
    assert text.endswith("\n")
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or LINE.fullmatch(line), line
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
