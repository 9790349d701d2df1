"""A refresh: the live version's recipe on the data of now, where only songs that moved are solved.

Nothing is chosen and nothing compared: that is for trainings, which go on. Without what the last of
them left (solved_songs.py) every song is solved.
"""

from recommendations.engine.model import Progress, Recipe
from recommendations.leases import Hold
from recommendations.models import ModelVersion, TrainingRun
from recommendations.training import snapshot, solved_songs
from recommendations.training.checkpoint_files import checkpoints_of
from recommendations.training.one_at_a_time import Outcome, train_alone
from recommendations.training.publishing import Publication, can_serve
from recommendations.training.recipes import recipe_of
from recommendations.training.training_bar import silent
from recommendations.training.versions import live_version


def refresh(
    *, only_if_changed: bool = False, every_song: bool = False, progress: Progress = silent
) -> Outcome:
    """Bring the live model up to date, unless nothing is live or another process trains.

    only_if_changed: nor where it has seen the songs and profiles as they are. every_song: solve
    them all, moved or not. Raises what the training raised, after writing it into the training run.
    """

    def needless() -> Outcome | None:
        if recipe_of(live_version()) is None:
            return Outcome("skipped", "there is no live model to refresh: train one first")
        if only_if_changed and not _behind(live_version()):
            reason = "no song and no profile changed since the live model was trained"
            return Outcome("unchanged", reason)
        return None

    def train(run: TrainingRun, hold: Hold) -> Outcome:
        return _refresh(run, hold, every_song, progress)

    return train_alone(train, needless)


def _behind(live: ModelVersion | None) -> bool:
    """Whether songs or profiles differ from those that the live version was trained on.

    Or whether it cannot be served any more.
    """
    return (
        live is None
        or not snapshot.unchanged_since(live.training_run.watermark)
        or not can_serve(live)
    )


def _refresh(run: TrainingRun, hold: Hold, every_song: bool, progress: Progress) -> Outcome:
    progress("reading songs and profiles", 0.0)
    live, data = live_version(), snapshot.take()
    recipe = recipe_of(live)
    if live is None or recipe is None:
        raise RuntimeError("the live version went away while it was being refreshed")
    solved_songs.clear(data)
    found = Publication(run, data, recipe)
    earlier = None if every_song else solved_songs.left_by(recipe, data)
    kept = (
        checkpoints_of(recipe, data.interactions)
        if earlier is None
        else solved_songs.aside(found.version)
    )
    # Filled while the songs are solved.
    again = earlier.solved_again if earlier else []
    run.refreshed = live.version
    metrics = {"seed": recipe.seed, "songs": len(data.songs), "solved_again": again}
    found.publish(metrics, kept, progress, earlier)
    outcome = found.enter(hold, _in_words(live.version, recipe, again, data), promote=True)
    if outcome.status == TrainingRun.Status.LIVE:
        solved_songs.keep(kept, found.version, recipe, data)
    kept.remove()
    return outcome


def _in_words(version: str, recipe: Recipe, again: list[int], data: snapshot.Snapshot) -> str:
    """What was refreshed, and how much of it had to be solved."""
    songs = f"{len(data.songs):,} songs"
    if not again:
        return f"{version} by its recipe, {recipe.algorithm}, on all data: {songs}, all solved"
    solved = " and ".join(f"{count:,}" for count in again)
    return f"{version} refreshed: {solved} of {songs} had moved and were solved again"
