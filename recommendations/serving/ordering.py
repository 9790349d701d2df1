"""Which songs a list holds and in which order: the model's ranking, and what the caller asks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recommendations.engine.interactions import BoolArray, IntArray, Profile
from recommendations.engine.model import NoKnownSongs
from recommendations.engine.novelty import Turned
from recommendations.engine.ranking import Ranking, Scored
from recommendations.model_store import StoredModel

# Rows and the model's scores of them, in the order of the list.
Page = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asks of a list: how many songs, of whom, which not, and how familiar.

    novelty: -1 for the most popular of the songs that suit, 1 for the least; 0 changes nothing.
    """

    limit: int = 10
    genre: str | None = None
    artist: str | None = None
    exclude: tuple[str, ...] = ()
    max_per_artist: int | None = None
    novelty: float = 0.0


def order_for(stored: StoredModel, profile: Profile, wanted: Wanted) -> tuple[str, Iterator[Page]]:
    """The strategy that served the profile, and its list in pages, made as they are taken.

    One page is enough but for songs that left the catalogue since the training.
    """
    ranking, strategy = _ranking(stored, profile)
    if wanted.novelty:
        ranking = Turned(ranking, stored.songs.like_counts, wanted.novelty, profile.judged)
    return strategy, _pages(stored, ranking, profile, wanted)


def _ranking(stored: StoredModel, profile: Profile) -> tuple[Ranking, str]:
    """The order of the songs for this profile, and the strategy that gave it."""
    if stored.recipe.algorithm != "popularity":
        try:
            return stored.model.ranking(profile), "personalised"
        except NoKnownSongs:
            pass
    counts = stored.songs.like_counts
    listeners = max(1, int(stored.manifest["n_listeners"]))
    return Scored((counts / listeners).astype(np.float32)), "popular"


def _pages(
    stored: StoredModel, ranking: Ranking, profile: Profile, wanted: Wanted
) -> Iterator[Page]:
    """The ranking in pages, the filters and the most of an artist applied."""
    excluded = profile.judged
    if wanted.exclude:
        excluded = np.concatenate([excluded, stored.songs.rows(wanted.exclude)])
    allowed = _allowed(stored, wanted)
    candidates = stored.model.n_songs if allowed is None else int(np.count_nonzero(allowed))
    given, depth = 0, wanted.limit if wanted.max_per_artist is None else 8 * wanted.limit
    while given < candidates:
        rows, values = ranking.best(depth, excluded=excluded, allowed=allowed)
        ranked = list(zip(rows.tolist(), values.tolist(), strict=True))
        if wanted.max_per_artist is not None:
            ranked = _at_most_per_artist(ranked, stored.songs.artist_of, wanted.max_per_artist)
        yield ranked[given:]
        given = len(ranked)
        if len(rows) < depth:
            return
        depth *= 4


def _allowed(stored: StoredModel, wanted: Wanted) -> BoolArray | None:
    """The mask of the songs that the filters leave, None without a filter."""
    if wanted.genre is None and wanted.artist is None:
        return None
    allowed = np.ones(len(stored.songs), np.bool_)
    if wanted.genre is not None:
        allowed &= _mask(stored, stored.songs.rows_of_genre(wanted.genre))
    if wanted.artist is not None:
        allowed &= _mask(stored, stored.songs.rows_of_artist(wanted.artist))
    return allowed


def _mask(stored: StoredModel, rows: IntArray) -> BoolArray:
    mask = np.zeros(len(stored.songs), np.bool_)
    mask[rows] = True
    return mask


def _at_most_per_artist(ranked: Page, artist_of: IntArray, most: int) -> Page:
    """The ranking without the songs of an artist past the first ``most``; of no artist all stay."""
    seen: dict[int, int] = {}
    kept = []
    for row, score in ranked:
        artist = int(artist_of[row])
        seen[artist] = seen.get(artist, 0) + 1
        if artist < 0 or seen[artist] <= most:
            kept.append((row, score))
    return kept
