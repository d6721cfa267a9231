"""Encodes curves over a clip's frames, such as its motion, as features aligned with the video's."""

# B batch, F video frames, E curves, C context steps, D width

from torch import Tensor, nn
from torch.nn import functional

REACH = 5
"""Kernel size of the first layer, in frames."""


class CurveEncoder(nn.Module):
    """Two convolutions over time, across neighbouring frames and from frames to context steps, then a norm.

    Without the norm the features are a tenth of the video's that they are added to, and hardly heard at first.

    Args:
        curves: E.
        width: D, of the video features that these are added to.
        stride: frames per context step, F / C.
    """

    def __init__(self, curves: int, width: int, stride: int):
        super().__init__()
        self.frames = nn.Conv1d(curves, width, REACH, padding=REACH // 2)
        self.steps = nn.Conv1d(width, width, stride, stride=stride)
        self.norm = nn.LayerNorm(width)

    def forward(self, curves: Tensor) -> Tensor:
        """Curves [B, F, E] to features [B, C, D]."""
        hidden = functional.gelu(self.frames(curves.transpose(1, 2)))  # [B, D, F]
        return self.norm(self.steps(hidden).transpose(1, 2))
