import pytest
import torch
from vmas_pipeline.codec.spectral import SpectralCodec

from vmas_pipeline.codec.config import SpectralCodecConfig
from vmas_pipeline.codec.interface import load_codec

SMALL = SpectralCodecConfig(width=16, code_width=8, card=32, blocks=1)


@pytest.fixture(scope="module")
def codec():
    torch.manual_seed(0)
    network = SpectralCodec(SMALL)
    network.initialise_codebooks(noise(2, 16000))
    return network.eval().requires_grad_(False)


def noise(batch, samples):
    return 0.1 * torch.randn(batch, 1, samples, generator=torch.Generator().manual_seed(1))


def test_the_default_has_about_a_million_parameters():
    count = sum(p.numel() for p in SpectralCodec().parameters())
    assert 0.5e6 < count < 1.1e6


@pytest.mark.parametrize(("samples", "tokens"), [(16000, 50), (80000, 250), (15999, 50), (16001, 51), (320, 1)])
def test_codes_are_one_a_hop(codec, samples, tokens):
    codes = codec.encode(noise(2, samples))
    assert codes.shape == (2, 4, tokens)
    assert codes.dtype == torch.int64
    assert codes.min() >= 0
    assert codes.max() < 32
    assert codec.decode(codes).shape == (2, 1, 320 * tokens)


def test_the_inverse_transform_undoes_the_transform(codec):
    waveform = noise(2, 3200)[:, 0]
    torch.testing.assert_close(codec._waveform(codec._spectrum(waveform)), waveform, atol=1e-5, rtol=1e-4)


def test_a_token_is_centred_on_its_time(codec):
    waveform = torch.zeros(1, 3200)
    waveform[0, 320 * 4 + 160] = 1.0  # the middle of token 4
    energy = codec._spectrum(waveform).abs().square().sum(1)[0]
    assert energy.argmax() == 4
    torch.testing.assert_close(energy[3], energy[5], rtol=1e-3, atol=1e-3)


def test_the_encoder_does_not_see_the_phase(codec):
    waveform = noise(1, 3200)
    torch.testing.assert_close(codec.encode(waveform), codec.encode(-waveform))


def test_decoding_sums_the_code_vectors(codec):
    codes = codec.encode(noise(1, 3200))
    parts = [codec.code_vectors[k][codes[:, k]] for k in range(4)]
    expected = codec.synthesise(sum(parts).transpose(1, 2))
    torch.testing.assert_close(codec.decode(codes), expected)
    torch.testing.assert_close(codec.decode(codes[:, :1]), codec.synthesise(parts[0].transpose(1, 2)))


def test_each_codebook_brings_the_latent_closer(codec):
    waveform = noise(4, 16000)
    latent, codes = codec.latent(waveform), codec.encode(waveform)
    parts = torch.stack([codec.code_vectors[k][codes[:, k]].transpose(1, 2) for k in range(4)])
    errors = [(latent - parts[: k + 1].sum(0)).square().mean() for k in range(4)]
    assert errors == sorted(errors, reverse=True)


def test_a_saved_codec_gives_the_same_codes(codec, tmp_path):
    codec.save(tmp_path)
    copy = load_codec(tmp_path)
    waveform = noise(1, 16000)
    torch.testing.assert_close(copy.encode(waveform), codec.encode(waveform))
    torch.testing.assert_close(copy.decode(copy.encode(waveform)), codec.decode(codec.encode(waveform)))
    assert (copy.sample_rate, copy.frame_rate, copy.codebooks, copy.card) == (16000, 50.0, 4, 32)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    assert not any(p.requires_grad for p in copy.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"frame_rate": 47}, "must divide its sample_rate"), ({"window": 1023}, r"window \(1023\) must exceed the hop")],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SpectralCodecConfig(**settings)


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="codebook"):
        SpectralCodecConfig(codebook=4)


def test_a_folder_without_a_codec_names_the_pipeline_to_run(tmp_path):
    with pytest.raises(ValueError, match="config.json is missing; run `kedro run --pipelines=codec`"):
        load_codec(tmp_path)
