"""What a training reports of its model, and everywhere that it is shown."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from recommendations.management.commands.retrain import in_words
from recommendations.models import TrainingRun
from recommendations.tests import casts
from recommendations.training import publishing, report_words
from recommendations.training.retraining import retrain

pytestmark = pytest.mark.django_db


def test_a_training_reports_on_its_lists_wherever_it_is_shown(town: None, client: Client) -> None:
    casts.judge("grumbler", {"r1": -1})

    outcome = retrain(algorithm="local_ridge")
    run = TrainingRun.objects.get()
    models, said = StringIO(), in_words(outcome)
    call_command("models", stdout=models)
    client.force_login(User.objects.create_superuser("root"))
    listed = client.get("/api/v1/models").json()["results"]
    page = client.get(f"/admin/recommendations/trainingrun/{run.pk}/change/").content.decode()

    report = run.metrics["report"]
    # Rockers and jazzers are known by their likes, the grumbler by none.
    assert (report["listeners"], report["served_personally"]) == (19, 18 / 19)
    # Rockers are listed jazz after the rock they lack, and so round: the unheard song to all.
    assert report["coverage@20"] == 1.0
    assert {row["group"] for row in report["accuracy"]["genre"]} <= {"rock", "jazz", "blues"}
    line = report_words.in_one_line(report)
    assert line.startswith("100.0% of the songs listed, popularity ")
    assert line.endswith("94.7% served personally")
    assert f"lists of 19 listeners: {line}" in said
    assert "NDCG@10 by genre: " in said
    assert line in models.getvalue()
    assert listed[0]["metrics"]["report"] == report
    assert "by the song&#x27;s genre" in page


def test_a_report_that_fails_costs_no_training(
    town: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, client: Client
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("no such figure")

    monkeypatch.setattr(publishing, "report_of_training", broken)
    client.force_login(User.objects.create_superuser("root"))

    outcome = retrain(algorithm="popularity")
    run = TrainingRun.objects.get()
    page = client.get(f"/admin/recommendations/trainingrun/{run.pk}/change/").content.decode()

    assert (outcome.status, run.metrics["report"]) == ("live", {})
    assert "no such figure" in caplog.text
    assert "lists of" not in in_words(outcome)
    assert "none was made" in page


def test_a_model_of_a_training_before_there_were_reports_is_still_listed(live: str) -> None:
    out = StringIO()
    call_command("models", stdout=out)

    assert out.getvalue().split() == ["live", "v1", "local_ridge"]
