"""The one rule for the ids of users and songs: in files, messages, addresses, bodies and tokens.

Listener tokens state it once more (access.listener_tokens), because access knows no other part.
"""

from typing import Final

LONGEST_ID: Final = 64
RULE: Final = f"an id has 1 to {LONGEST_ID} printable characters"


def is_identifier(value: str) -> bool:
    """Whether a user or a song can have this id.

    What is not printable (NUL, line breaks, halves of surrogate pairs) is refused for good: some
    of it no database can hold, and none of it can be seen where an id is shown.
    """
    return 1 <= len(value) <= LONGEST_ID and value.isprintable()
