"""Who a request comes from, and for whom it may act."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["service", "listener", "staff", "anonymous"]

SERVE: Final = "serve"
OPERATE: Final = "operate"
SCOPES: Final = (SERVE, OPERATE)


@dataclass(frozen=True, slots=True)
class Caller:
    """The party behind a request, as its credential shows it. Stands in ``request.user``.

    name: stable for one credential holder ("service:<prefix>", "listener:<user_id>",
        "staff:<id>", "anonymous"); throttles and idempotency keys are kept by it.
    user_id: the one listener that a listener token speaks for, else None.
    acts_for_all: whether any listener may be acted for.
    """

    kind: Kind
    name: str
    scopes: frozenset[str] = frozenset()
    user_id: str | None = None
    acts_for_all: bool = False

    @property
    def is_authenticated(self) -> bool:
        """Whether a credential was shown; Django and DRF ask for it by this name."""
        return self.kind != "anonymous"

    @property
    def operates(self) -> bool:
        """Whether models and training may be touched."""
        return OPERATE in self.scopes

    def may_act_for(self, user_id: str) -> bool:
        """Whether this caller may read and change what belongs to that listener."""
        return self.acts_for_all or (self.user_id is not None and self.user_id == user_id)


ANONYMOUS: Final = Caller("anonymous", "anonymous")

# Whoever calls one of the seed's two routes where SEED_ROUTES_OPEN is set.
ANYONE: Final = Caller("anonymous", "anonymous", acts_for_all=True)


def anonymous() -> Caller:
    """The caller without a credential, for DRF's UNAUTHENTICATED_USER."""
    return ANONYMOUS


def service(prefix: str, scopes: frozenset[str]) -> Caller:
    """A program that holds the service key of this prefix."""
    return Caller("service", f"service:{prefix}", scopes, acts_for_all=True)


def listener(user_id: str) -> Caller:
    """A listener, or a program of theirs, that holds a token of that user."""
    return Caller("listener", f"listener:{user_id}", user_id=user_id)


def staff(pk: object) -> Caller:
    """A member of staff, signed in to the admin."""
    return Caller("staff", f"staff:{pk}", frozenset(SCOPES), acts_for_all=True)
