"""Judgements out of files into the engine's arrays, in memory, without the database."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from recommendations.engine.cutting import HeldOut
from recommendations.engine.interactions import Interactions
from recommendations.identifiers import LONGEST_ID
from recommendations.loading.csv_rows import CsvRows, Reject, Row, open_csv
from recommendations.loading.interaction_rows import (
    OPTIONAL,
    REQUIRED,
    VALUES,
    microseconds,
    order_key,
)
from recommendations.loading.row_errors import BadValue, Code
from recommendations.loading.row_values import identifier
from recommendations.song_index import SongIndex

Table = pd.DataFrame
# Artist and genre by song id.
Catalogue = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class World:
    """A file's judgements as the engine sees them, with what its rows stand for.

    songs: ids by row, the most liked first and equals by id, as the live model has them.
    users: ids by row, sorted. genre_names: of the columns of the songs' genres.
    """

    interactions: Interactions
    songs: "pd.Index[str]"
    users: "pd.Index[str]"
    genre_names: list[str]


def read_judgements(name: str, reject: Reject) -> Table:
    """Columns user, song, value, time: one row a pair, the latest one, of equals the last read.

    Bad rows go to ``reject``. Raises UnreadableFile.
    """
    with open_csv(name) as source:
        rows = CsvRows(source, REQUIRED, OPTIONAL, multiline_limit=LONGEST_ID, reject=reject)
        columns = _columns(rows, reject)
    table = pd.DataFrame(columns)
    table["value"], table["time"] = table["value"].astype("int8"), table["time"].astype("int64")
    latest = table.sort_values("time", kind="stable").drop_duplicates(["user", "song"], keep="last")
    return latest.sort_index()


def read_catalogue(name: str, reject: Reject) -> Catalogue:
    """Artist and genre of the songs of a file, by id; "" where it has none. Raises UnreadableFile.

    Of two rows with one id the first is the song.
    """
    found: Catalogue = {}
    with open_csv(name) as source:
        for line, (song_id, artist, genre) in CsvRows(
            source, ("song_id",), ("artist", "genre"), multiline_limit=LONGEST_ID, reject=reject
        ):
            try:
                found.setdefault(identifier("song_id", song_id), (artist, genre))
            except BadValue as bad:
                reject(bad.at(line))
    return found


def world_of(table: Table, catalogue: Catalogue | None = None) -> World:
    """The judgements over all songs that they name, and those of a catalogue, with their traits."""
    known = catalogue or {}
    likes = table.loc[table["value"] > 0, "song"].value_counts()
    songs = sorted({*table["song"], *known}, key=lambda song: (-likes.get(song, 0), song))
    users = pd.Index(sorted(set(table["user"])), dtype=object)
    index = pd.Index(songs, dtype=object)
    interactions = Interactions(
        users=users.get_indexer(pd.Index(table["user"])).astype(np.int32),
        songs=index.get_indexer(pd.Index(table["song"])).astype(np.int32),
        values=table["value"].to_numpy(np.int8),
        times=table["time"].to_numpy(np.int64),
        n_users=len(users),
        n_songs=len(index),
    )
    rows = [(song, *known.get(song, ("", ""))) for song in songs]
    known_songs = SongIndex.build(rows, interactions.like_counts)
    interactions = replace(interactions, traits=known_songs.traits())
    return World(interactions, index, users, known_songs.genre_names.tolist())


def held_out_of(table: Table, world: World) -> HeldOut:
    """The judgements as something to foretell: unknown users get rows of their own, past the rest.

    Songs outside the catalogue are -1.
    """
    users = world.users.get_indexer(pd.Index(table["user"])).astype(np.int32)
    strangers, _ = pd.factorize(table.loc[users < 0, "user"])
    users[users < 0] = len(world.users) + strangers
    songs = world.songs.get_indexer(pd.Index(table["song"])).astype(np.int32)
    return HeldOut(users, songs, table["value"].to_numpy(np.int8))


def _columns(rows: Iterable[Row], reject: Reject) -> dict[str, list[Any]]:
    users: list[str] = []
    songs: list[str] = []
    values: list[int] = []
    times: list[int] = []
    now = microseconds(datetime.now(UTC))
    for line, (user_id, song_id, like, timestamp) in rows:
        try:
            user, song = identifier("user_id", user_id), identifier("song_id", song_id)
            value = _value(like)
            time = order_key(timestamp, now) if timestamp else 0
        except BadValue as bad:
            reject(bad.at(line))
            continue
        users.append(user)
        songs.append(song)
        values.append(value)
        times.append(time)
    return {"user": users, "song": songs, "value": values, "time": times}


def _value(like: str) -> int:
    """+1 or -1. Raises BadValue."""
    value = VALUES.get(like.strip())
    if value is None:
        raise BadValue("like", Code.BAD_LIKE, like, "1 (like) or 0 (dislike) is expected")
    return value
