"""docs/operations.md lists every setting, and none that does not exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_lists_exactly_the_settings_that_are_read() -> None:
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "musicrec/settings.py").read_text()))
    page = (ROOT / "docs/operations.md").read_text()
    chapter = page.partition("## Settings")[2].partition("## Credentials")[0]

    assert set(re.findall(r"^\| `([A-Z_]+)` \|", chapter, re.MULTILINE)) == read
