"""Mean optical-flow magnitude of each pair of consecutive frames (paper section 4.4)."""

from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from vmas_pipeline.features.resize import resize_frames

if TYPE_CHECKING:
    import torch

FlowMethod = Literal["dis", "raft"]

RAFT_LEAST_SIZE = 128  # its correlation pyramid needs 16 cells of 8 pixels


def mean_flow(
    frames: np.ndarray, method: FlowMethod = "dis", *, size: int | None = None, raft_weights: Path | None = None
) -> np.ndarray:
    """How much the picture moves from each frame to the next.

    Args:
        frames: uint8 [T, H, W, 3], RGB, at least two.
        method: "dis", OpenCV's dense inverse search, on the CPU; "raft", torchvision's RAFT, the paper's.
        size: the frames' short side is first resized to this many pixels; None keeps it (RAFT: at least 128).
        raft_weights: state dict of torchvision's raft_small or raft_large, needed by "raft".

    Returns:
        float32 [T - 1], mean over the picture of the flow's length in picture widths per frame: comparable between
        sizes.

    Raises:
        ValueError: an unknown method, fewer than two frames, or "raft" without its weights.
    """
    if len(frames) < 2:
        raise ValueError(f"mean_flow needs two frames or more, got {len(frames)}")
    if method == "dis":
        resized = resize_frames(frames, size or min(frames.shape[1:3]))
        return _dis_flow(resized.tobytes(), resized.shape).copy()
    if method == "raft":
        least = max(size or min(frames.shape[1:3]), RAFT_LEAST_SIZE)
        return _raft_flow(resize_frames(frames, least), raft_weights)
    raise ValueError(f"flow method {method!r} is unknown: set features.flow_method to 'dis' or 'raft'")


@lru_cache(maxsize=1)
def _dis_flow(pixels: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """Every level of the pyramid down to single pixels: 50 ms for 48 frames of 64 x 64.

    Remembered for the clip at hand, whose flow and curves both need it.
    """
    import cv2

    frames = np.frombuffer(pixels, np.uint8).reshape(shape)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    search.setFinestScale(0)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    # None: no initial flow (an array would be used as one); OpenCV's annotations omit it
    means = [_mean_length(search.calc(a, b, None)) for a, b in pairwise(grey)]  # type: ignore[call-overload]
    return np.array(means, np.float32) / frames.shape[2]


def _mean_length(field: np.ndarray) -> float:
    """Mean Euclidean length of a flow field [H, W, 2], in pixels."""
    return float(np.hypot(field[..., 0], field[..., 1]).mean())


def _raft_flow(frames: np.ndarray, weights: Path | None, batch: int = 8) -> np.ndarray:
    import torch

    height, width = (side - side % 8 for side in frames.shape[1:3])
    network = load_raft(weights)
    device = next(network.parameters()).device
    video = torch.from_numpy(frames[:, :height, :width]).permute(0, 3, 1, 2)  # [T, 3, H, W]
    means = []
    with torch.inference_mode():
        for first in range(0, len(video) - 1, batch):
            part = video[first : first + batch + 1].to(device).float() / 127.5 - 1
            field = network(part[:-1], part[1:])[-1]  # [batch, 2, H, W]
            means.append(field.norm(dim=1).mean(dim=(1, 2)).cpu().numpy())
    return np.concatenate(means).astype(np.float32) / width


@cache
def load_raft(weights: Path | None) -> "torch.nn.Module":
    """torchvision's RAFT with the given weights: large or small, detected from the shapes in the file.

    Cached for the life of the process.

    Raises:
        ValueError: no path, no such file, or weights of something else.
    """
    import torch
    from torchvision.models.optical_flow import raft_large, raft_small

    if weights is None or not Path(weights).is_file():
        raise ValueError(
            f"RAFT's weights are not at {weights}: put torchvision's raft_large_C_T_SKHT_V2-ff5fadd5.pth (or "
            "raft_small_C_T_V2-01064c6d.pth) there and name it in features.raft_weights, or set "
            "features.flow_method to 'dis', which needs none"
        )
    state = torch.load(weights, map_location="cpu", weights_only=True)
    for build in (raft_large, raft_small):
        network = build(weights=None)
        if {k: v.shape for k, v in network.state_dict().items()} == {k: v.shape for k, v in state.items()}:
            network.load_state_dict(state)
            return network.eval().to("cuda" if torch.cuda.is_available() else "cpu")
    raise ValueError(f"{weights} does not hold the weights of torchvision's raft_large or raft_small")
