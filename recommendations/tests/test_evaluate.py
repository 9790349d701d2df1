"""manage.py evaluate: files in, figures out, the test file opened last.

No test here may use the database: none asks for it, and pytest-django forbids it to those.
"""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from recommendations.engine import algorithms
from recommendations.loading import csv_rows, judgement_files
from recommendations.loading.csv_rows import UnreadableFile
from recommendations.loading.judgement_files import (
    held_out_of,
    read_catalogue,
    read_judgements,
    world_of,
)
from recommendations.loading.row_errors import RowError
from recommendations.tests.engine.worlds import listeners_with_taste
from recommendations.training.evaluating import Report
from recommendations.training.evaluation_words import in_words


def written(file: Path, rows: list[str], header: str = "user_id,song_id,like") -> str:
    file.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return str(file)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A train file of listeners with taste, and one more like of each as the test file."""
    world = listeners_with_taste(users=60, songs=40)
    rows = [
        f"u{user},s{song},{int(value > 0)}"
        for user, song, value in zip(world.users, world.songs, world.values, strict=True)
    ]
    held = [row for at, row in enumerate(rows) if at % 7 == 0 and row.endswith("1")]
    kept = [row for row in rows if row not in held]
    return written(tmp_path / "train.csv", kept), written(tmp_path / "test.csv", held)


def evaluated(*arguments: str, code: int = 0) -> dict[str, Any]:
    out = io.StringIO()
    if code:
        with pytest.raises(SystemExit) as ended:
            call_command("evaluate", *arguments, "--json", stdout=out, stderr=io.StringIO())
        assert ended.value.code == code
    else:
        call_command("evaluate", *arguments, "--json", stdout=out)
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def test_the_answer_has_the_keys_that_scripts_rely_on(files: tuple[str, str]) -> None:
    train, test = files

    report = evaluated("--train", train, "--test", test, "--algorithm", "local_ridge")

    assert report["algorithm"] == "local_ridge"
    assert report["parameters"]["neighbours"] == 100
    assert report["users"] > 20
    assert {"fit_seconds", "tune_seconds", "peak_rss_mb", "counts"} <= report.keys()
    assert {"recall@20", "truncated_recall@20", "ndcg@20", "recall@10"} <= report["metrics"].keys()
    assert 0 < report["score_microseconds"]["p50"] <= report["score_microseconds"]["p99"]
    for name, value in report["metrics"].items():
        low, high = report["intervals"][name]
        assert low <= value <= high


def test_the_test_file_is_opened_after_the_final_model_is_fitted(
    files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = files
    seen: list[str] = []
    fit, open_csv = algorithms.fit, csv_rows.open_csv

    def noted_fit(*arguments: Any, **options: Any) -> Any:
        model = fit(*arguments, **options)
        seen.append("fitted")
        return model

    def noted_open(name: str) -> Any:
        seen.append(Path(name).name)
        return open_csv(name)

    monkeypatch.setattr(algorithms, "fit", noted_fit)
    monkeypatch.setattr(judgement_files, "open_csv", noted_open)
    evaluated("--train", train, "--test", test, "--algorithm", "local_ridge")

    assert seen[0] == "train.csv"
    assert seen[-2:] == ["fitted", "test.csv"]
    assert seen.count("test.csv") == 1


def test_one_file_is_split_by_the_seed(files: tuple[str, str]) -> None:
    train, _ = files

    first, again, other = (
        evaluated("--train", train, "--split", "0.2", "--seed", seed, "--algorithm", "popularity")
        for seed in ("1", "1", "2")
    )

    assert first["metrics"] == again["metrics"]
    assert first["metrics"] != other["metrics"]
    assert "auc" in first["metrics"]


def test_bad_rows_are_named_by_line_and_the_others_count(tmp_path: Path) -> None:
    train = written(
        tmp_path / "train.csv",
        ["a,1,1", "a,2,maybe", "b,1,1,9", ",1,1", "b,2,1"],
    )
    test = written(tmp_path / "test.csv", ["a,2,1"])
    err = io.StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command(
            "evaluate", "--train", train, "--test", test, "--algorithm", "popularity", stderr=err
        )

    assert ended.value.code == 3
    for line, code in ((3, "bad_like"), (4, "field_count"), (5, "missing_value")):
        assert f"train.csv:{line}: " in err.getvalue()
        assert code in err.getvalue()


def test_dropped_missed_and_unknown_rows_are_counted(tmp_path: Path) -> None:
    train = written(tmp_path / "train.csv", ["a,1,1", "a,2,1", "b,2,1"])
    test = written(tmp_path / "test.csv", ["a,1,1", "b,1,1", "b,9,1", "c,2,1"])

    report = evaluated("--train", train, "--test", test, "--algorithm", "popularity", "--k", "1")

    assert report["counts"] == {
        "test_likes_in_train": 1,
        "test_likes_outside_catalogue": 1,
        "users_without_profile": 1,
        "users_given_popularity": 0,
    }
    # User b sees song 1 first, one of two; user c sees song 2, the most liked, first.
    assert report["metrics"]["recall@1"] == 0.75


def test_songs_of_a_song_file_are_in_the_catalogue_too(tmp_path: Path) -> None:
    train = written(tmp_path / "train.csv", ["a,1,1"])
    test = written(tmp_path / "test.csv", ["a,9,1"])
    songs = written(tmp_path / "songs.csv", ["9,x,y,z"], "song_id,title,artist,genre")

    report = evaluated(
        "--train", train, "--test", test, "--songs", songs, "--algorithm", "popularity"
    )

    assert report["counts"]["test_likes_outside_catalogue"] == 0
    assert report["metrics"]["recall@10"] == 1.0


def test_genres_of_the_song_file_give_figures_by_genre(tmp_path: Path) -> None:
    train = written(tmp_path / "train.csv", ["a,1,1", "b,2,1", "b,1,1"])
    test = written(tmp_path / "test.csv", ["a,2,1", "a,9,1"])
    songs = written(tmp_path / "songs.csv", ["2,Pop|Folk", "9,", "1,Rock"], "song_id,genre")

    report = evaluated(
        "--train", train, "--test", test, "--songs", songs, "--algorithm", "popularity"
    )["report"]

    # Song 2 is listed before song 9, which is of no genre.
    by_genre = {row["group"]: row["ndcg@10"] for row in report["accuracy"]["genre"]}
    assert by_genre == {"folk": 1.0, "pop": 1.0, "others": pytest.approx(0.6309, abs=1e-4)}
    assert report["served_personally"] == 0.0
    assert report["curves"]["recall"][:2] == [0.5, 1.0]


def test_several_algorithms_are_compared_and_the_test_file_is_read_once(
    files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = files
    read: list[str] = []
    open_csv = csv_rows.open_csv

    def noted_open(name: str) -> Any:
        read.append(Path(name).name)
        return open_csv(name)

    monkeypatch.setattr(judgement_files, "open_csv", noted_open)
    lines, words = io.StringIO(), io.StringIO()
    arguments = ["evaluate", "--train", train, "--test", test, "--budget-seconds", "0.1"]

    call_command(*arguments, "--algorithm", "popularity,local_ridge", "--json", stdout=lines)
    call_command(*arguments, "--algorithm", "popularity,auto", stdout=words)

    names = [json.loads(line)["algorithm"] for line in lines.getvalue().splitlines()]
    assert names == ["popularity", "local_ridge"]
    assert read == ["train.csv", "test.csv"] * 2
    table = words.getvalue().splitlines()[:3]
    assert [line.split()[0] for line in table] == ["ndcg@10", "popularity", "auto,"]
    assert table[1].endswith("0.0%")


@pytest.mark.parametrize(
    ("trained", "asked"),
    [
        pytest.param(["a,1,1", "a,2,1"], ["a,9,1"], id="lists that are empty"),
        pytest.param(["a,1,0", "b,2,0"], ["a,2,1"], id="nothing liked in training"),
        pytest.param(["a,1,1"], ["a,1,1"], id="nobody to ask"),
    ],
)
def test_data_that_tell_little_give_a_table_and_plots_all_the_same(
    tmp_path: Path, trained: list[str], asked: list[str]
) -> None:
    train, test = written(tmp_path / "train.csv", trained), written(tmp_path / "test.csv", asked)
    out = io.StringIO()
    arguments = ["--train", train, "--test", test, "--plots", str(tmp_path / "plots")]

    call_command("evaluate", *arguments, "--algorithm", "popularity,auto", stdout=out)

    assert "popularity" in out.getvalue()


def test_the_answer_for_people_is_a_table(files: tuple[str, str]) -> None:
    train, test = files
    out = io.StringIO()

    call_command(
        "evaluate", "--train", train, "--test", test, "--algorithm", "popularity", stdout=out
    )

    assert out.getvalue().startswith("popularity\n")
    assert "ndcg@20" in out.getvalue()
    assert "users without profile: 0" in out.getvalue()
    assert "served personally                0.0000" in out.getvalue()
    assert "by the user's profile" in out.getvalue()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--algorithm", "best"], "no algorithm 'best'"),
        (["--k", "10,x"], "not a list of lengths"),
        (["--split", "2"], "not between 0 and 1"),
        (["--seed", "-1"], "0 or more"),
    ],
)
def test_wrong_usage_is_told_before_any_work(
    files: tuple[str, str], arguments: list[str], said: str
) -> None:
    where = [] if "--split" in arguments else ["--test", files[1]]

    with pytest.raises(CommandError, match=said):
        call_command("evaluate", "--train", files[0], *where, *arguments)


def test_a_test_file_that_is_not_there_is_told_before_training(tmp_path: Path) -> None:
    train = written(tmp_path / "train.csv", ["a,1,1"])

    with pytest.raises(CommandError, match=r"there is no file .*none\.csv"):
        call_command("evaluate", "--train", train, "--test", str(tmp_path / "none.csv"))


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    train = written(tmp_path / "train.csv", ["a,1"], "who,what")

    with pytest.raises(CommandError, match="user_id"):
        call_command("evaluate", "--train", train, "--split", "0.2")


def rejected(error: RowError) -> None:
    raise AssertionError(error)


def test_columns_in_any_order_packed_and_with_more_columns(tmp_path: Path) -> None:
    file = tmp_path / "packed.csv.gz"
    file.write_bytes(gzip.compress(b"like,extra,song_id,user_id\n0,x,s1,u1\n1,y,s2,u1\n"))

    table = read_judgements(str(file), rejected)

    assert table[["user", "song", "value"]].to_numpy().tolist() == [
        ["u1", "s1", -1],
        ["u1", "s2", 1],
    ]


def test_of_rows_for_one_pair_the_latest_counts_and_of_equals_the_last(tmp_path: Path) -> None:
    file = written(
        tmp_path / "twice.csv",
        ["a,1,1,200", "a,1,0,100", "a,2,1,", "a,2,0,"],
        "user_id,song_id,like,timestamp",
    )

    table = read_judgements(file, rejected)

    assert dict(zip(table["song"], table["value"], strict=True)) == {"1": 1, "2": -1}


def test_rows_of_songs_are_in_the_order_of_likes_then_ids(tmp_path: Path) -> None:
    file = written(tmp_path / "x.csv", ["a,1,1", "b,1,1", "a,9,1", "a,5,1", "b,3,0"])

    world = world_of(read_judgements(file, rejected), {"4": ("", "")})

    assert world.songs.tolist() == ["1", "5", "9", "3", "4"]
    assert world.users.tolist() == ["a", "b"]
    assert world.interactions.like_counts.tolist() == [2, 1, 1, 0, 0]


def test_a_song_file_says_who_songs_are_by_and_of_which_genres(tmp_path: Path) -> None:
    songs = written(
        tmp_path / "songs.csv",
        ["1, Ann ,Pop|rock", "2,ann,ROCK", "3,,", "3,Bob,late", "4,Bob,", ",Bob,pop"],
        "song_id,artist,genre",
    )
    bad: list[RowError] = []

    catalogue = read_catalogue(songs, bad.append)
    file = written(tmp_path / "x.csv", ["a,1,1", "a,9,1"])
    world = world_of(read_judgements(file, rejected), catalogue)

    traits = world.interactions.traits
    assert traits is not None
    assert world.songs.tolist() == ["1", "9", "2", "3", "4"]
    assert traits.artists.tolist() == [0, -1, 0, -1, 1]
    assert traits.genres.toarray().tolist() == [[1, 1], [0, 0], [0, 1], [0, 0], [0, 0]]
    assert [error.line for error in bad] == [7]


def test_a_song_file_may_hold_ids_alone_or_genres_without_artists(tmp_path: Path) -> None:
    ids = written(tmp_path / "ids.csv", ["1", "2"], "song_id")
    genres = written(tmp_path / "genres.csv", ["pop,1"], "genre,song_id")

    assert read_catalogue(ids, rejected) == {"1": ("", ""), "2": ("", "")}
    assert read_catalogue(genres, rejected) == {"1": ("", "pop")}


def test_each_stranger_of_the_test_file_is_a_user_of_their_own(tmp_path: Path) -> None:
    train = read_judgements(written(tmp_path / "x.csv", ["a,1,1"]), rejected)
    test = read_judgements(written(tmp_path / "y.csv", ["z,1,1", "a,7,1", "y,1,0"]), rejected)

    held_out = held_out_of(test, world_of(train))

    assert held_out.users.tolist() == [1, 0, 2]
    assert held_out.songs.tolist() == [0, -1, 0]


def test_an_empty_file_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "empty.csv"
    file.write_text("")

    with pytest.raises(UnreadableFile, match="empty"):
        read_judgements(str(file), rejected)


def test_a_report_in_words_says_how_long_everything_took() -> None:
    report = Report(
        algorithm="local_ridge",
        parameters={"ridge": 30.0},
        users=7,
        fit_seconds=1.25,
        tune_seconds=9.5,
        peak_rss_mb=300.0,
        score_microseconds={"p50": 40.2, "p99": 1234.5},
        metrics={"ndcg@10": 0.25},
        intervals={"ndcg@10": (0.2, 0.3)},
        counts={"test_likes_in_train": 2},
        reason="it was best",
    )

    words = "\n".join(in_words([report]))

    assert "tuned in 9.5 s, then fitted in 1.2 s" in words
    assert "100 best songs take 40 µs on one thread (p99 1,234 µs)" in words
