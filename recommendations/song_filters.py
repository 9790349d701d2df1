"""The songs of the catalogue that a search, a genre or an artist leaves."""

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import StrIndex
from django.db.models.lookups import Exact, GreaterThan

from recommendations.database_folding import Folded, FoldedGenres
from recommendations.models import Song
from recommendations.song_index import fold, genres_of


def matching(search: str | None, genre: str | None, artist: str | None) -> QuerySet[Song]:
    """Songs that fit all the filters given; case and outer spaces do not matter.

    search: part of the title or the artist. genre: one whole genre, or several separated by |, of
    which a song has any. artist: the whole name.
    """
    songs = Song.objects.all()
    if not all(_can_be_found(name) for name in (search, genre, artist) if name is not None):
        return songs.none()
    if search is not None:
        songs = songs.filter(_contains("title", search) | _contains("artist", search))
    if genre is not None:
        songs = songs.filter(_of_genre(genre))
    if artist is not None:
        songs = songs.filter(Exact(Folded(F("artist")), Folded(Value(artist))))
    return songs


def _can_be_found(name: str) -> bool:
    """False for nothing at all, and for NUL, which Postgres refuses even in a question."""
    return fold(name) != "" and "\0" not in name


def _contains(field: str, text: str) -> Q:
    return Q(GreaterThan(StrIndex(Folded(F(field)), Folded(Value(text))), 0))


def _of_genre(genre: str) -> Q:
    of_any = Q(pk__in=())
    for name in genres_of(genre):
        of_any |= Q(GreaterThan(StrIndex(FoldedGenres(F("genre")), FoldedGenres(Value(name))), 0))
    return of_any
