import re
from html.parser import HTMLParser

import pytest

from vmas_pipeline.evaluation.report import table_rows, write_report
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
def page(tmp_path_factory, figures, measured, world):
    folder = tmp_path_factory.mktemp("report")
    (folder / "media").mkdir()
    (folder / "media" / "stale.mp4").write_bytes(b"of an earlier run")
    return write_report(folder, figures, measured, world.generator, run_id="<run 1>")


def test_every_link_is_relative_and_exists(page):
    parser = Links()
    parser.feed(page.read_text())
    assert parser.open == []
    assert len(parser.links) == 12  # two clips of two films, each with the still, and two spectrograms
    assert all((page.parent / link).is_file() for link in parser.links)
    assert len(list((page.parent / "media").iterdir())) == 10


def test_both_films_of_a_clip_have_picture_and_sound_of_its_length(page):
    for film in (page.parent / "media").glob("*.mp4"):
        info = probe(film)
        assert (info.video_codec, info.audio_codec) == ("h264", "aac")
        assert info.duration_s == pytest.approx(5.0, abs=0.1)


def test_the_page_says_what_was_measured(page, figures):
    text = page.read_text()
    assert "&lt;run 1&gt;" in text
    assert "6 held-out clips of 6 videos" in text
    for row in table_rows(figures.metrics):
        assert row.name in text
        assert f"{row.value:.{row.digits}f}" in text
    assert not re.search(r"https?://", text)


def test_each_figure_stands_between_chance_and_ceiling():
    metrics = {
        "mv_align": {"generated": 0.5, "shuffled": 0.1, "true": 0.9, "codec": 0.8, "low": 0.4, "high": 0.6},
        "mv_align_local_maximum": {"generated": 0.2, "shuffled": 0.2, "true": 0.2, "codec": 0.2, "low": 0, "high": 1},
        "genre_agreement": None,
        "fad": 5.0,
        "fad_reference": {"chance": 9.0, "ceiling": 1.0, "training_music": 0.5},
        "fad_embedding": "musicnn",
        "kl": 3.0,
        "kl_reference": {"chance": 2.0, "ceiling": 1.0},
        "kl_sigmoid": 0.5,
        "kl_sigmoid_reference": {"chance": 2.0, "ceiling": 1.0},
        "kl_tagger": "musicnn",
        "retrieval": {
            "candidates": 4,
            "r_at_1": 0.25,
            "r_at_10": 1.0,
            "median_rank": 2.5,
            "chance": {"r_at_1": 0.25, "r_at_10": 1.0, "median_rank": 2.5},
            "genre_alone": {"r_at_1": 0.5, "r_at_10": 1.0},
        },
    }
    metrics["mv_align"]["peaks"], metrics["mv_align_local_maximum"]["peaks"] = "prominent", "local_maximum"
    positions = {row.name: row.position for row in table_rows(metrics)}
    assert positions == {
        "MV Align": pytest.approx(0.5),
        "MV Align, local maxima": None,  # chance and ceiling are one
        "R@1": 0.0,
        "R@10": None,
        "Median rank": 0.0,
        "FAD": 0.5,
        "KL, softmax": 0.0,  # worse than chance
        "KL, sigmoid": 1.0,
    }
