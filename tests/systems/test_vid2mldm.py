import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from vmas_pipeline.features.shards import read_clips, read_index
from vmas_pipeline.media import read_music
from vmas_pipeline.systems import load_system
from vmas_pipeline.systems.vid2mldm import Vid2MLDMConfig, checkpointed, fit
from vmas_pipeline.systems.vid2mldm.config import AutoencoderConfig, DiffusionConfig, MelConfig, VocoderConfig
from vmas_pipeline.systems.vid2mldm.diffusion import Diffusion, min_snr_weights, noise_schedule
from vmas_pipeline.systems.vid2mldm.network import Vid2MLDM
from vmas_pipeline.systems.vid2mldm.spectrogram import MelSpectrogram

from ..tiny_model import film

SMALL = Vid2MLDMConfig(
    mel=MelConfig(bands=16, frame_rate=25),
    autoencoder=AutoencoderConfig(widths=(4, 8), latent_channels=2, groups=2, steps=12, crop_frames=16, batch=4),
    vocoder=VocoderConfig(width=16, blocks=1, steps=4, batch=2, crop_s=0.5),
    diffusion=DiffusionConfig(
        widths=(8, 16), attends=(False, True), heads=2, groups=2, context_width=8, steps=30, batch=6, learning_rate=5e-3
    ),
    segments=6,
    checkpoint_every=10,
)


@pytest.fixture(scope="module")
def fitted(features):
    folder = features.parent / "model"
    return folder, fit(SMALL, features, folder)


@pytest.fixture(scope="module")
def clips(samples):
    return samples[:3]


def small_diffusion():
    torch.manual_seed(0)
    return Diffusion(SMALL.diffusion, channels=2, segments=6, features=384).eval()


def test_the_schedule_is_stable_diffusions_in_closed_form():
    schedule = noise_schedule()
    betas = np.linspace(math.sqrt(0.00085), math.sqrt(0.012), 1000) ** 2
    kept = np.cumprod(1 - betas)
    np.testing.assert_allclose(schedule.alphas_cumprod.numpy(), kept, rtol=1e-4)
    assert kept[-1] == pytest.approx(0.00466, abs=1e-5)  # the signal that is left, as published
    latents, noise = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    times = torch.tensor([20, 900])
    signal = torch.tensor(kept[[20, 900]], dtype=torch.float32)[:, None, None, None]
    noisy = schedule.add_noise(latents, noise, times)
    torch.testing.assert_close(noisy, signal.sqrt() * latents + (1 - signal).sqrt() * noise)
    velocity = schedule.get_velocity(latents, noise, times)
    torch.testing.assert_close(velocity, signal.sqrt() * noise - (1 - signal).sqrt() * latents)


def test_min_snr_weights_are_those_of_the_paper_for_v():
    kept = noise_schedule().alphas_cumprod
    found = min_snr_weights(kept, 5.0)
    crossing = int((kept / (1 - kept) > 5).sum())  # SNR falls with time
    torch.testing.assert_close(found[crossing:], kept[crossing:])  # SNR / (SNR + 1): the error of x0 at the clean end
    torch.testing.assert_close(found[:crossing], 5 * (1 - kept[:crossing]))
    from diffusers.training_utils import compute_snr

    ratio = compute_snr(noise_schedule(), torch.arange(1000))
    torch.testing.assert_close(found, torch.minimum(ratio, torch.tensor(5.0)) / (ratio + 1))


def test_the_loss_is_the_weighted_error_of_v():
    diffusion, draw = small_diffusion(), torch.Generator().manual_seed(1)
    latents, noise = (torch.randn(2, 2, 8, 8, generator=draw) for _ in range(2))
    segments, times = torch.randn(2, 6, 384, generator=draw), torch.tensor([10, 800])
    kept = diffusion.schedule.alphas_cumprod[times].double()
    signal, rest = (each.sqrt().float()[:, None, None, None] for each in (kept, 1 - kept))
    with torch.no_grad():
        found = diffusion.loss(latents, segments, noise, times, torch.tensor([False, False]))
        made = diffusion.predict(signal * latents + rest * noise, times, segments, guidance=1.0)
    errors = (made - (signal * noise - rest * latents)).square().mean(dim=(1, 2, 3))
    ratio = kept / (1 - kept)
    torch.testing.assert_close(found.double(), (ratio.clamp(max=5) / (ratio + 1) * errors).mean())


def test_guidance_of_zero_ignores_the_video_and_of_one_is_the_conditional_model():
    diffusion, time = small_diffusion(), torch.tensor(400)
    noisy, videos = torch.randn(1, 2, 8, 8), torch.randn(2, 1, 6, 384)
    with torch.no_grad():
        blind = [diffusion.predict(noisy, time, video, 0.0) for video in videos]
        seeing = [diffusion.predict(noisy, time, video, 1.0) for video in videos]
        between = diffusion.predict(noisy, time, videos[0], 0.5)
        beyond = diffusion.predict(noisy, time, videos[0], 3.0)
        alone = diffusion.unet(noisy, time, diffusion.context(videos[0])).sample
    assert torch.equal(*blind) and not torch.allclose(*seeing)
    torch.testing.assert_close(seeing[0], alone)
    torch.testing.assert_close(between, (blind[0] + seeing[0]) / 2)
    torch.testing.assert_close(beyond, 3 * seeing[0] - 2 * blind[0], atol=1e-5, rtol=1e-4)


