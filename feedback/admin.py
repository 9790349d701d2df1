"""The outbox to look at, and dead letters to look at, replay and discard."""

import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from feedback import dead_letters
from feedback.forgetting.admin_action import ForgettableListenerAdmin
from feedback.models import ConsumerOffset, DeadLetter, OutboxEvent
from feedback.raw_text import in_brief
from recommendations.admin import CappedPaginator, ReadOnly, link
from recommendations.models import Listener

if TYPE_CHECKING:
    OutboxBase = admin.ModelAdmin[OutboxEvent]
    LetterBase = admin.ModelAdmin[DeadLetter]
    OffsetBase = admin.ModelAdmin[ConsumerOffset]
else:
    OutboxBase = LetterBase = OffsetBase = admin.ModelAdmin

# A request that takes longer may be ended by a proxy; what was replayed until then stands.
REPLAY_SECONDS: Final = 15.0


class FindsById:
    """A search for one whole id, which an index answers; words would be looked for row by row."""

    id_fields: tuple[str, ...] = ("user_id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The rows of a user, a song or an event."""
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q()
        for field in self.id_fields:
            wanted |= Q(**{field: term})
        with suppress(ValueError):
            wanted |= Q(event_id=uuid.UUID(term))
        return queryset.filter(wanted), False


@admin.register(OutboxEvent)
class OutboxAdmin(FindsById, ReadOnly, OutboxBase):
    """Accepted events, newest first."""

    list_display = ("seq", "user_id", "song_id", "recorded_at", "sent_at", "applied_at")
    fields = ("seq", "event_id", "text", "recorded_at", "sent_at", "applied_at")
    readonly_fields = ("text",)
    # Only there so that the admin shows the field; FindsById does the finding.
    search_fields = ("=user_id",)
    search_help_text = "a user id or an event id, whole"
    ordering = ("-seq",)
    paginator = CappedPaginator
    show_full_result_count = False

    @admin.display(description="payload")
    def text(self, event: OutboxEvent) -> str:
        """The payload as text."""
        return in_brief(event.payload)


@admin.register(DeadLetter)
class DeadLetterAdmin(FindsById, ReadOnly, LetterBase):
    """Messages that could not be applied, newest first."""

    list_display = ("id", "reason", "state", "source", "user", "song", "error", "created_at")
    list_filter = ("state", "reason", "source")
    exclude = ("raw", "key", "digest", "user_id", "song_id")
    readonly_fields = ("user", "song", "text")
    id_fields = ("user_id", "song_id")
    search_fields = ("=user_id",)
    search_help_text = "a user id, a song id or an event id, whole"
    ordering = ("-id",)
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = ("replay", "discard")

    @admin.display(description="message")
    def text(self, letter: DeadLetter) -> str:
        """The raw bytes as text, with everything odd in them spelt out."""
        return in_brief(letter.raw)

    @admin.display(description="user", ordering="user_id")
    def user(self, letter: DeadLetter) -> str:
        """The user's id, and a way to the profile."""
        if not letter.user_id:
            return "-"
        return link("interaction_changelist", letter.user_id, q=f"user:{letter.user_id}")

    @admin.display(description="song", ordering="song_id")
    def song(self, letter: DeadLetter) -> str:
        """The song's id, and a way to the catalogue, where it may not be."""
        if not letter.song_id:
            return "-"
        return link("song_changelist", letter.song_id, q=letter.song_id)

    @admin.action(description="Apply the chosen letters again", permissions=["act"])
    def replay(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        """Replay the open ones, as many as a request has time for."""
        deadline = time.monotonic() + REPLAY_SECONDS
        chosen = dead_letters.replayable(letters).count()
        done: list[int] = []
        tally = dead_letters.replay(
            letters, should_stop=lambda: time.monotonic() > deadline, advance=done.append
        )
        said = f"applied {tally.applied}, repeated {tally.repeated}, still dead {tally.dead}"
        left = chosen - sum(done)
        if left > 0:
            said += f"; {left:,} were not come to: choose them again, or manage.py dead_letters"
        if left_out := dead_letters.not_replayable(letters):
            said += f"; {left_out:,} left out: {dead_letters.NOT_REPLAYED}"
        self.message_user(request, said, messages.WARNING if left > 0 else messages.SUCCESS)

    @admin.action(description="Give the chosen letters up for good…", permissions=["act"])
    def discard(
        self, request: HttpRequest, letters: QuerySet[DeadLetter]
    ) -> TemplateResponse | None:
        """Discard the open ones, once it was confirmed how many of what they are."""
        chosen = letters.filter(state=DeadLetter.State.OPEN)
        if request.POST.get("confirmed"):
            # What came in since the page was shown was not confirmed.
            with suppress(ValueError):
                number = dead_letters.discard(chosen.filter(id__lte=int(request.POST["up_to"])))
                self.message_user(request, f"discarded {number:,}")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Give up for good?",
            "opts": self.model._meta,
            "counts": dead_letters.counts(chosen),
            "up_to": chosen.aggregate(last=Max("id"))["last"] or 0,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/feedback/deadletter/discard.html", context)

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whoever could change letters, if they could be changed by hand."""
        return bool(request.user.has_perm("feedback.change_deadletter"))


@admin.register(ConsumerOffset)
class ConsumerOffsetAdmin(ReadOnly, OffsetBase):
    """How far each partition was read."""

    list_display = ("topic", "partition", "epoch", "next_offset")


# The list without this stands in the app below, which knows nothing of outbox and dead letters.
admin.site.unregister(Listener)
admin.site.register(Listener, ForgettableListenerAdmin)
