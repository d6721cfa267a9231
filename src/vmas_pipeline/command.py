"""The `vmas` command. Each subcommand imports the heavy libraries that it needs, which keeps `--help` fast.

Kedro would treat a module named `cli` as its own, hence this module's name.
"""

import argparse
import io
import math
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from vmas_pipeline import __version__

DESCRIPTION = "Music for video: a trained model watches a video and writes music that fits it."

GENERATE = """\
Write a copy of a video with generated music as its sound.

The picture is copied bit for bit and its length is kept; the video's own sound is left out. Chapters, tags, dates,
subtitles and attachments go along where OUT can hold them. VIDEO may be any file that FFmpeg reads. OUT ends in .mp4,
.m4v, .mov, .mkv or .webm; where it cannot carry the picture's codec, the message names one that can.
"""

EXAMPLES = """\
examples:
  vmas generate holiday.mov --out holiday.mp4
  vmas generate clip.mkv --out clip.mp4 --seed 7 --guidance 4
  vmas generate clip.mp4 --out start.mp4 --seconds 30 --model data/04_models/vmas
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and whose help keeps the layout of its examples."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: list[str] | None = None) -> None:
    """Run `vmas`. Invalid user input ends it with status 2 and one line on stderr."""
    for stream in (sys.stdout, sys.stderr):  # file names are bytes, and not every terminal can encode them
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    parser = Parser(prog="vmas", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"vmas-pipeline {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_generate(commands)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError) as error:
        print(f"{parser.prog}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted, nothing was written", file=sys.stderr)
        sys.exit(130)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Exit on a signal as on an error, so that partial output is removed."""
    sys.exit(128 + number)


def _add_generate(commands: "argparse._SubParsersAction[Parser]") -> None:
    parser = commands.add_parser("generate", help="write a copy of a video with music", description=GENERATE)
    parser.set_defaults(run=_generate)
    parser.add_argument("video", type=Path, metavar="VIDEO", help="the video to write music for")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="the file to write")
    parser.add_argument(
        "--model",
        default="models:/vmas@champion",
        help="an address in the model registry or a model folder (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=_whole, default=0, help="another seed makes another piece (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=_above_zero, help="music for the first SECONDS only, then silence")
    parser.add_argument(
        "--int8", action="store_true", help="compute on the CPU with 8-bit weights: faster, slightly different music"
    )
    parser.add_argument(
        "--max-duration",
        type=_above_zero,
        default=4 * 3600.0,
        metavar="SECONDS",
        help="refuse longer videos (default: %(default)g)",
    )
    drawing = parser.add_argument_group("how the music is drawn", "each is the model's own setting when left out")
    drawing.add_argument("--top-k", type=_one_or_more, help="choose among the K likeliest tokens", metavar="K")
    drawing.add_argument(
        "--top-p", type=_share, help="and of those the fewest that hold this share of the probability", metavar="P"
    )
    drawing.add_argument("--temperature", type=_above_zero, help="below 1 is safer, above 1 bolder")
    drawing.add_argument("--guidance", type=_zero_or_more, help="above 1 follows the picture more closely")
    drawing.add_argument(
        "--curve-guidance",
        type=_zero_or_more,
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


def _whole(text: str) -> int:
    return int(_number(text, 0, "a whole number, 0 or more", whole=True))


def _one_or_more(text: str) -> int:
    return int(_number(text, 1, "a whole number, 1 or more", whole=True))


def _zero_or_more(text: str) -> float:
    return _number(text, 0.0, "0 or more")


def _above_zero(text: str) -> float:
    return _number(text, math.ulp(0.0), "more than 0")


def _share(text: str) -> float:
    return _number(text, math.ulp(0.0), "more than 0 and at most 1", most=1.0)


def _number(text: str, least: float, rule: str, whole: bool = False, most: float = sys.float_info.max) -> float:
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text} must be {rule}")
    return value


if __name__ == "__main__":
    main()
