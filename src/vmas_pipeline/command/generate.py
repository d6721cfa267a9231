"""`vmas generate`: copies of videos with music."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from vmas_pipeline.command import numbers, other_systems
from vmas_pipeline.production.options import GROUPS, Options, parse_option

if TYPE_CHECKING:
    from vmas_pipeline.generator import Generator
    from vmas_pipeline.production import Production
    from vmas_pipeline.production.credentials import Signer
    from vmas_pipeline.production.orders import Order

STAGES = {"watch": (0.0, 0.1), "compose": (0.1, 0.8), "write": (0.9, 0.1)}
"""Of a production: share of the time before it, and its own."""

DESCRIPTION = """\
Write a copy of a video with generated music as its sound.

The picture is copied bit for bit and its length is kept. Chapters, tags, dates, subtitles and attachments go along
where OUT can hold them, and the record of how the music was made is in its comment. VIDEO may be any file that FFmpeg
reads. OUT ends in .mp4, .m4v, .mov, .mkv or .webm, or in .wav or .flac for the sound alone; where it cannot carry the
picture's codec, the message names one that can.

Of several --candidates the best is OUT, the others are beside it: OUT.take-2.mp4, OUT.take-3.mp4 ...

Several videos, or a folder of them, go into a folder: --out FOLDER. Those that are done are not made again; those that
fail are named at the end, with the reason, and the exit status is then 1.
"""


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "generate", help="write a copy of a video with music", description=DESCRIPTION
    )
    parser.set_defaults(run=_generate)
    parser.add_argument("video", type=Path, metavar="VIDEO", nargs="+", help="the video to write music for")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="the file to write, or a folder")
    parser.add_argument(
        "--model",
        default="models:/vmas@champion",
        help="an address in the model registry or a model folder (default: %(default)s)",
    )
    parser.add_argument(
        "--music", type=Path, help="music to keep and continue, or to --redo: a sound, a video, or a take's .npz"
    )
    parser.add_argument(
        "--takes", type=Path, metavar="FOLDER", help="also keep every take: music alone, record, and tokens for --music"
    )
    parser.add_argument(
        "--c2pa-certificate", type=Path, metavar="PEM", help="sign the result: your certificate chain, yours first"
    )
    parser.add_argument("--c2pa-key", type=Path, metavar="PEM", help="and its private key")
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
    for title, names in GROUPS.items():
        group = parser.add_argument_group(title)
        for name in names:
            _add_option(group, name)


def _add_option(group: Any, name: str) -> None:
    """An argument for a field of `Options`, which holds its text, rule and default."""
    field = Options.model_fields[name]
    flag, described = f"--{name.removesuffix('_s').replace('_', '-')}", str(field.description)
    if field.annotation is bool:
        group.add_argument(flag, dest=name, action="store_true", default=argparse.SUPPRESS, help=described)
        return

    def parse(text: str) -> Any:
        try:
            return parse_option(name, text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    shown = "" if field.default in (None, ()) else f" (default: {field.default})"
    group.add_argument(
        flag, dest=name, type=parse, default=argparse.SUPPRESS, help=(described + shown).replace("%", "%%")
    )


def _generate(arguments: argparse.Namespace) -> None:
    many = len(arguments.video) > 1 or arguments.video[0].is_dir()
    into_folder = many or arguments.out.is_dir()
    given = {name: value for name, value in vars(arguments).items() if name in Options.model_fields}
    if not into_folder:
        given |= {"container": _container(arguments.out, given.get("container"))}
    options = Options.of(given)
    if many and arguments.music:
        raise ValueError(f"--music {arguments.music} is for one video: give one VIDEO")
    if options.redo and not arguments.music:
        raise ValueError("--redo needs the music whose sections are to be made anew: give it with --music")
    if other_systems.is_wanted(arguments):
        if into_folder:
            raise ValueError(f"--system {arguments.system} makes music for one video: give one VIDEO, and OUT a file")
        return other_systems.put_music(arguments, options)
    work = _Work(arguments, options)
    from vmas_pipeline.production.orders import Order, orders

    one = [Order(video=arguments.video[0], out=arguments.out)]
    listed = orders(arguments.video, arguments.out, options.container) if into_folder else one
    if many:
        work.run_all(listed)
    else:
        work.run_one(listed[0])


def _container(out: Path, asked: str | None) -> str:
    """From OUT's name."""
    from vmas_pipeline.media import printable

    kinds = get_args(Options.model_fields["container"].annotation)
    found = out.suffix.lower().removeprefix(".")
    if found not in kinds or asked not in (None, found):
        raise ValueError(
            f"output ({printable(out)}) must end in "
            + (f".{asked}, as --container asks" if asked else f"one of .{', .'.join(kinds)}")
        )
    return found


