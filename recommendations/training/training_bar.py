"""A progress bar for what the engine reports: one bar, begun again for each piece of work."""

from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from recommendations.engine.model import Progress

_SHAPE = "{desc}: {percentage:3.0f}% {bar} {elapsed}<{remaining}"


@contextmanager
def training_bar() -> Iterator[Progress]:
    """Shown on a terminal only, and only for work of over a second."""
    with tqdm(total=1.0, disable=None, delay=1, leave=False, bar_format=_SHAPE) as bar:
        current, reached = "", 0.0

        def advance(what: str, share: float) -> None:
            nonlocal current, reached
            # A blend may have two parts of one name, the second of which begins at the beginning.
            begun_again = what != current or share < reached
            current, reached = what, share
            if begun_again:
                bar.reset()
                bar.set_description_str(what, refresh=False)
            bar.update(share - bar.n)

        yield advance


def silent(what: str, share: float) -> None:
    """Report progress to nobody."""
