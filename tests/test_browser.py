"""The first page in a real browser: choose a listener, like a song, watch the list change."""

import re
import shutil
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def address(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a running demonstration's parts are: web and consumer over the fixtures."""
    state = shutil.copytree(trained, tmp_path_factory.mktemp("browsed") / "state")
    here = Installation(state, DEMO="1")
    try:
        here.start("consumer", "consume_likes")
        yield here.start_web().address
    finally:
        here.stop()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page as a new visitor opens it, who must find nothing on the console."""
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    yield page
    page.close()
    assert complaints == []


def listen_as(page: Page, user_id: str) -> None:
    page.get_by_label("Listener").fill(user_id)
    page.get_by_role("button", name="Listen as").click()


def test_a_listener_is_chosen_a_song_liked_and_the_list_changes(page: Page) -> None:
    listen_as(page, "101")
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
    listen_as(page, "a newcomer")

    expect(page.get_by_role("heading", name="What most listeners like")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Like ")).first.click()
    expect(page.get_by_role("heading", name="For listener a newcomer")).to_be_visible()


def test_the_slider_changes_the_list_at_once_by_keys_and_outlasts_a_like(page: Page) -> None:
    listen_as(page, "102")
    slider = page.get_by_role("slider", name="How adventurous")
    titles = page.locator("#recommended strong")
    before = titles.all_inner_texts()
    expect(page.get_by_role("button", name="Show")).to_be_hidden()

    slider.press("End")

    expect(page).to_have_url(re.compile(r"\?novelty=1$"))
    expect(slider).to_be_focused()
    expect(slider).to_have_attribute("aria-valuetext", "most adventurous")
    adventurous = titles.all_inner_texts()
    assert adventurous != before
    expect(page.locator("#changed")).to_have_text(f"First now: {adventurous[0]}")

    page.locator("#recommended li").first.get_by_role("button", name="Like").first.click()
    expect(page.locator("#opinions strong").first).to_have_text(adventurous[0])
    expect(slider).to_have_value("1")

    slider.press("Home")
    page.get_by_label("Genre").select_option("jazz")
    expect(page).to_have_url(re.compile(r"\?novelty=-1&genre=jazz$"))


def test_without_scripts_the_slider_has_a_button(browser: Browser, address: str) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(address)
    listen_as(page, "102")
    slider = page.get_by_role("slider", name="How adventurous")

    slider.press("Home")
    page.get_by_role("button", name="Show").click()

    expect(slider).to_have_value("-1")
    expect(slider).to_have_attribute("aria-valuetext", "most familiar")
    page.close()


def test_the_page_is_styled_and_fits_a_telephone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    listen_as(page, "101")

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    song = page.locator(".song").first.bounding_box()
    assert song is not None and song["width"] > 200
    style = page.evaluate("getComputedStyle(document.querySelector('.songs')).borderRadius")
    assert style != "0px"
