"""Addresses of the pages."""

from django.urls import path

from pages import views

urlpatterns = [
    path("", views.home, name="home"),
    path("choose", views.choose, name="choose-listener"),
    path("sign-in", views.sign_in, name="sign-in"),
    path("sign-out", views.sign_out, name="sign-out"),
    path("opinion", views.opinion, name="opinion"),
]
