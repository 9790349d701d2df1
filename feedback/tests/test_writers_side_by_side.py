"""Writers that meet in the same rows on a server: they wait for one another, never in a ring."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

import pytest
from django.db import connection, transaction
from django.utils import timezone

from access import callers
from feedback import due
from feedback.applying import Tally, apply
from feedback.events import Record, encode
from feedback.forgetting import held
from feedback.models import DeadLetter, OutboxEvent
from feedback.outbox import Wish, accept
from recommendations.models import Interaction, Listener, Song
from recommendations.profiles import Judgement, merge_judgements

pytestmark = pytest.mark.django_db(transaction=True)

APP = callers.service("app", frozenset())
USERS, SONGS, ROUNDS = 300, 10, 4


@pytest.fixture(autouse=True)
def _songs(transactional_db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    Song.objects.bulk_create(Song(song_id=str(n), title=str(n)) for n in range(SONGS))


def deadlocks() -> int:
    """How many the server has broken up in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def side_by_side(*works: Callable[[], object]) -> None:
    """Do all at once, each on a connection of its own; the first error is the test's."""
    start = threading.Barrier(len(works), timeout=30)
    errors: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait()
            work()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


def a_like(user: int, song: int, serial: int) -> Record:
    """A record of another producer, with an id of its own."""
    event_id = f"{serial:032x}"
    raw = encode(
        event_id=event_id,
        user_id=f"u{user}",
        song_id=str(song),
        action="like",
        occurred_at_us=1_782_907_200_000_000 + serial,
        seq=None,
    )
    return Record(raw, 1_782_907_200_000_000 + serial, event_id)


def test_consumers_with_the_same_users_in_opposite_order_never_deadlock() -> None:
    before, serials = deadlocks(), count(1)
    tallies: list[Tally] = []

    def consume(batch: list[Record]) -> None:
        tallies.append(apply(batch))

    def ask() -> None:
        accept(APP, [Wish(f"u{n}", str(n % SONGS), "dislike") for n in range(0, USERS, 3)])

    for turn in range(ROUNDS):
        # Users of the round before and new ones; the first batch comes twice, as after a rebalance.
        users = range(turn * USERS // 2, turn * USERS // 2 + USERS)
        first, second = ([a_like(u, u % SONGS, next(serials)) for u in users] for _ in range(2))
        works = (first, first[::-1], second, second[::-1])
        side_by_side(*(partial(consume, batch) for batch in works), ask, ask)

    assert sum(tally.applied for tally in tallies) == 2 * USERS * ROUNDS
    assert sum(tally.repeated for tally in tallies) == 2 * USERS * ROUNDS
    assert Listener.objects.count() == Interaction.objects.count() == (ROUNDS + 1) * USERS // 2
    assert OutboxEvent.objects.count() == 2 * USERS // 3 * ROUNDS
    assert deadlocks() == before


def test_profiles_of_the_same_users_are_written_at_once_without_a_deadlock() -> None:
    before = deadlocks()

    def write(step: int) -> None:
        for turn in range(5 * ROUNDS):
            # Half of the users are new every time.
            users = [f"u{n}" for n in range(turn * 20, turn * 20 + 40)][::step]
            with transaction.atomic():
                merge_judgements([Judgement(u, "0", 1, turn, f"{turn:032x}") for u in users])

    side_by_side(partial(write, 1), partial(write, -1), partial(write, 1), partial(write, -1))

    assert Listener.objects.count() == 5 * ROUNDS * 20 + 20
    assert deadlocks() == before


@pytest.fixture
def _no_index_on_what_is_due() -> Iterator[None]:
    """Has the server find rows by their ids, as it does where the backlog is long."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'outbox_to_apply'")
        [(as_it_was,)] = cursor.fetchall()
        cursor.execute("DROP INDEX outbox_to_apply")
    yield
    with connection.cursor() as cursor:
        cursor.execute(as_it_was)


@pytest.mark.usefixtures("_no_index_on_what_is_due")
def test_marks_are_set_on_the_same_rows_at_once_without_a_deadlock() -> None:
    # Ids are random, so their order is not that of the seqs.
    accept(APP, [Wish(f"u{n % USERS}", str(n % SONGS), "like") for n in range(600)])
    rows = list(OutboxEvent.objects.values_list("seq", "event_id"))
    seqs, ids = [seq for seq, _ in rows], [event_id.hex for _, event_id in rows]
    before = deadlocks()

    def mark_applied() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        for _ in range(3 * ROUNDS):
            with transaction.atomic():
                due.mark_applied(ids, timezone.now())
                transaction.set_rollback(True)

    def mark_sent() -> None:
        for _ in range(3 * ROUNDS):
            due.mark_sent(seqs)

    side_by_side(mark_applied, mark_sent, mark_sent)

    assert not OutboxEvent.objects.filter(sent_at=None).exists()
    assert deadlocks() == before


@pytest.mark.usefixtures("_no_index_on_what_is_due")
def test_rows_of_the_forgotten_go_while_they_are_marked_without_a_deadlock() -> None:
    accept(APP, [Wish("u", str(n % SONGS), "like") for n in range(600)])
    rows = list(OutboxEvent.objects.values_list("seq", "event_id", "payload"))
    seqs, ids = [seq for seq, _, _ in rows], {event_id.hex for _, event_id, _ in rows}
    before = deadlocks()

    def drop(*, some_are_done: bool) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        half = len(rows) // 2 if some_are_done else len(rows)
        for _ in range(3 * ROUNDS):
            with transaction.atomic():
                due.lock(ids if some_are_done else ())
                due.drop([(each.hex, bytes(payload), seq) for seq, each, payload in rows[:half]])
                due.mark_applied(ids, timezone.now())
                transaction.set_rollback(True)

    def forget() -> None:
        for _ in range(3 * ROUNDS):
            with transaction.atomic():
                held.delete(held.of("u"))
                transaction.set_rollback(True)

    def mark_sent() -> None:
        for _ in range(3 * ROUNDS):
            due.mark_sent(seqs)

    side_by_side(
        partial(drop, some_are_done=True), partial(drop, some_are_done=False), forget, mark_sent
    )

    assert OutboxEvent.objects.filter(applied_at=None).count() == 600
    assert deadlocks() == before


def test_messages_put_aside_in_opposite_order_never_deadlock() -> None:
    before = deadlocks()
    for turn in range(ROUNDS):
        batch = [Record(b"[%d, %d]" % (turn, n), n, f"{turn:016x}{n:016x}") for n in range(200)]
        side_by_side(partial(apply, batch), partial(apply, batch[::-1]))

    assert DeadLetter.objects.count() == ROUNDS * 200
    assert deadlocks() == before
