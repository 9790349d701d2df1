"""Bytes of messages as text for people: others wrote them, and not all are text."""

from typing import Final

SHOWN_BYTES: Final = 2_000


def as_text(raw: bytes | memoryview) -> str:
    """The text that they are, whole; what is not UTF-8 is spelt out (\\xff)."""
    return bytes(raw).decode("utf-8", errors="backslashreplace")


def in_brief(raw: bytes | memoryview) -> str:
    """The same in ASCII, with everything odd spelt out, and cut, with a mark, to what a page shows.

    As Python writes text: what others have sent must not move the cursor of a terminal.
    """
    shown = ascii(as_text(raw[:SHOWN_BYTES]))[1:-1]
    return shown if len(raw) <= SHOWN_BYTES else f"{shown} … ({len(raw)} bytes)"
