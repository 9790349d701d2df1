"""What user_profile holds after judgements arrive in any order, twice, or late."""

from itertools import permutations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from recommendations.models import Interaction, Listener
from recommendations.profiles import Judgement, Merged, merge_judgements

pytestmark = pytest.mark.django_db


def said(
    value: int, order_key: int, event: int, *, user: str = "ada", song: str = "3"
) -> Judgement:
    return Judgement(user, song, value, order_key, f"{event:032x}")


def profile() -> list[tuple[str, str, int, int, str]]:
    rows = Interaction.objects.order_by("listener__user_id", "song_id")
    return [
        (row.listener.user_id, row.song_id, row.value, row.order_key, row.event_id.hex)
        for row in rows.select_related("listener")
    ]


def revision(user: str = "ada") -> int:
    return Listener.objects.get(user_id=user).revision


def test_every_order_of_arrival_ends_in_the_same_profile() -> None:
    events = [said(1, 100, 1), said(-1, 300, 2), said(0, 200, 3), said(1, 300, 9), said(1, 0, 5)]

    for order in permutations(events):
        with transaction.atomic():
            for event in order:
                merge_judgements([event])
            assert profile() == [("ada", "3", 1, 300, f"{9:032x}")]
            transaction.set_rollback(True)


def test_one_batch_of_them_ends_like_one_after_another() -> None:
    events = [said(1, 100, 1), said(-1, 300, 2), said(0, 200, 3), said(1, 300, 9)]

    for order in permutations(events):
        with transaction.atomic():
            assert merge_judgements(order) == Merged(inserted=1, updated=0, unchanged=0)
            assert profile() == [("ada", "3", 1, 300, f"{9:032x}")]
            transaction.set_rollback(True)


def test_an_older_word_never_beats_a_newer_one() -> None:
    merge_judgements([said(1, 200, 1)])

    assert merge_judgements([said(-1, 199, 9)]) == Merged(0, 0, 1)
    assert profile() == [("ada", "3", 1, 200, f"{1:032x}")]


def test_at_the_same_time_the_greater_event_id_wins() -> None:
    merge_judgements([said(1, 200, 5)])

    assert merge_judgements([said(-1, 200, 4)]) == Merged(0, 0, 1)
    assert merge_judgements([said(-1, 200, 6)]) == Merged(0, 1, 0)
    assert profile() == [("ada", "3", -1, 200, f"{6:032x}")]


def test_the_revision_grows_once_a_batch_and_only_where_a_row_changed() -> None:
    merge_judgements([said(1, 100, 1), said(1, 100, 2, song="4"), said(1, 100, 3, user="bob")])
    assert (revision("ada"), revision("bob")) == (1, 1)

    merge_judgements([said(-1, 200, 4), said(1, 50, 5, user="bob")])
    assert (revision("ada"), revision("bob")) == (2, 1)


def test_the_same_judgements_again_change_nothing() -> None:
    batch = [said(1, 100, n, song=str(n)) for n in range(500)]
    assert merge_judgements(batch) == Merged(500, 0, 0)
    written_at = set(Interaction.objects.values_list("updated_at", flat=True))

    assert merge_judgements(batch) == Merged(0, 0, 500)
    assert revision() == 1
    assert set(Interaction.objects.values_list("updated_at", flat=True)) == written_at


def test_a_withdrawn_like_stays_as_a_row_so_that_an_old_like_stays_withdrawn() -> None:
    merge_judgements([said(1, 100, 1)])
    merge_judgements([said(0, 200, 2)])

    assert merge_judgements([said(1, 100, 1)]) == Merged(0, 0, 1)
    assert profile() == [("ada", "3", 0, 200, f"{2:032x}")]


def test_one_batch_may_make_change_and_leave_rows() -> None:
    merge_judgements([said(1, 100, 1), said(1, 300, 2, song="4")])

    batch = [said(-1, 200, 3), said(-1, 200, 4, song="4"), said(1, 10, 5, song="5")]
    assert merge_judgements(batch) == Merged(inserted=1, updated=1, unchanged=1)


def test_nothing_to_merge_writes_nothing() -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert merge_judgements([]) == Merged(0, 0, 0)

    assert not [query for query in queries if not query["sql"].startswith(("SELECT", "LOCK"))]


def test_more_listeners_than_one_statement_holds_are_all_made() -> None:
    batch = [said(1, 100, n, user=f"user {n}") for n in range(2_000)]

    assert merge_judgements(batch) == Merged(2_000, 0, 0)
    assert Listener.objects.filter(revision=1).count() == 2_000
