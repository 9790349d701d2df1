"""What a rebuild of the profiles starts from: what was loaded from files, and what left the log.

profile_base holds the greatest such event of each pair, one row a pair. It may hold events that
the log has too: they are the same there and have one effect.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from recommendations.models import Interaction
from recommendations.profiles import (
    Judgement,
    Merged,
    as_rows,
    keep_writers_out,
    standing,
    write_judgements,
)
from recommendations.word_tables import BASE, IDS_PER_STATEMENT, PROFILE, chunks, copy, upsert
from recommendations.write_turns import write_turn

# A chunk holds SQLite's one write lock for 10 to 20 ms.
CHUNK_ROWS: Final = 5_000


def merge_from_files(judgements: Sequence[Judgement]) -> Merged:
    """Merge judgements into the profiles and keep in the base what they wrote there.

    Runs in the caller's transaction. A judgement that did not win is not kept: what won against
    it stands in the base or in the log, and comes into the base before it leaves the log. So it
    is copied from the profiles, by row ids, at an eighth of the cost of writing it anew.
    """
    written = write_judgements(judgements)
    # On Postgres these may be a few more, of other writers: the base may hold any that counts.
    copy(PROFILE, BASE, "id > %s", [written.last_id])
    for ids in chunks(written.changed_ids, IDS_PER_STATEMENT):
        copy(PROFILE, BASE, f"id IN ({', '.join(['%s'] * len(ids))})", ids)
    return written.merged


def keep(judgements: Sequence[Judgement]) -> None:
    """Keep what is leaving the log, in the caller's transaction; what was forgotten is left out."""
    rows = as_rows(standing(judgements))
    for _ in upsert(BASE, rows):
        pass


def keep_profiles(*, written_before: datetime | None = None) -> int:
    """Keep what the profiles hold, or what of it was written before a moment.

    In transactions of its own, of rows by rows: whoever calls it has made sure that rows of
    later are still in the log, or will keep them too. Returns how many rows were written.
    """
    where, parameters = "id BETWEEN %s AND %s", []
    if written_before is not None:
        where += " AND updated_at < %s"
        parameters = [connection.ops.adapt_datetimefield_value(written_before)]
    kept = 0
    for first, last in _ranges_of_ids():
        with write_turn(), transaction.atomic():
            # Writers of the base who lock rows in another order would form a deadlock with us.
            keep_writers_out()
            kept += copy(PROFILE, BASE, where, [first, last, *parameters])
    return kept


def _ranges_of_ids() -> Iterator[tuple[int, int]]:
    """Ranges of so many rows each. Ids have gaps: on Postgres every repeat burns one."""
    after = 0
    while True:
        ids = Interaction.objects.filter(id__gt=after).order_by("id").values_list("id", flat=True)
        last = ids[CHUNK_ROWS - 1 : CHUNK_ROWS].first() or ids.last()
        if last is None:
            return
        yield after + 1, last
        after = last
