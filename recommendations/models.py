"""Songs, listeners, what they think of songs, trainings and the models that came of them."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.utils import timezone


class Song(models.Model):
    """A song of the catalogue, by the id that its owner gave it."""

    song_id = models.CharField(max_length=64, unique=True)
    title = models.TextField()
    artist = models.TextField(blank=True)
    genre = models.TextField(blank=True, help_text="several are separated by |")

    class Meta:
        db_table = "song"

    def __str__(self) -> str:
        return f"{self.title} by {self.artist}" if self.artist else self.title


class Listener(models.Model):
    """A user. ``revision`` grows with every change to the profile and never falls."""

    user_id = models.CharField(max_length=64, unique=True)
    revision = models.BigIntegerField(default=0)

    class Meta:
        db_table = "listener"

    def __str__(self) -> str:
        return self.user_id


class Word(models.Model):
    """The greatest event of one user and one song: the columns of every table that holds such.

    The song is held by its id as text and outlives the song's row (see Interaction).
    """

    class Value(models.IntegerChoices):
        """What it says of the song."""

        LIKE = 1, "like"
        WITHDRAWN = 0, "withdrawn"
        DISLIKE = -1, "dislike"

    # Both foreign keys go without Django's own index: the unique pair already serves the listener,
    # and for a text key Postgres would get a second index (for LIKE) that nothing uses. Each
    # index costs every like that is written.
    listener = models.ForeignKey(
        Listener, models.PROTECT, related_name="%(class)ss", db_index=False
    )
    song = models.ForeignKey(
        Song,
        models.DO_NOTHING,
        to_field="song_id",
        db_constraint=False,
        db_index=False,
        related_name="%(class)ss",
    )
    value = models.SmallIntegerField(choices=Value.choices)
    order_key = models.BigIntegerField(help_text="microseconds since 1970 UTC, 0 if unknown")
    event_id = models.UUIDField(help_text="the event that said so; breaks ties of the order key")
    updated_at = models.DateTimeField(help_text="when this row was last written")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.listener_id} {self.get_value_display()} {self.song_id}"


class Interaction(Word):
    """What one user thinks of one song: the greatest event of the pair (docs/feedback.md).

    A withdrawn like stays as a row of value 0: without it an older like, read again, would come
    back. For the same reason the song is held by its id as text and outlives the song's row.
    """

    class Meta:
        db_table = "user_profile"
        indexes: ClassVar = [models.Index(fields=["song"], name="user_profile_song")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["listener", "song"], name="user_profile_pair"),
            models.CheckConstraint(
                condition=models.Q(value__in=[-1, 0, 1]), name="user_profile_value"
            ),
        ]


class BaseWord(Word):
    """What a rebuild starts from: words that were loaded from files, or whose log has gone."""

    class Meta:
        db_table = "profile_base"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["listener", "song"], name="profile_base_pair")
        ]


class ShadowWord(Word):
    """A profile that is being made anew beside the one that serves; empty but for a rebuild."""

    class Meta:
        db_table = "profile_shadow"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["listener", "song"], name="profile_shadow_pair")
        ]


class ForgottenListener(models.Model):
    """That somebody was forgotten, and up to where; not who it was.

    digest: HMAC of the user id under the secret key whose name is key_name. Whatever has an
    order key of ``barrier`` or below, and is theirs, is dropped wherever it comes from.
    finished: whether all that was theirs has been deleted here since. A marker that came from the
    ledger is not finished: the database may be a restored backup that holds them again.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    key_name = models.CharField(max_length=16, help_text="which SECRET_KEY made the digest")
    barrier = models.BigIntegerField(help_text="a seq: microseconds since 1970 UTC")
    forgotten_at = models.DateTimeField()
    finished = models.BooleanField(default=True)

    class Meta:
        db_table = "forgotten_listener"

    def __str__(self) -> str:
        return f"{self.digest[:8]}… up to {self.barrier}"


class TrainingRun(models.Model):
    """One training, from its snapshot to its verdict, refused and failed ones included."""

    class Status(models.TextChoices):
        """How it ended, or that it has not."""

        RUNNING = "running"
        LIVE = "live", "published and made live"
        REFUSED = "refused", "published, not made live"
        FAILED = "failed"

    started_at = models.DateTimeField(db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.RUNNING)
    reason = models.TextField(blank=True, help_text="why it ended so, in words")
    algorithm = models.CharField(max_length=32, blank=True)
    parameters = models.JSONField(default=dict, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    watermark = models.JSONField(default=dict, blank=True, help_text="the data that it saw")
    duration_seconds = models.FloatField(null=True, blank=True)
    refreshed = models.CharField(
        max_length=64, blank=True, default="", help_text="the version that it brought up to date"
    )

    class Meta:
        db_table = "training_run"

    def __str__(self) -> str:
        return f"training {self.pk}: {self.status}"

    def finish(self, status: Status, reason: str) -> None:
        """Write down that it ended now, how, and why."""
        self.finished_at = timezone.now()
        self.duration_seconds = (self.finished_at - self.started_at) / timedelta(seconds=1)
        self.status, self.reason = status, reason
        self.save()


class ModelVersion(models.Model):
    """A published artifact in the model store. At most one is live."""

    version = models.CharField(max_length=64, unique=True)
    training_run = models.OneToOneField(TrainingRun, models.PROTECT, related_name="model_version")
    algorithm = models.CharField(max_length=32)
    created_at = models.DateTimeField()
    is_live = models.BooleanField(default=False)
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "model_version"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_live"], condition=models.Q(is_live=True), name="model_version_one_live"
            ),
        ]

    def __str__(self) -> str:
        return self.version


class Lease(models.Model):
    """A right that one process at a time holds and must renew: a training, a relay, a reader."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.CharField(max_length=128)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "lease"

    def __str__(self) -> str:
        return f"{self.name} held by {self.holder} until {self.expires_at:%H:%M:%S}"


class CatalogueMark(models.Model):
    """One row whose mark is another after every change of ``song``, by whomever.

    Triggers write it (migration 0002), so that no writer can forget to. It comes with the one read
    of a request, and lets a process keep songs in memory for exactly as long as they are true.
    """

    mark = models.CharField(max_length=36)

    class Meta:
        db_table = "catalogue_mark"

    def __str__(self) -> str:
        return self.mark
