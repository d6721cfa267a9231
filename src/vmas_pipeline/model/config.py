"""Sizes of the model. Named sizes are functions: `vmas_base()` trains on two CPU cores, `vmas_paper()` is the paper."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, cast, get_type_hints

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class VideoEncoderConfig:
    """Hiera with a pooling stride and an attention window for each stage (paper section 4.2, Table 2)."""

    frames: int
    """Frames of a clip."""
    frame_size: int
    """Height and width of a frame in pixels."""
    depths: tuple[int, ...]
    """Blocks of each stage."""
    widths: tuple[int, ...]
    """Channels of each stage."""
    heads: tuple[int, ...]
    """Attention heads of each stage."""
    pool_strides: tuple[int, ...]
    """Spatial Q-pooling on entering stages 2, 3, ...: one fewer than there are stages."""
    windows: tuple[int | None, ...]
    """Side of the square attention window of each stage, within one frame; None attends over all frames and places."""
    patch_kernel: tuple[int, int, int] = (3, 7, 7)
    patch_stride: tuple[int, int, int] = (2, 4, 4)
    patch_padding: tuple[int, int, int] = (1, 3, 3)
    frame_difference: bool = False
    """Give the patch convolution |difference to the previous frame| as a fourth channel (not in the paper)."""
    drop_path: float = 0.0
    """Rate of stochastic depth in the last block; it rises linearly from 0 (Hiera)."""

    def __post_init__(self) -> None:
        stages = len(self.depths)
        for name, expected in (
            ("widths", stages),
            ("heads", stages),
            ("windows", stages),
            ("pool_strides", stages - 1),
        ):
            if len(getattr(self, name)) != expected:
                given = getattr(self, name)
                raise ValueError(f"{name} {given} must have {expected} entries, as depths has {stages} stages")

    @property
    def steps(self) -> int:
        """Time steps that come out: frames over the temporal stride of the patch convolution."""
        return self.frames // self.patch_stride[0]

    @property
    def temporal_stride(self) -> int:
        """Frames that become one time step."""
        return self.patch_stride[0]

    @property
    def width(self) -> int:
        """Channels that come out."""
        return self.widths[-1]

    @property
    def grid(self) -> int:
        """Tokens along one side of a frame after the patch convolution."""
        return self.frame_size // self.patch_stride[1]


@dataclass(frozen=True, kw_only=True)
class ImageEncoderConfig:
    """CLIP's vision transformer on single frames (paper Table 6)."""

    frames: int
    """Frames of a clip that it sees."""
    frame_size: int
    """Height and width of a frame in pixels."""
    patch: int
    """Side of a patch in pixels."""
    width: int
    """Channels, also those that come out."""
    depth: int
    heads: int
    temporal_stride: Literal[1] = 1
    """Frames that become one time step."""

    @property
    def steps(self) -> int:
        """Time steps that come out."""
        return self.frames


@dataclass(frozen=True, kw_only=True)
class MusicDecoderConfig:
    """MusicGen's transformer with cross-attention to video (paper section 4.3)."""

    width: int
    layers: int
    heads: int
    ffn_multiplier: int = 4
    codebooks: int = 4
    card: int = 2048
    """Entries of each codebook."""
    context_positions: bool = False
    """Add sinusoidal positions to the context, in the decoder's own unit of time (not in the paper)."""
    context_time_bias: bool = False
    """Learn a bias on cross-attention by the distance in time (not in the paper)."""
    time_aligned_path: bool = False
    """Add the context, interpolated to each step's time, to the decoder's input (not in the paper)."""


@dataclass(frozen=True, kw_only=True)
class VMAsConfig:
    """The whole model: what the two halves share, and each half."""

    video: VideoEncoderConfig | ImageEncoderConfig
    decoder: MusicDecoderConfig
    frame_rate: float
    """Video frames a second."""
    token_rate: float
    """Audio token frames a second."""
    code_width: int
    """Width of the codec's code vectors (the matrix E of section 4.4)."""
    projection_width: int
    """Width of the shared space of the contrastive loss."""
    frame_stride: int = 1
    """Every n-th frame of a clip reaches the video encoder."""

    @property
    def frames_per_clip(self) -> int:
        """Video frames of a clip."""
        return self.video.frames * self.frame_stride

    @property
    def tokens_per_clip(self) -> int:
        """Audio token frames of a clip."""
        return round(self.frames_per_clip / self.frame_rate * self.token_rate)

    @property
    def context_rate(self) -> float:
        """Steps of the video features a second."""
        return self.frame_rate / self.frame_stride / self.video.temporal_stride

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def vmas_base() -> VMAsConfig:
    """The embedded default: 5 s of 48 frames at 32x32, 250 steps of 4 x 256 codes, about 1 M parameters."""
    return VMAsConfig(
        video=VideoEncoderConfig(
            frames=48,
            frame_size=32,
            depths=(1, 1, 2),
            widths=(32, 64, 128),
            heads=(1, 2, 4),
            pool_strides=(4, 2),
            windows=(8, 2, None),
            patch_stride=(1, 4, 4),
            frame_difference=True,
        ),
        decoder=MusicDecoderConfig(
            width=128,
            layers=2,
            heads=4,
            ffn_multiplier=3,
            card=256,
            context_positions=True,
            context_time_bias=True,
            time_aligned_path=True,
        ),
        frame_rate=9.6,
        token_rate=50.0,
        code_width=64,
        projection_width=64,
    )


