"""Parity with the originals: the same random weights and inputs, the same output."""

import pytest
import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.codebooks_patterns import DelayedPatternProvider
from audiocraft.modules.conditioners import ConditionFuser, ConditioningProvider
from audiocraft.modules.transformer import set_efficient_attention_backend
from timm.models.hiera import Hiera
from transformers import MusicgenForCausalLM
from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

from vmas_pipeline.model.config import vmas_base, with_overrides
from vmas_pipeline.model.music_decoder import MusicDecoder
from vmas_pipeline.model.video_encoder import VideoEncoder, hiera_base_16x224, hiera_base_224, temporal_hiera_base
from vmas_pipeline.model.weights import inflate, interpolate_positions

VIDEO = {
    "q_stride": (1, 2, 2), "mask_unit_size": (1, 8, 8), "patch_kernel": (3, 7, 7), "patch_stride": (2, 4, 4),
    "patch_padding": (1, 3, 3), "sep_pos_embed": True,
}  # fmt: skip
WIDTH, LAYERS, HEADS, CARD = 32, 3, 4, 24


def randomised(model: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=1.0 if "norm" in name and name.endswith("weight") else 0.0, std=0.05)
    return model.eval()


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def pooled(hiera: Hiera, frames: torch.Tensor) -> torch.Tensor:
    """Their last stage after their norm, averaged over space: [B, T, D]."""
    features = hiera.forward_features(frames)  # [B, T * H * W, D]
    return hiera.head.norm(features).unflatten(1, (-1, 49)).mean(2)


@torch.inference_mode()
def test_the_image_model_computes_what_timms_hiera_base_computes():
    theirs, ours = randomised(Hiera(num_classes=10)), hiera_base_224().eval()
    loaded = ours.load_hiera(theirs.state_dict())
    assert loaded.kept == ()
    assert loaded.dropped == ("head.fc.weight", "head.fc.bias")
    images = torch.randn(2, 3, 224, 224)
    assert relative_error(ours(images.unsqueeze(2)), pooled(theirs, images)) <= 1e-5


@torch.inference_mode()
def test_the_video_model_computes_what_timms_hiera_base_computes_on_16_frames():
    theirs, ours = randomised(Hiera(img_size=(16, 224, 224), num_classes=10, **VIDEO)), hiera_base_16x224().eval()
    ours.load_hiera(theirs.state_dict())
    video = torch.randn(1, 3, 16, 224, 224)
    assert relative_error(ours(video), pooled(theirs, video)) <= 1e-5


def test_the_papers_encoder_takes_a_video_models_weights_with_its_times_interpolated():
    theirs, ours = randomised(Hiera(img_size=(16, 224, 224), num_classes=10, **VIDEO)), temporal_hiera_base()
    loaded = ours.load_hiera(theirs.state_dict())
    assert loaded.changed == {"pos_embed_temporal": "8 positions, interpolated to 48"}
    assert torch.equal(ours.blocks[21].attn.qkv.weight, theirs.blocks[21].attn.qkv.weight)
    assert ours.pos_embed_temporal.shape == (1, 48, 96)


def test_facebooks_names_and_those_of_its_pretraining_are_known():
    theirs = randomised(Hiera(num_classes=10)).state_dict()
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
    images = randomised(Hiera(num_classes=0))
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
    colours = VideoEncoder(with_overrides(config, {"frame_difference": False})).state_dict()
    encoder = VideoEncoder(config)
    encoder.load_hiera(colours)
    assert encoder.patch_embed.proj.weight[:, 3].abs().max() == 0
    assert torch.equal(encoder.patch_embed.proj.weight[:, :3], colours["patch_embed.proj.weight"])


def test_weights_of_another_hiera_are_refused_by_name_and_shape_and_nothing_changes():
    encoder = hiera_base_224()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    with pytest.raises(ValueError, match=r"blocks\.0\.norm1\.weight is \[96\] here and \[32\] there"):
        encoder.load_hiera(Hiera(embed_dim=32, stages=(2, 3, 16, 3)).state_dict())
    with pytest.raises(ValueError, match=r"blocks\.23\.norm1\.weight is missing there"):
        encoder.load_hiera(Hiera(stages=(2, 3, 16, 2)).state_dict())
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


def audiocraft_lm(memory_efficient: bool = True) -> LMModel:
    set_efficient_attention_backend("torch")
    fuser = ConditionFuser({"cross": ["description"], "sum": [], "prepend": [], "input_interpolate": []})
    return randomised(
        LMModel(
            DelayedPatternProvider(n_q=4), ConditioningProvider({}), fuser, n_q=4, card=CARD, dim=WIDTH,
            num_heads=HEADS, num_layers=LAYERS, norm_first=True, causal=True, cross_attention=True, bias_proj=False,
            bias_ff=False, bias_attn=False, activation="gelu", dropout=0.0, memory_efficient=memory_efficient,
        )
    )  # fmt: skip


