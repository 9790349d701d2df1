"""A link that signs an operator in once: for a machine on which nobody has a password yet.

The token is Django's own for resetting passwords. It is bound to the user's last sign-in, so the
first use ends it, and it expires after ``PASSWORD_RESET_TIMEOUT`` seconds.
"""

from typing import Final

from django.contrib.auth import get_user_model, login
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

OPERATOR: Final = "operator"


def path_for_operator() -> str:
    """A fresh link's path. The account is made where it is missing, without a password."""
    user, made = get_user_model().objects.get_or_create(
        username=OPERATOR, defaults={"is_staff": True, "is_superuser": True}
    )
    if made:
        user.set_unusable_password()
        user.save()
    uid = urlsafe_base64_encode(str(user.pk).encode())
    return reverse("login-link", args=[uid, default_token_generator.make_token(user)])


@never_cache
@require_safe
def sign_in(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Sign the operator in and go on to the admin; a used or expired link says so."""
    try:
        pk = int(urlsafe_base64_decode(uid).decode())
    except ValueError:
        pk = -1
    user = get_user_model().objects.filter(pk=pk, is_active=True, is_staff=True).first()
    if user is None or not default_token_generator.check_token(user, token):
        return render(request, "access/link_ended.html", status=403)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponseRedirect(reverse("admin:index"))
