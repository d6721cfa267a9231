"""The video encoders, one per file with its config, normalisation and mapping of published weights."""

from typing import NamedTuple

from vmas_pipeline.model.encoders.clip_vit import ClipViT, ClipViTConfig
from vmas_pipeline.model.encoders.hiera import Hiera, HieraConfig
from vmas_pipeline.model.encoders.interface import Encoder, EncoderConfig


class Kind(NamedTuple):
    """An encoder and its config dataclass, which has a field `kind`."""

    config: type
    network: type[Encoder]


ENCODERS: dict[str, Kind] = {
    "hiera": Kind(HieraConfig, Hiera),
    "clip_vit": Kind(ClipViTConfig, ClipViT),
}


def encoder_kind(name: str) -> Kind:
    """The encoder with this name.

    Raises:
        ValueError: there is none with that name.
    """
    if name not in ENCODERS:
        raise ValueError(f"video encoder kind {name!r} is unknown: choose one of {', '.join(ENCODERS)}")
    return ENCODERS[name]


def build_encoder(config: EncoderConfig) -> Encoder:
    """The encoder for a config, with random weights."""
    return encoder_kind(config.kind).network(config)


__all__ = ["ENCODERS", "Encoder", "EncoderConfig", "Kind", "build_encoder", "encoder_kind"]
