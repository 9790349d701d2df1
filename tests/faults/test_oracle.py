"""The oracle itself: a product that is broken in a known way must not pass."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from access import callers
from feedback import applying, due, offsets
from feedback.events import Event, parse
from feedback.models import AppliedEvent, ConsumerOffset, OutboxEvent
from feedback.offsets import Position
from feedback.outbox import Accepted, Wish, accept
from feedback.tests.processes import database_url
from recommendations import profiles, word_tables
from recommendations.models import Interaction, Listener, Song
from tests.faults import audit
from tests.faults.database import Database
from tests.faults.journal import Journal
from tests.faults.oracle import Verdict, judge

pytestmark = pytest.mark.django_db(transaction=True)

APP = callers.service("app", frozenset())
LIKES = [("u", "a", "like"), ("u", "b", "like"), ("v", "a", "dislike"), ("u", "a", "unlike")]


@pytest.fixture
def database(transactional_db: None) -> Iterator[Database]:
    """The test's own database, with witnesses in it."""
    sqlite = connection.vendor == "sqlite"
    name = Path(str(connection.settings_dict["NAME"]))
    made = Database(name, "" if sqlite else database_url())
    Song.objects.bulk_create(Song(song_id=name, title=name) for name in "ab")
    audit.install(made)
    yield made
    connection.close()
    audit.remove(made)


@pytest.fixture
def journal() -> Journal:
    """What was said and acknowledged: LIKES."""
    return Journal()


@pytest.fixture
def said(database: Database, journal: Journal) -> Journal:
    for user_id, song_id, action in LIKES:
        [answer] = accept(APP, [Wish(user_id, song_id, action)])
        assert isinstance(answer, Accepted)
        journal.acknowledged(answer.event_id, user_id, song_id, action)
    return journal


def found(verdict: Verdict) -> dict[str, int]:
    names = ("lost", "twice", "wrong", "gaps")
    return {name: getattr(verdict, name) for name in names if getattr(verdict, name)}


def test_a_sound_consumer_is_found_sound(said: Journal, database: Database) -> None:
    for record in due.to_apply(10):
        applying.apply([record])

    verdict = judge(said, database, counted=[4])

    assert (found(verdict), verdict.problems) == ({}, [])
    assert (verdict.acknowledged, verdict.consumed, verdict.applied) == (4, 4, 4)


def test_an_effect_that_was_marked_and_not_had_is_lost(said: Journal, database: Database) -> None:
    OutboxEvent.objects.update(applied_at=timezone.now())

    verdict = judge(said, database)

    assert found(verdict) == {"lost": 4, "wrong": 3, "gaps": 4}
    assert any("consumed 4" in problem for problem in verdict.problems)


def test_an_offset_that_is_committed_before_the_effects_loses_them(
    said: Journal, database: Database
) -> None:
    offsets.load("t", 0, beginning=0)
    records = due.to_apply(10)
    for number, crash in enumerate([False, True, False, False]):
        offsets.advance(Position("t", 0, 1, number), Position("t", 0, 1, number + 1))
        if not crash:
            applying.apply([records[number]])

    verdict = judge(said, database, log=[record.raw.decode() for record in records])

    assert found(verdict) == {"lost": 1, "wrong": 1, "gaps": 1}
    assert any("consumed 4 is not applied 3" in problem for problem in verdict.problems)


def test_a_position_that_goes_back_is_seen(said: Journal, database: Database) -> None:
    offsets.load("t", 0, beginning=0)
    applying.apply(due.to_apply(10))
    for position in (4, 2, 4):
        ConsumerOffset.objects.update(next_offset=position)

    assert found(judge(said, database)) == {"twice": 1}


def without_where(statement: Callable[[str, str], str]) -> Callable[[str, str], str]:
    return lambda table, rows: statement(table, rows).rpartition("WHERE")[0]


def test_a_write_that_does_not_compare_goes_back_to_an_older_word(
    said: Journal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_tables, "_insert", without_where(word_tables._insert))

    for record in reversed(due.to_apply(10)):
        applying.apply([record])

    # The pair went back, and ends with its first word.
    assert found(judge(said, database)) == {"wrong": 2}


def test_a_second_effect_is_seen_though_the_profile_looks_the_same(
    said: Journal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = due.to_apply(10)
    applying.apply(records)
    monkeypatch.setattr(word_tables, "_insert", without_where(word_tables._insert))
    before = list(Interaction.objects.order_by("id").values_list("value", "event_id"))
    events = [event for record in records if isinstance(event := parse(record), Event)]

    with transaction.atomic():
        profiles.merge_judgements(
            [
                profiles.Judgement(e.user_id, e.song_id, e.value, e.order_key, e.event_id)
                for e in events[1:]
            ]
        )

    assert list(Interaction.objects.order_by("id").values_list("value", "event_id")) == before
    assert found(judge(said, database)) == {"twice": 3}


def test_an_id_that_is_forgotten_and_claimed_again_is_seen(
    said: Journal, database: Database
) -> None:
    records = due.to_apply(10)
    applying.apply(records)
    AppliedEvent.objects.all().delete()
    applying.apply(records)

    # Four ids, and the revisions of both listeners do not grow: nothing was changed.
    assert found(judge(said, database)) == {"twice": 4}


def test_a_revision_that_grows_without_a_change_is_seen(said: Journal, database: Database) -> None:
    applying.apply(due.to_apply(10))
    Listener.objects.filter(user_id="u").update(revision=9)

    assert found(judge(said, database)) == {"twice": 1}


def test_a_consumer_that_counts_more_than_there_is_is_not_believed(
    said: Journal, database: Database
) -> None:
    applying.apply(due.to_apply(10))

    assert found(judge(said, database, counted=[3, 2])) == {"twice": 1}


def test_a_request_without_an_answer_may_have_one_effect_and_no_more(
    said: Journal, database: Database
) -> None:
    said.unanswered("w", "b", "like")
    accept(APP, [Wish("w", "b", "like")])
    applying.apply(due.to_apply(10))
    assert found(judge(said, database)) == {}

    accept(APP, [Wish("w", "b", "like")])
    applying.apply(due.to_apply(10))
    assert found(judge(said, database)) == {"twice": 1}


def test_a_profile_that_nobody_spoke_for_or_that_is_missing_is_wrong(
    said: Journal, database: Database
) -> None:
    applying.apply(due.to_apply(10))
    stranger = Listener.objects.create(user_id="stranger")
    row = Interaction.objects.get(listener__user_id="u", song_id="b")
    Interaction.objects.filter(id=row.id).update(listener=stranger)

    assert found(judge(said, database))["wrong"] == 2


def test_the_journal_is_the_same_when_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    journal = Journal(file)
    journal.acknowledged("0f8fad5b-d9cb-469f-a165-70867728950e", "u", "a", "like")
    journal.unanswered("u", "b", "unlike")
    with file.open("a") as out:
        out.write('{"user_id": "cut o')

    assert Journal.read(file).words() == journal.words()
    assert len(journal) == 1
