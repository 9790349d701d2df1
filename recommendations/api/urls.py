"""Addresses below /api/v1/ that read, and the seed's reading route."""

from django.urls import path

from recommendations.api import addresses as addresses  # the <id:…> of routes
from recommendations.api.listener_views import (
    AnonymousRecommendationsView,
    ProfileView,
    RecommendationsView,
    SimilarUsersView,
)
from recommendations.api.model_views import ActivateView, ModelsView, RetrainView
from recommendations.api.seed_views import SeedRecommendView
from recommendations.api.song_views import (
    PopularSongsView,
    SimilarSongsView,
    SongsView,
    SongView,
)

urlpatterns = [
    path(
        "users/<id:user_id>/recommendations", RecommendationsView.as_view(), name="recommendations"
    ),
    path(
        "recommendations", AnonymousRecommendationsView.as_view(), name="anonymous-recommendations"
    ),
    path("users/<id:user_id>/likes", ProfileView.as_view(), name="profile"),
    path("users/<id:user_id>/similar-users", SimilarUsersView.as_view(), name="similar-users"),
    path("songs", SongsView.as_view(), name="songs"),
    path("songs/popular", PopularSongsView.as_view(), name="popular-songs"),
    path("songs/<id:song_id>", SongView.as_view(), name="song"),
    path("songs/<id:song_id>/similar", SimilarSongsView.as_view(), name="similar-songs"),
    path("models", ModelsView.as_view(), name="models"),
    path("models/retrain", RetrainView.as_view(), name="retrain"),
    path("models/<id:version>/activate", ActivateView.as_view(), name="activate-model"),
]

seed_urlpatterns = [
    path("recommend/<id:user_id>", SeedRecommendView.as_view(), name="seed-recommend"),
]
