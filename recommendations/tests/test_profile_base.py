"""What profile_base holds: what files brought, and what is leaving the log."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from recommendations import forgotten, profile_base
from recommendations.models import BaseWord, Interaction, Listener
from recommendations.profile_base import keep, keep_profiles, merge_from_files
from recommendations.profiles import Judgement, Merged, merge_judgements

pytestmark = pytest.mark.django_db


def said(
    value: int, order_key: int, event: int, *, user: str = "ada", song: str = "3"
) -> Judgement:
    return Judgement(user, song, value, order_key, f"{event:032x}")


def words(table: Any) -> list[tuple[str, str, int, int, str]]:
    rows = table.objects.select_related("listener").order_by("listener__user_id", "song_id")
    return [
        (row.listener.user_id, row.song_id, row.value, row.order_key, row.event_id.hex)
        for row in rows
    ]


def test_what_files_bring_stands_in_the_base_too() -> None:
    many = [said(1, 100, 1, song=f"{n:05}", user=f"u{n % 7}") for n in range(1_000)]

    assert merge_from_files(many) == Merged(1_000, 0, 0)

    assert words(BaseWord) == words(Interaction)
    assert len(words(BaseWord)) == 1_000


def test_a_later_word_of_a_file_replaces_the_earlier_one_in_the_base() -> None:
    merge_from_files([said(1, 100, 1), said(1, 100, 2, song="4")])

    assert merge_from_files([said(-1, 200, 3), said(-1, 99, 4, song="4")]) == Merged(0, 1, 1)

    assert words(BaseWord) == words(Interaction)
    assert [row[2:4] for row in words(BaseWord)] == [(-1, 200), (1, 100)]


def test_a_row_of_a_file_that_lost_against_a_like_is_not_in_the_base() -> None:
    merge_judgements([said(1, 200, 1)])

    merge_from_files([said(-1, 100, 2)])

    assert words(BaseWord) == []


def test_a_word_that_files_brought_over_a_like_is_in_the_base() -> None:
    merge_judgements([said(1, 200, 1), said(1, 200, 5, song="4")])

    merge_from_files([said(-1, 300, 2)])

    assert words(BaseWord) == [("ada", "3", -1, 300, f"{2:032x}")]


def test_a_load_that_is_rolled_back_leaves_no_base() -> None:
    with transaction.atomic():
        merge_from_files([said(1, 100, 1)])
        transaction.set_rollback(True)

    assert words(BaseWord) == []


def test_the_base_keeps_the_greatest_of_what_leaves_the_log() -> None:
    keep([said(1, 200, 1), said(-1, 300, 2), said(0, 250, 3)])
    keep([said(1, 299, 9), said(1, 5, 1, user="bob")])

    assert [row[:4] for row in words(BaseWord)] == [("ada", "3", -1, 300), ("bob", "3", 1, 5)]


def test_what_was_forgotten_does_not_come_into_the_base() -> None:
    forgotten.mark("ada", 200)

    keep([said(1, 200, 1), said(1, 201, 2, song="4"), said(1, 100, 3, user="bob")])

    assert [row[:2] for row in words(BaseWord)] == [("ada", "4"), ("bob", "3")]


def test_profiles_written_before_a_moment_are_kept_in_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(profile_base, "CHUNK_ROWS", 3)
    merge_judgements([said(1, 100, n, song=str(n)) for n in range(10)])
    # Ids with gaps, as repeats leave them.
    Interaction.objects.filter(song_id__in="456").delete()
    old = datetime(2026, 1, 1, tzinfo=UTC)
    Interaction.objects.exclude(song_id="9").update(updated_at=old)

    assert keep_profiles(written_before=old) == 0
    assert keep_profiles(written_before=old + timedelta(seconds=1)) == 6
    assert [row[1] for row in words(BaseWord)] == ["0", "1", "2", "3", "7", "8"]
    assert keep_profiles() == 1
    assert words(BaseWord) == words(Interaction)


def test_a_later_word_in_the_base_is_not_overwritten_by_the_profiles() -> None:
    keep([said(-1, 300, 2)])
    merge_judgements([said(1, 100, 1)])

    assert keep_profiles() == 0
    assert [row[2] for row in words(BaseWord)] == [-1]


@pytest.mark.django_db(transaction=True)
def test_profiles_from_before_the_base_become_it(monkeypatch: pytest.MonkeyPatch) -> None:
    migration = import_module("recommendations.migrations.0005_base_of_what_is_there")
    monkeypatch.setattr(migration, "ROWS", 4)
    ada = Listener.objects.create(user_id="ada")
    Interaction.objects.bulk_create(
        Interaction(
            listener=ada, song_id=str(n), value=1, order_key=n, event_id=f"{n:032x}",
            updated_at=timezone.now(),
        )
        for n in range(10)
    )  # fmt: skip

    for _ in range(2):
        migration.seed(None, SimpleNamespace(connection=connection))

    assert words(BaseWord) == words(Interaction)
    assert len(words(BaseWord)) == 10
