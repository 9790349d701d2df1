"""Event ids as statements that are written out give them back."""


def as_hex(stored: object) -> str:
    """32 lower hex digits: SQLite keeps a UUID as these, Postgres as a type of its own."""
    return str(stored).replace("-", "")
