"""The whole of curation, on real files with every flaw."""

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from vmas_pipeline.curation import Curated, CurationConfig, curate
from vmas_pipeline.curation.filters.similarity import Similarity
from vmas_pipeline.curation.filters.vocals import Vocals
from vmas_pipeline.curation.table import columns, refusal_columns
from vmas_pipeline.media import ClipSpec, Limits, local
from vmas_pipeline.media.worker import _Worker
from vmas_pipeline.sample_data.config import SampleDataConfig
from vmas_pipeline.sample_data.write import write_sample_data

CLIP = ClipSpec(duration_s=3.0, frame_rate=9.6, frame_size=32, sample_rate=16_000)
CONFIG = CurationConfig(backend="inline", sources_per_shard=5)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    sample = SampleDataConfig(videos=4, flawed=1, duration_s=6.0, size=32, backend="inline")
    write_sample_data(sample, folder / "synthetic")
    return folder


@pytest.fixture(scope="module")
def curated(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curate(CONFIG, CLIP, raw, tmp_path_factory.mktemp("curated"))


def test_sound_films_become_clips_with_all_that_is_known(curated: Curated) -> None:
    manifest = curated.manifest
    assert list(manifest.columns) == list(columns(CONFIG))
    sound = manifest[~manifest["source_path"].str.contains("flawed")]  # half a file may hold a whole clip
    assert len(sound) == 8 and manifest["clip_id"].is_monotonic_increasing
    row = sound.iloc[1]
    assert row["clip_id"] == f"{row['source_id']}-00003000"
    assert (row["start_s"], row["duration_s"], row["video_codec"]) == (3.0, 3.0, "h264")
    assert min(row["width"], row["height"]) == 32
    assert "synthetic" in row["licence"]
    assert row["audio_path"] == row["source_path"] and Path(row["source_path"]).is_file()
    assert manifest["similarity"].between(-1, 0.7).all() and (manifest["vocal_score"] < 0.15).all()
    assert set(manifest["split"]) == {"train", "validation", "test"}
    assert (manifest.groupby("source_id")["split"].nunique() == 1).all()


def test_every_flaw_is_refused_for_its_own_reason(curated: Curated) -> None:
    rejected = curated.rejected
    assert list(rejected.columns) == list(refusal_columns(CONFIG))
    for row in rejected.itertuples():
        flaw = Path(row.source_path).name.split("-")[1]
        assert row.reason == flaw or (flaw, row.reason) == ("truncated", "sound_missing"), row.detail
        assert Path(row.source_path).name in row.detail
    once = dict.fromkeys(("still_picture", "no_audio", "truncated", "unreadable", "duplicate", "too_short"), 1)
    reasons = Counter(rejected["reason"])
    ends_early = reasons.pop("sound_missing", 0)  # the clip in which the truncated file breaks off, if it has begun
    assert reasons == once | {"silent": 2, "vocals": 2}  # by the clip
    assert ends_early <= 1 and rejected["clip_id"].notna().sum() == 4 + ends_early


def test_a_second_run_inspects_only_what_changed(raw: Path, tmp_path: Path) -> None:
    films, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(raw, films)
    before = curate(CONFIG, CLIP, films, out)
    shards = {path: path.stat().st_mtime_ns for path in (out / "shards").iterdir()}
    shutil.copy(films / "synthetic" / "000000.mp4", films / "synthetic" / "zz.mp4")
    after = curate(CONFIG, CLIP, films, out)
    assert after.manifest["clip_id"].tolist() == before.manifest["clip_id"].tolist()
    assert len(after.rejected) == len(before.rejected) + 1
    kept = {path: path.stat().st_mtime_ns for path in (out / "shards").iterdir() if path in shards}
    assert kept == shards


def test_added_films_alone_are_inspected_wherever_they_sort(raw: Path, tmp_path: Path) -> None:
    films, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(raw, films, ignore=shutil.ignore_patterns("flawed-*"))
    before = curate(CONFIG, CLIP, films, out)
    shards = {path: path.stat().st_mtime_ns for path in (out / "shards").iterdir()}
    added = shutil.copy(raw / "synthetic" / "flawed-vocals-000.mp4", films / "000.mp4")
    after = curate(CONFIG, CLIP, films, out)
    assert after.rejected["source_path"].str.endswith("/000.mp4").sum() == 2
    assert after.manifest["clip_id"].tolist() == before.manifest["clip_id"].tolist()
    assert {path: path.stat().st_mtime_ns for path in (out / "shards").iterdir() if path in shards} == shards
    Path(added).unlink()
    curate(CONFIG, CLIP, films, out)
    assert {path: path.stat().st_mtime_ns for path in (out / "shards").iterdir()} == shards


def test_other_settings_judge_anew(raw: Path, tmp_path: Path) -> None:
    curate(CONFIG, CLIP, raw, tmp_path)
    filters = {"similarity": Similarity(maximum=2.0), "vocals": {"policy": "keep"}}
    lenient = CurationConfig(filters=filters, backend="inline")
    reasons = set(curate(lenient, CLIP, raw, tmp_path).rejected["reason"])
    assert not reasons & {"vocals", "still_picture"} and "too_short" in reasons


def test_missing_weights_stop_the_flow_instead_of_refusing_films(raw: Path, tmp_path: Path) -> None:
    vocals = Vocals(policy="separate", demucs_folder=tmp_path / "missing")
    with pytest.raises(ValueError, match="Demucs needs the weights"):
        curate(CurationConfig(filters={"vocals": vocals}, backend="inline"), CLIP, raw, tmp_path)


def test_films_of_no_use_leave_an_empty_manifest(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    shutil.copy(raw / "synthetic" / "flawed-unreadable-000.mp4", tmp_path / "raw")
    curated = curate(CONFIG, CLIP, tmp_path / "raw", tmp_path / "out")
    assert len(curated.manifest) == 0 and list(curated.manifest.columns) == list(columns(CONFIG))
    assert curated.rejected["reason"].tolist() == ["unreadable"]


def test_damage_costs_its_clips_and_not_the_film(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    content = bytearray((raw / "synthetic" / "000000.mp4").read_bytes())
    content[-4_000:] = bytes(4_000)  # of six seconds, the last: the index lies in front
    (tmp_path / "raw" / "damaged.mp4").write_bytes(content)
    curated = curate(CONFIG, CLIP, tmp_path / "raw", tmp_path / "out")
    assert curated.manifest["start_s"].tolist() == [0.0]
    (row,) = curated.rejected.itertuples()
    assert row.clip_id.endswith("-00003000") and row.reason in ("picture_missing", "sound_missing")
    assert "at least 98% is asked for (curation.filters.presence.minimum)" in row.detail


def test_whatever_lies_in_the_folder_is_a_clip_or_a_row(raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    film = raw / "synthetic" / "000000.mp4"
    names = [b"latin1_caf\xe9.mp4", "長".encode() * 83 + b".mp4", b"new\nline.mp4", b"noending", b"12:30.mp4"]
    for number, name in enumerate(names):
        (folder / os.fsdecode(name)).write_bytes(film.read_bytes() + bytes(number))  # five films by their content
    (folder / "broken.mp4").symlink_to("nowhere")
    (folder / "notes.txt").write_text("no film")
    (folder / "empty.mp4").touch()
    curated = curate(CONFIG, CLIP, folder, tmp_path / "out")
    found = {os.fsencode(local(path).name) for path in curated.manifest["source_path"]}
    assert found == set(names)
    assert all(local(path).is_file() for path in curated.manifest["source_path"])
    refused = dict(zip([Path(path).name for path in curated.rejected["source_path"]], curated.rejected["reason"]))
    assert refused == dict.fromkeys(("broken.mp4", "notes.txt", "empty.mp4"), "unreadable")


def test_a_film_that_crashes_or_hangs_its_reader_becomes_a_row(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is ended from outside while it reads: no file is known to us any more that ends it by itself."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(raw / "synthetic" / "000000.mp4", folder / name)
    (folder / "b.mp4").write_bytes((folder / "b.mp4").read_bytes() + b"0")

    def kill_once(worker: _Worker, *arguments: object) -> object:
        monkeypatch.setattr(_Worker, "call", call)
        worker.process.kill()
        return call(worker, *arguments)

    call = _Worker.call
    monkeypatch.setattr(_Worker, "call", kill_once)
    curated = curate(CONFIG, CLIP, folder, tmp_path / "out")
    assert curated.rejected[["reason"]].values.tolist() == [["crash"]]
    assert {Path(path).name for path in curated.manifest["source_path"]} == {"b.mp4"}
    hurried = CurationConfig(backend="inline", limits=Limits(timeout_s=1e-6))
    assert set(curate(hurried, CLIP, folder, tmp_path / "out").rejected["reason"]) == {"timeout"}
