from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vmas_pipeline.curation.filters.vocals import NO_VOCAL_TAGS, VOCAL_TAGS, Vocals, load_tagger, vocal_score
from vmas_pipeline.media import read_audio, write_video
from vmas_pipeline.sample_data.genres import GENRES
from vmas_pipeline.sample_data.synthesis import synthesise
from vmas_pipeline.sample_data.voice import sing

VOCALS = Vocals()
TAGGER = load_tagger("MTT_musicnn")


def test_every_tag_is_one_of_the_taggers() -> None:
    assert set(TAGGER.tags) >= VOCAL_TAGS | NO_VOCAL_TAGS


@pytest.mark.parametrize("genre", GENRES)
def test_the_tagger_hears_a_sung_voice_and_none_without(genre: str) -> None:
    music = synthesise(3, genre, duration_s=5, frame_rate=4, size=16).waveform
    voice = sing(5.0, 16_000, np.random.default_rng(5))
    assert vocal_score(music, TAGGER) < VOCALS.maximum - 0.05
    assert vocal_score(np.tanh(0.4 * music + 0.9 * voice), TAGGER) > VOCALS.maximum + 0.1


def test_one_patch_with_a_voice_is_enough() -> None:
    music = 0.4 * synthesise(3, "ambient", duration_s=12, frame_rate=4, size=16).waveform
    music[:64_000] += sing(4.0, 16_000, np.random.default_rng(5))
    assert vocal_score(music, TAGGER, patches=3) > VOCALS.maximum
    assert vocal_score(music, TAGGER, patches=1) < VOCALS.maximum


def test_music_shorter_than_a_patch_is_scored() -> None:
    assert -1 <= vocal_score(np.zeros(8_000, dtype=np.float32), TAGGER) <= 1


def test_the_verdict_follows_the_policy() -> None:
    assert Vocals().verdict({"vocal_score": 0.2}).reason == "vocals"
    assert Vocals(policy="separate").verdict({"vocal_score": 0.2}) is not None  # a voice that Demucs left
    assert Vocals(policy="keep").verdict({"vocal_score": 1.0}) is None


@pytest.fixture
def demucs_folder(tmp_path: Path) -> Path:
    """A real Demucs, tiny and untrained, in the form in which trained ones are published."""
    from demucs.demucs import Demucs

    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("tiny", "other"):
        torch.manual_seed(len(name))
        settings = {"sources": ["drums", "vocals"], "channels": 4, "depth": 2, "samplerate": 16_000, "segment": 2}
        package = {"klass": Demucs, "args": (), "kwargs": settings, "state": Demucs(**settings).state_dict()}
        torch.save(package | {"training_args": {}}, folder / f"{name}.th")
    return folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A second of a voice on one side, whose two channels differ in level."""
    path = tmp_path / "video.mp4"
    voice = sing(1.0, 16_000, np.random.default_rng(0))
    write_video(path, np.zeros((24, 16, 16, 3), dtype=np.uint8), 24, np.stack([voice, 0.3 * voice]), 16_000)
    return path


def separating(demucs_folder: Path, model: str = "tiny") -> Vocals:
    return Vocals(policy="separate", demucs_model=model, demucs_folder=demucs_folder)


def test_the_music_without_its_voice_is_what_demucs_own_interface_gives(
    tmp_path: Path, demucs_folder: Path, video: Path
) -> None:
    from demucs.api import Separator

    stem = separating(demucs_folder).mend(video, tmp_path / "stems", "abc")
    samples, sample_rate = soundfile.read(stem, dtype="float32")
    mix = torch.from_numpy(read_audio(video, sample_rate=16_000, channels=2))
    separator = Separator(model="tiny", repo=demucs_folder, shifts=0)
    expected = separator.separate_tensor(mix, 16_000)[1]["drums"].numpy()
    assert sample_rate == 16_000 and expected.std() > 0.01
    np.testing.assert_allclose(samples.T, expected.clip(-1, 1), atol=2 / 2**15)


def test_another_model_makes_another_stem_and_the_same_one_is_kept(
    tmp_path: Path, demucs_folder: Path, video: Path
) -> None:
    stems = tmp_path / "stems"
    first = separating(demucs_folder).mend(video, stems, "abc")
    written = first.stat().st_mtime_ns
    other = separating(demucs_folder, "other").mend(video, stems, "abc")
    assert other != first and other.read_bytes() != first.read_bytes()
    assert separating(demucs_folder).mend(video, stems, "abc") == first and first.stat().st_mtime_ns == written
    assert Vocals(policy="refuse").mend(video, stems, "abc") is None


def test_where_demucs_runs_is_no_part_of_what_it_gives(demucs_folder: Path) -> None:
    on_gpu = Vocals(policy="separate", demucs_folder=demucs_folder, device="cuda")
    assert on_gpu.identity() == Vocals(policy="separate", demucs_folder=demucs_folder).identity()
    before = on_gpu.identity()
    (demucs_folder / "tiny.th").write_bytes(b"other weights")
    assert on_gpu.identity() != before


@pytest.mark.parametrize("exists", [True, False])
def test_missing_demucs_weights_name_the_files_the_place_and_the_way_out(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path if exists else tmp_path / "missing"
    with pytest.raises(ValueError, match=r"Demucs needs the weights of htdemucs.*demucs_folder, or set .*refuse"):
        Vocals(policy="separate", demucs_folder=folder).prepare()
