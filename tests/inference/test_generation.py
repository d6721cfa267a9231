from dataclasses import replace

import pytest
import torch
from transformers.generation.logits_process import TopPLogitsWarper

from vmas_pipeline.inference import SamplingConfig, generate
from vmas_pipeline.inference.generation import guidance_chain, guided
from vmas_pipeline.model.conditions import Context
from vmas_pipeline.model.music_decoder import MusicDecoder


@pytest.fixture(scope="module")
def decoder() -> MusicDecoder:
    torch.manual_seed(0)
    return MusicDecoder(width=32, layers=2, heads=4, card=16, context_width=8).eval()


def test_greedy_takes_the_likeliest():
    logits, uniform = torch.tensor([[0.0, 2.0, 1.0]]), torch.tensor([0.99])
    assert SamplingConfig(top_k=1).draw(logits, uniform).item() == 1


def test_draws_follow_the_softmax():
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0])
    uniform = torch.rand(40_000, generator=torch.Generator().manual_seed(0))
    drawn = SamplingConfig(temperature=0.7).draw(logits.expand(40_000, 4), uniform)
    shares = torch.bincount(drawn, minlength=4) / 40_000
    assert torch.allclose(shares, (logits / 0.7).softmax(-1), atol=0.01)


def test_top_k_leaves_out_the_tail():
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    uniform = torch.linspace(0, 0.999, 200)
    assert set(SamplingConfig(top_k=2).draw(logits.expand(200, 4), uniform).tolist()) == {0, 1}


@pytest.mark.parametrize("top_p", [1e-6, 0.3, 0.7, 0.95, 1.0])
def test_top_p_keeps_what_transformers_keeps(top_p):
    logits = torch.randn(16, generator=torch.Generator().manual_seed(1)) * 2
    kept = TopPLogitsWarper(top_p)(None, logits[None])[0].isfinite().nonzero().flatten()
    uniform = torch.linspace(0, 0.9999, 20_000)
    drawn = SamplingConfig(top_p=top_p).draw(logits.expand(20_000, 16), uniform)
    shares = torch.bincount(drawn, minlength=16) / 20_000
    expected = torch.zeros(16).index_copy(0, kept, logits[kept].softmax(-1))
    assert torch.allclose(shares, expected, atol=2e-4)


def test_the_same_seed_gives_the_same_codes_and_another_seed_others(decoder):
    context = torch.randn(1, 3, 8)
    first, again, other = (decoder.generate(context, frames=20, seed=seed) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_clips_codes_do_not_depend_on_its_batch(decoder, threads):
    context = torch.randn(17, 3, 8)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    together = decoder.generate(context, frames=20, guidance=2.0, seed=7)
    torch.set_num_threads(before)
    alone = decoder.generate(context[11:12], frames=20, guidance=2.0, seed=18)
    assert torch.equal(together[11:12], alone)


def test_a_prompt_comes_back_and_is_continued_as_if_never_cut(decoder):
    context = torch.randn(2, 3, 8)
    whole = decoder.generate(context, frames=20, top_k=1)
    continued = decoder.generate(context, frames=20, top_k=1, prompt=whole[:, :, :9])
    assert torch.equal(continued, whole)


def test_guidance_of_zero_ignores_the_video(decoder):
    one, other = torch.randn(2, 1, 3, 8).unbind(0)
    codes = [decoder.generate(context, frames=12, top_k=1, guidance=0.0) for context in (one, other)]
    assert torch.equal(*codes)


@pytest.mark.parametrize(
    ("guidance", "curve_guidance", "weights"),
    [
        (2.0, None, {"none": -1.0, "both": 2.0}),
        (1.0, None, {"both": 1.0}),
        (1.0, 3.0, {"video": -2.0, "both": 3.0}),
        (1.5, 2.5, {"none": -0.5, "video": -1.0, "both": 2.5}),
        (0.0, 1.0, {"none": 1.0, "video": -1.0, "both": 1.0}),
    ],
)
def test_guidance_weighs_the_passes_by_its_formula(guidance, curve_guidance, weights):
    both, video = (Context.of(torch.randn(1, 3, 8)) for _ in range(2))
    sampling = SamplingConfig(guidance=guidance, curve_guidance=curve_guidance)
    contexts, scales = guidance_chain(both, video, sampling)
    assert len(contexts) == len(weights)
    names = ["both" if c is both else "video" if c is video else "none" for c in contexts]
    logits = {name: torch.randn(1, 4, 16) for name in names}
    expected = sum(weight * logits[name] for name, weight in weights.items())
    assert torch.allclose(guided([logits[name] for name in names], scales), expected, atol=1e-5)


def test_guidance_by_the_curves_alone_reads_the_context_without_them(decoder):
    context, video, other = (Context.of(torch.randn(1, 3, 8)) for _ in range(3))
    sampling = SamplingConfig(top_k=1, guidance=1.0, curve_guidance=4.0)
    made = [
        generate(decoder, context, frames=20, sampling=sampling, seeds=[0], without_curves=without)
        for without in (context, video, other)
    ]
    assert torch.equal(made[0], generate(decoder, context, frames=20, sampling=replace(sampling, guidance=1.0,
                       curve_guidance=None), seeds=[0]))  # fmt: skip
    assert not torch.equal(made[1], made[2])


def test_progress_counts_every_step(decoder):
    seen = []
    decoder.generate(torch.randn(1, 3, 8), frames=5, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 8) for i in range(1, 9)]


def test_a_prompt_that_leaves_nothing_to_do_is_refused(decoder):
    with pytest.raises(ValueError, match=r"frames \(5\) must exceed those of the prompt \(5\)"):
        decoder.generate(torch.randn(1, 3, 8), frames=5, prompt=torch.zeros(1, 4, 5, dtype=torch.int64))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_k": 0}, r"top_k \(0\)"),
        ({"top_p": 0.0}, r"top_p \(0.0\)"),
        ({"top_p": 1.1}, r"top_p \(1.1\)"),
        ({"temperature": 0.0}, r"temperature \(0.0\)"),
        ({"guidance": -1.0}, r"guidance \(-1.0\)"),
        ({"curve_guidance": -2.0}, r"curve_guidance \(-2.0\)"),
    ],
)
def test_sampling_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SamplingConfig(**settings)


def test_a_context_of_no_steps_or_of_no_numbers_is_refused(decoder):
    with pytest.raises(ValueError, match=r"context \[1, 0, 8\] must have the shape \[batch, steps, width\]"):
        decoder.generate(torch.zeros(1, 0, 8), frames=5)
    with pytest.raises(ValueError, match="context has non-finite values"):
        decoder.generate(torch.full((1, 3, 8), float("nan")), frames=5)
