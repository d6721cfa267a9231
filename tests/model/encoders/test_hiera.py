import re
import subprocess
import sys

import pytest
import torch

from vmas_pipeline.model.config import vmas_base, with_overrides
from vmas_pipeline.model.encoders.hiera import Hiera, frame_difference, temporal_hiera_base
from vmas_pipeline.model.encoders.hiera_blocks import DropPath, max_pool, merge_windows, split_windows


def test_the_papers_encoder_has_the_shapes_of_table_2():
    with torch.device("meta"):
        encoder = temporal_hiera_base()
        x = encoder.patch_embed(torch.empty(1, 3, 96, 224, 224))
        shapes = [tuple(x.shape[1:])]
        for block in encoder.blocks:
            x = block(x)
            if tuple(x.shape[1:]) != shapes[-1]:
                shapes.append(tuple(x.shape[1:]))
    assert shapes == [(48, 56, 56, 96), (48, 14, 14, 192), (48, 2, 2, 384), (48, 1, 1, 768)]


def test_base_gives_a_feature_for_every_frame():
    config = vmas_base().video
    assert Hiera(config)(torch.randn(2, 3, 48, 32, 32)).shape == (2, 48, config.width)


@pytest.mark.parametrize("shape", [[1, 4, 48, 32, 32], [1, 3, 0, 32, 32], [3, 48, 32, 32]])
def test_frames_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=re.escape(f"frames {shape} must have the shape [batch, 3, 48, 32, 32]")):
        Hiera(vmas_base().video)(torch.zeros(shape))


def test_normalised_frames_have_imagenets_mean_at_zero():
    grey = torch.tensor([124, 116, 104], dtype=torch.uint8).expand(1, 2, 4, 4, 3)
    frames = Hiera(vmas_base().video).normalise(grey)
    assert frames.shape == (1, 3, 2, 4, 4)
    assert frames.abs().max() < 0.02


def test_windows_split_and_merge_to_the_same():
    x = torch.randn(2, 3, 8, 12, 5)
    windows = split_windows(x, 4)
    assert windows.shape == (2 * 3 * 2 * 3, 1, 4, 4, 5)
    assert torch.equal(windows[4, 0], x[0, 0, 4:, 4:8])
    assert torch.equal(merge_windows(windows, x.shape[:4]), x)
    assert torch.equal(merge_windows(split_windows(x, None), x.shape[:4]), x)


@pytest.mark.parametrize("windows", [[4, 2, None], [None, 2, None]])  # the second looks at all frames before windows
def test_few_steps_at_once_give_what_all_at_once_do(windows):
    encoder = Hiera(with_overrides(vmas_base(), {"video": {"windows": windows}}).video)
    frames = torch.randn(2, 3, 48, 32, 32)
    with torch.no_grad():
        by_parts = encoder(frames)
    assert torch.allclose(encoder(frames), by_parts, atol=1e-5)


def test_max_pool_is_torchs():
    x = torch.randn(2, 3, 8, 8, 5)
    expected = torch.nn.functional.max_pool2d(x.flatten(0, 1).permute(0, 3, 1, 2), 2)
    assert torch.equal(max_pool(x, 2).flatten(0, 1).permute(0, 3, 1, 2), expected)


def test_frame_difference_is_zero_for_the_first_frame_and_for_a_still():
    frames = torch.zeros(1, 3, 4, 2, 2)
    frames[:, :, 2:] = 3.0
    assert frame_difference(frames)[0, 0, :, 0, 0].tolist() == [0, 0, 3, 0]


def test_stochastic_depth_leaves_out_whole_clips_and_keeps_the_mean():
    torch.manual_seed(0)
    drop, x = DropPath(0.25), torch.ones(4000, 2, 3)
    rows = drop(x).flatten(1)
    assert rows.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (rows == rows[:, :1]).all()
    assert rows.mean() == pytest.approx(1, abs=0.04)  # four standard deviations
    assert torch.equal(drop.eval()(x), x)


def test_a_model_without_clips_encoder_is_built_without_timm():
    code = "import sys, vmas_pipeline.generator; assert not {'timm', 'torchvision'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
