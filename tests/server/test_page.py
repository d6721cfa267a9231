"""The page in a browser: from a video to its download, on a real server."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vmas_pipeline.media import probe

from .conftest import CHROMIUM, Served

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed (Debian: apt-get install chromium)"),
    pytest.mark.timeout(900),  # the first one starts the server
    pytest.mark.flow,
]


@pytest.fixture
def page(browser: Any, server: Served) -> Iterator[Any]:
    """A page, which may not say anything in its console."""
    context = browser.new_context(base_url=server.address, viewport={"width": 1280, "height": 900})
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(300_000)  # for hangs: a busy machine is five times slower
    yield page
    context.close()
    assert [text for text in said if "415" not in text] == []  # a browser notes refusals of its own accord


@pytest.fixture(scope="module")
def done(server: Served, short: Path) -> dict[str, Any]:
    options = {"candidates": "2", "hit_points": "0.5"}
    return server.wait_for(server.send(short, **options)["id"], "done", "failed")


def at(page: Any, job: dict[str, Any]) -> None:
    page.goto(f"/#job={job['id']}")
    page.wait_for_selector(".take canvas, .take .track div")


def test_a_video_goes_in_by_the_keyboard_and_comes_out_with_music(page: Any, short: Path, tmp_path: Path) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    page.set_input_files("#file", short)
    assert page.evaluate("document.activeElement.id") == "make"
    page.get_by_label("2", exact=True).focus()
    page.keyboard.press("Space")
    page.locator("#make").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".take")
    assert page.locator(".take").count() == 2 and re.search(r"/#job=[\w-]{22}$", page.url)
    assert page.locator("#licence").text_content() is not None
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the video of take 1, mp4").click()
    download.value.save_as(tmp_path / "out.mp4")
    info = probe(tmp_path / "out.mp4")
    assert (info.video_codec, info.audio_codec, info.duration_s) == ("h264", "aac", pytest.approx(2.0))


def test_a_video_that_is_chosen_before_the_server_has_answered_stays(page: Any, short: Path) -> None:
    held: list[Any] = []
    page.route("**/v1/bounds", lambda route: held.append(route))
    page.goto("/")
    page.set_input_files("#file", short)
    page.wait_for_selector("#make:visible")
    with page.expect_response("**/v1/models"):  # what the page asks once it knows the bounds
        held[0].continue_()
    page.wait_for_timeout(500)
    assert page.locator("#make").is_visible() and page.locator("#name").text_content() == "short.mp4"


def test_takes_are_compared_at_the_same_moment(page: Any, server: Served, long: Path) -> None:
    """On a film that does not end between two clicks: its end turns Pause into Play, which starts it over."""
    at(page, server.wait_for(server.send(long, candidates="2")["id"], "done", "failed"))
    page.locator("#motion").click(position={"x": 400, "y": 20})
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_selector("#play.playing")
    page.get_by_role("radio", name="Hear take 2").check()
    page.wait_for_selector(".take.chosen >> nth=0 >> text=Take 2")
    page.get_by_role("button", name="Pause", exact=True).click()
    clock = float(page.locator("#clock").text_content().split(" /")[0].split(":")[1])
    picture = page.evaluate("document.querySelector('#video').currentTime")
    assert 5.0 < clock < 25.0 and abs(clock - picture) < 0.25
    assert "fit" in page.locator(".take").nth(1).text_content()


def test_hit_points_are_added_moved_and_removed_and_the_job_redone(
    page: Any, server: Served, done: dict[str, Any]
) -> None:
    at(page, done)
    points = page.get_by_role("slider", name=re.compile("^Hit point"))
    assert points.count() == 1
    points.first.focus()
    page.keyboard.press("Shift+ArrowRight")
    assert points.first.get_attribute("aria-valuenow") == "1.00"
    page.locator("#hits").click(position={"x": 80, "y": 15})
    box = points.nth(1).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 10)
    page.mouse.up()
    moved = float(points.nth(1).get_attribute("aria-valuenow"))
    page.locator("#add-hit").click()
    page.keyboard.press("Delete")
    assert points.count() == 2 and moved > 0.5
    page.get_by_role("button", name="Make it again").click()
    page.wait_for_url(lambda url: done["id"] not in url)
    page.wait_for_selector("text=Your music is ready")
    again = server.client.get(f"/v1/jobs/{page.url.rpartition('=')[2]}").json()
    assert again["parent"] == done["id"] and again["options"]["hit_points"] == pytest.approx(
        sorted([1.0, moved]), abs=0.01
    )
    page.go_back()
    page.wait_for_url(lambda url: done["id"] in url)
    page.wait_for_selector("#state >> text=Done")
    page.go_forward()
    page.wait_for_url(lambda url: again["id"] in url)


def test_a_section_of_the_take_that_is_heard_is_redone(page: Any, server: Served, done: dict[str, Any]) -> None:
    at(page, done)
    page.get_by_role("radio", name="Hear take 2").check()
    page.locator("#motion").click(position={"x": 600, "y": 20})
    page.get_by_role("button", name="Mark from playhead").click()
    page.get_by_role("button", name="Redo the section of take 2").click()
    page.wait_for_selector("text=Your music is ready")
    again = server.client.get(f"/v1/jobs/{page.url.rpartition('=')[2]}").json()
    assert again["take"] == 2 and len(again["options"]["redo"]) == 1


def test_a_reload_during_a_job_finds_it_again_and_cancels_it(page: Any, server: Served, long: Path) -> None:
    page.goto("/")
    page.set_input_files("#file", long)
    page.get_by_role("button", name="Make music").click()
    page.wait_for_selector("#cancel:visible")
    page.wait_for_url(lambda url: "#job=" in url)
    page.reload()
    page.wait_for_selector("#cancel:visible")
    assert page.locator("#name").text_content() == "long.mp4"
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector("#make:visible")
    assert page.locator("#state").text_content() == "Cancelled"
    assert server.client.get(f"/v1/jobs/{page.url.rpartition('=')[2]}").json()["state"] == "cancelled"


def test_a_refusal_is_read_out_with_its_reason(page: Any, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    page.goto("/")
    page.set_input_files("#file", tmp_path / "text.mp4")
    page.get_by_role("button", name="Make music").click()
    assert "the video cannot be read as a video" in page.get_by_role("alert").text_content()


def test_it_fits_a_phone_and_the_dark(browser: Any, server: Served, done: dict[str, Any]) -> None:
    for scheme in ("light", "dark"):
        context = browser.new_context(
            base_url=server.address, viewport={"width": 375, "height": 812}, color_scheme=scheme, has_touch=True
        )
        page = context.new_page()
        at(page, done)
        page.wait_for_selector(".take canvas, .take .track div")
        assert page.evaluate("document.documentElement.scrollWidth") == 375
        small = page.evaluate(
            """[...document.querySelectorAll('button, summary, .files a')]
            .filter((element) => element.offsetParent && element.offsetHeight < 24).length"""
        )
        ink, paper = page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
        light = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper)]
        assert small == 0 and (light[0] > light[1]) == (scheme == "dark")
        context.close()


def test_everything_that_can_be_used_has_a_name(page: Any, done: dict[str, Any]) -> None:
    at(page, done)
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, select, a, [role=slider]')].filter((element) =>
          element.offsetParent && !element.getAttribute('aria-label') && !element.textContent.trim()
          && !element.labels?.length).length"""
    )
    assert nameless == 0
