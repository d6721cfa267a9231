from pathlib import Path

import numpy as np
import pytest

from vmas_pipeline.media import probe, read_audio, read_frames, write_video

from .conftest import frame_numbers, grey_ramp

SILENCE = np.zeros((1, 16_000), dtype=np.float32)


def test_a_written_film_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "film.mp4"
    waveform = np.stack([np.sin(np.arange(16_000) / 5), np.zeros(16_000)]).astype(np.float32) / 2
    write_video(path, grey_ramp(24), 24, waveform, 16_000)
    info = probe(path)
    assert (info.video_codec, info.audio_codec, info.channels, info.fps) == ("h264", "aac", 2, 24.0)
    assert frame_numbers(read_frames(path, frame_rate=24, size=16)) == list(range(24))
    heard = read_audio(path, sample_rate=16_000, duration_s=1.0, channels=2)
    assert np.corrcoef(heard[0], waveform[0])[0, 1] > 0.98
    assert [entry.name for entry in path.parent.iterdir()] == ["film.mp4"]


def test_a_fractional_frame_rate_is_kept(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", grey_ramp(48), 9.6, np.zeros((1, 80_000), np.float32), 16_000)
    assert probe(tmp_path / "film.mp4").fps == pytest.approx(9.6)


@pytest.mark.parametrize(
    ("frames", "waveform", "rate", "name", "message"),
    [
        (grey_ramp(2, 31), SILENCE, 16_000, "film.mp4", r"expected \[T, H, W, 3\] with even H and W"),
        (grey_ramp(2), SILENCE[0], 16_000, "film.mp4", r"waveform has shape \(16000,\)"),
        (grey_ramp(2), SILENCE, 15_000, "film.mp4", r"sample_rate \(15000\) is none that AAC knows"),
        (grey_ramp(2), SILENCE, 16_000, "film.gif", r"must end in one of \.mp4"),
    ],
)
def test_what_cannot_be_written_is_named_and_leaves_no_file(
    tmp_path: Path, frames: np.ndarray, waveform: np.ndarray, rate: int, name: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / name, frames, 24, waveform, rate)
    assert list(tmp_path.iterdir()) == []
