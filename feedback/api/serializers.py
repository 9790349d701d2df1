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
