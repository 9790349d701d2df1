"""Pages by cursor: found by the key of the last row, as fast at the end as at the start."""

import base64
import binascii
from collections.abc import Sequence

from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from recommendations.api.queries import MOST_RESULTS, Parse, Wrong, one, whole_number

DEFAULT_LIMIT = 20
LARGEST_KEY = 2**63 - 1


def cursor_of(values: Sequence[str]) -> tuple[int, ...]:
    """The key of the last row of the page before, from the ``cursor`` of an answer."""
    text = one(values)
    try:
        padded = text + "=" * (-len(text) % 4)
        key = tuple(
            int(part) for part in base64.urlsafe_b64decode(padded.encode()).decode().split(",")
        )
    except (ValueError, binascii.Error) as error:
        raise Wrong("is not a cursor of ours; take it from an answer's next") from error
    if len(text) > 64 or any(abs(part) > LARGEST_KEY for part in key):
        raise Wrong("is not a cursor of ours; take it from an answer's next")
    return key


PAGE: dict[str, Parse] = {"limit": whole_number(1, MOST_RESULTS), "cursor": cursor_of}


def next_address(request: Request, last_key: Sequence[int] | None) -> str | None:
    """The absolute address of the page after the row of this key, None after the last page."""
    if last_key is None:
        return None
    cursor = base64.urlsafe_b64encode(",".join(map(str, last_key)).encode()).decode().rstrip("=")
    return replace_query_param(request.build_absolute_uri(), "cursor", cursor)
