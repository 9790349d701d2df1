"""The shapes of bodies and answers, for the OpenAPI document; requests.py does the checking."""

from rest_framework import serializers

from feedback.fields import ACTIONS
from recommendations.identifiers import LONGEST_ID


class ActionSerializer(serializers.Serializer[object]):
    action = serializers.ChoiceField(["like", "dislike"])


class AcceptedSerializer(serializers.Serializer[object]):
    event_id = serializers.UUIDField()
    status = serializers.ChoiceField(["accepted"])


class EventSerializer(serializers.Serializer[object]):
    user_id = serializers.CharField(max_length=LONGEST_ID)
    song_id = serializers.CharField(max_length=LONGEST_ID)
    action = serializers.ChoiceField(list(ACTIONS))
    occurred_at = serializers.DateTimeField(
        required=False, help_text="when it happened, for a client that was offline"
    )
    event_id = serializers.CharField(
        required=False, max_length=255, help_text="your own id of it: a repeat has no second effect"
    )


class RowSerializer(serializers.Serializer[object]):
    index = serializers.IntegerField()
    status = serializers.ChoiceField(["accepted", "rejected"])
    event_id = serializers.UUIDField(required=False)
    # DRF's own attribute of this name is for what validation found, which is not done here.
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


class BatchSerializer(serializers.Serializer[object]):
    accepted = serializers.IntegerField()
    rejected = serializers.IntegerField()
    results = RowSerializer(many=True)


class SeedLikeSerializer(serializers.Serializer[object]):
    user_id = serializers.JSONField(help_text="text or a whole number")
    song_id = serializers.JSONField(help_text="text or a whole number")


class SeedAnswerSerializer(serializers.Serializer[object]):
    status = serializers.ChoiceField(["ok"])
    message = serializers.CharField()


class ReceiptSerializer(serializers.Serializer[object]):
    user = serializers.CharField(help_text="the digest that stands for the listener, not the id")
    barrier = serializers.IntegerField(
        help_text="microseconds since 1970: what is dated up to there has no effect any more"
    )
    forgotten_at = serializers.DateTimeField()
    deleted = serializers.DictField(child=serializers.IntegerField(), help_text="rows by table")
    kafka_holds_until = serializers.DateTimeField(
        allow_null=True, help_text="when the last bytes have left the topic; null without Kafka"
    )


class WordSerializer(serializers.Serializer[object]):
    song_id = serializers.CharField()
    action = serializers.ChoiceField(["like", "withdrawn", "dislike"])
    said_at = serializers.DateTimeField(allow_null=True)
    order_key = serializers.IntegerField()
    event_id = serializers.UUIDField()
    updated_at = serializers.DateTimeField()


class OutboxRowSerializer(serializers.Serializer[object]):
    seq = serializers.IntegerField()
    event_id = serializers.UUIDField()
    song_id = serializers.CharField()
    payload = serializers.CharField(help_text="exactly as it is sent")
    recorded_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    applied_at = serializers.DateTimeField(allow_null=True)


class AppliedSerializer(serializers.Serializer[object]):
    event_id = serializers.UUIDField()
    applied_at = serializers.DateTimeField()


class LetterSerializer(serializers.Serializer[object]):
    id = serializers.IntegerField()
    reason = serializers.CharField()
    state = serializers.CharField()
    error = serializers.CharField()
    # "source" is a name of DRF's own.
    topic = serializers.CharField()
    partition = serializers.IntegerField(allow_null=True)
    offset = serializers.IntegerField(allow_null=True)
    epoch = serializers.IntegerField(allow_null=True)
    seq = serializers.IntegerField(allow_null=True)
    record_time = serializers.DateTimeField()
    event_id = serializers.UUIDField()
    song_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    key = serializers.CharField(allow_null=True)
    bytes = serializers.IntegerField()
    raw = serializers.CharField(
        allow_null=True, help_text="the message; null past 16 MB of them, then complete is false"
    )


class SessionSerializer(serializers.Serializer[object]):
    expires_at = serializers.DateTimeField()


class ExportSerializer(serializers.Serializer[object]):
    user_id = serializers.CharField()
    exported_at = serializers.DateTimeField()
    revision = serializers.IntegerField(allow_null=True)
    forgotten_up_to = serializers.IntegerField(allow_null=True)
    profile = WordSerializer(many=True)
    base = WordSerializer(many=True)
    shadow = WordSerializer(many=True)
    outbox = OutboxRowSerializer(many=True)
    applied_events = AppliedSerializer(many=True)
    dead_letters = LetterSerializer(many=True)
    sessions = SessionSerializer(many=True)
    complete = serializers.BooleanField()
