import json
import math

import numpy as np
import pytest
import torch

from vmas_pipeline.audio.pitch import pitch_agreement
from vmas_pipeline.codec.chunks import decode_in_chunks
from vmas_pipeline.codec.config import SinusoidalCodecConfig
from vmas_pipeline.codec.interface import load_codec
from vmas_pipeline.codec.losses import as_analysed
from vmas_pipeline.codec.sinusoidal import NOISE_FLOOR, SINE_FLOOR, Levels, SinusoidalCodec

SMALL = SinusoidalCodecConfig(width=16, code_width=8, card=32, blocks=1)


@pytest.fixture(scope="module")
def codec():
    """Untrained, with louder gains than at the start, so that there is something to hear."""
    torch.manual_seed(0)
    network = SinusoidalCodec(SMALL)
    with torch.no_grad():
        network.sine_head.bias += 1.0
    network.initialise_codebooks(noise(2, 16000))
    return network.eval().requires_grad_(False)


def noise(batch, samples):
    return 0.1 * torch.randn(batch, 1, samples, generator=torch.Generator().manual_seed(1))


def test_the_default_has_about_a_million_parameters():
    count = sum(p.numel() for p in SinusoidalCodec().parameters())
    assert 0.5e6 < count < 1.1e6


@pytest.mark.parametrize(("samples", "tokens"), [(16000, 50), (80000, 250), (15999, 50), (16001, 51), (320, 1)])
def test_codes_are_one_a_hop(codec, samples, tokens):
    codes = codec.encode(noise(2, samples))
    assert codes.shape == (2, 4, tokens)
    assert codes.dtype == torch.int64
    assert codes.min() >= 0
    assert codes.max() < 32
    assert codec.decode(codes).shape == (2, 1, 320 * tokens)


@pytest.mark.parametrize(("sample_rate", "frame_rate"), [(32000, 50), (44100, 75), (24000, 75)])
def test_other_rates_have_the_same_shapes(sample_rate, frame_rate):
    network = SinusoidalCodec(
        SinusoidalCodecConfig(sample_rate=sample_rate, frame_rate=frame_rate, width=16, code_width=8, blocks=1)
    ).eval()
    codes = network.encode(noise(1, sample_rate))
    assert codes.shape == (1, 4, frame_rate)
    assert network.decode(codes).shape == (1, 1, sample_rate)


def test_what_the_analysis_hears_sounds_in_tune_without_the_network(codec):
    time = torch.arange(32000) / 16000
    chord = sum(a * torch.sin(2 * math.pi * f * time) for a, f in ((0.12, 110.0), (0.08, 277.18), (0.05, 659.26)))
    heard = codec.analysis.partials(chord[None]).repeat_interleave(SMALL.tonal_steps, 1)
    silent = torch.full((1, 100 * SMALL.short_steps, SMALL.bands), NOISE_FLOOR)
    made = codec.synthesise(Levels(heard + SINE_FLOOR, silent))[0, 0]
    middle = slice(8000, 24000)  # clear of the edges, where the long windows see silence
    assert pitch_agreement(chord[middle].numpy(), made[middle].numpy(), 16000) == 1.0
    torch.testing.assert_close(made[middle].std(), chord[middle].std(), rtol=0.05, atol=0)


def test_levels_at_their_floors_are_silence(codec):
    floors = Levels(torch.full((1, 20, 271), SINE_FLOOR), torch.full((1, 40, 20), NOISE_FLOOR))
    assert not codec.synthesise(floors).any()


def test_steady_gains_are_analysed_as_they_are(codec):
    steady = torch.rand(271).expand(2, 100, 271)
    torch.testing.assert_close(as_analysed(steady, codec), steady[:, :50])


def test_the_encoder_does_not_see_the_phase(codec):
    waveform = noise(1, 3200)
    torch.testing.assert_close(codec.encode(waveform), codec.encode(-waveform))


def test_decoding_sums_the_code_vectors(codec):
    codes = codec.encode(noise(1, 3200))
    parts = [codec.code_vectors[k][codes[:, k]].transpose(1, 2) for k in range(4)]
    torch.testing.assert_close(codec.decode(codes), codec.synthesise(codec.levels(sum(parts))))
    torch.testing.assert_close(codec.decode(codes[:, :1]), codec.synthesise(codec.levels(parts[0])))


def test_each_codebook_brings_the_latent_closer(codec):
    waveform = noise(4, 16000)
    latent, codes = codec.latent(*codec.analysis(waveform[:, 0])), codec.encode(waveform)
    parts = torch.stack([codec.code_vectors[k][codes[:, k]].transpose(1, 2) for k in range(4)])
    errors = [(latent - parts[: k + 1].sum(0)).square().mean() for k in range(4)]
    assert errors == sorted(errors, reverse=True)


def test_chunks_of_any_length_join_as_if_decoded_together(codec):
    codes = torch.randint(32, (1, 4, 3_333), generator=torch.Generator().manual_seed(0))
    whole = codec.decode(codes).clamp(-1, 1).numpy()
    assert np.abs(whole).max() > 0.01
    np.testing.assert_allclose(decode_in_chunks(codec, codes), whole, atol=1e-5)
    late = codec.decode(codes[..., 777:], first_token=777)[0, 0, 50 * 320 :]
    np.testing.assert_allclose(late, whole[0, 0, (777 + 50) * 320 :], atol=1e-5)


def test_a_saved_codec_gives_the_same_codes_and_sound(codec, tmp_path):
    codec.save(tmp_path)
    copy = load_codec(tmp_path)
    waveform = noise(1, 16000)
    assert torch.equal(copy.encode(waveform), codec.encode(waveform))
    assert torch.equal(copy.decode(copy.encode(waveform)), codec.decode(codec.encode(waveform)))
    assert (copy.sample_rate, copy.frame_rate, copy.codebooks, copy.card) == (16000, 50.0, 4, 32)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    assert not any(p.requires_grad for p in copy.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frame_rate": 47}, r"frame_rate \(47\) must divide its sample_rate \(16000\)"),
        ({"short_steps": 3}, r"short_steps \(3\) must divide the hop of 320 samples .*set codec\.model\.short_steps"),
        ({"sample_rate": 8000}, r"highest_note \(118, 7459 Hz\) must .* below half the sample rate \(4000 Hz\)"),
        ({"lowest_note": 120}, r"highest_note \(118, 7459 Hz\) must lie above lowest_note \(120\)"),
        ({"per_semitone": 0}, "per_semitone"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SinusoidalCodecConfig(**settings)


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="codebook"):
        SinusoidalCodecConfig(codebook=4)


def test_a_folder_without_a_codec_names_the_pipeline_to_run(tmp_path):
    with pytest.raises(ValueError, match="config.json is missing; run `kedro run --pipelines=codec`"):
        load_codec(tmp_path)


def test_a_codec_of_an_earlier_version_is_refused_by_name(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"kind": "spectral", "window": 1024}))
    with pytest.raises(ValueError, match=r"written by an earlier version \(kind 'spectral'\): train again"):
        load_codec(tmp_path)
