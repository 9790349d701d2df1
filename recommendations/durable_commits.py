"""A commit on Postgres is on the disk when it returns, whatever the server's defaults are.

An acknowledged like is such a commit. A server, a database or a role may be set to answer before
that; then the last ones would be gone with the power, or with the server where others follow it.
"""

from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

# "local" waits for the server's own disk alone, and not for those that are to follow it.
WEAK: Final = ("off", "local")


def keep_commits(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Raise what is too weak on a new connection; the receiver of Django's connection_created.

    By a statement, and not by an option of the connection: that would also lower what is stronger.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = ANY(%s)",
            [list(WEAK)],
        )
