"""Parity with timm's Hiera: the same random weights and inputs, the same output."""

import pytest
import torch
from timm.models import hiera as timm_hiera

from vmas_pipeline.model.config import vmas_base, with_overrides
from vmas_pipeline.model.encoders.hiera import (
    Hiera,
    hiera_base_16x224,
    hiera_base_224,
    inflate,
    interpolate_positions,
    temporal_hiera_base,
)

from ..test_musicgen import randomised, relative_error

VIDEO = {
    "q_stride": (1, 2, 2), "mask_unit_size": (1, 8, 8), "patch_kernel": (3, 7, 7), "patch_stride": (2, 4, 4),
    "patch_padding": (1, 3, 3), "sep_pos_embed": True,
}  # fmt: skip


def pooled(hiera: timm_hiera.Hiera, frames: torch.Tensor) -> torch.Tensor:
    """Their last stage after their norm, averaged over space: [B, T, D]."""
    features = hiera.forward_features(frames)  # [B, T * H * W, D]
    return hiera.head.norm(features).unflatten(1, (-1, 49)).mean(2)


@torch.inference_mode()
def test_the_image_model_computes_what_timms_hiera_base_computes():
    theirs, ours = randomised(timm_hiera.Hiera(num_classes=10)), hiera_base_224().eval()
    loaded = ours.load_hiera(theirs.state_dict())
    assert loaded.kept == ()
    assert loaded.dropped == ("head.fc.weight", "head.fc.bias")
    images = torch.randn(2, 3, 224, 224)
    assert relative_error(ours(images.unsqueeze(2)), pooled(theirs, images)) <= 1e-5


@torch.inference_mode()
def test_the_video_model_computes_what_timms_hiera_base_computes_on_16_frames():
    theirs, ours = (
        randomised(timm_hiera.Hiera(img_size=(16, 224, 224), num_classes=10, **VIDEO)),
        hiera_base_16x224().eval(),
    )
    ours.load_hiera(theirs.state_dict())
    video = torch.randn(1, 3, 16, 224, 224)
    assert relative_error(ours(video), pooled(theirs, video)) <= 1e-5


def test_the_papers_encoder_takes_a_video_models_weights_with_its_times_interpolated():
    theirs, ours = randomised(timm_hiera.Hiera(img_size=(16, 224, 224), num_classes=10, **VIDEO)), temporal_hiera_base()
    loaded = ours.load_hiera(theirs.state_dict())
    assert loaded.changed == {"pos_embed_temporal": "8 positions, interpolated to 48"}
    assert torch.equal(ours.blocks[21].attn.qkv.weight, theirs.blocks[21].attn.qkv.weight)
    assert ours.pos_embed_temporal.shape == (1, 48, 96)


def test_facebooks_names_and_those_of_its_pretraining_are_known():
    theirs = randomised(timm_hiera.Hiera(num_classes=10)).state_dict()
    facebook = {n.replace("head.norm", "norm").replace("head.fc", "head.projection"): v for n, v in theirs.items()}
    pretraining = {name.replace("head.norm", "encoder_norm"): v for name, v in theirs.items()} | {
        "mask_token": torch.zeros(1), "decoder_blocks.0.norm1.weight": torch.zeros(8)
    }  # fmt: skip
    models = [hiera_base_224() for _ in range(3)]
    for model, state in zip(models, (theirs, facebook, pretraining), strict=True):
        model.load_hiera(state)
    for name, value in models[0].state_dict().items():
        assert all(torch.equal(model.state_dict()[name], value) for model in models), name


@torch.inference_mode()
def test_an_image_models_weights_see_a_still_video_as_the_image():
    images = randomised(timm_hiera.Hiera(num_classes=0))
    encoder = hiera_base_16x224().eval()
    loaded = encoder.load_hiera(images.state_dict())
    assert loaded.changed["patch_embed.proj.weight"] == "an image's, spread over 3 frames"
    still = torch.randn(1, 3, 1, 224, 224)
    tokens = encoder.patch_embed(still.expand(-1, -1, 16, -1, -1))[:, 1]  # the first has a frame of padding
    expected = images.patch_embed.proj(still[:, :, 0]).permute(0, 2, 3, 1)
    assert torch.allclose(tokens, expected, atol=1e-5)


def test_inflation_keeps_the_kernels_sum_and_interpolation_keeps_a_line():
    kernel = torch.randn(4, 3, 7, 7)
    assert torch.allclose(inflate(kernel, 3).sum(2), kernel, atol=1e-6)
    line = torch.arange(8.0)[None, :, None]
    assert torch.allclose(interpolate_positions(line, 16)[0, 1:-1, 0].diff(), torch.tensor(0.5))


def test_a_difference_channel_starts_without_a_say():
    config = with_overrides(vmas_base().video, {"frame_difference": True})
    colours = Hiera(with_overrides(config, {"frame_difference": False})).state_dict()
    encoder = Hiera(config)
    encoder.load_hiera(colours)
    assert encoder.patch_embed.proj.weight[:, 3].abs().max() == 0
    assert torch.equal(encoder.patch_embed.proj.weight[:, :3], colours["patch_embed.proj.weight"])


def test_weights_of_another_hiera_are_refused_by_name_and_shape_and_nothing_changes():
    encoder = hiera_base_224()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    with pytest.raises(ValueError, match=r"blocks\.0\.norm1\.weight is \[96\] here and \[32\] there"):
        encoder.load_hiera(timm_hiera.Hiera(embed_dim=32, stages=(2, 3, 16, 3)).state_dict())
    with pytest.raises(ValueError, match=r"blocks\.23\.norm1\.weight is missing there"):
        encoder.load_hiera(timm_hiera.Hiera(stages=(2, 3, 16, 2)).state_dict())
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
