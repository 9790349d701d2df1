"""Novelty as a client meets it: over HTTP, page by page."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from django.test import Client

from access import service_keys
from recommendations.models import Song
from recommendations.tests import casts

pytestmark = pytest.mark.django_db

SONGS = [f"s{n:02}" for n in range(60)]


@pytest.fixture
def service() -> Client:
    """A program that may ask for any listener."""
    return Client(headers={"Authorization": f"Bearer {service_keys.issue('shop')}"})


@pytest.fixture
def likes() -> Counter[str]:
    """A live model of 60 songs, the n-th as likely to be liked as 1 / (1 + n / 30); their likes."""
    Song.objects.bulk_create([Song(song_id=s, title=s, artist=f"A{s[-1]}") for s in SONGS])
    draw, counted = np.random.default_rng(2), Counter(dict.fromkeys(SONGS, 0))
    for n in range(60):
        liked = [s for at, s in enumerate(SONGS) if draw.random() < 0.5 / (1 + at / 30)]
        casts.judge(f"fan{n}", dict.fromkeys(liked, 1))
        counted.update(liked)
    casts.publish("v1")
    casts.judge("newcomer", dict.fromkeys(SONGS[10:40:10], 1))
    return counted


def listed(client: Client, query: str, limit: int = 10) -> list[str]:
    address = f"/api/v1/users/newcomer/recommendations?limit={limit}&{query}"
    answer = client.get(address).json()
    assert answer["strategy"] == "personalised"
    return [result["song"]["song_id"] for result in answer["results"]]


def test_each_step_of_novelty_shows_less_popular_songs(
    likes: Counter[str], service: Client
) -> None:
    shown = [
        sum(likes[song] for song in listed(service, f"novelty={n}")) for n in (-1, -0.5, 0, 0.5, 1)
    ]

    assert all(before > after for before, after in pairwise(shown))


@pytest.mark.parametrize("novelty", [-1, 0.5, 1])
def test_pages_by_exclusion_hold_every_song_once_in_one_order(
    likes: Counter[str], service: Client, novelty: float
) -> None:
    whole = listed(service, f"novelty={novelty}", limit=100)
    pages: list[str] = []
    while page := listed(service, f"novelty={novelty}&exclude={','.join(pages)}"):
        pages += page

    assert pages == whole
    assert sorted(whole) == sorted(likes.keys() - set(SONGS[10:40:10]))
