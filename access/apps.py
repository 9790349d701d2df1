"""The app that knows who may call what."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Service keys, listener tokens, permissions and rate limits."""

    name = "access"
