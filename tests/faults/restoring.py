"""A database that is put back to what it was some time ago."""

from tests.faults import broker_log
from tests.faults.forms import Form
from tests.faults.scenario import Outcome
from tests.faults.world import World

ENOUGH = 150


def an_old_backup(world: World, form: Form) -> Outcome:
    """Back up under load, go on, lose the disk, restore, and go on from there."""
    outcome = Outcome()
    gone = 0
    for number in range(form.restores):
        gone += _lose_and_restore(world, outcome, number)
    outcome.note("restores", form.restores)
    outcome.note("gone, said after the backup and never sent", gone)
    outcome.require(gone > 0, "nothing was said after the backup that was not sent")
    world.start_all()
    # The same listeners on the same songs: what they say now is later than all that comes back.
    with world.load(seed=world.seed, repeat=0) as load:
        world.wait(lambda: len(load.answers) > 2 * ENOUGH, "new likes")
    outcome.take(world.settle())
    outcome.require(world.database.is_sound(), "PRAGMA integrity_check")
    return outcome


def _lose_and_restore(world: World, outcome: Outcome, number: int) -> int:
    """Returns how many acknowledged likes were on the lost disk alone."""
    running = world.start_all()
    backup = world.here.folder / f"backup-{number}"
    with world.load(seed=world.seed, repeat=0) as load:
        world.wait(lambda: len(load.answers) > ENOUGH, "likes before the backup")
        kept_for_certain = set(world.journal.ids())
        world.database.back_up(backup)
        said = len(load.answers)
        world.wait(lambda: len(load.answers) > said + ENOUGH, "likes after the backup")
        if "relay" in running:
            world.wait(lambda: world.applied() > said, "likes to come through Kafka")
            world.kill(running.pop("relay"))
        said = len(load.answers)
        world.wait(lambda: len(load.answers) > said + ENOUGH, "likes that are not sent")
    for child in running.values():
        world.kill(child)
    world.database.restore(backup)
    outcome.require(world.database.is_sound(), "PRAGMA integrity_check of the backup")
    lost = set(world.journal.ids()) - _kept(world)
    outcome.require(
        not lost & kept_for_certain, f"{len(lost & kept_for_certain)} not in the backup"
    )
    world.journal = world.journal.without(lost)
    return len(lost)


def _kept(world: World) -> set[str]:
    """What the backup holds, and what the broker does."""
    kept = set(world.database.ids("SELECT event_id FROM outbox"))
    if world.broker is not None:
        kept |= broker_log.event_ids(broker_log.records(world.broker.address, world.topic))
    return kept
