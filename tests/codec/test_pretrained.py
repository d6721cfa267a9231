import pytest
import torch
from transformers import EncodecConfig, EncodecModel

from vmas_pipeline.codec.interface import load_codec


@pytest.fixture(scope="module")
def encodec():
    """The 32 kHz model's layout with random weights, a few channels wide."""
    torch.manual_seed(0)
    config = EncodecConfig(
        sampling_rate=32000,
        target_bandwidths=[2.2],
        upsampling_ratios=[8, 5, 4, 4],
        num_filters=4,
        hidden_size=16,
        codebook_dim=16,
        codebook_size=2048,
        num_lstm_layers=1,
        use_causal_conv=False,
        normalize=False,
        norm_type="weight_norm",
    )
    network = EncodecModel(config).eval()
    for layer in network.quantizer.layers:
        layer.codebook.embed.normal_(std=0.1)
    return network


@pytest.fixture(scope="module")
def folder(encodec, tmp_path_factory):
    path = tmp_path_factory.mktemp("encodec")
    encodec.save_pretrained(path)
    return path


def test_a_local_folder_serves_the_codec_interface(folder):
    codec = load_codec(folder)
    assert (codec.sample_rate, codec.frame_rate, codec.codebooks, codec.card) == (32000, 50.0, 4, 2048)
    assert codec.code_vectors.shape == (4, 2048, 16)
    codes = codec.encode(torch.zeros(2, 1, 32000))
    assert codes.shape == (2, 4, 50)
    assert codes.dtype == torch.int64
    assert codec.decode(codes).shape == (2, 1, 32000)


def test_codes_and_sound_are_those_of_transformers(encodec, folder):
    codec = load_codec(folder)
    waveform = 0.1 * torch.randn(1, 1, 6400, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        encoded = encodec.encode(waveform, bandwidth=2.2)
        decoded = encodec.decode(encoded.audio_codes, encoded.audio_scales).audio_values
    torch.testing.assert_close(codec.encode(waveform), encoded.audio_codes[0])
    torch.testing.assert_close(codec.decode(encoded.audio_codes[0]), decoded)


def test_saving_copies_what_load_reads(folder, tmp_path):
    load_codec(folder).save(tmp_path / "copy")
    waveform = torch.ones(1, 1, 3200)
    torch.testing.assert_close(load_codec(tmp_path / "copy").encode(waveform), load_codec(folder).encode(waveform))


def test_a_missing_codec_says_where_to_put_it(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="put .*model.safetensors of facebook/encodec_32khz into a folder.*null"):
        load_codec("nobody/no-such-codec")
