"""Going back to the version that was live before."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from recommendations import model_store
from recommendations.models import ModelVersion
from recommendations.serving.answers import recommend_for
from recommendations.serving.ordering import Wanted
from recommendations.tests import casts
from recommendations.training import versions

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(town: None) -> None:
    """v1, v2 and v3, each live after the one before; and v4, which was refused."""
    for version in ("v1", "v2", "v3", "v4"):
        casts.publish(version, live=False)
    for version in ("v1", "v2", "v3"):
        versions.activate(version)


def rolled_back() -> str:
    """The version that is live after one more rollback, by what is served."""
    call_command("models", rollback=True, stdout=StringIO())
    served: str = recommend_for("rocker0", Wanted())["model"]["version"]
    assert ModelVersion.objects.get(is_live=True).version == served
    return served


def test_a_rollback_makes_the_version_live_that_was_live_before(three: None) -> None:
    assert rolled_back() == "v2"


def test_a_second_rollback_goes_further_back_and_not_forth_again(three: None) -> None:
    assert [rolled_back(), rolled_back()] == ["v2", "v1"]
    with pytest.raises(CommandError, match="no version was live before"):
        rolled_back()
    assert ModelVersion.objects.get(is_live=True).version == "v1"


def test_what_was_made_live_by_hand_is_rolled_back_too(three: None) -> None:
    versions.activate("v1")

    assert rolled_back() == "v3"


def test_a_version_that_cannot_be_read_is_passed_over_and_named(three: None) -> None:
    model_store.remove("v2")
    said = StringIO()
    call_command("models", rollback=True, stdout=StringIO(), stderr=said)

    assert ModelVersion.objects.get(is_live=True).version == "v1"
    assert "v2 cannot be read" in said.getvalue()


def test_where_none_can_be_read_the_present_one_stays(three: None) -> None:
    model_store.remove("v1")
    model_store.remove("v2")

    with pytest.raises(CommandError, match="v2, v1 cannot be read: the present one serves on"):
        rolled_back()
    assert ModelVersion.objects.get(is_live=True).version == "v3"


def test_however_many_are_refused_there_is_a_version_to_go_back_to(three: None) -> None:
    for n in range(versions.KEPT_VERSIONS + 2):
        casts.publish(f"refused{n}", live=False)
    versions.prune()

    assert rolled_back() == "v2"
    assert not ModelVersion.objects.filter(version="v1").exists()
