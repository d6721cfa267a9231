"""`vmas study`: the listening study, from folders of music to preference rates."""

import argparse
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmas_pipeline.command.numbers import one_or_more, whole

if TYPE_CHECKING:
    from vmas_pipeline.study.config import StudyConfig
    from vmas_pipeline.study.store import Store

DESCRIPTION = """\
Ask people which of two systems' music they prefer, blind, under the same video (paper section 5.2).

  vmas study create ours --systems vmas,nearest_track    pairs and their videos, in DATA/09_studies/ours
  vmas study serve ours                                  the page for raters
  vmas study analyse ours                                preference rates, intervals, figure, report
"""


def add(commands: Any) -> None:
    """Add the subcommand and its own ones."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "study", help="ask people which music they prefer", description=DESCRIPTION
    )
    steps = parser.add_subparsers(title="steps", metavar="STEP", required=True)
    _add_create(steps)
    _add_serve(steps)
    _add_invite(steps)
    _add_export(steps)
    _add_analyse(steps)
    _add_power(steps)


def _step(steps: Any, name: str, run: Any, help: str, *, of_a_study: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = steps.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    parser.set_defaults(run=run)
    if of_a_study:
        parser.add_argument("name", metavar="NAME", help="the study")
    parser.add_argument("--data", type=Path, default=Path("data"), help="the project's data (default: %(default)s)")
    return parser


def _add_create(steps: Any) -> None:
    parser = _step(steps, "create", _create, "draw pairs from folders of results and write their videos; it resumes")
    parser.add_argument(
        "--systems",
        required=True,
        metavar="A,B,...",
        help="two or more: names in 05_generated, variants in 08_experiments, or folders of <clip_id>.wav or .flac; "
        "the first is compared with each of the others",
    )
    parser.add_argument("--every-two", action="store_true", help="compare every two systems")
    parser.add_argument("--pairs", type=one_or_more, default=50, help="videos (default: %(default)s)")
    parser.add_argument("--per-rater", type=one_or_more, default=10, help="pairs a person (default: %(default)s)")
    parser.add_argument("--checks", type=whole, default=2, help="attention checks a person (default: %(default)s)")
    parser.add_argument("--lufs", type=float, default=-23.0, help="loudness of all music (default: %(default)s)")
    parser.add_argument("--seed", type=whole, default=0, help="of all drawing (default: %(default)s)")
    parser.add_argument("--title", default="Which music fits the video?", help="heading of the page")
    parser.add_argument("--about", type=Path, metavar="FILE", help="text for the first page: who asks, and what for")


def _add_serve(steps: Any) -> None:
    parser = _step(steps, "serve", _serve, "serve the page for raters")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=whole, default=8001, help="port (default: %(default)s)")
    parser.add_argument("--invited", action="store_true", help="admit only the links of `vmas study invite`")
    parser.add_argument(
        "--raters", type=one_or_more, default=1000, help="the most that may begin (default: %(default)s)"
    )


def _add_invite(steps: Any) -> None:
    parser = _step(steps, "invite", _invite, "print personal links")
    parser.add_argument("count", type=one_or_more, metavar="N", help="how many")
    parser.add_argument("--address", default="http://127.0.0.1:8001", help="of the page (default: %(default)s)")


def _add_export(steps: Any) -> None:
    parser = _step(steps, "export", _export, "write all answers as a table without personal data")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="the table")


def _add_analyse(steps: Any) -> None:
    parser = _step(steps, "analyse", _analyse, "preference rates, intervals, agreement, figure and report")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for the report (default: in the study's folder)")


def _add_power(steps: Any) -> None:
    parser = _step(steps, "power", _power, "how many raters a study needs", of_a_study=False)
    parser.add_argument("--pairs", type=one_or_more, default=50, help="videos (default: %(default)s)")
    parser.add_argument("--per-rater", type=one_or_more, default=10, help="pairs a person (default: %(default)s)")


def _folder(options: argparse.Namespace) -> Path:
    name = str(options.name)
    if not name or Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name} cannot name a study: use letters, digits, _ and -")
    return options.data / "09_studies" / name


def _store(options: argparse.Namespace) -> "Store":
    from vmas_pipeline.study.store import Store

    return Store(_folder(options))


def _create(options: argparse.Namespace) -> None:
    folder = _folder(options)
    from vmas_pipeline.command.project import Project
    from vmas_pipeline.study.create import create_study, find_system

    config = _config(options)
    systems = [find_system(text.strip(), options.data) for text in options.systems.split(",")]
    project = Project(options.data)
    store = create_study(folder, config, systems, project.clips(), project.clip.duration_s)
    checks = sum(item.is_check for item in store.items.values())
    print(f"{folder}: {len(store.items) - checks} pairs, {checks} attention checks")
    print(f"serve it: vmas study serve {options.name}")


def _config(options: argparse.Namespace) -> "StudyConfig":
    from pydantic import ValidationError

    from vmas_pipeline.model_folder import one_line
    from vmas_pipeline.study.config import StudyConfig

    about = options.about.read_text(encoding="utf-8").strip() if options.about else ""
    sizes = {name: getattr(options, name) for name in ("pairs", "per_rater", "checks", "every_two", "lufs", "seed")}
    try:
        return StudyConfig(title=options.title, about=about, **sizes)
    except ValidationError as error:
        raise ValueError(f"the study's settings do not fit: {one_line(error)}") from error


def _serve(options: argparse.Namespace) -> None:
    import uvicorn

    from vmas_pipeline.study.app import make_app
    from vmas_pipeline.study.excerpts import missing
    from vmas_pipeline.study.store import MEDIA

    store = _store(options)
    if lacking := missing(store.folder / MEDIA, list(store.items.values())):
        raise ValueError(f"{store.folder} lacks {len(lacking)} videos: run `vmas study create` again to complete it")
    app = make_app(store, invited_only=options.invited, most_raters=options.raters)
    with _listening(options.host, options.port) as listener:
        host = f"[{options.host}]" if ":" in options.host else options.host
        who = "only invited raters can begin" if options.invited else "anyone with this address can begin"
        print(f"http://{host}:{listener.getsockname()[1]}/  ({who}; Ctrl-C ends it)", flush=True)
        # no log of who came when
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise ValueError(f"cannot listen on {host}, port {port} ({error}): give another --host or --port") from error


def _invite(options: argparse.Namespace) -> None:
    for token in _store(options).invite(options.count):
        print(f"{options.address.rstrip('/')}/#{token}")


def _export(options: argparse.Namespace) -> None:
    from vmas_pipeline.study.answers import write_answers

    rows = _store(options).answers()
    write_answers(options.out, rows)
    print(f"{options.out}: {len(rows)} answers by {len({row['rater'] for row in rows})} raters")


def _analyse(options: argparse.Namespace) -> None:
    from vmas_pipeline.study.analyse import analyse
    from vmas_pipeline.study.answers import COLUMNS, read_answers
    from vmas_pipeline.study.report import summary, write_study_report

    given = Path(options.name)
    if given.suffix == ".csv":
        table, out = read_answers(given), options.out or given.with_suffix("")
    else:
        import pandas as pd

        store = _store(options)
        table = pd.DataFrame(store.answers(), columns=list(COLUMNS))
        out = options.out or store.folder / "analysis"
    analysis = analyse(table)
    for line in summary(analysis):
        print(line)
    print(f"\nreport: {write_study_report(out, analysis)}")


def _power(options: argparse.Namespace) -> None:
    from vmas_pipeline.study.power import TYPICAL, power_table

    print(f"{'difference':>10}  raters, for 80 % power, {options.pairs} videos, {options.per_rater} pairs a rater")
    for difference, needed in power_table(TYPICAL, options.pairs, options.per_rater).items():
        print(f"{difference:>10.0%}  {needed or 'none will do: use more videos'}")
