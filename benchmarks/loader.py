"""Training clips from our shards, against decoding them from their source films with decord.

    python benchmarks/loader.py                    # 96 frames of 224x224; the film has the pixels of 1280x720
    python benchmarks/loader.py --side 480         # and of 640x360
    python benchmarks/loader.py --source FILM.mp4  # a film of one's own, 30 s or longer

The same clips of 10 s, at random, give the same frames (compared first); both in one process by turns, decord with one
thread, to tensors on the device. What decord does not do, reading the music and its tokens, is not counted against it.
The line printed is a JSON object: clips a second of CPU time, or of the wall's clock where they go to a GPU.
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from timing import CLOCK, SEED, add_device, begin, fastest, installed, print_line

from vmas_pipeline.features.shards import Sample, write_shard
from vmas_pipeline.media import read_frames, write_video
from vmas_pipeline.model.config import vmas_paper
from vmas_pipeline.sample_data.synthesis import synthesise
from vmas_pipeline.training.data import ShuffledClips, collate

SECONDS, FRAMES, SIZE, CLIPS = 10.0, 96, 224, 3
TIMES = np.arange(FRAMES) / FRAMES * SECONDS


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = options.source or _synthetic(folder / "film.mp4", options.side)
        clips = _shard(folder, source)
        peers, missing = installed(decord=lambda: _decord(source))
        for read in peers.values():
            difference = np.abs(clips.read(1).frames.astype(int) - read(1)).mean()
            assert difference < 8, f"other frames: {difference} levels apart"
        order = np.random.default_rng(SEED).integers(0, CLIPS, options.clips)
        sizes, device = vmas_paper(), torch.device(options.device)

        def ours() -> None:
            for number in order:
                collate([clips.read(number)], sizes).to(device)

        def theirs(read: Callable[[int], np.ndarray]) -> None:
            for number in order:
                torch.from_numpy(read(number)).to(device)

        runs: dict[str, Callable[[], None]] = {
            "ours": ours,
            **{name: partial(theirs, read) for name, read in peers.items()},
        }
        seconds = fastest(runs, options.repeats, options.device)
        size = (folder / "train" / "000000.tar").stat().st_size / CLIPS
    rates = {name: len(order) / s for name, s in seconds.items()}
    clock = CLOCK[options.device].removesuffix("s")
    print_line(
        f"loader: clips a {clock} against decord from the source",
        ours=rates["ours"],
        peer=rates.get("decord"),
        unit=f"clips a {clock}",
        why=missing.get("decord"),
        megabytes_a_clip=size / 1e6,
        **vars(options),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="a film of 30 s or longer; a synthetic one when left out")
    parser.add_argument("--side", type=int, default=960, help="of the synthetic film's picture")
    parser.add_argument("--clips", type=int, default=6, help="to read, of the three there are")
    parser.add_argument("--repeats", type=int, default=5)
    add_device(parser, "where the clips go; a CPU reads and decodes them")
    return begin(parser)


def _synthetic(path: Path, side: int) -> Path:
    film = synthesise(0, duration_s=CLIPS * SECONDS, size=side)
    write_video(path, film.frames, 24.0, film.waveform[None], 16_000)
    return path


def _shard(folder: Path, source: Path) -> ShuffledClips:
    """The film's clips as the features stage writes them, with tokens of the paper's size."""
    (folder / "train").mkdir()
    samples = [_sample(source, number) for number in range(CLIPS)]
    spans = write_shard(folder / "train" / "000000.tar", samples)
    rows = [
        {"clip_id": sample.clip_id, "shard": "000000.tar", "offset": offset, "length": length}
        for sample, (offset, length) in zip(samples, spans, strict=True)
    ]
    pd.DataFrame(rows).to_parquet(folder / "train" / "index.parquet")
    return ShuffledClips(folder, seed=0)


def _sample(source: Path, number: int) -> Sample:
    draw, tokens = np.random.default_rng(number), 500
    frames = read_frames(source, frame_rate=FRAMES / SECONDS, size=SIZE, start_s=number * SECONDS, frames=FRAMES)
    beats = np.zeros(tokens, bool)
    return Sample(
        clip_id=f"{number:016x}", frames=frames, codes=draw.integers(0, 2048, (4, tokens)).astype(np.int16),
        beat_weights=np.ones(tokens, np.float32), music_beats=beats, video_beats=beats,
        flow=np.zeros(FRAMES - 1, np.float32), onsets_s=np.zeros(0, np.float32), peaks_s=np.zeros(0, np.float32),
        curves={}, row={},
    )  # fmt: skip


def _decord(source: Path) -> Callable[[int], np.ndarray]:
    """A clip's frames by decord, whole frames scaled to a square as a square film needs no cutting."""
    open_film = partial(import_module("decord").VideoReader, str(source))
    rate = open_film().get_avg_fps()

    def read(number: int) -> np.ndarray:
        reader = open_film(width=SIZE, height=SIZE, num_threads=1)
        frames = np.minimum(np.floor((number * SECONDS + TIMES) * rate + 1e-6), len(reader) - 1).astype(int)
        return reader.get_batch(frames).asnumpy()

    return read


if __name__ == "__main__":
    main()
