"""A refresh: the live version's recipe on the data of now, where only songs that moved are solved.

Nothing is chosen: by the rules of the gate a recipe that is live goes live again. Without what its
training left (solved_songs.py) every song is solved.
"""

from recommendations.engine.model import Progress, Recipe
from recommendations.leases import Hold
from recommendations.models import TrainingRun
from recommendations.training import snapshot, solved_songs
from recommendations.training.checkpoint_files import checkpoints_of
from recommendations.training.one_at_a_time import Outcome, train_alone
from recommendations.training.publishing import Publication, can_serve
from recommendations.training.recipes import recipe_of
from recommendations.training.runs import REFRESHED, finished
from recommendations.training.training_bar import silent
from recommendations.training.versions import live_version


def refresh(*, only_if_changed: bool = False, progress: Progress = silent) -> Outcome:
    """Bring the live model up to date, unless nothing is live or another process trains.

    only_if_changed: nor where no song and no profile changed since the last training or refresh.
    Raises what the training raised, after writing it into the training run.
    """

    def needless() -> Outcome | None:
        if recipe_of(live_version()) is None:
            return Outcome("skipped", "there is no live model to refresh: train one first")
        if only_if_changed and not _data_changed():
            reason = "no song and no profile changed since the last training or refresh"
            return Outcome("unchanged", reason)
        return None

    def train(run: TrainingRun, hold: Hold) -> Outcome:
        return _refresh(run, hold, progress)

    return train_alone(train, needless)


def _data_changed() -> bool:
    """Whether songs or profiles differ from those of the last training, or it cannot be served."""
    last = finished().first()
    return (
        last is None
        or not can_serve(live_version())
        or not snapshot.unchanged_since(last.watermark)
    )


def _refresh(run: TrainingRun, hold: Hold, progress: Progress) -> Outcome:
    progress("reading songs and profiles", 0.0)
    live, data = live_version(), snapshot.take()
    recipe = recipe_of(live)
    if live is None or recipe is None:
        raise RuntimeError("the live version went away while it was being refreshed")
    earlier = solved_songs.left_by(recipe, data)
    kept = checkpoints_of(recipe, data.interactions) if earlier is None else solved_songs.aside()
    # Filled while the songs are solved.
    again = earlier.solved_again if earlier else []
    refreshed = {"version": live.version, "songs": len(data.songs), "solved_again": again}
    found = Publication(run, data, recipe)
    found.publish({"seed": recipe.seed, REFRESHED: refreshed}, kept, progress, earlier)
    outcome = found.enter(hold, _in_words(live.version, recipe, again, data), promote=True)
    if outcome.status == TrainingRun.Status.LIVE:
        solved_songs.keep(kept, recipe, data)
    kept.remove()
    return outcome


def _in_words(version: str, recipe: Recipe, again: list[int], data: snapshot.Snapshot) -> str:
    """What was refreshed, and how much of it had to be solved."""
    songs = f"{len(data.songs):,} songs"
    if not again:
        return f"{version} by its recipe, {recipe.algorithm}, on all data: {songs}, all solved"
    solved = " and ".join(f"{count:,}" for count in again)
    return f"{version} refreshed: {solved} of {songs} had moved and were solved again"
