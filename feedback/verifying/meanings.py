"""What each finding means, and what to do about it, in plain words: the closed list."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from recommendations import forgotten_keys


class Level(StrEnum):
    """How bad it is. What only deserves a look does not make verify_likes fail."""

    WRONG = "wrong"
    LOOK = "look"


class Code(StrEnum):
    """What was found. docs/feedback.md has a line for each."""

    SEQUENCE_BEHIND = "sequence_behind"
    SEQUENCE_AHEAD = "sequence_ahead"
    WAITING = "waiting"
    MARKED_WITHOUT_EFFECT = "marked_without_effect"
    EFFECT_WITHOUT_MARK = "effect_without_mark"
    EFFECT_OF_ANOTHER = "effect_of_another"
    NOT_IN_PROFILE = "not_in_profile"
    OUTBOX_ALTERED = "outbox_altered"
    HELD_AHEAD = "held_ahead"
    WORD_WITHOUT_EVENT = "word_without_event"
    WORD_ALTERED = "word_altered"
    BASE_AHEAD = "base_ahead"
    BASE_ALONE = "base_alone"
    BAD_VALUE = "bad_value"
    NO_LISTENER = "no_listener"
    REPLAYED_WITHOUT_EFFECT = "replayed_without_effect"
    OPEN_BUT_APPLIED = "open_but_applied"
    FORGOTTEN_STAYS = "forgotten_stays"
    FORGET_KEY_GONE = "forget_key_gone"
    FORGET_MARKER_LOST = "forget_marker_lost"
    ANOTHER_LOG = "another_log"
    LEFT_UNREAD = "left_unread"
    LAST_READ_GONE = "last_read_gone"
    NEVER_READ = "never_read"
    LAG = "lag"
    BROKER_AWAY = "broker_away"
    REBUILT_DIFFERS = "rebuilt_differs"
    NOT_REBUILT = "not_rebuilt"


@dataclass(frozen=True, slots=True)
class Meaning:
    """words and advice may hold fields in braces, which the check fills in."""

    words: str
    advice: str
    level: Level = Level.WRONG


_REBUILD: Final = "manage.py consume_likes --rebuild makes the profiles anew from base and log"
_NEW_EPOCH: Final = (
    "the consumer notices by itself: it begins a new epoch, reads the broker's log from its"
    " beginning, and likes without an effect are sent again. See that it runs"
)

MEANINGS: Final[dict[Code, Meaning]] = {
    Code.SEQUENCE_BEHIND: Meaning(
        "rows of the outbox lie above the last seq that was issued ({last_seq}): new likes could be"
        " given a seq that was used, and lose",
        "UPDATE outbox_sequence SET last_seq = {greatest} WHERE last_seq < {greatest}",
    ),
    Code.SEQUENCE_AHEAD: Meaning(
        "the last seq that was issued is {ahead} ahead of this clock",
        "set the clock right; if it is right now and was ahead before, nothing need be done: the"
        " order of what is said is kept",
        Level.LOOK,
    ),
    Code.WAITING: Meaning(
        "acknowledged likes wait for their effect, the oldest for {age}; not sent to Kafka are"
        " {unsent}",
        "see that consume_likes runs, and with Kafka relay_likes; none of them is lost",
        Level.LOOK,
    ),
    Code.MARKED_WITHOUT_EFFECT: Meaning(
        "acknowledged likes are marked as applied, and nothing shows that they were: neither their"
        " id among the applied ones nor a dead letter",
        "UPDATE outbox SET applied_at = NULL, sent_at = NULL WHERE seq IN (…) makes them due again;"
        " what did have its effect has no second one",
    ),
    Code.EFFECT_WITHOUT_MARK: Meaning(
        "likes have had their effect and are counted as waiting",
        "UPDATE outbox SET sent_at = NULL WHERE seq IN (…): read once more, they are marked",
    ),
    Code.EFFECT_OF_ANOTHER: Meaning(
        "likes are marked as applied because something else was applied under their id",
        "manage.py dead_letters list --reason id_conflict may show who else publishes under our"
        " ids; the payloads in the outbox say what the users wanted",
    ),
    Code.NOT_IN_PROFILE: Meaning(
        "likes have had their effect, and user_profile holds neither them nor anything later",
        "have them applied once more: in the outbox set applied_at and sent_at to NULL for these"
        " rows, and delete their event ids from applied_event",
    ),
    Code.OUTBOX_ALTERED: Meaning(
        "payloads in the outbox cannot be read, or are not of their row's event, user and song:"
        " somebody changed them",
        "find who writes to this table, and compare with a backup",
    ),
    Code.HELD_AHEAD: Meaning(
        "profiles are of a time more than a day ahead, so that likes for these pairs are refused"
        " (held_ahead)",
        "UPDATE user_profile SET order_key = {now_us} WHERE id IN (…), the same for these pairs in"
        " profile_base, and mend the producer whose times these are",
    ),
    Code.WORD_WITHOUT_EVENT: Meaning(
        "rows of user_profile have no event behind them: somebody wrote them by hand, or ids of"
        " applied events were deleted",
        f"{_REBUILD}, and leaves out what no event says",
    ),
    Code.WORD_ALTERED: Meaning(
        "rows of user_profile say something else than their event said: somebody changed them",
        _REBUILD,
    ),
    Code.BASE_AHEAD: Meaning(
        "rows of profile_base, what a rebuild starts from, are later than the profile: it has lost"
        " them",
        _REBUILD,
    ),
    Code.BASE_ALONE: Meaning(
        "rows of profile_base, what a rebuild starts from, are of pairs that user_profile lacks",
        _REBUILD,
    ),
    Code.BAD_VALUE: Meaning(
        "values are neither a like (1) nor a dislike (-1) nor withdrawn (0)",
        f"delete such rows of profile_base; then {_REBUILD}",
    ),
    Code.NO_LISTENER: Meaning(
        "rows are of listeners that do not exist: somebody deleted a listener by hand",
        "DELETE these rows: nobody can ask for them. Users are deleted by manage.py delete_user",
    ),
    Code.REPLAYED_WITHOUT_EFFECT: Meaning(
        "dead letters are marked as replayed and had no effect",
        "UPDATE dead_letter SET state = 'open', resolved_at = NULL WHERE id IN (…), then manage.py"
        " dead_letters replay ID",
    ),
    Code.OPEN_BUT_APPLIED: Meaning(
        "dead letters are open, and what they say has had its effect: a rebuild would leave it out",
        "manage.py dead_letters replay ID closes them and changes nothing else",
    ),
    Code.FORGOTTEN_STAYS: Meaning(
        "rows are of users who were forgotten, and of a time before that",
        "start consume_likes again: it deletes what a restored backup has brought back; or"
        " manage.py delete_user once more for these users, whom the rows name",
    ),
    Code.FORGET_KEY_GONE: Meaning(
        "forget markers were made with a secret key that is not set any more: a replay, a rebuild"
        " or a file could bring these users back",
        f"everywhere, {forgotten_keys.ADVICE}",
    ),
    Code.FORGET_MARKER_LOST: Meaning(
        "the ledger of the forgotten has markers that the database lacks, as after the restore of a"
        " backup",
        "start consume_likes again: it writes them, and deletes what the backup has brought back",
    ),
    Code.ANOTHER_LOG: Meaning(
        "the broker's log is not the one that was read: the topic was made anew, or the broker has"
        " lost or restored its disk",
        _NEW_EPOCH,
    ),
    Code.LEFT_UNREAD: Meaning(
        "records have left the broker's log before they were read",
        f"{_NEW_EPOCH}. What other producers said must come from them once more; give the topic a"
        " longer retention",
    ),
    Code.LAST_READ_GONE: Meaning(
        "the record that was read last has left the broker's log, as after a long silence",
        "none: what the log still holds is read once more, and has no second effect",
        Level.LOOK,
    ),
    Code.NEVER_READ: Meaning(
        "partitions hold records and were never read", "see that consume_likes runs", Level.LOOK
    ),
    Code.LAG: Meaning(
        "records wait in Kafka",
        "see that consume_likes runs; up to one a partition share the work",
        Level.LOOK,
    ),
    Code.BROKER_AWAY: Meaning(
        "Kafka could not be asked, so the positions in its log were not compared",
        "see that it runs (manage.py doctor), then verify again",
        Level.LOOK,
    ),
    Code.REBUILT_DIFFERS: Meaning(
        "words of {listeners} listeners are not what base and log make of them",
        _REBUILD,
    ),
    Code.NOT_REBUILT: Meaning(
        "the profiles could not be made anew beside the live ones, so these were not compared",
        "see the example for the reason, then verify again",
        Level.LOOK,
    ),
}
