from dataclasses import replace

import pytest
import torch

from vmas_pipeline.model.conditions import Conditions
from vmas_pipeline.model.config import SIZES, vmas_base, with_overrides
from vmas_pipeline.model.positions import interpolate
from vmas_pipeline.model.vmas import VMAs


@pytest.fixture(scope="module")
def model() -> VMAs:
    torch.manual_seed(0)
    config = with_overrides(vmas_base(), {"video": {"frames": 8}})
    return VMAs(config, torch.randn(4, 256, 64)).eval()


@pytest.fixture(scope="module")
def clip() -> tuple[Conditions, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (2, 8, 32, 32, 3), dtype=torch.uint8, generator=generator)
    return Conditions.of_video(frames), torch.randint(0, 256, (2, 4, 42), generator=generator)


def test_a_training_pass_has_logits_for_every_code_and_reaches_every_parameter(model, clip):
    output = model(*clip)
    assert output.logits.shape == (2, 4, 42, 256)
    assert output.video.shape == output.music.shape == (2, 64)
    loss = output.logits.logsumexp(-1).mean() + (output.video * output.music).sum() / output.temperature
    loss.sum().backward()
    untouched = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    model.zero_grad()
    assert untouched == []


def test_a_dropped_video_does_not_reach_the_music(model, clip):
    conditions, codes = clip
    only_the_second = torch.tensor([False, True])
    first, second = (
        model(Conditions(frames=frames, has_video=only_the_second), codes).logits
        for frames in (conditions.frames, conditions.frames.flip(0))
    )
    assert torch.allclose(first[0], second[0], atol=1e-5)
    assert not torch.allclose(first[1], second[1], atol=1e-3)


def test_embeddings_are_unit_vectors(model, clip):
    conditions, codes = clip
    for vectors in (model.embed_video(conditions), model.embed_music(codes)):
        assert vectors.shape == (2, 64)
        assert torch.allclose(vectors.norm(dim=-1), torch.ones(2), atol=1e-5)


def test_code_vectors_of_another_codec_are_refused():
    with pytest.raises(ValueError, match=r"code_vectors \[4, 128, 64\] must have the shape \[4, 256, 64\]"):
        VMAs(vmas_base(), torch.zeros(4, 128, 64))


@pytest.mark.parametrize("size", ["vmas_base", "vmas_clip"])
def test_blocks_that_are_computed_again_give_the_same_gradients_from_less_memory(size):
    small = {
        "vmas_base": {"video": {"frames": 8}},
        "vmas_clip": {
            "video": {"frames": 2, "frame_size": 16, "patch": 8, "width": 16, "depth": 2, "heads": 2},
            "decoder": {"width": 16, "layers": 2, "heads": 2},
        },
    }
    torch.manual_seed(0)
    model = VMAs(with_overrides(SIZES[size](), small[size])).train()
    video = model.config.video
    shape = (1, model.config.frames_per_clip, video.frame_size, video.frame_size, 3)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8)
    conditions, codes = Conditions.of_video(frames), torch.randint(0, model.config.decoder.card, (1, 4, 42))

    def backward() -> tuple[int, dict[str, torch.Tensor]]:
        kept: dict[int, int] = {}
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x: kept.update({x.untyped_storage().data_ptr(): x.untyped_storage().nbytes()}) or x, lambda x: x
        ):
            loss = model(conditions, codes).logits.square().mean()
        model.zero_grad()
        loss.backward()
        return sum(kept.values()), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}

    most, expected = backward()
    model.video_encoder.activation_checkpointing = True
    less, gradients = backward()
    model.music_decoder.activation_checkpointing = True
    least, same = backward()
    assert least < less < most
    for name, value in expected.items():
        torch.testing.assert_close(gradients[name], value, msg=name)
        torch.testing.assert_close(same[name], value, msg=name)


@pytest.fixture(scope="module")
def with_curves() -> VMAs:
    torch.manual_seed(0)
    config = with_overrides(vmas_base(), {"video": {"frames": 8}, "curves": {"events": 2}})
    return VMAs(config, torch.randn(4, 256, 64)).eval()


def test_curves_reach_the_music_where_they_are_given(with_curves, clip):
    conditions, codes = clip
    curves = torch.rand(2, 8, 2, generator=torch.Generator().manual_seed(1))
    given = Conditions.of_video(conditions.frames, {"events": curves})
    moved = Conditions.of_video(conditions.frames, {"events": curves.flip(1)})
    assert not torch.allclose(with_curves(given, codes).logits, with_curves(moved, codes).logits, atol=1e-4)


