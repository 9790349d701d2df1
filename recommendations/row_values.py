"""Rules for values that both files have: ids, and text that a person reads."""

from recommendations.row_errors import BadValue, Code

ID_LIMIT = 64
TEXT_LIMIT = 1_000


def identifier(column: str, value: str) -> str:
    """An id of 1 to 64 characters without the spaces around it. Raises BadValue."""
    cleaned = text(column, value, limit=ID_LIMIT)
    if not cleaned:
        raise BadValue(column, Code.MISSING_VALUE, value, "an id is expected")
    if not cleaned.isprintable():
        raise BadValue(
            column, Code.CONTROL_CHARACTER, value, "an id has no line breaks, tabs or the like"
        )
    return cleaned


def text(column: str, value: str, *, limit: int = TEXT_LIMIT) -> str:
    """Text without the spaces around it. Raises BadValue for what no database can hold."""
    cleaned = value.strip()
    if "\0" in cleaned:
        raise BadValue(column, Code.CONTROL_CHARACTER, value, "a NUL byte cannot be stored")
    if not _is_unicode(cleaned):
        raise BadValue(column, Code.BAD_UTF8, value, "these bytes are not UTF-8")
    if len(cleaned) > limit:
        raise BadValue(column, Code.TOO_LONG, value, f"at most {limit:,} characters are kept")
    return cleaned


def _is_unicode(value: str) -> bool:
    """Whether all of it was UTF-8: a byte that was not stands as a lone surrogate."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
