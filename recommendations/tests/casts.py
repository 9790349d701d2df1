"""The cast of the tests: a small catalogue with two tastes, its listeners, and models of it."""

import uuid
from datetime import UTC, datetime

from recommendations import model_store
from recommendations.engine import algorithms
from recommendations.engine.model import Recipe
from recommendations.models import ModelVersion, Song, TrainingRun
from recommendations.profiles import Judgement, merge_judgements
from recommendations.song_index import SongIndex
from recommendations.training import snapshot

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ROCK = ["r1", "r2", "r3", "r4"]
JAZZ = ["j1", "j2", "j3", "j4"]
RIDGE = Recipe("local_ridge", {"neighbours": 5, "ridge": 1.0, "kappa": 0.1, "damping": 0.1})


def make_songs() -> None:
    """Four rock songs by two bands, four jazz songs by one trio, and one that nobody has heard."""
    rock = [
        Song(song_id=s, title=f"Rock {s}", artist=f"Band {s[1] in '12'}", genre="Rock")
        for s in ROCK
    ]
    jazz = [Song(song_id=s, title=f"Jazz {s}", artist="Trio", genre="Jazz|Blues") for s in JAZZ]
    unheard = Song(song_id="new", title="Unheard", artist="Trio", genre="Jazz")
    Song.objects.bulk_create([*rock, *jazz, unheard])


def judge(user_id: str, values: dict[str, int], *, at: int = 1_700_000_000_000_000) -> None:
    """Let a user judge songs (+1, -1, 0), at a time in microseconds."""
    merge_judgements(
        [
            Judgement(
                user_id, song, value, at, uuid.uuid5(uuid.NAMESPACE_OID, f"{user_id}{song}{at}").hex
            )
            for song, value in values.items()
        ]
    )


def make_listeners() -> None:
    """Ten who like rock and eight who like jazz, each but for one song of it."""
    for n in range(10):
        judge(f"rocker{n}", {s: 1 for s in ROCK if s != ROCK[n % 4]})
    for n in range(8):
        judge(f"jazzer{n}", {s: 1 for s in JAZZ if s != JAZZ[n % 4]})


def publish(version: str, recipe: Recipe = RIDGE, *, live: bool = True) -> model_store.StoredModel:
    """Train a model of the present profiles and store it, as a retraining would."""
    data = snapshot.take()
    model = algorithms.fit(recipe, data.interactions)
    stored = model_store.publish(
        version,
        recipe,
        model,
        SongIndex.build(data.songs, data.interactions.like_counts),
        n_listeners=data.interactions.n_users,
        metrics={},
        watermark=data.watermark,
    )
    run = TrainingRun.objects.create(
        started_at=MOMENT,
        status="live",
        parameters=recipe.parameters,
        algorithm=recipe.algorithm,
        watermark=data.watermark,
    )
    ModelVersion.objects.filter(is_live=True).update(is_live=not live)
    ModelVersion.objects.create(
        version=version,
        training_run=run,
        algorithm=recipe.algorithm,
        created_at=MOMENT,
        is_live=live,
        activated_at=MOMENT if live else None,
    )
    return stored
