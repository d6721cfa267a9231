"""`vmas score`: the music of any system, measured on the held-out clips like ours."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline.command.project import Project

if TYPE_CHECKING:
    from vmas_pipeline.evaluation.result import MetricResult

DESCRIPTION = """\
Measure another system's music on the clips that our model is measured on.

FOLDER holds a <clip_id>.wav or .flac for each clip, as `vmas export` names them. Files of another length are cut or
padded with silence, of another rate resampled, of several channels mixed; missing ones are left out; each is listed.

Nothing is normalised, and the audio models behind FAD, KAD and KL hear how loud music is. Where a system's level is a
setting of its writer and not what you compare, use --match-loudness; loudness, clipping and silence are always as made.

The figures, with their chance levels and ceilings, go to DATA/06_evaluation/NAME, a report to DATA/07_reports/NAME.
"""

LISTED = 5
"""Files named of each kind of mismatch."""

TAKEN = ("vmas", "codec", "champion")
"""Names of the flow's own folders."""


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "score", help="measure another system's music", description=DESCRIPTION
    )
    parser.set_defaults(run=_score)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the system's music")
    parser.add_argument("--name", help="what to call it (default: the folder's name)")
    parser.add_argument(
        "--match-loudness",
        action="store_true",
        help="hear the music with one gain for all files that makes it as loud, on average, as the true music",
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="the project's data (default: %(default)s)")


def _score(options: argparse.Namespace) -> None:
    folder, name = options.folder, options.name or options.folder.resolve().name
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: give one of <clip_id>.wav or .flac")
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name) or name in TAKEN:
        raise ValueError(
            f"--name {name} cannot name a system: use letters, digits, _ and -, but not {', '.join(TAKEN)}"
        )
    project = Project(options.data)
    clips = project.clips()
    from vmas_pipeline.evaluation.config import EvaluationConfig
    from vmas_pipeline.evaluation.evaluate import evaluate
    from vmas_pipeline.evaluation.paired import difference
    from vmas_pipeline.evaluation.result import results_of
    from vmas_pipeline.systems.config import GenerationConfig
    from vmas_pipeline.systems.generate import generate_clips
    from vmas_pipeline.systems.recorded import RecordedSystem, mismatches

    system = RecordedSystem.load(folder)
    system.name = name
    lengths = dict(zip(clips["clip_id"], clips["duration_s"].astype(float), strict=True))
    held = [clip_id for clip_id in lengths if system.holds(clip_id)]
    sources = clips.loc[clips["clip_id"].isin(held), "source_id"].nunique()
    if sources < 2:
        raise ValueError(
            f"{folder} has music for {len(held)} of the {len(lengths)} clips, of {sources} films: two films or more "
            f"are needed; the first clip is {next(iter(lengths))} (`vmas export` writes all)"
        )
    print(f"{name}: {len(held)} of {len(lengths)} clips", flush=True)
    _tell(mismatches(system, lengths))
    data, generation = project.data, GenerationConfig(clips=len(lengths))
    music = generate_clips(generation, project.clip, system, project.features, data / "05_generated" / name)
    out, report = data / "06_evaluation" / name, data / "07_reports" / name
    metrics = evaluate(
        EvaluationConfig(match_loudness=options.match_loudness),
        project.clip,
        music,
        project.reconstructed,
        project.features,
        project.manifest,
        out,
        data / "06_evaluation" / "audio_cache",
        report=report,
    )
    if options.match_loudness:
        print(f"heard with {metrics['gain_db']:+.1f} dB; loudness, clipping and silence are as made")
    _print_table([result for result in results_of(metrics) if result.value is not None])
    if (data / "06_evaluation" / "clips.parquet").is_file():
        print(difference(out, data / "06_evaluation", "our model")["verdict"])
    print(f"report: {report / 'report.html'}")


def _tell(found: dict[str, list[str]]) -> None:
    """Print what does not fit, a line for each kind."""
    for kind, files in found.items():
        more = f" and {len(files) - LISTED} more" if len(files) > LISTED else ""
        print(f"  {kind}: {len(files)} ({'; '.join(files[:LISTED])}{more})", flush=True)


def _print_table(results: "list[MetricResult]") -> None:
    print(f"\n{'':<32}{'value':>9}{'95 % interval':>18}{'chance':>9}{'ceiling':>9}")
    for result in results:
        bounds = " to ".join(f"{bound:.{result.digits}f}" for bound in result.interval or ())
        chance, ceiling = (
            "-" if level is None else f"{level:.{result.digits}f}" for level in (result.chance, result.ceiling)
        )
        print(f"{result.title:<32}{result.value:>9.{result.digits}f}{bounds:>18}{chance:>9}{ceiling:>9}")
