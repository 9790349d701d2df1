"""Every address of the installation, app by app."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from access import login_links
from feedback.api.urls import seed_urlpatterns as seed_like
from recommendations.api.urls import seed_urlpatterns as seed_recommend

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("recommendations.api.urls")),
    path("api/v1/", include("feedback.api.urls")),
    path("", include("pages.urls")),
    *seed_recommend,
    *seed_like,
    path("login/<str:uid>/<str:token>", login_links.sign_in, name="login-link"),
    path("", include("musicrec.operations_urls")),
    path("admin/", admin.site.urls),
]

handler400 = "musicrec.problems.bad_request"
handler403 = "musicrec.problems.permission_denied"
handler404 = "musicrec.problems.not_found"
handler500 = "musicrec.problems.server_error"
