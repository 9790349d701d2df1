"""Everything that the command doctor looks at, in the order in which one would put it right."""

import platform
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.checks import WARNING, run_checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from feedback.models import DeadLetter
from musicrec import conditions
from musicrec.conditions import Condition, ok
from musicrec.reachability import kafka_fault
from recommendations import forgotten_keys, model_store
from recommendations.models import ForgottenListener, Listener, ModelVersion, Song


def examine() -> Iterator[Condition]:
    """All findings, each as soon as it is known."""
    yield ok("python", platform.python_version())
    yield from _settings()
    yield from _secret_key_file()
    yield _broken(conditions.disk())
    base = conditions.database()
    yield _broken(base)
    if base.state != "broken":
        for ask in STORED:
            try:
                found = ask()
            except DatabaseError as error:
                found = Condition(
                    ask.__name__.strip("_"), "broken", "cannot be read", str(error), MIGRATE
                )
            if found is not None:
                yield found
    for asked in (conditions.kafka(), _topic(), conditions.redis()):
        if asked is not None:
            yield _broken(asked)


MIGRATE: Final = "manage.py migrate"


def _broken(found: Condition) -> Condition:
    """What requests survive is still something for the operator to repair."""
    return found if found.state == "ok" else replace(found, state="broken")


def _settings() -> Iterator[Condition]:
    serious = [message for message in run_checks() if message.level >= WARNING]
    for message in serious:
        state: conditions.State = "broken" if message.is_serious() else "degraded"
        yield Condition("settings", state, str(message.msg), advice=message.hint or "")
    if not serious:
        yield ok("settings", "fit each other")


def _secret_key_file() -> Iterator[Condition]:
    file = Path(settings.STATE_DIR) / "secret_key"
    if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        advice = f"chmod 600 {file}"
        yield Condition("secret key", "broken", "others can read it", str(file), advice)


def _migrations() -> Condition:
    executor = MigrationExecutor(connection)
    missing = [str(one) for one, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    if missing:
        inside = ", ".join(missing)
        return Condition("migrations", "broken", f"{len(missing)} missing", inside, MIGRATE)
    return ok("migrations", "all applied")


def _durability() -> Condition:
    """Whether a commit is on the disk when it returns, which is what an acknowledged like means."""
    if connection.vendor == "sqlite":
        told: dict[str, tuple[str, ...]] = {"journal_mode": ("wal",), "synchronous": ("2",)}
        found = {name: str(_value(f"PRAGMA {name}")).lower() for name in told}
        advice = "use the settings of this project; on a network disk WAL is impossible"
    else:
        # As our own connections have it, which raise synchronous_commit where it is too weak.
        told = {"fsync": ("on",), "synchronous_commit": ("on", "remote_write", "remote_apply")}
        found = {name: str(_value(f"SHOW {name}")).lower() for name in told}
        advice = "set both to on in postgresql.conf"
    wrong = {name: value for name, value in found.items() if value not in told[name]}
    if wrong:
        inside = ", ".join(f"{name} is {value}" for name, value in wrong.items())
        return Condition(
            "durability", "broken", "a commit can be lost with the power", inside, advice
        )
    return ok("durability", "a commit is on the disk when it returns")


def _integrity() -> Condition | None:
    if connection.vendor != "sqlite":
        return None
    found = str(_value("PRAGMA quick_check(1)"))
    if found == "ok":
        return ok("integrity", "the database file is whole")
    return Condition(
        "integrity",
        "broken",
        "the database file is damaged",
        found,
        "stop everything, keep the file, and restore the last backup (docs/operations.md)",
    )


def _catalogue() -> Condition:
    songs, listeners = Song.objects.count(), Listener.objects.count()
    if songs:
        return ok("catalogue", f"{songs:,} songs, {listeners:,} listeners")
    advice = "manage.py loadcsv --songs songs.csv --interactions interactions.csv"
    return Condition("catalogue", "degraded", "no songs", advice=advice)


def _model() -> Condition:
    found = conditions.model()
    version = ModelVersion.objects.filter(is_live=True).values_list("version", flat=True).first()
    if version is None:
        return found
    try:
        stored = model_store.load(version)
    except model_store.BrokenArtifact as error:
        return Condition(
            "model",
            "broken",
            "the live version cannot be used, an earlier one or popularity serves",
            str(error),
            "manage.py retrain, or make another live: manage.py models",
        )
    return ok("model", f"{version} is live and whole", stored.recipe.algorithm)


def _dead_letters() -> Condition:
    number = DeadLetter.objects.filter(state=DeadLetter.State.OPEN).count()
    if number == 0:
        return ok("dead letters", "none open")
    return Condition(
        "dead letters",
        "degraded",
        f"{number:,} open: messages that could not be applied",
        advice="manage.py dead_letters, or in the admin",
    )


def _forgotten() -> Condition:
    """Whether every marker still finds whom it is about."""
    names = list(ForgottenListener.objects.values_list("key_name", flat=True))
    lost = forgotten_keys.lost(names)
    if not lost:
        return ok("forgotten", f"{len(names):,} users, all of known keys")
    return Condition(
        "forgotten",
        "degraded",
        f"{lost:,} of {len(names):,} markers find nobody: their SECRET_KEY is gone",
        "a rebuild, a load or an event in Kafka may bring these users back",
        forgotten_keys.ADVICE,
    )


def _topic() -> Condition | None:
    """Whether the topic keeps what it must; None where no broker is set, or none answers."""
    fault = kafka_fault(settings.KAFKA_BOOTSTRAP_SERVERS, conditions.PROBE_TIMEOUT_SECONDS)
    if fault is not None:
        return None
    # Only here: the client is large, and an installation without Kafka need not wait for it.
    from feedback.kafka import topic_faults
    from feedback.kafka.clients import BROKER_ERRORS, LikesTopic

    try:
        with closing(LikesTopic()) as topic:
            configs = topic.configs()
    except BROKER_ERRORS as error:
        return Condition("topic", "degraded", "cannot be looked at", str(error))
    if not configs:
        return ok("topic", "not there yet, or not ours to look at", settings.LIKES_TOPIC)
    found = topic_faults.faults(configs)
    if not found:
        return ok("topic", "keeps what it must", settings.LIKES_TOPIC)
    advice = topic_faults.advice()
    return Condition("topic", "broken", "; ".join(found), settings.LIKES_TOPIC, advice)


def _value(query: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


STORED: Final[tuple[Callable[[], Condition | None], ...]] = (
    _migrations,
    _durability,
    _integrity,
    _catalogue,
    _model,
    conditions.consumer,
    conditions.relay,
    conditions.backlog,
    conditions.poison,
    _dead_letters,
    _forgotten,
)
