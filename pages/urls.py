"""Addresses of the pages."""

from django.urls import path

from pages import views

urlpatterns = [
    path("", views.home, name="home"),
    path("choose", views.choose, name="choose-listener"),
    path("sign-in", views.sign_in, name="sign-in"),
    path("sign-out", views.sign_out, name="sign-out"),
    # Browsers ask here on pages that name no icon: the admin, JSON.
    path("favicon.ico", views.icon, name="icon"),
    path("opinion", views.opinion, name="opinion"),
]
