"""Which songs are solved together."""

import numpy as np

from recommendations.engine.grouping import groups


def test_every_song_asked_for_is_in_one_group_with_all_its_neighbours() -> None:
    rng = np.random.default_rng(1)
    rows = np.sort(np.stack([rng.choice(200, 6, replace=False) for _ in range(200)]), axis=1)
    rows[7, 4:] = -1
    among = rng.random(200) < 0.8

    found = list(groups(rows.astype(np.int32), among, 40))

    together = np.concatenate([songs for songs, _ in found])
    assert sorted(together) == np.flatnonzero(among).tolist()
    for songs, support in found:
        assert len(support) <= 40
        assert support.tolist() == sorted(set(rows[songs].ravel()) - {-1})


def test_songs_of_the_same_neighbours_come_together_wherever_they_stand() -> None:
    # Songs 0, 2, 4 … have the neighbours 10 to 14, the others 0 to 4.
    rows = np.stack([np.arange(5) + 10 * (song % 2 == 0) for song in range(20)]).astype(np.int32)

    found = list(groups(rows, np.ones(20, np.bool_), 5))

    assert [songs.tolist() for songs, _ in found] == [[*range(0, 20, 2)], [*range(1, 20, 2)]]


def test_nothing_asked_for_makes_no_group() -> None:
    assert list(groups(np.full((3, 2), -1, np.int32), np.zeros(3, np.bool_), 2)) == []