def transformers_lm() -> MusicgenForCausalLM:
    config = MusicgenDecoderConfig(
        vocab_size=CARD, max_position_embeddings=64, num_hidden_layers=LAYERS, ffn_dim=4 * WIDTH,
        num_attention_heads=HEADS, hidden_size=WIDTH, num_codebooks=4, audio_channels=1, pad_token_id=CARD,
        bos_token_id=CARD, dropout=0.0,
    )  # fmt: skip
    return randomised(MusicgenForCausalLM(config))


def our_decoder(**options) -> MusicDecoder:
    return MusicDecoder(width=WIDTH, layers=LAYERS, heads=HEADS, card=CARD, **options).eval()


@torch.inference_mode()
@pytest.mark.parametrize("memory_efficient", [True, False])  # MusicGen's, and torch's attention, which has other names
def test_logits_equal_audiocrafts_under_its_weights_delay_pattern_included(memory_efficient):
    theirs, ours = audiocraft_lm(memory_efficient), our_decoder()
    loaded = ours.load_musicgen(theirs.state_dict())
    assert loaded.kept == loaded.dropped == ()
    codes, context = torch.randint(0, CARD, (2, 4, 20)), torch.randn(2, 6, WIDTH)
    condition = {"description": (context, torch.ones(2, 6))}
    expected = theirs.compute_predictions(codes, [], condition, keep_only_valid_steps=False)
    assert expected.mask.all()
    assert (ours(codes, context) - expected.logits).abs().max() <= 1e-4


@torch.inference_mode()
def test_logits_equal_transformers_under_its_weights():
    theirs, ours = transformers_lm(), our_decoder()
    ours.load_musicgen(theirs.state_dict())
    inputs, context = torch.randint(0, CARD, (2, 4, 20)), torch.randn(2, 6, WIDTH)  # in the delay pattern already
    expected = theirs(inputs.flatten(0, 1), encoder_hidden_states=context, use_cache=False).logits
    logits = ours.run(inputs, ours.prepare(context, 20))
    assert (logits - expected.view(2, 4, 20, CARD)).abs().max() <= 1e-4


def test_transformers_conditional_model_is_known_by_its_prefixes():
    state = {f"decoder.{name}": value for name, value in transformers_lm().state_dict().items()}
    state |= {"enc_to_dec_proj.weight": torch.ones(WIDTH, 48), "enc_to_dec_proj.bias": torch.ones(WIDTH)}
    state |= {"text_encoder.shared.weight": torch.zeros(4, 4), "audio_encoder.x": torch.zeros(1)}
    ours = our_decoder(context_width=48)
    loaded = ours.load_musicgen(state)
    assert set(loaded.dropped) >= {"text_encoder.shared.weight", "audio_encoder.x"}
    assert torch.equal(ours.context_proj.weight, torch.ones(WIDTH, 48))


@pytest.mark.parametrize(("width", "reuse"), [(64, True), (48, False)])
def test_the_text_projection_is_dropped_where_it_does_not_fit_or_is_not_wanted(width, reuse):
    prefix = "condition_provider.conditioners.description.output_proj."
    state = audiocraft_lm().state_dict()
    state |= {f"{prefix}weight": torch.ones(WIDTH, 48), f"{prefix}bias": torch.ones(WIDTH)}
    loaded = our_decoder(context_width=width).load_musicgen(state, reuse_text_projection=reuse)
    assert loaded.kept == ("context_proj.weight", "context_proj.bias")
    assert set(loaded.dropped) == {f"{prefix}weight", f"{prefix}bias"}


def test_the_time_aligned_options_keep_their_own_start():
    loaded = our_decoder(time_aligned_path=True, context_time_bias=True).load_musicgen(audiocraft_lm().state_dict())
    knots = {f"layers.{i}.cross_attention.time_bias.knots" for i in range(LAYERS)}
    assert set(loaded.kept) == {"aligned_proj.weight"} | knots


def test_other_weights_and_other_sizes_are_refused():
    with pytest.raises(ValueError, match=r"not MusicGen's: .*among them \(a, \.\.\.\)"):
        our_decoder().load_musicgen({"a": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"embeddings\.0\.weight is \[25, 64\] here and \[25, 32\] there"):
        MusicDecoder(width=64, layers=3, heads=4, card=CARD).load_musicgen(audiocraft_lm().state_dict())
    with pytest.raises(ValueError, match=r"layers\.3\.norm1\.weight is missing there"):
        MusicDecoder(width=WIDTH, layers=4, heads=4, card=CARD).load_musicgen(audiocraft_lm().state_dict())
