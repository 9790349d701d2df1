"""The plots of an evaluation: what they say, that nothing is cut off, that they stay the same."""

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from scipy import sparse

from recommendations.drawing import figure, label_ends, styled, write
from recommendations.engine import algorithms
from recommendations.engine.cutting import HeldOut, split
from recommendations.engine.interactions import Traits
from recommendations.engine.model import Recipe
from recommendations.tests.engine.worlds import listeners_with_taste
from recommendations.training import evaluation_plots
from recommendations.training.evaluating import Fitted, Report, report_on
from recommendations.training.evaluation_plots import write_plots

NOBODY = HeldOut(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int8))


def reported(
    algorithm: str, *, genres: bool = True, asked_for: str = "", nobody: bool = False
) -> Report:
    """What a model of a small world comes to; two genres, of even songs and of odd ones."""
    even = np.arange(40) % 2 == 0
    matrix = sparse.csr_array(np.column_stack([~even, even]).astype(np.float32))
    world = replace(
        listeners_with_taste(users=60, songs=40), traits=Traits(np.full(40, -1, np.int32), matrix)
    )
    parted = split(world, 0.2, seed=1)
    model = algorithms.fit(Recipe(algorithm, {}), parted.train)
    fitted = Fitted(model, algorithm, {}, 0.0, 0.0, "", asked_for)
    names = ["folk & protest, " * 12, "$pop^$"] if genres else []
    held_out = NOBODY if nobody else parted.held_out
    return report_on(fitted, parted.train, held_out, ks=(10, 20), seed=0, genre_names=names)


@dataclass
class Drawn:
    """Plots that were drawn once: of which reports, the files, and the pictures in memory."""

    reports: list[Report]
    files: list[Path]
    pictures: list[Figure]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    reports, pictures = [reported("local_ridge", asked_for="auto"), reported("popularity")], []

    def kept(picture: Figure, file: Path) -> None:
        pictures.append(picture)
        write(picture, file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation_plots, "write", kept)
        files = write_plots(reports, tmp_path_factory.mktemp("plots") / "new" / "folder")
    return Drawn(reports, files, pictures)


def texts(file: Path) -> str:
    """All that can be read in a picture."""
    root = ET.parse(file).getroot()  # noqa: S314 - our own file
    return "\n".join("".join(each.itertext()) for each in root.iter() if each.tag.endswith("}text"))


def test_plots_name_what_they_show_and_every_model(drawn: Drawn) -> None:
    said = {file.stem: texts(file) for file in drawn.files}

    assert said.keys() == {"accuracy", "recall", "exposure", "profile", "genre"}
    for words in said.values():
        assert "popularity" in words
        assert "auto, chose local_ridge" in words
    assert "How well hidden likes are foretold" in said["accuracy"]
    assert f"{drawn.reports[0].users} users" in said["accuracy"]
    assert f"{drawn.reports[0].metrics['ndcg@10']:.3f}".removeprefix("0") in said["accuracy"]
    assert "length of the list, k songs" in said["recall"]
    assert "places in lists that they have, %" in said["exposure"]
    assert "3 to 9" in said["profile"]
    # A name is no longer than the plot beside it can bear, and dollar signs make no formula.
    assert "folk & protest, folk & protes… (" in said["genre"]
    assert "$pop^$ (" in said["genre"]


def test_the_same_figures_make_the_same_files(drawn: Drawn, tmp_path: Path) -> None:
    again = write_plots(drawn.reports, tmp_path)

    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in drawn.files]
    assert not any("dc:date" in file.read_text() for file in again)


def test_nothing_of_a_plot_is_outside_the_picture(drawn: Drawn) -> None:
    assert len(drawn.pictures) == 5
    for picture in drawn.pictures:
        box, (width, height) = picture.get_tightbbox(), picture.get_size_inches()
        assert min(box.x0, box.y0) >= 0
        assert (box.x1 <= width, box.y1 <= height) == (True, True)


def test_what_was_not_measured_is_not_drawn(tmp_path: Path) -> None:
    without_genres = write_plots([reported("popularity", genres=False)], tmp_path / "a")
    of_nobody = write_plots([reported("popularity", nobody=True)], tmp_path / "b")

    assert [file.stem for file in without_genres] == ["accuracy", "recall", "exposure", "profile"]
    assert of_nobody == []


@pytest.mark.filterwarnings("error")
def test_a_name_in_a_script_that_the_layout_s_font_lacks_is_written_as_it_is(
    tmp_path: Path,
) -> None:
    with styled():
        drawing, _ = figure("ロック", "beneath")
        write(drawing, tmp_path / "rock.svg")

    assert "ロック" in texts(tmp_path / "rock.svg")


def test_names_at_the_ends_of_lines_that_meet_are_put_apart() -> None:
    with styled():
        _, [axes] = figure("title", "beneath")
        axes.set_yscale("log")
        axes.set_ylim(1, 1e10)
        label_ends(axes, [(1, 1e5, "second", "k"), (1, 1e5, "third", "k"), (1, 100, "first", "k")])

    named = [text for text in axes.texts if isinstance(text, Annotation)]
    places = {text.get_text(): text.xy[1] for text in named}
    # As parts of the height.
    assert places == pytest.approx({"first": 0.2, "second": 0.5, "third": 0.56})


def test_evaluate_draws_popularity_beside_what_it_prints(tmp_path: Path) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("user_id,song_id,like\na,1,1\na,2,1\nb,1,1\nb,2,1\nc,1,1\n")
    test.write_text("user_id,song_id,like\nc,2,1\n")
    out, err = io.StringIO(), io.StringIO()
    arguments = ["evaluate", "--train", str(train), "--test", str(test), "--json"]
    arguments += ["--algorithm", "item_knn"]

    call_command(*arguments, "--plots", str(tmp_path / "plots"), stdout=out, stderr=err)

    assert json.loads(out.getvalue())["asked_for"] == "item_knn"
    assert "accuracy.svg" in err.getvalue()
    assert "popularity" in texts(tmp_path / "plots" / "accuracy.svg")


def test_a_place_that_cannot_be_drawn_into_is_told_with_the_figures_or_before(
    tmp_path: Path,
) -> None:
    file, out = tmp_path / "train.csv", io.StringIO()
    file.write_text("user_id,song_id,like\na,1,1\na,2,1\nb,1,1\nb,2,1\n")
    arguments = ["evaluate", "--train", str(file), "--split", "0.5", "--algorithm", "popularity"]

    with pytest.raises(CommandError, match="is not a folder"):
        call_command(*arguments, "--plots", str(file), stdout=out)
    assert out.getvalue() == ""
    with pytest.raises(CommandError, match="cannot draw into"):
        call_command(*arguments, "--plots", str(file / "plots"), stdout=out)
    assert "served personally" in out.getvalue()
