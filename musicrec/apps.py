"""The app of the installation as a whole: its checks and its commands."""

from django.apps import AppConfig


class MusicrecConfig(AppConfig):
    """Registers the checks of settings."""

    name = "musicrec"

    def ready(self) -> None:
        """Checks run with every command and with ``manage.py check``."""
        from musicrec import checks  # noqa: F401
