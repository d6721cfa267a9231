from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vmas_pipeline.curation.config import VocalsConfig
from vmas_pipeline.curation.vocals import NO_VOCAL_TAGS, VOCAL_TAGS, load_tagger, remove_voice, vocal_score
from vmas_pipeline.media import write_video
from vmas_pipeline.sample_data.genres import GENRES
from vmas_pipeline.sample_data.synthesis import synthesise
from vmas_pipeline.sample_data.voice import sing

CONFIG = VocalsConfig()


def test_every_tag_is_one_of_the_taggers() -> None:
    assert set(load_tagger("MTT_musicnn").tags) >= VOCAL_TAGS | NO_VOCAL_TAGS


@pytest.mark.parametrize("genre", [genre.name for genre in GENRES])
def test_the_tagger_hears_a_sung_voice_and_none_without(genre: str) -> None:
    music = synthesise(3, genre, duration_s=5, frame_rate=4, size=16).waveform
    voice = sing(5.0, 16_000, np.random.default_rng(3))
    assert vocal_score(music, CONFIG) < CONFIG.maximum - 0.05
    assert vocal_score(np.tanh(0.6 * music + 0.9 * voice), CONFIG) > CONFIG.maximum + 0.1


def test_one_patch_with_a_voice_is_enough() -> None:
    music = synthesise(3, "ambient", duration_s=12, frame_rate=4, size=16).waveform
    music[:64_000] += sing(4.0, 16_000, np.random.default_rng(3))
    assert vocal_score(music, VocalsConfig(patches=3)) > CONFIG.maximum
    assert vocal_score(music, VocalsConfig(patches=1)) < CONFIG.maximum


def test_music_shorter_than_a_patch_is_scored() -> None:
    assert -1 <= vocal_score(np.zeros(8_000, dtype=np.float32), CONFIG) <= 1


@pytest.fixture
def demucs_folder(tmp_path: Path) -> Path:
    """A real Demucs, tiny and untrained, in the form in which trained ones are published."""
    from demucs.demucs import Demucs

    torch.manual_seed(0)
    settings = {"sources": ["drums", "vocals"], "channels": 4, "depth": 2, "samplerate": 16_000, "segment": 2}
    package = {"klass": Demucs, "args": (), "kwargs": settings, "state": Demucs(**settings).state_dict()}
    torch.save(package | {"training_args": {}}, tmp_path / "tiny.th")
    return tmp_path


def test_the_voice_is_taken_out_with_demucs(tmp_path: Path, demucs_folder: Path) -> None:
    film, stem = tmp_path / "film.mp4", tmp_path / "stems" / "film.flac"
    frames = np.zeros((24, 16, 16, 3), dtype=np.uint8)
    write_video(film, frames, 24, sing(1.0, 16_000, np.random.default_rng(0))[None], 16_000)
    config = VocalsConfig(policy="separate", demucs_model="tiny", demucs_folder=demucs_folder)
    remove_voice(film, stem, config)
    samples, sample_rate = soundfile.read(stem)
    assert sample_rate == 16_000
    assert samples.shape[1] == 2 and abs(len(samples) - 16_000) < 1_500  # AAC pads its last frame
    assert np.isfinite(samples).all() and samples.std() > 0
    written = stem.stat().st_mtime_ns
    remove_voice(film, stem, config)
    assert stem.stat().st_mtime_ns == written


@pytest.mark.parametrize("exists", [True, False])
def test_missing_demucs_weights_name_the_files_the_place_and_the_way_out(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path if exists else tmp_path / "missing"
    config = VocalsConfig(policy="separate", demucs_folder=folder)
    with pytest.raises(ValueError, match=r"Demucs needs the weights of htdemucs.*demucs_folder, or set .*refuse"):
        remove_voice(tmp_path / "film.mp4", tmp_path / "stem.flac", config)
