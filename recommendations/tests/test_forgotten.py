"""Markers of the forgotten: found by whom they are about, and naming nobody."""

from typing import Any

import pytest

from recommendations import forgotten
from recommendations.models import ForgottenListener

pytestmark = pytest.mark.django_db


def test_a_marker_is_found_for_its_user_alone() -> None:
    forgotten.mark("ann", 5)

    assert forgotten.barriers(["ann", "bob"]) == {"ann": 5}
    assert forgotten.barriers([]) == {}


def test_a_marker_does_not_hold_the_name() -> None:
    marker = forgotten.mark("ann", 5)

    assert "ann" not in f"{marker.digest} {marker.key_name}"
    assert len(marker.digest) == 64


def test_forgetting_again_raises_the_barrier() -> None:
    forgotten.mark("ann", 5)
    forgotten.mark("ann", 9)

    assert forgotten.barriers(["ann"]) == {"ann": 9}
    assert ForgottenListener.objects.count() == 1


def test_a_marker_outlives_a_change_of_the_secret_key(settings: Any) -> None:
    settings.SECRET_KEY = "the first key, of the day when ann was forgotten"
    forgotten.mark("ann", 5)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the second key"

    assert forgotten.barriers(["ann"]) == {"ann": 5}
    forgotten.mark("ann", 9)
    # One marker under each key: the later word counts.
    assert forgotten.barriers(["ann"]) == {"ann": 9}
