"""The first page in a real browser: choose a listener, like a song, watch the list change."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from conftest import require
from tests.installation import Installation

pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    require(program is not None, "a browser (the program chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(
    browser: Browser, installations: Callable[..., Installation], trained: Path
) -> Iterator[Page]:
    """The page of a running demonstration's parts: web and consumer over the fixtures."""
    here = installations(trained, DEMO="1")
    here.start("consumer", "consume_likes")
    web = here.start_web()
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(web.address)
    yield page
    page.close()
    assert complaints == []


def test_a_listener_is_chosen_a_song_liked_and_the_list_changes(page: Page) -> None:
    page.get_by_label("Listener").fill("101")
    page.get_by_role("button", name="Listen as").click()
    expect(page.get_by_role("heading", name="For listener 101")).to_be_visible()
    songs = page.locator("section[aria-labelledby=list] li")
    first = songs.first.locator("strong").inner_text()
    expect(songs.first).to_contain_text("because of")

    songs.first.get_by_role("button", name="Like", exact=False).first.click()

    opinions = page.locator("section[aria-labelledby=profile] li")
    expect(opinions.first.locator("strong")).to_have_text(first)
    # Its title may stand among the reasons now; as a song of the list it is gone.
    titles = songs.locator("strong").all_inner_texts()
    assert first not in titles

    opinions.first.get_by_role("button", name="Withdraw").click()
    expect(songs.first.locator("strong")).to_have_text(first)


def test_a_newcomer_gets_popular_songs_and_is_told_so(page: Page) -> None:
    page.get_by_label("Listener").fill("a newcomer")
    page.get_by_role("button", name="Listen as").click()

    expect(page.get_by_role("heading", name="What most listeners like")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Like ")).first.click()
    expect(page.get_by_role("heading", name="For listener a newcomer")).to_be_visible()


def test_the_page_is_styled_and_fits_a_telephone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_label("Listener").fill("101")
    page.get_by_role("button", name="Listen as").click()

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    style = page.evaluate("getComputedStyle(document.querySelector('.songs')).borderRadius")
    assert style != "0px"
