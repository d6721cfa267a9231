"""`vmas generate`: a copy of a video with music."""

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vmas_pipeline.command import numbers, other_systems

DESCRIPTION = """\
Write a copy of a video with generated music as its sound.

The picture is copied bit for bit and its length is kept; the video's own sound is left out. Chapters, tags, dates,
subtitles and attachments go along where OUT can hold them. VIDEO may be any file that FFmpeg reads. OUT ends in .mp4,
.m4v, .mov, .mkv or .webm; where it cannot carry the picture's codec, the message names one that can.
"""


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "generate", help="write a copy of a video with music", description=DESCRIPTION
    )
    parser.set_defaults(run=_generate)
    parser.add_argument("video", type=Path, metavar="VIDEO", help="the video to write music for")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="the file to write")
    parser.add_argument(
        "--model",
        default="models:/vmas@champion",
        help="an address in the model registry or a model folder (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=numbers.whole, default=0, help="another seed makes another piece (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=numbers.above_zero, help="music for the first SECONDS only, then silence")
    parser.add_argument(
        "--int8", action="store_true", help="compute on the CPU with 8-bit weights: faster, slightly different music"
    )
    parser.add_argument(
        "--max-duration",
        type=numbers.above_zero,
        default=4 * 3600.0,
        metavar="SECONDS",
        help="refuse longer videos (default: %(default)g)",
    )
    other_systems.add(parser)
    drawing = parser.add_argument_group("how the music is drawn", "each is the model's own setting when left out")
    drawing.add_argument("--top-k", type=numbers.one_or_more, help="choose among the K likeliest tokens", metavar="K")
    drawing.add_argument(
        "--top-p",
        type=numbers.share,
        help="and of those the fewest that hold this share of the probability",
        metavar="P",
    )
    drawing.add_argument("--temperature", type=numbers.above_zero, help="below 1 is safer, above 1 bolder")
    drawing.add_argument("--guidance", type=numbers.zero_or_more, help="above 1 follows the picture more closely")
    drawing.add_argument(
        "--curve-guidance",
        type=numbers.zero_or_more,
        metavar="GUIDANCE",
        help="the same for cuts and motion alone, where it shall differ from --guidance",
    )


def _generate(options: argparse.Namespace) -> None:
    started = time.monotonic()
    video, out = options.video, options.out
    _check_paths(video, out)
    from vmas_pipeline.media import Limits, check_output, measure, printable, replace_audio

    limits = Limits(duration_s=options.max_duration)
    info = measure(video, limits)
    check_output(video, out, limits)
    if other_systems.is_wanted(options):
        return other_systems.put_music(options, info, limits)

    from tqdm import tqdm

    from vmas_pipeline.serving import load_model

    print(f"loading {options.model}", flush=True)
    generator = load_model(options.model, options.int8)
    sampling = {name: value for name in asdict(generator.sampling) if (value := getattr(options, name)) is not None}
    generator = generator.with_sampling(**sampling)
    with tqdm(desc="music", unit="token", disable=None, leave=False) as bar:

        def show(made: int, total: int) -> None:
            bar.total = total
            bar.update(made - bar.n)

        music = generator.generate(video, seed=options.seed, seconds=options.seconds, progress=show, limits=limits)
    left = replace_audio(video, music.waveform, music.sample_rate, out, limits)
    print(
        f"{printable(out)}: {info.duration_s:.2f} s, picture {info.video_codec} {info.width}x{info.height} copied, "
        f"music by {options.model} with seed {options.seed}, made in {time.monotonic() - started:.0f} s"
    )
    if left:
        print(f"left behind, since {out.suffix} has no place for it: {', '.join(left)}")


def _check_paths(video: Path, out: Path) -> None:
    if not video.is_file():
        raise ValueError(f"{video} is not a file: give the path of a video")
    if not out.parent.is_dir():
        raise ValueError(f"--out {out}: the folder {out.parent} does not exist; make it first")
    if out.is_dir():
        raise ValueError(f"--out {out} is a folder: give the name of a file")
    if out.exists() and out.samefile(video):
        raise ValueError(f"--out {out} is the input itself: choose another name")
