import re
from html.parser import HTMLParser

import pytest

from vmas_pipeline.evaluation.evaluate import spread
from vmas_pipeline.evaluation.report import write_report
from vmas_pipeline.evaluation.result import to_metrics
from vmas_pipeline.media import probe


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href", "poster")]
        if tag not in ("meta", "image", "line", "circle", "rect", "polygon", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("image", "line", "circle", "rect", "polygon", "polyline"):
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(tmp_path_factory, results, clips, measured, world):
    folder = tmp_path_factory.mktemp("report")
    (folder / "media").mkdir()
    (folder / "media" / "stale.mp4").write_bytes(b"of an earlier run")
    metrics = {"clips": 6, "sources": 6, "split": "test", "seed": 0, **to_metrics(results.values())}
    shown = spread(clips, 2)
    return write_report(folder, metrics, clips, measured, world.generated, world.clip, shown, run_id="<run 1>")


def test_every_link_is_relative_and_exists(page):
    parser = Links()
    parser.feed(page.read_text())
    assert parser.open == []
    # two clips of two videos, each with the still, and two spectrograms; two pairs of videos with stills
    assert len(parser.links) == 12 + 8
    assert all((page.parent / link).is_file() for link in parser.links)
    media = {f"media/{file.name}" for file in (page.parent / "media").iterdir() if file.suffix != ".png"}
    assert media == {link for link in parser.links if not link.endswith(".png")}


def test_the_pairs_most_alike_can_be_listened_to(page, clips):
    text = page.read_text()
    likest = clips.loc[clips["nearest_training_distance"].idxmin()]
    for media in (f"{likest['clip_id']}-generated.mp4", f"{likest['nearest_training_clip']}-true.mp4"):
        assert f'src="media/{media}"' in text
    assert "% of the bits differ" in text


def test_both_films_of_a_clip_have_picture_and_sound_of_its_length(page):
    for film in (page.parent / "media").glob("*.mp4"):
        info = probe(film)
        assert (info.video_codec, info.audio_codec) == ("h264", "aac")
        assert info.duration_s == pytest.approx(5.0, abs=0.1)


def test_the_page_says_what_was_measured(page, results):
    text = page.read_text()
    assert "&lt;run 1&gt;" in text
    assert "6 held-out clips of 6 videos" in text
    for result in results.values():
        assert result.title in text
        assert f"{result.value:.{result.digits}f}" in text
    assert "best blind metronome" in text
    assert not re.search(r"https?://", text)
