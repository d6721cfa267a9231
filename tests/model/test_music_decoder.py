import math

import pytest
import torch

from vmas_pipeline.model.conditions import Context
from vmas_pipeline.model.config import vmas_paper
from vmas_pipeline.model.music_decoder import MusicDecoder
from vmas_pipeline.model.positions import interpolate, sinusoidal_positions

OPTIONS = {"context_positions": True, "context_time_bias": True, "time_aligned_path": True}


def small_decoder(**options) -> MusicDecoder:
    torch.manual_seed(0)
    return MusicDecoder(width=32, layers=2, heads=4, card=16, context_width=8, steps_per_context=5.0, **options).eval()


@pytest.mark.parametrize("options", [{}, OPTIONS])
def test_a_code_depends_on_earlier_steps_of_the_delay_pattern_alone(options):
    decoder, context = small_decoder(**options), torch.randn(1, 4, 8)
    codes = torch.randint(0, 16, (1, 4, 12))
    changed = codes.clone()
    changed[:, :, 6:] = (changed[:, :, 6:] + 1) % 16
    difference = (decoder(codes, context) - decoder(changed, context)).abs().amax((0, 3))  # [K, T]
    step = torch.arange(12) + torch.arange(4)[:, None]  # of frame t in codebook k
    assert difference[step <= 6].max() < 1e-5
    assert difference[step > 6].min() > 1e-4


def test_a_later_codebook_sees_the_earlier_ones_of_its_frame():
    decoder, context = small_decoder(), torch.randn(1, 4, 8)
    codes = torch.randint(0, 16, (1, 4, 12))
    changed = codes.clone()
    changed[:, 0, 5] = (changed[:, 0, 5] + 1) % 16
    difference = (decoder(codes, context) - decoder(changed, context)).abs().amax((0, 3))  # [K, T]
    assert difference[0, 5] < 1e-6
    assert difference[1, 5] > 1e-4


@pytest.mark.parametrize("options", [{}, OPTIONS])
def test_cached_generation_follows_the_parallel_forward(options):
    decoder, context = small_decoder(**options), torch.randn(2, 4, 8)
    greedy = decoder.generate(context, frames=20, top_k=1)
    assert torch.equal(decoder(greedy, context).argmax(-1), greedy)


@pytest.mark.parametrize("options", [{}, OPTIONS])
def test_an_absent_video_says_the_same_whatever_its_features_and_their_number(options):
    decoder, codes = small_decoder(**options), torch.randint(0, 16, (1, 4, 10))
    with torch.no_grad():
        decoder.context_proj.bias.fill_(1.0)
    one, four = (Context.of(torch.randn(1, steps, 8)).absent() for steps in (1, 4))
    assert torch.allclose(decoder(codes, one), decoder(codes, four), atol=1e-5)


def test_codes_of_another_shape_or_range_are_refused():
    decoder, context = small_decoder(), torch.randn(1, 4, 8)
    with pytest.raises(ValueError, match=r"codes \[1, 3, 10\] must have the shape \[batch, 4, frames\]"):
        decoder(torch.zeros(1, 3, 10, dtype=torch.int64), context)
    with pytest.raises(ValueError, match=r"codes reach from 0 to 16: they must lie in 0 \.\. 15"):
        decoder(torch.tensor([0, 0, 0, 16]).view(1, 4, 1), context)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match=r"width \(30\) must be a multiple of heads \(4\)"):
        MusicDecoder(width=30, layers=1, heads=4)


def test_positions_are_cosines_then_sines():
    positions = sinusoidal_positions(torch.tensor([0.0, 3.0]), 8)
    assert positions[0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert positions[1, 0] == pytest.approx(math.cos(3.0))
    assert positions[1, 7] == pytest.approx(math.sin(3.0 / 10000), rel=1e-4)


def test_interpolation_is_exact_at_the_centres_of_context_steps():
    context = torch.tensor([[[0.0], [10.0], [20.0]]])
    aligned = interpolate(context, torch.arange(9.0), steps_per_context=3.0)
    assert aligned[0, [1, 4, 7], 0].tolist() == pytest.approx([0, 10, 20])
    assert aligned[0, [0, 8], 0].tolist() == pytest.approx([0, 20])
    assert aligned[0, 2, 0] == pytest.approx(10 / 3)


def test_the_papers_decoder_has_the_size_of_musicgen_medium():
    """48 layers of 4 + 4 + 8 squares of the width, three norms each, and the codebooks' embeddings and heads."""
    config, width = vmas_paper().decoder, 1536
    with torch.device("meta"):
        decoder = MusicDecoder.from_config(config, 768, 500 / 48)
    layer = 16 * width**2 + 3 * 2 * width
    expected = 48 * layer + 2 * width + 4 * (2049 + 2048) * width + 768 * width + width
    assert sum(parameter.numel() for parameter in decoder.parameters()) == expected


def test_further_conditions_may_follow_the_video_in_any_order_where_no_option_of_time_is_on():
    torch.manual_seed(0)
    decoder = MusicDecoder(width=32, layers=2, heads=4, card=16, context_width=8).eval()
    video, text, codes = torch.randn(1, 5, 8), torch.randn(1, 3, 8), torch.randint(0, 16, (1, 4, 6))
    both = decoder(codes, torch.cat([video, text], dim=1))
    torch.testing.assert_close(both, decoder(codes, torch.cat([text, video], dim=1)), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(both, decoder(codes, video), atol=1e-3)
    generated = decoder.generate(torch.cat([video, text], dim=1), frames=12, top_k=1)
    assert not torch.equal(generated, decoder.generate(video, frames=12, top_k=1))
