import pytest
import torch

from vmas_pipeline.model.config import vmas_base, with_overrides
from vmas_pipeline.model.video_encoder import normalise_frames
from vmas_pipeline.model.vmas import VMAs


@pytest.fixture(scope="module")
def model() -> VMAs:
    torch.manual_seed(0)
    config = with_overrides(vmas_base(), {"video": {"frames": 8}})
    return VMAs(config, torch.randn(4, 256, 64)).eval()


@pytest.fixture(scope="module")
def clip() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (2, 8, 32, 32, 3), dtype=torch.uint8, generator=generator)
    return normalise_frames(frames), torch.randint(0, 256, (2, 4, 42), generator=generator)


def test_a_training_pass_has_logits_for_every_code_and_reaches_every_parameter(model, clip):
    frames, codes = clip
    output = model(frames, codes)
    assert output.logits.shape == (2, 4, 42, 256)
    assert output.video.shape == output.music.shape == (2, 64)
    loss = output.logits.logsumexp(-1).mean() + (output.video * output.music).sum() / output.temperature
    loss.sum().backward()
    untouched = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    model.zero_grad()
    assert untouched == []


def test_a_dropped_video_does_not_reach_the_music(model, clip):
    frames, codes = clip
    other = frames.flip(0)
    without = torch.tensor([False, True])
    first, second = model(frames, codes, without).logits, model(other, codes, without).logits
    assert torch.allclose(first[0], second[0], atol=1e-5)
    assert not torch.allclose(first[1], second[1], atol=1e-3)


def test_generation_has_the_clips_length_by_default(model, clip):
    assert model.generate(clip[0]).shape == (2, 4, 42)


def test_embeddings_are_unit_vectors(model, clip):
    frames, codes = clip
    for vectors in (model.embed_video(frames), model.embed_music(codes)):
        assert vectors.shape == (2, 64)
        assert torch.allclose(vectors.norm(dim=-1), torch.ones(2), atol=1e-5)


def test_code_vectors_of_another_codec_are_refused():
    with pytest.raises(ValueError, match=r"code_vectors \[4, 128, 64\] must have the shape \[4, 256, 64\]"):
        VMAs(vmas_base(), torch.zeros(4, 128, 64))
