"""The app that knows who may call what."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Service keys, listener tokens, permissions and rate limits."""

    name = "access"

    def ready(self) -> None:
        """Make the credentials known to whoever writes the OpenAPI document."""
        from access import openapi  # noqa: F401
