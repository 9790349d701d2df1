"""Addresses below /api/v1/ that take likes, and the seed's writing route."""

from django.urls import path

from feedback.api.user_views import ExportView, UserView
from feedback.api.views import FeedbackView, LikeView, SeedLikeView
from recommendations.api import addresses as addresses  # the <id:…> of routes

urlpatterns = [
    path("users/<id:user_id>/likes/<id:song_id>", LikeView.as_view(), name="like"),
    path("users/<id:user_id>", UserView.as_view(), name="user"),
    path("users/<id:user_id>/export", ExportView.as_view(), name="export"),
    path("feedback", FeedbackView.as_view(), name="feedback"),
]

seed_urlpatterns = [path("like", SeedLikeView.as_view(), name="seed-like")]
