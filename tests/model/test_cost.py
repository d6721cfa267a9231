"""What the paper's sizes cost, counted on the meta device (Tables 2 and 6)."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import vmas_clip, vmas_hiera, vmas_paper, with_overrides
from vmas_pipeline.model.encoders.clip_vit import ClipViT, clip_base
from vmas_pipeline.model.encoders.hiera import Hiera, hiera_base_16x224, temporal_hiera, temporal_hiera_base
from vmas_pipeline.model.vmas import VMAs


def multiply_adds(build, frames: int) -> dict[str, float]:
    """10^9 of one clip, by torch's counter: convolution, addmm (the linear layers), bmm (attention), and all."""
    with torch.device("meta"), torch.no_grad():
        encoder, clip = build().eval(), torch.empty(1, 3, frames, 224, 224)
        with FlopCounterMode(display=False) as counter:
            encoder(clip)
    counted = {str(kind).removeprefix("aten."): n / 2e9 for kind, n in counter.get_flop_counts()["Global"].items()}
    return counted | {"all": encoder.multiply_adds() / 1e9}


def the_papers_clip() -> tuple[Conditions, torch.Tensor]:
    frames = torch.zeros(1, 96, 224, 224, 3, dtype=torch.uint8)
    return Conditions.of_video(frames), torch.zeros(1, 4, 500, dtype=torch.int64)


def test_the_papers_encoder_takes_76_billion_multiply_adds_for_96_frames():
    counted = multiply_adds(temporal_hiera_base, 96)
    assert counted["all"] <= 76.3
    assert 2 * counted["addmm"] == pytest.approx(130.25, abs=0.01)  # the paper's own way of counting: it printed 130.7


def test_stock_hiera_takes_102_billion_for_16_frames():
    counted = multiply_adds(hiera_base_16x224, 16)
    assert counted["all"] == pytest.approx(101.7, abs=0.05)
    assert 2 * counted["addmm"] == pytest.approx(140.1, abs=0.05)  # the paper printed 140.2


def test_clip_takes_281_billion_for_16_frames():
    counted = multiply_adds(lambda: ClipViT(clip_base()), 16)
    assert counted["all"] == pytest.approx(281, abs=1)  # the paper printed 281.6, of everything


@pytest.mark.parametrize("size", [vmas_hiera, vmas_clip])
def test_table_6s_other_encoders_lead_to_the_same_logits_shape(size):
    with torch.device("meta"):
        output = VMAs(size())(
            Conditions.of_video(torch.zeros(1, 96, 224, 224, 3, dtype=torch.uint8)),
            torch.zeros(1, 4, 500, dtype=torch.int64),
        )
    assert output.logits.shape == (1, 4, 500, 2048)


@pytest.mark.parametrize(("window", "expected"), [(28, 120.5), (56, 264.9)])
def test_larger_windows_in_the_first_stage_cost_more(window, expected):
    config = with_overrides(temporal_hiera(), {"windows": [window, 7, None, None]})
    assert multiply_adds(lambda: Hiera(config), 96)["all"] == pytest.approx(expected, abs=0.05)


def test_the_papers_model_has_2_billion_parameters_and_its_logits_their_shape():
    with torch.device("meta"):
        model = VMAs(vmas_paper())
        output = model(
            Conditions.of_video(torch.zeros(1, 96, 224, 224, 3, dtype=torch.uint8)),
            torch.zeros(1, 4, 500, dtype=torch.int64),
        )
    decoder, encoder = (
        sum(p.numel() for p in part.parameters()) for part in (model.music_decoder, model.video_encoder)
    )
    assert decoder == pytest.approx(1.839e9, rel=1e-3)
    assert encoder == pytest.approx(51.2e6, rel=1e-2)
    assert output.logits.shape == (1, 4, 500, 2048)
    assert output.video.shape == output.music.shape == (1, 512)


def test_the_papers_structure_trains_at_a_twelfth_of_its_width():
    config = with_overrides(
        vmas_paper(),
        {
            "video": {"widths": [8, 16, 32, 64]},
            "decoder": {"width": 128, "layers": 4, "heads": 8, "card": 64},
            "code_width": 16,
            "projection_width": 32,
        },
    )
    torch.manual_seed(0)
    model = VMAs(config, torch.randn(4, 64, 16))
    codes = torch.randint(0, 64, (1, 4, 500))
    output = model(Conditions.of_video(torch.zeros(1, 96, 224, 224, 3, dtype=torch.uint8)), codes)
    assert output.logits.shape == (1, 4, 500, 64)
    loss = torch.nn.functional.cross_entropy(output.logits.flatten(0, 2), codes.flatten()) + output.music.sum()
    (loss + output.video.sum() + output.temperature.sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
