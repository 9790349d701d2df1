"""What a training sees of the database."""

import pytest

from recommendations.models import Song
from recommendations.one_moment import one_moment
from recommendations.tests import casts
from recommendations.training import snapshot

pytestmark = pytest.mark.django_db


def test_rows_are_songs_from_the_most_liked_to_the_least_then_by_id() -> None:
    casts.make_songs()
    casts.judge("1", {"j2": 1, "r1": 1})
    casts.judge("2", {"r1": 1, "j1": -1})

    songs = [song_id for song_id, _, _ in snapshot.take().songs]

    assert songs == ["r1", "j2", "j1", "j3", "j4", "new", "r2", "r3", "r4"]


def test_judgements_keep_their_song_value_and_time() -> None:
    casts.make_songs()
    casts.judge("1", {"j2": 1}, at=5)
    casts.judge("2", {"r1": -1, "j2": 1}, at=7)

    taken = snapshot.take()
    data = taken.interactions
    found = {
        (int(user), taken.songs[song][0], int(value), int(time))
        for user, song, value, time in zip(
            data.users, data.songs, data.values, data.times, strict=True
        )
    }

    assert found == {(0, "j2", 1, 5), (1, "r1", -1, 7), (1, "j2", 1, 7)}
    assert (data.n_users, data.n_songs) == (2, 9)


def test_songs_come_with_their_artists_and_genres_in_the_order_of_their_rows() -> None:
    casts.make_songs()
    casts.judge("1", {"r4": 1, "r1": -1})

    taken = snapshot.take()
    traits = taken.interactions.traits

    assert traits is not None
    artists = [artist.casefold() for _, artist, _ in taken.songs]
    for row, artist in enumerate(artists):
        same = [other == artist for other in artists]
        assert (traits.artists == traits.artists[row]).tolist() == same
    assert traits.genres.sum(axis=1).tolist() == [
        len(genre.split("|")) for *_, genre in taken.songs
    ]


def test_withdrawn_likes_and_songs_that_left_the_catalogue_are_no_judgements() -> None:
    casts.make_songs()
    casts.judge("1", {"r1": 1, "r2": 1}, at=1)
    casts.judge("1", {"r1": 0}, at=2)
    Song.objects.filter(song_id="r2").delete()

    assert len(snapshot.take().interactions) == 0


def test_an_empty_database_is_a_snapshot_of_nothing() -> None:
    taken = snapshot.take()

    assert taken.songs == []
    assert (len(taken.interactions), taken.interactions.n_users) == (0, 0)


def test_the_watermark_moves_with_each_change_and_with_nothing_else() -> None:
    casts.make_songs()
    casts.judge("1", {"r1": 1}, at=1)
    before = snapshot.current_watermark()
    casts.judge("1", {"r1": 1}, at=1)
    same = snapshot.current_watermark()
    casts.judge("1", {"r1": 0}, at=2)

    assert same == before
    assert snapshot.current_watermark() != before


def test_the_watermark_of_a_snapshot_says_when_its_last_judgement_was() -> None:
    casts.make_songs()
    assert snapshot.take().watermark["newest_order_key"] == 0
    casts.judge("1", {"r1": 1}, at=7)
    casts.judge("1", {"r2": -1}, at=9)

    taken = snapshot.take().watermark

    assert taken["newest_order_key"] == 9
    assert snapshot.unchanged_since(taken)
    casts.judge("1", {"r2": 1}, at=10)
    assert not snapshot.unchanged_since(taken)


@pytest.mark.django_db(transaction=True)
def test_it_is_of_one_moment_and_keeps_no_writer_waiting() -> None:
    casts.make_songs()
    with one_moment() as cursor:
        cursor.execute("SELECT COUNT(*) FROM song")
        before = cursor.fetchone()
        write_from_another_connection()
        cursor.execute("SELECT COUNT(*) FROM song")
        during = cursor.fetchone()

    assert during == before
    assert Song.objects.count() == before[0] + 1


def write_from_another_connection() -> None:
    """Add a song as another process would; it must not have to wait for the reader."""
    import threading

    from django.db import connection

    def write() -> None:
        Song.objects.create(song_id="late", title="Late")
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    writer.join(timeout=10)
    assert not writer.is_alive()
