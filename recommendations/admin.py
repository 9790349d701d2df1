"""Songs to edit; likes, listeners, trainings and models to look at, fast at millions of likes.

Nothing here counts or sorts a whole table of likes: lists run along an index, and a count stops
early. Only songs can be edited. A like has an order key and an event behind it, a listener a
revision, a model version files on disk: an edit by hand would contradict them.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Max, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from recommendations.models import Interaction, Listener, ModelVersion, Song, TrainingRun
from recommendations.training import report_words

if TYPE_CHECKING:
    SongBase = admin.ModelAdmin[Song]
    ListenerBase = admin.ModelAdmin[Listener]
    InteractionBase = admin.ModelAdmin[Interaction]
    RunBase = admin.ModelAdmin[TrainingRun]
    VersionBase = admin.ModelAdmin[ModelVersion]
    PaginatorBase = Paginator[Any]
else:
    SongBase = ListenerBase = InteractionBase = RunBase = VersionBase = admin.ModelAdmin
    PaginatorBase = Paginator

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MOST_COUNTED: Final = 10_000
RECENT_ROWS: Final = 100_000
MOST_GENRES: Final = 40


class CappedPaginator(PaginatorBase):
    """Pages over a large table: the newest 10,000 rows of it, and what a search leaves."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, but at most 10,000: counting all costs more than the page."""
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by().values("pk")[:MOST_COUNTED].count()


class ReadOnly:
    """For what is written by loading, likes and training, and by nobody's hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never: a profile row that goes missing lets an old like come back."""
        return False


class ActionFilter(admin.SimpleListFilter):
    """Likes, dislikes or withdrawn ones.

    No index has the value, since every like would pay for it. So without a search the filter looks
    at the newest rows only: where few rows match, it would otherwise read the whole table.
    """

    title = f"action (newest {RECENT_ROWS:,} rows, or the whole search)"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The three words on a song."""
        return [(str(value), str(label)) for value, label in Interaction.Value.choices]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Interaction]
    ) -> QuerySet[Interaction]:
        """The rows that say so."""
        chosen = self.value()
        if chosen is None or chosen not in map(str, Interaction.Value.values):
            return queryset
        if not any(request.GET.get(name) for name in ("q", "listener__id__exact")):
            newest = Interaction.objects.aggregate(newest=Max("pk"))["newest"] or 0
            queryset = queryset.filter(pk__gt=newest - RECENT_ROWS)
        return queryset.filter(value=int(chosen))


class GenreFilter(admin.SimpleListFilter):
    """The genres of the catalogue, each of several on its own."""

    title = "genre"
    parameter_name = "genre"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every genre by name, or the first forty of very many."""
        rows = Song.objects.exclude(genre="").values_list("genre", flat=True).distinct()
        genres = sorted({genre for row in rows for genre in row.split("|")})
        return [(genre, genre) for genre in genres[:MOST_GENRES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Song]) -> QuerySet[Song]:
        """Songs of the genre, alone or among several."""
        genre = self.value()
        if not genre:
            return queryset
        first, last, amid = (Q(genre__startswith=f"{genre}|"), Q(genre__endswith=f"|{genre}"),
                             Q(genre__contains=f"|{genre}|"))  # fmt: skip
        return queryset.filter(Q(genre=genre) | first | last | amid)


@admin.register(Song)
class SongAdmin(SongBase):
    """The catalogue. Edits last until a file that says otherwise is loaded."""

    list_display = ("song_id", "title", "artist", "genre", "likes")
    list_filter = (GenreFilter,)
    search_fields = ("title", "artist")
    search_help_text = "a song id, or words of title and artist"
    ordering = ("-id",)
    sortable_by = ("song_id",)
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Song], search_term: str
    ) -> tuple[QuerySet[Song], bool]:
        """The song of this id, else those with all the words."""
        by_id = queryset.filter(song_id=search_term.strip())
        if search_term and by_id.exists():
            return by_id, False
        return super().get_search_results(request, queryset, search_term)

    def get_readonly_fields(self, request: HttpRequest, obj: Song | None = None) -> tuple[str, ...]:
        """The id of a song stays: profiles and models know the song by it."""
        return ("song_id",) if obj else ()

    @admin.display(description="likes")
    def likes(self, song: Song) -> SafeString:
        """A way to the likes of the song."""
        return link("interaction_changelist", "likes", q=f"song:{song.song_id}")


