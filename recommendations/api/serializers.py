"""The shapes of answers and bodies, for the OpenAPI document.

Answers are built as plain dictionaries in these shapes: a serializer on the hot path costs a
multiple of the answer itself.
"""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers


class SongSerializer(serializers.Serializer[object]):
    song_id = serializers.CharField(max_length=64)
    title = serializers.CharField()
    artist = serializers.CharField(allow_blank=True)
    genre = serializers.CharField(allow_blank=True, help_text="several are separated by |")


class ModelSerializer(serializers.Serializer[object]):
    version = serializers.CharField(allow_null=True)
    algorithm = serializers.CharField()


class ReasonSerializer(serializers.Serializer[object]):
    song_id = serializers.CharField()
    title = serializers.CharField(allow_null=True)
    share = serializers.FloatField(help_text="part of the score that this like explains, 0 to 1")
    drop = serializers.FloatField(help_text="by how much the score falls without this like")


class RecommendationSerializer(serializers.Serializer[object]):
    rank = serializers.IntegerField()
    song = SongSerializer()
    score = serializers.FloatField(help_text="the model's, whatever novelty ranked the songs by")
    reasons = ReasonSerializer(many=True)


class RecommendationsSerializer(serializers.Serializer[object]):
    user_id = serializers.CharField(allow_null=True)
    strategy = serializers.ChoiceField(["personalised", "popular"])
    model = ModelSerializer()
    novelty = serializers.FloatField(help_text="what the list was asked for, 0 unless given")
    generated_at = serializers.DateTimeField()
    results = RecommendationSerializer(many=True)


class PostedProfileSerializer(serializers.Serializer[object]):
    likes = serializers.ListField(child=serializers.CharField(max_length=64), required=False)
    dislikes = serializers.ListField(child=serializers.CharField(max_length=64), required=False)
    limit = serializers.IntegerField(min_value=1, max_value=100, required=False)
    genre = serializers.CharField(
        required=False, help_text="or any of several, at most 20: rock|jazz"
    )
    artist = serializers.CharField(required=False)
    exclude = serializers.ListField(child=serializers.CharField(max_length=64), required=False)
    max_per_artist = serializers.IntegerField(min_value=1, max_value=100, required=False)
    novelty = serializers.FloatField(min_value=-1, max_value=1, required=False)


class OpinionSerializer(serializers.Serializer[object]):
    song = SongSerializer()
    action = serializers.ChoiceField(["like", "dislike"])
    updated_at = serializers.DateTimeField()


class ProfileSerializer(serializers.Serializer[object]):
    results = OpinionSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class SongPageSerializer(serializers.Serializer[object]):
    results = SongSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class ScoredSongSerializer(serializers.Serializer[object]):
    rank = serializers.IntegerField()
    song = SongSerializer()
    score = serializers.FloatField()


class SimilarSongsSerializer(serializers.Serializer[object]):
    song_id = serializers.CharField()
    strategy = serializers.ChoiceField(["similar", "same_artist_or_genre"])
    model = ModelSerializer()
    results = ScoredSongSerializer(many=True)


class NeighbourSerializer(serializers.Serializer[object]):
    user_id = serializers.CharField()
    similarity = serializers.FloatField(help_text="cosine of the two users' likes")
    common_likes = serializers.IntegerField()


class NeighboursSerializer(serializers.Serializer[object]):
    user_id = serializers.CharField()
    results = NeighbourSerializer(many=True)


class VersionSerializer(serializers.Serializer[object]):
    version = serializers.CharField()
    algorithm = serializers.CharField()
    created_at = serializers.DateTimeField()
    activated_at = serializers.DateTimeField(allow_null=True)
    live = serializers.BooleanField()
    parameters = serializers.DictField()
    metrics = serializers.DictField(
        help_text="what was measured; `report` has coverage, popularity, novelty, who is served "
        "personally, and accuracy by genre, profile and popularity (docs/engine.md)"
    )
    watermark = serializers.DictField()
    status = serializers.CharField()
    reason = serializers.CharField()


class VersionPageSerializer(serializers.Serializer[object]):
    results = VersionSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class RetrainingSerializer(serializers.Serializer[object]):
    task_id = serializers.CharField()
    status = serializers.CharField()


class SeedRecommendationSerializer(serializers.Serializer[object]):
    recommended_song_id = serializers.JSONField(
        help_text="a number where the id is a plain integer"
    )
    predicted_like_score = serializers.FloatField(min_value=0, max_value=1)
    song_info = serializers.DictField()


LIST_PARAMETERS = [
    OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 100, 10 unless given"),
    OpenApiParameter(
        "genre",
        OpenApiTypes.STR,
        description="only songs of this genre, or of any of several, at most 20: rock|jazz",
    ),
    OpenApiParameter("artist", OpenApiTypes.STR, description="only songs by this artist"),
    OpenApiParameter(
        "exclude",
        OpenApiTypes.STR,
        many=True,
        description="song ids to leave out, repeated or with commas",
    ),
    OpenApiParameter(
        "max_per_artist", OpenApiTypes.INT, description="at most so many by one artist"
    ),
    OpenApiParameter(
        "novelty",
        OpenApiTypes.NUMBER,
        description="-1 (familiar: popular songs first) to 1 (adventurous: rare songs first) among "
        "the songs that suit; 0 unless given, the model's order. Scores and reasons stay.",
    ),
]
PAGE_PARAMETERS = [
    OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 100, 20 unless given"),
    OpenApiParameter("cursor", OpenApiTypes.STR, description="from an answer's next"),
]
LIMIT_PARAMETER = OpenApiParameter(
    "limit", OpenApiTypes.INT, description="1 to 100, 10 unless given"
)
