"""A disk that is full: nothing that was not stored may be acknowledged."""

import shutil
from typing import Final

from tests.faults.forms import Form
from tests.faults.load import Load
from tests.faults.scenario import Outcome
from tests.faults.small_disk import Disk, small_disk, with_children
from tests.faults.world import World

REFUSALS: Final = 20
BUSY: Final = {503, 507}


def full_disk(world: World, form: Form) -> Outcome:
    """Fill the disk under clients, start every process anew on it, and make room."""
    outcome, folder = Outcome(), world.here.folder / "disk"
    with small_disk(folder, lambda: with_children(world.leaders())) as disk:
        shutil.move(world.database.file, folder)
        world.database.file = folder / world.database.file.name
        world.here.environment["STATE_DIR"] = str(folder)
        outcome.note("disk", disk.kind)
        _fill_and_make_room(world, form, disk, outcome)
        outcome.take(world.settle())
        outcome.require(world.database.is_sound(), "PRAGMA integrity_check")
    return outcome


def _fill_and_make_room(world: World, form: Form, disk: Disk, outcome: Outcome) -> None:
    running = world.start_all()
    with world.load(clients=4) as load:
        world.await_answers(load, 20)
        disk.fill()
        world.wait(lambda: _refused(load) >= REFUSALS, "the disk to be full")
        for child in running.values():
            world.kill(child)
        world.start_all()
        disk.fill()
        world.pass_time(form.full_disk_seconds)
        refused = _refused(load)
        world.wait(lambda: _refused(load) > refused, "an answer of the processes started since")
        outcome.require(world.database.is_sound(), "PRAGMA integrity_check while it is full")
        disk.make_room()
        acknowledged = len(world.journal)
        accepted = world.wait(lambda: len(world.journal) > acknowledged, "a like to be accepted")
        acknowledged = len(world.journal)
        applied = world.wait(lambda: world.applied() > acknowledged, "likes to be applied")
    outcome.note("refused", _refused(load))
    outcome.at_most("accepted again within", accepted, 1.0 * form.slack)
    outcome.at_most("applied again within", applied, 5.0 * form.slack)
    outcome.require(set(load.statuses) <= {202, *BUSY}, f"answers: {load.statuses}")


def _refused(load: Load) -> int:
    return sum(count for status, count in load.statuses.items() if status in BUSY)
