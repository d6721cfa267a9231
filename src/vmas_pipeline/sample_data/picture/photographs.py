"""Photographs that installed packages bring along."""

# H height, W width

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A picture inside an installed package."""

    package: str
    path: str
    """Inside the package."""
    licence: str
    """SPDX identifier."""
    author: str


PHOTOGRAPHS: tuple[Photograph, ...] = (
    Photograph(
        package="sklearn",
        path="datasets/images/china.jpg",
        licence="CC-BY-2.0",
        author="danielbuechele (flickr.com/photos/danielbuechele/6061409035)",
    ),
    Photograph(
        package="sklearn",
        path="datasets/images/flower.jpg",
        licence="CC-BY-2.0",
        author="vultilion (flickr.com/photos/vultilion/6056698931)",
    ),
)
"""With the licences that the package states; pictures without a stated licence are not used."""


@cache
def load(photograph: Photograph) -> np.ndarray:
    """The picture, kept by the process: uint8 RGB [H, W, 3].

    Raises:
        FileNotFoundError: the package does not have the file.
    """
    import cv2

    path = _package_folder(photograph.package) / photograph.path
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise FileNotFoundError(f"{path} is not there or no picture: reinstall {photograph.package}")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def _package_folder(name: str) -> Path:
    """Where a package is installed; it is not imported, which would take seconds."""
    found = find_spec(name)
    assert found is not None and found.origin is not None, f"{name} is a dependency of this project"
    return Path(found.origin).parent
