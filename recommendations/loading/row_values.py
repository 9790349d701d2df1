"""Rules for values that both files have: ids, and text that a person reads."""

from recommendations.identifiers import LONGEST_ID as ID_LIMIT
from recommendations.identifiers import is_identifier
from recommendations.loading.row_errors import BadValue, Code

TEXT_LIMIT = 1_000


def identifier(column: str, value: str) -> str:
    """An id without the spaces around it, by the one rule. Raises BadValue, which says why."""
    cleaned = value.strip()
    if is_identifier(cleaned):
        return cleaned
    text(column, value, limit=ID_LIMIT)
    if not cleaned:
        raise BadValue(column, Code.MISSING_VALUE, value, "an id is expected")
    raise BadValue(
        column, Code.CONTROL_CHARACTER, value, "an id has no line breaks, tabs or the like"
    )


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
