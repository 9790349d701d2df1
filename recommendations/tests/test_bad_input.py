"""What the live model does not know, and artifacts that cannot be: over HTTP, served on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client

from access import service_keys
from recommendations import model_store
from recommendations.models import Song
from recommendations.serving import live_model as serving
from recommendations.serving.live_model import LiveModel
from recommendations.song_index import BrokenIndex, SongIndex
from recommendations.tests import casts
from recommendations.training.retraining import retrain

pytestmark = pytest.mark.django_db

WANTED = "/api/v1/users/rocker0/recommendations"


@pytest.fixture
def service() -> Client:
    """A program that may ask for any listener."""
    return Client(headers={"Authorization": f"Bearer {service_keys.issue('shop')}"})


@pytest.fixture
def newer(live: str) -> None:
    """A song and a listener that came after the live model's training."""
    Song.objects.create(song_id="late", title="Late", artist="Latecomers", genre="Later")
    casts.judge("after", {"late": 1, "r1": 1, "r2": 1})
    casts.judge("only-late", {"late": 1})


def ask(client: Client, address: str = WANTED) -> Any:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return answer.json()


def songs_of(answer: Any) -> list[str]:
    return [result["song"]["song_id"] for result in answer["results"]]


def test_a_listener_newer_than_the_model_is_served_by_what_it_knows(
    newer: None, service: Client
) -> None:
    known = ask(service, "/api/v1/users/after/recommendations?limit=2")
    unknown = ask(service, "/api/v1/users/only-late/recommendations")

    assert known["strategy"] == "personalised"
    assert songs_of(known) == ["r3", "r4"]
    assert {reason["song_id"] for reason in known["results"][0]["reasons"]} <= {"r1", "r2"}
    assert unknown["strategy"] == "popular"


@pytest.mark.parametrize("filters", ["artist=Latecomers", "genre=later"])
def test_a_filter_newer_than_the_model_leaves_nothing(
    newer: None, service: Client, filters: str
) -> None:
    assert songs_of(ask(service, f"{WANTED}?{filters}")) == []


def test_a_song_newer_than_the_model_is_left_out_as_any_other(newer: None, service: Client) -> None:
    before = songs_of(ask(service))

    assert songs_of(ask(service, f"{WANTED}?exclude=late,no-such-song")) == before
    assert songs_of(ask(service, f"{WANTED}?exclude=late,{before[0]}")) == before[1:]


def test_posted_songs_newer_than_the_model_count_for_nothing(newer: None, service: Client) -> None:
    def posted(**body: list[str]) -> Any:
        answer = service.post("/api/v1/recommendations", body, content_type="application/json")
        assert answer.status_code == 200
        return answer.json()

    plain, more = posted(likes=["r1"]), posted(likes=["late", "r1"], dislikes=["no-such-song"])

    assert more["results"] == plain["results"]
    assert posted(likes=["late"])["strategy"] == "popular"


def test_a_song_newer_than_the_model_has_no_similar_songs_where_its_artist_has_no_other(
    newer: None, service: Client
) -> None:
    assert ask(service, "/api/v1/songs/late/similar")["results"] == []


def another_format(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 1}))


def replaced(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    """The array changed by a writer that keeps the manifest true."""
    path = folder / f"{name}.npy"
    array = change(np.load(path))
    np.save(path, array)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][path.name] = {
        "sha256": model_store._digest(path),
        "shape": list(array.shape),
        "dtype": str(array.dtype),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def no_number(folder: Path) -> None:
    replaced(folder, "model.base", lambda base: np.full_like(base, np.nan))


def other_shape(folder: Path) -> None:
    replaced(folder, "model.base", lambda base: base[:-1])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (another_format, "format 1, this code reads"),
        (no_number, "array 'base' holds numbers that are not finite"),
        (other_shape, "array 'offsets'"),
    ],
)
def test_a_bad_version_goes_live_and_the_one_before_serves_on(
    live: str,
    model_dir: Path,
    service: Client,
    caplog: pytest.LogCaptureFixture,
    fresh_process: LiveModel,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], None],
    said: str,
) -> None:
    monkeypatch.setattr(serving, "live_model", fresh_process)
    monkeypatch.setattr("musicrec.conditions.live_model", fresh_process)
    before = ask(service)
    casts.publish("v2")
    damage(model_dir / "v2")

    after = ask(service)

    assert after["model"] == before["model"] == {"version": "v1", "algorithm": "local_ridge"}
    assert after["results"] == before["results"]
    assert said in caplog.text
    model = Client().get("/readyz").json()["checks"]["model"]
    assert (model["status"], "refused" in model["detail"]) == ("degraded", True)

    made = retrain().version
    assert ask(service)["model"]["version"] == made
    assert Client().get("/readyz").json()["checks"]["model"]["status"] == "ok"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("song_ids", lambda ids: np.arange(len(ids))),
        ("song_ids", lambda ids: np.full_like(ids, ids[0])),
        ("like_counts", lambda counts: -counts - 1),
        ("like_counts", lambda counts: counts.astype(np.float64) * np.nan),
        ("artist_of", lambda numbers: numbers + 99),
        ("artist_names", lambda names: names[::-1]),
        ("genre_names", lambda names: names[::-1]),
        ("genre_starts", lambda starts: starts + 1),
        ("genre_starts", lambda starts: starts.astype(np.float64)),
        ("genre_rows", lambda rows: rows + 99),
    ],
)
def test_an_index_that_would_find_other_songs_is_refused(
    live: str, name: str, change: Callable[[Any], Any]
) -> None:
    arrays = dict(model_store.load(live).songs.arrays())

    with pytest.raises(BrokenIndex, match=name):
        SongIndex.load({**arrays, name: change(arrays[name])})
