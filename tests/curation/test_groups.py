from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.resampler import AudioResampler

from vmas_pipeline.audio.fingerprint import LENGTH_S, SAMPLE_RATE, audio_fingerprint
from vmas_pipeline.curation.groups import group_sources, matching_recordings
from vmas_pipeline.media import read_audio
from vmas_pipeline.sample_data.genres import GENRES
from vmas_pipeline.sample_data.synthesis import synthesise

MUSIC = [
    synthesise(number, GENRES[number % len(GENRES)], duration_s=20, frame_rate=4, size=16).waveform
    for number in range(8)
]


def fingerprint_of(path: Path) -> np.ndarray:
    return audio_fingerprint(read_audio(path, sample_rate=SAMPLE_RATE, duration_s=LENGTH_S)[0])


def encoded(path: Path, waveform: np.ndarray, codec: str, bit_rate: int) -> np.ndarray:
    """Fingerprint of a waveform at 16 kHz after a codec."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=48_000, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(waveform[None], format="fltp", layout="mono")
        frame.sample_rate = 16_000
        context = stream.codec_context
        resampler = AudioResampler(context.format, "mono", 48_000, frame_size=context.frame_size or 1024)
        for resampled in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(resampled))
        container.mux(stream.encode(None))
    return fingerprint_of(path)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("originals")
    return {f"original-{n}": encoded(folder / f"{n}.m4a", music, "aac", 128_000) for n, music in enumerate(MUSIC)}


@pytest.mark.parametrize(
    ("name", "codec", "bit_rate", "cut"),
    [
        ("same.webm", "libopus", 64_000, 0),
        ("louder.mp3", "libmp3lame", 64_000, 0),
        ("later.webm", "libopus", 64_000, 27_235),
        ("later.m4a", "aac", 96_000, 4_800),
    ],
)
def test_a_recording_is_found_in_another_codec_at_another_start(
    originals: dict[str, np.ndarray], tmp_path: Path, name: str, codec: str, bit_rate: int, cut: int
) -> None:
    copies = {
        f"copy-{n}": encoded(tmp_path / f"{n}-{name}", 0.7 * music[cut:], codec, bit_rate)
        for n, music in enumerate(MUSIC)
    }
    found = matching_recordings(originals | copies)
    assert sorted(found) == [(f"copy-{n}", f"original-{n}") for n in range(len(MUSIC))]


def test_groups_join_by_key_and_by_sound_also_over_several_links() -> None:
    print_of = {name: audio_fingerprint(np.random.default_rng(seed).normal(0, 0.1, 60_000)) for name, seed in
                (("a", 0), ("b", 0), ("c", 1), ("d", 1), ("e", 2))}  # fmt: skip
    keys = {"a": "05", "b": "03", "c": "03", "d": "04", "e": "01", "f": "06"}
    groups = group_sources(keys, print_of)
    assert groups == {"a": "03", "b": "03", "c": "03", "d": "03", "e": "01", "f": "06"}


def test_silent_and_short_recordings_are_nobodys_copies() -> None:
    silence, short = np.zeros(300, np.uint32), np.arange(1, 50, dtype=np.uint32)
    assert matching_recordings({"a": silence, "b": silence, "c": short, "d": short, "e": silence[:0]}) == []
    assert matching_recordings({}) == []
