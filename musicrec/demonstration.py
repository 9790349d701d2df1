"""The whole installation on one machine: prepared, started, and explained to whoever looks."""

import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from access import listener_tokens, login_links
from musicrec.supervision import Supervisor
from musicrec.web_flags import WEB_FLAGS
from recommendations.models import Interaction, Listener, Song
from recommendations.training import versions

FIXTURES = Path(settings.BASE_DIR) / "fixtures"
MANAGE = (sys.executable, str(Path(settings.BASE_DIR) / "manage.py"))
LOOPBACK = ("127.0.0.1", "localhost", "::1")
READY_SECONDS = 60.0
POLL_SECONDS = 0.05
DEMO_TOKEN_SECONDS = 24 * 60 * 60


class CannotStart(Exception):
    """The demonstration cannot start; the message is one line that says what to do."""


@dataclass(frozen=True)
class Address:
    """Where the web process listens."""

    host: str
    port: int

    def url(self, path: str = "/") -> str:
        """The address of a page or a route."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{path}"

    def check_free(self) -> None:
        """Raise CannotStart when something else listens here."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise CannotStart(
                    f"cannot listen on {self.host}:{self.port} ({error.strerror}): "
                    f"end what is there, or choose another with --port"
                ) from error


def prepare(say: Callable[[str], None]) -> None:
    """Migrate, and load the fixtures into an empty database."""
    say("preparing the database")
    call_command("migrate", verbosity=0, interactive=False)
    if not Song.objects.exists() and not Listener.objects.exists():
        say("loading the invented songs and likes of fixtures/")
        call_command(
            "loadcsv",
            songs=str(FIXTURES / "songs.csv"),
            interactions=str(FIXTURES / "interactions.csv"),
            verbosity=0,
        )
    # Children open connections of their own; one carried over a start would be shared.
    connection.close()


def train_first_model(
    supervisor: Supervisor, say: Callable[[str], None], stopped: Callable[[], bool]
) -> None:
    """Train where there is no model, in a child of its own, so that it can be stopped.

    Raises ChildEnded when the training, or another child meanwhile, fails.
    """
    if versions.live_version() is not None:
        return
    say("training the first model")
    trainer = supervisor.start("training", [*MANAGE, "retrain"], os.environ, lasting=False)
    while trainer.process.poll() is None and not stopped():
        supervisor.check()
        time.sleep(POLL_SECONDS)
    supervisor.check()


def start_web(supervisor: Supervisor, address: Address) -> None:
    """Start the web process, last of all: what answers first answers with a model."""
    supervisor.start(
        "web",
        [
            *(sys.executable, "-m", "granian", "--interface", "wsgi"),
            *("--host", address.host, "--port", str(address.port)),
            *WEB_FLAGS,
            *("--no-ws", "--log-level", "warning"),
            "musicrec.wsgi:application",
        ],
        os.environ | demo_settings(address),
    )


def start_workers(supervisor: Supervisor, address: Address) -> None:
    """Start the worker with beat, the likes consumer and, with Kafka, the relay."""
    environment = os.environ | demo_settings(address)
    supervisor.start("consumer", [*MANAGE, "consume_likes"], environment)
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        supervisor.start("relay", [*MANAGE, "relay_likes"], environment)
    supervisor.start(
        "worker",
        [
            *(sys.executable, "-m", "celery", "-A", "musicrec", "worker", "--beat"),
            *("--concurrency", "1", "--loglevel", "warning"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ],
        environment,
    )


def demo_settings(address: Address) -> dict[str, str]:
    """Settings of the children. On loopback the pages let anyone be any listener."""
    local = address.host in LOOPBACK
    hosts = {*settings.ALLOWED_HOSTS, address.host}
    return {
        "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")])
        ),
        "ALLOWED_HOSTS": ",".join(sorted(hosts)),
        **({"DEMO": "1", "SEED_ROUTES_OPEN": "1"} if local else {}),
    }


def wait_until_ready(supervisor: Supervisor, address: Address, stopped: Callable[[], bool]) -> bool:
    """Wait for ``/readyz``; false where told to stop first. Raises ChildEnded or CannotStart."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        supervisor.check()
        if stopped():
            return False
        if is_ready(address):
            return True
        time.sleep(POLL_SECONDS)
    raise CannotStart(f"{address.url('/readyz')} did not answer 200 within {READY_SECONDS:.0f} s")


def is_ready(address: Address) -> bool:
    """Whether requests can be answered now."""
    try:
        with urllib.request.urlopen(address.url("/readyz"), timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def introduction(address: Address, seconds: float) -> str:
    """What there is, where it is, and lines to paste."""
    return "\n".join(
        [*_what_there_is(seconds), "", *_where_it_is(address), "", *_to_paste(address)]
    )


def _what_there_is(seconds: float) -> list[str]:
    likes = Interaction.objects.filter(value=1).count()
    dislikes = Interaction.objects.filter(value=-1).count()
    there_is = (
        f"musicrec is ready after {seconds:.1f} s, with {Song.objects.count():,} songs, "
        f"{Listener.objects.count():,} users, {likes:,} likes and {dislikes:,} dislikes."
    )
    return [there_is, _live_model()]


def _live_model() -> str:
    live = versions.live_version()
    if live is None:
        return "There is no model yet: everyone gets popular songs until `manage.py retrain`."
    metrics = live.training_run.metrics
    ours, popular = (metrics.get(of, {}).get("ndcg@10") for of in ("winner", "popularity"))
    if ours is None or popular is None:
        return f"Live model {live.version}: {live.algorithm} ({live.training_run.reason})."
    return (
        f"Live model {live.version}: {live.algorithm}, NDCG@10 {ours:.4f} on held-out likes, "
        f"popularity {popular:.4f}."
    )


def _where_it_is(address: Address) -> list[str]:
    return [
        f"  Listen    {address.url()}",
        f"  Admin     {address.url(login_links.path_for_operator())}   (works once)",
        f"  API docs  {address.url('/api/docs')}",
        f"  Health    {address.url('/readyz')}",
    ]


def _to_paste(address: Address) -> list[str]:
    """Three calls with a working token of one listener: ask, like, see the change."""
    listener = (
        Listener.objects.filter(interactions__value=1)
        .order_by("pk")
        .values_list("user_id", flat=True)
    ).first() or "101"
    judged = Interaction.objects.filter(listener__user_id=listener).values("song_id")
    song = Song.objects.exclude(song_id__in=judged).order_by("pk").first()
    token = listener_tokens.issue(listener, DEMO_TOKEN_SECONDS)
    user = address.url(f"/api/v1/users/{listener}")
    lines = [
        f"Paste these; the token is listener {listener}'s for a day:",
        f"  TOKEN={token}",
        f'  curl -H "Authorization: Bearer $TOKEN" "{user}/recommendations?limit=3"',
    ]
    if song is not None:
        body = json.dumps({"action": "like"})
        lines.append(
            f'  curl -X PUT -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" '
            f"-d '{body}' {user}/likes/{song.song_id}"
        )
    lines.append(f'  curl -H "Authorization: Bearer $TOKEN" "{user}/likes?limit=3"')
    return lines
