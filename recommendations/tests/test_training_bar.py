"""The bar of a training: begun again for each piece of work."""

import io
from typing import Any

import pytest
from tqdm import tqdm

from recommendations.training import training_bar as bars


def test_the_bar_begins_again_with_each_piece_of_work_also_of_the_same_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[str] = []

    class Watched(tqdm):  # type: ignore[type-arg]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options | {"disable": False, "file": io.StringIO()})

        def reset(self, total: float | None = None) -> None:
            begun.append(f"from {self.n:g}")
            super().reset(total)

    monkeypatch.setattr(bars, "tqdm", Watched)

    with bars.training_bar() as advance:
        for what, share in [("ials", 0.5), ("ials", 1.0), ("ials", 0.5), ("svd", 0.2), ("svd", 1)]:
            advance(what, share)

    assert begun == ["from 0", "from 1", "from 0.5"]
