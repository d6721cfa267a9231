"""Evaluating a system's music against computing its embeddings alone, and evaluating it again.

    python benchmarks/evaluation.py --data data     # what `make demo` has left there
    python benchmarks/evaluation.py --clips 12      # without data: plucked notes, as many training clips

CPU seconds of this process and its reading worker, once each, in one process. Embeddings alone: both musicnns on the
same waveforms, which are in memory already. Each line printed is a JSON object.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import soundfile
import torch
from timing import add_device, begin, print_line

from vmas_pipeline.evaluation.config import EvaluationConfig
from vmas_pipeline.evaluation.evaluate import evaluate
from vmas_pipeline.evaluation.measure import true_music
from vmas_pipeline.media import ClipSpec
from vmas_pipeline.systems.generated import Record, read_clip, write_clip

CLIP = ClipSpec(duration_s=5.0, frame_size=64, sample_rate=16_000)  # as in conf/base


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder that the flow has written (default: plucked notes)")
    parser.add_argument("--clips", type=int, default=12, help="made without --data")
    add_device(parser, "named in the lines; evaluation itself takes the GPU where there is one")
    options = begin(parser)
    with tempfile.TemporaryDirectory() as folder:
        _evaluate(_plucked(Path(folder) / "few", 3), Path(folder))  # imports
        _measure(options.data or _plucked(Path(folder) / "data", options.clips), Path(folder), options)


def _measure(data: Path, folder: Path, options: argparse.Namespace) -> None:
    manifest = pd.read_parquet(data / "02_curated" / "manifest.parquet")
    generated, reconstructed = data / "05_generated" / "vmas", data / "05_generated" / "codec"
    waveforms, embeddings = list(_heard(manifest, generated, reconstructed)), EvaluationConfig().embeddings
    networks = [each.load().to(options.device) for each in embeddings]  # counted in neither

    def embed() -> None:
        with torch.inference_mode():
            for waveform in waveforms:
                for network in networks:
                    network(torch.from_numpy(waveform).to(options.device))

    peer = _seconds(embed, options.device)
    for name in ("evaluating music", "evaluating it again, from the cache"):
        ours = _seconds(lambda: _evaluate(data, folder), options.device)
        print_line(
            f"{name}, against its embeddings alone",
            ours=ours,
            peer=peer,
            unit="CPU seconds" if options.device == "cpu" else "seconds",
            device=options.device,
            clips=len(Record.read(generated).compute_s),
            pieces=len(waveforms),
        )


def _evaluate(data: Path, folder: Path) -> None:
    """With a cache in the folder, which a second call finds."""
    manifest = pd.read_parquet(data / "02_curated" / "manifest.parquet")
    generated, reconstructed = data / "05_generated" / "vmas", data / "05_generated" / "codec"
    features, out = data / "03_features", folder / "evaluation"
    evaluate(EvaluationConfig(), CLIP, generated, reconstructed, features, manifest, out, folder / f"cache-{data.name}")


def _heard(manifest: pd.DataFrame, generated: Path, reconstructed: Path) -> Iterator[np.ndarray]:
    """What an evaluation embeds: three pieces of each clip, two of each training clip."""
    rows = manifest.set_index("clip_id", drop=False)
    for name in Record.read(generated).compute_s:
        yield read_clip(generated, name)
    for name in Record.read(reconstructed).compute_s:
        yield read_clip(reconstructed, name)
        yield true_music(rows.loc[name].to_dict(), CLIP)


def _seconds(run: Callable[[], None], device: str) -> float:
    started = _now(device)
    run()
    return _now(device) - started


def _now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    here = psutil.Process()
    times = [process.cpu_times() for process in (here, *here.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _plucked(data: Path, clips: int) -> Path:
    """The folders that an evaluation reads, with notes at random times."""
    random, rows, curves = np.random.default_rng(0), [], []
    generated, reconstructed = data / "05_generated" / "vmas", data / "05_generated" / "codec"
    for folder in (data / "02_curated", data / "03_features", generated, reconstructed):
        folder.mkdir(parents=True)
    for number in range(2 * clips):
        name, split = f"clip{number}", "test" if number < clips else "train"
        onsets = np.sort(random.uniform(0, CLIP.duration_s, 10))
        file = data / f"{name}.wav"
        soundfile.write(file, _notes(random, onsets), CLIP.sample_rate)
        rows.append(
            {"clip_id": name, "source_id": name, "source_path": str(file), "audio_path": str(file), "start_s": 0.0}
            | {"duration_s": CLIP.duration_s, "split": split, "genre": ("folk", "techno")[number % 2]}
        )
        flow = random.random(CLIP.frames_per_clip - 1)
        curves.append({"clip_id": name, "flow": flow, "onsets_s": onsets, "cuts_s": []})
        for folder in (generated, reconstructed) if split == "test" else (reconstructed,):
            write_clip(folder, name, _notes(random, onsets), CLIP.sample_rate)
    names = [row["clip_id"] for row in rows]
    for folder, held in ((generated, names[:clips]), (reconstructed, names)):
        about = {"system": folder.name, "revision": "1", "seed": 0, "sample_rate": CLIP.sample_rate, "about": {}}
        Record(**about, compute_s=dict.fromkeys(held, 0.0)).write(folder)
    pd.DataFrame(rows).to_parquet(data / "02_curated" / "manifest.parquet")
    pd.DataFrame(curves).to_parquet(data / "03_features" / "curves.parquet")
    return data


def _notes(random: np.random.Generator, onsets: np.ndarray) -> np.ndarray:
    times = np.arange(round(CLIP.duration_s * CLIP.sample_rate)) / CLIP.sample_rate
    since = times[:, None] - onsets
    pitches = 220 * 2 ** (random.integers(24, size=len(onsets)) / 12)
    notes = np.where(since >= 0, np.exp(-6 * since.clip(0)) * np.sin(2 * np.pi * pitches * since), 0)
    return (0.2 * notes.sum(axis=1)).clip(-1, 1).astype(np.float32)


if __name__ == "__main__":
    main()
