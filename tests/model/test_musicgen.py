"""Parity with MusicGen: the same random weights and inputs, the same output."""

import pytest
import torch
from transformers import MusicgenForCausalLM
from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

from vmas_pipeline.model.music_decoder import MusicDecoder

WIDTH, LAYERS, HEADS, CARD = 32, 3, 4, 24


def randomised(model: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=1.0 if "norm" in name and name.endswith("weight") else 0.0, std=0.05)
    return model.eval()


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def audiocraft_lm(memory_efficient: bool = True) -> torch.nn.Module:
    from audiocraft.models.lm import LMModel
    from audiocraft.modules.codebooks_patterns import DelayedPatternProvider
    from audiocraft.modules.conditioners import ConditionFuser, ConditioningProvider
    from audiocraft.modules.transformer import set_efficient_attention_backend

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
