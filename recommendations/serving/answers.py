"""Answers for listeners: fold the present profile into the live model, rank, explain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from recommendations.engine.interactions import Profile
from recommendations.engine.reasons import Reason, explain_all
from recommendations.model_store import StoredModel
from recommendations.serving import popular_songs
from recommendations.serving.live_model import live_model
from recommendations.serving.ordering import Page, Wanted, order_for
from recommendations.serving.song_info import RememberedSongs, SongInfo
from recommendations.serving.state import ServingState, state_of, state_of_nobody
from recommendations.serving.turns import ARITHMETIC

REASONS_A_SONG = 3

remembered = RememberedSongs()

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A song of the list: its row, score and the reasons for it, as rows."""

    row: int
    score: float
    reasons: Sequence[Reason]


def recommend_for(user_id: str, wanted: Wanted) -> Answer:
    """Recommendations from the listener's profile as it stands now; popular songs for others."""
    return {"user_id": user_id, **_recommend(state_of(user_id), wanted)}


def recommend_from(likes: Sequence[str], dislikes: Sequence[str], wanted: Wanted) -> Answer:
    """The same for someone unknown, from likes and dislikes that are not stored."""
    state = replace(state_of_nobody(), liked=tuple(likes), disliked=tuple(dislikes))
    return {"user_id": None, **_recommend(state, wanted)}


def popular(wanted: Wanted) -> Answer:
    """The songs that most listeners like."""
    return _recommend(state_of_nobody(), wanted)


def _recommend(state: ServingState, wanted: Wanted) -> Answer:
    stored = live_model.at(state.live_version)
    if stored is None:
        return _without_model((*state.liked, *state.disliked), wanted)
    with ARITHMETIC:
        profile = Profile(stored.songs.rows(state.liked), stored.songs.rows(state.disliked))
        strategy, pages = order_for(stored, profile, wanted)
    results: list[dict[str, Any]] = []
    while len(results) < wanted.limit:
        with ARITHMETIC:
            page = next(pages, None)
            if page is None:
                break
            explained = _explained(stored, profile, page, strategy)
        info = remembered.by_id(_song_ids(stored, explained), state.catalogue_mark)
        results += _shown(stored, explained, info, len(results))
    model = {"version": stored.version, "algorithm": stored.recipe.algorithm}
    return _answer(strategy, model, wanted, results)


def _explained(stored: StoredModel, profile: Profile, page: Page, strategy: str) -> list[Ranked]:
    if strategy != "personalised" or not page:
        return [Ranked(row, score, ()) for row, score in page]
    rows = np.array([row for row, _ in page], np.int32)
    scores = np.array([score for _, score in page], np.float32)
    reasons = explain_all(stored.model, profile, rows, scores, REASONS_A_SONG)
    return [Ranked(row, score, why) for (row, score), why in zip(page, reasons, strict=True)]


def _song_ids(stored: StoredModel, page: Sequence[Ranked]) -> list[str]:
    """The ids of a page's songs and of those in its reasons."""
    name = stored.songs.names
    ids = [name[ranked.row] for ranked in page]
    ids += [name[reason.row] for ranked in page for reason in ranked.reasons]
    return ids


def _shown(
    stored: StoredModel, page: Sequence[Ranked], info: dict[str, SongInfo], already: int
) -> list[dict[str, Any]]:
    """The page as answers show it. Songs that left the catalogue since the training are dropped."""
    name = stored.songs.names
    found = [(ranked, song) for ranked in page if (song := info.get(name[ranked.row]))]
    return [
        {
            "rank": rank,
            "song": song,
            "score": ranked.score,
            "reasons": [_reason(name[reason.row], reason, info) for reason in ranked.reasons],
        }
        for rank, (ranked, song) in enumerate(found, start=already + 1)
    ]


def _reason(song_id: str, reason: Reason, info: dict[str, SongInfo]) -> dict[str, Any]:
    song = info.get(song_id)
    return {
        "song_id": song_id,
        "title": song["title"] if song else None,
        "share": reason.share,
        "drop": reason.drop,
    }


def _without_model(judged: Sequence[str], wanted: Wanted) -> Answer:
    """Before the first training: what is liked most in the profiles themselves."""
    songs = popular_songs.without_model(wanted.genre, wanted.artist, {*judged, *wanted.exclude})
    if wanted.novelty:
        songs = popular_songs.turned_by(wanted.novelty, songs)
    results: list[dict[str, Any]] = []
    per_artist: dict[str, int] = {}
    for song, score in songs:
        per_artist[song["artist"]] = per_artist.get(song["artist"], 0) + 1
        if wanted.max_per_artist is None or per_artist[song["artist"]] <= wanted.max_per_artist:
            results.append({"rank": len(results) + 1, "song": song, "score": score, "reasons": []})
        if len(results) == wanted.limit:
            break
    return _answer("popular", {"version": None, "algorithm": "popularity"}, wanted, results)


def _answer(
    strategy: str, model: Mapping[str, str | None], wanted: Wanted, results: list[dict[str, Any]]
) -> Answer:
    return {
        "strategy": strategy,
        "model": model,
        "novelty": wanted.novelty,
        "generated_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "results": results[: wanted.limit],
    }
