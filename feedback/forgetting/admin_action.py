"""The admin's list of listeners with one thing to do: to forget them, after a second look.

It stands here and not with the list, because what a listener has left lies in this app.
"""

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from feedback.forgetting.deletion import forget
from recommendations.admin import ListenerAdmin
from recommendations.forgotten_ledger import LedgerUnwritable
from recommendations.models import Listener


class ForgettableListenerAdmin(ListenerAdmin):
    """Listeners, to be looked at and to be forgotten."""

    actions = ("forget",)

    @admin.action(description="Forget the chosen listeners", permissions=["forget"])
    def forget(
        self, request: HttpRequest, listeners: QuerySet[Listener]
    ) -> TemplateResponse | None:
        """Ask, then forget one after the other."""
        users = list(listeners.order_by("user_id").values_list("user_id", flat=True))
        if "post" not in request.POST:
            return self._question(request, listeners, users)
        for number, user_id in enumerate(users):
            try:
                forget(user_id)
            except LedgerUnwritable as error:
                text = f"{number} of {len(users)} were forgotten; {error}"
                self.message_user(request, text, messages.ERROR)
                return None
        self.message_user(request, f"{len(users)} were forgotten", messages.SUCCESS)
        return None

    def has_forget_permission(self, request: HttpRequest) -> bool:
        """Whoever could delete listeners, if they could be deleted by hand."""
        return bool(request.user.has_perm("recommendations.delete_listener"))

    def _question(
        self, request: HttpRequest, listeners: QuerySet[Listener], users: list[str]
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Forget listeners",
            "opts": self.opts,
            "users": users,
            "keys": [str(pk) for pk in listeners.values_list("pk", flat=True)],
            "action": "forget",
            "action_checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "media": self.media,
        }
        return TemplateResponse(request, "feedback/forget_listeners.html", context)
