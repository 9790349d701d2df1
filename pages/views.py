"""The first page: a listener, the list with its reasons, and a like that changes it."""

import time
import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from access import callers
from feedback import outbox
from feedback.consuming import presence
from feedback.event_notes import note_event
from feedback.models import AppliedEvent
from feedback.reasons import Refusal
from pages.controls import Controls
from pages.limits import within_limits
from pages.listing import home_of
from pages.present_listener import become, leave, sign_in_with, visitor_of
from recommendations.identifiers import LONGEST_ID, is_identifier
from recommendations.serving.song_info import songs_by_id

ACTIONS = ("like", "dislike", "unlike")
# A like is kept when the outbox has it; the page waits a little so that it shows the effect too.
EFFECT_SECONDS = 0.5
POLL_SECONDS = 0.02
# A page sends neither ids nor times of its own, so nothing else can be wrong with its wish.
WHY_REFUSED = {
    Refusal.UNKNOWN_SONG: "there is no such song",
    Refusal.HELD_AHEAD: "the profile holds a word from the future",
    Refusal.FORGOTTEN_AHEAD: "this listener was forgotten up to a time that is still to come",
}


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The list of the session's listener, or the way to become one."""
    visitor = visitor_of(request)
    shown = home_of(visitor, Controls.of(request.GET.dict()))
    return render(request, "pages/home.html", {"visitor": visitor, **shown})


@require_safe
def icon(_request: HttpRequest) -> HttpResponse:
    """Where the icon is."""
    return HttpResponseRedirect(static("pages/icon.svg"))


@require_POST
@within_limits
def choose(request: HttpRequest) -> HttpResponse:
    """Become any listener, where the visitor may; the id may also be a new one."""
    user_id = request.POST.get("user_id", "").strip()
    if not visitor_of(request).may_choose:
        messages.error(request, "Only staff choose a listener; sign in with a token of yours.")
    elif not is_identifier(user_id):
        messages.error(request, f"A user id has 1 to {LONGEST_ID} printable characters.")
    else:
        become(request, user_id)
    return HttpResponseRedirect(reverse("home"))


@require_POST
@within_limits
def sign_in(request: HttpRequest) -> HttpResponse:
    """Become the listener of a token."""
    if not sign_in_with(request, request.POST.get("token", "")):
        messages.error(request, "This token is not valid or has expired.")
    return HttpResponseRedirect(reverse("home"))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Stop being a listener."""
    leave(request)
    return HttpResponseRedirect(reverse("home"))


@require_POST
@within_limits
def opinion(request: HttpRequest) -> HttpResponse:
    """Like, dislike or withdraw, then show the list as it is after that."""
    visitor = visitor_of(request)
    song_id, action = request.POST.get("song_id", ""), request.POST.get("action", "")
    answer = HttpResponseRedirect(reverse("home") + Controls.of(request.POST.dict()).query)
    if visitor.user_id is None:
        messages.error(request, "Choose a listener first.")
    elif not _is_there(song_id) or action not in ACTIONS:
        messages.error(request, "There is no such song or action.")
    elif event_id := _give(request, visitor.user_id, song_id, action):
        note_event(answer, event_id)
    return answer


def _is_there(song_id: str) -> bool:
    return is_identifier(song_id) and song_id in songs_by_id([song_id])


def _give(request: HttpRequest, user_id: str, song_id: str, action: str) -> str | None:
    """Hand the opinion in and wait, shortly, for its effect. Returns the event's id, if kept."""
    wish = outbox.Wish(user_id, song_id, action)
    [answer] = outbox.accept(callers.listener(user_id), [wish])
    if isinstance(answer, outbox.Refused):
        messages.error(request, f"This cannot be kept: {WHY_REFUSED[answer.reason]}.")
        return None
    if not has_effect_soon(answer.event_id):
        messages.info(request, "Kept. It takes effect as soon as the consumer runs again.")
    return answer.event_id


def has_effect_soon(event_id: str) -> bool:
    """Whether the event takes effect within half a second; where no consumer runs, whether now.

    The wait holds one of the few threads that answer requests.
    """
    deadline = time.monotonic() + EFFECT_SECONDS
    applied = AppliedEvent.objects.filter(event_id=uuid.UUID(event_id))
    if not presence.is_shown():
        return applied.exists()
    while not applied.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
