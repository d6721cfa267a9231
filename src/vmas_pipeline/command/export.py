"""`vmas export`: the held-out clips without their sound, for systems that run elsewhere."""

import argparse
from pathlib import Path
from typing import Any

from vmas_pipeline.command.project import Project

DESCRIPTION = """\
Write the clips that our model is measured on as silent videos, FOLDER/<clip_id>.mp4: the square centre of the picture,
at most 512 pixels wide, as our model sees it. Run another system on them, save its music as <clip_id>.wav or .flac,
and measure it with `vmas score`. Clips that are there already are not written again.
"""

SIZE, RATE = 512, 30.0
"""Maximum side and frames per second."""


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "export", help="write the test clips without sound", description=DESCRIPTION
    )
    parser.set_defaults(run=_export)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write them")
    parser.add_argument("--data", type=Path, default=Path("data"), help="the project's data (default: %(default)s)")


def _export(options: argparse.Namespace) -> None:
    project = Project(options.data)
    from tqdm import tqdm

    from vmas_pipeline.media import local, read_preview, write_video

    options.folder.mkdir(parents=True, exist_ok=True)
    rows = project.clips().to_dict("records")
    for row in tqdm(rows, desc="clips", unit="clip", disable=None):
        out, video = options.folder / f"{row['clip_id']}.mp4", local(row["source_path"])
        if out.is_file():
            continue
        frames, rate = read_preview(
            video, size=SIZE, frame_rate=RATE, duration_s=row["duration_s"], start_s=row["start_s"]
        )
        write_video(out, frames, rate, None, 0)
    print(f"{options.folder}: {len(rows)} clips")
