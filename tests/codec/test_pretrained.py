import pytest
import torch
from audiocraft.models.builders import get_compression_model
from omegaconf import OmegaConf
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


def audiocraft_settings() -> dict:
    """Of the same layout as the fixture `encodec`, in audiocraft's words."""
    seanet = {
        "channels": 1, "dimension": 16, "n_filters": 4, "n_residual_layers": 1, "ratios": [8, 5, 4, 4], "causal": False,
        "norm": "weight_norm", "lstm": 1, "pad_mode": "reflect", "true_skip": False, "encoder": {}, "decoder": {},
    }  # fmt: skip
    return {
        "compression_model": "encodec",
        "encodec": {"autoencoder": "seanet", "quantizer": "rvq", "sample_rate": 32000, "channels": 1},
        "seanet": seanet,
        "rvq": {"n_q": 4, "bins": 2048},
    }


def audiocraft_name(name: str) -> str:
    """audiocraft's name of one of transformers' parameters."""
    for theirs, ours in (
        ("coder.layers.", "coder.model."),
        ("quantizer.layers.", "quantizer.vq.layers."),
        (".codebook.", "._codebook."),
        (".parametrizations.weight.original0", ".weight_g"),
        (".parametrizations.weight.original1", ".weight_v"),
    ):
        name = name.replace(theirs, ours)
    return name


@pytest.fixture(scope="module")
def audiocraft_file(encodec, tmp_path_factory):
    """The fixture's weights in a file as audiocraft writes one."""
    settings = OmegaConf.create({**audiocraft_settings(), "device": "cpu"})
    names = get_compression_model(settings).state_dict()
    convolution = {name.replace(".conv.conv.", ".conv.").replace(".convtr.convtr.", ".conv."): name for name in names}
    state = {convolution[audiocraft_name(name)]: value for name, value in encodec.state_dict().items()}
    assert set(state) == set(names)
    file = tmp_path_factory.mktemp("musicgen") / "compression_state_dict.bin"
    torch.save({"best_state": state, "xp.cfg": OmegaConf.to_yaml(settings)}, file)
    return file


def test_codes_sound_and_code_vectors_through_audiocraft_are_those_through_transformers(
    folder, audiocraft_file, tmp_path
):
    transformers, audiocraft = load_codec(folder), load_codec(audiocraft_file)
    audiocraft.save(tmp_path / "copy")
    waveform = 0.1 * torch.randn(2, 1, 6400, generator=torch.Generator().manual_seed(0))
    codes = transformers.encode(waveform)
    for codec in (audiocraft, load_codec(tmp_path / "copy")):
        for name in ("sample_rate", "frame_rate", "codebooks", "card"):
            assert getattr(codec, name) == getattr(transformers, name)
        assert torch.equal(codec.encode(waveform), codes)
        torch.testing.assert_close(codec.code_vectors, transformers.code_vectors)
        torch.testing.assert_close(codec.decode(codes[:, :2]), transformers.decode(codes[:, :2]))


def test_a_file_that_is_no_codec_is_named(tmp_path):
    (tmp_path / "codec.bin").write_bytes(b"\x80\x02 something else")
    with pytest.raises(ValueError, match=r"codec\.bin is not a codec of audiocraft's.*codec\.pretrained"):
        load_codec(tmp_path / "codec.bin")


def test_a_missing_codec_says_where_to_put_it(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="put .*model.safetensors of facebook/encodec_32khz into a folder.*null"):
        load_codec("nobody/no-such-codec")
