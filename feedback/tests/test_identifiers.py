"""Files, messages, bodies, addresses and tokens agree on what can be an id."""

from collections.abc import Callable

import pytest

from access import listener_tokens
from feedback import fields
from recommendations.api.addresses import IdConverter
from recommendations.api.queries import Wrong, checked_ids
from recommendations.loading import row_values
from recommendations.loading.row_errors import BadValue

READERS: list[Callable[[str], object]] = [
    lambda value: row_values.identifier("song_id", value),
    lambda value: fields.identifier("song_id", value),
    lambda value: checked_ids([value]),
    IdConverter().to_python,
    lambda value: listener_tokens.issue(value, 60),
]


def takes(reader: Callable[[str], object], value: str) -> bool:
    try:
        reader(value)
    except (BadValue, Wrong, ValueError):
        return False
    return True


@pytest.mark.parametrize("value", ["1", "x" * 64, "x y", "ß" * 64, "a,b", "Ünïcödé-鳥", "🎵"])
def test_an_id_is_one_everywhere(value: str) -> None:
    assert [takes(reader, value) for reader in READERS] == [True] * len(READERS)


@pytest.mark.parametrize(
    "value", ["", "x" * 65, "a\0b", "a\nb", "a\tb", "a\x7fb", "a\u200bb", "a\u202eb", "a\ud800b"]
)
def test_what_is_no_id_is_none_anywhere(value: str) -> None:
    assert [takes(reader, value) for reader in READERS] == [False] * len(READERS)
