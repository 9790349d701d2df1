"""manage.py demo: everything on this machine, with one command, until Ctrl-C."""

import os
import sys
import time
import webbrowser
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from feedback.stopping import stop_on_signals
from musicrec.checks import refuse_errors
from musicrec.demonstration import (
    LOOPBACK,
    Address,
    CannotStart,
    introduction,
    prepare,
    start_web,
    start_workers,
    train_first_model,
    wait_until_ready,
)
from musicrec.supervision import ChildEnded, Supervisor
from recommendations import sealing

WATCH_SECONDS = 0.2


class Command(BaseCommand):
    help = (
        "Prepare and run everything here: database, songs, model, web, worker, consumer. "
        "Example: manage.py demo --port 8080 --no-browser"
    )
    # Django's own checks take half a second; those of the settings are asked for below.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=port_number, default=8000, help="port to use (8000)")
        parser.add_argument("--no-browser", action="store_true", help="do not open a browser")

    def handle(self, *, host: str, port: int, no_browser: bool, **options: Any) -> None:
        refuse_errors()
        try:
            sealing.refuse_if_sealed()
        except sealing.DatabaseMoved as error:
            raise CommandError(f"{error}") from error
        began = time.monotonic()
        address = Address(host, port)
        supervisor = Supervisor(Path(settings.STATE_DIR) / "log")
        with stop_on_signals() as should_stop:
            try:
                address.check_free()
                prepare(self._say)
                self._say("starting consumer, worker and web")
                start_workers(supervisor, address)
                train_first_model(supervisor, self._say, should_stop)
                start_web(supervisor, address)
                if wait_until_ready(supervisor, address, should_stop):
                    self.stdout.write(introduction(address, time.monotonic() - began))
                    self._say(f"Logs are in {settings.STATE_DIR / 'log'}. Ctrl-C ends everything.")
                    if not no_browser and host in LOOPBACK and has_desktop():
                        webbrowser.open(address.url())
                while not should_stop():
                    supervisor.check()
                    time.sleep(WATCH_SECONDS)
            except (ChildEnded, CannotStart) as error:
                raise CommandError(str(error)) from error
            finally:
                supervisor.stop()
        self._say("ended")

    def _say(self, message: str) -> None:
        self.stderr.write(message)


def port_number(text: str) -> int:
    """A port of the command line."""
    port = int(text)
    if not 1 <= port <= 65_535:
        raise ArgumentTypeError("a port is a number from 1 to 65535")
    return port


def has_desktop() -> bool:
    """Whether a browser would open in a window, not take over this terminal."""
    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
