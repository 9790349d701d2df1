"""Addresses for those who run the installation, and the description of the API."""

from django.urls import path

from musicrec import api_document, health
from musicrec.metrics_page import MetricsPage

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", MetricsPage.as_view(), name="metrics"),
    path("api/schema", api_document.schema, name="schema"),
    path("api/docs", api_document.docs, name="docs"),
]
