"""Which log a consumer reads: Kafka's topic where a broker is set, else the outbox itself."""

from django.conf import settings

from feedback.log import Log, OutboxLog


def open_log(member_name: str) -> Log:
    """The log that the settings name; the name is what Kafka's group knows the reader by."""
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        return OutboxLog()
    # Only here: an installation without Kafka need not wait for its client's import.
    from feedback.kafka.log import KafkaLog

    return KafkaLog(member_name)
