"""The admin's pages: what they show and allow, and what they ask of a large table."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from recommendations import admin as pages
from recommendations.models import Interaction, Listener, ModelVersion, Song, TrainingRun
from recommendations.profiles import Judgement, merge_judgements

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIKES = "/admin/recommendations/interaction/"
SONGS = "/admin/recommendations/song/"
LISTENERS = "/admin/recommendations/listener/"
PAGES = [
    SONGS,
    f"{SONGS}?q=2",
    f"{SONGS}?q=Song",
    f"{SONGS}?genre=pop",
    LISTENERS,
    f"{LISTENERS}?q=ada",
    LIKES,
    f"{LIKES}?q=ada",
    f"{LIKES}?q=song:2",
    f"{LIKES}?action=-1",
    f"{LIKES}?action=-1&q=ada",
    f"{LIKES}?action=0",
    f"{LIKES}?p=2",
    "/admin/recommendations/trainingrun/",
    "/admin/recommendations/modelversion/",
]


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture(autouse=True)
def catalogue() -> None:
    """130 songs; ada and bob judged 120 of them, one of which left the catalogue; 200 others."""
    Listener.objects.bulk_create(Listener(user_id=f"quiet {n}") for n in range(200))
    Song.objects.bulk_create(
        Song(song_id=str(n), title=f"Song {n}", artist="Ana", genre="rock|pop" if n % 2 else "pop")
        for n in range(130)
    )
    merge_judgements(
        [
            Judgement(
                user, str(n), 1 if n % 5 else -1, 1_767_268_800_000_000 * (n % 2), f"{n:032x}"
            )
            for user in ("ada", "bob")
            for n in range(120)
        ]
    )
    Song.objects.get(song_id="119").delete()
    run = TrainingRun.objects.create(
        started_at=NOON,
        status="live",
        algorithm="popularity",
        metrics={"winner": {"ndcg@10": 0.25}},
    )
    ModelVersion.objects.create(
        version="v1", training_run=run, algorithm="popularity", created_at=NOON, is_live=True
    )


def found_by(client: Client, **query: str | int) -> int:
    """How many rows the list of likes has for a query."""
    return int(client.get(LIKES, query).context["cl"].result_count)


def shown(client: Client, address: str) -> str:
    response = client.get(address, follow=False)
    assert response.status_code == 200, response.headers
    return response.content.decode()


@pytest.mark.parametrize("address", PAGES)
def test_a_page_asks_few_questions_however_many_rows_it_shows(staff: Client, address: str) -> None:
    shown(staff, address)  # what Django caches is cached
    with CaptureQueriesContext(connection) as queries:
        shown(staff, address)

    assert len(queries) <= 8, [query["sql"] for query in queries]


def plan_of(query: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query}")
        return "; ".join(row[3] for row in cursor.fetchall())


def asked_of_likes(queries: CaptureQueriesContext) -> Iterator[tuple[str, str]]:
    """The queries of the tables that grow with the likes, each with its plan."""
    for query in queries:
        if '"user_profile"' in query["sql"] or 'FROM "listener"' in query["sql"]:
            yield query["sql"], plan_of(query["sql"])


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's query plans")
@pytest.mark.parametrize("address", [page for page in PAGES if page.startswith((LIKES, LISTENERS))])
def test_no_page_reads_or_counts_all_the_likes(staff: Client, address: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        shown(staff, address)

    asked = list(asked_of_likes(queries))
    assert asked
    for query, plan in asked:
        runs_along_the_table = "SCAN user_profile" in plan or "SCAN listener" in plan
        # Along the table in order of its key, stopping at the limit whatever rows come: nothing to
        # sort, and no condition that could leave it searching to the end.
        if runs_along_the_table:
            assert "LIMIT" in query, (query, plan)
            assert "WHERE" not in query.replace('WHERE U0."song_id" =', ""), (query, plan)
            assert "TEMP B-TREE" not in plan, (query, plan)


def test_a_like_is_found_by_user_and_by_song(staff: Client) -> None:
    def found(search: str) -> int:
        return found_by(staff, q=search)

    assert found("ada") == 120
    assert found("7") == 2
    assert found("song:7") == 2
    assert found("user:ada") == 120
    assert found("user:7") == 0
    assert found("ad") == 0


def test_links_lead_from_a_listener_and_a_song_to_their_likes(staff: Client) -> None:
    ada = Listener.objects.get(user_id="ada")

    assert f"{LIKES}?listener__id__exact={ada.pk}" in shown(staff, LISTENERS)
    assert found_by(staff, listener__id__exact=ada.pk) == 120
    assert f"{LIKES}?q=song%3A7" in shown(staff, f"{SONGS}?q=7")


def test_the_action_filter_looks_at_the_newest_rows_or_at_the_whole_search(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "RECENT_ROWS", 10)

    assert found_by(staff, action=-1) == 2
    assert found_by(staff, action=-1, q="ada") == 24
    assert found_by(staff, action="nonsense") == 240


def test_counting_stops_early(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_COUNTED", 100)

    assert found_by(staff) == 100


def test_a_like_of_a_song_that_left_is_still_shown(staff: Client) -> None:
    like = Interaction.objects.filter(song_id="119").first()
    assert like

    assert "(not in the catalogue)" in shown(staff, f"{LIKES}?q=119")
    assert "(not in the catalogue)" in shown(staff, f"{LIKES}{like.pk}/change/")


def test_markup_in_a_title_is_shown_and_not_obeyed(staff: Client) -> None:
    Song.objects.filter(song_id="7").update(title="<script>alert(1)</script>")

    for address in (f"{SONGS}?q=7", f"{LIKES}?q=song:7"):
        assert "<script>alert(1)" not in shown(staff, address)


@pytest.mark.parametrize(
    ("model", "row"),
    [
        ("listener", Listener),
        ("interaction", Interaction),
        ("trainingrun", TrainingRun),
        ("modelversion", ModelVersion),
    ],
)
def test_what_was_not_made_by_hand_can_be_seen_and_not_changed(
    staff: Client, model: str, row: Any
) -> None:
    address, key = f"/admin/recommendations/{model}/", row.objects.first().pk

    assert "Save" not in shown(staff, f"{address}{key}/change/")
    for forbidden in ("add/", f"{key}/delete/"):
        assert staff.get(address + forbidden).status_code == 403
    assert staff.post(f"{address}{key}/change/", {"value": 1}).status_code == 403


def test_a_song_can_be_edited_but_keeps_its_id(staff: Client) -> None:
    song = Song.objects.get(song_id="7")
    edited = {"song_id": "8000", "title": "Other", "artist": "", "genre": ""}

    assert staff.post(f"{SONGS}{song.pk}/change/", edited).status_code == 302
    song.refresh_from_db()
    assert (song.song_id, song.title, song.artist) == ("7", "Other", "")


def test_songs_are_found_by_genre_each_of_several_on_its_own(staff: Client) -> None:
    assert staff.get(SONGS, {"genre": "rock"}).context["cl"].result_count == 64
    assert staff.get(SONGS, {"genre": "pop"}).context["cl"].result_count == 129
    assert staff.get(SONGS, {"genre": "po"}).context["cl"].result_count == 0
