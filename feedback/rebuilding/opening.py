"""Which histories a rebuild reads: the outbox, and Kafka's topic where a broker is set."""

from django.conf import settings

from feedback import offsets
from feedback.rebuilding.history import History, HistoryMissing, OutboxHistory


def open_histories() -> list[History]:
    """Everything that must be read. Raises HistoryMissing, LogUnavailable."""
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        if any(offsets.next_offsets(settings.LIKES_TOPIC).values()):
            raise HistoryMissing(
                f"likes were read from Kafka's topic {settings.LIKES_TOPIC} before:"
                " set KAFKA_BOOTSTRAP_SERVERS, they are a part of the profiles"
            )
        return [OutboxHistory()]
    # Only here: an installation without Kafka need not wait for its client's import.
    from feedback.rebuilding.kafka_history import KafkaHistory

    # Also with Kafka: what had its effect before Kafka was set was never sent.
    return [OutboxHistory(), KafkaHistory()]
