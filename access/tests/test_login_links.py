"""The link that signs an operator in once."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from access import login_links

pytestmark = pytest.mark.django_db


def test_the_link_opens_the_admin_once() -> None:
    path = login_links.path_for_operator()
    first, second = Client(), Client()
    answer = first.get(path)

    assert answer["Location"] == "/admin/"
    assert first.get("/admin/").status_code == 200
    assert second.get(path).status_code == 403
    assert second.get("/admin/").status_code == 302


def test_a_forged_or_foreign_link_signs_nobody_in() -> None:
    uid, token = login_links.path_for_operator().strip("/").split("/")[1:]
    for path in (f"/login/{uid}/{token[:-1]}", f"/login/OTk5/{token}", "/login/%F0/x-y"):
        assert Client().get(path).status_code == 403


def test_the_account_has_no_password_and_a_closed_one_stays_closed() -> None:
    path = login_links.path_for_operator()
    user = get_user_model().objects.get()
    assert not user.has_usable_password()

    get_user_model().objects.update(is_active=False)
    assert Client().get(path).status_code == 403