def temporal_hiera() -> VideoEncoderConfig:
    """The paper's encoder: Hiera-Base on 96 frames of 224x224 with pooling strides 4, 7, 2 (Table 2)."""
    return VideoEncoderConfig(
        frames=96,
        frame_size=224,
        depths=(2, 3, 16, 3),
        widths=(96, 192, 384, 768),
        heads=(1, 2, 4, 8),
        pool_strides=(4, 7, 2),
        windows=(8, 7, None, None),
    )


def stock_hiera() -> VideoEncoderConfig:
    """Hiera-Base as published, on 16 frames of 224x224."""
    return replace(temporal_hiera(), frames=16, pool_strides=(2, 2, 2), windows=(8, 4, None, None))


def clip_base() -> ImageEncoderConfig:
    """CLIP's ViT-B/16 on 16 frames of 224x224."""
    return ImageEncoderConfig(frames=16, frame_size=224, patch=16, width=768, depth=12, heads=12)


def vmas_paper() -> VMAsConfig:
    """The paper: Hiera-Base with strides 4, 7, 2 on 96 frames at 224x224, and MusicGen-medium's decoder (500 steps)."""
    return VMAsConfig(
        video=temporal_hiera(),
        decoder=MusicDecoderConfig(width=1536, layers=48, heads=24),
        frame_rate=9.6,
        token_rate=50.0,
        code_width=128,
        projection_width=512,
    )


def vmas_hiera() -> VMAsConfig:
    """Table 6's second row: the paper's clip, of which stock Hiera-Base sees every sixth frame."""
    return replace(vmas_paper(), video=stock_hiera(), frame_stride=6)


def vmas_clip() -> VMAsConfig:
    """Table 6's first row: the paper's clip, of which CLIP's ViT-B/16 sees every sixth frame."""
    return replace(vmas_paper(), video=clip_base(), frame_stride=6)


SIZES = {"vmas_base": vmas_base, "vmas_paper": vmas_paper, "vmas_hiera": vmas_hiera, "vmas_clip": vmas_clip}


def with_overrides(config: T, overrides: Mapping[str, Any], path: str = "model") -> T:
    """A copy of a config with some fields changed, nested as the config is.

    Args:
        config: any config of this module.
        overrides: field names to values, or to further overrides where the field is a config itself.
        path: how error messages name the config.

    Raises:
        ValueError: a key that the config has not, or a value of another type; the message names the key.

    >>> with_overrides(vmas_base(), {"decoder": {"layers": 3}}).decoder.layers
    3
    """
    values = {f.name: getattr(config, f.name) for f in fields(cast(Any, config))}
    types = get_type_hints(type(config))
    for key, value in overrides.items():
        if key not in values:
            raise ValueError(f"{path}.{key} is not an option: {path} has {', '.join(sorted(values))}")
        old = values[key]
        if is_dataclass(old):
            if not isinstance(value, Mapping):
                raise ValueError(f"{path}.{key} ({value!r}) must be a mapping of its options")
            values[key] = with_overrides(old, value, f"{path}.{key}")
        else:
            values[key] = _checked(value, old, types[key], f"{path}.{key}")
    return type(config)(**values)


def config_from_dict(values: Mapping[str, Any]) -> VMAsConfig:
    """The config that `VMAsConfig.to_dict` wrote, also after a trip through JSON.

    Raises:
        ValueError: a key is missing or unknown.
    """
    missing = sorted({f.name for f in fields(VMAsConfig) if f.default is MISSING} - set(values))
    if missing:
        raise ValueError(f"model config lacks {', '.join(missing)}: was it written by another version?")
    return with_overrides(vmas_clip() if "patch" in values["video"] else vmas_base(), values)


def _checked(value: Any, old: Any, annotation: Any, path: str) -> Any:
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(old):
        raise ValueError(f"{path} ({value!r}) must be of type {getattr(annotation, '__name__', annotation)}")
    return value
