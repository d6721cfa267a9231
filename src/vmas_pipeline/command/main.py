"""Parses the command line, and turns what the user got wrong into one line."""

import argparse
import io
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

from vmas_pipeline import __version__
from vmas_pipeline.command import champion, export, generate, score, serve, study

DESCRIPTION = "Music for video: a trained model watches a video and writes music that fits it."

EXAMPLES = """\
examples:
  vmas generate holiday.mov --out holiday.mp4
  vmas generate clip.mkv --out clip.mp4 --seed 7 --guidance 4
  vmas generate clip.mp4 --out start.mp4 --seconds 30 --model data/04_models/vmas
  vmas export clips                      the test clips without sound, for another system
  vmas score their_music --name theirs   its music, measured like ours
  vmas serve                             a page at http://127.0.0.1:8000
  vmas champion --back                   the version that was the champion before
  vmas study create ours --systems vmas,nearest_track    a blind comparison by people
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
    for command in (generate, serve, champion, score, export, study):
        command.add(commands)
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
