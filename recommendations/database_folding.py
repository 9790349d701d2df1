"""Names folded by the database as ``song_index.fold`` folds them, so that both find the same songs.

SQLite's own LOWER and LIKE know the case of ASCII letters alone, so each of its connections is
taught fold itself. Postgres has LOWER, which knows the letters of the database's locale (with "C"
only ASCII) and leaves two letters that folding writes otherwise: ß is ss, and a ς is a σ.

Both sides of a comparison are folded by the same expression: a name always finds itself.
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func, TextField
from django.db.models.sql.compiler import SQLCompiler

from recommendations.song_index import fold, genres_of


class Folded(Func):
    """A name without the spaces around it, and without its case."""

    function = "MUSICREC_FOLD"
    arity = 1
    output_field = TextField()
    on_postgres = "REPLACE(REPLACE(LOWER(BTRIM(%(expressions)s)), 'ß', 'ss'), 'ς', 'σ')"

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        """The same with what Postgres has."""
        return self.as_sql(compiler, connection, template=self.on_postgres, **extra)


class FoldedGenres(Folded):
    """A song's genre field with each genre folded and between bars: ``|hip hop|jazz|``."""

    function = "MUSICREC_FOLD_GENRES"
    on_postgres = rf"'|' || REGEXP_REPLACE({Folded.on_postgres}, '\s*\|\s*', '|', 'g') || '|'"


def barred(genre: str) -> str:
    """What FoldedGenres is on SQLite."""
    return f"|{'|'.join(genres_of(genre))}|"


def teach_sqlite(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Give a new connection the functions; the receiver of Django's connection_created."""
    if connection.vendor == "sqlite":
        for function, of in ((Folded, fold), (FoldedGenres, barred)):
            connection.connection.create_function(function.function, 1, of, deterministic=True)
