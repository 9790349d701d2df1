"""What a rebuild has read and changed, in words."""

from collections.abc import Iterator

from feedback.rebuilding.rebuild import Rebuilt


def in_words(rebuilt: Rebuilt, *, dry_run: bool) -> str:
    """A few lines for a person."""
    return "\n".join([*_read(rebuilt), *_found(rebuilt, dry_run=dry_run)])


def _read(rebuilt: Rebuilt) -> Iterator[str]:
    left_out = [f"{count:,} {why}" for why, count in rebuilt.left_out.items() if count]
    yield (
        f"read {rebuilt.base_rows:,} rows of the base and {rebuilt.records:,} records"
        f" in {rebuilt.seconds:.1f} s" + (f"; left out: {', '.join(left_out)}" if left_out else "")
    )
    if rebuilt.believed:
        yield (
            f"took {rebuilt.believed:,} rows as they are: the log does not reach back to them,"
            " and the base has not got them"
        )


def _found(rebuilt: Rebuilt, *, dry_run: bool) -> Iterator[str]:
    found = rebuilt.differences
    change, add, remove = (
        ("would change", "add", "remove") if dry_run else ("changed", "added", "removed")
    )
    yield (
        f"{change} {found.changed:,} rows, {add} {found.missing:,}, {remove} {found.surplus:,},"
        f" of {found.listeners:,} listeners;"
        f" other writers of profiles waited {rebuilt.longest_alone_seconds:.2f} s at most"
    )
    for each in found.examples:
        # As Python writes text: what others have sent must not move the cursor of a terminal.
        yield f"  {each.user_id!a} {each.song_id!a}: live {each.live}, rebuilt {each.rebuilt}"
