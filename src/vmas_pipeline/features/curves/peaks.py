"""Where motion peaks: the moments that MV Align expects an onset at."""

# F frames

import numpy as np

from vmas_pipeline.features.curves.interface import Curves
from vmas_pipeline.features.flow import mean_flow
from vmas_pipeline.features.peaks import flow_peaks


def draw(frames: np.ndarray, frame_rate: float) -> np.ndarray:
    """The prominent peaks of the motion (`flow_peaks`).

    Args:
        frames: uint8 [F, H, W, 3], RGB.
        frame_rate: unused: the curve is per frame.

    Returns:
        float32 [F, 1]: 1 at the later frame of each pair between which motion peaks, else 0.
    """
    marks = np.zeros((len(frames), 1), np.float32)
    if len(frames) > 1:
        pairs = np.floor(flow_peaks(mean_flow(frames), frame_rate=1.0)).astype(int)
        marks[pairs + 1] = 1
    return marks


CURVES = Curves(1, draw, exact=True)
