"""What is held back, and what is not."""

from dataclasses import replace

import numpy as np

from recommendations.engine.cutting import HeldOut, cut, cut_again, halves, split
from recommendations.engine.interactions import IntArray, Interactions
from recommendations.tests.engine.worlds import interactions, two_camps


def timed_world() -> Interactions:
    """600 users who like songs 0 to 3 at times 10 … 13, and 0 … 99 of whom dislike song 4 at 14.

    The last tenth of 2,400 likes is hard to place at one instant when many share it, so every
    like has a time of its own: user u likes song s at 1 + s · 600 + u.
    """
    rows = [(u, s, 1) for s in range(4) for u in range(600)]
    times = [1 + s * 600 + u for s in range(4) for u in range(600)]
    rows += [(u, 4, -1) for u in range(100)]
    times += [5000] * 100
    return interactions(rows, users=600, songs=5, times=times)


def test_with_times_few_users_after_the_instant_means_a_random_cut() -> None:
    # A tenth of 2,400 likes are 240, of 240 users: fewer than 500.
    assert cut(timed_world()).kind == "random"


def test_with_times_the_last_tenth_of_the_likes_is_foretold_from_what_was_before() -> None:
    # 10 likes each, the tenth of each after the rest: 600 users have one like after the instant.
    rows = [(u, s, 1) for s in range(10) for u in range(600)]
    times = [1 + s * 600 + u for s in range(10) for u in range(600)]
    rows += [(u, 10, -1) for u in range(100)]
    times += [9000] * 100
    world = interactions(rows, users=600, songs=11, times=times)

    parted = cut(world)

    assert parted.kind == "time"
    assert parted.train.times.max() == 9 * 600
    assert np.unique(parted.held_out.songs[parted.held_out.values > 0]).tolist() == [9]
    assert (parted.held_out.values < 0).sum() == 100


def test_late_judgements_of_users_not_asked_leave_the_training_side_too() -> None:
    rows = [(u, s, 1) for s in range(10) for u in range(600)] + [(600, 9, 1)]
    times = [1 + s * 600 + u for s in range(10) for u in range(600)] + [8000]
    world = interactions(rows, users=601, songs=10, times=times)

    parted = cut(world)

    # User 600 has one like, late: nothing to go by, so not asked, and not to be learnt from.
    assert 600 not in parted.train.users
    assert 600 not in parted.held_out.users


def test_without_times_each_user_hides_an_eighth_but_at_least_one_like() -> None:
    rows = [(0, s, 1) for s in range(20)]  # 20 / 8 = 2.5, rounded to 3
    rows += [(1, s, 1) for s in range(3)]  # at least one
    rows += [(2, s, 1) for s in range(2)]  # too few to hide any
    world = interactions(rows, users=3, songs=20)

    parted = cut(world, seed=7)

    assert parted.kind == "random"
    assert np.bincount(parted.held_out.users, minlength=3).tolist() == [3, 1, 0]
    assert (parted.held_out.values > 0).all()
    assert len(parted.train) + 4 == len(world)


def test_without_times_an_eighth_of_the_dislikes_is_hidden_too_of_users_who_are_asked() -> None:
    rows = [(user, s, 1) for user in range(3) for s in range(8)]
    rows += [(0, s, -1) for s in range(8, 28)]  # 2.5, rounded to 3
    rows += [(1, s, -1) for s in range(8, 11)]  # at least one
    rows += [(2, s, -1) for s in range(8, 10)]  # too few to hide any
    rows += [(3, s, -1) for s in range(20)]  # no like to ask about
    world = interactions(rows, users=4, songs=28)

    held = cut(world, seed=7).held_out

    assert np.bincount(held.users[held.values > 0], minlength=4).tolist() == [1, 1, 1, 0]
    assert np.bincount(held.users[held.values < 0], minlength=4).tolist() == [3, 1, 0, 0]