def test_the_sampler_finds_the_data_where_the_model_is_exact():
    """The best v of a single known point is in closed form: from any noise the solver must end there."""
    diffusion, point = small_diffusion(), torch.randn(1, 2, 8, 8)

    def exact(noisy, time, segments, guidance):
        kept = diffusion.schedule.alphas_cumprod[time]
        noise = (noisy - kept.sqrt() * point) / (1 - kept).sqrt()
        return kept.sqrt() * noise - (1 - kept).sqrt() * point

    diffusion.predict = exact
    found = diffusion.sample(torch.zeros(3, 6, 384), torch.randn(3, 2, 8, 8), steps=20, guidance=1.0)
    torch.testing.assert_close(found, point.expand(3, -1, -1, -1), atol=0.02, rtol=0)


def test_what_is_known_is_kept():
    diffusion, known = small_diffusion(), torch.randn(1, 2, 4, 8)
    noise, segments = torch.randn(1, 2, 8, 8), torch.randn(1, 6, 384)
    continued = diffusion.sample(segments, noise, 4, 1.0, known)
    assert torch.equal(continued[:, :, :4], known)
    free = diffusion.sample(segments, noise, 4, 1.0)
    assert not torch.allclose(continued[:, :, 4:], free[:, :, 4:])


def test_spectrograms_are_in_decibels_on_the_frames_centres():
    mel = MelSpectrogram(MelConfig())
    click = torch.zeros(1, 16_000)
    click[0, 320 * 20 + 160] = 1.0
    assert mel(click, 50)[0].mean(dim=1).argmax() == 20
    time = torch.arange(16_000) / 16_000
    loud, soft = (mel(level * torch.sin(2 * math.pi * 1000 * time)[None], 50)[0, 25] for level in (1.0, 0.1))
    assert (loud.max() - soft.max()).item() == pytest.approx(20 * 2 / 80, abs=0.01)
    assert (mel(torch.zeros(1, 16_000), 64) == -1).all()


def test_training_lowers_the_loss_on_held_out_clips(fitted, features):
    untrained = replace(
        SMALL,
        autoencoder=replace(SMALL.autoencoder, steps=1),
        vocoder=replace(SMALL.vocoder, steps=1),
        diffusion=replace(SMALL.diffusion, steps=1),
    )
    before = fit(untrained, features, features.parent / "untrained")
    assert fitted[1]["validation"] < 0.9 * before["validation"]


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(fitted, features, monkeypatch):
    stored = checkpointed._store

    def stop(stage, losses):
        stored(stage, losses)
        if stage.name == "diffusion":
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpointed, "_store", stop)
    out = features.parent / "again"
    with pytest.raises(KeyboardInterrupt):
        fit(SMALL, features, out)
    assert not out.exists()
    monkeypatch.undo()
    assert fit(SMALL, features, out)["validation"] == pytest.approx(fitted[1]["validation"], rel=1e-4)
    assert sorted(path.name for path in out.iterdir()) == ["config.json", "model.safetensors"]
    assert not out.with_name("again-checkpoints").exists()


def test_a_clips_music_does_not_depend_on_its_batch(fitted, clips):
    system = load_system("vid2mldm", fitted[0], steps=3)
    together = system.generate_clips(clips, seed=1)
    assert together.shape == (3, 80_000) and np.abs(together).max() <= 1
    assert system.about()["parameters"] > 1000 and system.about()["sampling"] == {"steps": 3, "guidance": 3.0}
    alone = np.concatenate([system.generate_clips([clip], seed=1) for clip in clips[::-1]])[::-1]
    np.testing.assert_allclose(alone, together, atol=1e-4)
    assert np.abs(system.generate_clips(clips[:1], seed=2) - together[:1]).max() > 1e-3


def test_a_film_of_any_length_gets_music_of_its_length(fitted, tmp_path):
    system = load_system("vid2mldm", fitted[0], steps=2)
    for seconds in (1.3, 11.0):
        music = system.generate(film(tmp_path / f"{seconds}.mp4", seconds))
        assert music.waveform.shape == (1, round(seconds * 16_000))
    assert system.generate(tmp_path / "11.0.mp4", seconds=6.0).waveform.shape == (1, 96_000)


def test_latents_are_a_clip_rounded_up_and_become_sound_of_its_length(features):
    network = Vid2MLDM(SMALL).eval()
    clip = next(read_clips(features / "train", read_index(features / "train")))
    waveform = torch.from_numpy(read_music(clip.row, 16_000, 5.0))[None]
    frames = SMALL.latents(5.0) * SMALL.shrinks
    latents = network.encode(network.mel(waveform, frames))
    assert latents.shape == (1, 2, SMALL.latents(5.0), 8)
    assert network.sound(network.spectrograms(latents)).shape == (1, frames * 640)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"diffusion": {"attends": [True]}}, "attends has 1 entries for 3"),
        ({"mel": {"bands": 20}}, "must be divisible by the halvings"),
        ({"mel": {"frame_rate": 48}}, r"frame_rate \(48\) must divide"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change, message):
    from pydantic import TypeAdapter

    with pytest.raises(ValueError, match=message):
        TypeAdapter(Vid2MLDMConfig).validate_python(change)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is no model of Vid2MLDM: train it as a variant of the comparison"):
        load_system("vid2mldm", tmp_path)
