"""Dead letters that are replayed again and again, after later words on the same songs."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from musicrec.supervision import Child
from tests.faults.database import Rows
from tests.faults.forms import Form
from tests.faults.journal import Pair, Said
from tests.faults.scenario import Outcome
from tests.faults.template import SONGS
from tests.faults.world import World

OPEN: Final = "SELECT COUNT(*) FROM dead_letter WHERE state = 'open'"
REOPEN: Final = "UPDATE dead_letter SET state = 'open', resolved_at = NULL"
# As when the applied ids have been cleared away.
FORGET: Final = "DELETE FROM applied_event WHERE event_id IN (SELECT event_id FROM dead_letter)"
PROFILES: Final = (
    "SELECT user_id, song_id, value, order_key, event_id, revision FROM user_profile"
    " JOIN listener ON listener.id = listener_id ORDER BY user_id, song_id"
)


def letters_after_later_words(world: World, form: Form) -> Outcome:
    """Lose songs under words on the way, say later ones, and replay while and after they come.

    Every pair hears a like and then a dislike, which becomes a letter. A third takes it back
    while the song is gone, before the letter is replayed; a third likes again while it is.
    """
    outcome, dice = Outcome(), random.Random(world.seed)
    world.here.environment |= {"POISON_SHARE": "0", "POISON_IN_A_ROW": "0"}
    pairs = [(f"r{number}", dice.choice(SONGS)) for number in range(form.letters)]
    consumer = _become_letters(world, pairs)
    outcome.note("letters", world.database.number(OPEN))
    outcome.require(world.database.number(OPEN) == len(pairs), "not every word became a letter")
    _say(world, pairs[::3], "unlike")
    _wait_for_effect(world)
    world.end(consumer)
    world.run("loadcsv", "--songs", str(world.here.folder / "songs.csv"))
    _say(world, pairs[1::3], "like")
    # Three at once: a consumer replays by itself what has its song again.
    world.start_consumer()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: _replay(world), range(2)))
    world.wait(lambda: not world.database.number(OPEN), "all letters to be replayed")
    _wait_for_effect(world)
    before = world.database.query(PROFILES)
    for round_of in ("again", "once more"):
        world.database.run([REOPEN])
        applied = _replay(world)
        outcome.require(not applied, f"replayed {round_of}: {applied} had an effect")
    outcome.require(world.database.query(PROFILES) == before, "a replay changed a profile")
    outcome.take(world.settle())
    outcome.require(_replay_without_memory(world) == before, "an old word came back")
    return outcome


def _become_letters(world: World, pairs: list[Pair]) -> Child:
    """Have words accepted whose songs go before they are read; returns the consumer that runs."""
    consumer = world.start_all()["consumer"]
    _say(world, pairs, "like")
    _wait_for_effect(world)
    world.end(consumer)
    _say(world, pairs, "dislike")
    world.database.run(["DELETE FROM song"])
    consumer = world.start_consumer()
    _wait_for_effect(world)
    return consumer


def _say(world: World, pairs: list[Pair], action: str) -> None:
    world.say_these([Said(*pair, action) for pair in pairs])


def _wait_for_effect(world: World) -> None:
    world.wait(lambda: not world.waiting(), "every like to have its effect")


def _replay(world: World) -> int:
    """How many had an effect, of all open letters."""
    return int(json.loads(world.run("dead_letters", "replay", "--all", "--json"))["applied"])


def _replay_without_memory(world: World) -> Rows:
    """Replay when the ids of what was applied are gone: the order alone must be enough."""
    world.database.run([REOPEN, FORGET])
    _replay(world)
    return world.database.query(PROFILES)
