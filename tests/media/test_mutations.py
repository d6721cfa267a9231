"""Damaged videos by the hundred: nothing ends the process, nothing hangs, and no clip is admitted that is not whole.

With `make test` 120 of them, with `make fuzz` 500 (VMAS_MUTATIONS).
"""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from vmas_pipeline.curation import CurationConfig, curate
from vmas_pipeline.media import ClipSpec, Limits, MediaError, local, read_audio, read_frames, replace_audio

from .conftest import ffmpeg

COUNT = int(os.environ.get("VMAS_MUTATIONS", "120"))
LIMITS = Limits(timeout_s=60.0)  # ten times what the slowest took
CLIP = ClipSpec(duration_s=2.0, frame_rate=9.6, frame_size=32, sample_rate=16_000)
CONFIG = CurationConfig(
    backend="inline",
    limits=LIMITS,
    filters={"similarity": {"maximum": 2.0}, "vocals": {"policy": "keep"}, "loudness": {"minimum_db": -200.0}},
)
BASES = {
    "faststart.mp4": ("-c:v", "libx264", "-g", "12", "-c:a", "aac", "-movflags", "+faststart"),
    "fragmented.mp4": ("-c:v", "libx264", "-g", "24", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "film.mov": ("-c:v", "prores_ks", "-profile:v", "0", "-c:a", "pcm_s16le"),
    "film.mkv": ("-c:v", "libx265", "-x265-params", "log-level=none:pools=1:keyint=24", "-c:a", "flac"),
    "film.webm": ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-g", "24", "-c:a", "libopus"),
    "film.ts": ("-c:v", "libx264", "-g", "24", "-bf", "2", "-c:a", "aac"),
    "film.avi": ("-c:v", "mpeg4", "-q:v", "4", "-g", "24", "-c:a", "libmp3lame"),
    "film.ogv": ("-c:v", "libtheora", "-q:v", "7", "-g", "24", "-c:a", "libvorbis"),
    "film.mpg": ("-c:v", "mpeg2video", "-q:v", "4", "-g", "12", "-c:a", "mp2"),
    "film.wmv": ("-c:v", "wmv2", "-q:v", "4", "-g", "24", "-c:a", "wmav2"),
}


def moving_noise(path: Path, *encoding: str) -> bytes:
    """A video in which every frame and every tenth of a second of sound can be told from stillness."""
    picture = "testsrc2=s=96x64:r=24:d=6,noise=alls=40:allf=t:all_seed=7"
    ffmpeg(
        "-threads",
        1,
        "-f",
        "lavfi",
        "-i",
        picture,
        "-f",
        "lavfi",
        "-i",
        "anoisesrc=d=6:a=0.3:r=44100:seed=7",
        *encoding,
        path,
    )
    return path.read_bytes()


def mutate(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """One of eight kinds of damage."""
    data, size = bytearray(content), len(content)
    first, second = sorted(rng.integers(0, size, 2).tolist())
    length = int(rng.integers(1, max(2, size // 8)))
    match rng.integers(8):
        case 0:  # bits that flipped
            for place in rng.integers(0, size, int(rng.integers(1, 300))):
                data[place] ^= 1 << int(rng.integers(8))
        case 1:  # a block that was overwritten
            data[first : first + length] = rng.bytes(min(length, size - first))
        case 2:  # a block of zeros, as of a download with holes
            data[first : first + length] = bytes(min(length, size - first))
        case 3:  # a file that was cut off
            del data[max(1, second) :]
        case 4:  # one whose beginning is missing
            del data[: first // 4]
        case 5:  # a middle that is missing, or there twice
            data[first:second] = data[first:second] * int(rng.integers(0, 3, 1)[0])
        case 6:  # two files in one
            data = data[:second] + other[int(rng.integers(0, len(other))) :]
        case _:  # headers, at the front or at the end
            edge = (
                int(rng.integers(0, min(4096, size)))
                if rng.integers(2)
                else size - 1 - int(rng.integers(0, min(4096, size)))
            )
            values = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", rng.bytes(4)]
            data[edge : edge + 4] = values[int(rng.integers(4))]
    return bytes(data)


@pytest.fixture(scope="module")
def mutated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, bases = tmp_path_factory.mktemp("mutated"), tmp_path_factory.mktemp("bases")
    contents = {name: moving_noise(bases / name, *encoding) for name, encoding in BASES.items()}
    names = list(BASES)
    for number in range(COUNT):
        rng = np.random.default_rng([7, number])
        name, other = names[number % len(names)], names[int(rng.integers(len(names)))]
        (folder / f"{number:04d}-{name}").write_bytes(mutate(contents[name], contents[other], rng))
    return folder


@pytest.mark.timeout(3600)
def test_every_damaged_video_is_a_row_or_has_whole_clips(mutated: Path, tmp_path: Path) -> None:
    curated = curate(CONFIG, CLIP, mutated, tmp_path)
    told = {Path(path).name for table in (curated.manifest, curated.rejected) for path in table["source_path"]}
    assert told == {path.name for path in mutated.iterdir()}
    assert set(curated.rejected["reason"]) - {"crash", "timeout"} == set(curated.rejected["reason"])
    for row in curated.manifest.itertuples():
        path, start_s = local(row.source_path), row.start_s
        frames = read_frames(path, frame_rate=9.6, size=32, start_s=start_s, frames=19).astype(int)
        moving = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3)) > 0.5
        sound = read_audio(path, sample_rate=16_000, start_s=start_s, duration_s=2.0)[0].reshape(20, -1)
        audible = np.sqrt(np.square(sound).mean(1)) > 1e-3
        assert moving.mean() >= 0.94 and audible.mean() >= 0.94, (path.name, start_s, moving, audible)  # all but one
    print(Counter(curated.rejected["reason"]), len(curated.manifest), "clips")


@pytest.mark.timeout(3600)
def test_every_damaged_video_gets_music_or_an_error_that_names_it(mutated: Path, tmp_path: Path) -> None:
    silence, outcomes = np.zeros((1, 16_000), np.float32), Counter()  # type: ignore[var-annotated]
    for path in sorted(mutated.iterdir()):
        try:
            replace_audio(path, silence, 16_000, tmp_path / "out.mkv", LIMITS)
            outcomes["copied"] += 1
        except MediaError as error:
            assert path.name in str(error), error
            outcomes[error.reason] += 1
        assert {entry.name for entry in tmp_path.iterdir()} <= {"out.mkv"}
    assert outcomes["copied"] > COUNT // 4 and not outcomes["timeout"] and not outcomes["crash"], outcomes