@admin.register(Listener)
class ListenerAdmin(ReadOnly, ListenerBase):
    """Users, the newest first."""

    list_display = ("user_id", "revision", "likes")
    search_fields = ("user_id",)
    search_help_text = "a user id, whole"
    ordering = ("-id",)
    sortable_by = ("user_id",)
    paginator = CappedPaginator
    show_full_result_count = False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Listener], search_term: str
    ) -> tuple[QuerySet[Listener], bool]:
        """The one user of this id: looking for a part of an id would read the whole table."""
        term = search_term.strip()
        return (queryset.filter(user_id=term) if term else queryset), False

    @admin.display(description="likes")
    def likes(self, listener: Listener) -> SafeString:
        """A way to the profile."""
        return link("interaction_changelist", "profile", listener__id__exact=listener.pk)


@admin.register(Interaction)
class InteractionAdmin(ReadOnly, InteractionBase):
    """What users think of songs, the newest rows first."""

    list_display = ("id", "listener", "song_id", "song_title", "value", "said_at", "updated_at")
    list_select_related = ("listener",)
    list_filter = (ActionFilter,)
    fields = ("listener", "song_id", "song_title", "value", "said_at", "order_key", "event_id",
              "updated_at")  # fmt: skip
    search_fields = ("listener", "song")
    search_help_text = "a user id or a song id, whole; user:101 and song:3 tell them apart"
    ordering = ("-id",)
    sortable_by = ()
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_queryset(self, request: HttpRequest) -> QuerySet[Interaction]:
        """With the title of each song, also of none: a profile outlives the songs in it."""
        songs = Song.objects.filter(song_id=OuterRef("song_id"))
        return super().get_queryset(request).annotate(title=Subquery(songs.values("title")[:1]))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Interaction], search_term: str
    ) -> tuple[QuerySet[Interaction], bool]:
        """The rows of a user or of a song, by whole ids: both are indexed, parts of ids are not."""
        term = search_term.strip()
        if not term:
            return queryset, False
        kind, _, named = term.partition(":")
        of_song = Q(song=named if kind == "song" else term)
        user = Listener.objects.filter(user_id=named if kind == "user" else term).first()
        of_user = Q(listener=user) if user else Q(pk__in=[])
        chosen = {"song": of_song, "user": of_user}.get(kind, of_song | of_user)
        return queryset.filter(chosen), False

    @admin.display(description="title")
    def song_title(self, row: Interaction) -> str:
        """The title of the song, where the song is still there."""
        return getattr(row, "title", None) or "(not in the catalogue)"

    @admin.display(description="said at", empty_value="unknown")
    def said_at(self, row: Interaction) -> datetime | None:
        """The order key as a time."""
        return EPOCH + timedelta(microseconds=row.order_key) if row.order_key else None


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnly, RunBase):
    """Every training and how it ended; `manage.py retrain` starts one."""

    list_display = ("id", "started_at", "status", "algorithm", "ndcg_at_10", "duration_seconds",
                    "reason")  # fmt: skip
    list_filter = ("status", "algorithm", "started_at")
    exclude = ("parameters", "metrics", "watermark")
    readonly_fields = ("report_text", "parameters_text", "metrics_text", "watermark_text")
    ordering = ("-id",)
    sortable_by = ()
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    @admin.display(description="NDCG@10")
    def ndcg_at_10(self, run: TrainingRun) -> str | None:
        """Of the winner, on the held-out cut."""
        value = (run.metrics.get("winner") or {}).get("ndcg@10")
        return f"{value:.4f}" if isinstance(value, float) else None

    @admin.display(description="report")
    def report_text(self, run: TrainingRun) -> str:
        """What the model's lists hold, and its accuracy by group."""
        report = run.metrics.get("report")
        if not report:
            return "none was made"
        lines = [*report_words.figures(report), *report_words.groups(report)]
        return format_html("<pre>{}</pre>", "\n".join(lines))

    @admin.display(description="parameters")
    def parameters_text(self, run: TrainingRun) -> SafeString:
        """As indented JSON."""
        return _indented(run.parameters)

    @admin.display(description="metrics")
    def metrics_text(self, run: TrainingRun) -> SafeString:
        """As indented JSON."""
        return _indented(run.metrics)

    @admin.display(description="watermark")
    def watermark_text(self, run: TrainingRun) -> SafeString:
        """As indented JSON."""
        return _indented(run.watermark)


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly, VersionBase):
    """Published models; `manage.py models --activate` makes another one live."""

    list_display = ("version", "is_live", "algorithm", "created_at", "activated_at", "training_run")
    list_select_related = ("training_run",)
    list_filter = ("is_live", "algorithm")
    search_fields = ("version",)
    ordering = ("-id",)
    sortable_by = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER


def link(page: str, text: str, **query: object) -> SafeString:
    """A way to a page of this app's part of the admin."""
    address = f"{reverse(f'admin:recommendations_{page}')}?{urlencode(query)}"
    return format_html('<a href="{}">{}</a>', address, text)


def _indented(value: object) -> SafeString:
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))
