"""Which videos are to get music, and what the results are called."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vmas_pipeline.media import printable


@dataclass(frozen=True, kw_only=True)
class Order:
    """A video, and the file that its best take goes to."""

    video: Path
    out: Path

    def take(self, number: int) -> Path:
        """Where the take of a number goes, from 1: OUT.mp4, then OUT.take-2.mp4 and so on."""
        return self.out if number == 1 else self.out.with_suffix(f".take-{number}{self.out.suffix}")


def orders(videos: Sequence[Path], folder: Path, container: str) -> list[Order]:
    """An order for each file, and for each of those in the trees of folders; hidden ones and results are left out.

    Args:
        videos: files and folders.
        folder: gets the results, in the same tree; files that differ in their suffix alone keep it.
        container: suffix of the results, without its dot.

    Raises:
        ValueError: something that is not there, a folder without files, or the one that the results go to.
    """
    found: dict[Path, Path] = {}  # from a video to its place in the folder
    results = folder.resolve()
    for given in videos:
        if not given.exists():
            raise ValueError(f"{printable(given)} is not a file: give the path of a video, or of a folder of them")
        tree = sorted(given.rglob("*")) if given.is_dir() else [given]
        if given.resolve() == results:
            raise ValueError(f"{printable(folder)} is the folder of the videos itself: name another for the results")
        files = [path for path in tree if path.is_file() and not path.name.startswith(".")]
        files = [path for path in files if given.is_file() or results not in path.resolve().parents]
        if not files:
            raise ValueError(f"{printable(given)} has no files: give a folder of videos")
        found |= {path: path.relative_to(given) if given.is_dir() else Path(path.name) for path in files}
    stems = [place.with_suffix("") for place in found.values()]
    names = [place.name if stems.count(stem) > 1 else stem.name for place, stem in zip(found.values(), stems)]
    return [
        Order(video=video, out=folder / place.parent / f"{name}.{container}")
        for (video, place), name in zip(found.items(), names)
    ]