class _Work:
    """Orders, one after the other, with one model and one progress bar."""

    def __init__(self, arguments: argparse.Namespace, options: Options) -> None:
        from vmas_pipeline.media import Limits

        self.arguments, self.options = arguments, options
        self.limits = Limits(duration_s=arguments.max_duration)
        self.signer = _signer(arguments, options)

    def run_one(self, order: "Order") -> None:
        """Fill an order; what is wrong ends the command."""
        started = time.monotonic()
        _check_paths(order)
        self.check(order)
        generator = self.load()
        with _Bar(1) as bar:
            production = self.fill(order, generator, bar, self.arguments.takes)
        self.tell(order, production, time.monotonic() - started)

    def run_all(self, orders: "list[Order]") -> None:
        """Fill those that are not done; what is wrong with one is told at the end, with status 1."""
        from vmas_pipeline.media import printable
        from vmas_pipeline.production.batch import is_done

        generator, failed, kept = self.load(), dict[Path, str](), 0
        with _Bar(len(orders)) as bar:
            for order in orders:
                try:
                    if is_done(order, generator, self.options, self.arguments.model, self.signer is not None):
                        kept += 1
                    else:
                        order.out.parent.mkdir(parents=True, exist_ok=True)
                        _check_paths(order)
                        self.check(order)
                        self.fill(order, generator, bar, self._takes_of(order))
                except (ValueError, OSError) as error:
                    failed[order.video] = " ".join(str(error).split())
                bar.next()
        made = len(orders) - kept - len(failed)
        print(f"{printable(self.arguments.out)}: {made} made, {kept} done before, {len(failed)} failed")
        for video, reason in failed.items():
            print(f"failed: {printable(video)}: {reason}", file=sys.stderr)
        if failed:
            sys.exit(1)

    def check(self, order: "Order") -> None:
        """Refuse a video, or a place for it, before the work."""
        from vmas_pipeline.media import CONTAINERS, check_output, measure

        measure(order.video, self.limits)
        if order.out.suffix.lower() in CONTAINERS:
            check_output(order.video, order.out, self.limits)

    def load(self) -> "Generator":
        from vmas_pipeline.registry import model_folder_meanwhile

        print(f"loading {self.arguments.model}", flush=True)
        with model_folder_meanwhile(self.arguments.model) as folder:
            from vmas_pipeline.audio.onsets import load_librosa
            from vmas_pipeline.generator import Generator

            load_librosa()
            return Generator.load(folder(), int8=self.arguments.int8)

    def fill(self, order: "Order", generator: "Generator", bar: "_Bar", takes: Path | None) -> "Production":
        from vmas_pipeline.production.batch import fill

        return fill(
            order,
            generator,
            self.options,
            takes=takes,
            model_name=self.arguments.model,
            music=self.arguments.music,
            signer=self.signer,
            progress=bar.show,
            limits=self.limits,
        )

    def tell(self, order: "Order", production: "Production", seconds: float) -> None:
        """What was made, in one line for each take, and what was left behind."""
        from vmas_pipeline.media import measure, printable
        from vmas_pipeline.production.scores import RANKED_BY

        info = measure(order.video, self.limits)
        picture = f"picture {info.video_codec} {info.width}x{info.height} copied"
        what = picture if "video" in production.takes[0].files else "sound alone"
        for number, take in enumerate(production.takes, 1):
            scores = ", ".join(f"{n} {take.scores[n]:.2f}" for n in RANKED_BY if take.scores.get(n) is not None)
            print(
                f"{printable(order.take(number))}: {info.duration_s:.2f} s, {what}, music by {self.arguments.model} "
                f"with seed {take.seed} ({scores}), made in {seconds:.0f} s"
            )
        if production.left:
            print(f"left behind, since {order.out.suffix} has no place for it: {', '.join(production.left)}")

    def _takes_of(self, order: "Order") -> Path | None:
        return self.arguments.takes and self.arguments.takes / order.out.name


def _signer(arguments: argparse.Namespace, options: Options) -> "Signer | None":
    certificate, key = arguments.c2pa_certificate, arguments.c2pa_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ValueError("--c2pa-certificate and --c2pa-key belong together: give both")
    from vmas_pipeline.production.credentials import Signer, check_signable

    check_signable(options.container)
    return Signer.read(certificate, key)


class _Bar:
    """Progress over videos, in which each stage of one has its share."""

    def __init__(self, videos: int) -> None:
        from tqdm import tqdm

        self.done, self.bar = (
            0,
            tqdm(
                total=videos,
                disable=None,
                leave=False,
                bar_format="{desc}{percentage:3.0f}%|{bar}| {elapsed}<{remaining}",
            ),
        )

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def show(self, stage: str, done: int, total: int) -> None:
        """Progress of the video at hand."""
        before, share = STAGES[stage]
        self.bar.set_description_str(f"video {self.done + 1} of {self.bar.total:.0f}, {stage}: ", refresh=False)
        self.bar.update(self.done + before + share * done / max(1, total) - self.bar.n)

    def next(self) -> None:
        """The video at hand is done."""
        self.done += 1
        self.bar.update(self.done - self.bar.n)


def _check_paths(order: "Order") -> None:
    video, out = order.video, order.out
    if not video.is_file():
        raise ValueError(f"{video} is not a file: give the path of a video")
    if not out.parent.is_dir():
        raise ValueError(f"--out {out}: the folder {out.parent} does not exist; make it first")
    if out.exists() and out.samefile(video):
        raise ValueError(f"--out {out} is the input itself: choose another name")
