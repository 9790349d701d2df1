"""Service keys in the admin: to look at and to revoke. They are made by ``issue_token``."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from access.models import ServiceKey

if TYPE_CHECKING:
    KeyAdmin = admin.ModelAdmin[ServiceKey]
else:
    KeyAdmin = admin.ModelAdmin


@admin.register(ServiceKey)
class ServiceKeyAdmin(KeyAdmin):
    """A list with one action. A secret is shown once, on the terminal of whoever asks for it."""

    list_display = ("name", "prefix", "scopes", "created_at", "revoked_at")
    search_fields = ("name", "prefix")
    readonly_fields = ("prefix", "name", "scopes", "created_at", "revoked_at")
    actions = ("revoke",)

    @admin.action(description="Revoke the chosen keys, at once")
    def revoke(self, request: HttpRequest, keys: QuerySet[ServiceKey]) -> None:
        """End the chosen keys that have not ended."""
        count = keys.filter(revoked_at=None).update(revoked_at=timezone.now())
        self.message_user(request, f"revoked {count}")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: the secret would pass through a page."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never: a revoked key stays, to tell whose it was."""
        return False
