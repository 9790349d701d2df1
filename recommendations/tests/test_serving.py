"""Answers for listeners: the present profile, folded into the live model."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recommendations.engine.model import Recipe
from recommendations.models import CatalogueMark, Song
from recommendations.serving import song_info
from recommendations.serving.answers import Answer, popular, recommend_for, recommend_from
from recommendations.serving.ordering import Wanted
from recommendations.tests import casts

pytestmark = pytest.mark.django_db


def ids(answer: Answer) -> list[str]:
    return [result["song"]["song_id"] for result in answer["results"]]


def test_a_rocker_gets_the_rock_song_that_is_missing_first(live: str) -> None:
    answer = recommend_for("rocker0", Wanted(limit=3))

    assert answer["strategy"] == "personalised"
    assert answer["model"] == {"version": "v1", "algorithm": "local_ridge"}
    assert ids(answer)[0] == "r1"
    assert [result["rank"] for result in answer["results"]] == [1, 2, 3]


def test_nothing_that_was_judged_is_recommended(live: str) -> None:
    casts.judge("rocker0", {"j1": -1})

    assert not {"r2", "r3", "r4", "j1"} & set(ids(recommend_for("rocker0", Wanted(limit=100))))


def test_a_like_changes_the_next_answer_without_a_training(live: str) -> None:
    before = recommend_for("someone", Wanted(limit=1))
    casts.judge("someone", {"j1": 1})
    after = recommend_for("someone", Wanted(limit=1))

    assert before["strategy"] == "popular"
    assert after["strategy"] == "personalised"
    assert ids(after)[0] in casts.JAZZ


def test_a_withdrawn_like_counts_no_more(live: str) -> None:
    casts.judge("someone", {"j1": 1}, at=1)
    casts.judge("someone", {"j1": 0}, at=2)

    assert recommend_for("someone", Wanted())["strategy"] == "popular"


def test_shares_of_the_reasons_add_up_to_at_most_one(live: str) -> None:
    for result in recommend_for("rocker1", Wanted())["results"]:
        assert sum(reason["share"] for reason in result["reasons"]) <= 1 + 1e-9


@pytest.mark.parametrize("novelty", [-1.0, 0.0, 0.5])
def test_taking_a_named_like_away_lowers_the_score_by_its_drop(live: str, novelty: float) -> None:
    [best] = recommend_for("rocker0", Wanted(limit=1, novelty=novelty))["results"]
    reason = best["reasons"][0]
    others = [s for s in ("r2", "r3", "r4") if s != reason["song_id"]]
    wanted = Wanted(limit=100, exclude=(reason["song_id"],), novelty=novelty)
    without = recommend_from(others, [], wanted)
    score = next(r["score"] for r in without["results"] if r["song"] == best["song"])

    assert best["score"] - score == pytest.approx(reason["drop"], abs=1e-5)


def test_filters_leave_only_what_was_asked_for(live: str) -> None:
    assert set(ids(recommend_for("rocker0", Wanted(genre="blues")))) == set(casts.JAZZ)
    assert set(ids(recommend_for("rocker0", Wanted(artist="TRIO")))) == {*casts.JAZZ, "new"}
    assert ids(recommend_for("rocker0", Wanted(genre="rock", artist="trio"))) == []
    assert "r1" not in ids(recommend_for("rocker0", Wanted(exclude=("r1", "unknown"))))


def test_no_artist_fills_the_list_where_that_is_not_wanted(live: str) -> None:
    found = ids(recommend_for("rocker0", Wanted(limit=9, max_per_artist=1)))

    assert len(found) == 2  # r1 of Band True, and one song of the trio
    assert found[0] == "r1"


def test_novelty_moves_songs_and_leaves_their_scores_and_reasons(live: str) -> None:
    plain = recommend_for("rocker0", Wanted())
    turned = recommend_for("rocker0", Wanted(novelty=1.0))

    def told(answer: Answer) -> dict[str, object]:
        return {r["song"]["song_id"]: (r["score"], r["reasons"]) for r in answer["results"]}

    assert (plain["novelty"], turned["novelty"]) == (0.0, 1.0)
    assert told(turned) == told(plain)
    assert ids(turned) != ids(plain)
    assert [result["rank"] for result in turned["results"]] == [1, 2, 3, 4, 5, 6]


def test_novelty_goes_with_filters_exclusion_and_the_most_of_an_artist(live: str) -> None:
    turned = ids(recommend_for("rocker0", Wanted(genre="jazz", novelty=1.0)))
    rest = Wanted(genre="jazz", novelty=1.0, exclude=tuple(turned[:2]))

    assert set(turned) == {*casts.JAZZ, "new"}
    assert ids(recommend_for("rocker0", rest)) == turned[2:]
    one = recommend_for("rocker0", Wanted(genre="jazz", novelty=1.0, max_per_artist=1))
    assert ids(one) == turned[:1]


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize("trained", [True, False])
def test_popular_songs_turn_from_well_known_to_unknown(trained: bool) -> None:
    if trained:
        casts.publish("v1")

    # Well known stays well known; the song that no one likes comes up from the last place.
    asked = [ids(popular(Wanted(novelty=n))) for n in (-1.0, 0.0, 1.0)]

    assert asked[0] == asked[1]
    assert asked[1].index("new") == 8
    assert asked[2].index("new") < 8


def test_a_song_that_left_the_catalogue_is_not_recommended_and_the_list_stays_full(
    live: str,
) -> None:
    Song.objects.filter(song_id="r1").delete()

    found = ids(recommend_for("rocker0", Wanted(limit=4)))

    assert "r1" not in found
    assert len(found) == 4


def test_more_than_there_is_gives_what_there_is(live: str) -> None:
    assert len(ids(recommend_for("rocker0", Wanted(limit=100)))) == 6


def test_popular_songs_are_ranked_by_the_share_of_listeners_who_like_them(live: str) -> None:
    answer = popular(Wanted(limit=2))

    # r3 and r4 are each left out by two of the ten rockers; 8 of 18 listeners like them.
    assert ids(answer) == ["r3", "r4"]
    assert answer["results"][0]["score"] == pytest.approx(8 / 18)
    assert answer["strategy"] == "popular"


def test_before_the_first_training_popular_songs_are_counted_in_the_profiles(town: None) -> None:
    answer = recommend_for("rocker0", Wanted(limit=2))

    assert answer["strategy"] == "popular"
    assert answer["model"] == {"version": None, "algorithm": "popularity"}
    assert ids(answer) == ["r1", "j1"]


def test_with_nothing_at_all_the_list_is_empty() -> None:
    assert recommend_for("anyone", Wanted())["results"] == []


def test_a_live_popularity_model_says_that_it_is_popularity(town: None) -> None:
    casts.publish("v1", Recipe("popularity", {}))

    assert recommend_for("rocker0", Wanted())["strategy"] == "popular"


def test_posted_likes_give_the_same_list_as_the_same_profile_and_store_nothing(live: str) -> None:
    stored = recommend_for("rocker0", Wanted(limit=3))["results"]

    assert recommend_from(["r2", "r3", "r4"], [], Wanted(limit=3))["results"] == stored


def test_one_read_brings_version_and_profile_and_one_more_songs_not_seen_before(
    live: str,
) -> None:
    with CaptureQueriesContext(connection) as queries:
        recommend_for("rocker1", Wanted())

    assert sum("user_profile" in query["sql"] for query in queries) == 1
    assert sum("FROM song" in query["sql"] for query in queries) == 1


def test_a_corrected_title_shows_at_once_though_songs_are_remembered(live: str) -> None:
    recommend_for("rocker0", Wanted(limit=3))
    Song.objects.filter(song_id="r1").update(title="Corrected")

    [best] = recommend_for("rocker0", Wanted(limit=1))["results"]
    assert best["song"]["title"] == "Corrected"


def test_songs_that_are_remembered_are_not_read_again(live: str) -> None:
    recommend_for("rocker0", Wanted())
    with CaptureQueriesContext(connection) as queries:
        recommend_for("rocker0", Wanted())

    assert len(queries) == 1


def test_any_change_of_a_song_changes_the_catalogues_mark(town: None) -> None:
    marks = [CatalogueMark.objects.get().mark]
    for change in (
        lambda: Song.objects.create(song_id="late", title="Late"),
        lambda: Song.objects.filter(song_id="late").update(genre="Pop"),
        lambda: Song.objects.filter(song_id="late").delete(),
    ):
        change()
        marks.append(CatalogueMark.objects.get().mark)

    assert len(set(marks)) == 4


def test_no_more_songs_are_remembered_than_fit(live: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(song_info, "MOST_REMEMBERED", 3)
    songs = song_info.RememberedSongs()

    assert songs.by_id(casts.ROCK, "mark").keys() == set(casts.ROCK)
    assert songs.by_id(["j1"], "mark").keys() == {"j1"}
