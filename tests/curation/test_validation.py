from pathlib import Path

import pandas
import pytest

from vmas_pipeline.curation import CurationConfig, require_valid, validate

CONFIG = CurationConfig()


@pytest.fixture
def manifest() -> pandas.DataFrame:
    rows = [
        {
            "clip_id": f"{source:016x}-{start * 1000:08d}", "source_id": f"{source:016x}",
            "group_id": f"{source:016x}", "source_path": "a.mp4",
            "audio_path": "a.mp4", "start_s": float(start), "duration_s": 5.0, "split": split, "similarity": 0.4,
            "vocal_score": -0.05, "picture_present": 1.0, "sound_present": 1.0, "loudness_db": -20.0,
            "licence": "unknown", "genre": None, "title": None, "url": None, "width": 64,
            "height": 64, "fps": 24.0, "video_codec": "h264", "audio_codec": "aac", "sample_rate": 16_000,
        }
        for source, split in enumerate(("train", "validation", "test"))
        for start in (0, 5)
    ]  # fmt: skip
    return pandas.DataFrame(rows)


def test_a_sound_manifest_passes_and_its_docs_are_written(manifest: pandas.DataFrame, tmp_path: Path) -> None:
    validation = validate(CONFIG, manifest, tmp_path / "docs")
    require_valid(validation)
    assert validation.success and validation.failures == ()
    assert validation.docs.is_file()
    assert any("clip_id" in page.read_text() for page in (tmp_path / "docs" / "validations").rglob("*.html"))


def test_every_fault_is_named_and_the_docs_survive(manifest: pandas.DataFrame, tmp_path: Path) -> None:
    manifest.loc[1, "clip_id"] = manifest.loc[0, "clip_id"]
    manifest.loc[2, "split"] = "train"
    manifest.loc[3, "vocal_score"] = 2.0
    validation = validate(CONFIG, manifest.drop(columns="similarity"), tmp_path / "docs")
    with pytest.raises(ValueError, match="the manifest is not valid") as caught:
        require_valid(validation)
    message = str(caught.value)
    for fault in ("clip_id: column values to be unique", "splits_of_group: ", "vocal_score: ", "similarity: "):
        assert fault in message
    assert "no such column" in message and "rejected.parquet" in message
    assert validation.docs.is_file()


def test_an_empty_manifest_is_refused(manifest: pandas.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="table row count"):
        require_valid(validate(CONFIG, manifest.iloc[:0], tmp_path / "docs"))
