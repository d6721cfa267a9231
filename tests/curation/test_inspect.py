"""What happens to videos that cannot be examined, for reasons that are not theirs."""

import errno
import logging
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from vmas_pipeline.curation import Curated, CurationConfig, curate, inspect
from vmas_pipeline.curation.filters.loudness import Loudness
from vmas_pipeline.media import ClipSpec, read_audio, read_frames, write_video
from vmas_pipeline.sample_data.config import SampleDataConfig
from vmas_pipeline.sample_data.write import write_sample_data

CLIP = ClipSpec(duration_s=2.0, frame_rate=9.6, frame_size=32, sample_rate=16_000)
OFF = {"similarity": None, "vocals": None}
CONFIG = CurationConfig(filters=OFF, backend="inline", sources_per_shard=2)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    sample = SampleDataConfig(videos=5, flawed=0, duration_s=2.0, size=32, backend="inline")
    return write_sample_data(sample, tmp_path / "raw")


def failing(function, name: str, error: BaseException):
    """A function that fails for one video."""

    def call(path, *arguments, **options):
        if Path(path).name == name:
            raise error
        return function(path, *arguments, **options)

    return call


def reasons(curated: Curated) -> dict[str, str]:
    return {Path(row.source_path).name: row.reason for row in curated.rejected.itertuples()}


def test_an_unforeseen_exception_costs_its_video_for_this_run_alone(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(inspect, "survey", failing(inspect.survey, "000002.mp4", IndexError("list index out of range")))
    with caplog.at_level(logging.WARNING):
        curated = curate(CONFIG, CLIP, raw, tmp_path / "out")
    assert reasons(curated) == {"000002.mp4": "error"} and len(curated.manifest) == 4
    detail = curated.rejected["detail"].iloc[0]
    assert "please report it: IndexError: list index out of range (test_inspect.py:" in detail
    assert "Traceback" in caplog.text and "1 videos could not be examined and will be tried again" in caplog.text
    shards = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "shards").iterdir()}
    monkeypatch.undo()
    curated = curate(CONFIG, CLIP, raw, tmp_path / "out")
    assert reasons(curated) == {} and len(curated.manifest) == 5
    assert sum(path.stat().st_mtime_ns != time for path, time in shards.items()) == 1


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ESTALE, "deferred"), (errno.EIO, "deferred"), (errno.EMFILE, "deferred"), (errno.EACCES, "deferred"),
     (errno.ENAMETOOLONG, "unreadable"), (errno.ENOENT, "unreadable")],
)  # fmt: skip
def test_an_error_of_the_file_system_is_final_only_if_it_lasts(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    error = OSError(number, "what the system says")
    monkeypatch.setattr(inspect, "source_id", failing(inspect.source_id, "000001.mp4", error))
    assert reasons(curate(CONFIG, CLIP, raw, tmp_path / "out")) == {"000001.mp4": reason}
    monkeypatch.undo()
    kept = len(curate(CONFIG, CLIP, raw, tmp_path / "out").manifest)
    assert kept == (5 if reason == "deferred" else 4)


def test_where_no_video_can_be_examined_the_flow_stops_and_says_why(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> str:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(inspect, "source_id", fail)
    with pytest.raises(ValueError, match=r"not one of 5 videos could be examined.*000000\.mp4.*Stale file handle"):
        curate(CONFIG, CLIP, raw, tmp_path / "out")


def test_an_edit_of_a_filter_reaches_results_and_settings_of_the_run_do_not(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shards() -> set[tuple[str, int]]:
        return {(path.name, path.stat().st_mtime_ns) for path in (tmp_path / "out" / "shards").iterdir()}

    curate(CONFIG, CLIP, raw, tmp_path / "out")
    before = shards()
    curate(replace(CONFIG, backend="ray", workers=1), CLIP, raw, tmp_path / "out")
    assert shards() == before

    monkeypatch.syspath_prepend(str(tmp_path))
    source = Path(__import__(Loudness.__module__, fromlist=["_"]).__file__).read_text()
    (tmp_path / "edited_loudness.py").write_text(source.replace("10 * np.log10", "-50 + 10 * np.log10"))
    edited = __import__("edited_loudness").Loudness
    curated = curate(replace(CONFIG, filters={**OFF, "loudness": edited()}), CLIP, raw, tmp_path / "out")
    assert set(curated.rejected["reason"]) == {"silent"} and curated.manifest.empty
    assert not shards() & before


def test_one_video_as_two_files_falls_into_one_split(raw: Path, tmp_path: Path) -> None:
    """By its audio where nothing else is known, by the sidecar's address where the audio differs."""
    for number in range(5):
        (raw / f"{number:06d}.info.json").unlink()
    sample = SampleDataConfig(videos=12, flawed=0, duration_s=6.0, size=32, backend="inline")
    write_sample_data(sample, raw)
    for path in sorted(raw.glob("*.mp4")):
        music = read_audio(path, sample_rate=16_000)
        copy = raw / f"{path.stem}-copy.mp4"
        write_video(copy, read_frames(path, frame_rate=10, size=24), 10, 0.5 * music, 16_000)
    config = CurationConfig(filters={"vocals": None, "similarity": None}, backend="inline")
    manifest = curate(config, ClipSpec(duration_s=3.0, frame_rate=9.6, frame_size=32, sample_rate=16_000), raw,
                      tmp_path / "out").manifest  # fmt: skip
    number = manifest["source_path"].map(lambda path: Path(path).name[:6])
    assert (manifest.groupby(number)["source_id"].nunique() == 2).all() and manifest["group_id"].nunique() == 12
    assert (manifest.groupby(number)["split"].nunique() == 1).all()
    for first, second in (("000000", "000001"), ("000002", "000003")):
        for name in (first, second):
            (raw / f"{name}.info.json").write_text(f'{{"id": "{first}", "extractor_key": "Site"}}')
    manifest = curate(config, ClipSpec(duration_s=3.0, frame_rate=9.6, frame_size=32, sample_rate=16_000), raw,
                      tmp_path / "out").manifest  # fmt: skip
    assert manifest["group_id"].nunique() == 10


def test_scores_of_what_was_refused_are_kept_and_measured_in_full_on_request(raw: Path, tmp_path: Path) -> None:
    strict = {"similarity": {"maximum": 0.0}, "vocals": None}
    shutil.copy(raw / "000000.mp4", raw / "zz-copy.mp4")
    brief = curate(CurationConfig(filters=strict, backend="inline"), CLIP, raw, tmp_path / "out").rejected
    brief = brief[brief["reason"] == "still_picture"]
    assert len(brief) == 5 and brief["similarity"].notna().all() and brief["loudness_db"].isna().all()
    full = curate(
        CurationConfig(filters=strict, measure_all=True, backend="inline"), CLIP, raw, tmp_path / "out"
    ).rejected
    full = full[full["reason"] == "still_picture"]
    assert full["loudness_db"].notna().all() and full["clip_id"].notna().all()
    assert full["similarity"].tolist() == brief["similarity"].tolist()


def test_partial_files_of_a_killed_run_are_removed(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "stems").mkdir(parents=True)
    old, fresh = (tmp_path / "out" / "stems" / f".partial-{name}.flac" for name in ("old", "fresh"))
    for path in (old, fresh):
        path.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    curate(CONFIG, CLIP, raw, tmp_path / "out")
    assert not old.exists() and fresh.exists()
