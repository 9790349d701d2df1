"""Loading files into the tables: batch by batch, so that a load killed halfway can run again.

Each batch is one transaction. Songs and judgements are merged, not added: a second load of the
same file, or of the part that was already in, finds nothing to do.
"""

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from types import FrameType
from typing import TypeVar

from django.db import connection, transaction

from recommendations.loading import interaction_rows
from recommendations.loading import song_rows as catalogue
from recommendations.loading.csv_rows import CsvRows, CsvSource, UnreadableFile
from recommendations.loading.row_errors import ErrorLog, RowError, TooManyErrors, printable
from recommendations.loading.row_values import TEXT_LIMIT
from recommendations.profile_base import merge_from_files
from recommendations.profiles import Merged

T = TypeVar("T")

# A batch holds the write lock of SQLite for 0.5 s, and while the next is read others have their
# turn: likes written beside a load waited 2 ms at the median and 640 ms at most. Batches of 10,000
# halved that and the speed of the load.
BATCH_ROWS = 50_000
PAUSE_SECONDS = 0.002  # so that the turn of others comes also where reading takes no time


@dataclass
class Tally:
    """What became of the rows of a file of songs; unchanged are those that said nothing new."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def add(self, merged: Merged, read: int) -> None:
        """Count a batch that was written, ``read`` rows into the file."""
        self.read = read
        self.inserted += merged.inserted
        self.updated += merged.updated
        self.unchanged = read - self.rejected - self.inserted - self.updated


@dataclass
class JudgementTally(Tally):
    """What became of the rows of a file of judgements.

    forgotten: dropped, because their users were forgotten and the rows say nothing of later.
    """

    forgotten: int = 0

    def add(self, merged: Merged, read: int) -> None:
        """Count a batch that was written, ``read`` rows into the file."""
        super().add(merged, read)
        self.forgotten += merged.forgotten
        self.unchanged -= self.forgotten


@dataclass
class Load:
    """One run of loadcsv: what is common to its files, and what came of each."""

    now: datetime
    errors: ErrorLog
    note: Callable[[str], object]
    dry_run: bool = False
    on_progress: Callable[[int, CsvSource], None] = lambda _rows_read, _source: None
    songs: Tally = field(default_factory=Tally)
    interactions: JudgementTally = field(default_factory=JudgementTally)
    _song_ids: set[str] = field(default_factory=set)
    _reading: CsvRows | None = None

    def load_songs(self, source: CsvSource) -> None:
        """Bring the catalogue up to a file. Raises UnreadableFile, TooManyErrors."""
        reject = partial(self._reject, self.songs, source)
        rows = CsvRows(source, catalogue.REQUIRED, multiline_limit=TEXT_LIMIT, reject=reject)
        songs = catalogue.song_rows(rows, reject=reject)
        self._load(source, rows, self.songs, songs, self._merge_songs)

    def load_interactions(self, source: CsvSource) -> None:
        """Merge a file of judgements into the profiles. Raises UnreadableFile, TooManyErrors."""
        reject = partial(self._reject, self.interactions, source)
        rows = CsvRows(
            source,
            interaction_rows.REQUIRED,
            interaction_rows.OPTIONAL,
            multiline_limit=0,
            reject=reject,
        )
        known = catalogue.known_song_ids() | self._song_ids
        judgements = interaction_rows.judgements(
            rows, known_songs=known, now=self.now, reject=reject
        )
        self._load(source, rows, self.interactions, judgements, merge_from_files)
        if self.interactions.forgotten:
            self.note(
                f"{source.name}: {self.interactions.forgotten:,} rows left out: their users were"
                " forgotten, and the rows are dated before that or not at all"
            )

    def _load(
        self,
        source: CsvSource,
        rows: CsvRows,
        tally: Tally,
        items: Iterable[T],
        merge: Callable[[Sequence[T]], Merged],
    ) -> None:
        if rows.ignored:
            self.note(f"{source.name}: columns ignored: {', '.join(map(printable, rows.ignored))}")
        self._reading = rows
        for batch in _batches(items):
            with _interrupts_held():
                with transaction.atomic():
                    merged = merge(batch)
                    transaction.set_rollback(self.dry_run)
                tally.add(merged, rows.read)
            self.on_progress(rows.read, source)
            time.sleep(PAUSE_SECONDS)

    def _merge_songs(self, songs: Sequence[catalogue.SongRow]) -> Merged:
        # Kept for the interactions: a dry run does not find them in the table.
        self._song_ids.update(song.song_id for song in songs)
        return catalogue.merge_songs(songs)

    def _reject(self, tally: Tally, source: CsvSource, error: RowError) -> None:
        tally.rejected += 1
        if self._reading and tally.rejected % BATCH_ROWS == 0:  # no batch may come for long
            self.on_progress(self._reading.read, source)
        self.errors.add(source.name, error)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Lists of BATCH_ROWS items; what was read before an error comes ahead of the error."""
    batch: list[T] = []
    try:
        for item in items:
            batch.append(item)
            if len(batch) == BATCH_ROWS:
                yield batch
                batch = []
    except (UnreadableFile, TooManyErrors):
        yield batch
        raise
    yield batch


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait for the end of the block.

    A commit is kept from the moment when others see it, which is before it returns: interrupted
    there, the batch would be in the database and in no tally.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is ever interrupted
        return
    held: list[tuple[int, FrameType | None]] = []
    handler = signal.signal(signal.SIGINT, lambda *call: held.append(call))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if held and callable(handler):
        handler(*held[0])


@contextmanager
def lean_process() -> Iterator[None]:
    """Keep a long load fast and its memory flat; all is as it was afterwards."""
    thresholds = gc.get_threshold()
    # A batch is 100,000 tuples, none of them in a cycle: looking for cycles took 5 % of the time.
    gc.set_threshold(200_000, *thresholds[1:])
    mapped = _map_database(0)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        _map_database(mapped)


def _map_database(size: int) -> int:
    """Set how many bytes of a SQLite file are mapped into memory, where they count as ours.

    Returns what it was. A load is as fast without (64,000 rows a second either way).
    """
    if connection.vendor != "sqlite":
        return 0
    with connection.cursor() as cursor:
        (before,) = cursor.execute("PRAGMA mmap_size").fetchone()
        cursor.execute(f"PRAGMA mmap_size={size:d}")
    return int(before)