def test_dislikes_do_not_change_which_likes_are_hidden() -> None:
    likes = [(user, s, 1) for user in range(5) for s in range(9)]
    dislikes = [(user, s, -1) for user in range(5) for s in range(9, 14)]

    alone = cut(interactions(likes, users=5, songs=14), seed=3).held_out
    beside = cut(interactions(likes + dislikes, users=5, songs=14), seed=3).held_out

    assert beside.songs[beside.values > 0].tolist() == alone.songs.tolist()


def test_the_order_of_the_rows_does_not_change_the_draw() -> None:
    rows = [(u, s, 1) for u in range(5) for s in range(9)]
    one = cut(interactions(rows, users=5, songs=9), seed=3)
    other = cut(interactions(rows[::-1], users=5, songs=9), seed=3)

    pairs = set(zip(one.held_out.users.tolist(), one.held_out.songs.tolist(), strict=True))
    assert pairs == set(
        zip(other.held_out.users.tolist(), other.held_out.songs.tolist(), strict=True)
    )
    assert len(pairs) == 5


def test_another_seed_draws_another_split_of_all_judgements() -> None:
    rows = [(u, s, 1 if s % 2 else -1) for u in range(4) for s in range(10)]
    world = interactions(rows, users=4, songs=10)

    one, other = split(world, 0.2, seed=1), split(world, 0.2, seed=2)

    assert np.bincount(one.held_out.users).tolist() == [2, 2, 2, 2]
    assert one.held_out.songs.tolist() != other.held_out.songs.tolist()


def test_nothing_at_all_is_cut_into_nothing() -> None:
    parted = cut(interactions([], users=0, songs=0))

    assert len(parted.train) == 0
    assert len(parted.held_out.users) == 0


def held(users: list[int]) -> HeldOut:
    """One like of each of these users, of the song of the same number."""
    rows = np.array(users, np.int32)
    return HeldOut(rows, rows, np.ones(len(rows), np.int8))


def test_the_halves_share_no_user_and_lack_none() -> None:
    choosing, deciding = halves(held([user for user in range(4_000) for _ in range(3)]))

    first, second = set(choosing.users.tolist()), set(deciding.users.tolist())
    assert not first & second
    assert first | second == set(range(4_000))
    assert 1_850 < len(second) < 2_150
    assert (deciding.users == deciding.songs).all()


def test_a_user_stays_on_one_side_however_rows_are_ordered_and_whoever_joins() -> None:
    before = set(halves(held(list(range(100))))[1].users.tolist())
    after = set(halves(held(list(range(300))[::-1]))[1].users.tolist())

    assert {user for user in after if user < 100} == before


def test_where_one_half_would_have_no_like_both_are_the_whole() -> None:
    alone = held([5])

    assert halves(alone) == (alone, alone)


def pairs(users: IntArray, songs: IntArray) -> set[tuple[int, int]]:
    return set(zip(users.tolist(), songs.tolist(), strict=True))


def test_a_cut_made_again_hides_as_many_others_of_the_same_users() -> None:
    first = cut(two_camps(users=60), seed=0)
    choosing, deciding = halves(first.held_out)
    first = replace(first, held_out=choosing)

    again = cut_again(first, seed=1)

    for sign in (1, -1):
        before, after = (
            np.bincount(held.users[held.values == sign], minlength=60)
            for held in (first.held_out, again.held_out)
        )
        assert before.tolist() == after.tolist()
    hidden = pairs(again.held_out.users, again.held_out.songs)
    learnt = pairs(again.train.users, again.train.songs)
    known = pairs(first.train.users, first.train.songs) | pairs(choosing.users, choosing.songs)
    assert hidden | learnt == known
    assert not hidden & learnt
    assert hidden != pairs(choosing.users, choosing.songs)
    # What the deciding users alone may be asked about is neither learnt from nor asked about.
    assert not pairs(deciding.users, deciding.songs) & (hidden | learnt)


def test_a_cut_made_again_by_the_same_seed_is_the_same() -> None:
    first = cut(two_camps(users=60), seed=0)
    one, same, other = (cut_again(first, seed=seed) for seed in (1, 1, 2))

    assert one.held_out.songs.tolist() == same.held_out.songs.tolist()
    assert one.held_out.songs.tolist() != other.held_out.songs.tolist()
