"""Sessions that speak for a listener: found, and parted from the listener alone."""

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from access import listener_sessions
from access.listener_sessions import SESSION_KEY, UNTIL_KEY

pytestmark = pytest.mark.django_db


def session(**content: object) -> str:
    store = SessionStore()
    store.update(content)
    store.save()
    return str(store.session_key)


def test_sessions_are_found_by_their_listener() -> None:
    anns = session(**{SESSION_KEY: "ann", UNTIL_KEY: 5})
    session(**{SESSION_KEY: "bob", UNTIL_KEY: None})
    session(other="thing")

    assert [each.session_key for each in listener_sessions.of("ann")] == [anns]
    assert listener_sessions.of("eve") == []


def test_a_session_of_nothing_else_is_deleted_and_staff_stay_signed_in() -> None:
    session(**{SESSION_KEY: "ann", UNTIL_KEY: 5})
    staff = session(**{SESSION_KEY: "ann", UNTIL_KEY: None, "_auth_user_id": "1"})
    bobs = session(**{SESSION_KEY: "bob", UNTIL_KEY: 5})

    assert listener_sessions.part(lambda user_id: user_id == "ann") == 2

    assert set(Session.objects.values_list("session_key", flat=True)) == {staff, bobs}
    assert SessionStore(staff).load() == {"_auth_user_id": "1"}
    assert SessionStore(bobs).load() == {SESSION_KEY: "bob", UNTIL_KEY: 5}


def test_a_session_that_was_tampered_with_is_passed_over() -> None:
    key = session(**{SESSION_KEY: "ann"})
    Session.objects.filter(session_key=key).update(session_data="nonsense")

    assert list(listener_sessions.with_a_listener()) == []
