"""The app of the installation as a whole: its checks and its commands."""

from django.apps import AppConfig
from django.core.signals import request_started
from django.db.backends.signals import connection_created


class MusicrecConfig(AppConfig):
    """Registers the checks of settings, and looks after connections."""

    name = "musicrec"

    def ready(self) -> None:
        """Checks run with every command and with ``manage.py check``; so do connections."""
        from musicrec import checks  # noqa: F401
        from musicrec.left_connections import close_what_is_left, note_owner

        request_started.connect(close_what_is_left, dispatch_uid="musicrec.left_connections")
        connection_created.connect(note_owner, dispatch_uid="musicrec.left_connections")