def test_curves_that_are_hidden_do_not_reach_the_music(with_curves, clip):
    conditions, codes = clip
    hidden = {"events": torch.zeros(2, dtype=torch.bool)}
    logits = [
        with_curves(Conditions(conditions.frames, conditions.has_video, {"events": curves}, hidden), codes).logits
        for curves in (torch.zeros(2, 8, 2), torch.ones(2, 8, 2))
    ]
    assert torch.allclose(*logits, atol=1e-6)


def test_a_clip_of_curves_alone_is_one_whose_video_does_not_matter(with_curves, clip):
    conditions, codes = clip
    curves, none = {"events": torch.rand(2, 8, 2)}, torch.zeros(2, dtype=torch.bool)
    first, second = (
        with_curves(Conditions(frames, none, curves, {"events": ~none}), codes).logits
        for frames in (conditions.frames, conditions.frames.flip(0))
    )
    assert torch.allclose(first, second, atol=1e-5)


def test_a_model_of_curves_takes_a_video_without(with_curves, clip):
    conditions, codes = clip
    assert with_curves(conditions, codes).logits.isfinite().all()


@torch.inference_mode()
def test_of_a_pooled_video_the_looks_are_left_and_the_curves_say_when(clip):
    torch.manual_seed(0)
    sizes = {"pool_video": True, "frame_stride": 4, "curves": {"peaks": 1}, "video": {"frames": 2}}
    model = VMAs(with_overrides(vmas_base(), sizes)).eval()
    mark = torch.zeros(2, 8, 1)
    mark[:, 6] = 1
    looks, with_mark, without = (
        model.encode(replace(clip[0], curves={"peaks": curve}, has_curves={"peaks": torch.full((2,), given)})).features
        for curve, given in ((mark, False), (mark, True), (torch.zeros(2, 8, 1), True))
    )
    assert looks.shape == (2, 8, 128)
    assert torch.equal(looks, looks[:, :1].expand_as(looks))
    assert not torch.allclose(looks[0], looks[1], atol=1e-3)
    reached = (with_mark - without).abs().amax(-1) > 1e-6  # [2, 8]
    assert reached[0].tolist() == [False] * 4 + [True] * 4  # two frames either side of the mark


def test_a_pooled_video_without_curves_is_refused():
    with pytest.raises(
        ValueError, match=r"model.pool_video leaves all timing to the curves, and model.curves names none"
    ):
        with_overrides(vmas_base(), {"pool_video": True})


@pytest.mark.parametrize(("stride", "frame_stride"), [(1, 1), (4, 1), (1, 4), (2, 2)])
def test_a_context_step_stands_at_the_time_of_the_frame_that_it_is_centred_on(stride, frame_stride):
    sizes = {
        "video": {"frames": 48 // frame_stride, "patch_stride": [stride, 8, 8]},
        "frame_stride": frame_stride,
    }
    config = with_overrides(vmas_base(), sizes)
    decoder = VMAs(config).music_decoder
    step, every = 3, stride * frame_stride
    seconds = (step * every + 0.5) / config.frame_rate  # the middle of the frame that the kernel is centred on
    place = (step + decoder.context_offset) * decoder.steps_per_context  # in tokens, from the start of the first
    assert place / config.token_rate == pytest.approx(seconds)


def test_the_aligned_path_reads_an_impulse_at_its_own_time():
    context = torch.zeros(1, 12, 1)
    context[0, 3] = 1
    for offset in (0.5, 0.125):
        aligned = interpolate(context, torch.arange(240.0), steps_per_context=20.0, context_offset=offset)
        centre = (aligned[0, :, 0] * (torch.arange(240) + 0.5)).sum() / aligned.sum()
        assert centre.item() == pytest.approx((3 + offset) * 20, abs=0.01)


def test_weights_of_earlier_versions_keep_their_temperature(model, clip):
    state = model.state_dict()
    del state["log_temperature_change"]
    model.load_state_dict(state | {"log_temperature": torch.tensor([-2.0])})
    assert model(*clip).temperature.item() == pytest.approx(0.1353, abs=1e-4)  # exp(-2)
    model.load_state_dict(state | {"log_temperature_change": torch.zeros(1)})
    assert model(*clip).temperature.item() == pytest.approx(0.07)
