"""What the page's forms take for an id."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db


def test_what_cannot_be_an_id_is_refused_before_the_database_sees_it(settings: Any) -> None:
    settings.DEMO = True
    client = Client()
    chosen = client.post("/choose", {"user_id": "a\0b"}, follow=True)
    client.post("/choose", {"user_id": "someone"})
    with CaptureQueriesContext(connection) as queries:
        given = client.post("/opinion", {"song_id": "a\0b", "action": "like"}, follow=True)

    assert b"64 printable characters" in chosen.content
    assert b"There is no such song" in given.content
    # A NUL stands as \\x00 in the text of a query.
    assert r"a\x00b" not in str([query["sql"] for query in queries])
