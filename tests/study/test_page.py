"""The page in a real browser, from the first click to the table of answers."""

import shutil
import threading
import time
from pathlib import Path

import pytest

from vmas_pipeline.study.answers import read_answers, write_answers
from vmas_pipeline.study.app import make_app
from vmas_pipeline.study.store import Store

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
WAIT_MS = 60_000

pytestmark = pytest.mark.skipif(not Path(CHROMIUM).is_file(), reason="no Chromium here: apt-get install chromium")


@pytest.fixture
def served(made_once, tmp_path):
    """The address of the page, and its study."""
    import uvicorn

    store = Store(shutil.copytree(made_once, tmp_path / "study"))
    server = uvicorn.Server(uvicorn.Config(make_app(store), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/", store
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        options = ["--autoplay-policy=no-user-gesture-required", "--mute-audio"]
        yield running.chromium.launch(executable_path=CHROMIUM, args=options, chromium_sandbox=False)


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.set_default_timeout(WAIT_MS)
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda message: page.wrong.append(message.text) if message.type == "error" else None)
    return page


def begin(page, address):
    """To the first pair, with the keyboard alone."""
    page.goto(address)
    page.get_by_label("18 or older").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Is the sound on?").wait_for()
    tones = page.locator("#tones").get_attribute("src").removeprefix("/media/tones-").removesuffix(".flac")
    page.get_by_label(tones, exact=True).focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Continue").press("Enter")
    page.get_by_role("heading", name="Pair 1").wait_for()


def play_both(page):
    for side in ("A", "B"):
        page.get_by_label(f"Video {side}").evaluate("video => video.play()")
        page.locator("figure", has=page.get_by_label(f"Video {side}")).get_by_text("✓ played").wait_for()


def answer(page, *choices):
    for group, choice in zip(page.get_by_role("group").all(), choices, strict=True):
        group.get_by_label(choice, exact=True).check()
    page.get_by_role("button", name="Next").click()


def test_a_study_from_the_first_page_to_the_table_of_answers(page, served, tmp_path):
    address, store = served
    begin(page, address)
    next_button = page.get_by_role("button", name="Next")
    assert all(radio.is_disabled() for radio in page.get_by_role("radio").all()) and next_button.is_disabled()
    play_both(page)
    assert next_button.is_disabled()  # played, not answered
    answer(page, "A", "Cannot tell")
    page.get_by_role("heading", name="Pair 2").wait_for()
    link = page.url
    page.goto("about:blank")
    page.goto(link)  # the link alone brings a rater back
    page.get_by_role("heading", name="Pair 2").wait_for()
    play_both(page)
    answer(page, "B", "B")
    page.get_by_role("heading", name="Pair 3").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # a phone does not scroll sideways
    play_both(page)
    answer(page, "Cannot tell", "A")
    page.get_by_role("heading", name="Thank you").wait_for()
    write_answers(tmp_path / "answers.csv", store.answers())
    table = read_answers(tmp_path / "answers.csv")
    assert len(table) == 6 and sorted(table["position"].unique()) == [1, 2, 3] and (table["seconds"] >= 2).all()
    first_left = table.set_index(["position", "question"])["first_left"]
    given = table.set_index(["position", "question"])["answer"]
    assert given[1, "quality"] == ("first" if first_left[1, "quality"] else "second")
    assert given[2, "quality"] == given[2, "synchronisation"] == ("second" if first_left[2, "quality"] else "first")
    assert given[1, "synchronisation"] == given[3, "quality"] == "neither"
    assert page.wrong == []


def test_a_wrong_number_of_tones_is_told_and_can_be_corrected(page, served):
    page.goto(served[0])
    page.get_by_label("18 or older").check()
    page.get_by_role("button", name="Start").click()
    page.get_by_role("heading", name="Is the sound on?").wait_for()
    src = page.locator("#tones").get_attribute("src")
    wrong = next(str(count) for count in (3, 4, 5, 6) if f"-{count}." not in src)
    page.get_by_label(wrong, exact=True).check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("alert").get_by_text("That is not the number of tones").wait_for()
    assert page.get_by_role("button", name="Continue").is_enabled()


def test_leaving_deletes_what_was_answered(page, served):
    address, store = served
    begin(page, address)
    page.get_by_role("button", name="Leave the study").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("heading", name="Your answers are deleted").wait_for()
    assert store.raters() == 0 and page.url == address
