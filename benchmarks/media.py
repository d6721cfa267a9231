"""Reading ten seconds of a video at the rate and size of a model, against PyAV, torchcodec, decord2 and OpenCV.

    python benchmarks/media.py                 # 96 frames of 224x224 from 12.3 s on, of 1280x720 at 30 frames a second
    python benchmarks/media.py --source FILM   # a film of one's own, 25 s or longer
    python benchmarks/media.py --large 4       # and the headers of an mp4 and an mkv of 4 GB

All show the same frames, those on show at each time, bit for bit where they are scaled by the same library (compared
first; ours and PyAV scale with FFmpeg, the others with OpenCV). One thread each, by turns; the CPU time of our worker
process counts, or the wall's clock where the frames go to a GPU. A peer that is not installed is left out and named;
torchcodec needs FFmpeg's libraries on the machine. Each line printed is a JSON object.
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
import psutil
import torch
from timing import CLOCK, add_device, begin, installed, now, print_line

from vmas_pipeline.media import probe, read_frames

START_S, FRAMES, RATE, SIZE = 12.3, 96, 9.6, 224
TIMES = START_S + np.arange(FRAMES) / RATE
Read = Callable[[Path], np.ndarray]


def main() -> None:
    options = _options()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        source = options.source or _film(Path(name) / "film.mp4", 25, options.height)
        _compare(source, options)
        for ending in ("mp4", "mkv") if options.large else ():
            _probe_large(Path(name), ending, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="a film of 25 s or longer; one is made when left out")
    parser.add_argument("--height", type=int, default=720, help="of the film that is made, 16 to 9")
    parser.add_argument("--large", type=float, default=0.0, metavar="GB", help="size of files to be probed")
    parser.add_argument("--repeats", type=int, default=5)
    add_device(parser, "where the frames go; a CPU reads and decodes them")
    return begin(parser)


def _compare(source: Path, options: argparse.Namespace) -> None:
    ours = partial(read_frames, frame_rate=RATE, size=SIZE, start_s=START_S, frames=FRAMES)
    peers, missing = installed(pyav=lambda: _pyav, opencv=lambda: _opencv, decord2=_decord, torchcodec=_torchcodec)
    readers: dict[str, Read] = {"ours": ours, **peers}
    for name, read in readers.items():
        expected = _pyav(source, _scaled if name in ("ours", "pyav") else _scaled_by_opencv)
        assert np.array_equal(read(source), expected), f"{name} shows other frames"
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(options.repeats):
        for name, read in readers.items():
            began = _seconds(options.device)
            torch.from_numpy(read(source)).to(options.device)
            seconds[name].append(_seconds(options.device) - began)
    least = {name: round(min(times), 4) for name, times in seconds.items()}
    best = min(peers, key=lambda name: least[name])
    print_line(
        f"media: {CLOCK[options.device]} to read 10 s of video, against the best peer",
        ours=least["ours"],
        peer=least[best],
        unit=CLOCK[options.device],
        best_peer=best,
        limit=1.10,
        missing=missing,
        seconds=least,
        **vars(options),
    )


def _seconds(device: str) -> float:
    """CPU seconds of this process and those that it started, or the wall's clock beside a GPU."""
    if device == "cuda":
        return now(device)
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def _square(frame: np.ndarray) -> np.ndarray:
    """The short side to SIZE, the centre cut out."""
    height, width = frame.shape[:2]
    scale = SIZE / min(height, width)
    scaled = cv2.resize(frame, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    top, left = (scaled.shape[0] - SIZE) // 2, (scaled.shape[1] - SIZE) // 2
    return scaled[top : top + SIZE, left : left + SIZE]


def _pyav(path: Path, scaled: Callable[[av.VideoFrame], np.ndarray] | None = None) -> np.ndarray:
    """The plain loop: seek, decode, keep the frame on show at each time."""
    scaled = scaled or _scaled
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        assert stream.time_base is not None
        container.seek(round(START_S / stream.time_base), stream=stream)
        squares: list[np.ndarray] = []
        last: av.VideoFrame | None = None
        for frame in container.decode(stream):
            while last is not None and len(squares) < FRAMES and frame.time > TIMES[len(squares)] + 1e-3:
                squares.append(scaled(last))
            if len(squares) == FRAMES:
                break
            last = frame
    return np.stack(squares)


def _scaled(frame: av.VideoFrame) -> np.ndarray:
    scale = SIZE / min(frame.width, frame.height)
    width, height = round(frame.width * scale), round(frame.height * scale)
    pixels = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA").to_ndarray()
    top, left = (height - SIZE) // 2, (width - SIZE) // 2
    return pixels[top : top + SIZE, left : left + SIZE]


def _scaled_by_opencv(frame: av.VideoFrame) -> np.ndarray:
    return _square(frame.to_ndarray(format="rgb24"))


def _opencv(path: Path) -> np.ndarray:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    rate = capture.get(cv2.CAP_PROP_FPS)
    wanted = np.floor(TIMES * rate + 0.03).astype(int)
    capture.set(cv2.CAP_PROP_POS_FRAMES, int(wanted[0]))
    frames, number = {}, int(wanted[0])
    for index in np.unique(wanted):
        while number < index:
            capture.grab()
            number += 1
        frames[int(index)] = _square(capture.read()[1][..., ::-1])
        number += 1
    return np.stack([frames[int(index)] for index in wanted])


def _decord() -> Read:
    decord = import_module("decord")

    def read(path: Path) -> np.ndarray:
        reader = decord.VideoReader(str(path), num_threads=1)
        wanted = np.floor(TIMES * reader.get_avg_fps() + 0.03).astype(int)
        return np.stack([_square(frame) for frame in reader.get_batch(wanted).asnumpy()])

    return read


def _torchcodec() -> Read:
    try:
        from torchcodec.decoders import VideoDecoder
    except RuntimeError as error:
        raise ImportError("torchcodec finds no libraries of FFmpeg here") from error

    def read(path: Path) -> np.ndarray:
        decoder = VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="approximate")
        frames = decoder.get_frames_played_at(seconds=(TIMES + 1e-3).tolist()).data.numpy()
        return np.stack([_square(frame) for frame in frames])

    return read


def _film(path: Path, seconds: int, height: int, *options: str) -> Path:
    picture = f"testsrc2=s={height * 16 // 9}x{height}:r=30:d={seconds},noise=alls=12:allf=t:all_seed=1"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", picture]
    encoder = options or ("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-bf", "2", "-g", "120")
    subprocess.run([*command, *encoder, "-pix_fmt", "yuv420p", path], check=True)
    return path


def _probe_large(folder: Path, ending: str, options: argparse.Namespace) -> None:
    """Repeats a film until it has the size; the disk's cache is warm."""
    part = _film(folder / "part.mp4", 10, options.height, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "8")
    times = int(options.large * 1e9 / part.stat().st_size)
    large = folder / f"large.{ending}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", "-stream_loop", str(times), "-i", part]
    subprocess.run([*command, "-c", "copy", large], check=True)
    probe(part)  # starts the worker
    began = time.perf_counter()
    info = probe(large)
    print_line(
        f"media: seconds to probe an {ending}",
        ours=time.perf_counter() - began,
        peer=None,
        unit="seconds",
        why="it is held to a limit",
        limit=0.3,
        gigabytes=large.stat().st_size / 1e9,
        minutes=info.duration_s / 60,
        **vars(options),
    )
    large.unlink()


if __name__ == "__main__":
    main()
