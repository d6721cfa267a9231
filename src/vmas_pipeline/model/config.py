"""Sizes of the model. Named sizes are functions: `vmas_base()` trains on two CPU cores, `vmas_paper()` is the paper."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar, cast, get_type_hints

from vmas_pipeline.model.encoders import EncoderConfig, encoder_kind
from vmas_pipeline.model.encoders.clip_vit import clip_base
from vmas_pipeline.model.encoders.hiera import HieraConfig, stock_hiera, temporal_hiera

T = TypeVar("T")


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
    """Add sinusoidal positions to the context, in the decoder's unit of time (not in the paper)."""
    context_time_bias: bool = False
    """Learn a cross-attention bias that depends on the distance in time (not in the paper)."""
    time_aligned_path: bool = False
    """Add the context, interpolated to each step's time, to the decoder's input (not in the paper)."""


@dataclass(frozen=True, kw_only=True)
class VMAsConfig:
    """The whole model: the settings that encoder and decoder share, and each one's own."""

    video: EncoderConfig
    decoder: MusicDecoderConfig
    frame_rate: float
    """Video frames per second."""
    token_rate: float
    """Audio token frames per second."""
    code_width: int
    """Width of the codec's code vectors (the matrix E of section 4.4)."""
    projection_width: int
    """Width of the shared space of the contrastive loss."""
    frame_stride: int = 1
    """The video encoder gets every n-th frame of a clip."""
    frame_shrink: int = 1
    """It gets them at one n-th of a clip's height and width, as curves need larger frames (not in the paper)."""
    curves: dict[str, int] = field(default_factory=dict)
    """Curves over the frames that condition the decoder besides the video: name to count (not in the paper)."""
    pool_video: bool = False
    """Average the video's features over the clip: it tells how a film looks, and the curves when something happens (not
    in the paper)."""

    def __post_init__(self) -> None:
        if self.pool_video and not self.curves:
            raise ValueError(
                "model.pool_video leaves all timing to the curves, and model.curves names none: set "
                "train.model.curves, or train.model.overrides.pool_video to false"
            )

    @property
    def frames_per_clip(self) -> int:
        """Video frames of a clip."""
        return self.video.frames * self.frame_stride

    @property
    def tokens_per_clip(self) -> int:
        """Audio token frames of a clip."""
        return round(self.frames_per_clip / self.frame_rate * self.token_rate)

    @property
    def context_stride(self) -> int:
        """Frames of a clip per context step."""
        return 1 if self.pool_video else self.frame_stride * self.video.temporal_stride

    @property
    def context_rate(self) -> float:
        """Context steps per second."""
        return self.frame_rate / self.context_stride

    @property
    def context_offset(self) -> float:
        """The time of a context step, as a fraction of the step: the middle of its first frame, on which the
        encoder's strided kernel is centred."""
        return 0.5 / self.context_stride

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def vmas_base() -> VMAsConfig:
    """The embedded default: 5 s of 48 frames at 64x64, 250 steps of 4 x 256 codes, about 1 M parameters."""
    return VMAsConfig(
        video=HieraConfig(
            frames=48,
            frame_size=32,
            depths=(1, 1, 2),
            widths=(32, 64, 128),
            heads=(1, 2, 4),
            pool_strides=(2, 2),
            windows=(4, 2, None),
            patch_kernel=(3, 9, 9),
            patch_stride=(1, 8, 8),
            patch_padding=(1, 4, 4),
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
        frame_shrink=2,
    )


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
    """Table 6's second row: the paper's clip, with every sixth frame given to stock Hiera-Base."""
    return replace(vmas_paper(), video=stock_hiera(), frame_stride=6)


def vmas_clip() -> VMAsConfig:
    """Table 6's first row: the paper's clip, with every sixth frame given to CLIP's ViT-B/16."""
    return replace(vmas_paper(), video=clip_base(), frame_stride=6)


SIZES = {"vmas_base": vmas_base, "vmas_paper": vmas_paper, "vmas_hiera": vmas_hiera, "vmas_clip": vmas_clip}


def with_overrides(config: T, overrides: Mapping[str, Any], path: str = "model") -> T:
    """A copy of a config with some fields changed; overrides are nested like the config.

    Args:
        config: any config of this module.
        overrides: field names to values, or to nested overrides if the field is itself a config.
        path: the config's name in error messages.

    Raises:
        ValueError: a key that the config lacks, or a value of another type; the message names the key.

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
            other_kind = "kind" in value and value["kind"] != getattr(old, "kind", None)
            change: Any = _encoder_of_kind if other_kind else with_overrides
            values[key] = change(old, value, f"{path}.{key}")
        else:
            values[key] = _checked(value, old, types[key], f"{path}.{key}")
    return type(config)(**values)


def config_from_dict(values: Mapping[str, Any]) -> VMAsConfig:
    """The config that `VMAsConfig.to_dict` wrote, also after a JSON round trip.

    Raises:
        ValueError: a key is missing or unknown.
    """
    needed = {f.name for f in fields(VMAsConfig) if f.default is MISSING and f.default_factory is MISSING}
    missing = sorted(needed - set(values))
    if missing:
        raise ValueError(f"model config lacks {', '.join(missing)}: was it written by another version?")
    video = {"kind": "clip_vit" if "patch" in values["video"] else "hiera", **values["video"]}  # once had no kind
    return with_overrides(vmas_base(), {**values, "video": video})


def _encoder_of_kind(old: EncoderConfig, values: Mapping[str, Any], path: str) -> EncoderConfig:
    """Sizes of an encoder of another kind, for the same frames unless overridden."""
    config = encoder_kind(values["kind"]).config
    given = {"frames": old.frames, "frame_size": old.frame_size, **values}
    names = {f.name: f.default is MISSING for f in fields(config)}
    if wrong := sorted(set(given) - set(names)):
        raise ValueError(f"{path}.{wrong[0]} is not an option: {path} has {', '.join(sorted(names))}")
    if missing := sorted(name for name, needed in names.items() if needed and name not in given):
        raise ValueError(f"{path} lacks {', '.join(missing)}, which kind {values['kind']} needs")
    return config(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


def _checked(value: Any, old: Any, annotation: Any, path: str) -> Any:
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(old):
        raise ValueError(f"{path} ({value!r}) must be of type {getattr(annotation, '__name__', annotation)}")
    return value
