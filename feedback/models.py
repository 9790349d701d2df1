"""The outbox, what has had its effect, how far the log was read, and what can never be applied."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from feedback.reasons import Reason


class OutboxEvent(models.Model):
    """An event that was acknowledged: it stays until long after its effect.

    seq is its order key and its key here. sent_at: the broker has it. applied_at: it has had its
    effect, or stands among the dead letters.
    """

    seq = models.BigIntegerField(primary_key=True, help_text="microseconds since 1970, never twice")
    event_id = models.UUIDField(unique=True)
    # Not a foreign key: the row of a new listener is made by the event's effect, not before it.
    user_id = models.CharField(max_length=64)
    song_id = models.CharField(max_length=64)
    payload = models.BinaryField(help_text="exactly the bytes on the wire")
    recorded_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "outbox"
        verbose_name = "outbox event"
        # What is due is asked many times a second, of a table that is nearly all done.
        indexes: ClassVar = [
            # By sent_at first: with seq alone SQLite may take the next one, and look through all
            # that was sent and waits for its effect.
            models.Index(
                fields=["sent_at", "seq"],
                name="outbox_to_send",
                condition=Q(applied_at__isnull=True),
            ),
            models.Index(
                fields=["seq"], name="outbox_to_apply", condition=Q(applied_at__isnull=True)
            ),
            models.Index(fields=["user_id"], name="outbox_user"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} of {self.user_id}"


class OutboxSequence(models.Model):
    """The last seq that was issued. One row, which no clearing of the outbox ever touches."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    last_seq = models.BigIntegerField(default=0)

    class Meta:
        db_table = "outbox_sequence"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="outbox_sequence_one_row")
        ]

    def __str__(self) -> str:
        return str(self.last_seq)


class AppliedEvent(models.Model):
    """An event id that has had its effect, so that it never has it twice."""

    event_id = models.UUIDField(primary_key=True)
    content = models.BinaryField(
        help_text="digest of what it said: the same id with another is a conflict"
    )
    applied_at = models.DateTimeField()

    class Meta:
        db_table = "applied_event"

    def __str__(self) -> str:
        return str(self.event_id)


class ConsumerOffset(models.Model):
    """How far one partition was read, written in the transaction of the effects."""

    topic = models.CharField(max_length=249)
    partition = models.IntegerField()
    epoch = models.IntegerField(
        default=1, help_text="which log: +1 when the broker's is another one"
    )
    next_offset = models.BigIntegerField()
    digest = models.CharField(
        max_length=32,
        blank=True,
        help_text="of the record before next_offset, empty if none was read",
    )

    class Meta:
        db_table = "consumer_offset"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["topic", "partition"], name="consumer_offset_partition")
        ]

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}] next {self.next_offset}, epoch {self.epoch}"


class DeadLetter(models.Model):
    """A message that could not be applied, whole, with its place and the reason."""

    class Source(models.TextChoices):
        """Where it was read."""

        KAFKA = "kafka", "Kafka"
        OUTBOX = "outbox"
        API = "api", "a request"

    class State(models.TextChoices):
        """What became of it."""

        OPEN = "open"
        REPLAYED = "replayed"
        DISCARDED = "discarded"

    source = models.CharField(max_length=8, choices=Source.choices)
    epoch = models.IntegerField(null=True, blank=True)
    topic = models.CharField(max_length=249, blank=True)
    partition = models.IntegerField(null=True, blank=True)
    offset = models.BigIntegerField(null=True, blank=True)
    seq = models.BigIntegerField(null=True, blank=True, help_text="its place in the outbox")
    key = models.BinaryField(null=True, blank=True)
    raw = models.BinaryField()
    digest = models.CharField(max_length=32, help_text="of the raw bytes")
    record_time_us = models.BigIntegerField(help_text="the log's time of it, in microseconds")
    event_id = models.UUIDField(help_text="its own, or that of its place where it brought none")
    user_id = models.CharField(max_length=64, blank=True)
    song_id = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=16, choices=Reason.choices)
    error = models.TextField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "dead_letter"
        constraints: ClassVar = [
            # The same message, read again, is the same letter. Two of one id that say different
            # things are two.
            models.UniqueConstraint(fields=["event_id", "digest"], name="dead_letter_message")
        ]
        indexes: ClassVar = [
            models.Index(fields=["state", "reason", "-id"], name="dead_letter_listing"),
            models.Index(fields=["user_id"], name="dead_letter_user"),
            models.Index(fields=["song_id"], name="dead_letter_song"),
            models.Index(
                fields=["song_id"],
                name="dead_letter_waiting",
                condition=Q(state="open", reason="unknown_song"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.pk}"


class ConsumerStop(models.Model):
    """That consumers stopped because nearly everything they read was put aside.

    One row while it lasts. The next consumer goes on counting where the last one stopped, so that
    one that is started again and again does not put the whole log aside bit by bit.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    stopped_at = models.DateTimeField()
    dead_in_a_row = models.IntegerField()
    recent_dead = models.IntegerField(help_text="of the recent ones, those that were put aside")
    recent = models.IntegerField(help_text="how many of the last were counted")
    message = models.TextField()

    class Meta:
        db_table = "consumer_stop"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="consumer_stop_one_row")
        ]

    def __str__(self) -> str:
        return self.message


class LikeDelay(models.Model):
    """How long likes took until they were visible, as one consumer has counted them."""

    consumer = models.CharField(max_length=64, primary_key=True)
    counts = models.JSONField(default=list, help_text="events by bucket of the histogram")
    seconds = models.FloatField(default=0.0, help_text="the sum of all delays")

    class Meta:
        db_table = "like_delay"

    def __str__(self) -> str:
        return f"{self.consumer}: {sum(self.counts)}"
