from pathlib import Path

import pytest

from vmas_pipeline.curation.sources import About, file_state, find_sources, read_about, source_id
from vmas_pipeline.media import portable


def test_every_file_of_the_tree_may_be_a_film_but_sidecars_scores_and_hidden_ones(tmp_path: Path) -> None:
    names = ("b.MP4", "a/x.webm", "a/x.info.json", "a/x.mid", "camcorder.MTS", "notes.txt", "noending", "a/.half.mp4")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "broken.mp4").symlink_to("nowhere")
    found = [path.relative_to(tmp_path).as_posix() for path in find_sources(tmp_path)]
    assert found == ["a/x.webm", "b.MP4", "broken.mp4", "camcorder.MTS", "noending", "notes.txt"]


def test_a_folder_without_films_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"contains no video: put videos there.*or run the pipeline sample_data"):
        find_sources(tmp_path)


def test_the_id_is_the_start_of_the_content_hash(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"abc")
    assert source_id(tmp_path / "film.mp4") == "ba7816bf8f01cfea"  # SHA-256 of "abc", FIPS 180-2


def test_the_sidecar_tells_licence_genre_title_and_address(tmp_path: Path) -> None:
    (tmp_path / "film.info.json").write_text(
        '{"license": "CC-BY-4.0", "genre": "folk", "title": " A song ", "webpage_url": "https://example.org/1", "n": 1}'
    )
    about = read_about(tmp_path / "film.mp4")
    assert about == About(
        licence="CC-BY-4.0", genre="folk", title="A song", url="https://example.org/1", address="https://example.org/1"
    )


def test_the_site_and_its_id_name_a_video_before_its_address_does(tmp_path: Path) -> None:
    (tmp_path / "film.info.json").write_text(
        '{"id": "abc", "extractor_key": "Youtube", "webpage_url": "https://youtu.be/abc"}'
    )
    assert read_about(tmp_path / "film.mp4").address == "Youtube:abc"


@pytest.mark.parametrize("content", [None, "not json", "[1]", '{"license": 3, "title": ""}', "\udcff"])
def test_a_sidecar_that_is_missing_or_broken_tells_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "film.info.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert read_about(tmp_path / "film.mp4") == About(licence="unknown", genre=None, title=None, url=None, address=None)


def test_the_state_of_a_file_changes_with_film_and_sidecar(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"abc")
    before = file_state(film)
    (tmp_path / "film.info.json").write_text("{}")
    with_sidecar = file_state(film)
    film.write_bytes(b"abcd")
    assert len({before, with_sidecar, file_state(film)}) == 3


def test_paths_below_the_working_directory_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert portable(tmp_path / "data" / "film.mp4") == "data/film.mp4"
    assert portable(Path("data/film.mp4")) == "data/film.mp4"
    assert portable(tmp_path.parent / "film.mp4") == (tmp_path.parent / "film.mp4").as_posix()
