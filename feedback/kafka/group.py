"""How partitions are shared out in the consumer group: cooperatively; what stays is read on.

A rebalance takes from a member only what another one is to get. An eager one takes everything from
everybody first, and a single member that is slow to answer then stops all of them.
"""

import threading
from collections.abc import Iterable
from typing import Any, Final

from kafka import ConsumerRebalanceListener, TopicPartition
from kafka.coordinator.assignors.abstract import RebalanceProtocol
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor


class StickyAssignor(CooperativeStickyAssignor):  # type: ignore[misc]
    """Kafka's cooperative-sticky, which never claims a partition that its member has lost.

    A claim withholds the partition from its new reader until the claimant gives it up. One that
    no longer has it has nothing to give up, and nobody would ever read the partition.
    """

    def __init__(self, *, eager: bool) -> None:
        super().__init__()
        self._eager = eager

    def supported_protocols(self) -> list[RebalanceProtocol]:
        """One kind: Kafka's client refuses to mix them in one member."""
        return [RebalanceProtocol.EAGER if self._eager else RebalanceProtocol.COOPERATIVE]

    def metadata(self, topics: Iterable[str]) -> Any:
        """What the member tells of itself on joining; an eager one has given up all before."""
        if self._eager:
            self.forget()
        return super().metadata(topics)

    def forget(self) -> None:
        """The member has lost all that it had."""
        self.member_assignment = None


class Sharing:
    """How one member takes part: its assignors, and what each rebalance has done to its partitions.

    eager: for a group that still has members of a version without cooperative rebalances. The
        broker keeps out who shares no assignor with them, so theirs is offered too; all offered by
        one member must be of one kind. In a group without them it does no harm.
    """

    def __init__(self, *, eager: bool) -> None:
        self._sticky: Final = StickyAssignor(eager=eager)
        self.assignors: Final = [self._sticky, *([RangePartitionAssignor()] if eager else [])]
        self.listener: Final = _Listener(self)
        self.changed: Final = threading.Event()
        self._gone: set[TopicPartition] = set()

    def took(self, partitions: Iterable[TopicPartition]) -> None:
        """These are not ours any more, even if we are given them again at once."""
        self._gone.update(partitions)
        self.changed.set()

    def lost(self, partitions: Iterable[TopicPartition]) -> None:
        """The group has given us up, and these with us."""
        self._sticky.forget()
        self.took(partitions)

    def gone(self) -> set[TopicPartition]:
        """What was taken since this was last asked."""
        # Cleared first: what changes while somebody looks makes them look again.
        self.changed.clear()
        gone, self._gone = self._gone, set()
        return gone


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes what has changed. It runs on the client's own thread while ``poll`` waits: no more."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._sharing.took(revoked)

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        self._sharing.lost(lost)

    def on_partitions_assigned(self, _assigned: Iterable[TopicPartition]) -> None:
        self._sharing.changed.set()
